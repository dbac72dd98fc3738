"""What the two management servers of a pair must keep, and what a daemon cannot start without.

Pure; a reader of haconn/config/rules.py is a reader of this file too.
"""

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from haconn.config.documents import CONNECTOR, MSERVERS, SECRETS
from haconn.config.errors import ConfigError
from haconn.config.schema import (
    MSERVERS_MAX,
    PEER_KEYS_MAX,
    Configuration,
    ManagementServer,
)
from haconn.core.pair_times import TIMES
from haconn.core.pair_times import faults as faults_of_times

NO_ENDS = 31
"""From this prefix on a network has no address of its own and none for all (RFC 3021)."""
KEYS = {"lan_addr": "addr", "maddr": "maddr", "raddr": "raddr"}
"""How `haconnsetup mlan` spells them."""
LANS = {
    "lan_addr": "the duplex LAN",
    "maddr": "the management LAN",
    "raddr": "the reset path",
}


def mserver_faults(configuration: Configuration) -> Iterator[str]:
    """Give what is wrong with the management servers, apart from BMCs, outlets and passwords."""
    servers = configuration.mservers
    if len(servers) > MSERVERS_MAX:
        yield f"{len(servers)} management servers; allowed: {MSERVERS_MAX}"
    managed = {server.name for server in configuration.pservers}
    for name, count in Counter(server.name for server in servers).items():
        if count > 1:
            yield f"{name}: two management servers of this name; allowed: one"
        if name in managed:
            yield f"{name}: the name of a managed server too; allowed: different names"
    for server in servers:
        yield from _mserver(server, configuration)
    yield from _shared_addresses(servers)


def peer_key_faults(configuration: Configuration) -> Iterator[str]:
    """Give what is wrong with the key of the pair."""
    if len(configuration.peer_keys) > PEER_KEYS_MAX:
        yield f"[peer]: {len(configuration.peer_keys)} keys; allowed: {PEER_KEYS_MAX}"


def pair_notes(configuration: Configuration) -> Iterator[str]:
    """Give what an operator should know about allowed management servers."""
    if configuration.mode == "single" and configuration.mservers:
        names = " and ".join(server.name for server in configuration.mservers)
        yield f"mode is single: {MSERVERS} ({names}) is not used"
    for server in configuration.mservers:
        for feed in server.feeds:
            if configuration.pdu(feed.pdu) is None:
                yield f"{server.name}: PDU {feed.pdu} is not registered: the outlet counts as NG"
        if server.ipdusd and not server.feeds:
            yield f"{server.name}: ipdusd=on, but no outlet is registered: nothing can be cut"


def require_startable(configuration: Configuration, host: str) -> None:
    """Raise ConfigError for what the daemon cannot start without.

    Args:
        host: the name of this host; in a pair it says which management server this one is.
    """
    path = configuration.resetpath
    faults: list[str] = []
    if configuration.mode == "pair":
        faults += _not_a_pair(configuration, host)
    if path.addr is None or path.port is None:
        faults.append(
            f"{CONNECTOR}: [resetpath]: not complete;"
            " haconnsetup resetpath addr=<IPv4 address>/<mask> port=<port> sets it"
        )
    if faults:
        raise ConfigError(*faults)


def _not_a_pair(configuration: Configuration, host: str) -> Iterator[str]:
    servers = configuration.mservers
    if len(servers) != MSERVERS_MAX:
        yield (
            f"{MSERVERS}: {len(servers)} management servers; a pair needs {MSERVERS_MAX}:"
            " haconnsetup mserver add, or haconnsetup mode single runs this server alone"
        )
    elif configuration.peer_of(host) is None:
        names = ", ".join(server.name for server in servers)
        yield (
            f"{MSERVERS}: no management server has the name of this host, {host}; known: {names}"
        )
    for server in servers:
        if server.lan_addr is None or server.lan_port is None:
            yield (
                f"{MSERVERS}: {server.name}: its duplex LAN is not set;"
                f" haconnsetup mlan {server.name} addr=<IPv4 address> port=<port> sets it"
            )
    if not configuration.peer_keys:
        yield (
            f"{SECRETS}: the pair has no key; haconnsetup key new peer makes one, and"
            " haconnsetup key import peer file=<path> takes it on the other management server"
        )
    yield from (f"times of the pair: {fault}" for fault in faults_of_times(TIMES))


def _mserver(server: ManagementServer, configuration: Configuration) -> Iterator[str]:
    if server.ipdusd and server.timeout is None:
        yield f"{server.name}: timeout: needed with ipdusd=on; allowed: 5 to 60 (in s)"
    if server.lan_port is not None and server.lan_port == configuration.timers.kdump_port:
        yield f"{server.name}: port: {server.lan_port} is kdump_port too; allowed: another port"
    if server.lan_port is not None and server.lan_port == configuration.resetpath.port:
        yield (
            f"{server.name}: port: {server.lan_port} is the reset path's too; allowed: another port"
        )
    yield from _networks(server, configuration)
    places: dict[str, str] = {}
    for field, lan in LANS.items():
        address = getattr(server, field)
        if address is None:
            continue
        if address == configuration.resetpath.addr:
            yield f"{server.name}: {address} is the virtual address; allowed: one of its own"
        if places.setdefault(address, lan) != lan:
            yield f"{server.name}: {address} on {places[address]} and on {lan}; allowed: on one"


def _networks(server: ManagementServer, configuration: Configuration) -> Iterator[str]:
    """The virtual address belongs on the one interface that is in its network (R-072, F7)."""
    network = reset_network(configuration)
    if network is None or network.is_loopback:  # there all is one network, for trials
        return
    for field, lan in LANS.items():
        address = getattr(server, field)
        if address is None:
            continue
        inside = IPv4Address(address) in network
        if field == "raddr" and not inside:
            yield (
                f"{server.name}: raddr: {address} lies outside of the reset path's network"
                f" {network}; allowed: an address in it, off"
            )
        elif field != "raddr" and inside:
            yield (
                f"{server.name}: {KEYS[field]}: {address} on {lan} lies in the reset path's"
                f" network {network}; allowed: a network of its own"
            )
        elif field == "raddr" and address in ends_of(network):
            yield f"{server.name}: raddr: {address} is no machine's address in {network}"


def reset_network(configuration: Configuration) -> IPv4Network | None:
    """Give the network of the reset path; None while it is not set."""
    path = configuration.resetpath
    if path.addr is None or path.mask is None:
        return None
    return IPv4Network(f"{path.addr}/{path.mask}", strict=False)


def ends_of(network: IPv4Network) -> tuple[str, ...]:
    """Give the addresses of a network that no machine can have."""
    if network.prefixlen >= NO_ENDS:
        return ()
    return str(network.network_address), str(network.broadcast_address)


def own_addresses(configuration: Configuration) -> dict[str, str]:
    """Give the addresses of the management servers themselves, and what each is."""
    own = {
        address: f"{server.name}'s on {lan}"
        for server in configuration.mservers
        for field, lan in LANS.items()
        if (address := getattr(server, field)) is not None
    }
    if configuration.resetpath.addr is not None:
        own[configuration.resetpath.addr] = "the address on which requests are taken"
    return own


def _shared_addresses(servers: tuple[ManagementServer, ...]) -> Iterator[str]:
    owners: dict[str, str] = {}
    for server in servers:
        for address in {getattr(server, field) for field in LANS} - {None}:
            owner = owners.setdefault(address, server.name)
            if owner != server.name:
                yield f"{server.name}: {address} is an address of {owner}; allowed: one of its own"
