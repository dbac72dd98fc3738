"""Files that are written in place, into room that is taken from the disk before it is needed.

What is appended to a file gets its room at that moment, and a disk that has become full refuses
it. So room is taken ahead, and lines are written into it where the last one ends. Its zeros are
what a reader takes for the end.

A new file is made beside the old one and takes its name when it is whole: no moment is without a
journal. It is one that was not there before: nothing is written through a link, or into a file
that others have opened.
"""

import contextlib
import os
from pathlib import Path


class JournalFile:
    """One file, open for writing; it has its name when `take_name` says so."""

    def __init__(self, path: Path) -> None:
        """Make it, empty, beside what has the name. Raises OSError."""
        self.path = path
        self._successor = path.with_suffix(".new")
        self._successor.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._successor, flags, 0o600)
        self.end = 0
        """Where the next line goes."""

    def write(self, data: bytes) -> None:
        """Write after what was written. Raises OSError; then it is as if nothing was."""
        view, place = memoryview(data), self.end
        while view:
            written = os.pwrite(self._file, view, place)
            view, place = view[written:], place + written
        self.end = place

    def take_room(self, bytes_: int) -> bool:
        """Have so many bytes from its start on; give whether the disk has them. May wait long."""
        return take_room(self._file, bytes_)

    def take_name(self) -> None:
        """Be the journal from now on. Raises OSError."""
        self._successor.replace(self.path)

    @property
    def has_name(self) -> bool:
        """Whether it is what the next process will find under the name."""
        try:
            found = self.path.lstat()
        except OSError:
            return False
        mine = os.fstat(self._file)
        return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)

    def copy(self) -> int:
        """Give a descriptor of it that may be used and closed elsewhere."""
        return os.dup(self._file)

    def close(self) -> None:
        """Close it."""
        os.close(self._file)

    def discard(self) -> None:
        """Close one that is not to have the name, and give back what it has of the disk."""
        self._successor.unlink(missing_ok=True)
        self.close()


def take_room(file: int, bytes_: int) -> bool:
    """Have so many bytes of a file ready from its start on; give whether the disk has them."""
    try:
        os.posix_fallocate(file, 0, bytes_)
    except OSError:
        return False
    return True


def sync(file: int, directory: Path) -> None:
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


def set_aside(path: Path) -> Path | None:
    """Keep a damaged file for whoever wants to look at it, in place of the one before it.

    It stays where it is under its name until another takes that. Gives None if it cannot be kept.
    """
    aside = path.with_suffix(".damaged")
    with contextlib.suppress(OSError):
        aside.unlink(missing_ok=True)
        os.link(path, aside, follow_symlinks=False)
        return aside
    return None
