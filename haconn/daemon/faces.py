"""Logs in faces: `eventlog0`, `eventlog1`, ..., each up to a size, the oldest overwritten.

Nobody waits for a log. Lines go to a bounded queue; one worker thread writes what is there. A
full queue drops lines and says how many; a disk that is full or slow delays nothing else.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import trio

FACES = 8
FACE_BYTES = 2 * 1024 * 1024
RESET_FACE_BYTES = 1024 * 1024
WAITING_MAX = 20_000
"""Lines: a storm of all 256 systems writes some hundreds each second."""
LINES_AT_ONCE = 500
"""One write, far below the size of a face."""
RETRY_S = 1.0


class Faces:
    """One log, several files. Not for two processes at once."""

    def __init__(self, directory: Path, name: str, face_bytes: int = FACE_BYTES) -> None:
        self._directory = directory
        self._name = name
        self._face_bytes = face_bytes
        self._waiting: deque[str] = deque()
        self._dropped = 0
        """Lines since the start; counted by `put`, told of by `flush`."""
        self._told = 0
        self._face = _newest(directory, name)

    def put(self, line: str) -> None:
        """Take a line; it is on its way to the disk, and nobody waits."""
        if len(self._waiting) >= WAITING_MAX:
            self._dropped += 1
            return
        self._waiting.append(line)

    @property
    def path(self) -> Path:
        """The face that is written to."""
        return self._directory / f"{self._name}{self._face}"

    def flush(self) -> None:
        """Write what waits; called in a thread, by one caller at a time. Raises OSError."""
        while self._waiting:
            count = min(len(self._waiting), LINES_AT_ONCE)
            lines = [self._waiting[index] for index in range(count)]
            dropped = self._dropped
            if dropped > self._told:
                lines.append(f"({dropped - self._told} lines were dropped: the disk was too slow)")
            self._write("".join(f"{line}\n" for line in lines).encode())
            self._told = dropped
            for _ in range(count):
                self._waiting.popleft()

    def _write(self, data: bytes) -> None:
        try:
            full = self.path.stat().st_size + len(data) > self._face_bytes
        except FileNotFoundError:
            full = False
        if full:
            self._face = (self._face + 1) % FACES
            self.path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self.path, flags, 0o640)
        try:
            _write_whole(file, data)
        finally:
            os.close(file)


def _write_whole(file: int, data: bytes) -> None:
    """Append all or nothing: what a full disk cut off is written again later, from its start."""
    before = os.fstat(file).st_size
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError:
        os.ftruncate(file, before)
        raise


def _newest(directory: Path, name: str) -> int:
    """The face written last; 0 if there is none."""
    times = {}
    for face in range(FACES):
        try:
            times[face] = (directory / f"{name}{face}").stat().st_mtime_ns
        except OSError:
            continue
    return max(times, key=lambda face: times[face], default=0)


class Writer:
    """Flushes several logs in a thread whenever one of them has lines."""

    def __init__(
        self, logs: tuple[Faces, ...], failed: Callable[[OSError], None], works: Callable[[], None]
    ) -> None:
        """`failed` is called after each failure, `works` after each success."""
        self._logs = logs
        self._failed = failed
        self._works = works
        self._wake = trio.Event()
        self._flushing = threading.Lock()

    def wake(self) -> None:
        """There is something to write."""
        self._wake.set()

    async def serve(self) -> None:
        """Write until cancelled; what cannot be written is tried again every second."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            if not await self.write():
                self.wake()
                await trio.sleep(RETRY_S)

    async def write(self) -> bool:
        """Write what waits now; tell whether that worked. A disk that hangs can be abandoned."""
        try:
            await trio.to_thread.run_sync(self.flush, abandon_on_cancel=True)
        except OSError as exc:
            self._failed(exc)
            return False
        self._works()
        return True

    def flush(self) -> None:
        """Write what waits now, in this thread. Raises OSError."""
        with self._flushing:
            for log in self._logs:
                log.flush()
