"""The parts of the daemon and how they hold on to each other: built once, in one place."""

import errno
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import trio

from haconn.config.paths import Paths
from haconn.config.pdu_model import PduModel
from haconn.config.schema import Configuration
from haconn.core.events import DeviceEvent
from haconn.core.model import Instant
from haconn.core.plan import Policy
from haconn.daemon.assembly import bindings_of, bmc_address, pdu_of, settings_of, wire_keys
from haconn.daemon.bmcs import BmcKeeper
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.datagrams import Datagrams
from haconn.daemon.journal import Journal
from haconn.daemon.journal_files import set_aside
from haconn.daemon.journal_reading import Found, read
from haconn.daemon.kdump import KdumpListener
from haconn.daemon.outlets import OutletWriter
from haconn.daemon.owner import Owner, Recorder
from haconn.daemon.pdus import PduKeeper
from haconn.daemon.recovery import recovered
from haconn.daemon.resetpath import ResetPath
from haconn.daemon.role_token import MaySend, always
from haconn.wire.keys import BadKeyError
from haconn.wire.server import ServerEnd

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
ANY_ADDRESS = ""
"""fence_kdump is sent to whatever address the capture kernel was told."""


WAYS_OUT = {
    errno.EADDRNOTAVAIL: (
        "; give an interface this address, or haconnsetup resetpath addr= sets another"
    ),
    errno.EADDRINUSE: (
        "; another program has the port (ss -ulnp shows it), or haconnsetup resetpath port= sets"
        " another"
    ),
}
"""What an operator does about it."""


class StartError(Exception):
    """The machine is not as the configuration needs it: one line for the operator."""


class Mailbox:
    """Where devices report to whoever is there to hear it."""

    def __init__(self) -> None:
        self.readers: list[Callable[[DeviceEvent], None]] = []

    def put(self, event: DeviceEvent) -> None:
        """Let all readers have it."""
        for reader in self.readers:
            reader(event)


@dataclass(frozen=True, slots=True)
class Heritage:
    """What an active begins with. A single server has no more than its own journal."""

    found: Found
    """What is known of systems, servers and requests."""
    pdus: Mapping[str, PduKeeper]
    """Those of all registered PDUs; whoever serves them is told by `served`."""
    chronicle: Chronicle
    epoch: int = 0
    """Of this active of a pair."""
    conservative_until: Instant | None = None
    recorder: Recorder | None = None
    may_send: MaySend = always
    peer: Policy | None = None
    """The other management server of a pair, which is switched on again after it was fenced."""
    peer_bmc: BmcKeeper | None = None
    peer_outlets: OutletWriter | None = None
    served: frozenset[str] = frozenset()
    """The PDUs that somebody serves already."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that an active runs; each has a task of its own or belongs to one that has."""

    chronicle: Chronicle
    journal: Journal
    found: Found
    owner: Owner
    bmcs: Mapping[str, BmcKeeper]
    """Of the managed servers."""
    pdus: Mapping[str, PduKeeper]
    outlets: Mapping[str, OutletWriter]
    reset_path: ResetPath
    kdump: KdumpListener | None
    sockets: tuple[Datagrams, ...]
    heritage: Heritage


def own_heritage(
    trees: Paths, configuration: Configuration, models: Mapping[str, PduModel], chronicle: Chronicle
) -> tuple[Heritage, Mailbox]:
    """What a server that is alone begins with. Raises StartError.

    The mailbox is where its PDUs report; `build` names who reads it.
    """
    mailbox = Mailbox()
    pdus = pdu_keepers(configuration, models, mailbox.put)
    return Heritage(read_journal(trees), pdus, chronicle), mailbox


def build(
    trees: Paths,
    configuration: Configuration,
    heritage: Heritage,
    mailbox: Mailbox,
) -> Parts:
    """Make the parts; sockets are bound, and nothing is sent yet. Raises StartError."""
    journal = Journal(trees.var, heritage.epoch, trees.run)
    run_name = secrets.token_hex(3)
    settings = settings_of(configuration, run_name, heritage.peer, heritage.conservative_until)
    world = recovered(
        settings,
        bindings_of(configuration.keys),
        heritage.found,
        Instant(trio.current_time()),
    )
    owner = Owner(world, journal, heritage.recorder)
    kdump = _kdump_socket(configuration)
    socket = _reset_path_socket(configuration)
    try:
        end = ServerEnd(wire_keys(configuration.keys), secrets.token_bytes)
    except BadKeyError as exc:
        raise StartError(f"secrets.toml: {exc}") from exc
    mailbox.readers.append(owner.take)
    names = [server.name for server in configuration.pservers]
    return Parts(
        heritage.chronicle,
        journal,
        heritage.found,
        owner,
        _bmc_keepers(configuration, owner, heritage.may_send),
        heritage.pdus,
        {name: OutletWriter(name, heritage.pdus, owner.take, heritage.may_send) for name in names},
        ResetPath(end, owner, socket),
        None if kdump is None else KdumpListener(kdump, owner),
        (socket,) if kdump is None else (socket, kdump),
        heritage,
    )


def read_journal(trees: Paths) -> Found:
    """Give what an earlier process left. Raises StartError."""
    try:
        return read(trees.var, trees.run)
    except OSError as exc:
        raise StartError(f"{exc.filename}: {exc.strerror}") from exc


def _bmc_keepers(
    configuration: Configuration, owner: Owner, may_send: MaySend
) -> dict[str, BmcKeeper]:
    poll_s = configuration.timers.bmc_poll_ms / 1000
    return {
        server.name: BmcKeeper(server.name, bmc_address(server), poll_s, owner.take, may_send)
        for server in configuration.pservers
    }


def pdu_keepers(
    configuration: Configuration,
    models: Mapping[str, PduModel],
    take: Callable[[DeviceEvent], None],
) -> dict[str, PduKeeper]:
    """Make the keepers of all registered PDUs; nothing is sent before they are served."""
    poll_s = configuration.timers.pdu_poll_ms / 1000
    return {
        entry.addr: PduKeeper(entry.addr, pdu_of(configuration, entry, models), poll_s, take)
        for entry in configuration.pdus
    }


def _reset_path_socket(configuration: Configuration) -> Datagrams:
    path = configuration.resetpath
    assert path.addr is not None
    assert path.port is not None
    try:
        return Datagrams(path.addr, path.port)
    except OSError as exc:
        what = f"resetpath {path.addr} port {path.port}: {exc.strerror}"
        raise StartError(f"{what}{WAYS_OUT.get(exc.errno or 0, '')}") from exc


def _kdump_socket(configuration: Configuration) -> Datagrams | None:
    if not any(server.fence_kdump for server in configuration.pservers):
        return None
    port = configuration.timers.kdump_port
    try:
        return Datagrams(ANY_ADDRESS, port)
    except OSError as exc:
        raise StartError(f"connector.toml: kdump_port {port}: {exc.strerror}") from exc


def open_journal(parts: Parts, directory: Path) -> None:
    """Begin this process's journal with what was found. Raises StartError.

    A full disk, or one that can only be read, is no reason to leave the systems without a daemon:
    it is an alarm. Damaged files of an earlier process are kept aside, one of each place.
    """
    for damage in parts.found.damage:
        if damage.lines:
            set_aside(damage.path)
    try:
        parts.journal.open(parts.owner.world, wait=not parts.heritage.epoch)
    except OSError as exc:
        if exc.errno not in NO_SPACE:
            raise StartError(f"{directory}: the journal cannot be written: {exc.strerror}") from exc
        parts.journal.fail(exc)
    parts.owner.world.take_changes()
