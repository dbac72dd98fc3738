"""Small records on a disk: replaced as a whole, and checked when they are read.

A file is one line: 32 hexadecimal digits, a space, JSON. The digits are the first 16 bytes of
BLAKE2b over the file's name, a zero and the JSON: no byte of it can change without notice, and
the record of another name is not taken for this one. Why 16 bytes and no CRC: docs/decisions/014.

A file that is not there is no record. One that is there and is not what was written is damaged;
its reader says so, and acts as if the worst were written there that is not dangerous.

Few imports: the release program is in a hurry.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

BYTES_MAX = 4096
SUM_BYTES = 16
_DIGITS = 2 * SUM_BYTES
Tell = Callable[[Path], None]
"""Takes the file that was found damaged."""


def ignore(_: Path) -> None:
    """Tell nobody."""


def digest(data: bytes) -> bytes:
    """Give the hexadecimal digits that make every change of the data noticed."""
    return hashlib.blake2b(data, digest_size=SUM_BYTES).hexdigest().encode()


def load(path: Path, damaged: Tell = ignore) -> object:
    """Give what was stored there; None if nothing was, or if it is damaged, which is told."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags), "rb") as file:
            data = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError:
        data = b""
    text = data[_DIGITS + 1 : -1]
    try:
        value = json.loads(text) if data == _line(path, text) else None
    except (ValueError, RecursionError):  # written by another than `store`
        value = None
    if value is None:
        damaged(path)
    return value


def store(path: Path, value: object) -> str | None:
    """Replace a record; gives what went wrong, and then it is as it was.

    Nothing is synced: neither a crash of the machine nor waiting for a disk is worth it.
    """
    part = path.with_suffix(".part")
    try:
        part.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(part, flags, 0o600), "wb") as stream:
            stream.write(_line(path, json.dumps(value).encode()))
        part.replace(path)
    except OSError as exc:
        return fault(path, exc)
    return None


def remove(path: Path) -> str | None:
    """Let there be no record; gives what went wrong."""
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        return fault(path, exc)
    return None


def fault(path: Path, exc: OSError) -> str:
    """One line for an alarm."""
    return f"{path}: {exc.strerror or exc}"


def _line(path: Path, text: bytes) -> bytes:
    return digest(b"%b\0%b" % (path.name.encode(), text)) + b" " + text + b"\n"
