"""What a client's end heard: for the monitor that it is part of."""

from dataclasses import dataclass
from typing import TypeAlias

from haconn.wire.codes import Status, Type
from haconn.wire.payloads import Checkup, Notice, Result


@dataclass(frozen=True, slots=True)
class SessionUp:
    """The server trusts us; everything outstanding is said again."""

    epoch: int


@dataclass(frozen=True, slots=True)
class SessionRefused:
    """The key is right, what we say of ourselves is not; the handshake goes on nevertheless."""

    status: Status


@dataclass(frozen=True, slots=True)
class RegisterAnswered:
    status: Status


@dataclass(frozen=True, slots=True)
class CheckAnswered:
    token: int
    checkups: tuple[Checkup, ...]


@dataclass(frozen=True, slots=True)
class CheckUnanswered:
    """For three seconds: the reset path is broken."""

    token: int


@dataclass(frozen=True, slots=True)
class RequestAcknowledged:
    """The server has the request; a RESULT will follow."""

    request_id: bytes


@dataclass(frozen=True, slots=True)
class ResultHeard:
    """Once for each request."""

    result: Result


@dataclass(frozen=True, slots=True)
class NoticeHeard:
    """Once for each serial of a system."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class FarewellAcknowledged:
    """BYE or DUMP_NOTIFY of a session arrived."""

    type: Type
    status: Status


ClientEvent: TypeAlias = (
    SessionUp
    | SessionRefused
    | RegisterAnswered
    | CheckAnswered
    | CheckUnanswered
    | RequestAcknowledged
    | ResultHeard
    | NoticeHeard
    | FarewellAcknowledged
)


@dataclass(frozen=True, slots=True)
class Told:
    """What one call led to."""

    datagrams: tuple[bytes, ...] = ()
    """To be sent to the server at once."""
    events: tuple[ClientEvent, ...] = ()
