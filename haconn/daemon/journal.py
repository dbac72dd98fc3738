"""The journal: what must outlive the process, one record a line; and the only wall clock.

A record is a System, a Server or an Asked as a whole, the latest wins. What a line looks like
stands in journal_lines.py, what is read of it in journal_reading.py.

There are two files. Lines are written before anything that they describe is done: first into the
one in HACONN_RUN, by one pwrite() into memory that is ours already, so that neither a full disk nor
one that cannot be written keeps a line out of it; that survives the process. Then into the one in
HACONN_VAR. A worker that nobody waits for syncs that for the case that the machine dies.

Instants are stored as stamps of the kernel's monotonic clock, which the next process of the same
boot shares. The journal of another boot is read with all instants at "now": nothing is known of
how long ago it was.
"""

import errno
import json
import os
import secrets
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

import trio

from haconn.core.world import Durable, World, identity
from haconn.daemon.boot import boot_id
from haconn.daemon.journal_files import JournalFile, sync, take_room
from haconn.daemon.journal_lines import BODY_AT, Title, seal, seal_title
from haconn.wire.plain import to_plain

NAME = "journal"
COMPACT_BYTES = 8 * 1024 * 1024
RUN_BYTES = 4 * 1024 * 1024
"""Of memory for the file in HACONN_RUN, and as much for the next one."""
ROOM_BYTES = 1024 * 1024
"""Kept ahead in HACONN_VAR: some hundred resets fit in."""
RETRY_S = 1.0
GONE: Final = OSError(errno.ENOENT, "the file was removed")
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


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


class RunFile:
    """The file in HACONN_RUN. Its memory is taken ahead, and that of the next one too."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._now: JournalFile | None = None
        self._next: JournalFile | None = None

    def begin(self, data: bytes) -> None:
        """Begin anew with this. Raises OSError; then nothing has changed."""
        file = self._next or self._prepared()
        try:
            file.write(data)
            file.take_name()
        except OSError:
            file.discard()
            self._next = None
            raise
        if self._now is not None:
            self._now.close()  # which gives its memory back
        self._now, self._next = file, None
        try:
            self._next = self._prepared()
        except OSError:
            return  # it is tried again when it is needed

    def _prepared(self) -> JournalFile:
        file = JournalFile(self._path)
        if not file.take_room(RUN_BYTES):
            file.discard()
            raise OSError(errno.ENOSPC, "no memory for the journal")
        return file

    def write(self, data: bytes) -> bool:
        """Write after the last line; gives whether that fits in. Raises OSError."""
        if self._now is None or self._now.end + len(data) > RUN_BYTES:
            return False
        self._now.write(data)
        return True

    @property
    def has_name(self) -> bool:
        """Whether the next process will find it."""
        return self._now is None or self._now.has_name

    def close(self) -> None:
        """Close the files."""
        if self._now is not None:
            self._now.close()
        if self._next is not None:
            self._next.discard()
        self._now = self._next = None


class Lines:
    """Makes lines of records, and keeps the latest of each."""

    def __init__(self, epoch: int) -> None:
        self._title = Title(secrets.token_hex(8), boot_id(), epoch, 0, twin=False)
        self._journal = self._title.journal.encode()
        self._shift = clock_shift()
        self._number = time.monotonic_ns()  # more than any process of this boot has come to
        self._latest: dict[object, bytes] = {}

    def take(self, records: Iterable[Durable]) -> list[bytes]:
        """Give the lines of records."""
        fresh: list[bytes] = []
        for record in records:
            name = type(record).__name__.lower()
            body = _encode({name: to_plain(record, shift=self._shift)}).encode()
            self._number += 1
            line = seal(self._number, body, self._journal)
            self._latest[identity(record)] = line
            fresh.append(line)
        return fresh

    def keep_only(self, world: World) -> None:
        """Drop the lines of what the world has forgotten."""
        known = {*world.servers, *world.systems, *world.asked}  # by what `identity` gives
        self._latest = {name: line for name, line in self._latest.items() if name in known}

    def latest(self) -> dict[object, bytes]:
        """Give the latest record of each, as JSON with a line feed."""
        return {name: line[BODY_AT:] for name, line in self._latest.items()}

    def whole(self, bytes_max: int | None = None, *, twin: bool) -> bytes:
        """Give the beginning of a file: how everything stands.

        If that is too long for it, request ids are left out, from those that were taken in first.
        """
        lines = self._latest
        if bytes_max is not None and sum(map(len, lines.values())) > bytes_max:
            lines = _newest_of(lines, bytes_max)
        title = Title(
            self._title.journal, self._title.boot, self._title.epoch, len(lines), twin=twin
        )
        frame = seal_title(self._number, title)
        return b"".join([frame, *lines.values(), frame])


class Journal:
    """Writes records; one per process, under the lock of HACONN_VAR.

    When a file has become long, a successor begins with the latest line of every record; these
    lines are kept in memory, so that no reset waits for more than writing. In HACONN_VAR lines go
    to both until the worker has the successor on the disk and gives it the journal's name: whenever
    the machine dies, one of them is whole.
    """

    def __init__(self, directory: Path, epoch: int = 0, run: Path | None = None) -> None:
        """Write nothing yet; the epoch is that of the active whose journal this is."""
        self._path = directory / NAME
        self._lines = Lines(epoch)
        self._run = None if run is None else RunFile(run)
        self._files: list[JournalFile] = []
        """In HACONN_VAR: the journal; and its successor, while that is on its way to the disk."""
        self.failure: OSError | None = None
        """The last write in HACONN_VAR failed: records since then are on no disk."""
        self.run_failure: OSError | None = None
        """The same of HACONN_RUN."""
        self._retry_at = 0.0
        self._run_retry_at = 0.0
        self._unsynced = trio.Event()

    def open(self, world: World, *, wait: bool = True) -> None:
        """Begin a journal with what is in the world, in place of the old one. Raises OSError.

        Then the file in HACONN_RUN is begun all the same, unless `run_failure` says otherwise.

        Args:
            wait: for the disk. A takeover does not: the address would be lost while it hangs.
        """
        self._lines.take(_all_of(world))
        try:
            self._begin_file()
            self._take_name()
            if wait:
                self._files[0].take_room(self._files[0].end + ROOM_BYTES)
                sync(self._files[0].copy(), self._path.parent)
        finally:
            self._begin_run()
            self._unsynced.set()

    def fail(self, exc: OSError) -> None:
        """Go on without the file in HACONN_VAR; it is tried anew every second."""
        self.failure = exc
        self._retry_at = trio.current_time() + RETRY_S

    def append(self, records: list[Durable], world: World) -> bytes:
        """Write records down before what they describe is done, and give them as JSON lines.

        Never raises: see `failure`.
        """
        lines = self._lines.take(records)
        data = b"".join(lines)
        if self._run is not None:
            self._write_run(self._run, data, world)
        try:
            if self.failure is not None:
                self._mend(world)
            elif data:
                self._write(data, world)
        except OSError as exc:
            self.fail(exc)
        return b"".join([line[BODY_AT:] for line in lines])

    def whole(self, world: World) -> dict[object, bytes]:
        """Give the latest JSON line of every record that the world knows, as of this turn."""
        self._lines.keep_only(world)
        return self._lines.latest()

    def _write_run(self, run: RunFile, data: bytes, world: World) -> None:
        if self.run_failure is not None and trio.current_time() < self._run_retry_at:
            return
        try:
            if self.run_failure is None and run.write(data):
                return
        except OSError:
            pass  # it is begun anew
        self._lines.keep_only(world)
        self._begin_run()

    def _begin_run(self) -> None:
        """Begin the file in HACONN_RUN anew."""
        if self._run is None:
            return
        try:
            self._run.begin(self._lines.whole(RUN_BYTES // 2, twin=self._in_place))
            self.run_failure = None
        except OSError as exc:
            self.run_failure = exc
            self._run_retry_at = trio.current_time() + RETRY_S

    @property
    def _in_place(self) -> bool:
        """Whether the file in HACONN_VAR is there for the next process."""
        return self.failure is None and bool(self._files) and self._files[0].has_name

    def _write(self, data: bytes, world: World) -> None:
        for file in self._files:
            file.write(data)
        if self._files[0].end > COMPACT_BYTES and len(self._files) == 1:
            self._lines.keep_only(world)
            self._begin_file()
        self._unsynced.set()

    def _mend(self, world: World) -> None:
        """Begin anew after a failure: much is missing in the old file."""
        if trio.current_time() < self._retry_at:
            return  # a full disk is not asked at every event
        self._close_files()
        self._lines.keep_only(world)
        self._begin_file()
        self._take_name()
        self.failure = None
        self._begin_run()  # which says that there are two again
        self._unsynced.set()

    def _begin_file(self) -> None:
        file = JournalFile(self._path)
        try:
            file.write(self._lines.whole(twin=self._run is not None))
        except OSError:
            file.discard()
            raise
        self._files.append(file)

    def _take_name(self) -> None:
        """Let the newest file be the journal."""
        self._files[-1].take_name()
        for file in self._files[:-1]:
            file.close()
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
                copy, wanted = files[-1].copy(), files[-1].end + ROOM_BYTES
                await trio.to_thread.run_sync(
                    _secure, copy, wanted, self._path.parent, abandon_on_cancel=True
                )
                if len(files) > 1 and files == tuple(self._files):
                    self._take_name()
                    self._unsynced.set()
            except OSError as exc:
                self.fail(exc)

    def look(self) -> bool:
        """Look whether the files are still those that the next process will find.

        Gives whether there is something to be mended, which `append` does.
        """
        if self.failure is None and self._files and not self._files[0].has_name:
            self.fail(GONE)
        if self._run is not None and self.run_failure is None and not self._run.has_name:
            self.run_failure = GONE
            self._run_retry_at = trio.current_time() + RETRY_S
        return self.failure is not None or self.run_failure is not None

    def close(self) -> None:
        """Close the files."""
        self._close_files()
        if self._run is not None:
            self._run.close()

    def _close_files(self) -> None:
        for file in self._files:
            file.close()
        self._files.clear()


def _secure(file: int, wanted: int, directory: Path) -> None:
    """Have what was written on the disk, and room for what comes; close the file."""
    take_room(file, wanted)
    sync(file, directory)


def _newest_of(lines: dict[object, bytes], bytes_max: int) -> dict[object, bytes]:
    """All that are no request ids, and of those the last that have room."""
    ids = [name for name in lines if isinstance(name, tuple)]
    left = bytes_max - sum(len(line) for name, line in lines.items() if not isinstance(name, tuple))
    dropped = set[object]()
    for name in reversed(ids):
        left -= len(lines[name])
        if left < 0:
            dropped.add(name)
    return {name: line for name, line in lines.items() if name not in dropped}


def _all_of(world: World) -> list[Durable]:
    return [*world.servers.values(), *world.systems.values(), *world.asked.values()]
