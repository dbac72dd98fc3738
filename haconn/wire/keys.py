"""Keys of the reset path: what they are bound to, and what is derived from them.

One master per generation of a system's key. Nothing is sealed with the master itself:
each direction has its own key by HKDF (RFC 5869), so that a reflected datagram never
verifies, and a dying kernel gets a ticket that is good for one boot.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from haconn.core.model import Secret, SystemKey

MASTER_SIZE = 32
TICKET_SIZE = 16
ID_MAX = 0xFFFFFF
GENERATION_MAX = 0xFF
_LINE = re.compile(r"haconn1:([0-9a-fA-F]{8}):([0-9a-fA-F]{64})")
_HEX = re.compile(r"[0-9a-fA-F]{64}")


class BadKeyError(ValueError):
    """A key, or the text of one, that is none. Never quotes the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One generation of a system's key, and the binding that gives it its meaning.

    Raises BadKeyError for values that are out of range.
    """

    id: int
    """System id, 1 to 2**24 - 1; never used again for another system."""
    generation: int
    """1 to 255."""
    master: Secret
    """64 hex digits."""
    server: str
    vm: str
    """Name of the guest; empty for a physical server."""
    port: int
    """UDP port of the monitors of its cluster."""
    number: int
    """Subsystem number."""

    def __post_init__(self) -> None:
        if not 1 <= self.id <= ID_MAX or not 1 <= self.generation <= GENERATION_MAX:
            raise BadKeyError(f"no key id: {self.id}.{self.generation}")
        if not 1 <= self.port <= 0xFFFF or not 0 <= self.number <= 0xFFFFFFFF:
            raise BadKeyError(f"no system: {self.port}/{self.number}")
        if _HEX.fullmatch(self.master.reveal()) is None:
            raise BadKeyError("a key has 64 hex digits")

    @property
    def key_id(self) -> int:
        """What the header of a datagram carries."""
        return self.id << 8 | self.generation

    @property
    def system(self) -> SystemKey:
        """The one system that this key speaks for."""
        return SystemKey(self.port, self.number)


@dataclass(frozen=True, slots=True)
class Derived:
    """The working keys of one master; hidden from every output."""

    to_server: bytes
    to_client: bytes

    def __repr__(self) -> str:
        return "Derived(***)"


def derive(master: Secret) -> Derived:
    """Split a master by direction: HKDF-SHA256 without salt."""
    prk = hmac.digest(bytes(MASTER_SIZE), bytes.fromhex(master.reveal()), "sha256")
    return Derived(
        hmac.digest(prk, b"c2s\x01", "sha256"),
        hmac.digest(prk, b"s2c\x01", "sha256"),
    )


def dump_ticket(derived: Derived, boot: bytes) -> bytes:
    """The key for DUMP_NOTIFY of one boot. Both ends compute it; it is never sent."""
    return hmac.digest(derived.to_server, b"HRT1" + boot, "sha256")[:TICKET_SIZE]


def fingerprint(master: Secret) -> str:
    """What operators may see of a key: 16 hex digits."""
    return hashlib.sha256(bytes.fromhex(master.reveal())).hexdigest()[:16]


def new_key(key_id: int, random_bytes: Callable[[int], bytes]) -> str:
    """Make the line of a new key file from a cryptographic source."""
    return f"haconn1:{key_id:08x}:{random_bytes(MASTER_SIZE).hex()}"


def format_key_line(key: Key) -> str:
    """The line of the client's key file, without the end of line. It is the secret itself."""
    return f"haconn1:{key.key_id:08x}:{key.master.reveal().lower()}"


def parse_key_line(line: str, *, server: str, vm: str, port: int, number: int) -> Key:
    """Read a client's key file; the binding comes from the client's own configuration.

    Raises BadKeyError.
    """
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise BadKeyError("not a key: haconn1:<key id, 8 hex digits>:<64 hex digits>")
    key_id = int(found[1], 16)
    return Key(
        id=key_id >> 8,
        generation=key_id & GENERATION_MAX,
        master=Secret(found[2].lower()),
        server=server,
        vm=vm,
        port=port,
        number=number,
    )
