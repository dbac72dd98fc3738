"""The journal: what must outlive the process, one record a line; and the only wall clock.

A record is a System, a Server or an Asked as a whole, the latest wins. Lines are appended by one
write() before anything that they describe is done: that survives the process. A worker that
nobody waits for syncs them for the case that the machine dies.

Instants are stored as stamps of the kernel's monotonic clock, which the next process of the same
boot shares. The journal of another boot is read with all instants at "now": nothing is known of
how long ago it was.

The first line names the boot. A line that was cut off by a crash is the last one, and is dropped.
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

from haconn.core.model import Instant, SystemKey
from haconn.core.outbox import RequestName
from haconn.core.server import Server
from haconn.core.system import System
from haconn.core.world import ASKED_FOR_S, Asked, Durable, World
from haconn.wire.plain import PlainError, from_plain, to_plain

NAME = "journal"
COMPACT_BYTES = 8 * 1024 * 1024
KINDS: Final[dict[str, type[Durable]]] = {"system": System, "server": Server, "asked": Asked}
VERSION = 1


def reset_stamp() -> str:
    """The stamp of the reset log: microseconds after a colon (R-228)."""
    now = datetime.now().astimezone()
    return f"[{now:%Y/%m/%d %H:%M:%S}:{now.microsecond:06d}]"


def kernel_boot_id() -> str:
    """The boot id of this management server; empty where the kernel does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def host_name() -> str:
    """The name of this management server (R-036)."""
    return os.uname().nodename


def clock_shift() -> float:
    """What makes a stamp of the monotonic clock of an Instant of this process."""
    return time.monotonic() - trio.current_time()


@dataclass
class Found:
    """What an earlier process left."""

    same_boot: bool = True
    systems: dict[SystemKey, System] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    asked: dict[RequestName, Asked] = field(default_factory=dict)
    damaged: int = 0
    """Lines that could not be read; one at the end is what a crash leaves."""

    @property
    def empty(self) -> bool:
        """Whether there was nothing."""
        return not (self.systems or self.servers or self.asked)


class Journal:
    """Appends records; one per process, under the lock of HACONN_VAR."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._shift = clock_shift()
        self._file: int | None = None
        self._bytes = 0
        self.failure: OSError | None = None
        """The last write failed: records since then are on no disk."""
        self._unsynced = trio.Event()

    def read(self) -> Found:
        """Read what an earlier process left. A journal that cannot be read is as good as none."""
        found = Found()
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return found
        head = _object(lines[0])
        if head.get("version") != VERSION:
            found.damaged = len(lines)
            return found
        found.same_boot = head.get("boot") == kernel_boot_id()
        for line in filter(None, lines[1:]):
            try:
                self._take(found, _object(line))
            except PlainError:
                found.damaged += 1
        return found

    def _take(self, found: Found, row: dict[str, object]) -> None:
        for name, kind in KINDS.items():
            if name in row:
                record = from_plain(kind, row[name], shift=-self._shift)
                _keep(found, record)
                return
        raise PlainError("no record")

    def open(self, records: Iterable[Durable]) -> None:
        """Begin a new journal with these records in place of the old one. Raises OSError."""
        fresh = self._path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        file = os.open(fresh, flags, 0o600)
        head = json.dumps({"version": VERSION, "boot": kernel_boot_id()}) + "\n"
        data = head.encode() + self._encode(records)
        try:
            _write_all(file, data)
            os.fsync(file)
            fresh.replace(self._path)
        except OSError:
            os.close(file)
            raise
        if self._file is not None:
            os.close(self._file)
        self._file = file
        self._bytes = len(data)
        self.failure = None

    def append(self, records: list[Durable], world: World) -> None:
        """Write records down before what they describe is done. Never raises: see `failure`."""
        if not records:
            return
        data = self._encode(records)
        try:
            if self._file is None or self._bytes > COMPACT_BYTES or self.failure is not None:
                self.open(_all_of(world))
            else:
                _write_all(self._file, data)
                self._bytes += len(data)
        except OSError as exc:
            self.failure = exc
        self._unsynced.set()

    async def serve(self) -> None:
        """Sync what was written, for ever; nobody waits for it."""
        while True:
            await self._unsynced.wait()
            self._unsynced = trio.Event()
            file = self._file
            if file is not None:
                copy = os.dup(file)
                await trio.to_thread.run_sync(_sync, copy)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _encode(self, records: Iterable[Durable]) -> bytes:
        rows = []
        for record in records:
            name = type(record).__name__.lower()
            rows.append(json.dumps({name: to_plain(record, shift=self._shift)}) + "\n")
        return "".join(rows).encode()


def _sync(file: int) -> None:
    try:
        os.fdatasync(file)
    except OSError:
        return  # append() meets the same disk and says so
    finally:
        os.close(file)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _object(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _keep(found: Found, record: Durable) -> None:
    match record:
        case System():
            found.systems[record.key] = record
        case Server():
            found.servers[record.name] = record
        case Asked():
            found.asked[record.name] = record


def _all_of(world: World) -> list[Durable]:
    return [*world.servers.values(), *world.systems.values(), *world.asked.values()]


def recent(asked: Asked, now: Instant) -> bool:
    """Whether a request id is still to be remembered."""
    return asked.told_at is None or now - asked.told_at <= ASKED_FOR_S
