"""What an earlier process left in the journal, and how much of it can be relied on.

There are two files of one journal, in HACONN_VAR and in HACONN_RUN, and every line is in both. The
one in HACONN_RUN is written first and is in memory: no full disk keeps a line out of it. It goes
with the boot, and the other remains. What one of them lacks, the other has.

Damage is what was written and is in neither; then `lost` says so, and `certain` names the systems
of which there is an intact line after all that is lost. Everything else may be of before.

A line with a right checksum is what some haconn wrote: a field that this version does not know is
passed over, and so is a kind of record that it does not know.
"""

import errno
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from haconn.core.model import SystemKey
from haconn.core.request_table import Asked, RequestTable
from haconn.core.server import Server
from haconn.core.system import System
from haconn.core.world import Durable, identity
from haconn.daemon.boot import boot_id
from haconn.daemon.journal import NAME, clock_shift
from haconn.daemon.journal_lines import Title, is_title, is_torn, parse_title, unseal
from haconn.wire.plain import PlainError, from_plain

KINDS: Final[dict[str, type[Durable]]] = {"system": System, "server": Server, "asked": Asked}
RecordOf: TypeAlias = Callable[[bytes], Durable | None]
"""Reads a record; None for a kind that is not known. Raises PlainError."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not as it was written."""

    path: Path
    lines: int
    """How many lines of it cannot be read; 0 of a file that is missing as a whole."""


@dataclass
class Found:
    """What an earlier process left."""

    same_boot: bool = True
    systems: dict[SystemKey, System] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    asked: RequestTable = field(default_factory=RequestTable)
    unreadable: bool = False
    """There was a journal, and not even its title was understood."""
    epoch: int = 0
    """Of the active of a pair that left it; 0 of a single server."""
    damage: tuple[Damage, ...] = ()
    """The damaged files; what they lack may be in the other one."""
    lost: bool = False
    """Something was written that is not found."""
    certain: frozenset[SystemKey] = frozenset()
    """With `lost`: the systems of which the last line was found all the same."""

    @property
    def empty(self) -> bool:
        """Whether there was nothing."""
        return not (self.systems or self.servers or self.asked)

    def keep(self, record: Durable) -> None:
        """Take a record in; the last one of its name counts."""
        match record:
            case System():
                self.systems[record.key] = record
            case Server():
                self.servers[record.name] = record
            case Asked():
                self.asked.put(record)


@dataclass
class Shard:
    """One file of a journal."""

    path: Path
    there: bool = True
    title: Title | None = None
    """None if it has none that is understood."""
    begun: int = 0
    """The number of the last line before it was begun."""
    top: int = 0
    """The number of the last line that is intact."""
    records: dict[int, Durable | None] = field(default_factory=dict)
    """By number; None for an intact line of an unknown kind."""
    damaged: int = 0
    """Lines that are damaged or missing."""
    damaged_at_the_end: int = 0
    """So many after the last intact line."""
    whole: bool = False
    """It has all that says how everything stood when it was begun."""

    @property
    def rank(self) -> tuple[bool, int]:
        """Which of two journals is later: of this boot, and begun later."""
        return self.title is not None and self.title.boot == boot_id(), self.begun


def read(var: Path, run: Path | None = None) -> Found:
    """Read what an earlier process left there. Raises OSError."""
    record_of = reader(-clock_shift())
    ours = _load(var / NAME, record_of)
    twin = Shard(Path(), there=False) if run is None else _load(run / NAME, record_of)
    return found_in(ours, twin)


def reader(shift: float, *, lenient: bool = True) -> RecordOf:
    """Give what reads records.

    Args:
        shift: makes their stamps instants of this process.
        lenient: pass over fields of a later version.
    """

    def record_of(record: bytes) -> Durable | None:
        row = _object(record)
        for name, kind in KINDS.items():
            if name in row:
                try:
                    return from_plain(kind, row[name], shift=shift, lenient=lenient)
                except AssertionError as exc:  # what the core's own checks refuse
                    raise PlainError(str(exc)) from exc
        return None

    return record_of


def take_lines(found: Found, lines: Iterable[bytes], shift: float) -> int:
    """Take records in as they come from a peer, the last of a name counts; give how many are none.

    They came over a channel that lets nothing be changed, and have no checksum of their own. What
    is not known, a field too, is none: a standby that cannot keep all is not to count as one that
    has all.
    """
    record_of = reader(shift, lenient=False)
    bad = 0
    for line in filter(None, lines):
        try:
            record = record_of(line)
        except PlainError:
            record = None
        if record is None:
            bad += 1
        else:
            found.keep(record)
    return bad


def found_in(ours: Shard, twin: Shard) -> Found:
    """Give what the file in HACONN_VAR and the one in HACONN_RUN tell together."""
    if twin.title is not None and twin.title.boot != boot_id():
        twin = Shard(twin.path, there=False)  # whatever kept it over a boot
    shards = [shard for shard in (twin, ours) if shard.there]
    damage = tuple(Damage(shard.path, shard.damaged) for shard in shards if shard.damaged)
    titles = {shard.path: shard.title for shard in shards if shard.title is not None}
    if not titles:
        return Found(unreadable=bool(shards), lost=bool(shards), damage=damage)
    last = max((shard for shard in shards if shard.path in titles), key=lambda shard: shard.rank)
    title = titles[last.path]
    journals = {path: one.journal for path, one in titles.items()}
    same = [shard for shard in shards if journals.get(shard.path) == title.journal]
    found = Found(last.rank[0], epoch=title.epoch, damage=damage)
    _combine(found, same, twin)
    if found.same_boot and title.twin:
        _miss(found, last, ours, twin)
    for shard in shards:
        if shard not in same and shard.rank[0]:
            _remember_ids(found, shard)
    return found


def _miss(found: Found, last: Shard, ours: Shard, twin: Shard) -> None:
    """Notice that there is one file of two; the one in HACONN_RUN was always written."""
    other = twin if last is ours else ours
    if not other.there:
        found.damage += (Damage(other.path, 0),)
    if last is ours and twin.title is None:
        found.lost = True


def _combine(found: Found, shards: list[Shard], twin: Shard) -> None:
    """Take in what the files of one journal have, and find out what none has."""
    numbers = {number for shard in shards for number in shard.records if number > shard.begun}
    floor = _top(shards, twin)
    while floor in numbers:
        floor -= 1
    # now every line after `floor` is here
    known: dict[object, int] = {}
    for shard in shards:
        for number, record in shard.records.items():
            if record is not None:
                name = identity(record)
                known[name] = max(known.get(name, 0), number, shard.begun)
    latest = {number: record for shard in shards for number, record in shard.records.items()}
    for _, record in sorted(latest.items()):
        if record is not None:
            found.keep(record)
    found.lost = not any(shard.whole and shard.begun >= floor for shard in shards)
    found.certain = frozenset(key for key in found.systems if known[key] >= floor)


def _top(shards: list[Shard], twin: Shard) -> int:
    """The number of the last line that was written, as far as can be told.

    Lines that are damaged at the end of a file had numbers, unless the other file, which is written
    before it, ends in order and says that they had not.
    """
    top = max(max(shard.top, shard.begun) for shard in shards)
    if twin in shards and not twin.damaged and twin.top >= top:
        return top
    return max(shard.top + shard.damaged_at_the_end for shard in shards)


def _remember_ids(found: Found, shard: Shard) -> None:
    """An id that was answered under an earlier journal of this boot begins nothing."""
    for record in shard.records.values():
        told = isinstance(record, Asked) and record.outcome is not None
        if isinstance(record, Asked) and told and record.name not in found.asked:
            found.asked.put(record)


def _load(path: Path, record_of: RecordOf) -> Shard:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            return parse(path, file.read(), record_of)
    except FileNotFoundError:
        return Shard(path, there=False)
    except OSError as exc:
        if exc.errno != errno.EIO:
            raise OSError(exc.errno, exc.strerror, str(path)) from exc
        return Shard(path, damaged=1)  # the disk itself cannot read it


def parse(path: Path, data: bytes, record_of: RecordOf) -> Shard:
    """Read a file, whatever has become of it."""
    shard = Shard(path)
    *lines, tail = data.split(b"\n")
    tail = tail.rstrip(b"\0")
    if tail and not is_torn(tail):
        lines.append(tail)
    titles = [sealed for sealed in map(unseal, filter(is_title, lines)) if sealed is not None]
    shard.title = parse_title(titles[0][1]) if titles else None
    if shard.title is None:
        return Shard(path, damaged=max(1, len(lines)))
    shard.begun = titles[0][0]
    journal = shard.title.journal.encode()
    for line in lines:
        sealed = unseal(line, b"" if is_title(line) else journal)
        if sealed is not None and _is_in_place(shard, sealed, titles, record_of):
            shard.damaged_at_the_end = 0
        else:
            shard.damaged += 1
            shard.damaged_at_the_end += 1
    _count(shard, shard.title, titles.count(titles[0]))
    return shard


def _is_in_place(
    shard: Shard, sealed: tuple[int, bytes], titles: list[tuple[int, bytes]], record_of: RecordOf
) -> bool:
    """Take an intact line in; give whether it is where it was written.

    An earlier one at the end stands where a later one stood, and that one is nowhere.
    """
    later = max(shard.top, shard.begun) > shard.begun
    if sealed in titles:
        return not later
    number = sealed[0]
    in_place = number not in shard.records and not (later and number < shard.top)
    return _take(shard, *sealed, record_of) and in_place


def _take(shard: Shard, number: int, record: bytes, record_of: RecordOf) -> bool:
    try:
        shard.records[number] = record_of(record)
    except PlainError:
        return False
    shard.top = max(shard.top, number)
    return True


def _count(shard: Shard, title: Title, titles: int) -> None:
    """Notice what is not there at all."""
    earlier = sum(number <= shard.begun for number in shard.records)
    shard.whole = earlier == title.count
    shard.top = max(shard.top, shard.begun)
    later = shard.top - shard.begun - (len(shard.records) - earlier)
    gone = abs(title.count - earlier) + later + abs(2 - titles)
    shard.damaged = max(shard.damaged, gone)


def _object(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise PlainError("no JSON") from None
    if not isinstance(value, dict):
        raise PlainError("no object")
    return value
