"""The journal: what must outlive the process, one record a line; and the only wall clock.

A record is a System, a Server or an Asked as a whole, the latest wins. Lines are appended by one
write() before anything that they describe is done: that survives the process. A worker that
nobody waits for syncs them for the case that the machine dies.

Instants are stored as stamps of the kernel's monotonic clock, which the next process of the same
boot shares. The journal of another boot is read with all instants at "now": nothing is known of
how long ago it was.

The first line names the boot, and of a pair the epoch of the active whose journal it is. A line
that was cut off by a crash is the last one, and is dropped.
"""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import trio

from haconn.core.model import SystemKey
from haconn.core.request_table import Asked, RequestTable
from haconn.core.server import Server
from haconn.core.system import System
from haconn.core.world import Durable, World, identity
from haconn.daemon.boot import boot_id
from haconn.wire.plain import PlainError, from_plain, to_plain

NAME = "journal"
COMPACT_BYTES = 8 * 1024 * 1024
KINDS: Final[dict[str, type[Durable]]] = {"system": System, "server": Server, "asked": Asked}
VERSION = 1
RETRY_S = 1.0


def reset_stamp() -> str:
    """The stamp of the reset log: microseconds after a colon (R-228)."""
    now = datetime.now().astimezone()
    return f"[{now:%Y/%m/%d %H:%M:%S}:{now.microsecond:06d}]"


def host_name() -> str:
    """The name of this management server (R-036)."""
    return os.uname().nodename


def wall_clock() -> float:
    """Seconds since the epoch: for what has to outlive a boot, and for nothing else."""
    return time.time()


def clock_shift() -> float:
    """What makes a stamp of the monotonic clock of an Instant of this process."""
    return time.monotonic() - trio.current_time()


@dataclass
class Found:
    """What an earlier process left."""

    same_boot: bool = True
    systems: dict[SystemKey, System] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    asked: RequestTable = field(default_factory=RequestTable)
    damaged: int = 0
    """Lines that could not be read; one at the end is what a crash leaves."""
    unreadable: bool = False
    """There was a journal, and not even its first line was understood."""
    epoch: int = 0
    """Of the active of a pair that left it; 0 of a single server."""

    @property
    def empty(self) -> bool:
        """Whether there was nothing."""
        return not (self.systems or self.servers or self.asked)


@dataclass(frozen=True, slots=True)
class Title:
    """What journal it is."""

    path: Path
    epoch: int

    @property
    def successor(self) -> Path:
        """Where the next one is begun."""
        return self.path.with_suffix(".new")

    @property
    def line(self) -> bytes:
        """The first one."""
        head = {"version": VERSION, "boot": boot_id(), "epoch": self.epoch}
        return json.dumps(head).encode() + b"\n"


class Journal:
    """Appends records; one per process, under the lock of HACONN_VAR.

    When it has become long, a successor begins with the latest line of every record; these lines
    are kept in memory, so that no reset waits for more than one write. Appends go to both files
    until the worker has the successor on the disk and gives it the journal's name: whenever the
    machine dies, one of them is whole.
    """

    def __init__(self, directory: Path, epoch: int = 0) -> None:
        """Write nothing yet; the epoch is that of the active whose journal this is."""
        self._title = Title(directory / NAME, epoch)
        self._shift = clock_shift()
        self._files: list[int] = []
        """The journal; and its successor, while that is on its way to the disk."""
        self._bytes = 0
        self._lines: dict[object, bytes] = {}
        """The latest line of each record."""
        self.failure: OSError | None = None
        """The last write failed: records since then are on no disk."""
        self._retry_at = 0.0
        self._unsynced = trio.Event()

    def open(self, world: World, *, wait: bool = True) -> None:
        """Begin a journal with what is in the world, in place of the old one. Raises OSError.

        Args:
            wait: for the disk. A takeover does not: the address would be lost while it hangs.
        """
        self._encode(_all_of(world))
        self._begin_file()
        self._take_name()
        if wait:
            _sync(os.dup(self._files[0]), self._title.path.parent)
        else:
            self._unsynced.set()

    def fail(self, exc: OSError) -> None:
        """Go on without; it is tried anew every second."""
        self.failure = exc
        self._retry_at = trio.current_time() + RETRY_S

    def append(self, records: list[Durable], world: World) -> bytes:
        """Write records down before what they describe is done, and give what was written.

        Never raises: see `failure`.
        """
        data = self._encode(records)
        try:
            if self.failure is not None:
                self._mend(world)
            elif data:
                self._write(data, world)
        except OSError as exc:
            self.fail(exc)
        return data

    def whole(self, world: World) -> dict[object, bytes]:
        """Give the latest line of every record that the world knows, as of this turn."""
        self._forget(world)
        return dict(self._lines)

    def _write(self, data: bytes, world: World) -> None:
        for file in self._files:
            _write_all(file, data)
        self._bytes += len(data)
        if self._bytes > COMPACT_BYTES and len(self._files) == 1:
            self._forget(world)
            self._begin_file()
        self._unsynced.set()

    def _mend(self, world: World) -> None:
        """Begin anew after a failure: the end of the old file is cut off, and much is missing."""
        if trio.current_time() < self._retry_at:
            return  # a full disk is not asked at every event
        self.close()
        self._forget(world)
        self._begin_file()
        self._take_name()
        self.failure = None
        self._unsynced.set()

    def _forget(self, world: World) -> None:
        """Drop the lines of what the world has forgotten."""
        known = {*world.servers, *world.systems, *world.asked}  # by what `identity` gives
        self._lines = {name: line for name, line in self._lines.items() if name in known}

    def _begin_file(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        file = os.open(self._title.successor, flags, 0o600)
        data = b"".join([self._title.line, *self._lines.values()])
        try:
            _write_all(file, data)
        except OSError:
            os.close(file)
            raise
        self._files.append(file)
        self._bytes = len(data)

    def _take_name(self) -> None:
        """Let the newest file be the journal."""
        self._title.successor.replace(self._title.path)
        for file in self._files[:-1]:
            os.close(file)
        del self._files[:-1]

    async def serve(self) -> None:
        """Sync what was written, for ever; nobody waits for it."""
        while True:
            await self._unsynced.wait()
            self._unsynced = trio.Event()
            files = tuple(self._files)
            if not files:
                continue
            try:
                copy = os.dup(files[-1])
                directory = self._title.path.parent
                await trio.to_thread.run_sync(_sync, copy, directory, abandon_on_cancel=True)
                if len(files) > 1 and files == tuple(self._files):
                    self._take_name()
                    self._unsynced.set()
            except OSError as exc:
                self.fail(exc)

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            os.close(file)
        self._files.clear()

    def _encode(self, records: Iterable[Durable]) -> bytes:
        fresh: list[bytes] = []
        for record in records:
            name = type(record).__name__.lower()
            row = {name: to_plain(record, shift=self._shift)}
            line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
            self._lines[identity(record)] = line
            fresh.append(line)
        return b"".join(fresh)


def read(directory: Path) -> Found:
    """Read what an earlier process left; damaged lines are dropped. Raises OSError."""
    found = Found()
    try:
        lines = (directory / NAME).read_bytes().split(b"\n")
    except FileNotFoundError:
        return found
    head = _object(lines[0])
    if head.get("version") != VERSION:
        found.damaged, found.unreadable = len(lines), True
        return found
    found.same_boot = head.get("boot") == boot_id()
    epoch = head.get("epoch")
    found.epoch = epoch if type(epoch) is int else 0
    take_lines(found, lines[1:], -clock_shift())
    return found


def take_lines(found: Found, lines: Iterable[bytes], shift: float) -> None:
    """Take records in, the latest last; `shift` makes their stamps instants of this process."""
    for line in filter(None, lines):
        try:
            _keep(found, _record(_object(line), shift))
        except (PlainError, AssertionError):  # no value, or one that the core's own checks refuse
            found.damaged += 1


def _record(row: dict[str, object], shift: float) -> Durable:
    for name, kind in KINDS.items():
        if name in row:
            record: Durable = from_plain(kind, row[name], shift=shift)
            return record
    raise PlainError("no record")


def _sync(file: int, directory: Path) -> None:
    """Have what was written on the disk, with the name that it has, and close the file."""
    try:
        os.fdatasync(file)
    finally:
        os.close(file)
    names = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(names)
    finally:
        os.close(names)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _object(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _keep(found: Found, record: Durable) -> None:
    match record:
        case System():
            found.systems[record.key] = record
        case Server():
            found.servers[record.name] = record
        case Asked():
            found.asked.put(record)


def _all_of(world: World) -> list[Durable]:
    return [*world.servers.values(), *world.systems.values(), *world.asked.values()]
