"""What surrounds two members of a pair: machines, a network that loses, and BMCs.

The members are the code of haconn/core/pair.py, on one virtual clock. A machine has power or not; a
process on it runs, stands still, or has ended. The address is a lease of the kernel's, as it is in
truth: a process that stands still keeps it for a second. A BMC reads truly, if it is reached.

What is sent may be lost, late, and doubled, and anything that was ever sent may be sent again by
somebody who has recorded it.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from haconn.core.actions import Perform
from haconn.core.beat import (
    Echo,
    PairDatagram,
    Path,
)
from haconn.core.events import (
    BmcUnanswered,
    CommandAnswered,
    CommandSent,
    PowerRead,
    SessionOpened,
)
from haconn.core.model import Accepted, Instant, Power, PowerReading, Unsent
from haconn.core.pair_state import (
    Arrived,
    Event,
    Pair,
    Saw,
    Surroundings,
)

PATHS = (Path.DUPLEX, Path.RESET)
SERVICE = b"service!"
RECORDED_MAX = 400


@dataclass
class Process:
    """The daemon on a machine."""

    pair: Pair
    stands_until: float = 0.0
    """Until then nothing of it runs."""
    waiting: list[Event] = field(default_factory=list)
    """What has come meanwhile."""
    turns: deque[Event] = field(default_factory=deque)
    stepping: bool = False
    session: int = 1
    """With the BMC of the other."""
    hurried: bool = False


@dataclass
class Machine:
    """One management server, its kernel and its disk."""

    rank: int
    powered: bool = True
    process: Process | None = None
    lease_until: float = -1.0
    """The address is in its kernel until then."""
    epoch: int = 0
    record: Echo | None = None
    """In /run."""
    enabled: bool = True
    """Its process is started again when it has ended."""
    boot: int = 0
    """Counts power-offs and starts: what was planned before is void."""


@dataclass
class Weather:
    """What happens to datagrams, and to what is asked of BMCs."""

    loss: float = 0.0
    late_s: float = 0.02
    doubled: float = 0.0
    cut: set[tuple[int, Path]] = field(default_factory=set)
    """By sender."""
    blind: set[int] = field(default_factory=set)
    """Who does not reach the BMC of the other."""


class Clock:
    """Virtual time, and what is to happen in it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Let something happen then."""
        self._count += 1
        heapq.heappush(self._due, (max(when, self.now), self._count, what))

    def passes(self, seconds: float, look: Callable[[], None]) -> None:
        """Let time go by, and look at every moment of it."""
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            self.now, _, what = heapq.heappop(self._due)
            what()
            look()
        self.now = until


Machines: TypeAlias = tuple[Machine, Machine]
Take: TypeAlias = Callable[[Machine, Event], None]


class Network:
    """Between the two; what is sent may be lost, late or doubled, and is recorded."""

    def __init__(
        self,
        clock: Clock,
        weather: Weather,
        machines: Machines,
        seed: int,
        take: Take,
    ) -> None:
        self._clock = clock
        self._weather = weather
        self._machines = machines
        self._chance = Random(seed)
        self._take = take
        self._recorded: deque[tuple[int, PairDatagram]] = deque(maxlen=RECORDED_MAX)

    def send(self, sender: Machine, datagram: PairDatagram) -> None:
        """On all paths."""
        self._recorded.append((sender.rank, datagram))
        for path in PATHS:
            for _ in range(2 if self._chance.random() < self._weather.doubled else 1):
                if self._chance.random() >= self._weather.loss:
                    self._carry(sender, path, datagram)

    def _carry(self, sender: Machine, path: Path, datagram: PairDatagram) -> None:
        if (sender.rank, path) in self._weather.cut:
            return
        when = self._clock.now + 0.0005 + self._chance.random() * self._weather.late_s
        receiver = self._machines[1 - sender.rank]
        self._clock.at(when, lambda: self._take(receiver, Arrived(path, datagram)))

    def play(self, count: int, begin: float) -> None:
        """Somebody sends again what was recorded."""
        recorded = list(self._recorded)
        first = int(begin * len(recorded))
        for sender, datagram in recorded[first : first + count]:
            receiver = self._machines[1 - sender]
            self._take(receiver, Arrived(Path.DUPLEX, datagram))


class Devices:
    """The BMCs: each server polls that of the other."""

    def __init__(self, clock: Clock, weather: Weather, machines: Machines, take: Take) -> None:
        self._clock = clock
        self._weather = weather
        self._machines = machines
        self._take = take

    def poll(self, machine: Machine, process: Process, *, was_blind: bool = False) -> None:
        """Read the power of the other, again and again."""
        if machine.process is not process:
            return
        now, blind = self._clock.now, machine.rank in self._weather.blind
        if now < process.stands_until:  # it asks nothing meanwhile
            goes_on = process.stands_until
            self._clock.at(goes_on, lambda: self.poll(machine, process, was_blind=was_blind))
            return
        if blind:
            self._take(machine, BmcUnanswered("peer", Instant(now)))
        else:
            if was_blind:
                process.session += 1
                self._take(machine, SessionOpened("peer", process.session))
            on = self._machines[1 - machine.rank].powered
            reading = PowerReading(
                Power.ON if on else Power.OFF, process.session, Instant(now), Instant(now)
            )
            self._take(machine, PowerRead("peer", reading))
        surroundings = Surroundings(True, Instant(now), Instant(-1000.0))
        self._take(machine, Saw(surroundings))
        again = now + (0.1 if process.hurried else 1.0)
        self._clock.at(again, lambda: self.poll(machine, process, was_blind=blind))

    def perform(
        self, machine: Machine, order: Perform, cut_power: Callable[[Machine], None]
    ) -> None:
        """A power-off takes a while; it is answered before it has an effect."""
        name, stage, now = order.operation, order.stage, self._clock.now
        if machine.rank in self._weather.blind:
            answer = CommandAnswered("peer", name, stage, Unsent("no session"))
            self._clock.at(now + 0.1, lambda: self._take(machine, answer))
            return
        self._take(machine, CommandSent("peer", name, stage))
        answer = CommandAnswered("peer", name, stage, Accepted())
        self._clock.at(now + 0.05, lambda: self._take(machine, answer))
        peer = self._machines[1 - machine.rank]
        self._clock.at(now + 0.2 + self._weather.late_s, lambda: cut_power(peer))
