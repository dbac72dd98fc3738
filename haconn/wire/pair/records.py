"""Records of the sealed channel: a stream of bytes <-> (type, body), and their seals.

A record is type (u8), length (u16) and a body of that length. All but HELLO are sealed with
ChaCha20-Poly1305 (RFC 8439); type and length are authenticated with the body. The nonce is 4 zero
bytes and a counter (u64) of the records of that direction, so a record that is left out,
repeated or moved does not open.

Rule 1. A length is looked at before its body is waited for: what no honest peer would say ends the
        channel at once, and nobody can make us store more than one record.
Rule 2. Every reason for a record not to open is the same error.
"""

import struct
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

HEADER = struct.Struct(">BH")
_NONCE = struct.Struct(">4xQ")
TAG_BYTES = 16
BODY_BYTES_MAX = 16 * 1024
PLAIN_BYTES_MAX = BODY_BYTES_MAX - TAG_BYTES
"""How much of a message one record carries."""
HELLO_BYTES = 65


class ChannelError(ValueError):
    """The channel is of no more use: what arrived was not said by our peer, or not in order."""


class RecordType(IntEnum):
    """What a record is."""

    HELLO = 1
    PROOF = 2
    PART = 3  # of a message that goes on in the next record
    LAST = 4  # the end of a message
    END = 5  # nothing follows: without it an end of the stream is a loss


_SIZES: Final = {
    RecordType.HELLO: (HELLO_BYTES, HELLO_BYTES),
    RecordType.PROOF: (TAG_BYTES, TAG_BYTES),
    RecordType.PART: (BODY_BYTES_MAX, BODY_BYTES_MAX),
    RecordType.LAST: (TAG_BYTES, BODY_BYTES_MAX),
    RecordType.END: (TAG_BYTES, TAG_BYTES),
}
"""Smallest and greatest body."""


class Cutter:
    """Cut a stream into records."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._bytes += data

    def next(self, expected: frozenset[RecordType]) -> tuple[RecordType, bytes] | None:
        """Give the next record, if it is complete. Raises ChannelError for one out of order."""
        if len(self._bytes) < HEADER.size:
            return None
        kind, length = HEADER.unpack_from(self._bytes)
        if kind not in expected:
            raise ChannelError("a record that has no place here")
        low, high = _SIZES[RecordType(kind)]
        if not low <= length <= high:
            raise ChannelError("a record of a wrong length")
        end = HEADER.size + length
        if len(self._bytes) < end:
            return None
        body = bytes(self._bytes[HEADER.size : end])
        del self._bytes[:end]
        return RecordType(kind), body


class Seal:
    """One direction of one connection: its key, and how many records it has had."""

    __slots__ = ("_cipher", "_count")

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._count = 0

    def close(self, kind: RecordType, plain: bytes, context: bytes = b"") -> bytes:
        """Give the whole record; `context` is authenticated and not sent."""
        header = HEADER.pack(kind, len(plain) + TAG_BYTES)
        return header + self._cipher.encrypt(self._nonce(), plain, header + context)

    def open(self, kind: RecordType, body: bytes, context: bytes = b"") -> bytes:
        """Give what is in a record. Raises ChannelError."""
        header = HEADER.pack(kind, len(body))
        try:
            return self._cipher.decrypt(self._nonce(), body, header + context)
        except InvalidTag as error:
            raise ChannelError("a record that our peer did not seal, or not here") from error

    def _nonce(self) -> bytes:
        nonce = _NONCE.pack(self._count)
        self._count += 1  # whatever becomes of it: no nonce has a second use
        return nonce
