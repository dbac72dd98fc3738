"""The parts of the daemon and how they hold on to each other: built once, in one place."""

import errno
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import trio

from haconn.config.paths import Paths
from haconn.config.pdu_model import PduModel
from haconn.config.schema import Configuration
from haconn.core.model import Instant
from haconn.daemon.assembly import bindings_of, bmc_address, pdu_of, settings_of, wire_keys
from haconn.daemon.bmcs import BmcKeeper
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.datagrams import Datagrams
from haconn.daemon.journal import Found, Journal, read
from haconn.daemon.kdump import KdumpListener
from haconn.daemon.outlets import OutletWriter
from haconn.daemon.owner import Owner
from haconn.daemon.pdus import POLLS_AT_ONCE, PduKeeper
from haconn.daemon.recovery import recovered
from haconn.daemon.resetpath import ResetPath
from haconn.wire.keys import BadKeyError
from haconn.wire.server import ServerEnd

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
ANY_ADDRESS = ""
"""fence_kdump is sent to whatever address the capture kernel was told."""


class StartError(Exception):
    """The machine is not as the configuration needs it: one line for the operator."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that runs; each has a task of its own or belongs to one that has."""

    chronicle: Chronicle
    journal: Journal
    found: Found
    owner: Owner
    bmcs: Mapping[str, BmcKeeper]
    pdus: Mapping[str, PduKeeper]
    outlets: Mapping[str, OutletWriter]
    reset_path: ResetPath
    kdump: KdumpListener | None
    sockets: tuple[Datagrams, ...]


def build(trees: Paths, configuration: Configuration, models: Mapping[str, PduModel]) -> Parts:
    """Make the parts; sockets are bound, and nothing is sent yet. Raises StartError."""
    chronicle = Chronicle(trees.log, os.environ.get("HACONN_LANG", "en"))
    journal = Journal(trees.var)
    found = _read(trees.var)
    settings = settings_of(configuration, secrets.token_hex(3))
    world = recovered(
        settings, bindings_of(configuration.keys), found, Instant(trio.current_time())
    )
    owner = Owner(world, journal)
    pdus = _pdu_keepers(configuration, models, owner)
    kdump = _kdump_socket(configuration)
    socket = _reset_path_socket(configuration)
    try:
        end = ServerEnd(wire_keys(configuration.keys), secrets.token_bytes)
    except BadKeyError as exc:
        raise StartError(f"secrets.toml: {exc}") from exc
    return Parts(
        chronicle,
        journal,
        found,
        owner,
        _bmc_keepers(configuration, owner),
        pdus,
        {name: OutletWriter(name, pdus, owner.take) for name in world.servers},
        ResetPath(end, owner, socket),
        None if kdump is None else KdumpListener(kdump, owner),
        (socket,) if kdump is None else (socket, kdump),
    )


def _read(directory: Path) -> Found:
    try:
        return read(directory)
    except OSError as exc:
        raise StartError(f"{exc.filename}: {exc.strerror}") from exc


def _bmc_keepers(configuration: Configuration, owner: Owner) -> dict[str, BmcKeeper]:
    poll_s = configuration.timers.bmc_poll_ms / 1000
    return {
        server.name: BmcKeeper(server.name, bmc_address(server), poll_s, owner.take)
        for server in configuration.pservers
    }


def _pdu_keepers(
    configuration: Configuration, models: Mapping[str, PduModel], owner: Owner
) -> dict[str, PduKeeper]:
    poll_s = configuration.timers.pdu_poll_ms / 1000
    polls = trio.CapacityLimiter(POLLS_AT_ONCE)
    return {
        entry.addr: PduKeeper(
            entry.addr, pdu_of(configuration, entry, models), poll_s, polls, owner.take
        )
        for entry in configuration.pdus
    }


def _reset_path_socket(configuration: Configuration) -> Datagrams:
    path = configuration.resetpath
    assert path.addr is not None
    assert path.port is not None
    try:
        return Datagrams(path.addr, path.port)
    except OSError as exc:
        raise StartError(f"resetpath {path.addr} port {path.port}: {exc.strerror}") from exc


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

    A full disk is no reason to leave the systems without a daemon: it is an alarm.
    """
    try:
        parts.journal.open(parts.owner.world)
    except OSError as exc:
        if exc.errno not in NO_SPACE:
            raise StartError(f"{directory}: the journal cannot be written: {exc.strerror}") from exc
        parts.journal.fail(exc)
    parts.owner.world.take_changes()
