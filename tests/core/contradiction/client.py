"""The adapter: a client on a system and the network between it and the daemon.

A word is given out *for* something: the nonce of its session, or an ask. The core of today never
asks and does not know what a word answers; one that has `Ask` and `answers_at` is asked for them
by name, so that the same simulation judges both.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from haconn.core import events
from haconn.core.actions import Action
from haconn.core.model import Instant
from tests.core.contradiction.hardware import Lag, Machine

KNOWS_ANSWERS = "answers_at" in events.Speaker.__dataclass_fields__
HEEDS_EACH_S = 1.0
"""A client heeds a CHALLENGE that it did not ask for so often at most."""
SPEAKS_EACH_S = 1.0


def is_ask(action: Action) -> bool:
    """Whether this is one datagram that asks a system whether it lives."""
    return type(action).__name__ == "Ask"


@dataclass
class Link:
    """The network between one client and the daemon."""

    random: Random
    lag: Lag
    loss: float = 0.0

    def carries(self) -> float | None:
        """Time of one way; None if the datagram is lost."""
        return None if self.random.random() < self.loss else self.lag() / 2


@dataclass
class Word:
    """One authenticated datagram."""

    machine: Machine
    boot: int
    given_at: float
    """When we gave out what it answers."""
    session_at: float
    life: int
    """Which process of the daemon the session belongs to."""
    registers: bool = False

    def event(self) -> events.Event:
        """What the core takes in."""
        key = self.machine.key
        extra: dict[str, Any] = {"answers_at": Instant(self.given_at)} if KNOWS_ANSWERS else {}
        address, port = f"10.0.0.{key.number}", 7000 + key.number
        speaker = events.Speaker(
            key, f"boot{self.boot}", Instant(self.session_at), address, port, **extra
        )
        return (
            events.Registered(speaker, address, port) if self.registers else events.Spoke(speaker)
        )


@dataclass
class Client:
    """The monitor on one machine: it speaks each second, and answers while its system lives."""

    machine: Machine
    link: Link
    at: Callable[[float, Callable[[], None]], None]
    """Do something so many seconds from now."""
    clock: Callable[[], float]
    life: Callable[[], int]
    """The daemon's process that runs now; negative while none does."""
    hear: Callable[[Word], None]
    """The daemon's socket."""
    session: tuple[int, int, float, float] | None = None
    """Boot, process, when its nonce was given out, when it was trusted."""
    heeded_at: float = -9.0
    words: int = field(default=0)

    def begin(self) -> None:
        """It has its session from before, and speaks."""
        self.session = (self.machine.boot, self.life(), self.clock(), self.clock())
        self.at(self.link.random.random() * SPEAKS_EACH_S, self.speak)

    def speak(self) -> None:
        """Say what is said each second: a CHECK."""
        self.at(SPEAKS_EACH_S, self.speak)
        if self.machine.is_alive(self.clock()):
            way = self.link.carries()
            boot = self.machine.boot
            if way is not None:
                self.at(way, lambda: self._arrives(boot))

    def _arrives(self, boot: int) -> None:
        """A word is in the daemon's socket: of a session of this process, or of none."""
        life = self.life()
        if life < 0:
            return
        if self.session is not None and self.session[:2] == (boot, life):
            self.hear(Word(self.machine, boot, self.session[2], self.session[3], life))
        else:
            self._challenged()

    def asked(self) -> None:
        """The daemon asks: by a RESULT in a session, else by a CHALLENGE."""
        if self.session is None or self.session[1] != self.life():
            self._challenged()
            return
        given_at = self.clock()
        down, up = self.link.carries(), self.link.carries()
        if down is None or up is None:
            return
        self.at(down, lambda: self._acknowledges(given_at, up))

    def _acknowledges(self, given_at: float, up: float) -> None:
        session = self.session
        if session is None or not self._speaks_as(session[0]):
            return
        boot, life, _, trusted_at = session
        self.at(up, lambda: self._heard(Word(self.machine, boot, given_at, trusted_at, life)))

    def _speaks_as(self, boot: int) -> bool:
        return self.machine.is_alive(self.clock()) and self.machine.boot == boot

    def _challenged(self) -> None:
        """A CHALLENGE leaves; it is heeded at most once a second."""
        given_at, life = self.clock(), self.life()
        down = self.link.carries()
        if down is not None and life >= 0:
            self.at(down, lambda: self._heeds(given_at, life))

    def _heeds(self, given_at: float, life: int) -> None:
        now = self.clock()
        if not self.machine.is_alive(now) or now < self.heeded_at + HEEDS_EACH_S:
            return
        self.heeded_at = now
        boot, up = self.machine.boot, self.link.carries()
        if up is not None:
            self.at(up, lambda: self._trusted(boot, given_at, life))

    def _trusted(self, boot: int, given_at: float, life: int) -> None:
        if life != self.life():
            return
        now = self.clock()
        self.session = (boot, life, given_at, now)
        self.hear(Word(self.machine, boot, given_at, now, life, registers=True))

    def _heard(self, word: Word) -> None:
        if word.life == self.life():
            self.hear(word)
