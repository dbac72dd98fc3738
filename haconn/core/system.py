"""One system: the operating system and its monitor that a request names, and how verdicts age.

A verdict says that a system was stopped when the evidence was taken. It does not say that it is
stopped now: the answer "already dumped" for a system that has come back corrupts data as surely
as a wrong first verdict. So each kind of evidence has its own age limit (`at_once`), and every
sign of life ends it for good.

SM-1's states are `Status`. They are what is shown and what the pair lock looks at; whether a
request is answered at once is decided by the verdict alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import inf

from haconn.core.contrary import Source
from haconn.core.model import Instant, SystemKey
from haconn.core.reset import OUTCOME_OF, Evidence, Outcome, Plan, Trying

ACCEPTED_HOLDS_S = 10.0
NOTICE_HOLDS_S = 600.0
KDUMP_HOLDS_S = 60.0
KDUMP_BEFORE_S = 15.0
"""A fence_kdump notice seen so shortly before a request concludes it at once."""
KDUMP_AFTER_BOOT_S = 10.0
"""A capture kernel speaks 10 to 90 s after the crash: what comes so shortly after the first word of
a boot is a late datagram of the dump before it."""
NOTICE_LINES_APART_S = 1.0
"""Of repetitions of a stop notice, one in this time is written down."""
KDUMP_APART_S = 1.0
"""Of fence_kdump datagrams, which anybody can send, one in this time is looked at."""
BAR_S = 60.0
"""How long after the last command a target that may be running is barred as requester."""
REBOOT_QUIET_S = 30.0
"""An off read so shortly after an accepted hard reset is the reset itself (RC-25)."""
VERDICT_TOLD_S = 60.0
ANSWERS_FOR_S = {
    Evidence.HARD_RESET_ACCEPTED: ACCEPTED_HOLDS_S,
    Evidence.STOP_NOTICE: NOTICE_HOLDS_S,
    Evidence.KDUMP_NOTICE: KDUMP_HOLDS_S,
    Evidence.NEW_BOOT: -inf,
    Evidence.POWER_OFF: -inf,
    Evidence.OUTLETS_OFF: -inf,
}
"""How long evidence answers a new request without any reset; OFF does as long as it is fresh."""
TOLD_FOR_S = {
    Evidence.HARD_RESET_ACCEPTED: VERDICT_TOLD_S,
    Evidence.STOP_NOTICE: NOTICE_HOLDS_S,
    Evidence.KDUMP_NOTICE: KDUMP_HOLDS_S,
    Evidence.NEW_BOOT: VERDICT_TOLD_S,
    Evidence.POWER_OFF: VERDICT_TOLD_S,
    Evidence.OUTLETS_OFF: VERDICT_TOLD_S,
}
"""How long the same request id is told the same verdict. Never shorter than ANSWERS_FOR_S."""


class Status(Enum):
    """What is shown (R-353)."""

    UNSET = "----"
    NORMAL = "normal"
    RESET = "reset"
    DUMP = "dump"
    POFF = "poff"
    ERROR = "error"


STOPPED = frozenset({Status.DUMP, Status.POFF})


@dataclass(frozen=True, slots=True)
class Registration:
    """Where the system's monitor listens; moved by REGISTER only."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was proved, and when it was true."""

    outcome: Outcome
    evidence: Evidence
    at: Instant
    last: Instant
    """The latest repetition of a fence_kdump notice; else the same as `at`."""
    since: Instant | None = None
    """Of a run of off, the answer of its first read."""

    @property
    def contradicted_after(self) -> Instant:
        """The date that signs of life are held against."""
        return self.at if self.since is None else self.since


@dataclass(frozen=True, slots=True)
class Notice:
    """The first stop notice of a boot: only that one dates the evidence."""

    boot_id: str
    at: Instant
    told_at: Instant | None = None
    """When a repetition of it last left a line in the reset log."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset in progress."""

    operation: str
    """One id through all logs."""
    plan: Plan
    state: Trying
    asked_by: SystemKey | None
    """Who asked first; None for the operator's test. Who waits stands with the request ids."""
    former: Status
    """What a failed reset returns to."""
    ended: Verdict | None = None
    """Concluded well, and not yet recorded."""
    failed_at: Instant | None = None
    """Concluded without proof, and not yet recorded."""
    test: bool = False
    """The operator's: nobody is told but he."""
    contradicted: frozenset[Source] = frozenset()
    """Sources that read off while something showed that the target lives."""
    refuted: int = 0
    """How many verdicts were contradicted before they were told."""

    def __post_init__(self) -> None:
        if not 0 <= self.state.stage < len(self.plan.stages):  # a file may say so
            raise ValueError("a reset is at a stage that its plan has not")


@dataclass(frozen=True, slots=True)
class System:
    """Everything known of one system. Replaced as a whole, journalled as a whole."""

    key: SystemKey
    server: str
    status: Status = Status.UNSET
    registration: Registration | None = None
    boot_id: str | None = None
    """The kernel's boot id on record, 32 hex digits."""
    notice: Notice | None = None
    kdump_at: Instant | None = None
    """The last fence_kdump datagram that no authenticated one has followed."""
    booted_at: Instant | None = None
    """When the boot on record spoke first, as one that took another's place."""
    verdict: Verdict | None = None
    alive_at: Instant | None = None
    """When it was last found alive against a verdict: what was proved before is over."""
    commanded_at: Instant | None = None
    """When the last command to it left."""
    nmi_at: Instant | None = None
    """When an NMI may have left last for a reset that was not taken up; it may still dump."""
    barred: bool = False
    """Its reset failed in doubt, or did not stop it: no requester for 60 s after the last
    command."""
    reset: Reset | None = None
    retired: bool = False
    """Its last key is retired: it goes when its reset has ended."""
    moves_to: str | None = None
    """Another server, to which its key is bound by now."""
    pair: SystemKey | None = None
    """Who checks it and may be asked to reset it (cluster management)."""
    bye_at: Instant | None = None
    """It stopped in order: only a session begun later makes it normal again."""
    uuid: str | None = None
    """Of its machine, as product_uuid prints it; None as long as its client has not told it."""
    superseded: tuple[str, ...] = ()
    """The last boot ids that were on record before this one, the newest last."""
    doubted_at: Instant | None = None
    """When the alarm was raised last that one key is used in two places."""
    concluded_at: Instant | None = None
    """When its last reset ended: no notice before it counts for the next."""


def nmi_under_way(system: System, plan: Plan, now: Instant) -> Instant | None:
    """When an NMI may have left of which the system may still be dumping; None without one.

    A dump is waited for as long as T-soft. What an NMI did longer ago is another incident.
    """
    if system.nmi_at is None:
        return None
    recent = now - system.nmi_at < max(BAR_S, plan.stages[0].budget_s)
    return system.nmi_at if recent else None


def is_barred(system: System, now: Instant) -> bool:
    """Whether it may be running half-fenced, so that it must not have others reset."""
    since = system.commanded_at
    return system.barred and since is not None and now - since < BAR_S


def at_once(system: System, now: Instant, *, turned_on_at: Instant | None) -> Verdict | None:
    """Give the verdict that a new request gets without any reset, if one still holds.

    An off is no such verdict: readings have to say so anew (haconn/core/off_proof.py).

    Args:
        turned_on_at: when the server's power last changed from off to on.
    """
    verdict = system.verdict
    if verdict is None or contradicted(system, verdict.evidence, verdict.at):
        return None
    if turned_on_at is not None and turned_on_at > verdict.at:
        return None
    evidence, at = verdict.evidence, verdict.at
    holds = still_holds(system, evidence, at, now, ANSWERS_FOR_S, off_is_fresh=False)
    return verdict if holds else None


def still_holds(
    system: System,
    evidence: Evidence,
    at: Instant,
    now: Instant,
    limits: Mapping[Evidence, float],
    *,
    off_is_fresh: bool,
) -> bool:
    """Whether evidence of that time still says that the system is stopped: the one answer for
    every question, at once or by its RESULT.

    Args:
        limits: ANSWERS_FOR_S for a new request, TOLD_FOR_S for the RESULT of one that was answered.
        off_is_fresh: OFF, or all feeds off, by readings that are not stale.
    """
    if contradicted(system, evidence, at):
        return False
    if off_is_fresh and OUTCOME_OF[evidence] is Outcome.POFF:
        return True
    return now - _last_seen(system, evidence, at) <= limits[evidence]


def _last_seen(system: System, evidence: Evidence, at: Instant) -> Instant:
    """When the evidence was seen last: a capture kernel says again and again that it dumps."""
    verdict = system.verdict
    if verdict is None or (verdict.evidence, verdict.at) != (evidence, at):
        return at
    return verdict.last


def contradicted(system: System, evidence: Evidence, at: Instant) -> bool:
    """Whether the system showed life after this evidence; a new boot is life and evidence."""
    if system.alive_at is None:
        return False
    return system.alive_at > at or (system.alive_at == at and evidence is not Evidence.NEW_BOOT)
