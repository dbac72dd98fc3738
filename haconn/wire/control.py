"""The control socket between the commands and the daemon: bytes to requests and replies, both ends.

Sans-IO. A frame is a length (u32, big-endian) and that many bytes of JSON. One request goes one
way; any number of `progress` frames and then one `done` or `refused` come back:

  {"command": "reset", "arguments": {"server": "A", "address": 3}}
  {"progress": "soft reset sent"} ...
  {"done": {...}}  or  {"refused": "one line"}

`arguments` and `done` are dataclasses in the form of haconn/wire/plain.py; which ones is said by
the command (`REPORT_OF`). A frame that is too long or no such JSON is a ControlError, and the
connection is not to be used any further.
"""

import json
from dataclasses import dataclass
from typing import TypeAlias

from haconn.core.report import (
    CopyReport,
    KeysReport,
    MonitorReport,
    PduReport,
    ResetTestReport,
    RestoreReport,
    RoleReport,
    StatusReport,
)
from haconn.wire.plain import Json, PlainError, from_plain, to_plain

REQUEST_BYTES_MAX = 64 * 1024
REPLY_BYTES_MAX = 4 * 1024 * 1024
HEAD_BYTES = 4


class ControlError(ValueError):
    """What arrived is no request, or no reply to the request; one line."""


@dataclass(frozen=True, slots=True)
class Status:
    """Ask for what `haconnshow status` shows."""


@dataclass(frozen=True, slots=True)
class Monitors:
    """Ask for what `haconnshow hamonitor` shows."""


@dataclass(frozen=True, slots=True)
class Pdus:
    """Ask for what `haconnshow ipdu` shows."""


@dataclass(frozen=True, slots=True)
class ReloadKeys:
    """Read the keys of secrets.toml again; a change, so uid 0 or the daemon's own uid only."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Test the soft reset of a system; a change."""

    server: str
    address: int
    """Subsystem number."""
    port: int | None = None
    """Port of the monitor, where the number alone names two systems of that server (A-53)."""


@dataclass(frozen=True, slots=True)
class Acrecovery:
    """Switch on every outlet of a server; a change."""

    server: str


@dataclass(frozen=True, slots=True)
class CopyConfiguration:
    """Copy the settings of the active to its standby; a change, on the active only."""


@dataclass(frozen=True, slots=True)
class RestartActive:
    """Hand over to the standby and start anew; a change, on the active only."""

    force: bool = False
    """Also where the standby would be worse off than this active."""


@dataclass(frozen=True, slots=True)
class ShutdownActive:
    """Stop both servers of a pair, or the single one; a change, on the active only."""

    force: bool = False
    """Also if the standby does not confirm that it stops."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """Become active on the operator's word that the peer is off; a change, never on the active."""

    peer: str
    """Host name of the peer as the operator has typed it."""


@dataclass(frozen=True, slots=True)
class RestartStandby:
    """Start the standby anew; a change, on either server."""


@dataclass(frozen=True, slots=True)
class ShutdownStandby:
    """Stop the standby; a change, on either server."""


@dataclass(frozen=True, slots=True)
class MayRetirePeerKey:
    """Whether the two could still talk without a generation of the pair's key; refused if not."""

    generation: int


PairRequest: TypeAlias = (
    CopyConfiguration
    | RestartActive
    | ShutdownActive
    | Takeover
    | RestartStandby
    | ShutdownStandby
    | MayRetirePeerKey
)
"""What moves the roles of a pair, or its settings."""
Request: TypeAlias = Status | Monitors | Pdus | ReloadKeys | Reset | Acrecovery | PairRequest
Report: TypeAlias = (
    StatusReport
    | MonitorReport
    | PduReport
    | KeysReport
    | ResetTestReport
    | RestoreReport
    | CopyReport
    | RoleReport
)

COMMANDS: dict[str, type[Request]] = {
    "status": Status,
    "hamonitor": Monitors,
    "ipdu": Pdus,
    "reload-keys": ReloadKeys,
    "reset": Reset,
    "acrecovery": Acrecovery,
    "copy": CopyConfiguration,
    "restart-active": RestartActive,
    "shutdown-active": ShutdownActive,
    "takeover": Takeover,
    "restart-standby": RestartStandby,
    "shutdown-standby": ShutdownStandby,
    "may-retire-peer-key": MayRetirePeerKey,
}
REPORT_OF: dict[type[Request], type[Report]] = {
    Status: StatusReport,
    Monitors: MonitorReport,
    Pdus: PduReport,
    ReloadKeys: KeysReport,
    Reset: ResetTestReport,
    Acrecovery: RestoreReport,
    CopyConfiguration: CopyReport,
    RestartActive: RoleReport,
    ShutdownActive: RoleReport,
    Takeover: RoleReport,
    RestartStandby: RoleReport,
    ShutdownStandby: RoleReport,
    MayRetirePeerKey: RoleReport,
}
CHANGES: frozenset[type[Request]] = frozenset(COMMANDS.values()) - {Status, Monitors, Pdus}
"""Requests that only uid 0 and the daemon's own uid may make."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One line while the request is carried out."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The request was carried out; what it found may still be a failed test."""

    report: Report


@dataclass(frozen=True, slots=True)
class Refused:
    """The request was not carried out; one line says why."""

    reason: str


Reply: TypeAlias = Progress | Done | Refused


class Frames:
    """Cut a stream of bytes into JSON values; `limit` is the longest frame that is taken."""

    __slots__ = ("_bytes", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[Json]:
        """Take what was received and give the values that are complete now.

        Raises ControlError for a frame that is too long or no JSON.
        """
        self._bytes += data
        values: list[Json] = []
        while (frame := self._next()) is not None:
            values.append(_parse(frame))
        return values

    @property
    def inside(self) -> bool:
        """A frame has begun and is not complete: an end of the stream here is a loss."""
        return bool(self._bytes)

    def _next(self) -> bytes | None:
        if len(self._bytes) < HEAD_BYTES:
            return None
        length = int.from_bytes(self._bytes[:HEAD_BYTES], "big")
        if length > self._limit:
            raise ControlError(f"a frame of {length} bytes; the limit is {self._limit}")
        end = HEAD_BYTES + length
        if len(self._bytes) < end:
            return None
        frame = bytes(self._bytes[HEAD_BYTES:end])
        del self._bytes[:end]
        return frame


def request_frames() -> Frames:
    """Cut what the daemon receives."""
    return Frames(REQUEST_BYTES_MAX)


def reply_frames() -> Frames:
    """Cut what a command receives."""
    return Frames(REPLY_BYTES_MAX)


def encode_request(request: Request) -> bytes:
    """Give the frame of a request."""
    name = next(name for name, kind in COMMANDS.items() if kind is type(request))
    return _frame({"command": name, "arguments": to_plain(request)}, REQUEST_BYTES_MAX)


def parse_request(value: Json) -> Request:
    """Give the request in a frame the daemon received; raises ControlError."""
    if not isinstance(value, dict) or set(value) - {"command", "arguments"}:
        raise ControlError("a request is a command and its arguments")
    name = value.get("command")
    if not isinstance(name, str) or name not in COMMANDS:
        raise ControlError(f"unknown command; known: {', '.join(COMMANDS)}")
    try:
        return from_plain(COMMANDS[name], value.get("arguments", {}))
    except PlainError as exc:
        raise ControlError(f"{name}: {exc}") from exc


def encode_reply(reply: Reply) -> bytes:
    """Give the frame of a reply; an answer that is too long becomes a refusal that says so."""
    match reply:
        case Progress(text):
            return _frame({"progress": text}, REPLY_BYTES_MAX)
        case Refused(reason):
            return _frame({"refused": reason}, REPLY_BYTES_MAX)
        case Done(report):
            try:
                return _frame({"done": to_plain(report)}, REPLY_BYTES_MAX)
            except ControlError as exc:
                return _frame({"refused": f"the answer is too long: {exc}"}, REPLY_BYTES_MAX)


def parse_reply(request: Request, value: Json) -> Reply:
    """Give the reply in a frame that came for this request; raises ControlError."""
    match value:
        case {"progress": str() as text, **rest} if not rest:
            return Progress(text)
        case {"refused": str() as reason, **rest} if not rest:
            return Refused(reason)
        case {"done": report, **rest} if not rest:
            try:
                return Done(from_plain(REPORT_OF[type(request)], report))
            except PlainError as exc:
                raise ControlError(f"the answer of the service does not fit: {exc}") from exc
        case _:
            raise ControlError("neither progress nor done nor refused")


def as_json(value: object) -> str:
    """Give any report as the text that `--json` prints; a secret becomes asterisks."""
    return json.dumps(to_plain(value, conceal=True), ensure_ascii=False, indent=2)


def _frame(value: Json, limit: int) -> bytes:
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    if len(text) > limit:
        raise ControlError(f"{len(text)} bytes; the limit is {limit}")
    return len(text).to_bytes(HEAD_BYTES, "big") + text


def _parse(frame: bytes) -> Json:
    try:
        value: Json = json.loads(frame, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise ControlError("a frame that is no JSON") from exc
    return value


def _no_constant(name: str) -> Json:
    raise ValueError(name)
