"""The epoch on the disk: the number of the last activation that this server has heard of.

It orders those who were active, and a takeover waits for its writing. So nothing here can refuse,
and little can take long:

- The file has its final length from the first write on, and is written in place: a disk that has
  become full since does not matter.
- There are two slots, each in a block of its own. A write goes to the one that does not hold the
  value on record; cut off at any byte, it leaves that value as it was.
- A disk that takes more than WAIT_S is waited for no longer. The epoch counts as known all the
  same, since `known` and every beat name it; what is at risk is a crash of both servers at once.
- What cannot be read is 0 and an alarm: the peer, the proofs of a takeover and the beats keep two
  from being active; the epoch only tells who is older.

A slot is 32 bytes: "HCNE", format (4 bytes), epoch (8 bytes), the first 16 bytes of the SHA-256
of what stands before. Numbers are big-endian. The rest of its block is zeros.
"""

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import trio

from haconn.daemon.journal import NAME as JOURNAL

NAME = "epoch"
SLOT_BYTES = 4096
"""A block of the file system, so that a torn write harms one slot only."""
FILE_BYTES = 2 * SLOT_BYTES
EPOCH_MAX = 2**32 - 1
"""What fits into a datagram."""
WAIT_S = 0.5
_HEAD = struct.Struct(">4sIQ")
_MAGIC = b"HCNE"
_FORMAT = 1
_SUM_BYTES = 16
_USED_BYTES = _HEAD.size + _SUM_BYTES
_READS_MAX = 3
"""A slot that seems torn may be one that is being written."""


class Epochs:
    """The file HACONN_VAR/epoch; one per process, under the lock of HACONN_VAR."""

    def __init__(
        self,
        directory: Path,
        sync: Callable[[int], None] = os.fdatasync,
        wait_s: float = WAIT_S,
    ) -> None:
        """Touch nothing yet; `sync` puts a file on the disk."""
        self.known = 0
        """The greatest epoch that was read or written, on the disk or not."""
        self._path = directory / NAME
        self._sync = sync
        self._wait_s = wait_s
        self._turn = trio.CapacityLimiter(1)  # held by a worker until it has really ended
        self._unsure: int | None = None
        """The slot whose last write was not seen to reach the disk."""

    def read(self) -> tuple[int, str | None]:
        """Give the epoch on record and what is to be alarmed; never raises."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            if not (self._path.parent / JOURNAL).exists():
                return self.known, None  # the first start of all
            return self.known, self._told("is missing, the epoch counts as 0")
        except OSError as exc:
            return self.known, self._told(f"cannot be read, the epoch counts as 0: {_why(exc)}")
        try:
            slots = _settled_slots(file)
        except OSError as exc:
            return self.known, self._told(f"cannot be read, the epoch counts as 0: {_why(exc)}")
        finally:
            os.close(file)
        values = [value for value in map(parse_slot, slots) if value is not None]
        if not values:
            return self.known, self._told("holds no epoch, it counts as 0")
        self.known = max(self.known, *values)
        damaged = any(parse_slot(slot) is None and any(slot) for slot in slots)
        return self.known, self._told("one of its two slots is damaged") if damaged else None

    async def write(self, epoch: int) -> str | None:
        """Put an epoch on record; gives what is to be alarmed, after `wait_s` at the latest.

        It is known from the call on, whatever becomes of the file. With 0, or with what is known
        already, this makes the file whole: at a start that shows early what the disk is worth.
        """
        assert 0 <= epoch <= EPOCH_MAX
        self.known = max(self.known, epoch)
        with trio.move_on_after(self._wait_s):
            return await trio.to_thread.run_sync(
                self._put, self.known, abandon_on_cancel=True, limiter=self._turn
            )
        return self._told(f"is not written after {self._wait_s} s, epoch {epoch} is only in memory")

    def _put(self, epoch: int) -> str | None:
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                self._put_into(file, epoch)
            finally:
                os.close(file)
        except OSError as exc:
            return self._told(f"cannot be written, epoch {epoch} is only in memory: {_why(exc)}")
        return None

    def _put_into(self, file: int, epoch: int) -> None:
        new = os.fstat(file).st_size < FILE_BYTES
        if new:
            os.posix_fallocate(file, 0, FILE_BYTES)
        nameless = new or self._unsure is not None
        slot = _slot_to_write(file) if self._unsure is None else self._unsure
        self._unsure = slot
        _write_all(file, encode_slot(epoch), slot * SLOT_BYTES)
        self._sync(file)
        if nameless:
            _sync_name(self._path.parent)
        self._unsure = None

    def _told(self, text: str) -> str:
        return f"{self._path} {text}"


def encode_slot(epoch: int) -> bytes:
    """Give the content of a slot, without the zeros after it."""
    head = _HEAD.pack(_MAGIC, _FORMAT, epoch)
    return head + hashlib.sha256(head).digest()[:_SUM_BYTES]


def parse_slot(slot: bytes) -> int | None:
    """Give the epoch in a slot, None for anything that was not written as one."""
    if len(slot) < _USED_BYTES:
        return None
    epoch: int = _HEAD.unpack_from(slot)[2]
    return epoch if epoch <= EPOCH_MAX and slot[:_USED_BYTES] == encode_slot(epoch) else None


def _read_slots(file: int) -> tuple[bytes, bytes]:
    return os.pread(file, _USED_BYTES, 0), os.pread(file, _USED_BYTES, SLOT_BYTES)


def _settled_slots(file: int) -> tuple[bytes, bytes]:
    slots = _read_slots(file)
    for _ in range(_READS_MAX - 1):
        if all(parse_slot(slot) is not None for slot in slots):
            break
        slots = _read_slots(file)
    return slots


def _slot_to_write(file: int) -> int:
    """The slot that may be lost: not the one with the greater epoch."""
    first, second = (parse_slot(slot) for slot in _read_slots(file))
    if first is None or (second is not None and second > first):
        return 0
    return 1


def _write_all(file: int, data: bytes, place: int) -> None:
    while data:
        written = os.pwrite(file, data, place)
        data, place = data[written:], place + written


def _sync_name(directory: Path) -> None:
    names = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(names)
    finally:
        os.close(names)


def _why(exc: OSError) -> str:
    return exc.strerror or str(exc)
