"""The fencing of the peer by a standby: what to try, and what proves that the peer is powerless.

Pure, as haconn/core/reset.py is, and of the same shape; but a plan of its own, with proofs of its
own. What a reset may take on trust, a takeover must not: two actives are worse than none.

Rule 1. That a BMC or a PDU takes a command proves nothing. Only reads of its effect do.
Rule 2. POWER_OFF is proved by OFF (haconn/core/power.py), whether or not a command of ours was the
        cause. OUTLETS_OFF is proved when every feed was read off by a read begun after its order
        left, and then one status read of the BMC, begun after that, has been waited for one second
        without any answer but "off". A BMC that answers has power by a feed that nobody knows.
Rule 3. Without proof there is no takeover: the attempt fails, and is made anew after RETRY_S.
Rule 4. Until a command has left, the peer's voice ends the attempt; what could not be sent yet, as
        while our own cable is cut, is given up with it. Afterwards the attempt is finished,
        whatever is heard: a server that was half switched off is switched off.

A power-off is one datagram, and is sent again when nothing has answered it within SHOT_S and the
peer does not read off: other than a reset it does no more the second time than the first. It is
not sent to a BMC that reads off already. The cut begins when the BMC has refused, is known dead or
cannot be believed, and in any case after `timeout`; the power-off goes on beside it.

An answer after the cut may come from what is left in a power supply: the attempt then cuts and
reads everything anew, as long as its time lasts. The same holds when the peer is heard meanwhile,
or when an outlet reads on again.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias, assert_never

from haconn.core.actions import Abandon, Hurry, Perform, StopRestore
from haconn.core.events import (
    BmcRefused,
    CommandAnswered,
    CommandSent,
    DeviceEvent,
    OutletSent,
    PowerRead,
    SessionOpened,
)
from haconn.core.model import Accepted, Answer, Feed, InDoubt, Instant, Power, Refused, Unsent
from haconn.core.peer_power import Means, PeerPower, peer_off
from haconn.core.plan import T_CUT_S, T_HARD_WITHOUT_OUTLETS_S
from haconn.core.reset import Command
from haconn.core.role import Proof
from haconn.core.server import all_off_since

SHOT_S = 2.0
"""How long a power-off waits for its answer before the next one is sent."""
LOOK_S = 1.0
"""How long the BMC of a server without outlets is given to say that it is on all the same."""
ANEW_S = 1.0
"""From an "on" after the cut to the next cut."""
NOT_YET = Instant(0.0)
RETRY_S = 5.0
"""From an attempt that failed to the next: for the caller, who also alarms."""
ANOTHER_MACHINE = "its BMC is in another machine"
HEARD = "the peer was heard before anything was commanded"
NOT_OFF = "its power was not read off"
NOT_CUT = "its outlets were not all read off"
STILL_ON = "its BMC, or itself, spoke on after all its outlets were read off"


@dataclass(frozen=True, slots=True)
class Stage:
    """One means of fencing: when it is used, and for how long."""

    command: Command
    due: Instant
    """It is begun by then at the latest."""
    budget_s: float
    """From its begin to the end of the attempt."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One attempt; made by `fencing_plan`."""

    operation: str
    server: str
    feeds: tuple[Feed, ...]
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        commands = [stage.command for stage in self.stages]
        assert commands in ([Command.POWER_OFF], [Command.POWER_OFF, Command.OUTLETS_OFF])
        assert len(self.stages) == 1 or self.feeds, "no feeds would be all off"

    @property
    def cut(self) -> Stage | None:
        """The stage that cuts outlets, if there is one."""
        return self.stages[1] if len(self.stages) > 1 else None


class Shot(Enum):
    """What has become of the power-off that was commanded last."""

    DUE = "to be sent as soon as it may"
    UNSENT = "the BMC had no session: sent when it has"
    OUT = "with the driver, or sent and not answered"
    TAKEN = "accepted: nothing is left but to read"
    REFUSED = "refused: to be sent again after a while"


@dataclass(frozen=True, slots=True)
class Fencing:
    """State: an attempt is in progress."""

    until: Instant
    shot: Shot = Shot.DUE
    shot_until: Instant = NOT_YET
    """Of a shot that is out or refused: when the next one is due."""
    left: bool = False
    """An order to switch off, the BMC's or an outlet's, has left this machine."""
    cut_at: Instant | None = None
    """When the last cut was ordered."""
    cut_feeds: frozenset[Feed] = frozenset()
    """Of these the order has left."""
    dark_at: Instant | None = None
    """All feeds have been read off; the BMC is being asked once more."""
    cut_again_at: Instant | None = None

    @property
    def commanded(self) -> bool:
        """Whether an order to switch the peer off has left, or may yet leave, this machine."""
        return self.left or self.shot is Shot.OUT or self.cut_at is not None


@dataclass(frozen=True, slots=True)
class Proved:
    """State: the peer is powerless."""

    proof: Proof
    at: Instant
    """When the evidence was true."""
    commanded: bool
    """Whether that was our doing: if so, it is switched on again (haconn/core/repower.py)."""
    cut: bool
    """Whether its outlets were ordered off."""


@dataclass(frozen=True, slots=True)
class Failed:
    """State: nothing is proved."""

    reason: str
    at: Instant
    commanded: bool
    cut: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """Event: a status read was begun then, and waited for LOOK_S; an answer came as PowerRead."""

    server: str
    asked_at: Instant
    alive: bool = False
    """It answered something else: it has power, and so may the machine by a feed nobody knows."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Event: something authentic of the peer came, in any of its sessions."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Event: look at the clock."""


@dataclass(frozen=True, slots=True)
class Look:
    """Action: ask the BMC for its power now, beside the polls, and come back with `Looked`."""

    server: str


Event: TypeAlias = DeviceEvent | Looked | Heard | TimePassed
State: TypeAlias = Fencing | Proved | Failed
Action: TypeAlias = Perform | Look | Hurry | Abandon | StopRestore
Step: TypeAlias = tuple[State, tuple[Action, ...]]


def fencing_plan(means: Means, operation: str, now: Instant, *, cut_before: bool = False) -> Plan:
    """Plan an attempt.

    Args:
        cut_before: an earlier attempt has begun to cut. Then it has had its time for the BMC.
    """
    if not means.cuts:
        only = Stage(Command.POWER_OFF, now, T_HARD_WITHOUT_OUTLETS_S)
        return Plan(operation, means.server, (), (only,))
    due = now if cut_before else Instant(now + means.timeout_s)
    stages = (
        Stage(Command.POWER_OFF, now, due - now),
        Stage(Command.OUTLETS_OFF, due, T_CUT_S + LOOK_S),
    )
    return Plan(operation, means.server, means.feeds, stages)


def begin(plan: Plan, known: PeerPower, now: Instant) -> Step:
    """Start an attempt. It may end at once: a peer that reads off needs no command."""
    last = plan.stages[-1]
    state, actions = _go_on(plan, Fencing(Instant(last.due + last.budget_s)), known, now)
    if not isinstance(state, Fencing):
        return state, ()
    return state, (StopRestore(plan.server), Hurry(plan.server, on=True), *actions)


def step(plan: Plan, state: Fencing, known: PeerPower, event: Event, now: Instant) -> Step:
    """Take one event in; `known` has taken it in before.

    Events of other operations do no harm; events of other servers' BMCs must not come here.
    """
    if known.matches is False:
        return _go_on(plan, state, known, now)
    match event:
        case PowerRead() | SessionOpened():
            return _spoken(plan, _ready(state), known, event, now)
        case CommandSent() | CommandAnswered() | OutletSent():
            mine = event.operation == plan.operation
            return _go_on(plan, _reported(state, event, now) if mine else state, known, now)
        case BmcRefused() | Looked(alive=True):
            return _go_on(plan, _void(state, now), known, now)
        case Looked(asked_at=asked_at) if state.dark_at is not None and asked_at >= state.dark_at:
            return _outlets_off(plan, state, state.dark_at)
        case Heard() if not state.left:
            # what may yet leave is owed all the same: too much is better than too little
            ordered_cut = state.cut_at is not None
            return _concluded(plan, Failed(HEARD, now, state.commanded, ordered_cut))
        case Heard():
            return _go_on(plan, _void(state, now), known, now)
        case _:
            return _go_on(plan, state, known, now)


def next_due(plan: Plan, state: Fencing) -> Instant:
    """When the next TimePassed is due."""
    due = [state.until]
    if state.shot in {Shot.OUT, Shot.REFUSED}:
        due.append(state.shot_until)
    if plan.cut is not None and state.cut_at is None:
        due.append(plan.cut.due)
    if state.cut_again_at is not None:
        due.append(state.cut_again_at)
    return min(due)


def _ready(state: Fencing) -> Fencing:
    return replace(state, shot=Shot.DUE) if state.shot is Shot.UNSENT else state


def _spoken(
    plan: Plan, state: Fencing, known: PeerPower, event: PowerRead | SessionOpened, now: Instant
) -> Step:
    """The BMC answers; when all feeds have been read off, it matters what."""
    dark_at = state.dark_at
    if dark_at is None or isinstance(event, SessionOpened) or event.reading.asked_at < dark_at:
        return _go_on(plan, state, known, now)
    if event.reading.power is Power.OFF and known.believed:
        return _outlets_off(plan, state, dark_at)
    if event.reading.power is not Power.OFF:
        state = _void(state, now)
    return _go_on(plan, state, known, now)


def _outlets_off(plan: Plan, state: Fencing, dark_at: Instant) -> Step:
    """The BMC does not object. An outlet that has come on meanwhile has voided `dark_at`."""
    return _concluded(plan, Proved(Proof.OUTLETS_OFF, dark_at, state.commanded, cut=True))


def _is_dark(plan: Plan, state: Fencing, known: PeerPower) -> bool:
    """Whether each feed was read off last, by a read begun after its order left."""
    if state.cut_at is None or not state.cut_feeds.issuperset(plan.feeds):
        return False
    return all_off_since(known.server, plan.feeds, state.cut_at) is not None


def _void(state: Fencing, now: Instant) -> Fencing:
    """Something spoke on that should have no power: all is cut anew, if time is left."""
    if state.dark_at is None:
        return state
    again = Instant(now + ANEW_S)
    in_time = again < state.until - LOOK_S
    return replace(state, dark_at=None, cut_again_at=again if in_time else state.until)


def _reported(
    state: Fencing, event: CommandSent | CommandAnswered | OutletSent, now: Instant
) -> Fencing:
    """What has become of an order of this attempt; the answers of a cut say nothing."""
    match event:
        case CommandSent():
            return replace(state, left=True)
        case CommandAnswered(stage=stage, answer=answer):
            return _answered(state, answer, now) if stage == 0 else state
        case OutletSent(feed=feed, on=on):
            return state if on else replace(state, left=True, cut_feeds=state.cut_feeds | {feed})
        case _:
            assert_never(event)


def _answered(state: Fencing, answer: Answer, now: Instant) -> Fencing:
    match answer:
        case Accepted():
            return replace(state, shot=Shot.TAKEN, left=True)
        case Refused():
            return replace(state, shot=Shot.REFUSED, left=True, shot_until=Instant(now + SHOT_S))
        case InDoubt():
            return replace(state, left=True)
        case Unsent():
            return replace(state, shot=Shot.UNSENT)
        case _:
            assert_never(answer)


def _go_on(plan: Plan, state: Fencing, known: PeerPower, now: Instant) -> Step:
    off_at = peer_off(known, now)
    if off_at is not None:
        return _concluded(
            plan, Proved(Proof.POWER_OFF, off_at, state.commanded, state.cut_at is not None)
        )
    if now >= state.until or known.matches is False:
        reason = _reason(state) if known.matches is not False else ANOTHER_MACHINE
        return _concluded(plan, Failed(reason, now, state.commanded, state.cut_at is not None))
    state, cut = _cut(plan, state, known, now)
    state, look = _look(plan, state, known, now)
    state, shot = _shoot(plan, state, known, now)
    return state, (*cut, *look, *shot)


def _concluded(plan: Plan, end: Proved | Failed) -> Step:
    """The waits of commands end, and a cut of which nothing has left; what it owes is owed."""
    reason = end.proof.value if isinstance(end, Proved) else end.reason
    return end, (Abandon(plan.server, plan.operation, reason), Hurry(plan.server, on=False))


def _reason(state: Fencing) -> str:
    if state.cut_at is None:
        return NOT_OFF
    return NOT_CUT if state.dark_at is None and state.cut_again_at is None else STILL_ON


def _cut(
    plan: Plan, state: Fencing, known: PeerPower, now: Instant
) -> tuple[Fencing, tuple[Action, ...]]:
    """Order all feeds off, once the BMC has had its chance; and anew after a contradiction."""
    stage = plan.cut
    if stage is None:
        return state, ()
    if state.cut_at is None and (now >= stage.due or _has_no_hope(state, known)):
        state = replace(state, until=Instant(now + stage.budget_s))
    elif state.cut_again_at is None or now < state.cut_again_at:
        return state, ()
    # after a contradiction, what was ordered before it proves nothing either
    begun = replace(state, cut_at=now, cut_again_at=None, cut_feeds=frozenset())
    deadline = Instant(state.until - LOOK_S)
    order = Perform(plan.server, plan.operation, 1, stage.command, deadline, plan.feeds)
    return begun, (order,)


def _has_no_hope(state: Fencing, known: PeerPower) -> bool:
    """Whether waiting for the BMC is of no use."""
    watch = known.server.watch
    if watch.dead or not known.believed:
        return True
    if state.shot is Shot.REFUSED:
        return watch.run is None  # a server that is off may well refuse to be switched off
    last_word_was_no = watch.reachable is False and watch.unanswered_since is None
    return state.shot is Shot.UNSENT and last_word_was_no


def _look(
    plan: Plan, state: Fencing, known: PeerPower, now: Instant
) -> tuple[Fencing, tuple[Action, ...]]:
    """All feeds read off: ask the BMC whether it agrees. An outlet that is on again voids that."""
    dark = _is_dark(plan, state, known)
    if state.dark_at is not None:
        return (state if dark else _void(state, now)), ()
    if not dark or state.cut_again_at is not None:
        return state, ()
    return replace(state, dark_at=now), (Look(plan.server),)


def _shoot(
    plan: Plan, state: Fencing, known: PeerPower, now: Instant
) -> tuple[Fencing, tuple[Action, ...]]:
    """Command power off, unless it reads off, or there is nobody to be commanded."""
    over = state.shot in {Shot.OUT, Shot.REFUSED} and now >= state.shot_until
    if state.shot is not Shot.DUE and not over:
        return state, ()
    due = replace(state, shot=Shot.DUE)
    watch = known.server.watch
    if watch.dead or watch.run is not None or not known.believed:
        return due, ()
    until = Instant(min(now + SHOT_S, state.until))
    order = Perform(plan.server, plan.operation, 0, Command.POWER_OFF, until)
    return replace(due, shot=Shot.OUT, shot_until=until), (order,)
