"""The standby's copy of the active's log, and what it is worth at a takeover (design section 6).

Rule 1. A copy begins with a full sync, and takes entries of that one log, in order, without gaps.
Rule 2. Acknowledged is what is applied, and nothing else: `applied` counts without gaps.
Rule 3. A standby is exact only if the last heartbeat it heard of this log
        - left after the copy had begun,
        - left less than gate_s before the takeover,
        - announced nothing that is not applied, and
        - did not call it unsynchronised.
        Else it is conservative. Why this suffices stands in haconn/core/gate.py.

When a heartbeat left is not when it was heard: it may have waited in a socket for as long as this
process stood still. It left after the datagram that it echoes had been sent, and of that our own
clock knows when; this is what counts (`LastBeat.left_after`). It costs one interval at most.

That it must be later than the beginning of the copy is for the process that replaces another one
quickly: until the active has noticed, its heartbeats call the earlier process synchronised.

The active measures gate_s on its own clock, hence RATES: the two may differ so much.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias

from haconn.core.beat import INTENT_BODY_MAX, NOBODY, Intent, PairSession
from haconn.core.model import Instant
from haconn.core.pair_times import TIMES, PairTimes

AHEAD_MAX = 64
"""So many entries behind a gap are held; what is beyond comes again."""
PARTS_MAX = 64
"""An entry in more parts than this is not sent (4.5 MB are held at most)."""
ENTRY_MAX = PARTS_MAX * INTENT_BODY_MAX
"""The length in bytes of the longest entry that can be sent."""
RATES = 1.1
"""One monotonic clock runs at most so many times as fast as the other while it is being slewed."""
NEVER = Instant(-inf)


@dataclass(frozen=True, slots=True)
class Pieces:
    """An entry of which something has arrived."""

    index: int
    bodies: tuple[bytes | None, ...]
    """By part; None is missing."""

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return None not in self.bodies


@dataclass(frozen=True, slots=True)
class StandbyLog:
    """The copy; without arguments, none."""

    log: PairSession = NOBODY
    begun: Instant = NEVER
    """When its full sync was loaded."""
    applied: int = 0
    """Up to here it has everything: what an acknowledgement and a heartbeat say."""
    ahead: tuple[Pieces, ...] = ()
    """What cannot be applied yet, in order."""


@dataclass(frozen=True, slots=True)
class LastBeat:
    """What counts of the last heartbeat that an active was heard with."""

    log: PairSession
    announced: int
    synchronised: bool
    left_after: Instant
    """When we had sent what it echoes; NEVER if it echoes nothing of this process."""


Taken: TypeAlias = tuple[StandbyLog, tuple[bytes, ...]]
"""The copy as it is now, and the entries that are to be applied before `applied` is told."""


def split(entry: bytes) -> tuple[bytes, ...]:
    """Cut an entry into the bodies of its parts; at most ENTRY_MAX bytes."""
    assert len(entry) <= ENTRY_MAX, "asked before: such an entry is not sendable"
    starts = range(0, len(entry), INTENT_BODY_MAX)
    return tuple(entry[start : start + INTENT_BODY_MAX] for start in starts) or (b"",)


def is_news(held: StandbyLog, log: PairSession, snapshot: int) -> bool:
    """Say whether a full sync up to `snapshot` is to be loaded: not if the copy is as far."""
    return log != held.log or snapshot > held.applied


def begin(held: StandbyLog, log: PairSession, snapshot: int, now: Instant) -> Taken:
    """Take in that a full sync is here, and loaded if it was news."""
    if log != held.log:
        return StandbyLog(log, now, snapshot), ()
    return _advanced(replace(held, begun=now, applied=max(held.applied, snapshot)))


def take(held: StandbyLog, log: PairSession, intent: Intent) -> Taken:
    """Take in a part of an entry of `log`: it may come twice, late, or never.

    Acknowledge `applied` afterwards if the log is that of the copy, news or not: the active may
    not have heard it.
    """
    if log != held.log or not _has_a_place(held, intent):
        return held, ()
    pieces = {one.index: one for one in held.ahead}
    known = pieces.get(intent.index, Pieces(intent.index, (None,) * intent.parts))
    if len(known.bodies) != intent.parts:
        return held, ()  # an active never cuts one entry in two ways
    bodies = list(known.bodies)
    bodies[intent.part] = intent.body
    pieces[intent.index] = Pieces(intent.index, tuple(bodies))
    return _advanced(replace(held, ahead=tuple(pieces[index] for index in sorted(pieces))))


def is_exact(
    held: StandbyLog, beat: LastBeat | None, now: Instant, times: PairTimes = TIMES
) -> bool:
    """Say whether a takeover that is complete at `now` knows every stage that was let go.

    To be asked when the active is proved gone, or later.
    """
    if beat is None or beat.log != held.log:
        return False
    recent = beat.left_after > held.begun and (now - beat.left_after) * RATES < times.gate_s
    return recent and beat.synchronised and held.applied >= beat.announced


def _has_a_place(held: StandbyLog, intent: Intent) -> bool:
    near = intent.index <= held.applied + AHEAD_MAX
    return near and 0 <= intent.part < intent.parts <= PARTS_MAX


def _advanced(held: StandbyLog) -> Taken:
    """Give what has become whole without a gap, and forget what is applied already."""
    applied = held.applied
    whole: list[bytes] = []
    rest: list[Pieces] = []
    for one in held.ahead:
        if one.index == applied + 1 and one.whole:
            applied = one.index
            whole.append(b"".join(body for body in one.bodies if body is not None))
        elif one.index > applied:
            rest.append(one)
    return replace(held, applied=applied, ahead=tuple(rest)), tuple(whole)
