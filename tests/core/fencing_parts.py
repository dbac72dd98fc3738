"""One attempt to fence a peer, told event by event."""

from typing import TypeVar

from haconn.core.actions import Perform
from haconn.core.beat import PairSession
from haconn.core.events import (
    BmcUnanswered,
    CommandAnswered,
    CommandSent,
    DeviceEvent,
    FeedsRead,
    OutletSent,
    PowerRead,
    SessionOpened,
)
from haconn.core.model import Answer, Feed, Instant, Power, PowerReading
from haconn.core.peer_power import Means, PeerPower, heard, known_of, observe
from haconn.core.reset import Command
from haconn.core.server import FeedReading
from haconn.core.takeover import (
    Action,
    Event,
    Failed,
    Fencing,
    Heard,
    Looked,
    Plan,
    Proved,
    State,
    begin,
    fencing_plan,
    step,
)

A = TypeVar("A")
OLD, NEW = PairSession(b"o" * 16), PairSession(b"n" * 16)
LEFT, RIGHT = Feed("10.1.0.1", "1"), Feed("10.1.0.2", "1")
BY_BMC = Means("m1")
WITH_OUTLETS = Means("m1", outlets=True, timeout_s=5.0, feeds=(LEFT, RIGHT))
BEGAN = 100.0
HEARD_AT = BEGAN - 1.5


def at(seconds: float) -> Instant:
    """A point in time, from the begin of the attempt."""
    return Instant(BEGAN + seconds)


def power_read(power: Power, seconds: float, session: int = 1) -> PowerRead:
    """A status read that was answered at once."""
    return PowerRead("m1", PowerReading(power, session, at(seconds), at(seconds)))


def feeds_read(power: Power, seconds: float, *feeds: Feed) -> FeedsRead:
    """A read of outlets."""
    reading = FeedReading(power, at(seconds), at(seconds))
    return FeedsRead(dict.fromkeys(feeds or (LEFT, RIGHT), reading))


def known_on(means: Means = WITH_OUTLETS) -> PeerPower:
    """A peer that was heard until HEARD_AT, with a BMC in a session that is no longer young."""
    known = observe(known_of(means), SessionOpened("m1", 1), Instant(0.0))
    known = heard(known, OLD, Instant(HEARD_AT))
    return observe(known, power_read(Power.ON, -0.5), at(-0.5))


class Attempt:
    """An attempt in progress, or ended."""

    def __init__(
        self,
        means: Means = WITH_OUTLETS,
        known: PeerPower | None = None,
        *,
        cut_before: bool = False,
    ) -> None:
        self.known = known_on(means) if known is None else known
        self.plan: Plan = fencing_plan(means, "f-1", at(0), cut_before=cut_before)
        self.state: State
        self.state, self.begun = begin(self.plan, self.known, at(0))
        self.actions: list[Action] = list(self.begun)

    @property
    def over(self) -> bool:
        """Whether it has ended, well or badly."""
        return not isinstance(self.state, Fencing)

    @property
    def going(self) -> Fencing:
        """The state, of an attempt that has not ended."""
        assert isinstance(self.state, Fencing)
        return self.state

    @property
    def proved(self) -> Proved:
        """Its good end."""
        assert isinstance(self.state, Proved)
        return self.state

    @property
    def failed(self) -> Failed:
        """Its bad end."""
        assert isinstance(self.state, Failed)
        return self.state

    @property
    def ordered(self) -> list[Command]:
        """What was commanded until now."""
        return [one.command for one in self.actions if isinstance(one, Perform)]

    def tell(self, event: Event, seconds: float) -> tuple[Action, ...]:
        """Let something happen; give what is to be done."""
        now = at(seconds)
        if isinstance(event, Heard):
            self.known = heard(self.known, OLD, now)
        elif isinstance(event, DeviceEvent):
            self.known = observe(self.known, event, now)
        self.state, actions = step(self.plan, self.going, self.known, event, now)
        self.actions += actions
        return actions

    def read(self, power: Power, *moments: float, session: int = 1) -> None:
        """Let the BMC be read."""
        for seconds in moments:
            self.tell(power_read(power, seconds, session), seconds)

    def sent(self, seconds: float = 0.0) -> None:
        """Let the power-off leave."""
        self.tell(CommandSent("m1", "f-1", 0), seconds)

    def answered(self, answer: Answer, seconds: float, stage: int = 0) -> None:
        """Let a command be answered."""
        self.tell(CommandAnswered("m1", "f-1", stage, answer), seconds)

    def silent(self, since: float, seconds: float) -> None:
        """Let the BMC have been silent since it was first asked."""
        self.tell(BmcUnanswered("m1", at(since)), seconds)

    def outlets(self, power: Power, sent: float, read: float, *feeds: Feed) -> None:
        """Let orders leave, and their outlets be read."""
        for feed in feeds or (LEFT, RIGHT):
            self.tell(OutletSent("m1", "f-1", 1, feed, on=False), sent)
        self.tell(feeds_read(power, read, *feeds), read)

    def looked(self, asked: float, seconds: float) -> None:
        """Let the last look have got no answer of on."""
        self.tell(Looked("m1", at(asked)), seconds)
