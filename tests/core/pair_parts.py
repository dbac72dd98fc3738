"""One member of a pair, with a peer that says what the test wants, on a clock of its own."""

from collections.abc import Callable
from typing import TypeVar

from haconn.core.actions import Remark
from haconn.core.beat import (
    NOBODY,
    Beat,
    Claim,
    Echo,
    PairDatagram,
    PairMessage,
    PairRole,
    PairSession,
    Path,
    Replica,
    Standing,
)
from haconn.core.events import CommandSent, PowerRead, SessionOpened
from haconn.core.model import Instant, Power, PowerReading
from haconn.core.pair import next_due, step
from haconn.core.pair_state import (
    Action,
    Arrived,
    Event,
    Pair,
    PairSettings,
    Saw,
    Speak,
    Surroundings,
    Tick,
    new_pair,
)
from haconn.core.peer_power import Means, observe
from haconn.core.role import Member
from haconn.core.takeover import RETRY_S

A = TypeVar("A")
ME, PEER, NEXT = (PairSession(bytes((letter,)) * 16) for letter in b"mpn")
"""Our session, the peer's, and that of its next process."""
BY_BMC = Means("m1")
SERVICE = b"service!"
JOINING = Claim(PairRole.JOIN, 0)
ACTIVE = Claim(PairRole.ACTIVE, 7)
FOLLOWING = Claim(PairRole.STANDBY, 7, ME)
LONG_AGO = Instant(-100.0)
TICKS_MAX = 2000
RETRY_AT_MOST_S = RETRY_S + 0.2
"""What is due at no time of its own is looked at with every beat."""


def at(seconds: float) -> Instant:
    """A point in time."""
    return Instant(seconds)


def old_session(number: int) -> PairSession:
    """A session of the peer of which somebody has a recording."""
    return PairSession(bytes((number,)) * 16)


def beat(
    claim: Claim = JOINING,
    echo: Echo | None = None,
    *,
    clock: float = 0.0,
    probe: bool = False,
    standing: Standing | None = None,
) -> Beat:
    """What the peer says; it echoes nothing if nothing is given."""
    return Beat(
        claim,
        echo or Echo(NOBODY, 0),
        Replica(),
        standing or Standing(service=SERVICE),
        frozenset({Path.DUPLEX}),
        clock,
        probe,
    )


def of(kind: type[A], actions: list[Action]) -> list[A]:
    """Pick the actions of one kind."""
    return [action for action in actions if isinstance(action, kind)]


class Scene:
    """A member from its start on, which is at 0.0."""

    def __init__(
        self,
        means: Means = BY_BMC,
        *,
        record: Echo | None = None,
        rank: int = 0,
        epoch: int = 0,
    ) -> None:
        member = Member(ME, rank, epoch)
        self.pair: Pair = new_pair(PairSettings(means, SERVICE), member, record, at(0.0))
        self.pair.power = observe(self.pair.power, SessionOpened("m1", 1), LONG_AGO)
        self.now = 0.0
        self.done: list[tuple[float, Action]] = []
        """Everything that was to be done, and when."""
        self._numbers: dict[PairSession, int] = {}

    def take(self, event: Event, now: float | None = None) -> list[Action]:
        """Let something happen at a moment; what was due before has been passed over."""
        self.now = self.now if now is None else now
        actions = step(self.pair, event, at(self.now))
        self.done += [(self.now, action) for action in actions]
        return actions

    def until(self, now: float) -> list[Action]:
        """Look at the clock whenever something is due, until then."""
        actions: list[Action] = []
        for _ in range(TICKS_MAX):
            due = next_due(self.pair)
            if due > now:
                self.now = max(self.now, now)
                return actions
            assert due > self.pair.rhythm.looked_at or due == 0.0, "it would be busy for ever"
            actions += self.take(Tick(), max(due, self.now))
        raise AssertionError("more ticks than anybody wants")

    def says(
        self,
        message: PairMessage,
        now: float,
        session: PairSession = PEER,
        *,
        path: Path = Path.DUPLEX,
        seq: int | None = None,
    ) -> list[Action]:
        """Let the clock go on until then, unless it stands still, and a datagram arrive."""
        if self.pair.rhythm.drained:
            self.until(now)
        number = self._numbers.get(session, 0) + 1 if seq is None else seq
        self._numbers[session] = max(number, self._numbers.get(session, 0))
        return self.take(Arrived(path, PairDatagram(session, number, 0, message)), now)

    def answers(
        self,
        now: float,
        claim: Claim = ACTIVE,
        session: PairSession = PEER,
        *,
        probe: bool = False,
        standing: Standing | None = None,
    ) -> list[Action]:
        """Let a beat come that echoes the last datagram of ours."""
        if self.pair.rhythm.drained:
            self.until(now)
        echo = Echo(ME, self.pair.hearing.sent)
        return self.says(beat(claim, echo, clock=now, probe=probe, standing=standing), now, session)

    def beats(
        self, first: float, last: float, claim: Claim = ACTIVE, session: PairSession = PEER
    ) -> list[Action]:
        """Let a beat come each 200 ms."""
        count = round((last - first) / 0.2)
        moments = [round(first + 0.2 * index, 3) for index in range(count + 1)]
        return [action for now in moments for action in self.answers(now, claim, session)]

    def sees(
        self, *, carrier: bool = True, others_at: float | None = None, since: float = LONG_AGO
    ) -> None:
        """Let the reset path be seen; others have been heard without a gap since then."""
        others = None if others_at is None else at(others_at)
        self.take(Saw(Surroundings(carrier, others, None if others is None else at(since))))

    def read(self, power: Power, now: float) -> list[Action]:
        """Let the peer's BMC be read, and answer at once; the clock is not looked at."""
        return self.take(PowerRead("m1", PowerReading(power, 1, at(now), at(now))), now)

    def reads(self, power: Power, *moments: float) -> list[Action]:
        """Let the peer's BMC be read, and the clock go on until then."""
        return [action for now in moments for action in self.until(now) + self.read(power, now)]

    def sent(self, operation: str = "r-fence-1") -> None:
        """Let the power-off leave."""
        self.take(CommandSent("m1", operation, 0))

    def times(self, kind: type[A], of_these: Callable[[A], bool] = lambda _: True) -> list[float]:
        """When something was to be done."""
        return [
            round(now, 6)
            for now, action in self.done
            if isinstance(action, kind) and of_these(action)
        ]

    @property
    def spoke(self) -> list[float]:
        """When our beats left."""
        return self.times(Speak)

    def calls_dead(self) -> bool:
        """Whether it calls its peer dead."""
        return self.pair.member.silent

    @property
    def role(self) -> PairRole:
        """What it is."""
        return self.pair.member.role


def standby(means: Means = BY_BMC) -> Scene:
    """A standby that has heard its active until 10.0, and sees its reset path."""
    scene = Scene(means)
    scene.beats(0.0, 10.0)
    assert scene.role is PairRole.STANDBY
    scene.sees(others_at=1000.0)
    return scene


def active() -> Scene:
    """An active that has heard its standby until 10.0."""
    scene = Scene()
    scene.beats(0.0, 0.2, JOINING)
    scene.beats(0.4, 10.0, FOLLOWING)
    assert scene.role is PairRole.ACTIVE
    return scene


def probed(scene: Scene) -> list[float]:
    """When the peer was probed."""
    return scene.times(Speak, lambda speak: speak.probe)


def stalls(scene: Scene) -> list[float]:
    """When it was noticed that we had stood still."""
    return remarks(scene, "pair-stall")


def remarks(scene: Scene, message: str) -> list[float]:
    """When something was said to the operator."""
    return scene.times(Remark, lambda remark: remark.message == message)


def told(scene: Scene, message: str, value: str) -> list[str]:
    """What was said to the operator in one place of a message."""
    return [
        dict(one.values)[value]
        for _, one in scene.done
        if isinstance(one, Remark) and one.message == message
    ]
