"""What the core wants done: everything that leaves it, as data.

The order of a list of actions binds. What changed is in the journal before the first of them is
performed.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from haconn.core.events import RecordedEvent
from haconn.core.model import Feed, Instant, SystemKey
from haconn.core.reset import Command, Evidence, Outcome
from haconn.core.server import Restore


@dataclass(frozen=True, slots=True)
class Record:
    """Write everything down, then come back with `then`.

    With a pair this waits for the standby's acknowledgement; alone the journal is enough.
    """

    then: RecordedEvent


@dataclass(frozen=True, slots=True)
class Perform:
    """Perform a stage's command until its deadline at the latest."""

    server: str
    operation: str
    stage: int
    command: Command
    deadline: Instant
    feeds: tuple[Feed, ...] = ()
    """What a cut is about."""
    look_first: bool = False
    """A cut that another process may have begun: what reads off already is not ordered off."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """The reset has concluded: cancel its waits and reads."""

    server: str
    operation: str
    reason: str
    cut: bool = True
    """Also a cut of which nothing has left; not so one that another process may have begun. One
    that has sent an order is finished whatever this says."""


@dataclass(frozen=True, slots=True)
class Hurry:
    """Read chassis power often while a reset runs, and as usual afterwards."""

    server: str
    on: bool


@dataclass(frozen=True, slots=True)
class BeginRestore:
    """Switch outlets or the chassis on, verify, and come back with `RestoreTried`."""

    server: str
    what: Restore
    operation: str
    feeds: tuple[Feed, ...]


@dataclass(frozen=True, slots=True)
class StopRestore:
    """Cancel a restore that runs; a cut begins only after it has stopped."""

    server: str


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """ACK of a RESET_REQ."""

    requester: SystemKey
    request_id: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a system whether it lives, by one datagram; the core repeats the action.

    In a session that is a RESULT under an id that is nothing to it, which every client has to
    acknowledge; else a CHALLENGE with a nonce of its own.
    """

    key: SystemKey
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class TellResult:
    """Send RESULT once; the core repeats the action."""

    requester: SystemKey
    request_id: str
    target: SystemKey
    outcome: Outcome
    evidence: Evidence | None
    at: Instant
    """When the evidence was true: its age travels."""
    reason: str = ""
    """Why it is FAIL or ERROR."""


class NoticeKind(Enum):
    """What NOTIFY says of a system (R-235)."""

    DUMP = "dump started"
    REBOOT = "hard reset carried out"
    POFF = "power is off"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice about one system."""

    serial: int
    """What the receiver acknowledges."""
    about: SystemKey
    kind: NoticeKind
    at: Instant


@dataclass(frozen=True, slots=True)
class TellNotices:
    """Send NOTIFY once to one system; the core repeats the action."""

    receiver: SystemKey
    address: str
    port: int
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """What CHECK's answer says of one target (SM-1c)."""

    target: SystemKey
    degraded: bool
    cannot_reset: bool
    unknown: bool
    proven_age_s: float | None
    """How long ago its BMC last answered a read."""


@dataclass(frozen=True, slots=True)
class TellCheck:
    """Answer a CHECK."""

    key: SystemKey
    token: str
    targets: tuple[TargetCheck, ...]


@dataclass(frozen=True, slots=True)
class TestEnded:
    """The operator's test has its outcome."""

    operation: str
    outcome: Outcome
    evidence: Evidence | None
    after_s: float | None = None
    """From the sending of the NMI to the evidence; None if either is lacking."""


@dataclass(frozen=True, slots=True)
class RecoveryEnded:
    """The operator's restore of outlets ended."""

    operation: str
    failure: str | None


class LineKind(Enum):
    """The five kinds of the reset log (R-227)."""

    RM_RESET = "RM-RESET"
    SOFTRESET = "SOFTRESET"
    HARDRESET = "HARDRESET"
    ATTENTION = "ATTENTION"
    IPDUSD = "IPDUSD"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the reset log, without its stamp; None is shown as `----`."""

    kind: LineKind
    server: str
    target: int | None
    sent: bool
    """SEND, else RECV."""
    address: str | None
    port: int | None
    number: int | None
    """Subsystem number of the requester, or of who sent a stop notice."""
    fields: tuple[str | None, ...]
    """What follows the common fields, in the order of the kind's format."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One line of the event log, or an alarm."""

    message: str
    """A key of haconn/core/messages.py."""
    values: tuple[tuple[str, str], ...]


Action: TypeAlias = (
    Record
    | Perform
    | Abandon
    | Hurry
    | BeginRestore
    | StopRestore
    | Acknowledge
    | Ask
    | TellResult
    | TellNotices
    | TellCheck
    | TestEnded
    | RecoveryEnded
    | Line
    | Remark
)
