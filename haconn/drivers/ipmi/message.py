"""IPMI messages: the request inside the envelope, its answer, and the few commands we use.

A request and its answer are matched by number (rqSeq, 6 bits), network function and command;
both checksums, both addresses and both LUNs must be right (IPMI 2.0, 13.8).
"""

from dataclasses import dataclass
from typing import Final

from haconn.core.model import Chassis, Power
from haconn.drivers.ipmi.packet import CodecError

BMC_ADDRESS: Final = 0x20
CONSOLE_ADDRESS: Final = 0x81  # software id 40h of a remote console, written as an address
ADMINISTRATOR: Final = 4
THIS_CHANNEL: Final = 0x0E


@dataclass(frozen=True, slots=True)
class Request:
    """One command to the BMC, without its number: the same one may be asked many times."""

    function: int
    """Network function, even."""
    command: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What the BMC said to one request."""

    function: int
    """Network function of the request, plus 1."""
    number: int
    command: int
    code: int
    """Completion code; 0 is success."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The part of Get Channel Authentication Capabilities that decides about a login."""

    rmcp_plus: bool
    """IPMI 2.0 sessions are offered."""
    two_keys: bool
    """A channel key (Kg) is set: the password alone makes no session."""


CAPABILITIES: Final = Request(0x06, 0x38, bytes((0x80 | THIS_CHANNEL, ADMINISTRATOR)))
DEVICE_ID: Final = Request(0x06, 0x01)
SYSTEM_GUID: Final = Request(0x06, 0x37)
BE_ADMINISTRATOR: Final = Request(0x06, 0x3B, bytes((ADMINISTRATOR,)))
CHASSIS_STATUS: Final = Request(0x00, 0x01)
CONTROL: Final = {  # IPMI 2.0, table 28-4
    Chassis.POWER_OFF: Request(0x00, 0x02, b"\x00"),
    Chassis.POWER_ON: Request(0x00, 0x02, b"\x01"),
    Chassis.RESET: Request(0x00, 0x02, b"\x03"),
    Chassis.NMI: Request(0x00, 0x02, b"\x04"),
}


def close_session(session: int) -> Request:
    """Ask the BMC to forget this session, by the id that the BMC gave it."""
    return Request(0x06, 0x3C, session.to_bytes(4, "little"))


def encode_request(request: Request, number: int) -> bytes:
    """Write one request with its number (0-63) and checksums."""
    head = bytes((BMC_ADDRESS, request.function << 2))
    body = bytes((CONSOLE_ADDRESS, number << 2, request.command)) + request.data
    return head + _checksum(head) + body + _checksum(body)


def parse_response(message: bytes) -> Response:
    """Read one answer to this console, or raise CodecError."""
    if len(message) < 8:
        raise CodecError("shorter than any answer")
    if sum(message[:3]) & 0xFF or sum(message[3:]) & 0xFF:
        raise CodecError("checksum")
    function, number = message[1] >> 2, message[4] >> 2
    if message[0] != CONSOLE_ADDRESS or message[3] != BMC_ADDRESS:
        raise CodecError("not from the BMC to this console")
    if message[1] & 3 or message[4] & 3:
        raise CodecError("another LUN")
    return Response(function, number, message[5], message[6], message[7:-1])


def answers(response: Response, request: Request) -> bool:
    """Tell whether this is the answer to such a request; the number is the caller's to compare."""
    return response.function == request.function + 1 and response.command == request.command


def parse_capabilities(response: Response) -> Capabilities:
    """Read the answer to CAPABILITIES (IPMI 2.0, table 22-15), or raise CodecError."""
    data = response.data
    if len(data) < 8:
        raise CodecError("shorter than the authentication capabilities of a channel")
    extended = bool(data[1] & 0x80)
    return Capabilities(rmcp_plus=extended and bool(data[3] & 2), two_keys=bool(data[2] & 0x20))


def parse_power(response: Response) -> Power:
    """Read the answer to CHASSIS_STATUS (IPMI 2.0, table 28-3), or raise CodecError.

    Bit 0 of the first byte is the power itself. Bit 4, power control fault, says that the BMC
    switched and the server did not follow: an "off" beside it contradicts itself and is UNKNOWN.
    Bit 3, power fault, explains an "off" (the supply failed) and does not weaken it.
    """
    if len(response.data) < 3:
        raise CodecError("shorter than a chassis status")
    state = response.data[0]
    if state & 0x01:
        return Power.ON
    return Power.UNKNOWN if state & 0x10 else Power.OFF


def _checksum(covered: bytes) -> bytes:
    return bytes((-sum(covered) & 0xFF,))
