"""Reading and replacing the files of HACONN_ETC: whole or not at all.

A file is replaced by writing a new one beside it, fsync, rename, fsync of the directory, with the
owner and the mode of the old one; a new file gets the owner of the directory, so that what root
sets up the service can read. Secrets are opened without following links, and only if nobody but
their owner can read them. A file that a program makes for itself takes nothing over from what had
its name: neither the mode nor, of a link, the place.
"""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haconn.config.errors import ConfigError

BYTES_MAX = 1024 * 1024
LOCK = ".lock"
PART = ".part"
SECRET_MODE = 0o600
OPEN_MODE = 0o644


def require_directory(path: Path) -> None:
    """Raise ConfigError unless there is a directory that can be looked into."""
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            raise ConfigError(f"{path}: no directory; allowed is one for settings, HACONN_ETC")
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be looked into: {exc.strerror}") from exc


def read_text(path: Path, *, secret: bool = False, bytes_max: int = BYTES_MAX) -> str | None:
    """Give the text of a file, None if there is none.

    Raises ConfigError if it cannot be read, is no text, is too long or, of a secret file, if
    others could read or replace it.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if secret else 0)
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as exc:
        if secret and exc.errno == errno.ELOOP:
            raise ConfigError(f"{path}: a link; allowed is a file of its own") from exc
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    try:
        _require_plain(path, os.fstat(handle), secret=secret)
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(bytes_max + 1)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    finally:
        os.close(handle)
    if len(data) > bytes_max:
        raise ConfigError(f"{path}: too long; allowed: {bytes_max} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: no UTF-8 text, at byte {exc.start}") from None


def _require_plain(path: Path, status: os.stat_result, *, secret: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path}: no regular file")
    mode = stat.S_IMODE(status.st_mode)
    if secret and mode & 0o077:
        raise ConfigError(f"{path}: mode is {mode:04o}, others could use it; allowed: 0600")
    if secret and status.st_uid not in {0, os.geteuid(), path.parent.stat().st_uid}:
        raise ConfigError(f"{path}: belongs to uid {status.st_uid}; allowed: the service's, root")


def replace_text(path: Path, text: str, mode: int) -> None:
    """Make a file say this text, atomically; `mode` is for a file that is new.

    Raises ConfigError, and then the file is as it was.
    """
    place = Path(os.path.realpath(path))  # a link of the operator's stays one
    try:
        _put_in_place(place, text, *_owner(place, mode))
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written: {exc.strerror}") from exc


def replace_secret(path: Path, text: str) -> None:
    """Make a file of our own say this text, atomically, for its owner only: the directory's owner.

    A file of that name, or a link, is replaced and not written through. Raises ConfigError, and
    then what was there is as it was.
    """
    try:
        status = path.parent.stat()
        _put_in_place(path, text, status.st_uid, status.st_gid, SECRET_MODE)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written: {exc.strerror}") from exc


def _put_in_place(place: Path, text: str, owner: int, group: int, mode: int) -> None:
    part = place.parent / f".{place.name}.{secrets.token_hex(6)}{PART}"
    try:
        _write_part(part, text.encode(), owner, group, mode)
        part.replace(place)
        _sync_directory(place.parent)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _owner(place: Path, mode: int) -> tuple[int, int, int]:
    try:
        status = place.stat()
    except FileNotFoundError:
        status = place.parent.stat()
        return status.st_uid, status.st_gid, mode
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)


def _write_part(part: Path, data: bytes, owner: int, group: int, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(part, flags, SECRET_MODE), "wb") as file:
        if os.geteuid() == 0:
            os.fchown(file.fileno(), owner, group)
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(path: Path, mode: int) -> None:
    """Make a directory, owned as the one it lies in; one that exists stays as it is."""
    try:
        path.mkdir(mode=mode)
        if os.geteuid() == 0:
            parent = path.parent.stat()
            os.chown(path, parent.st_uid, parent.st_gid)
    except FileExistsError:
        if not path.is_dir():
            raise ConfigError(f"{path}: no directory") from None
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be made: {exc.strerror}") from exc


def remove(path: Path) -> None:
    """Remove a file; one that is not there is removed."""
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be removed: {exc.strerror}") from exc


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Be the only one who changes files there; raises ConfigError if somebody else does.

    What a killed change left behind is removed.
    """
    path = directory / LOCK
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, SECRET_MODE)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be opened: {exc.strerror}") from exc
    try:
        _lock(handle, path)
        for part in directory.glob(f".*{PART}"):
            remove(part)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.geteuid() == 0:
            parent = path.parent.stat()
            os.fchown(handle, parent.st_uid, parent.st_gid)
    except BlockingIOError:
        raise ConfigError(f"{path.parent}: in use by another setting command; try again") from None
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be locked: {exc.strerror}") from exc
