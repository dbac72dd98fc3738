"""What a whole configuration must keep, whoever wrote it: an editor, a command, a copy.

Pure. Each rule gives its faults, a line each; `notes` gives what is allowed and yet odd. The
values themselves were checked when they were read (haconn/config/kinds.py).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple, TypeAlias

from haconn.config.documents import CONNECTOR, IPDUS, MSERVERS, PSERVERS, SECRETS
from haconn.config.edits import shared_ports
from haconn.config.pair_rules import (
    ends_of,
    mserver_faults,
    own_addresses,
    pair_notes,
    peer_key_faults,
    reset_network,
)
from haconn.config.pdu_model import PduModel
from haconn.config.schema import (
    FEEDS_MAX,
    MSERVER_FEEDS_MAX,
    PDUS_MAX,
    PEER,
    SERVERS_MAX,
    SYSTEMS_MAX,
    Configuration,
    ManagedServer,
    ManagementServer,
    PduEntry,
)
from haconn.core.model import Feed

AnyServer: TypeAlias = ManagedServer | ManagementServer


class Fault(NamedTuple):
    """A broken rule: the file that breaks it, and a line that says how."""

    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"


def faults_of(configuration: Configuration, models: Mapping[str, PduModel]) -> tuple[Fault, ...]:
    """Give every rule that is broken."""
    found: tuple[tuple[str, Iterator[str]], ...] = (
        (CONNECTOR, _reset_path(configuration)),
        (MSERVERS, mserver_faults(configuration)),
        *_taken_addresses(configuration),
        (PSERVERS, _servers(configuration)),
        (PSERVERS, _bmcs(configuration)),
        (PSERVERS, _feeds(configuration.pservers, FEEDS_MAX)),
        (MSERVERS, _feeds(configuration.mservers, MSERVER_FEEDS_MAX)),
        (MSERVERS, _bmcs_of_both_kinds(configuration)),
        (MSERVERS, _feeds_of_both_kinds(configuration)),
        (PSERVERS, _outlets(configuration.pservers, configuration, models)),
        (MSERVERS, _outlets(configuration.mservers, configuration, models)),
        (IPDUS, _pdus(configuration, models)),
        (SECRETS, _passwords(configuration)),
        (SECRETS, _keys(configuration)),
        (SECRETS, peer_key_faults(configuration)),
    )
    return tuple(Fault(file, text) for file, texts in found for text in texts)


def notes(configuration: Configuration) -> Iterator[str]:
    """Give what an operator should know about an allowed configuration."""
    yield from configuration.notes
    for server in configuration.pservers:
        for feed in server.feeds:
            if configuration.pdu(feed.pdu) is None:
                yield f"{server.name}: PDU {feed.pdu} is not registered: the outlet counts as NG"
        if server.ipdusd and not server.feeds:
            yield f"{server.name}: ipdusd=on, but no outlet is registered: nothing can be cut"
        if server.hedge and not server.ipdusd:
            yield f"{server.name}: hedge=on does nothing while ipdusd=off"
    yield from pair_notes(configuration)
    yield from shared_ports(configuration.keys, configuration.resetpath.port)
    if not configuration.community.reveal() and configuration.pdus:
        yield "no SNMP community is set: no PDU can be reached; haconnsetup snmp name=<community>"


def _twice(values: list[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def _reset_path(configuration: Configuration) -> Iterator[str]:
    path = configuration.resetpath
    if (path.addr is None) != (path.mask is None):
        yield "resetpath: addr and mask belong together; allowed: both or none"
    if path.addr is not None and path.mask is not None:
        network = reset_network(configuration)
        if network is not None and path.addr in ends_of(network):
            yield f"resetpath: addr: {path.addr} is no machine's address in {network}"
    if path.port is not None and path.port == configuration.timers.kdump_port:
        yield f"resetpath: port: {path.port} is kdump_port too; allowed: two different ports"


def _taken_addresses(configuration: Configuration) -> Iterator[tuple[str, Iterator[str]]]:
    """One address of two machines: each is reached by chance. On a loopback they share it."""
    own = own_addresses(configuration)
    rows = (
        (PSERVERS, [(server.name, "addr", server.addr) for server in configuration.pservers]),
        (MSERVERS, [(server.name, "addr", server.addr) for server in configuration.mservers]),
        (IPDUS, [(pdu.addr, "addr", pdu.addr) for pdu in configuration.pdus]),
    )
    for file, devices in rows:
        yield (
            file,
            (
                f"{name}: {key}: {address} is {own[address]}; allowed: the device's own"
                for name, key, address in devices
                if address in own and not IPv4Address(address).is_loopback
            ),
        )


def _servers(configuration: Configuration) -> Iterator[str]:
    servers = configuration.pservers
    if len(servers) > SERVERS_MAX:
        yield f"{len(servers)} managed servers; allowed: {SERVERS_MAX}"
    for name in _twice([server.name for server in servers]):
        yield f"{name}: two managed servers of this name; allowed: one"
    for server in servers:
        yield from _server(server)


def _server(server: ManagedServer) -> Iterator[str]:
    if server.name.lower() == PEER:
        yield f"{server.name}: name: reserved for the key of the pair; allowed: any other name"
    if server.ipdusd and server.timeout is None:
        yield f"{server.name}: timeout: needed with ipdusd=on; allowed: 5 to 60 (in s)"
    if server.ipdusd and server.recoverytime is None:
        yield f"{server.name}: recoverytime: needed with ipdusd=on; allowed: 5 to 60, 0 (in s)"


def _passwords(configuration: Configuration) -> Iterator[str]:
    kinds: tuple[tuple[str, Sequence[AnyServer]], ...] = (
        ("mserver", configuration.mservers),
        ("pserver", configuration.pservers),
    )
    for kind, servers in kinds:
        for server in servers:
            if not server.password.reveal():
                yield (
                    f"{server.name}: no password for account {server.account} at {server.addr};"
                    f" haconnsetup {kind} mod {server.name} account={server.account} asks for it"
                )


def _bmcs(configuration: Configuration) -> Iterator[str]:
    """Two servers behind one BMC: a reset of one would be a reset of the other."""
    owners: dict[tuple[str, int], str] = {}
    sources: dict[str, str] = {}
    for server in configuration.pservers:
        owner = owners.setdefault((server.addr, server.bmcport), server.name)
        if owner != server.name:
            yield f"{server.name}: addr: {server.addr} is the BMC of {owner} already"
        for source in server.kdump_from:  # one datagram must not stop two servers
            owner = sources.setdefault(source, server.name)
            if owner != server.name:
                yield f"{server.name}: kdump_from: {source} belongs to {owner} already"


def _bmcs_of_both_kinds(configuration: Configuration) -> Iterator[str]:
    """A reset of the managed server would be one of the management server, or of its peer."""
    owners = {(server.addr, server.bmcport): server.name for server in configuration.pservers}
    for server in configuration.mservers:
        place = (server.addr, server.bmcport)
        owner = owners.setdefault(place, server.name)
        if owner != server.name:
            yield f"{server.name}: addr: {server.addr} is the BMC of {owner} too; allowed: of one"


def _feeds(servers: Sequence[AnyServer], count_max: int) -> Iterator[str]:
    owners: dict[Feed, str] = {}
    for server in servers:
        if len(server.feeds) > count_max:
            yield f"{server.name}: {len(server.feeds)} outlets; allowed: {count_max}"
        for outlet in _twice([str(feed) for feed in server.feeds]):
            yield f"{server.name}: outlet {outlet} is registered twice; allowed: once"
        for feed in server.feeds:
            owner = owners.setdefault(feed, server.name)
            if owner != server.name:
                yield f"{server.name}: outlet {feed} feeds {owner} already; allowed: one server"


def _feeds_of_both_kinds(configuration: Configuration) -> Iterator[str]:
    owners = {feed: server.name for server in configuration.pservers for feed in server.feeds}
    for server in configuration.mservers:
        for feed in server.feeds:
            if feed in owners:
                yield f"{server.name}: outlet {feed} feeds {owners[feed]} too; allowed: one server"


def _outlets(
    servers: Sequence[AnyServer], configuration: Configuration, models: Mapping[str, PduModel]
) -> Iterator[str]:
    for server in servers:
        for feed in server.feeds:
            yield from _outlet(configuration.pdu(feed.pdu), feed, server, models)


def _outlet(
    pdu: PduEntry | None, feed: Feed, server: AnyServer, models: Mapping[str, PduModel]
) -> Iterator[str]:
    model = models.get(pdu.model) if pdu is not None else None
    if model is None:
        return
    try:
        model.locate(feed.outlet)
    except ValueError as exc:
        yield f"{server.name}: outlet {feed}: {exc}"


def _pdus(configuration: Configuration, models: Mapping[str, PduModel]) -> Iterator[str]:
    pdus = configuration.pdus
    if len(pdus) > PDUS_MAX:
        yield f"{len(pdus)} PDUs; allowed: {PDUS_MAX}"
    for addr in _twice([pdu.addr for pdu in pdus]):
        yield f"{addr}: two PDUs of this address; allowed: one"
    for pdu in pdus:
        model = models.get(pdu.model)
        if model is None:
            yield f"{pdu.addr}: model: {pdu.model} is unknown; known: {', '.join(sorted(models))}"
        elif pdu.version is not None and pdu.version not in model.versions:
            known = ", ".join(model.versions)
            yield f"{pdu.addr}: version: {pdu.model} does not speak {pdu.version}; allowed: {known}"


def _keys(configuration: Configuration) -> Iterator[str]:
    owners: dict[int, str] = {}
    systems: dict[str, int] = {}
    bindings: dict[str, int] = {}
    for entry in configuration.keys:
        if owners.setdefault(entry.id, entry.owner) != entry.owner:
            yield f"key {entry.id}: two owners, {owners[entry.id]} and {entry.owner}"
        if systems.setdefault(entry.owner, entry.id) != entry.id:
            yield f"{entry.owner}: two systems, {systems[entry.owner]} and {entry.id}; allowed: one"
        if bindings.setdefault(str(entry.system), entry.id) != entry.id:
            other = owners[bindings[str(entry.system)]]
            yield f"{entry.owner}: port={entry.port} address={entry.number} is {other} already"
        if entry.id >= configuration.next_system:
            yield f"key {entry.id}: next_system is {configuration.next_system}; allowed: a later id"
        if entry.vm is not None:
            yield f"{entry.owner}: a guest needs VMware=Enable on {entry.server}"
    if len(owners) > SYSTEMS_MAX:
        yield f"{len(owners)} systems; allowed: {SYSTEMS_MAX}"
