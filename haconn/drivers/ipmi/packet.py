"""The envelopes of IPMI over LAN: bytes to fields and back, nothing else.

Three of them, told apart by their fifth byte, the authentication type (IPMI 2.0, table 13-8):
  outside   IPMI 1.5 header, no session: Get Channel Authentication Capabilities
  setup     RMCP+ header, payload in the clear: Open Session and RAKP messages
  sealed    RMCP+ header, encrypted and authenticated: everything after a login (channel.py)

Rule 1. A datagram is whole and well-formed, or its parser raises CodecError and nothing else.
Rule 2. Nothing here looks at a key; what is parsed here is not yet believed.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

RMCP = b"\x06\x00\xff\x07"  # version 1.0, reserved, no RMCP acknowledge, class IPMI
AUTHENTICATION_NONE = 0x00
AUTHENTICATION_RMCP_PLUS = 0x06
SEALED = 0xC0  # both flags of the payload type byte: encrypted, authenticated
HEADER = struct.Struct("<BBIIH")  # authentication type, payload type, session, sequence, length


class CodecError(ValueError):
    """These bytes are no message of the kind that was asked for."""


class Kind(IntEnum):
    """Payload types (IPMI 2.0, table 13-16) that a remote console meets."""

    IPMI = 0x00
    OPEN_REQUEST = 0x10
    OPEN_RESPONSE = 0x11
    RAKP_1 = 0x12
    RAKP_2 = 0x13
    RAKP_3 = 0x14
    RAKP_4 = 0x15


@dataclass(frozen=True, slots=True)
class Header:
    """The RMCP+ session header of one datagram."""

    kind: int
    """Payload type with its two flags."""
    session: int
    """Session id of the receiver; 0 before a session exists."""
    sequence: int
    length: int
    """Length of the payload in bytes."""


def encode_outside(message: bytes) -> bytes:
    """Wrap an IPMI message that belongs to no session."""
    return RMCP + struct.pack("<BIIB", AUTHENTICATION_NONE, 0, 0, len(message)) + message


def parse_outside(datagram: bytes) -> bytes:
    """Give the IPMI message of a datagram outside a session, or raise CodecError."""
    body = _after_rmcp(datagram)
    if len(body) < 10 or body[0] != AUTHENTICATION_NONE:
        raise CodecError("no IPMI 1.5 header without authentication")
    message = body[10 : 10 + body[9]]
    # One byte may follow: IPMI 1.5 pads some lengths that an old network chip cannot send.
    if len(message) != body[9] or len(body) - 10 - body[9] > 1:
        raise CodecError("the length field and the datagram differ")
    return message


def encode_setup(kind: Kind, payload: bytes) -> bytes:
    """Wrap an Open Session or RAKP payload."""
    return RMCP + HEADER.pack(AUTHENTICATION_RMCP_PLUS, kind, 0, 0, len(payload)) + payload


def parse_setup(datagram: bytes, kind: Kind) -> bytes:
    """Give the payload of an Open Session or RAKP datagram of this kind, or raise CodecError."""
    header = parse_header(datagram)
    payload = datagram[len(RMCP) + HEADER.size :]
    if header.kind != kind:
        raise CodecError(f"payload type 0x{header.kind:02X}, not 0x{kind:02X}")
    if header.length != len(payload):
        raise CodecError("the length field and the datagram differ")
    return payload


def parse_header(datagram: bytes) -> Header:
    """Read the RMCP+ session header, or raise CodecError."""
    body = _after_rmcp(datagram)
    if len(body) < HEADER.size or body[0] != AUTHENTICATION_RMCP_PLUS:
        raise CodecError("no RMCP+ header")
    _, kind, session, sequence, length = HEADER.unpack_from(body)
    return Header(kind, session, sequence, length)


def _after_rmcp(datagram: bytes) -> bytes:
    # The reserved byte and the RMCP sequence number mean nothing for class IPMI: not checked.
    if len(datagram) < len(RMCP) or datagram[0] != RMCP[0] or datagram[3] != RMCP[3]:
        raise CodecError("no RMCP header of class IPMI")
    return datagram[len(RMCP) :]
