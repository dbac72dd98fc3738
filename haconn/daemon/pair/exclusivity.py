"""Being the only process: shown before anything is stripped, sent or written down.

Two things say so, in this order. The port of the pair, bound on this server's addresses and
shared with nobody: it is one for the whole machine, whatever trees a process was given. And the
lock in HACONN_VAR: whose it is may read and write the state there. The lock alone would let a
process with other trees strip the address of one that serves; the port alone, one with another
configuration write into its files. In single mode there is no port of the pair, and no address is
stripped: the lock is enough.

The kernel gives both back at the end of the process, however it ends. The release program takes
both as well. A lock is a file, not a name: once HACONN_VAR is removed and made anew, the file of
that name is another one, and free. So the daemon of a pair looks whether its lock is still the
file of that name, and ends if it is not.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOCK = "lock"


class LockError(Exception):
    """The lock cannot be taken. One line for the operator."""


class TakenError(LockError):
    """Another process has it."""


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock of a state, held."""

    path: Path
    file: int

    def lost(self) -> bool:
        """Whether the file of that name is another one, or none: then it keeps no process away.

        What cannot be looked at (an error of the disk) is no sign of that.
        """
        held = os.fstat(self.file)
        try:
            named = os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return not os.path.samestat(held, named)


@contextmanager
def only_process(var: Path, bind: Callable[[], object] | None = None) -> Iterator[Lock]:
    """Be the only process of this state for the length of the block; raises LockError.

    Args:
        var: HACONN_VAR; it exists.
        bind: takes the port of the pair, and raises what it will; None in single mode. What it
            has taken is the caller's to give back.
    """
    if bind is not None:
        bind()
    file = take_lock(var)
    try:
        yield Lock(var / LOCK, file)
    finally:
        os.close(file)


def _open(path: Path) -> int:
    """Open the lock; where nothing can be written, that of an earlier process does as well."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        if exc.errno != errno.EROFS or not os.path.lexists(path):
            raise
        return os.open(path, flags | os.O_RDONLY)


def take_lock(var: Path) -> int:
    """Take the lock of a state, or raise LockError; it is held until the file is closed.

    It does not pass to programs that are started later.
    """
    path = var / LOCK
    try:
        file = _open(path)
    except OSError as exc:
        raise LockError(f"{path}: {exc.strerror}") from exc
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise TakenError(f"{path}: another haconnr2 runs; haconnshow status shows it") from None
    except OSError as exc:
        os.close(file)
        raise LockError(f"{path}: {exc.strerror}") from exc
    return file
