"""Which request numbers (rqSeq) are free: 64 of them, and a late answer must find no new owner.

Pure: `now` is the time of the caller's monotonic clock, in seconds.

A number may be given out again when no answer to its old request can come any more. That is so if
  - as many answers came as datagrams were sent under it, or
  - a request first sent REORDER_S after its last datagram was answered. A BMC reads one socket in
    order, so what was sent before is answered or lost; REORDER_S is more than a network reorders.
Time alone proves nothing: a frozen BMC answers minutes later what piled up. So a BMC that stays
silent uses the numbers up, and then a new login (new keys) is the only way on.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

COUNT: Final = 64
REORDER_S: Final = 10.0
COMMAND_RESERVE: Final = 8
"""Numbers that reads leave to commands: unanswered polls must not take them all."""


@dataclass(slots=True)
class _Use:
    first_sent: float
    last_sent: float
    owed: int = 0
    waited_for: bool = True


class Numbers:
    """The numbers of one session."""

    def __init__(self) -> None:
        self._free = deque(range(COUNT))
        self._uses: dict[int, _Use] = {}

    def take(self, now: float, reserve: int = 0) -> int | None:
        """Give the number that has rested longest; None if no more than `reserve` are free."""
        if len(self._free) <= reserve:
            return None
        number = self._free.popleft()
        self._uses[number] = _Use(now, now)
        return number

    def note_sent(self, number: int, now: float) -> None:
        """A datagram with this number left."""
        use = self._uses[number]
        use.last_sent = now
        use.owed += 1

    def note_answered(self, number: int) -> None:
        """An authentic answer with this number came, waited for or not."""
        use = self._uses.get(number)
        if use is None:
            return
        use.owed -= 1
        settled = [
            other
            for other, old in self._uses.items()
            if not old.waited_for and old.last_sent + REORDER_S <= use.first_sent
        ]
        for other in settled:
            self._release(other)
        self._release_if_settled(number)

    def give_back(self, number: int) -> None:
        """Nobody waits for this number any more: answered, cancelled or given up."""
        self._uses[number].waited_for = False
        self._release_if_settled(number)

    def _release_if_settled(self, number: int) -> None:
        use = self._uses[number]
        if not use.waited_for and use.owed <= 0:
            self._release(number)

    def _release(self, number: int) -> None:
        del self._uses[number]
        self._free.append(number)
