"""The world as an earlier process left it: what its journal says, as far as it can still be true.

The journal of this boot is exact: nobody else was active since, and its instants are those of the
same clock. Readings are not taken over, since a retained value is never evidence.

The journal of another boot says what was under way, not how long ago. Open resets have failed in
doubt, verdicts are over, requests are remembered so that none is carried out twice, and what is
owed is owed from now on.

A journal of which something is lost, or that is of another version, says less still. Something may
be under way, so nothing is commanded for a while; and a system whose last line may be among what is
lost may run half-fenced, or may have booted: it has nobody reset for a minute, no verdict of it
holds, and its boot id is not known.

A copy that may lack what was done last says what was under way, and not whether it still is: its
target may have been reset, have booted, and be what the other one is to be reset for by now. So it
is not taken up. Whoever still wants it asks again, and is answered when the holding back ends.

A request that no reset answers any more must not wait for ever: one that was held back is decided
anew when it is repeated, and one whose reset is not to be taken up has failed.
"""

from collections.abc import Mapping
from dataclasses import replace

from haconn.core.model import Instant, SystemKey
from haconn.core.request_table import Asked, RequestTable
from haconn.core.reset import Outcome
from haconn.core.running import is_over
from haconn.core.server import Owed, Server, kept_distrusts
from haconn.core.system import Status, System
from haconn.core.world import Settings, World, new_world
from haconn.daemon.journal_reading import Found

CONSERVATIVE_S = 15.0
OVER = "the management server was restarted"


def recovered(
    settings: Settings, bindings: Mapping[SystemKey, str], found: Found, now: Instant
) -> World:
    """Make the world; `Resumed` is to be its first event."""
    settings, found = _as_far_as_known(settings, found, now)
    world = new_world(settings, bindings)
    for key, system in found.systems.items():
        if key in world.systems and world.systems[key].server == system.server:
            world.put_system(replace(system, retired=False))
    for name, server in found.servers.items():
        if name in world.servers:
            kept = kept_distrusts(server, settings.policies[name].feeds)
            world.put_server(replace(_without_readings(server), distrusts=kept))
    for asked in found.asked.values():
        _recall(world, asked, now)
    if found.lost:
        _bar_the_uncertain(world, found, now)
    return world


def _bar_the_uncertain(world: World, found: Found, now: Instant) -> None:
    """Of whom the last line may be lost may have been reset in it, and run half-fenced now.

    Or it may have booted: no verdict holds, and no boot id is another one than it had.
    """
    for key, system in list(world.systems.items()):
        if key not in found.certain:
            known = replace(_system(system, now), boot_id=None, notice=None)
            world.put_system(replace(known, barred=True, commanded_at=now))


def _as_far_as_known(settings: Settings, found: Found, now: Instant) -> tuple[Settings, Found]:
    if found.lost:
        settings = _conservative(settings, now)
    if not found.same_boot:
        return _after_reboot(settings, found, now)
    until = settings.conservative_until
    return settings, found if until is None or until <= now else _held_back(found, now)


def _recall(world: World, asked: Asked, now: Instant) -> None:
    """Remember a request, however old it is, unless nothing was begun for it."""
    both = {asked.requester, asked.target} <= world.systems.keys()
    if both and not _was_held(asked):
        world.put_asked(asked if _has_answer(world, asked) else _asked(asked, now))


def _was_held(asked: Asked) -> bool:
    """Nothing was begun for it, so the same id may begin something."""
    return asked.outcome is None and not asked.operation


def _has_answer(world: World, asked: Asked) -> bool:
    """It has an outcome, or there is a reset that will give it one."""
    running = world.systems[asked.target].reset
    expected = running is not None and running.operation == asked.operation
    return expected or asked.outcome is not None


def _after_reboot(settings: Settings, found: Found, now: Instant) -> tuple[Settings, Found]:
    """Without open intents nothing can be under way: then there is no reason to hold back."""
    if any(system.reset is not None for system in found.systems.values()):
        settings = _conservative(settings, now)
    return settings, _of_another_boot(found, now)


def _held_back(found: Found, now: Instant) -> Found:
    """Nothing is to be commanded: what has no outcome yet is as if it had not been asked for."""
    under_way = {
        key
        for key, system in found.systems.items()
        if system.reset is not None and not is_over(system.reset)
    }
    return replace(
        found,
        systems={
            key: _system(system, now) if key in under_way else system
            for key, system in found.systems.items()
        },
        asked=RequestTable(
            asked
            for asked in found.asked.values()
            if asked.outcome is not None or asked.target not in under_way
        ),
    )


def _conservative(settings: Settings, now: Instant) -> Settings:
    return replace(settings, conservative_until=Instant(now + CONSERVATIVE_S))


def _without_readings(server: Server) -> Server:
    return Server(
        server.name,
        owed=server.owed,
        ordered_on_at=server.ordered_on_at,
        left_dark=server.left_dark,
        guid=server.guid,
        guid_inherited=True,
    )


def _of_another_boot(found: Found, now: Instant) -> Found:
    return Found(
        same_boot=False,
        systems={key: _system(system, now) for key, system in found.systems.items()},
        servers={name: _server(server, now) for name, server in found.servers.items()},
        asked=RequestTable(_asked(asked, now) for asked in found.asked.values()),
        lost=found.lost,
        certain=found.certain,
    )


def _system(system: System, now: Instant) -> System:
    failed = system.reset is not None and not system.reset.test
    fresh = System(
        system.key,
        system.server,
        status=Status.UNSET if system.status is Status.UNSET else Status.NORMAL,
        registration=system.registration,
        boot_id=system.boot_id,
        notice=None if system.notice is None else replace(system.notice, at=now),
        pair=system.pair,
        uuid=system.uuid,
        superseded=system.superseded,
    )
    fresh = replace(fresh, alive_at=now, nmi_at=now if _may_have_had_nmi(system) else None)
    if failed or system.barred:
        return replace(fresh, barred=True, commanded_at=now)
    return fresh


def _may_have_had_nmi(system: System) -> bool:
    """The soft stage left, or may have; one that was refused or skipped did not."""
    running = system.reset
    if running is None:
        return system.nmi_at is not None
    return running.state.stage == 0 or 0 in running.state.sent


def _server(server: Server, now: Instant) -> Server:
    owed = tuple(_owed(one, now) for one in server.owed)
    return Server(
        server.name,
        owed=owed,
        left_dark=server.left_dark,
        guid=server.guid,
        distrusts=tuple(replace(one, since=now) for one in server.distrusts),
    )


def _owed(owed: Owed, now: Instant) -> Owed:
    return replace(owed, since=now, due=now, running=False, asked_by=None)


def _asked(asked: Asked, now: Instant) -> Asked:
    """A verdict of another boot is over; an id that had none has failed."""
    over = replace(asked, at=now, evidence=None, evidence_at=now, told_at=now, reason=OVER)
    return replace(over, outcome=asked.outcome if asked.outcome is Outcome.ERROR else Outcome.FAIL)
