"""Header and tag: bytes of a datagram <-> Frame.

Rule 1. Nothing of a payload is looked at before the tag is right.
Rule 2. Whatever arrives, this file raises WireError and nothing else.
Rule 3. `parse` has not verified anything: it only says which key is to be tried.
"""

import hmac
import struct
from typing import NamedTuple

_HEADER = struct.Struct(">2sBBII16sQIH")
_MAGIC = b"HR"
_VERSION = 1
_TAG_SIZE = 16
_TAG_LABEL = b"HRP1"  # keeps a tag from ever being a dump ticket, which is labelled HRT1
PAYLOAD_MAX = 1200  # with UDP and IPv4 headers below every MTU in use, so nothing is fragmented
SIZE_MIN = _HEADER.size + _TAG_SIZE
SIZE_MAX = SIZE_MIN + PAYLOAD_MAX
SESSION_SIZE = 16
NO_SESSION = bytes(SESSION_SIZE)
SEQ_MAX = 2**64 - 1


class WireError(ValueError):
    """Bytes that are no datagram of this protocol, or a value that does not fit into one."""


class Frame(NamedTuple):
    """A datagram without magic, version, length and tag."""

    type: int
    key_id: int
    sender: int
    """System id of a client, 0 from the server."""
    session: bytes
    seq: int
    epoch: int
    payload: bytes


def seal(key: bytes, frame: Frame) -> bytes:
    """Raises WireError if a field does not fit."""
    if len(frame.payload) > PAYLOAD_MAX or len(frame.session) != SESSION_SIZE:
        raise WireError("payload or session of a wrong size")
    try:
        header = _HEADER.pack(_MAGIC, _VERSION, *frame[:6], len(frame.payload))
    except struct.error as error:
        raise WireError(f"a header field is out of range: {error}") from error
    body = header + frame.payload
    return body + _tag(key, body)


def parse(datagram: bytes) -> Frame:
    """Read a datagram that nobody has verified yet. Raises WireError."""
    if not SIZE_MIN <= len(datagram) <= SIZE_MAX:
        raise WireError("size")
    magic, version, kind, key_id, sender, session, seq, epoch, length = _HEADER.unpack_from(
        datagram
    )
    if magic != _MAGIC or version != _VERSION or length != len(datagram) - SIZE_MIN:
        raise WireError("magic, version or length")
    payload = datagram[_HEADER.size : -_TAG_SIZE]
    return Frame(kind, key_id, sender, session, seq, epoch, payload)


def verified(key: bytes, datagram: bytes) -> bool:
    """Whether the tag was made with this key; takes the same time for every wrong tag."""
    return hmac.compare_digest(_tag(key, datagram[:-_TAG_SIZE]), datagram[-_TAG_SIZE:])


def _tag(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, _TAG_LABEL + body, "sha256")[:_TAG_SIZE]
