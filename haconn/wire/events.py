"""What the server's end heard: the daemon translates these for core.

Everything that was said in a session is a Spoke and tells who spoke, in which boot, and when
the session began. A StopNotice is not: it may have been recorded hours ago.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from haconn.core.model import SystemKey
from haconn.wire.payloads import NoticeRef
from haconn.wire.sessions import Address


class Drop(Enum):
    """Why a datagram was dropped without an answer; the order is that of the checks."""

    SIZE = "size"
    SOURCE_RATE = "too many from a stranger"
    MAGIC = "magic, version or length"
    KEY = "key id or sender"
    TAG = "tag"
    TYPE = "type"
    SESSION = "unknown session, and too short to be answered"
    WINDOW = "seq seen before, too old or out of order"
    KEY_RATE = "too many from a key"
    PAYLOAD = "payload"
    BOOT = "stop notice of another boot than the session's"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who said something in a session, and with which datagram."""

    system: SystemKey
    boot_id: str
    session_begun_at: float
    source: Address
    """Where the datagram came from, and where its answer goes."""
    type: int
    seq: int
    reference: bytes
    """What an ACK of it carries."""
    answers_at: float
    """When that which it answers left here: the nonce of its session, or an ask."""
    uuid: str | None = None
    """Of the machine, as product_uuid prints it; None if the client does not tell it."""


@dataclass(frozen=True, slots=True)
class Spoke:
    """A valid datagram of a session; alone, it says nothing else."""

    by: Speaker

    @property
    def key(self) -> SystemKey:
        return self.by.system

    @property
    def boot_id(self) -> str:
        return self.by.boot_id

    @property
    def session_begun_at(self) -> float:
        return self.by.session_begun_at


@dataclass(frozen=True, slots=True)
class SessionBegun(Spoke):
    """A handshake ended well. The older session of this system is over."""

    port: int
    """Where the client hears what is said unasked."""

    @property
    def address(self) -> str:
        return self.by.source[0]

    @property
    def at(self) -> float:
        return self.by.session_begun_at


@dataclass(frozen=True, slots=True)
class Registered(Spoke):
    """REGISTER that matches the binding. To be acknowledged with `ServerEnd.ack`."""

    port: int

    @property
    def address(self) -> str:
        return self.by.source[0]


@dataclass(frozen=True, slots=True)
class Checked(Spoke):
    """To be answered with `ServerEnd.check_reply`."""

    token: int
    named: tuple[SystemKey, ...]
    """As asked."""
    targets: tuple[SystemKey, ...]
    """Those of them that it may ask about; the rest is answered as unknown."""


@dataclass(frozen=True, slots=True)
class ResetRequested(Spoke):
    """A request that the key may make. To be acknowledged with `ServerEnd.ack`."""

    request_id: bytes
    target: SystemKey


@dataclass(frozen=True, slots=True)
class ResetRefused(Spoke):
    """A request that the key may not make; RESULT ERROR was among the answers."""

    request_id: bytes
    target: SystemKey
    reason: str


@dataclass(frozen=True, slots=True)
class ResultAcknowledged(Spoke):
    request_id: bytes


@dataclass(frozen=True, slots=True)
class NoticeAcknowledged(Spoke):
    notices: tuple[NoticeRef, ...]


@dataclass(frozen=True, slots=True)
class Bye(Spoke):
    """The monitor stops in order. Acknowledged already."""


@dataclass(frozen=True, slots=True)
class StopNotice:
    """A DUMP_NOTIFY: the kernel of this boot says that it stopped.

    One under the dump ticket counts only if the boot id is the one on record; this end knows
    that only while it has a session, so the daemon has to compare.
    """

    key: SystemKey
    boot_id: str
    first: bool
    """Of this boot, since this end was made: only the first datagram dates the evidence."""
    source: Address


Event: TypeAlias = Spoke | StopNotice


@dataclass(frozen=True, slots=True)
class Heard:
    """What one datagram led to."""

    datagrams: tuple[bytes, ...] = ()
    """To be sent back to its source at once."""
    event: Event | None = None
    ask: SystemKey | None = None
    """Its key is at its limit: `ServerEnd.challenge` is to go to its registered place."""
