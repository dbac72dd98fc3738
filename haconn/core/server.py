"""One managed server: what its BMC and its feeds read, and what is owed to it.

Owed restores are promises: outlets that a cut left off, and the power-on after a power-off. They
are journalled when the command that makes them due is issued, not when it has worked, so that a
crash in between leaves a server that is switched on once too often and never one that stays dark.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from math import inf
from types import MappingProxyType

from haconn.core.contrary import Distrust, Source
from haconn.core.model import SHORTEST_TIMEOUT_S, Feed, Instant, Power, SystemKey
from haconn.core.power import RUN_YOUNG_S, BmcWatch, Run, Trust, off_is_fresh, patience_s

FEEDS_RUN_S = 5.0
"""How long outlets that we did not cut must have read off until they prove anything."""

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
    target: SystemKey | None = None
    """Of the reset that made it necessary; None after a test, and of a management server."""
    requester: SystemKey | None = None


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
class PduAge:
    """Since when a PDU is known to run, as far as it matters to what it reads."""

    young_since: Instant
    """When it was first read, or was first read after it had started anew or had been silent."""
    uptime_s: float | None
    """Of the last read."""


@dataclass(frozen=True, slots=True)
class OutletWatch:
    """All outlets of one server together, as one source of off."""

    runs: tuple[tuple[Feed, Run], ...] = ()
    """Of each outlet that reads off now."""
    trust: Trust = field(default_factory=Trust)


@dataclass(frozen=True, slots=True)
class Server:
    """What is known of one managed server."""

    name: str
    watch: BmcWatch = field(default_factory=BmcWatch)
    feeds: tuple[tuple[Feed, FeedReading], ...] = ()
    outlets: OutletWatch = field(default_factory=OutletWatch)
    distrusts: tuple[Distrust, ...] = ()
    """Sources that prove nothing about it, by what was seen."""
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


def read_feeds(
    server: Server,
    readings: Mapping[Feed, FeedReading],
    young: Mapping[str, Instant] = MappingProxyType({}),
) -> Server:
    """Note what its outlets read; a read asked before what is known of an outlet is too old.

    Args:
        young: the PDUs that came up lately, or were first read lately, and when.
    """
    known = dict(server.feeds)
    runs = dict(server.outlets.runs)
    trust = server.outlets.trust
    for feed, reading in readings.items():
        before = known.get(feed)
        if before is not None and reading.asked_at < before.asked_at:
            continue
        known[feed] = reading
        run = runs.pop(feed, None)
        since = young.get(feed.pdu)
        if run is not None and since is not None and run.first_asked_at < since:
            run = None  # of the PDU before it started anew
        on = before is not None and before.power is Power.ON
        if since is not None and before is not None and on and before.asked_at >= since:
            since = None  # it has shown that it knows by now
        run = _longer(run, reading, trust, young=since is not None)
        if run is not None:
            runs[feed] = run
    outlets = OutletWatch(tuple(sorted(runs.items())), trust)
    return replace(server, feeds=tuple(sorted(known.items())), outlets=outlets)


def _longer(run: Run | None, reading: FeedReading, trust: Trust, *, young: bool) -> Run | None:
    if reading.power is not Power.OFF or not trust.precedes(reading.asked_at):
        return None
    if run is not None:
        return replace(run, reads=run.reads + 1, last_asked_at=reading.asked_at)
    span_s = RUN_YOUNG_S if young else FEEDS_RUN_S
    return Run(0, reading.asked_at, reading.answered_at, 1, span_s, reading.asked_at)


def feeds_run(server: Server, feeds: tuple[Feed, ...]) -> Run | None:
    """Give the run of all its outlets together, if each of them reads off; the latest to begin
    begins it, and the one that was read longest ago ends it."""
    runs = [run for feed, run in server.outlets.runs if feed in feeds]
    if not feeds or len(runs) < len(feeds):
        return None
    return Run(
        session=0,
        first_asked_at=max(run.first_asked_at for run in runs),
        first_answered_at=max(run.first_answered_at for run in runs),
        reads=min(run.reads for run in runs),
        span_s=max(run.span_s for run in runs),
        last_asked_at=min(run.last_asked_at for run in runs),
    )


def aged(before: PduAge | None, reading: FeedReading, *, silent: bool) -> PduAge:
    """Note a read of a PDU: one whose uptime went back, or that gives none and was silent, may
    have started anew, and may show every outlet off until it has looked.

    Args:
        silent: it did not answer before this read.
    """
    uptime_s = reading.uptime_s
    if before is None:
        return PduAge(reading.asked_at, uptime_s)
    restarted = silent
    if before.uptime_s is not None and uptime_s is not None:
        restarted = uptime_s < before.uptime_s
    return PduAge(reading.asked_at if restarted else before.young_since, uptime_s)


def judge_feeds(server: Server, feeds: tuple[Feed, ...], now: Instant) -> Server:
    """Note what all its outlets together say, after one of them was read."""
    powers = {reading.power for feed, reading in server.feeds if feed in feeds}
    run = feeds_run(server, feeds)
    if run is not None:
        trust = server.outlets.trust.was_read(Power.OFF, run.first_answered_at)
    else:
        power = Power.ON if Power.ON in powers else Power.UNKNOWN
        trust = server.outlets.trust.was_read(power, now)
    return replace(server, outlets=replace(server.outlets, trust=trust))


def void_feeds(server: Server, lived_at: Instant, now: Instant) -> Server:
    """A sign came that the run of its outlets cannot be true with: it begins anew."""
    return replace(
        server, outlets=OutletWatch((), server.outlets.trust.was_contradicted(lived_at, now))
    )


def held_off(server: Server) -> bool:
    """Whether its outlets are off because we cut them, and keep them so: not while they are being
    switched on, nor when only the operator wanted that."""
    owed = owes(server, Restore.FEEDS)
    return server.left_dark if owed is None else owed.kept and not owed.running


def kept_distrusts(server: Server, feeds: tuple[Feed, ...]) -> tuple[Distrust, ...]:
    """Give what another process distrusted and what holds on: other outlets end what was seen of
    those that were cut."""
    now = tuple(str(feed) for feed in feeds)
    return tuple(one for one in server.distrusts if not one.cut or one.feeds == now)


def distrust_of(server: Server, source: Source) -> Distrust | None:
    """Give why a source proves nothing about it; None if it is believed."""
    return next((one for one in server.distrusts if one.source is source), None)


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
    believed = server.own_bmc is None and distrust_of(server, Source.BMC) is None
    run = server.watch.run if believed else None
    if run is not None and off_is_fresh(server.watch, now, bmc_poll_s):
        return run.last_asked_at
    if distrust_of(server, Source.FEEDS) is not None:
        return None
    if feeds_are_stale(server, feeds, now, pdu_poll_s):
        return None
    return all_off_since(server, feeds, Instant(-inf))


def feeds_are_stale(server: Server, feeds: tuple[Feed, ...], now: Instant, poll_s: float) -> bool:
    """Whether one of the readings of its outlets is too old to prove anything."""
    return any(
        now - reading.asked_at > patience_s(poll_s, reading.timeout_s)
        for feed, reading in server.feeds
        if feed in feeds
    )


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
