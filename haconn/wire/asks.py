"""What a client has said and must say again until it is answered."""

from dataclasses import dataclass
from typing import ClassVar

from haconn.wire.codes import Type

BACKING_OFF = (0.2, 0.4, 0.8, 1.6, 3.2)
_DELAYS_S = {
    Type.REGISTER: BACKING_OFF,
    Type.CHECK: (0.2, 0.4, 0.8, 3.0),
    Type.RESET_REQ: (0.2,),
    Type.DUMP_NOTIFY: (0.2,),
    Type.BYE: (0.2,),
}
_TRIES_MAX = {Type.CHECK: 4, Type.DUMP_NOTIFY: 6, Type.BYE: 6}
_ACKNOWLEDGED_DELAY_S = 1.0
CHECK_LIFE_S = 3.0


def delay_s(delays: tuple[float, ...], tries: int) -> float:
    """How long to wait after so many tries; the last delay for ever."""
    return delays[min(tries, len(delays)) - 1]


@dataclass(slots=True)
class Ask:
    """One thing said; the same bytes again in a new datagram."""

    type: Type
    reference: bytes
    payload: bytes
    next_at: float
    expires_at: float | None = None
    tries: int = 0
    acknowledged: bool = False

    EVER: ClassVar[float] = float("inf")

    def said(self, now: float) -> None:
        """It is being sent now: when again?"""
        self.tries += 1
        if self.tries >= _TRIES_MAX.get(self.type, self.tries + 1):
            self.next_at = self.EVER
        elif self.acknowledged:
            self.next_at = now + _ACKNOWLEDGED_DELAY_S
        else:
            self.next_at = now + delay_s(_DELAYS_S[self.type], self.tries)


class Asks:
    """Everything outstanding, by type and reference."""

    __slots__ = ("_asks",)

    def __init__(self) -> None:
        self._asks: dict[tuple[Type, bytes], Ask] = {}

    def add(self, ask: Ask) -> None:
        self._asks[ask.type, ask.reference] = ask

    def get(self, kind: Type, reference: bytes) -> Ask | None:
        return self._asks.get((kind, reference))

    def remove(self, kind: Type, reference: bytes) -> Ask | None:
        """It was answered, or nobody waits for it any more."""
        return self._asks.pop((kind, reference), None)

    def acknowledge(self, kind: Type, reference: bytes, now: float) -> bool:
        """The other end has it: ask less often. Whether that is news."""
        ask = self._asks.get((kind, reference))
        if ask is None or ask.acknowledged:
            return False
        ask.acknowledged = True
        ask.next_at = now + _ACKNOWLEDGED_DELAY_S
        return True

    def renew(self, now: float) -> None:
        """There is a new session: say everything again, at once."""
        for ask in self._asks.values():
            ask.next_at, ask.tries, ask.acknowledged = now, 0, False

    def due(self, now: float) -> tuple[Ask, ...]:
        """What is to be sent now, counted as sent; REGISTER first, as its number is smallest."""
        due = tuple(
            sorted(
                (ask for ask in self._asks.values() if ask.next_at <= now),
                key=lambda ask: ask.type,
            )
        )
        for ask in due:
            ask.said(now)
        return due

    def expire(self, now: float) -> tuple[Ask, ...]:
        """Take out what nobody waits for any longer."""
        over = tuple(ask for ask in self._asks.values() if _expired(ask, now))
        for ask in over:
            del self._asks[ask.type, ask.reference]
        return over

    def next_due(self, *, can_say: bool) -> float:
        """The earliest time at which `due` or `expire` has something; infinity if there is none."""
        times = [ask.expires_at for ask in self._asks.values() if ask.expires_at is not None]
        if can_say:
            times += [ask.next_at for ask in self._asks.values()]
        return min(times, default=Ask.EVER)


def _expired(ask: Ask, now: float) -> bool:
    return ask.expires_at is not None and ask.expires_at <= now
