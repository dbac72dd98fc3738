"""A record of resets without resets: lines as the journal writes them, and what they make known."""

import json
from collections.abc import Mapping

from haconn.core.beat import PairSession
from haconn.core.model import Instant
from haconn.core.server import Server
from haconn.daemon.journal_reading import Found
from haconn.daemon.pair.copy import Incoming, Snapshot
from haconn.wire.plain import to_plain


def server_line(name: str, at: float) -> bytes:
    """Say that a server was last switched on at that time of the writer's clock."""
    row = {"server": to_plain(Server(name, ordered_on_at=Instant(at)))}
    return json.dumps(row).encode() + b"\n"


def lines_of(known: Mapping[str, float]) -> bytes:
    """Say it of several."""
    return b"".join(server_line(name, at) for name, at in known.items())


def snapshot(log: PairSession, index: int, lines: bytes, offset_s: float = 0.0) -> Snapshot:
    """A full sync that has been read. Raises DamagedEntryError."""
    incoming = Incoming()
    incoming.take(lines, offset_s)
    return Snapshot(log, index, incoming.found)


def known_of(found: Found) -> dict[str, float | None]:
    """What a record says, in the form of `lines_of`."""
    return {name: server.ordered_on_at for name, server in found.servers.items()}
