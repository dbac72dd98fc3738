"""How long a device takes to answer, and when it is asked again: RFC 6298, for reads.

A fixed time piles datagrams up at a device that answers more slowly than it is asked again: each
repetition is one more datagram that it works off, and it is never usable. So the time follows what
was measured of this device.

Rule 1. What was asked once is measured. What was asked again is not (Karn): which of the askings
        the answer belongs to is not known.
Rule 2. A device that answered after it was asked again may work off each asking, one after the
        other. Until it is measured anew it is given that long for an answer.
Rule 3. A device that is silent altogether tells nothing about its time: the next asking begins
        with the time that was measured before.

Pure: the caller measures, in seconds of its monotonic clock.
"""

from collections.abc import Iterator
from typing import Final

from haconn.core.model import SHORTEST_TIMEOUT_S

LONGEST_TIMEOUT_S: Final = 3.0
"""Three of these are less than the shortest hard stage (10 s): a device that is called dead later,
or asked again later, is of no use to a reset."""
ASKINGS: Final = 3
"""So often a device is asked until its silence is told."""
_SMOOTH: Final = 1 / 8
_VARY: Final = 1 / 4
_VARIATIONS: Final = 4
_SPARE_S: Final = 0.1
"""At least so much more than the smoothed time, however evenly a device answers."""


class AnswerTimes:
    """The answer time of one device, as measured so far."""

    def __init__(self, first_s: float, shortest_s: float = SHORTEST_TIMEOUT_S) -> None:
        """`first_s` is the time-out before anything was measured."""
        self._shortest_s: Final = shortest_s
        self._measured: tuple[float, float] | None = None
        """Smoothed time and variation."""
        self._timeout_s = first_s
        self._held_s = 0.0

    @property
    def timeout_s(self) -> float:
        """How long an answer is waited for before the device is asked again."""
        return max(self._timeout_s, self._held_s)

    def answered(self, after_s: float, askings: int = 1) -> None:
        """Take in an answer, so long after the first asking."""
        if askings > 1:
            longest_s = after_s * askings + self._shortest_s
            self._held_s = min(max(self._held_s, longest_s), LONGEST_TIMEOUT_S)
            return
        self._held_s = 0.0
        if self._measured is None:
            smooth_s, vary_s = after_s, after_s / 2
        else:
            smooth_s, vary_s = self._measured
            vary_s += _VARY * (abs(smooth_s - after_s) - vary_s)
            smooth_s += _SMOOTH * (after_s - smooth_s)
        self._measured = smooth_s, vary_s
        timeout_s = smooth_s + max(_SPARE_S, _VARIATIONS * vary_s)
        self._timeout_s = min(max(timeout_s, self._shortest_s), LONGEST_TIMEOUT_S)

    def intervals(self, at_least_s: float = 0.0) -> Iterator[float]:
        """Give how long to wait after each asking, without end: each twice the one before."""
        interval_s = max(self.timeout_s, at_least_s)
        while True:
            yield interval_s
            interval_s = min(2 * interval_s, LONGEST_TIMEOUT_S)
