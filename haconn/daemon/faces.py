"""Logs in faces: `eventlog0`, `eventlog1`, ..., each up to a size, the oldest overwritten.

Nobody waits for a log. Lines go to a bounded queue; one worker thread writes what is there. A
full queue drops lines and says how many; a disk that is full or slow delays nothing else.
"""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

import trio

FACES = 8
FACE_BYTES = 2 * 1024 * 1024
RESET_FACE_BYTES = 1024 * 1024
WAITING_MAX = 20_000
"""Lines: a storm of all 256 systems writes some hundreds each second."""


class Faces:
    """One log, several files. Not for two processes at once."""

    def __init__(self, directory: Path, name: str, face_bytes: int = FACE_BYTES) -> None:
        self._directory = directory
        self._name = name
        self._face_bytes = face_bytes
        self._waiting: deque[str] = deque()
        self._dropped = 0
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
            count = len(self._waiting)
            lines = [self._waiting[index] for index in range(count)]
            if self._dropped:
                lines.append(f"({self._dropped} lines were dropped: the disk was too slow)")
            self._write("".join(f"{line}\n" for line in lines).encode())
            self._dropped = 0
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
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self.path, flags, 0o640)
        try:
            os.write(file, data)
        finally:
            os.close(file)


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

    def __init__(self, logs: tuple[Faces, ...], failed: Callable[[OSError], None]) -> None:
        self._logs = logs
        self._failed = failed
        self._wake = trio.Event()

    def wake(self) -> None:
        """There is something to write."""
        self._wake.set()

    async def serve(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            await self.write()

    async def write(self) -> None:
        """Write what waits now."""
        try:
            await trio.to_thread.run_sync(self._flush_all)
        except OSError as exc:
            self._failed(exc)
            await trio.sleep(1.0)  # a full disk is not asked a thousand times a second

    def _flush_all(self) -> None:
        for log in self._logs:
            log.flush()
