"""The small parts that payloads are made of: systems, boot ids, ages, texts.

A Reader takes them from the front of a payload and leaves what it does not know.
"""

import struct
from uuid import UUID

from haconn.core.model import SystemKey
from haconn.wire.frame import WireError

SYSTEM = struct.Struct(">HI")
_NO_AGE = 0xFFFFFFFF
_TEXT_MAX = 255
UUID_SIZE = 16
CLIENT_PAYLOAD_MIN = 32
"""A client pads to this, so that no answer outside a session is larger than its question."""


def sixteen(raw: bytes) -> bytes:
    """Pass nonces and ids through. Raises WireError: struct would cut or fill them in silence."""
    if len(raw) != 16:
        raise WireError("nonces, request ids and references have 16 bytes")
    return raw


def encode_boot(boot_id: str) -> bytes:
    """Boot id as the kernel writes it -> 16 bytes. Raises WireError; zero is none."""
    try:
        raw = UUID(boot_id).bytes
    except ValueError as error:
        raise WireError("a boot id is a UUID") from error
    if not any(raw):
        raise WireError("a boot id is never zero")
    return raw


def decode_boot(raw: bytes) -> str:
    """16 bytes -> the form of /proc/sys/kernel/random/boot_id. Raises WireError for zero."""
    if not any(raw):
        raise WireError("a boot id is never zero")
    return str(UUID(bytes=raw))


def encode_uuid(uuid: str | None) -> bytes:
    """Machine's UUID as product_uuid prints it -> its 16 bytes, b"" without. Raises WireError."""
    if uuid is None:
        return b""
    try:
        return UUID(uuid).bytes
    except ValueError as error:
        raise WireError("a machine's UUID is a UUID") from error


def encode_age(age_s: float | None) -> int:
    """Seconds -> milliseconds, kept below the value that means `none`; total, for any float."""
    if age_s is None:
        return _NO_AGE
    age_ms = min(age_s * 1000, float(_NO_AGE - 1))
    return round(age_ms) if age_ms > 0 else 0


def decode_age(age_ms: int) -> float | None:
    """Milliseconds -> seconds."""
    return None if age_ms == _NO_AGE else age_ms / 1000


def encode_text(text: str) -> bytes:
    """Length byte and UTF-8. Raises WireError if it is longer than 255 bytes."""
    raw = text.encode("utf-8", "replace")
    if len(raw) > _TEXT_MAX:
        raise WireError("text is longer than 255 bytes")
    return bytes([len(raw)]) + raw


def shortened(text: str) -> str:
    """Cut a text for people so that it fits, at a character's edge."""
    return text.encode("utf-8", "replace")[:_TEXT_MAX].decode("utf-8", "ignore")


def pack(layout: struct.Struct, *values: object) -> bytes:
    """`layout.pack`, with the codec's own error."""
    try:
        return layout.pack(*values)
    except struct.error as error:
        raise WireError(f"a field is out of range: {error}") from error


def encode_system(system: SystemKey) -> bytes:
    """Raises WireError."""
    return pack(SYSTEM, system.port, system.number)


def padded(payload: bytes) -> bytes:
    """A client's payload, long enough to be answered outside a session."""
    return payload.ljust(CLIENT_PAYLOAD_MIN, b"\0")


class Reader:
    """Takes fields from the front of a payload; every method raises WireError at its end."""

    __slots__ = ("_at", "_payload")

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._payload)

    def take(self, layout: struct.Struct) -> tuple[int, ...]:
        """The integers of a layout."""
        return layout.unpack(self.raw(layout.size))

    def raw(self, size: int) -> bytes:
        """So many bytes."""
        end = self._at + size
        if end > len(self._payload):
            raise WireError("payload ends too early")
        part = self._payload[self._at : end]
        self._at = end
        return part

    def system(self) -> SystemKey:
        """Port and number."""
        return SystemKey(*self.take(SYSTEM))

    def boot(self) -> str:
        """A boot id in the kernel's form."""
        return decode_boot(self.raw(16))

    def uuid(self) -> str | None:
        """A machine's UUID as product_uuid prints it; None if it is zero or not there.

        A payload that ends before its end has padding there, or belongs to a client of old.
        """
        raw = self._payload[self._at : self._at + UUID_SIZE]
        self._at += len(raw)
        return str(UUID(bytes=raw)) if len(raw) == UUID_SIZE and any(raw) else None

    def text(self) -> str:
        """Length byte and UTF-8."""
        (size,) = self.raw(1)
        try:
            return self.raw(size).decode("utf-8")
        except UnicodeDecodeError as error:
            raise WireError("text is not UTF-8") from error
