"""What the words of a system say about its life, and how it is asked for one.

A word proves that its system lived when we gave out what the word answers: the nonce of its
session, or an ask. It proves too that the system lived three seconds before the word arrived,
which is as long as a datagram may be under way. The latest of both is when the system *lived*.

An ask costs its system an acknowledgement: in a session a RESULT under an id that is nothing to
it, else a CHALLENGE with a nonce of its own (docs/protocol.md). It goes out four times, to the
registered place and to where the system spoke last, and is over when 0.3 s have passed.

None of this outlives the process: another one asks again before it says anything.
"""

from dataclasses import dataclass, replace

from haconn.core.contrary import UNDER_WAY_S
from haconn.core.model import Instant

ASK_THEN_S = (0.05, 0.05, 0.1, 0.1)
"""How long after each datagram of an ask the next leaves; after the last, silence counts."""
ASK_FOR_S = sum(ASK_THEN_S)
UNHEARD_THEN_S = (*ASK_THEN_S[:3], 0.3, 0.3, 0.3, 0.2)
"""The same for a system that this process has never heard. It has no session, so that it is asked
by CHALLENGEs, of which a client heeds one a second: it may have heeded one just before."""
UNHEARD_FOR_S = sum(UNHEARD_THEN_S)
LATE_S = 0.05
"""If this process looks so much later than it was to, it has stood still, and answers may lie in
its sockets: they are waited for once more."""
ASK_HOLDS_S = 5.0
"""How long an unanswered ask says something."""
ASK_AGAIN_S = 0.2
"""How often a system is asked for another sign after it gave one."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One ask: the question whether a system lives, said a few times."""

    began: Instant
    due: Instant
    """When the next datagram leaves, or the silence counts."""
    sent: int = 0
    """How many of its datagrams have left."""
    over: bool = False
    then_s: tuple[float, ...] = ASK_THEN_S

    def stepped(self, now: Instant) -> "Asking":
        """Send what is due, one datagram at most, or end."""
        if self.over or now < self.due:
            return self
        if self.sent < len(self.then_s):
            return replace(self, sent=self.sent + 1, due=Instant(now + self.then_s[self.sent]))
        if now > self.due + LATE_S:
            return replace(self, due=Instant(now + LATE_S))
        return replace(self, over=True)


@dataclass(frozen=True, slots=True)
class Words:
    """What is known of one system by what it said to this process."""

    lived_at: Instant | None = None
    place: tuple[str, int] | None = None
    """Where its last word came from."""
    ask: Asking | None = None
    """The latest one."""
    again_at: Instant | None = None
    """When it is asked for another sign, after one."""
    late_at: Instant | None = None
    """When it is asked whether it survived a hard reset that its BMC accepted."""


def lived_at(words: Words, answers_at: Instant | None, now: Instant) -> Instant:
    """Give when a system lived at the latest, by an authenticated word that came now.

    Args:
        answers_at: when that which the word answers was given out; None if that is not known.
    """
    at = Instant(now - UNDER_WAY_S)
    if answers_at is not None:
        at = max(at, min(answers_at, now))
    return at if words.lived_at is None else max(at, words.lived_at)


def asking(words: Words, now: Instant) -> Words:
    """Begin an ask."""
    then_s = UNHEARD_THEN_S if words.lived_at is None else ASK_THEN_S
    return replace(words, ask=Asking(now, now, then_s=then_s))


def is_silent(words: Words, first_answered_at: Instant, now: Instant) -> bool:
    """Whether an ask that began after that answer, and lately, was given no sign of life."""
    ask = words.ask
    if ask is None or not ask.over or ask.began < first_answered_at:
        return False
    recent = now - ask.began <= ASK_HOLDS_S
    return recent and (words.lived_at is None or words.lived_at < ask.began)
