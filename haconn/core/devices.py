"""What BMCs and PDUs say.

Readings become evidence here: an unbroken run of off (power.py), or all feeds of a server read
off since the cut began. A device's answer to a command goes to the reset that asked for it.
"""

from dataclasses import replace

from haconn.core import asking, identity, power, refuting, reset, running
from haconn.core.actions import (
    Action,
    Line,
    LineKind,
)
from haconn.core.contrary import Source
from haconn.core.events import (
    BmcRefused,
    BmcUnanswered,
    CommandAnswered,
    CommandSent,
    FeedsRead,
    OutletAnswered,
    OutletSent,
    PduSeen,
    PowerRead,
    SessionOpened,
)
from haconn.core.model import Accepted, Answer, InDoubt, Instant, Power, SystemKey
from haconn.core.power import YOUNG_S, BmcWatch
from haconn.core.reset import Command
from haconn.core.server import (
    ORDERED_S,
    FeedReading,
    Restore,
    aged,
    judge_feeds,
    owes,
    read_feeds,
)
from haconn.core.system import Reset, Status, System
from haconn.core.world import World, remark

KIND_OF = {
    Command.SOFT_RESET: LineKind.SOFTRESET,
    Command.HARD_RESET: LineKind.HARDRESET,
    Command.POWER_OFF: LineKind.HARDRESET,
}


def system_on(world: World, server: str) -> System | None:
    """The system of a physical server; there is at most one (R-080)."""
    return next((one for one in world.systems.values() if one.server == server), None)


def session(world: World, event: SessionOpened, now: Instant) -> list[Action]:
    """A BMC can be commanded."""
    watch = world.servers[event.server].watch
    changed = _watch_changed(world, event.server, power.took_session(watch, event.session, now), "")
    return changed + _to_reset(world, event.server, reset.BmcReady(), now)


def unanswered(world: World, event: BmcUnanswered, now: Instant) -> list[Action]:
    """A BMC is silent; when that has lasted too long for it (power.patience_s) it is dead."""
    before = world.servers[event.server].watch
    poll_s = world.settings.bmc_poll_s
    after = power.was_unanswered(before, event.asked_at, now, poll_s, event.timeout_s)
    changed = _watch_changed(world, event.server, after, "no answer")
    if after.dead and not before.dead:
        changed += _to_reset(world, event.server, reset.BmcDead(), now)
    return changed


def refused(world: World, event: BmcRefused, now: Instant) -> list[Action]:
    """A BMC answers, and gives us nothing."""
    watch = power.was_refused(world.servers[event.server].watch, now)
    return _watch_changed(world, event.server, watch, event.reason)


def _watch_changed(world: World, name: str, watch: BmcWatch, reason: str) -> list[Action]:
    """Keep the status of the system in step with its BMC (normal and error)."""
    server = world.servers[name]
    before = server.watch
    told = () if watch.reachable else power.news(before.told, reason)
    world.put_server(replace(server, watch=replace(watch, told=told)))
    if before.reachable == watch.reachable:
        lost = not watch.reachable and told != before.told
        return [remark("bmc-lost", server=name, reason=reason)] if lost else []
    system = system_on(world, name)
    if system is not None and system.status in {Status.NORMAL, Status.ERROR}:
        world.put_system(replace(system, status=world.rest_status(name)))
    if watch.reachable:
        return [remark("bmc-back", server=name)] if before.reachable is False else []
    return [remark("bmc-lost", server=name, reason=reason)]


def power_read(world: World, event: PowerRead, now: Instant) -> list[Action]:
    """One successful read of chassis power."""
    before = world.servers[event.server].watch
    after = power.was_read(before, event.reading)
    actions = _watch_changed(world, event.server, after, "")
    # what could not be sent can be sent now, in the session that just answered
    actions += _to_reset(world, event.server, reset.BmcReady(), now)
    if after.turned_on_at != before.turned_on_at:
        actions += _turned_on(world, event.server, now)
    run = after.run
    if run is not None and run.proves and (before.run is None or not before.run.proves):
        actions.append(remark("powered-off", server=event.server, reads=run.reads))
    actions += refuting.regain(world, event.server, Source.BMC, now)
    system = system_on(world, event.server)
    if system is None:
        return actions
    if event.reading.power is Power.ON and not identity.bmc_is_anothers(world, event.server):
        asked_at = Instant(event.reading.asked_at)
        actions += refuting.bmc_reads_on(world, system, asked_at, now)
    return actions + asking.look(world, system.key, now)


def _turned_on(world: World, name: str, now: Instant) -> list[Action]:
    """A power-on that we did not order ends what was proved of the system before."""
    server = world.servers[name]
    ordered = server.ordered_on_at
    world.put_server(replace(server, ordered_on_at=None))
    system = system_on(world, name)
    if system is not None and not (ordered is not None and now - ordered < ORDERED_S):
        world.put_system(replace(system, alive_at=now))
        world.outbox.drop_about(system.key, now)
    return [remark("powered-on", server=name)]


def command_sent(world: World, event: CommandSent, now: Instant) -> list[Action]:
    """A chassis command left: the reset log has its SEND line."""
    found = _reset_of(world, event.server, event.operation)
    if found is None:
        return []
    system, in_progress = found
    line = _command_line(world, system, in_progress, event.stage, sent=True)
    return [line, *running.step(world, system.key, reset.Sent(event.stage), now)]


def command_answered(world: World, event: CommandAnswered, now: Instant) -> list[Action]:
    """A command has its answer; an acceptance is logged even when it comes too late (RC-31)."""
    found = _reset_of(world, event.server, event.operation)
    if found is None:
        return []
    system, in_progress = found
    command = in_progress.plan.stages[event.stage].command
    actions: list[Action] = []
    taken: Answer = event.answer
    other = identity.bmc_is_anothers(world, event.server)
    if isinstance(taken, Accepted) and command is not Command.OUTLETS_OFF and other is not None:
        taken = InDoubt(identity.why_withheld(other))  # some machine was reset, not this one
    if isinstance(taken, Accepted):
        answer = "accepted"
        if command in KIND_OF:
            actions.append(_command_line(world, system, in_progress, event.stage, sent=False))
    else:
        answer = f"{type(taken).__name__}: {taken.reason}"
    actions.append(
        remark("answered", operation=event.operation, command=command.name, answer=answer)
    )
    step = running.step(world, system.key, reset.Answered(event.stage, taken), now)
    return actions + step


def _reset_of(world: World, server: str, operation: str) -> tuple[System, Reset] | None:
    system = system_on(world, server)
    if system is None or system.reset is None or system.reset.operation != operation:
        return None
    return system, system.reset


def _command_line(
    world: World, system: System, in_progress: Reset, stage: int, *, sent: bool
) -> Line:
    kind = KIND_OF[in_progress.plan.stages[stage].command]
    address, port, number = _requester(world, in_progress.asked_by)
    key = system.key
    return Line(kind, system.server, key.number, sent, address, port, number, ("P",))


def _requester(world: World, key: SystemKey | None) -> tuple[str | None, int | None, int | None]:
    if key is None:
        return None, None, None
    requester = world.systems.get(key)
    place = requester.registration if requester else None
    return (place.address, place.port, key.number) if place else (None, None, key.number)


def outlet_sent(world: World, event: OutletSent, now: Instant) -> list[Action]:
    """An outlet command left: what was read of that outlet before proves nothing any more."""
    server = world.servers[event.server]
    void = {event.feed: FeedReading(Power.UNKNOWN, now, now)}
    world.put_server(read_feeds(server, void))
    actions: list[Action] = [_outlet_line(world, event, sent=True)]
    found = _reset_of(world, event.server, event.operation)
    if found is not None and event.stage is not None:
        actions += running.step(world, found[0].key, reset.Sent(event.stage), now)
    return actions


def outlet_answered(world: World, event: OutletAnswered) -> list[Action]:
    """A PDU took an outlet command."""
    return [_outlet_line(world, event, sent=False)]


def _outlet_line(world: World, event: OutletSent | OutletAnswered, *, sent: bool) -> Line:
    """The IPDUSD line (R-236); a restore bears target and requester of its cut."""
    found = _reset_of(world, event.server, event.operation)
    owed = owes(world.servers[event.server], Restore.FEEDS)
    target = asked_by = None
    if found is not None:
        target, asked_by = found[0].key, found[1].asked_by
    elif owed is not None and owed.operation == event.operation:
        target, asked_by = owed.target, owed.requester
    who = _requester(world, asked_by)
    switched = "ON" if event.on else "OFF"
    fields = (event.feed.pdu, event.feed.outlet, switched)
    number = None if target is None else target.number
    return Line(LineKind.IPDUSD, event.server, number, sent, *who, fields)


def feeds_read(world: World, event: FeedsRead, now: Instant) -> list[Action]:
    """Outlets were read: a cut may be proved by them."""
    _note_ages(world, event)
    young = {
        pdu: age.young_since
        for pdu, age in world.pdu_ages.items()
        if now - age.young_since < YOUNG_S
    }
    actions: list[Action] = []
    for name, policy in world.settings.policies.items():
        mine = {feed: event.readings[feed] for feed in policy.feeds if feed in event.readings}
        if not mine:
            continue
        server = read_feeds(world.servers[name], mine, young)
        world.put_server(judge_feeds(server, policy.feeds, now))
        actions += refuting.regain(world, name, Source.FEEDS, now)
        system = system_on(world, name)
        if system is not None:
            actions += asking.look(world, system.key, now)
    return actions


def _note_ages(world: World, event: FeedsRead) -> None:
    of_pdu = {feed.pdu: reading for feed, reading in event.readings.items()}
    for pdu, reading in of_pdu.items():
        silent = world.pdus.get(pdu) is False
        world.pdu_ages[pdu] = aged(world.pdu_ages.get(pdu), reading, silent=silent)


def pdu_seen(world: World, event: PduSeen) -> list[Action]:
    """A PDU answers, or does not."""
    before = world.pdus.get(event.pdu)
    world.pdus[event.pdu] = event.reachable
    if event.reachable:
        world.pdus_told.pop(event.pdu, None)
        return [remark("pdu-back", pdu=event.pdu)] if before is False else []
    told = world.pdus_told.get(event.pdu, ())
    world.pdus_told[event.pdu] = power.news(told, event.reason)
    if world.pdus_told[event.pdu] == told:
        return []
    return [remark("pdu-lost", pdu=event.pdu, reason=event.reason)]


def _to_reset(world: World, name: str, event: reset.Event, now: Instant) -> list[Action]:
    system = system_on(world, name)
    return [] if system is None else running.step(world, system.key, event, now)
