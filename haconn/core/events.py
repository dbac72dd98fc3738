"""What happens to the systems: everything that enters the core, as data.

Events of the reset path were authenticated by haconn/wire before they came here. Events of
devices name the operation and the stage that they belong to, so that a late one finds its reset
gone and does nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from haconn.core.model import (
    SHORTEST_TIMEOUT_S,
    Answer,
    Feed,
    Instant,
    PowerReading,
    SystemKey,
)
from haconn.core.server import FeedReading, Restore


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who sent an authenticated datagram, and in which session."""

    key: SystemKey
    boot_id: str
    session_at: Instant
    """When the session was trusted."""
    address: str
    """Where the datagram came from."""
    port: int
    uuid: str | None = None
    """Of the machine, as product_uuid prints it; None if its client does not tell it."""
    answers_at: Instant | None = None
    """When that which the datagram answers was given out: the nonce of its session, or an ask."""


@dataclass(frozen=True, slots=True)
class Spoke:
    """A datagram of a valid session; every event with a speaker is one."""

    speaker: Speaker


@dataclass(frozen=True, slots=True)
class Registered:
    """REGISTER: the one datagram that moves the registered address."""

    speaker: Speaker
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Checked:
    """CHECK: could these be reset now?"""

    speaker: Speaker
    token: str
    """What the reply names."""
    targets: tuple[SystemKey, ...]


@dataclass(frozen=True, slots=True)
class Requested:
    """RESET_REQ, first or repeated."""

    speaker: Speaker
    request_id: str
    target: SystemKey


@dataclass(frozen=True, slots=True)
class Left:
    """BYE: an orderly stop."""

    speaker: Speaker


@dataclass(frozen=True, slots=True)
class ResultHeard:
    """The requester acknowledged its RESULT."""

    speaker: Speaker
    request_id: str


@dataclass(frozen=True, slots=True)
class NoticeHeard:
    """A system acknowledged notices."""

    speaker: Speaker
    serials: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """DUMP_NOTIFY, in a session or under the dump ticket of `boot_id`."""

    key: SystemKey
    boot_id: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class KdumpHeard:
    """A fence_kdump datagram: unauthenticated."""

    address: str


WireEvent: TypeAlias = (
    Spoke
    | Registered
    | Checked
    | Requested
    | Left
    | ResultHeard
    | NoticeHeard
    | Stopped
    | KdumpHeard
)


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A BMC gave us a session."""

    server: str
    session: int


@dataclass(frozen=True, slots=True)
class PowerRead:
    """A read of chassis power succeeded."""

    server: str
    reading: PowerReading


@dataclass(frozen=True, slots=True)
class BmcUnanswered:
    """A login or a read has had no answer since it was first asked."""

    server: str
    asked_at: Instant
    timeout_s: float = SHORTEST_TIMEOUT_S
    """How long the driver waits for this BMC's answer at present before it asks again."""


@dataclass(frozen=True, slots=True)
class BmcRefused:
    """The BMC answered a login or a read with a refusal."""

    server: str
    reason: str


@dataclass(frozen=True, slots=True)
class BmcIdentified:
    """A BMC told its system GUID, 16 bytes as it sent them; None if it does not tell it."""

    server: str
    guid: bytes | None


@dataclass(frozen=True, slots=True)
class CommandSent:
    """The datagram of a chassis command left this machine."""

    server: str
    operation: str
    stage: int


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """What became of a stage's command."""

    server: str
    operation: str
    stage: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class OutletSent:
    """The datagram of an outlet command left: older readings of that outlet are void."""

    server: str
    operation: str
    stage: int | None
    """None when it belongs to a restore."""
    feed: Feed
    on: bool


@dataclass(frozen=True, slots=True)
class OutletAnswered:
    """The PDU took an outlet command; its effect is another thing."""

    server: str
    operation: str
    feed: Feed
    on: bool


@dataclass(frozen=True, slots=True)
class FeedsRead:
    """A read of outlets succeeded."""

    readings: Mapping[Feed, FeedReading]


@dataclass(frozen=True, slots=True)
class PduSeen:
    """Whether a PDU answers; None before the first try."""

    pdu: str
    reachable: bool
    reason: str = "no answer"
    """Why it cannot be used, in one line."""


@dataclass(frozen=True, slots=True)
class RestoreTried:
    """A restore ended: verified, or failed with a reason."""

    server: str
    what: Restore
    operation: str
    failure: str | None


DeviceEvent: TypeAlias = (
    SessionOpened
    | PowerRead
    | BmcUnanswered
    | BmcRefused
    | BmcIdentified
    | CommandSent
    | CommandAnswered
    | OutletSent
    | OutletAnswered
    | FeedsRead
    | PduSeen
    | RestoreTried
)


@dataclass(frozen=True, slots=True)
class TestAsked:
    """`haconnserver reset`: the soft reset only."""

    key: SystemKey
    operation: str


@dataclass(frozen=True, slots=True)
class RecoveryAsked:
    """`haconnserver acrecovery`: all outlets of the server on."""

    server: str
    operation: str


@dataclass(frozen=True, slots=True)
class BindingsChanged:
    """Keys were made or retired: the table of systems is another."""

    bindings: Mapping[SystemKey, str]


@dataclass(frozen=True, slots=True)
class RedundancyIs:
    """Whether there is a standby that could take over now, as CHECK's answers say it."""

    degraded: bool


@dataclass(frozen=True, slots=True)
class StageRecorded:
    """The journal, and the standby where there is one, has the stage."""

    key: SystemKey
    operation: str
    stage: int


@dataclass(frozen=True, slots=True)
class RequestRecorded:
    """The journal has the request: it may be acknowledged."""

    requester: SystemKey
    request_id: str


@dataclass(frozen=True, slots=True)
class VerdictRecorded:
    """The journal has the verdict: it may be told."""

    key: SystemKey
    operation: str
    refuted: int = 0
    """How many verdicts of that reset were contradicted before."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The process has taken up the journal of an earlier one."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The service stops for good, with nobody to take up what it has accepted."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Look at the clock."""


RecordedEvent: TypeAlias = StageRecorded | RequestRecorded | VerdictRecorded
OwnEvent: TypeAlias = (
    TestAsked
    | RecoveryAsked
    | BindingsChanged
    | RedundancyIs
    | RecordedEvent
    | Resumed
    | GivenUp
    | Tick
)
Event: TypeAlias = WireEvent | DeviceEvent | OwnEvent
