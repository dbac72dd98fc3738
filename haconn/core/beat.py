"""What two management servers say to each other, as data.

Everything travels on every path at once, in one datagram that bears one sequence number: a copy
on any path counts, and a number that is not greater than the last one of its session is old. The
codec is haconn/wire/pair; the sync channel (TCP) is apart.

A beat answers: it names the newest datagram that was heard from the peer (`Echo`). What a beat
says was therefore true after that datagram had been sent, and a server that wants to rely on its
peer's word waits for a beat that echoes something it has sent since it began to want it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NewType, TypeAlias

PairSession = NewType("PairSession", bytes)
"""16 random bytes, new for each process; it has nothing in common with a reset-path session."""
NOBODY = PairSession(bytes(16))


class PairRole(Enum):
    """What a management server is, as it says in every beat."""

    JOIN = "undecided"
    STANDBY = "standby"
    ACTIVE = "active"


class Path(Enum):
    """A network that both management servers are on."""

    DUPLEX = "duplex LAN"
    MANAGEMENT = "management LAN"
    RESET = "reset path"


@dataclass(frozen=True, slots=True)
class Echo:
    """The newest datagram that was heard from the peer, of whatever session."""

    session: PairSession
    seq: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The part of a beat that role changes rest on."""

    role: PairRole
    epoch: int
    """The greatest that it has on record."""
    following: PairSession = NOBODY
    """Whose standby it is: a promise to that session. NOBODY unless it is a standby."""
    candidate: bool = False
    """It will be active as soon as the peer has promised to follow it."""


@dataclass(frozen=True, slots=True)
class Replica:
    """Where the record of resets is, as the active and the standby count it."""

    log: PairSession = NOBODY
    """Of which active session; NOBODY without one."""
    announced: int = 0
    """Of an active: the last index that was written."""
    applied: int = 0
    """Of a standby: up to here it has everything."""
    synchronised: bool = True
    """Of an active: False calls its standby unsynchronised."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a beat says of its sender besides its role; nothing here moves a role."""

    configuration: bytes = bytes(8)
    """Hash over copied files and key fingerprints: differing is drift."""
    service: bytes = bytes(8)
    """Hash over virtual address and reset-path port: differing means no standby."""
    machine: bytes = bytes(16)
    """DMI system UUID as in SMBIOS memory order; zeros if it is not known."""
    bmcs_reached: int = 0
    """Managed BMCs that answered within the last 30 s."""
    peer_fenceable: bool = True
    """Whether its view of the peer's BMC or PDUs would let it prove the peer off."""
    stopping: bool = False
    """It hands over or stops."""
    restarting: bool = False
    """It stops in order that its next process begins."""
    management: str = ""
    """Its address on the management LAN, where the peer is to send; empty if none."""
    reset: str = ""
    """Its physical address on the reset path; empty if none."""
    generations: tuple[int, ...] = ()
    """Of the pair's key, those that it has, ascending; empty from an older version."""
    peer_bmc: bool | None = None
    """Whether it reaches the receiver's BMC; None before it ever did, or from an older version."""
    peer_outlets: bool | None = None
    """Whether all PDUs that feed the receiver answer it; None if it has none to cut, likewise."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The heartbeat, each 200 ms on every path; a probe is a beat out of turn."""

    claim: Claim
    echo: Echo
    replica: Replica
    standing: Standing
    hearing: frozenset[Path]
    """On which paths the sender hears its peer."""
    clock: float
    """The sender's monotonic clock, in seconds, when it was sent."""
    probe: bool = False
    """The peer is to answer at once."""


@dataclass(frozen=True, slots=True)
class Release:
    """The named session holds the virtual address no longer, and never will again.

    Said by an active that hands over, and by the release program after the end of a process; the
    latter has no session, so this is the one message that needs none.
    """

    session: PairSession


@dataclass(frozen=True, slots=True)
class Stopped:
    """The sender stops in order, and has deleted its own record of a stopped peer."""


@dataclass(frozen=True, slots=True)
class StoppedHeard:
    """The answer to Stopped: it is on record."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A piece of the active's log; entries that are longer than one datagram come in parts."""

    index: int
    """Counts from 1 in each log."""
    part: int
    parts: int
    body: bytes
    """At most INTENT_BODY_MAX bytes."""
    clock: float
    """The sender's monotonic clock when it was sent: all instants in the log are of that clock."""


@dataclass(frozen=True, slots=True)
class IntentHeard:
    """Everything up to this index of the named log is applied."""

    log: PairSession
    applied: int


INTENT_BODY_MAX = 1100
PairMessage: TypeAlias = Beat | Release | Stopped | StoppedHeard | Intent | IntentHeard


@dataclass(frozen=True, slots=True)
class PairDatagram:
    """One message with its envelope, authenticated by the pair key."""

    session: PairSession
    """Of the sender; of Release the released one."""
    seq: int
    """Counts up in the session, over all messages; 0 for Release."""
    epoch: int
    message: PairMessage
