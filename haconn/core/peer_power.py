"""What is known of the peer's power, and whether it may be believed.

Pure: the readings of the peer's BMC and of the outlets that feed it are folded into a value.
haconn/core/takeover.py makes proof of it while the peer is fenced, haconn/core/pair.py asks it
otherwise: for a server that starts alone, for the operator's takeover, for the heartbeat.

Three things keep a reading from counting. First, what was asked before the peer was last heard is
void: it spoke, so it had power. Second, a BMC that reads off while one process of the peer speaks
on is not the peer's BMC, or lies; it is not believed until it reads on. Third, a BMC whose system
GUID is definitely not the peer's UUID belongs to another machine: nothing it says counts, and
nothing is commanded there.
"""

from dataclasses import dataclass, field, replace
from typing import assert_never

from haconn.core import power
from haconn.core.beat import NOBODY, PairSession
from haconn.core.events import (
    BmcRefused,
    BmcUnanswered,
    DeviceEvent,
    FeedsRead,
    OutletSent,
    PduSeen,
    PowerRead,
    SessionOpened,
)
from haconn.core.machine_id import uuid_matches
from haconn.core.model import Feed, Instant, Power
from haconn.core.plan import T_HARD_WITHOUT_OUTLETS_S
from haconn.core.server import FeedReading, Server, read_feeds

BELATED_S = 3.0
"""A datagram is no longer on its way: what is heard so late after a read of off contradicts it."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the configuration says about switching the peer off."""

    server: str
    """Its host name."""
    outlets: bool = False
    """`ipdusd`: its outlets may be cut."""
    timeout_s: float = T_HARD_WITHOUT_OUTLETS_S
    """`timeout`; counts with outlets only."""
    feeds: tuple[Feed, ...] = ()
    bmc_poll_s: float = 1.0

    @property
    def cuts(self) -> bool:
        """Whether there is something to cut: an empty list of feeds proves nothing."""
        return self.outlets and bool(self.feeds)


@dataclass(frozen=True, slots=True)
class Identified:
    """Event: the BMC told its system GUID, 16 bytes as it sent them."""

    server: str
    guid: bytes


@dataclass(frozen=True, slots=True)
class PeerPower:
    """What is known of the peer through its devices. A new one comes of `known_of`."""

    means: Means
    server: Server
    """Readings of its BMC and its feeds, and what is owed to it."""
    session: PairSession = NOBODY
    """The process that was heard last."""
    heard_at: Instant | None = None
    off_since: Instant | None = None
    """The first read of off while that process was known, without a read of on since."""
    on_at: Instant | None = None
    """The last read of on, if no read of off came after it."""
    matches: bool | None = None
    """Whether the BMC is in the peer's machine; None if that cannot be told."""
    pdus: frozenset[str] = field(default_factory=frozenset)
    """The PDUs that answer."""
    lost: frozenset[str] = field(default_factory=frozenset)
    """The PDUs that do not, or not any more."""

    @property
    def contradicted(self) -> bool:
        """Whether the BMC read off, and the very process that was known then spoke on."""
        if self.heard_at is None or self.off_since is None:
            return False
        return self.heard_at - self.off_since > BELATED_S

    @property
    def believed(self) -> bool:
        """Whether what the BMC reads may count, and a command may be sent to it."""
        return self.matches is not False and not self.contradicted


def known_of(means: Means) -> PeerPower:
    """Begin with knowing nothing."""
    return PeerPower(means, Server(means.server))


def observe(known: PeerPower, event: DeviceEvent, now: Instant) -> PeerPower:
    """Take in what the peer's devices say; of a PDU that feeds others too, only the peer's part."""
    watch = known.server.watch
    match event:
        case SessionOpened(_, session):
            watch = power.took_session(watch, session, now)
        case PowerRead():
            return _power_read(known, event)
        case BmcUnanswered(_, asked_at, timeout_s):
            watch = power.was_unanswered(watch, asked_at, now, known.means.bmc_poll_s, timeout_s)
        case BmcRefused():
            watch = power.was_refused(watch, now)
        case FeedsRead(readings):
            mine = {feed: readings[feed] for feed in known.means.feeds if feed in readings}
            return replace(known, server=read_feeds(known.server, mine))
        case OutletSent(feed=feed):
            void = {feed: FeedReading(Power.UNKNOWN, now, now)}
            return replace(known, server=read_feeds(known.server, void))
        case PduSeen(pdu, reachable):
            good, bad = known.pdus - {pdu}, known.lost - {pdu}
            if reachable:
                return replace(known, pdus=good | {pdu}, lost=bad)
            return replace(known, pdus=good, lost=bad | {pdu})
        case _:
            return known
    return replace(known, server=replace(known.server, watch=watch))


def _power_read(known: PeerPower, event: PowerRead) -> PeerPower:
    asked = Instant(event.reading.asked_at)
    server = replace(known.server, watch=power.was_read(known.server.watch, event.reading))
    match event.reading.power:
        case Power.ON:
            return replace(known, server=server, on_at=asked, off_since=None)
        case Power.OFF:
            first = asked if known.off_since is None else known.off_since
            return replace(known, server=server, on_at=None, off_since=first)
        case Power.UNKNOWN:
            return replace(known, server=server)
        case _:
            assert_never(event.reading.power)


def heard(known: PeerPower, session: PairSession, now: Instant) -> PeerPower:
    """Something authentic of the peer came: what was read before proves nothing any more."""
    server = known.server
    if server.watch.run is not None:
        server = replace(server, watch=replace(server.watch, run=None))
    # another process may have booted since the BMC was last asked: that is no contradiction
    off_since = known.off_since if session == known.session else None
    return replace(known, server=server, session=session, heard_at=now, off_since=off_since)


def identified(known: PeerPower, dmi: bytes, guid: bytes) -> PeerPower:
    """Compare the peer's UUID with the GUID of its BMC; what cannot be told changes nothing."""
    matches = uuid_matches(dmi, guid)
    return known if matches is None else replace(known, matches=matches)


def peer_off(known: PeerPower, now: Instant) -> Instant | None:
    """When it was last proved off by its BMC; None if that is not so, or stale."""
    run = known.server.watch.run
    fresh = power.off_is_fresh(known.server.watch, now, known.means.bmc_poll_s)
    return run.last_asked_at if run is not None and fresh and known.believed else None


def says_on(known: PeerPower, now: Instant) -> bool:
    """Whether its BMC reads on, freshly: then nobody may say that it is off."""
    if known.on_at is None or known.matches is False:
        return False
    return now - known.on_at <= known.server.watch.patience_s(known.means.bmc_poll_s)


def hindrance(known: PeerPower) -> str | None:
    """Why the peer could not be proved off now, in one line for the operator; None if it could."""
    if known.matches is False:
        return "its BMC is in another machine: the system GUID is not the UUID of the peer"
    if known.means.cuts and {feed.pdu for feed in known.means.feeds} <= known.pdus:
        return None
    if known.contradicted:
        return "its BMC read off while it was heard"
    if known.server.watch.reachable:
        return None
    return "neither its BMC nor all of its PDUs answer" if known.means.cuts else "its BMC is lost"


def bmc_reached(known: PeerPower) -> bool | None:
    """Whether the peer's BMC would let us prove it off; None before it ever answered."""
    if known.server.watch.reachable is None:
        return None
    return known.server.watch.reachable and known.believed


def outlets_reached(known: PeerPower) -> bool | None:
    """Whether all PDUs that feed the peer answer; None if there is nothing to cut, or one of them
    was not heard of yet."""
    pdus = {feed.pdu for feed in known.means.feeds}
    if not known.means.cuts or (not pdus & known.lost and not pdus <= known.pdus):
        return None
    return pdus <= known.pdus


def fenceable(known: PeerPower) -> bool:
    """Whether its BMC, or all PDUs that feed it, would let us prove it off."""
    return hindrance(known) is None
