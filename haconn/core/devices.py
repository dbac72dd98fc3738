"""What BMCs and PDUs say.

Readings become evidence here: an unbroken run of off (power.py), or all feeds of a server read
off since the cut began. A device's answer to a command goes to the reset that asked for it.
"""

from dataclasses import replace

from haconn.core import asking, identity, power, reset, running
from haconn.core.actions import (
    Action,
    Line,
    LineKind,
)
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
from haconn.core.model import Accepted, Answer, Feed, InDoubt, Instant, Power
from haconn.core.power import BmcWatch
from haconn.core.reset import Command, Evidence, Outcome
from haconn.core.server import (
    ORDERED_S,
    FeedReading,
    all_off_since,
    read_feeds,
)
from haconn.core.system import REBOOT_QUIET_S, Reset, Status, System, Verdict, contradicted
from haconn.core.telling import notify_all
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
    if run is None or not run.proves:
        return actions
    if before.run is None or not before.run.proves:
        actions.append(remark("powered-off", server=event.server, reads=run.reads))
    if identity.bmc_is_anothers(world, event.server):
        return actions  # off is another machine
    seen = reset.Seen(Evidence.POWER_OFF, run.last_asked_at)
    return actions + _off(world, event.server, seen, now)


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


def _off(world: World, name: str, seen: reset.Seen, now: Instant) -> list[Action]:
    """OFF concludes a reset, or moves the system to poff and is told once (R-004)."""
    system = system_on(world, name)
    if system is None:
        return []
    if system.reset is not None and not running.is_over(system.reset):
        return running.step(world, system.key, seen, now)
    if system.reset is not None or system.status in {Status.UNSET, Status.POFF}:
        return _keep_off_fresh(world, system, seen)
    if _is_rebooting(system.verdict, seen.at):
        return []
    off = Verdict(Outcome.POFF, seen.evidence, seen.at, seen.at)
    stopped = replace(system, status=Status.POFF, verdict=off)
    world.put_system(stopped)
    notify_all(world, stopped, off, now)
    return asking.withdraw(world, now)


def _is_rebooting(verdict: Verdict | None, at: Instant) -> bool:
    if verdict is None or verdict.evidence is not Evidence.HARD_RESET_ACCEPTED:
        return False
    return at - verdict.at < REBOOT_QUIET_S


def _keep_off_fresh(world: World, system: System, seen: reset.Seen) -> list[Action]:
    """A system in poff that came on and is off again has a verdict again."""
    old = system.verdict
    over = old is None or contradicted(system, old.evidence, old.at)
    if system.status is Status.POFF and over:
        off = Verdict(Outcome.POFF, seen.evidence, seen.at, seen.at)
        world.put_system(replace(system, verdict=off))
    return []


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
    address, port, number = _first_requester(world, in_progress)
    key = system.key
    return Line(kind, system.server, key.number, sent, address, port, number, ("P",))


def _first_requester(world: World, in_progress: Reset) -> tuple[str | None, int | None, int | None]:
    key = in_progress.asked_by
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
    """The IPDUSD line (R-236); a restore bears the requester of the cut while that is known."""
    found = _reset_of(world, event.server, event.operation)
    target = None
    who: tuple[str | None, int | None, int | None] = (None, None, None)
    if found is not None:
        target, who = found[0].key.number, _first_requester(world, found[1])
    switched = "ON" if event.on else "OFF"
    fields = (event.feed.pdu, event.feed.outlet, switched)
    return Line(LineKind.IPDUSD, event.server, target, sent, *who, fields)


def feeds_read(world: World, event: FeedsRead, now: Instant) -> list[Action]:
    """Outlets were read: a cut may be proved by them."""
    actions: list[Action] = []
    for name, policy in world.settings.policies.items():
        mine = {feed: event.readings[feed] for feed in policy.feeds if feed in event.readings}
        if mine:
            world.put_server(read_feeds(world.servers[name], mine))
            actions += _all_off(world, name, policy.feeds, now)
    return actions


def _all_off(world: World, name: str, feeds: tuple[Feed, ...], now: Instant) -> list[Action]:
    system = system_on(world, name)
    if system is None or system.reset is None or running.is_over(system.reset):
        return []
    began = system.reset.state.cut_at or system.reset.plan.began
    at = all_off_since(world.servers[name], feeds, began)
    if at is None:
        return []
    seen = reset.Seen(Evidence.OUTLETS_OFF, at)
    return running.step(world, system.key, seen, now)


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
