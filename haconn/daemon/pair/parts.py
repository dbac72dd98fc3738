"""The parts of a pair's daemon and how they hold on to each other: built once, in one place."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import trio

from haconn.config.hashing import configuration_hash, service_hash
from haconn.config.paths import Paths as Trees
from haconn.config.pdu_model import PduModel
from haconn.config.schema import Configuration, ManagementServer
from haconn.core.beat import PairSession, Path, Standing
from haconn.core.model import Feed, Instant
from haconn.core.pair_state import Pair, PairSettings, new_pair
from haconn.core.peer_power import Means
from haconn.core.plan import T_HARD_WITHOUT_OUTLETS_S, Policy
from haconn.core.role import Member
from haconn.daemon.assembly import SUITES
from haconn.daemon.boot import boot_id
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.pair.address import AddressKeeper
from haconn.daemon.pair.epochs import Epochs
from haconn.daemon.pair.membership import Membership
from haconn.daemon.pair.paths import Finder, Paths, own_address_towards, physical_address_in
from haconn.daemon.pair.records import PeerStopped, machine_uuid
from haconn.daemon.pair.repowers import Repowers
from haconn.daemon.pair.syncing import Exchange, Identity
from haconn.daemon.pair.voice import Voice
from haconn.daemon.parts import Mailbox, StartError, pdu_keepers
from haconn.daemon.pdus import PduKeeper
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.lease import VirtualAddress
from haconn.drivers.ipmi.login import BmcAddress
from haconn.wire.pair.end import PairEnd
from haconn.wire.pair.keys import PairKey

PEER_POLL_S = 1.0
"""The peer's BMC, while nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Two:
    """The two servers of a pair, as the configuration has them."""

    me: ManagementServer
    peer: ManagementServer
    rank: int
    """Ours in the list."""


@dataclass(frozen=True, slots=True)
class PairParts:
    """Everything that runs whatever the role is."""

    two: Two
    session: PairSession
    pair: Pair
    paths: Paths
    voice: Voice
    membership: Membership
    epochs: Epochs
    record: PeerStopped
    virtual: VirtualAddress
    prefix: int
    """Of the virtual address's network."""
    address: AddressKeeper
    exchange: Exchange
    chronicle: Chronicle
    pdus: Mapping[str, PduKeeper]
    mailbox: Mailbox
    means: Means
    epoch_alarm: str | None
    models: Mapping[str, PduModel]
    """Of the PDUs, as they run."""


def two_of(configuration: Configuration, host: str) -> Two:
    """Tell who is who; `require_startable` has seen that there are two, and one is this host."""
    me, peer = configuration.mserver(host), configuration.peer_of(host)
    assert me is not None
    assert peer is not None
    return Two(me, peer, configuration.rank_of(host))


def paths_of(two: Two, configuration: Configuration) -> Paths:
    """The sockets; nothing is bound yet."""
    path = configuration.resetpath
    assert path.addr is not None
    network = IPv4Interface(f"{path.addr}/{path.mask}").network
    me, peer = two.me, two.peer
    finders: dict[Path, Finder] = {
        Path.DUPLEX: partial(_fixed, me.lan_addr),
        Path.RESET: partial(_fixed, me.raddr)
        if me.raddr
        else partial(physical_address_in, network, path.addr),
    }
    if has_management_lan(two, network):
        finders[Path.MANAGEMENT] = (
            partial(_fixed, me.maddr) if me.maddr else partial(own_address_towards, peer.addr)
        )
    known = {Path.DUPLEX: peer.lan_addr, Path.RESET: peer.raddr, Path.MANAGEMENT: peer.maddr}
    assert me.lan_port is not None
    assert peer.lan_port is not None
    ports = (me.lan_port, peer.lan_port)
    return Paths(ports, finders, {where: address for where, address in known.items() if address})


def has_management_lan(two: Two, reset: IPv4Network) -> bool:
    """Whether there is a third path: not where the BMCs are in the reset path's network (R-017)."""
    if two.me.maddr or two.peer.maddr:
        return True
    return not all(IPv4Address(server.addr) in reset for server in (two.me, two.peer))


def _fixed(address: str | None) -> str | None:
    return address


def build_pair(
    trees: Trees,
    configuration: Configuration,
    models: Mapping[str, PduModel],
    two: Two,
    paths: Paths,
) -> PairParts:
    """Make the parts; the address is stripped, and nothing has been said. Raises StartError.

    The pair port and the lock are ours already.
    """
    chronicle = Chronicle(trees.log, os.environ.get("HACONN_LANG", "en"))
    session = PairSession(secrets.token_bytes(16))
    epochs = Epochs(trees.var)
    epoch, epoch_alarm = epochs.read()
    record = PeerStopped(trees.run, boot_id())
    virtual = stripped(configuration)
    means = means_of(two.peer)
    keys = tuple(PairKey(entry.generation, entry.key) for entry in configuration.peer_keys)
    voice = Voice(PairEnd(keys, two.me.name, two.peer.name), paths, session)
    settings = PairSettings(means, service_hash(configuration), run_name=secrets.token_hex(3))
    now = Instant(trio.current_time())
    member = Member(session, two.rank, epoch)
    generations = frozenset(generations_of(configuration))
    pair = new_pair(settings, member, record.load(chronicle.damaged), now, generations)
    repowers = Repowers(trees.var)
    membership = Membership(two.peer.name, voice, record, chronicle.remark, repowers)
    membership.standing = _standing(trees, configuration, models)
    mailbox = Mailbox()
    assert two.peer.lan_port is not None
    return PairParts(
        two,
        session,
        pair,
        paths,
        voice,
        membership,
        epochs,
        record,
        virtual,
        prefix_of(configuration),
        AddressKeeper(virtual, chronicle.remark),
        Exchange(Identity(two.me.name, two.peer.name, keys), two.peer.lan_port),
        chronicle,
        pdu_keepers(configuration, models, mailbox.put),
        mailbox,
        means,
        epoch_alarm,
        models,
    )


def _standing(
    trees: Trees, configuration: Configuration, models: Mapping[str, PduModel]
) -> Standing:
    """What the beats say of this server from the start."""
    return Standing(
        configuration=configuration_hash(configuration, models),
        service=service_hash(configuration),
        machine=machine_uuid(trees.run),
        generations=generations_of(configuration),
    )


def generations_of(configuration: Configuration) -> tuple[int, ...]:
    """The generations of the pair's key, ascending."""
    return tuple(sorted(entry.generation for entry in configuration.peer_keys))


def stripped(configuration: Configuration) -> VirtualAddress:
    """Give the virtual address, which this machine has no longer. Raises StartError."""
    path = configuration.resetpath
    assert path.addr is not None
    try:
        virtual = VirtualAddress(path.addr, prefix_of(configuration))
        virtual.strip()
    except AddressError as exc:
        raise StartError(f"resetpath {exc}") from exc
    return virtual


def prefix_of(configuration: Configuration) -> int:
    """The length of the prefix of the reset path's network."""
    path = configuration.resetpath
    return IPv4Interface(f"{path.addr}/{path.mask}").network.prefixlen


def means_of(peer: ManagementServer) -> Means:
    """How the peer can be switched off."""
    timeout_s = T_HARD_WITHOUT_OUTLETS_S if peer.timeout is None else float(peer.timeout)
    return Means(peer.name, peer.ipdusd, timeout_s, peer.feeds, PEER_POLL_S)


def policy_of(peer: ManagementServer) -> Policy:
    """The peer as something that is switched on again after a fencing."""
    return Policy(
        peer.name,
        outlets=peer.ipdusd,
        hard_s=T_HARD_WITHOUT_OUTLETS_S,
        recovery_s=0.0,
        feeds=peer.feeds,
        management=True,
    )


def bmc_of(server: ManagementServer) -> BmcAddress:
    """Where its BMC is."""
    return BmcAddress(
        server.addr, server.bmcport, server.account, server.password, SUITES[server.suite]
    )


def pdus_of(feeds: tuple[Feed, ...], pdus: Mapping[str, PduKeeper]) -> list[PduKeeper]:
    """The registered PDUs that feed a server."""
    return [pdus[address] for address in {feed.pdu for feed in feeds} if address in pdus]
