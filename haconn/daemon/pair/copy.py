"""The standby's copy of the record of resets.

Records are kept as an earlier process's journal would have left them (`Found`): what is taken over
goes the same way as what is taken up after a restart. The copy is put to use only by a takeover.
"""

import zlib
from dataclasses import dataclass

from haconn.core import replica
from haconn.core.beat import Beat, Intent, PairSession, Replica
from haconn.core.model import Instant
from haconn.core.replica import NEVER, LastBeat, StandbyLog
from haconn.daemon.journal_reading import Found, take_lines

UNPACKED_MAX = 64 * 1024 * 1024


class DamagedEntryError(Exception):
    """An entry that is authentic and cannot be read: the two programs are not of one version."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A full sync."""

    log: PairSession
    index: int
    found: Found
    """Its records; whoever loads it may go on with them, and nobody else."""


class Incoming:
    """A full sync that is on its way; the copy is not touched by it."""

    def __init__(self) -> None:
        self.found = Found()
        """What has come so far."""
        self._left = UNPACKED_MAX

    def take(self, lines: bytes, offset_s: float) -> None:
        """Read some lines, the latest of each record last. Raises DamagedEntryError."""
        self._left -= len(lines)
        if self._left < 0:
            raise DamagedEntryError("a record is longer than any can be")
        _merge(self.found, _read(lines, offset_s))


class StandbyCopy:
    """What a standby has of its active's record."""

    def __init__(self) -> None:
        self._held = StandbyLog()
        self._found = Found()
        self._beat: LastBeat | None = None
        self.unreadable = False
        """An entry came that cannot be read: only a full sync brings what it held."""

    @property
    def log(self) -> PairSession:
        """Whose record it is."""
        return self._held.log

    @property
    def applied(self) -> int:
        """Up to which index it has everything."""
        return self._held.applied

    @property
    def found(self) -> Found:
        """The records."""
        return self._found

    def replica(self) -> Replica:
        """What a beat says of the copy."""
        return Replica(self._held.log, applied=self._held.applied)

    def load(self, snapshot: Snapshot, offset_s: float, now: Instant) -> None:
        """Begin anew with a full sync, and with the entries after it that have come already.

        Raises DamagedEntryError, and then the copy is as it was.

        Args:
            offset_s: makes instants of this process of their stamps.
        """
        # entries may have come while it was read: only now is known which of the two is further
        news = replica.is_news(self._held, snapshot.log, snapshot.index)
        found = snapshot.found if news else self._found
        held, entries = replica.begin(self._held, snapshot.log, snapshot.index, now)
        fresh = [_read(_unpacked(entry), offset_s) for entry in entries]
        for one in fresh:
            _merge(found, one)
        self._held, self._found, self.unreadable = held, found, False

    def take(self, log: PairSession, intent: Intent, offset_s: float) -> bool:
        """Take a part in; give whether there is something to acknowledge.

        Raises DamagedEntryError, and then the copy is as it was: the part has not come, and what
        was applied before is still there for a takeover.
        """
        held, entries = replica.take(self._held, log, intent)
        try:
            fresh = [_read(_unpacked(entry), offset_s) for entry in entries]
        except DamagedEntryError:
            self.unreadable = True
            raise
        for one in fresh:
            _merge(self._found, one)
        self._held = held
        return log == held.log

    def hear(self, log: PairSession, beat: Beat, left_after: Instant | None) -> None:
        """Note the last beat of an active."""
        left = NEVER if left_after is None else left_after
        said = beat.replica
        if said.log == log:
            self._beat = LastBeat(log, said.announced, said.synchronised, left)

    def is_exact(self, now: Instant) -> bool:
        """Whether it lacks nothing that was acted on."""
        return replica.is_exact(self._held, self._beat, now)


def _unpacked(entry: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(entry, UNPACKED_MAX)
    except zlib.error as exc:
        raise DamagedEntryError("an entry cannot be unpacked") from exc
    if not unpacker.eof:
        raise DamagedEntryError("an entry is longer than any can be")
    return data


def _read(lines: bytes, offset_s: float) -> Found:
    """Give the records of some lines. Raises DamagedEntryError."""
    found = Found()
    if take_lines(found, lines.split(b"\n"), offset_s):
        raise DamagedEntryError("an entry holds what is no record")
    return found


def _merge(found: Found, fresh: Found) -> None:
    """The latest of each record counts."""
    found.systems.update(fresh.systems)
    found.servers.update(fresh.servers)
    for asked in fresh.asked.values():
        found.asked.put(asked)  # which forgets as the active's table does
