"""One managed server: what its BMC and its feeds read, and what is owed to it.

Owed restores are promises: outlets that a cut left off, and the power-on after a power-off. They
are journalled when the command that makes them due is issued, not when it has worked, so that a
crash in between leaves a server that is switched on once too often and never one that stays dark.
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from math import inf

from haconn.core.model import SHORTEST_TIMEOUT_S, Feed, Instant, Power
from haconn.core.power import BmcWatch, off_is_fresh, patience_s

RETRY_S = 10.0
"""Between two tries of a restore that fails."""
ORDERED_S = 300.0
"""How long after our order a change from off to on is put down to it."""
POWER_ON_AFTER_S = 5.0
"""How long power stays off when a reset by power-off has concluded."""


class Restore(Enum):
    """What is owed."""

    FEEDS = "outlets on"
    POWER_ON = "power on"


@dataclass(frozen=True, slots=True)
class Owed:
    """A restore that is due, pending, or failing."""

    what: Restore
    operation: str
    since: Instant
    due: Instant
    attempts: int = 0
    failure: str | None = None
    running: bool = False
    asked_by: str | None = None
    """The operator's command that waits for the end of the next try."""
    kept: bool = True
    """Whether it stays owed when a try fails; not so when only the operator wanted it."""


@dataclass(frozen=True, slots=True)
class FeedReading:
    """One read of one outlet."""

    power: Power
    asked_at: Instant
    """When it was first asked for: what it proves was true no earlier."""
    answered_at: Instant
    uptime_s: float | None = None
    """How long the PDU was up, by the very answer; None if its agent does not tell."""
    timeout_s: float = SHORTEST_TIMEOUT_S
    """How long the driver waits for this PDU's answer at present before it asks again."""


@dataclass(frozen=True, slots=True)
class Server:
    """What is known of one managed server."""

    name: str
    watch: BmcWatch = field(default_factory=BmcWatch)
    feeds: tuple[tuple[Feed, FeedReading], ...] = ()
    owed: tuple[Owed, ...] = ()
    ordered_on_at: Instant | None = None
    """When we last switched it or its outlets on."""
    left_dark: bool = False
    """A cut with `recoverytime = 0` left its outlets off: no power-on before one is on again."""
    guid: bytes | None = None
    """The system GUID of its BMC, as sent; kept over a restart until the BMC tells it again."""
    guid_inherited: bool = False
    """An earlier process read it."""
    guid_matches: bool | None = None
    """Whether its BMC is in the machine of its system; None if that cannot be told."""
    own_bmc: str | None = None
    """The server whose BMC is in this one's machine, while its own is not (core/identity.py)."""


def read_feeds(server: Server, readings: dict[Feed, FeedReading]) -> Server:
    """Note what its outlets read; a read asked before what is known of an outlet is too old."""
    known = dict(server.feeds)
    for feed, reading in readings.items():
        before = known.get(feed)
        if before is None or reading.asked_at >= before.asked_at:
            known[feed] = reading
    return replace(server, feeds=tuple(sorted(known.items())))


def all_off_since(server: Server, feeds: tuple[Feed, ...], begun: Instant) -> Instant | None:
    """When the last of all its feeds was read off, if each was, by a read begun since `begun`."""
    if not feeds:
        return None
    known = dict(server.feeds)
    latest = begun
    for feed in feeds:
        reading = known.get(feed)
        if reading is None or reading.power is not Power.OFF or reading.asked_at < begun:
            return None
        latest = max(latest, reading.asked_at)
    return latest


def off_at(
    server: Server, feeds: tuple[Feed, ...], now: Instant, *, bmc_poll_s: float, pdu_poll_s: float
) -> Instant | None:
    """When it was last proved off, by its BMC or by all its feeds; None if that is stale."""
    run = server.watch.run if server.own_bmc is None else None
    if run is not None and off_is_fresh(server.watch, now, bmc_poll_s):
        return run.last_asked_at
    stale = any(
        now - reading.asked_at > patience_s(pdu_poll_s, reading.timeout_s)
        for feed, reading in server.feeds
        if feed in feeds
    )
    return None if stale else all_off_since(server, feeds, Instant(-inf))


def owe(server: Server, owed: Owed) -> Server:
    """Promise a restore; a later promise of the same kind replaces the earlier."""
    others = tuple(other for other in server.owed if other.what is not owed.what)
    return replace(server, owed=(*others, owed))


def owes(server: Server, what: Restore) -> Owed | None:
    """Give what is owed of this kind."""
    return next((owed for owed in server.owed if owed.what is what), None)


def settle(server: Server, what: Restore) -> Server:
    """Forget a promise: it was kept, or a cut makes it void."""
    return replace(server, owed=tuple(owed for owed in server.owed if owed.what is not what))


def stop_restores(server: Server) -> Server:
    """What was running is to be tried again later; no operator's command waits for that."""
    return replace(
        server,
        owed=tuple(replace(owed, running=False, asked_by=None) for owed in server.owed),
    )


def waited_for(server: Server) -> tuple[str, ...]:
    """Give the operator's commands that wait for the end of a restore."""
    return tuple(owed.asked_by for owed in server.owed if owed.asked_by is not None)


def waiting_restores(server: Server) -> tuple[Owed, ...]:
    """Give what only waits for its time; power comes on after the outlets, never before."""
    fed = any(reading.power is Power.ON for _, reading in server.feeds)
    dark = owes(server, Restore.FEEDS) is not None or (server.left_dark and not fed)
    return tuple(
        owed
        for owed in server.owed
        if not owed.running and not (dark and owed.what is Restore.POWER_ON)
    )
