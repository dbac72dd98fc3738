"""Switching the peer on again after it was fenced: when, how often, and as what it is owed.

Pure. What is owed to the peer is a promise as to any managed server (haconn/core/server.py): it is
on record when the command that makes it due has been given, so also after an attempt that failed
half-way. A peer that was found off is left off: whoever switched it off had a reason.

Twice an hour is enough. A pair that fences itself in turns would otherwise never come to rest;
a third repower waits until the hour is over, and is shown as owed meanwhile.
"""

import math
from collections.abc import Sequence

from haconn.core.model import Instant
from haconn.core.pair_times import TIMES
from haconn.core.server import Owed, Restore
from haconn.core.takeover import Failed, Proved

REPOWERS_MAX = 2
PERIOD_S = 3600.0


def may_repower(history: Sequence[Instant], now: Instant) -> bool:
    """Whether a repower may begin now; `history` holds the begins of earlier ones."""
    return now >= _allowed_at(history)


def repower_due(history: Sequence[Instant], now: Instant) -> Instant:
    """When the peer that was fenced now is to be switched on."""
    return Instant(max(now + TIMES.repower_s, _allowed_at(history)))


def _allowed_at(history: Sequence[Instant]) -> float:
    if len(history) < REPOWERS_MAX:
        return -math.inf
    return sorted(history)[-REPOWERS_MAX] + PERIOD_S


def owed_after(
    end: Proved | Failed, operation: str, history: Sequence[Instant], now: Instant
) -> tuple[Owed, ...]:
    """Give what is owed to the peer when an attempt to fence it has ended; in order of doing.

    Nothing of it may be begun while another attempt is in progress.
    """
    if not end.commanded:
        return ()
    due = repower_due(history, now)
    outlets = (Owed(Restore.FEEDS, operation, now, due),) if end.cut else ()
    return (*outlets, Owed(Restore.POWER_ON, operation, now, due))
