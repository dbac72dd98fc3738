"""One reset, played by hand: the machine of haconn/core/reset.py without a world."""

from dataclasses import replace

from haconn.core.model import Answer
from haconn.core.plan import Policy, reset_plan
from haconn.core.reset import (
    Action,
    Answered,
    Concluded,
    Event,
    Evidence,
    Phase,
    Record,
    Recorded,
    Sent,
    State,
    Step,
    TimePassed,
    Trying,
    begin,
    step,
)
from tests.core.parts import FEED_A, FEED_B, UNSENT, at

SOFT_S, HARD_S, CUT_S = 2.0, 8.0, 10.0
BEGAN = 100.0
PLAIN = Policy("db1", soft_s=SOFT_S)
OUTLETS = Policy("db1", soft_s=SOFT_S, outlets=True, hard_s=HARD_S, feeds=(FEED_A, FEED_B))
OFF = Evidence.POWER_OFF


class Run:
    """One reset, played by hand."""

    def __init__(self, policy: Policy = PLAIN, *, bmc_dead: bool = False) -> None:
        self.plan = reset_plan(policy, at(BEGAN), gated=False)
        self.state: State
        self.state, self.actions = begin(self.plan, bmc_dead=bmc_dead)

    def take(self, event: Event, now: float) -> tuple[Action, ...]:
        assert isinstance(self.state, Trying)
        self.state, self.actions = step(self.plan, self.state, event, at(now))
        return self.actions

    def issued(self, now: float) -> tuple[Action, ...]:
        """The record of the stage in progress comes back."""
        return self.take(Recorded(self.trying.stage), now)

    def answered(self, answer: Answer, now: float, stage: int | None = None) -> tuple[Action, ...]:
        return self.take(Answered(self.trying.stage if stage is None else stage, answer), now)

    @property
    def trying(self) -> Trying:
        assert isinstance(self.state, Trying)
        return self.state

    def phase(self) -> Phase:
        """How far the stage in progress is."""
        return self.trying.phase

    @property
    def end(self) -> Concluded:
        assert isinstance(self.state, Concluded)
        return self.state


def soft_sent(policy: Policy = PLAIN, *, bmc_dead: bool = False) -> Run:
    """A reset whose soft reset has left at 100.0."""
    run = Run(policy, bmc_dead=bmc_dead)
    run.issued(BEGAN)
    run.take(Sent(0), BEGAN)
    return run


def hard_sent(policy: Policy = PLAIN) -> Run:
    """A reset whose hard reset has left at 102.0."""
    run = soft_sent(policy)
    run.take(TimePassed(), 102.0)
    run.issued(102.0)
    run.take(Sent(1), 102.0)
    return run


def cutting(policy: Policy = OUTLETS) -> Run:
    """A reset whose cut was issued at 110.0, and of which nothing has left."""
    run = hard_sent(policy)
    run.take(TimePassed(), 110.0)
    run.issued(110.0)
    return run


def concluded(step_: Step) -> Concluded:
    assert isinstance(step_[0], Concluded)
    assert step_[1] == ()
    return step_[0]


def hedged() -> Run:
    """A hedged pair, issued at 100.0 beside a dead BMC."""
    run = Run(replace(OUTLETS, hedge=True), bmc_dead=True)
    run.issued(100.0)
    assert run.answered(UNSENT, 100.0) == (Record(2),)
    return run
