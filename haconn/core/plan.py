"""Plans: which stages a server's policy asks for, how long each may take, and what proves it.

This is the whole proof policy of haconn, as data. `proof = accepted` is the manual's: a BMC that
took the hard reset concludes (R-009). `proof = power-off` asks for the effect: power is switched
off, read off, told, and switched on again later as an owed restore.

T-hard is `timeout` where outlets can be cut afterwards (R-143). Without outlets it is 10 s and
one more shot of 10 s (A-40); there a refusal does not bring the second shot forward, since a BMC
that is busy now is the usual reason for one.
"""

from dataclasses import dataclass
from enum import Enum

from haconn.core.model import Feed, Instant
from haconn.core.reset import Command, Evidence, Plan, Stage

T_SOFT_S = 5.0
"""T-soft while high-speed switchover is off (R-104)."""
T_HARD_WITHOUT_OUTLETS_S = 10.0
T_CUT_S = 10.0
"""All outlets cut and read back, retries included (A-39)."""
GATE_S = 4.0
"""The longest that a stage waits for a standby's acknowledgement (design 6)."""
WHATEVER_IS_TRIED = frozenset({Evidence.STOP_NOTICE, Evidence.POWER_OFF, Evidence.NEW_BOOT})


class Proof(Enum):
    """What ends the hard stage of a server well."""

    ACCEPTED = "accepted"
    POWER_OFF = "power-off"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says about resetting one managed server."""

    server: str
    soft_s: float = T_SOFT_S
    """T-soft: hispeed, or dumpwait where a capture kernel speaks for the server."""
    outlets: bool = False
    """`ipdusd`: outlets may be cut."""
    hard_s: float = T_HARD_WITHOUT_OUTLETS_S
    """`timeout`; counts with outlets only."""
    recovery_s: float = 0.0
    """`recoverytime`; 0 leaves cut outlets off."""
    feeds: tuple[Feed, ...] = ()
    proof: Proof = Proof.ACCEPTED
    hedge: bool = False
    fence_kdump: bool = False
    kdump_from: frozenset[str] = frozenset()
    """Further source addresses of its fence_kdump datagrams."""
    cluster: bool = False
    management: bool = False
    """It is the other management server of the pair: it has no systems, and is only switched on."""

    @property
    def cuts(self) -> bool:
        """Whether there is something to cut: an empty list of feeds proves nothing."""
        return self.outlets and bool(self.feeds)


def reset_plan(policy: Policy, now: Instant, *, gated: bool) -> Plan:
    """Plan a full reset.

    Args:
        gated: a standby exists, so that each stage may wait for its acknowledgement.
    """
    stages = (_soft(policy), *_hard(policy))
    return Plan(now, _deadline(now, stages, gated=gated), stages, policy.hedge)


def test_plan(policy: Policy, now: Instant) -> Plan:
    """Plan the operator's test: the soft reset only, which never escalates (R-390)."""
    stages = (_soft(policy),)
    return Plan(now, _deadline(now, stages, gated=False), stages)


def _soft(policy: Policy) -> Stage:
    kdump = frozenset({Evidence.KDUMP_NOTICE}) if policy.fence_kdump else frozenset()
    return Stage(Command.SOFT_RESET, policy.soft_s, WHATEVER_IS_TRIED | kdump, True)


def _hard(policy: Policy) -> tuple[Stage, ...]:
    if policy.proof is Proof.ACCEPTED:
        command = Command.HARD_RESET
        proved_by = WHATEVER_IS_TRIED | {Evidence.HARD_RESET_ACCEPTED}
    else:
        command, proved_by = Command.POWER_OFF, WHATEVER_IS_TRIED
    if not policy.cuts:
        shot = Stage(command, T_HARD_WITHOUT_OUTLETS_S, proved_by, False)
        return (shot, shot)
    cut = Stage(
        Command.OUTLETS_OFF, T_CUT_S, frozenset({Evidence.POWER_OFF, Evidence.OUTLETS_OFF}), True
    )
    return (Stage(command, policy.hard_s, proved_by, True), cut)


def _deadline(now: Instant, stages: tuple[Stage, ...], *, gated: bool) -> Instant:
    """The sum of all budgets; T-soft twice, since it runs anew from a late sending."""
    gates = GATE_S * len(stages) if gated else 0.0
    return Instant(now + stages[0].budget_s + sum(stage.budget_s for stage in stages) + gates)
