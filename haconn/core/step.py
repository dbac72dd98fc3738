"""One event in, a list of actions out: the only entrance to the core.

`step` sends each kind of event to the file that decides about it. Whoever calls it writes
`world.take_changes()` to the journal first and performs the actions then, in their order.
"""

from dataclasses import replace
from math import inf
from typing import assert_never

from haconn.core import (
    asking,
    devices,
    giving_up,
    identity,
    inquiry,
    life,
    off_proof,
    refuting,
    restoring,
    running,
    telling,
)
from haconn.core.actions import Action
from haconn.core.contrary import ACCEPTED_BY, OFF_BY
from haconn.core.events import (
    BindingsChanged,
    BmcIdentified,
    BmcRefused,
    BmcUnanswered,
    Checked,
    CommandAnswered,
    CommandSent,
    DeviceEvent,
    Event,
    FeedsRead,
    GivenUp,
    KdumpHeard,
    Left,
    NoticeHeard,
    OutletAnswered,
    OutletSent,
    OwnEvent,
    PduSeen,
    PowerRead,
    RecoveryAsked,
    RedundancyIs,
    Registered,
    Requested,
    RequestRecorded,
    RestoreTried,
    ResultHeard,
    Resumed,
    SessionOpened,
    Spoke,
    StageRecorded,
    Stopped,
    TestAsked,
    Tick,
    VerdictRecorded,
    WireEvent,
)
from haconn.core.model import Instant
from haconn.core.reset import TimePassed
from haconn.core.server import stop_restores
from haconn.core.system import STOPPED, System, Verdict
from haconn.core.world import World

FROM_THE_WIRE = (
    Spoke,
    Registered,
    Checked,
    Requested,
    Left,
    ResultHeard,
    NoticeHeard,
    Stopped,
    KdumpHeard,
)
OUR_OWN = (
    TestAsked,
    RecoveryAsked,
    BindingsChanged,
    RedundancyIs,
    StageRecorded,
    RequestRecorded,
    VerdictRecorded,
    Resumed,
    GivenUp,
    Tick,
)


def step(world: World, event: Event, now: Instant) -> list[Action]:
    """Take one event in."""
    if isinstance(event, FROM_THE_WIRE):
        actions = _heard(world, event, now)
    elif isinstance(event, OUR_OWN):
        actions = _own(world, event, now)
    else:
        actions = _device(world, event, now)
    actions += restoring.begin_restores(world, now)
    return actions + telling.due(world, now)


def next_due(world: World) -> Instant | None:
    """When `Tick` has something to do; None while nothing waits."""
    times = [world.outbox.next_due(), world.asked.next_due()]
    for system in world.systems.values():
        if system.reset is None:
            times.append(system.concluded_at if system.retired else None)
        elif not running.is_over(system.reset):
            times.append(system.reset.state.until)
    times.append(restoring.next_due(world))
    times.append(min(world.watches.values(), default=None))
    if asking.held(world):
        times.append(world.settings.conservative_until)
    return min((time for time in times if time is not None), default=None)


def _heard(world: World, event: WireEvent, now: Instant) -> list[Action]:
    if isinstance(event, Stopped | KdumpHeard):
        return _stop_notice(world, event, now)
    noted = life.spoke(world, event.speaker, now)
    match event:
        case Spoke():
            return noted
        case Registered():
            return noted + life.registered(world, event)
        case Checked():
            return noted + life.checked(world, event, now)
        case Requested():
            return noted + asking.request(world, event, now)
        case Left():
            return noted + life.left(world, event, now)
        case ResultHeard() | NoticeHeard():
            return noted + _acknowledged(world, event)
        case _:
            assert_never(event)


def _stop_notice(world: World, event: Stopped | KdumpHeard, now: Instant) -> list[Action]:
    if isinstance(event, Stopped):
        return life.stopped(world, event, now)
    return life.kdump(world, event, now)


def _acknowledged(world: World, event: ResultHeard | NoticeHeard) -> list[Action]:
    key = event.speaker.key
    if isinstance(event, NoticeHeard):
        world.outbox.heard(key, event.serials)
        return []
    name = (key, event.request_id)
    if world.asked.hush(name):
        world.put_asked(replace(world.asked[name], heard=True))
    return []


def _device(world: World, event: DeviceEvent, now: Instant) -> list[Action]:
    match event:
        case SessionOpened():
            return devices.session(world, event, now)
        case PowerRead():
            return devices.power_read(world, event, now)
        case BmcUnanswered():
            return devices.unanswered(world, event, now)
        case BmcRefused():
            return devices.refused(world, event, now)
        case BmcIdentified():
            return identity.identified(world, event)
        case CommandSent():
            return devices.command_sent(world, event, now)
        case CommandAnswered():
            return devices.command_answered(world, event, now)
        case _:
            return _pdu(world, event, now)


def _pdu(
    world: World,
    event: OutletSent | OutletAnswered | FeedsRead | PduSeen | RestoreTried,
    now: Instant,
) -> list[Action]:
    match event:
        case OutletSent():
            return devices.outlet_sent(world, event, now)
        case OutletAnswered():
            return devices.outlet_answered(world, event)
        case FeedsRead():
            return devices.feeds_read(world, event, now)
        case PduSeen():
            return devices.pdu_seen(world, event)
        case RestoreTried():
            return restoring.restore_tried(world, event, now)
        case _:
            assert_never(event)


def _own(world: World, event: OwnEvent, now: Instant) -> list[Action]:
    match event:
        case Tick():
            return _tick(world, now)
        case StageRecorded() | RequestRecorded() | VerdictRecorded():
            return running.recorded(world, event, now)
        case TestAsked():
            return asking.test(world, event, now)
        case RecoveryAsked():
            return restoring.recover(world, event, now)
        case BindingsChanged():
            return _rebind(world, event)
        case RedundancyIs(degraded):
            world.settings = replace(world.settings, degraded=degraded)
            return []
        case Resumed():
            return _resume(world, now)
        case GivenUp():
            return giving_up.give_up(world, now)
        case _:
            assert_never(event)


def _tick(world: World, now: Instant) -> list[Action]:
    actions: list[Action] = []
    for system in list(world.systems.values()):
        if system.reset is not None:
            actions += running.step(world, system.key, TimePassed(), now)
        elif system.retired:
            _remove(world, system)
    for key in [key for key, due in world.watches.items() if due <= now]:
        actions += asking.look(world, key, now)
    if not world.is_conservative(now):
        actions += asking.decide_held(world, now)
    return actions


def _resume(world: World, now: Instant) -> list[Action]:
    """Take up what the journal of an earlier process left."""
    actions: list[Action] = identity.compare(world)
    for server in list(world.servers.values()):
        world.put_server(stop_restores(world.servers[server.name]))
        actions += refuting.remind(world, server.name)
    for system in list(world.systems.values()):
        if system.reset is not None:
            actions += running.resume(world, system.key, now)
            if running.proved_off(system.reset):
                actions += off_proof.confirm_taken_up(world, system.key, now)
        elif system.verdict is not None and system.status in STOPPED:
            actions += _tell_again(world, system, system.verdict, now)
    return actions + asking.resume(world, now)


def _tell_again(world: World, system: System, verdict: Verdict, now: Instant) -> list[Action]:
    """Tell what another process proved, as it may not have told it: an off after another ask."""
    if verdict.evidence in OFF_BY:
        return off_proof.confirm_taken_up(world, system.key, now)
    telling.notify_all(world, system, verdict, now)
    if verdict.evidence in ACCEPTED_BY:
        inquiry.begin_late(world, system.key, now)
    return []


def _rebind(world: World, event: BindingsChanged) -> list[Action]:
    """The keys changed: new systems appear, others go as soon as their reset has ended."""
    for key, server in event.bindings.items():
        if key not in world.systems and server in world.servers:
            world.put_system(System(key, server))
    for key, system in list(world.systems.items()):
        bound_to = event.bindings.get(key)
        retired = bound_to != system.server
        bound = replace(system, retired=retired, moves_to=bound_to if retired else None)
        world.put_system(bound)
        if retired and system.reset is None:
            _remove(world, bound)
    return []


def _remove(world: World, system: System) -> None:
    """A system whose key is retired goes; its key may be another server's by now."""
    del world.systems[system.key]
    world.asked.drop_all(system.key)
    world.words.pop(system.key, None)
    world.unconfirmed.discard(system.key)
    world.outbox.drop_for(system.key)
    world.outbox.drop_about(system.key, Instant(inf))
    if system.moves_to in world.servers:
        world.put_system(System(system.key, system.moves_to))
