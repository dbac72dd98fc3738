"""What a line of the journal looks like, and how a reader knows that it is as it was written.

    number  length  checksum  record

The number counts all lines of one process, from one that no earlier process of this boot has come
to; 16 hexadecimal digits. The length is that of the record in bytes; 8 digits. The checksum is
over all that stands before and after it, and over the name of the journal, so that no line of
another one is taken for one of this (haconn/daemon/small_files.py); 32 digits. The record is JSON,
without a line feed in it.

A file begins with its title, a record too: which boot, whose, and how many lines follow that say
how everything stood when the file was begun. After these the title stands once more; then comes
what was written since, each number one greater than the one before. So nothing can be changed,
be put in, go, or come twice without notice, except at the end: what a kill or a crash cuts off
there is a torn tail, and it was not acted on. Zeros after the last line are room for the next.
"""

import json
from dataclasses import dataclass
from typing import Final

from haconn.daemon.small_files import SUM_BYTES, digest

VERSION: Final = 2
"""Of all that is said above. A field more in a record makes no other version."""
_HEAD_BYTES = 16 + 1 + 8 + 1
BODY_AT = _HEAD_BYTES + 2 * SUM_BYTES + 1
"""Where the record begins."""
_TITLE = b'{"title":'


@dataclass(frozen=True, slots=True)
class Title:
    """What a file of the journal says of itself."""

    journal: str
    """Of one process: in HACONN_VAR and in HACONN_RUN there are two files of one journal."""
    boot: str
    """The kernel's boot id: in another boot its instants say nothing."""
    epoch: int
    """Of the active of a pair; 0 of a single server."""
    count: int
    """So many lines say how everything stood."""
    twin: bool
    """Whether there was a file of the same journal in the other place when this one was begun."""


def seal(number: int, record: bytes, journal: bytes = b"") -> bytes:
    """Give the line of a record, with its line feed; a title belongs to no journal yet."""
    head = b"%016x %08x " % (number, len(record))
    return b"%b%b %b\n" % (head, digest(head + record + journal), record)


def unseal(line: bytes, journal: bytes = b"") -> tuple[int, bytes] | None:
    """Give number and record of a line without its line feed; None if it is not as sealed."""
    head, checksum, record = line[:_HEAD_BYTES], line[_HEAD_BYTES:BODY_AT], line[BODY_AT:]
    if checksum != digest(head + record + journal) + b" ":
        return None
    return int(head[:16], 16), record


def is_torn(tail: bytes) -> bool:
    """Whether a last line without a line feed is one that was written in part."""
    try:
        return len(tail) < BODY_AT or len(tail) < BODY_AT + int(tail[17:25], 16)
    except ValueError:
        return False


def seal_title(number: int, title: Title) -> bytes:
    """Give the line of a title; its number is that of the last line before the file was begun."""
    row = {
        "version": VERSION,
        "journal": title.journal,
        "boot": title.boot,
        "epoch": title.epoch,
        "count": title.count,
        "twin": title.twin,
    }
    return seal(number, b"%b%b}" % (_TITLE, json.dumps(row).encode()))


def is_title(line: bytes) -> bool:
    """Whether a line is, or was, that of a title."""
    return line.startswith(_TITLE, BODY_AT)


def parse_title(record: bytes) -> Title | None:
    """Give a title; None if it is of another version."""
    try:
        row = json.loads(record)["title"]
        if row["version"] != VERSION:
            return None
        names = ("journal", "boot", "epoch", "count", "twin")
        journal, boot, epoch, count, twin = (row[name] for name in names)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return Title(str(journal), str(boot), int(epoch), int(count), bool(twin))
