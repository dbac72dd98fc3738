"""What holds of a reset whatever happens in whatever order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from haconn.core.model import Answer, Instant
from haconn.core.plan import Policy, Proof, reset_plan
from haconn.core.reset import (
    Answered,
    BmcDead,
    BmcReady,
    Command,
    Concluded,
    Event,
    Evidence,
    Issue,
    Outcome,
    Plan,
    Record,
    Recorded,
    Seen,
    Sent,
    State,
    Step,
    TimePassed,
    Trying,
    begin,
    step,
)
from haconn.core.taken_up import resume
from tests.core.parts import ACCEPTED, FEED_A, IN_DOUBT, REFUSED, UNSENT, at

BEGAN = 100.0
POLICIES = st.builds(
    Policy,
    st.just("db1"),
    soft_s=st.sampled_from([1.0, 5.0, 30.0]),
    outlets=st.booleans(),
    hard_s=st.sampled_from([5.0, 60.0]),
    feeds=st.just((FEED_A,)),
    proof=st.sampled_from(Proof),
    hedge=st.booleans(),
    fence_kdump=st.booleans(),
)
OBSERVED = [one for one in Evidence if one is not Evidence.HARD_RESET_ACCEPTED]
"""An acceptance is an answer; it never comes as an observation."""
STAGES = st.integers(0, 3)
ANSWERS: st.SearchStrategy[Answer] = st.sampled_from([ACCEPTED, REFUSED, UNSENT, IN_DOUBT])
EVENTS: st.SearchStrategy[Event | str] = st.one_of(
    st.builds(Recorded, STAGES),
    st.builds(Recorded, st.just(-1)),  # stands for the stage in progress
    st.builds(Sent, STAGES),
    st.builds(Answered, STAGES, ANSWERS),
    st.builds(Seen, st.sampled_from(OBSERVED), st.floats(95.0, 260.0).map(Instant)),
    st.sampled_from([BmcReady(), BmcDead(), TimePassed()]),
    st.just("restart"),
)
WAITS = st.sampled_from([0.0, 0.0, 0.01, 0.5, 1.0, 5.0, 30.0])
STORIES = st.lists(st.tuples(EVENTS, WAITS), max_size=60)


class Told:
    """A story that is being told: the state, and everything that was done."""

    def __init__(self, policy: Policy, *, gated: bool, dead: bool) -> None:
        self.plan = reset_plan(policy, at(BEGAN), gated=gated)
        self.now = at(BEGAN)
        self.state: State
        self.state, actions = begin(self.plan, bmc_dead=dead)
        self.recorded = {action.stage for action in actions if isinstance(action, Record)}
        self.issued: list[Issue] = []
        self.nmi_left = False

    def tell(self, event: Event | str, wait_s: float) -> None:
        """Let one thing happen, if there is still something to be decided."""
        self.now = Instant(self.now + wait_s)
        if not isinstance(self.state, Trying):
            return
        if isinstance(event, str):
            self.nmi_left = True  # nothing says that it has not
            self.take(resume(self.plan, self.state, self.now))
            return
        if isinstance(event, Recorded) and event.stage < 0:
            event = Recorded(self.state.stage)
        stage = getattr(event, "stage", 0)
        if isinstance(event, Sent | Answered) and stage not in {one.stage for one in self.issued}:
            return  # no device speaks of what it was not asked
        if isinstance(event, Sent | Answered) and stage == 0:
            unsent = isinstance(event, Answered) and event.answer == UNSENT
            if self.nmi_left and unsent:
                return  # what has left is not unsent
            self.nmi_left = not unsent
        self.take(step(self.plan, self.state, event, self.now))

    def take(self, taken: Step) -> None:
        """Judge what is done."""
        self.state, actions = taken
        for action in actions:
            if isinstance(action, Record):
                self.recorded.add(action.stage)
                continue
            assert self.now <= action.deadline <= self.plan.deadline
            assert action.command is self.plan.stages[action.stage].command
            assert action.stage in self.recorded or action.stage + 1 in self.recorded
            assert not (action.command is Command.SOFT_RESET and self.nmi_left)
            self.issued.append(action)
        if isinstance(self.state, Concluded):
            assert actions == ()
        else:
            assert self.state.until <= self.plan.deadline


@given(POLICIES, STORIES, st.booleans(), st.booleans())
def test_what_holds_in_every_story(
    policy: Policy, story: list[tuple[Event | str, float]], gated: bool, dead: bool
) -> None:
    told = Told(policy, gated=gated, dead=dead)
    for event, wait_s in story:
        told.tell(event, wait_s)
    deadline = told.plan.deadline
    told.now = max(told.now, deadline)
    told.tell(TimePassed(), 0.0)
    assert isinstance(told.state, Concluded), "there is an outcome by the deadline"
    good_only_on_evidence(told.plan, told.state, {one.stage for one in told.issued})


def good_only_on_evidence(plan: Plan, end: Concluded, issued: set[int]) -> None:
    if end.outcome is Outcome.FAIL:
        assert end.evidence is None
        return
    assert end.evidence is not None
    assert not end.in_doubt
    assert end.at >= plan.began
    tried = max(issued, default=0)
    named = {one for stage in plan.stages[: tried + 1] for one in stage.proved_by}
    assert end.evidence in named
    if end.evidence is Evidence.HARD_RESET_ACCEPTED:
        assert any(plan.stages[stage].command is Command.HARD_RESET for stage in issued)


@given(POLICIES, st.floats(0.0, 300.0))
def test_left_alone_every_reset_fails_by_its_deadline(policy: Policy, slow_s: float) -> None:
    told = Told(replace(policy, hedge=False), gated=False, dead=False)
    while isinstance(told.state, Trying):
        told.tell(Recorded(told.state.stage), 0.0)
        if isinstance(told.state, Trying):
            until = max(told.now, told.state.until)
            told.tell(TimePassed(), until - told.now + slow_s)
    assert told.state.outcome is Outcome.FAIL
    rounding_s = 1e-9  # `now` is a sum of many waits
    assert told.now <= told.plan.deadline + slow_s + rounding_s
