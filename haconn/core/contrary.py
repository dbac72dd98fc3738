"""What contradicts what: the signs of life that end evidence, as data.

A source that reads off, a BMC that accepts and a system that says that it stops are each held
against what shows that the system lives. This file states once which sign counts against which
source, how much later than which date of the evidence, and when a source is believed no longer.
haconn/core/off_proof.py seeks contrary signs before it lets an off prove anything, and
haconn/core/words.py dates what systems say.

Four rules keep an honest source from being condemned. BMCs and relays are known to read off up to
two seconds before the system dies, so a sign only begins the run of off anew. A word is dated by
what it answers, not by its session, since a datagram may have been under way for three seconds. A
source is distrusted only when the system lived three seconds after its first off, or when a cut
has ended without proof against a sign. And distrust ends when the source reads on for a while.
"""

from dataclasses import dataclass
from enum import Enum

from haconn.core.model import Instant
from haconn.core.reset import Evidence

UNDER_WAY_S = 3.0
"""How long a datagram may have been under way: a word proves life so long before its arrival."""
QUIET_S = 1.0
"""How long no other sign may come after one before a new run proves anything."""
DISTRUST_AFTER_S = 3.0
"""Life so long after the first off since the last on: the source is not this system's, or lies."""
TRUST_AFTER_ON_S = 10.0
"""How long a distrusted source must read on, without a gap, until it is believed again."""
LATE_ASK_S = 3.0
"""So long after a DUMP by acceptance was told its system is asked once whether it lives."""


class Source(Enum):
    """Who says that a system has no power. The value is what messages call it."""

    BMC = "BMC"
    FEEDS = "outlets"
    HYPERVISOR = "hypervisor"


class Sign(Enum):
    """What shows that a system lives, or has power."""

    WORD = "it spoke"
    BMC_ON = "its BMC read on"
    GUEST_ON = "its own state read on"


SIGNS_AGAINST = {
    Source.BMC: frozenset({Sign.WORD}),
    Source.FEEDS: frozenset({Sign.WORD, Sign.BMC_ON}),
    Source.HYPERVISOR: frozenset({Sign.WORD, Sign.GUEST_ON}),
}
"""A run of off of the source is void by these, if they are not earlier than the answer of its
first read. A BMC that reads on has ended its own run already, and so has a guest's own state."""

OFF_BY = {
    Evidence.POWER_OFF: Source.BMC,
    Evidence.OUTLETS_OFF: Source.FEEDS,
}
EVIDENCE_OF = {source: evidence for evidence, source in OFF_BY.items()}
ACCEPTED_BY = {Evidence.HARD_RESET_ACCEPTED: Source.BMC}
"""Answers that prove nothing while their source is distrusted."""

LIFE_ENDS_AFTER_S = {
    Evidence.STOP_NOTICE: 0.0,
    Evidence.KDUMP_NOTICE: 0.0,
    Evidence.POWER_OFF: 0.0,
    Evidence.OUTLETS_OFF: 0.0,
    Evidence.HARD_RESET_ACCEPTED: 3.0,
}
"""How much later than the evidence a system must have lived to contradict it: an acceptance is an
answer, and its effect may take a moment. A new boot is life itself: no word contradicts it."""


@dataclass(frozen=True, slots=True)
class Distrust:
    """A source that proves nothing about one server, and why."""

    source: Source
    sign: Sign | None
    """What showed that the system lives; None after a cut, against which there may be several."""
    since: Instant
    cut: bool = False
    """Its outlets were cut and a sign came all the same: they are not what feeds the server. Only
    other settings, or a test of the wiring, end this."""
    feeds: tuple[str, ...] = ()
    """The outlets that were cut, as they were set then."""


def about(server: str, source: Source) -> str:
    """What an alarm on a source is about, so that the message which ends it finds it."""
    return f"{source.value} of {server}"


def voids(sign: Sign, source: Source, at: Instant, first_answered_at: Instant) -> bool:
    """Whether a sign that was true at `at` ends a run of off that began with that answer: also one
    of the same moment, such as the answer to an ask that left in the turn of the first read."""
    return sign in SIGNS_AGAINST[source] and at >= first_answered_at


def contradicts(evidence: Evidence, since: Instant, lived_at: Instant) -> bool:
    """Whether a system that lived then cannot have been stopped as this evidence says.

    Args:
        since: when the evidence was first true; of a run, the answer of its first read.
    """
    later_by_s = LIFE_ENDS_AFTER_S.get(evidence)
    return later_by_s is not None and lived_at > since + later_by_s


def condemns(off_since: Instant, lived_at: Instant) -> bool:
    """Whether a source that has read off since then is believed no longer."""
    return lived_at - off_since > DISTRUST_AFTER_S
