"""The record of resets on its way to a joiner, in excerpts (full sync).

It may hold thousands of request ids. No reset is to wait for that, on either server: an excerpt is
what can be written in a millisecond, and is read in pieces of some milliseconds; the loop goes
round after each. The joiner says when it has read an excerpt, so that neither server has more than
one before it. They are not smaller, since each costs a way there and back, and a standby that fell
behind is waited for until it has everything.

Reading all of them takes a while, and the record changes meanwhile. What has changed comes in
another round, and another, until few lines are left; only then the gate's sync begins. Otherwise
all of that would have to follow as datagrams to a standby that is in step, and every reset of that
moment would wait until it has caught up.

Why a record in excerpts is consistent: a line is one record as a whole, and is never changed, only
replaced by another. A round takes, in one turn, every line that is not what the rounds before it
took, so whatever changes while its excerpts are on their way is of the next round. The last one is
taken in the turn in which the gate's sync begins. Of each record the last line counts: so when all
has been read, each record is there as it was in that turn; what is written later is an entry of
the log. Only what the active forgets meanwhile is there still: answers that are over.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import trio

from haconn.daemon.pair.copy import Incoming
from haconn.daemon.pair.syncing import Excerpt, ExcerptRead, Message, NotReachedError, Talk

EXCERPT_BYTES = 64 * 1024
READ_LINES = 32
"""A piece. A request id is read in some 60 us, a system amidst a reset in a few hundred."""
FEW = READ_LINES
"""With no more lines than this left, the gate's sync begins."""
ROUNDS_MAX = 8
"""After so many it begins whatever is left: an active that is as busy as that has to end, too."""
Lines: TypeAlias = Mapping[object, bytes]
"""The line of each record."""


def excerpts(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a round into excerpts; a line that is longer than one is one by itself."""
    piece: list[bytes] = []
    length = 0
    for line in lines:
        if piece and length + len(line) > EXCERPT_BYTES:
            yield b"".join(piece)
            piece, length = [], 0
        piece.append(line)
        length += len(line)
    if piece:
        yield b"".join(piece)


def pieces(excerpt: bytes) -> Iterator[bytes]:
    """Cut an excerpt into what is read in one turn."""
    lines = excerpt.removesuffix(b"\n").split(b"\n")
    for start in range(0, len(lines), READ_LINES):
        yield b"\n".join(lines[start : start + READ_LINES])


class Giving:
    """The active's side of one full sync."""

    def __init__(self, talk: Talk, whole: Callable[[], Lines]) -> None:
        """Give nothing yet; `whole` tells the record as it is."""
        self._talk = talk
        self._whole = whole
        self._taken: Lines = {}
        """What the rounds so far are of."""

    async def all_but_few(self) -> list[bytes]:
        """Give round after round; give back the last one, which was taken in this very turn.

        Who lets the gate's sync begin before anything else is awaited, and gives those lines then,
        has given everything. Raises SealedStreamLost, NotReachedError.
        """
        left = self._round()
        for _ in range(ROUNDS_MAX):
            if len(left) <= FEW:
                break
            await self.give(left)
            left = self._round()
        return left

    def _round(self) -> list[bytes]:
        before, self._taken = self._taken, self._whole()
        return [line for name, line in self._taken.items() if before.get(name) != line]

    async def give(self, lines: Iterable[bytes]) -> None:
        """Give one round. Raises SealedStreamLost, NotReachedError."""
        for excerpt in excerpts(lines):
            await self._talk.say(Excerpt(excerpt.decode()))
            if not isinstance(await self._talk.hear(), ExcerptRead):
                raise NotReachedError("the joiner reads no further")


async def read_all(
    talk: Talk, incoming: Incoming, offset_s: Callable[[], float | None]
) -> Message | None:
    """Read excerpts until something else is said, and give that.

    Raises SealedStreamLost, NotReachedError, DamagedEntryError, UnicodeEncodeError.

    Args:
        offset_s: what makes an instant of this process of the active's stamps; None if this is
            not to be gone on with.
    """
    while isinstance(said := await talk.hear(), Excerpt):
        for piece in pieces(said.lines.encode()):
            offset = offset_s()
            if offset is None:
                return None
            incoming.take(piece, offset)
            await trio.lowlevel.checkpoint()
        await talk.say(ExcerptRead())
    return said
