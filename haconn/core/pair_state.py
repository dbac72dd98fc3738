"""The nouns of the pair on the clock: its state, what happens to it, and what it wants done.

haconn/core/pair.py decides.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from haconn.core import peer_power, role, takeover
from haconn.core.actions import Remark
from haconn.core.beat import Claim, Echo, PairDatagram, PairSession, Path
from haconn.core.events import DeviceEvent
from haconn.core.hearing import Hearing
from haconn.core.model import Instant
from haconn.core.pair_times import TIMES, PairTimes
from haconn.core.peer_power import Identified, Means, PeerPower
from haconn.core.role import Member
from haconn.core.takeover import Fencing, Plan


@dataclass(frozen=True, slots=True)
class PairSettings:
    """What the configuration fixes for the life of the process."""

    means: Means
    """How the peer can be switched off."""
    service: bytes
    """Hash over virtual address and port, which the peer must share."""
    run_name: str = "r"
    times: PairTimes = TIMES


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the standby itself sees of the reset path: one that is blind must not fence."""

    carrier: bool = False
    others_at: Instant | None = None
    """When something of somebody other than the peer last came over the reset path."""
    others_since: Instant | None = None
    """Since when somebody has been heard without a gap."""

    def then(self, others_at: Instant | None, times: PairTimes, *, carrier: bool) -> "Surroundings":
        """Look again; what was seen before tells whether there was a gap."""
        if others_at is None or not carrier:
            return Surroundings(carrier, others_at)
        goes_on = self.others_at is not None and others_at - self.others_at <= times.gap_s
        since = self.others_since if goes_on else None
        return Surroundings(carrier, others_at, others_at if since is None else since)

    def blindness(self, peer_at: Instant | None, now: Instant, times: PairTimes) -> str | None:
        """Why the silence of the peer may be our own cable's; None if that works.

        Who was heard before the peer's next words are missing proves nothing: our own ears may
        have failed after its last. And who begins to hear may hear another before the peer.

        Args:
            peer_at: when the peer was last heard; None if it never was.
        """
        if not self.carrier:
            return "no carrier"
        at, since = self.others_at, self.others_since
        if at is None or since is None or now - at >= times.heard_others_s:
            return "nobody is heard on it"
        if peer_at is not None and at - peer_at < times.missed_s:
            return "nobody was heard on it since the peer was"
        return None if at - since >= times.settle_s else "others are heard on it again only now"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known besides what the peer claims."""

    surroundings: Surroundings = Surroundings()
    machine: bytes = bytes(16)
    """The peer's UUID, as it says itself; zeros if it does not know it."""
    guid: bytes = b""
    """What the BMC that should be in that machine calls itself; empty until it was asked."""
    keys: frozenset[int] = frozenset()
    """The generations of the pair's key that we have."""
    peer_keys: frozenset[int] = frozenset()
    """Those that the peer has, as the process that is trusted said last."""

    @property
    def lacking(self) -> tuple[int, ...]:
        """The generations that the peer has and we have not: it may speak, and not be heard."""
        return tuple(sorted(self.peer_keys - self.keys))


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is due when."""

    beat_at: Instant
    expected: Instant
    """When we meant to look at the clock next: what is later is our own stall."""
    looked_at: Instant
    """The last Tick: nothing that was due by then is due any more."""
    answered_at: Instant
    retry_at: Instant | None = None
    """When a fencing that failed is tried anew."""
    blind_at: Instant | None = None
    """When it was last said that this standby is blind."""
    drained: bool = True
    """False from a long stall until the sockets are empty: nothing is concluded meanwhile."""
    held: "tuple[Held, ...]" = ()
    """What came meanwhile, and is to be looked at when the peer's words have been heard."""
    cut_before: bool = False
    """An attempt has begun to cut outlets since the peer answered last."""
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """A fencing in progress."""

    plan: Plan
    state: Fencing


@dataclass
class Pair:
    """The state of the pair as this server sees it; owned by one task."""

    settings: PairSettings
    member: Member
    hearing: Hearing
    power: PeerPower
    rhythm: Rhythm
    seen: Seen = Seen()
    attempt: Attempt | None = None
    record: Echo | None = None
    """The datagram with which the peer said that it stops, if nothing was heard of it since."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Event: an authentic datagram."""

    path: Path
    datagram: PairDatagram


@dataclass(frozen=True, slots=True)
class Saw:
    """Event: what is seen of the reset path has changed."""

    surroundings: Surroundings


@dataclass(frozen=True, slots=True)
class Drained:
    """Event: after a long stall all sockets have been emptied."""


@dataclass(frozen=True, slots=True)
class KeysAre:
    """Event: the generations of the pair's key that we have from now on."""

    generations: frozenset[int]


@dataclass(frozen=True, slots=True)
class Tick:
    """Event: look at the clock."""


@dataclass(frozen=True, slots=True)
class PeerIsOff:
    """Event: the operator says so; nothing happens where `refusal` gives a reason."""


@dataclass(frozen=True, slots=True)
class Speak:
    """Action: send a beat, with what the rest of the process knows, on all paths."""

    seq: int
    claim: Claim
    echo: Echo
    hearing: frozenset[Path]
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """Action: take notice of a new datagram of the trusted session."""

    datagram: PairDatagram
    left_after: Instant | None
    """Of a beat: it left after this instant; None if what it echoes is not ours, or too old."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """Action: another process of the peer is the trusted one from now on."""

    session: PairSession


@dataclass(frozen=True, slots=True)
class Drain:
    """Action: empty the sockets, then come back with `Drained`."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Action: epoch on record, address, service; the owed is what the fencing has left."""

    epoch: int
    proof: role.Proof


@dataclass(frozen=True, slots=True)
class Fenced:
    """Action: an attempt has ended, well or not; what it switched off is owed to be on again."""

    end: takeover.Proved | takeover.Failed
    operation: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Action: put the peer's orderly stop on record."""

    echo: Echo


Held: TypeAlias = PeerIsOff | DeviceEvent | takeover.Looked
Event: TypeAlias = (
    Arrived
    | Saw
    | KeysAre
    | Drained
    | Tick
    | PeerIsOff
    | DeviceEvent
    | takeover.Looked
    | Identified
)
Action: TypeAlias = (
    Speak
    | Heard
    | Superseded
    | Drain
    | TakeOver
    | Fenced
    | Keep
    | role.Follow
    | role.DeleteRecord
    | role.Yield
    | takeover.Action
    | Remark
)


def new_pair(
    settings: PairSettings,
    member: Member,
    record: Echo | None,
    now: Instant,
    keys: frozenset[int] = frozenset(),
) -> Pair:
    """Begin, undecided, hearing nobody; `keys` are the generations of the pair's key."""
    return Pair(
        settings,
        replace(member, stopped=record is not None),
        Hearing(member.session, now),
        peer_power.known_of(settings.means),
        Rhythm(beat_at=now, expected=now, looked_at=now, answered_at=now),
        Seen(keys=keys),
        record=record,
    )
