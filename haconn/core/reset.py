"""The reset sequence of one managed server: what to try next, and when to say it is done.

Pure: no clock, no sockets, no trio, no logging. Events go in, actions come out; the daemon's
loop performs them and reports what came of it.

Rule 1. Every decision about a reset in progress is made in this file; what becomes of one that
        another process left is decided in haconn/core/taken_up.py.
Rule 2. Only evidence ends a reset well. Which evidence is good enough for which stage is
        written in the plan, as data (haconn/core/plan.py), and nowhere else.
Rule 3. Time arrives as `now` and leaves as an absolute deadline.
Rule 4. A stage is recorded before it is acted on: `Record` goes out, `Recorded` comes back when
        the journal (and the standby, where there is one) has it, and only then `Issue`.

A device answers a command in one of four ways. Accepted proves that the BMC took it, no more.
Refused ends a soft stage at once, and a hard stage where the plan says so. Unsent means that
nothing left this machine: the stage is issued anew when the BMC has a session, as long as the
stage lasts. In doubt means that it may have been carried out: nothing is sent again, time or
evidence decides.

Readings of off that were there before the request are confirmed before anything is commanded: the
plan waits for that, at most until its confirmation is over (haconn/core/off_proof.py).

Late proof counts: what proves a stage already issued proves the reset. There are two exceptions.
After the first outlet datagram only power off or all outlets off concludes, since a half-cut
server is the worst of all. And an unauthenticated fence_kdump notice counts in the soft stage
only: later it is cheaper to forge than to wait for something better.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias, assert_never

from haconn.core.model import Accepted, Answer, InDoubt, Instant, Refused, Unsent


class Command(Enum):
    """What a stage does to the target."""

    SOFT_RESET = "NMI, so that the server can dump"
    HARD_RESET = "reset by the BMC, whatever the operating system is doing"
    POWER_OFF = "power off by the BMC"
    OUTLETS_OFF = "cut every PDU outlet that feeds the server"


class Evidence(Enum):
    """An observation that proves a stage. The value is what the log says."""

    STOP_NOTICE = "authenticated stop notice"
    KDUMP_NOTICE = "fence_kdump notice"
    POWER_OFF = "power read off"
    HARD_RESET_ACCEPTED = "accepted, effect not read"  # weakest: an answer, not an effect
    OUTLETS_OFF = "every outlet read off"
    NEW_BOOT = "new boot id"


class Outcome(Enum):
    """What the requester is told (R-453)."""

    DUMP = "stopped; a dump may be running"
    POFF = "stopped; power is off"
    FAIL = "not proved; the server may be running"
    ERROR = "the request itself is invalid"


OUTCOME_OF = {
    Evidence.STOP_NOTICE: Outcome.DUMP,
    Evidence.KDUMP_NOTICE: Outcome.DUMP,
    Evidence.HARD_RESET_ACCEPTED: Outcome.DUMP,
    Evidence.NEW_BOOT: Outcome.DUMP,
    Evidence.POWER_OFF: Outcome.POFF,
    Evidence.OUTLETS_OFF: Outcome.POFF,
}
SWITCHES_OFF = frozenset({Command.POWER_OFF, Command.OUTLETS_OFF})
AFTER_THE_FIRST_OUTLET = frozenset({Evidence.POWER_OFF, Evidence.OUTLETS_OFF})


@dataclass(frozen=True, slots=True)
class Stage:
    """One thing to try, for how long, and what proves it."""

    command: Command
    budget_s: float
    proved_by: frozenset[Evidence]
    refusal_ends_it: bool
    """Whether a refusal brings the next stage forward, or the stage lasts all the same."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole sequence for one target; made once, when the request is accepted."""

    began: Instant
    deadline: Instant
    """There is an outcome by now, proof or no proof."""
    stages: tuple[Stage, ...]
    hedge: bool = False
    """With a BMC known dead when the hard stage begins, the cut begins then, beside it."""

    def __post_init__(self) -> None:
        assert self.stages, "a plan without stages would conclude without evidence"


class Phase(Enum):
    """How far the stage in progress is."""

    CONFIRMING = "confirming"  # it reads off: contrary evidence is sought, nothing is commanded
    RECORDING = "recording"  # nothing may leave yet
    LOOKING = "looking"  # resumed: the command may have been carried out already
    UNSENT = "unsent"  # the BMC had no session: issued anew when it has
    ISSUED = "issued"  # with the driver, or sent, or in doubt


@dataclass(frozen=True, slots=True)
class Trying:
    """State: a stage is in progress."""

    stage: int
    until: Instant
    phase: Phase = Phase.RECORDING
    bmc_dead: bool = False
    """Asked, and silent for two poll periods."""
    sent: frozenset[int] = frozenset()
    """Stages of which a datagram left, and that were not definitely refused."""
    commanded_at: Instant | None = None
    """When the last command left."""
    cut_begun: bool = False
    cut_at: Instant | None = None
    """When outlets were ordered off; no read that was begun before proves that they are off."""
    rest: Instant | None = None
    """Of a hard stage that was taken up: when its time ends, as it was first issued."""
    hedged: bool = False
    """The hard stage was skipped into the cut: both are issued together."""
    off_ordered_at: Instant | None = None
    """When power or outlets were first ordered off; further orders do not date it anew."""
    taken_up: bool = False
    """Another process began it, and may have done more than it has recorded."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """State: nothing may change the outcome."""

    outcome: Outcome
    evidence: Evidence | None
    at: Instant
    """When the evidence was true; of a failure, when it was concluded."""
    in_doubt: bool
    """A command left, was not definitely refused, and no evidence came."""
    commanded_at: Instant | None
    since: Instant | None = None
    """Of a run of off, the answer of its first read."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Event: the stage is in the journal, and with the standby where there is one."""

    stage: int


@dataclass(frozen=True, slots=True)
class Sent:
    """Event: the first datagram of the stage left this machine."""

    stage: int


@dataclass(frozen=True, slots=True)
class Answered:
    """Event: what became of the stage's command."""

    stage: int
    answer: Answer
    believed: bool = True
    """Whether an acceptance may prove anything: not that of a source that is distrusted."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Event: an observation."""

    evidence: Evidence
    at: Instant
    """When it was true, not when we heard of it."""
    since: Instant | None = None
    """Of a run of off, the answer of its first read."""


@dataclass(frozen=True, slots=True)
class Contradicted:
    """Event: something showed that the target lives while a source read off."""


@dataclass(frozen=True, slots=True)
class Disbelieved:
    """Event: the BMC is distrusted from now on."""


@dataclass(frozen=True, slots=True)
class Refuted:
    """Event: the outcome was contradicted before it was told, and is none."""


@dataclass(frozen=True, slots=True)
class BmcReady:
    """Event: the BMC has a session."""


@dataclass(frozen=True, slots=True)
class BmcDead:
    """Event: the BMC was asked and stayed silent for two poll periods."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Event: look at the clock."""


@dataclass(frozen=True, slots=True)
class Record:
    """Action: write the stage down, then come back with `Recorded`."""

    stage: int


@dataclass(frozen=True, slots=True)
class Issue:
    """Action: perform the stage's command, until its deadline at the latest."""

    stage: int
    command: Command
    deadline: Instant


Event: TypeAlias = (
    Recorded
    | Sent
    | Answered
    | Seen
    | Contradicted
    | Disbelieved
    | Refuted
    | BmcReady
    | BmcDead
    | TimePassed
)
State: TypeAlias = Trying | Concluded
Action: TypeAlias = Record | Issue
Step: TypeAlias = tuple[State, tuple[Action, ...]]


def begin(plan: Plan, *, bmc_dead: bool, confirm_s: float = 0.0) -> Step:
    """Start a plan: its first stage is recorded, unless an off is to be confirmed before."""
    if confirm_s:
        until = Instant(min(plan.began + confirm_s, plan.deadline))
        return Trying(0, until, Phase.CONFIRMING, bmc_dead), ()
    return Trying(0, plan.deadline, bmc_dead=bmc_dead), (Record(0),)


def step(plan: Plan, state: Trying, event: Event, now: Instant) -> Step:
    """Take one event in; give the state after it and what is to be done."""
    match event:
        case Seen():
            return _seen(plan, state, event, now)
        case Recorded(stage):
            awaited = stage == state.stage and state.phase is Phase.RECORDING
            due = awaited and now < plan.deadline
            return _issue(plan, state, now) if due else _time_passed(plan, state, now)
        case Sent(stage):
            return _sent(plan, state, stage, now), ()
        case Answered():
            return _answered(plan, state, event, now)
        case Contradicted():
            return _contradicted(plan, state, now)
        case Disbelieved():
            return _disbelieved(plan, state, now)
        case Refuted():
            confirming = state.phase is Phase.CONFIRMING
            return _contradicted(plan, state, now) if confirming else _next(plan, state, now)
        case BmcReady() | BmcDead():
            return _bmc_changed(plan, state, dead=isinstance(event, BmcDead), now=now)
        case TimePassed():
            return _time_passed(plan, state, now)
        case _:
            assert_never(event)


def _seen(plan: Plan, state: Trying, seen: Seen, now: Instant) -> Step:
    # an off that was read before the request is confirmed by an ask that began after it
    recent = seen.at >= plan.began or state.phase is Phase.CONFIRMING
    if recent and seen.evidence in proofs(plan, state):
        return _proved(state, seen.evidence, seen.at, seen.since), ()
    return _time_passed(plan, state, now)


def _contradicted(plan: Plan, state: Trying, now: Instant) -> Step:
    """What read off is not: the plan begins."""
    if state.phase is not Phase.CONFIRMING:
        return _time_passed(plan, state, now)
    return replace(state, phase=Phase.RECORDING, until=plan.deadline), (Record(state.stage),)


def _disbelieved(plan: Plan, state: Trying, now: Instant) -> Step:
    """A stage that only a distrusted BMC could prove is not waited for."""
    stage = plan.stages[state.stage]
    hard = stage.command in {Command.HARD_RESET, Command.POWER_OFF}
    if hard and state.phase is Phase.ISSUED and stage.refusal_ends_it:
        return _next(plan, state, now)
    return _time_passed(plan, state, now)


def _time_passed(plan: Plan, state: Trying, now: Instant) -> Step:
    if now < state.until:
        return state, ()
    if state.phase is Phase.CONFIRMING:
        return _contradicted(plan, state, now)
    over = now >= (plan.deadline if state.rest is None else state.rest)
    if state.phase is Phase.LOOKING and not over:
        return _issue(plan, state, now)
    return _next(plan, state, now)


def _sent(plan: Plan, state: Trying, stage: int, now: Instant) -> Trying:
    sent = replace(state, sent=state.sent | {stage}, commanded_at=now)
    command = plan.stages[stage].command
    if command in SWITCHES_OFF and state.off_ordered_at is None:
        sent = replace(sent, off_ordered_at=now)
    if command is Command.OUTLETS_OFF:
        return replace(sent, cut_begun=True)
    if command is Command.SOFT_RESET and stage == state.stage:
        # T-soft is the time the target has to dump: it runs from the sending
        budget = plan.stages[stage].budget_s
        return replace(sent, until=Instant(min(now + budget, plan.deadline)))
    return sent


def _answered(plan: Plan, state: Trying, event: Answered, now: Instant) -> Step:
    stage, answer = event.stage, event.answer
    current = stage == state.stage and state.phase is not Phase.RECORDING
    match answer:
        case Accepted() if not event.believed:
            if current:
                return _disbelieved(plan, state, now)
        case Accepted():
            took = plan.stages[stage].command is Command.HARD_RESET
            if took and Evidence.HARD_RESET_ACCEPTED in proofs(plan, state):
                return _proved(state, Evidence.HARD_RESET_ACCEPTED, now), ()
        case Refused():
            state = replace(state, sent=state.sent - {stage})
            if current and plan.stages[stage].refusal_ends_it:
                return _next(plan, state, now)
        case Unsent() if current:
            return _unsent(plan, replace(state, phase=Phase.UNSENT), now)
        case Unsent() | InDoubt():
            pass
        case _:
            assert_never(answer)
    return _time_passed(plan, state, now)


def _unsent(plan: Plan, state: Trying, now: Instant) -> Step:
    """A dead BMC gets no time to dump, but a hard stage gets its full time (A-42)."""
    soft = plan.stages[state.stage].command is Command.SOFT_RESET
    if soft and state.bmc_dead:
        return _next(plan, state, now)
    return _time_passed(plan, state, now)


def _bmc_changed(plan: Plan, state: Trying, *, dead: bool, now: Instant) -> Step:
    known = replace(state, bmc_dead=dead)
    if known.phase is not Phase.UNSENT:
        return _time_passed(plan, known, now)
    if dead:
        return _unsent(plan, known, now)
    if now >= known.until:
        return _next(plan, known, now)
    again = Issue(known.stage, plan.stages[known.stage].command, known.until)
    return replace(known, phase=Phase.ISSUED), (again,)


def _next(plan: Plan, state: Trying, now: Instant) -> Step:
    index = state.stage + 1
    if index >= len(plan.stages) or now >= plan.deadline:
        return failed(state, now), ()
    hedged = plan.hedge and state.bmc_dead and _may_hedge(plan, index)
    index += hedged
    following = replace(
        state, stage=index, until=plan.deadline, phase=Phase.RECORDING, rest=None, hedged=hedged
    )
    return following, (Record(index),)


def _may_hedge(plan: Plan, index: int) -> bool:
    hard = plan.stages[index].command in {Command.HARD_RESET, Command.POWER_OFF}
    more = index + 1 < len(plan.stages)
    return hard and more and plan.stages[index + 1].command is Command.OUTLETS_OFF


def _issue(plan: Plan, state: Trying, now: Instant) -> Step:
    """Issue the stage in progress; a hedged cut goes out together with the hard stage before it.

    Record and issue of a hedged pair bear the cut's number: the state after it is the cut's.
    """
    stages = sorted(together(state))
    budget = max(plan.stages[index].budget_s for index in stages)
    until = Instant(min(now + budget, plan.deadline)) if state.rest is None else state.rest
    issues = tuple(Issue(index, plan.stages[index].command, until) for index in stages)
    cuts = any(issue.command is Command.OUTLETS_OFF for issue in issues)
    cut_at = now if cuts else state.cut_at
    return replace(state, phase=Phase.ISSUED, until=until, cut_at=cut_at), issues


def may_have_left(plan: Plan, state: Trying, command: Command) -> bool:
    """Whether a datagram of this command may have left and was not definitely refused.

    What another process had recorded may have left.
    """
    return any(plan.stages[index].command is command for index in state.sent)


def together(state: Trying) -> frozenset[int]:
    """Give the stages that are issued as one: that in progress, and a hard one hedged with it."""
    first = state.stage - 1 if state.hedged else state.stage
    return frozenset({first, state.stage})


def proofs(plan: Plan, state: Trying) -> frozenset[Evidence]:
    """Which evidence would conclude now."""
    if state.phase is Phase.CONFIRMING:
        return plan.stages[0].proved_by | AFTER_THE_FIRST_OUTLET
    # what is only recorded has not been tried; what always proves stands in the first stage
    tried = state.stage if state.phase is Phase.RECORDING else state.stage + 1
    known = frozenset[Evidence]().union(
        *(stage.proved_by for stage in plan.stages[: max(tried, 1)])
    )
    if state.cut_begun:
        return known & AFTER_THE_FIRST_OUTLET
    if plan.stages[state.stage].command is not Command.SOFT_RESET:
        return known - {Evidence.KDUMP_NOTICE}
    return known


def _proved(
    state: Trying, evidence: Evidence, at: Instant, since: Instant | None = None
) -> Concluded:
    return Concluded(OUTCOME_OF[evidence], evidence, at, False, state.commanded_at, since)


def failed(state: Trying, now: Instant) -> Concluded:
    """End without proof."""
    return Concluded(Outcome.FAIL, None, now, bool(state.sent), state.commanded_at)
