"""A reset that another process left, and what is still tried of it.

What that process did after its last record is not known: whatever it had recorded may have left,
at any time until now. So nothing is done a second time that would do harm: an NMI while the
target dumps, a hard reset of a target that has booted since.
"""

from dataclasses import replace

from haconn.core.model import Instant
from haconn.core.reset import (
    Command,
    Phase,
    Plan,
    Record,
    Step,
    Trying,
    failed,
    together,
)

LOOK_S = 1.0
"""How long a resumed hard stage looks for power and boot id before its one shot (design 6)."""
PASS_ON_S = 0.3
"""From the end of a process that leaves in order to the look of the next."""


def pass_on_at(plan: Plan, state: Trying) -> Instant:
    """When a process that leaves in order, and begins no stage, had better be gone.

    From then on it could only add to the time of the target. A soft stage is passed on early
    enough that the look of the next process lies within T-soft; a stage that waits for its record
    at once; any other when its time ends.
    """
    if state.phase is Phase.RECORDING:
        return plan.began
    soft = plan.stages[state.stage].command is Command.SOFT_RESET
    if soft and state.phase is Phase.ISSUED:
        return Instant(state.until - LOOK_S - PASS_ON_S)
    return state.until


def resume(plan: Plan, state: Trying, now: Instant) -> Step:
    """Take up a reset that another process left, knowing only what it recorded.

    No second NMI: the rest of T-soft, at least one second, and then the hard stage. A hard
    command may have been carried out: one second of looking, then one shot for the rest of
    T-hard, or the next stage if there is none: restarts do not put a deadline off. Outlets are
    read and cut anew, since that is idempotent.
    """
    known = _in_doubt(state, now)
    if now >= plan.deadline:
        return failed(known, now), ()
    command = plan.stages[state.stage].command
    if command is Command.OUTLETS_OFF:
        begun = state.cut_begun or state.phase is Phase.ISSUED
        again = replace(known, cut_begun=begun, phase=Phase.RECORDING, until=plan.deadline)
        return again, (Record(state.stage),)
    looked = Instant(min(now + LOOK_S, plan.deadline))
    if command is Command.SOFT_RESET:
        rest = min(state.until, Instant(now + plan.stages[state.stage].budget_s))
        return replace(known, phase=Phase.ISSUED, until=max(rest, looked)), ()
    ends = {Phase.RECORDING: None, Phase.LOOKING: state.rest}.get(state.phase, state.until)
    return replace(known, phase=Phase.LOOKING, until=looked, rest=ends), ()


def _in_doubt(state: Trying, now: Instant) -> Trying:
    """What was recorded may have left, at any time until now; what a BMC is, is not known."""
    stages = state.sent | together(state)
    commanded_at = state.commanded_at if stages == state.sent else now
    known = replace(state, bmc_dead=False, hedged=False, taken_up=True)
    return replace(known, sent=stages, commanded_at=commanded_at)


def begin_after_nmi(plan: Plan, sent_at: Instant, *, bmc_dead: bool) -> Step:
    """Start a plan for a target that may have had its NMI, from a process that is no more.

    No second NMI, as in `resume`: the rest of T-soft, at least one second, and then the hard
    stage. The soft stage is recorded all the same, as one that is under way.
    """
    rest = max(sent_at + plan.stages[0].budget_s, plan.began + LOOK_S)
    until = Instant(min(rest, plan.deadline))
    known = Trying(0, until, Phase.ISSUED, bmc_dead, frozenset({0}), sent_at, taken_up=True)
    return known, (Record(0),)
