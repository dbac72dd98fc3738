"""What systems say of themselves: sessions, registrations, stop notices, good-byes.

The boot id is the kernel's and nothing else. A new one proves that the boot before is gone. What
a word of the boot on record ends is decided in haconn/core/refuting.py.
"""

from dataclasses import replace

from haconn.core import asking, identity, inquiry, refuting, reset, running
from haconn.core.actions import Action, TargetCheck, TellCheck
from haconn.core.events import Checked, KdumpHeard, Left, Registered, Speaker, Stopped
from haconn.core.model import Instant, SystemKey
from haconn.core.reset import Evidence, Outcome
from haconn.core.system import (
    KDUMP_AFTER_BOOT_S,
    KDUMP_APART_S,
    KDUMP_BEFORE_S,
    NOTICE_LINES_APART_S,
    Notice,
    Registration,
    Status,
    System,
    Verdict,
)
from haconn.core.telling import attention, notify_all
from haconn.core.words import lived_at
from haconn.core.world import World, remark


def spoke(world: World, speaker: Speaker, now: Instant) -> list[Action]:
    """Take note that a system speaks; every authenticated datagram but DUMP_NOTIFY comes here."""
    system = world.systems.get(speaker.key)
    if system is None:
        return []
    machine = system.uuid
    doubt = identity.doubt_of(system, speaker)
    system, actions = identity.note_doubt(system, speaker, doubt, now)
    if doubt is None and system.boot_id is not None and system.boot_id != speaker.boot_id:
        actions += _booted(world, system, speaker, now)
    else:
        actions += _speaks_on(world, system, speaker, now, doubtful=doubt is not None)
    changed = world.systems[speaker.key].uuid != machine
    return actions + (identity.compare(world) if changed else [])


def _speaks_on(
    world: World, system: System, speaker: Speaker, now: Instant, *, doubtful: bool
) -> list[Action]:
    """It speaks, and this is no new boot: what was proved of it before may be over."""
    held = doubtful and not identity.may_be_replaced(system, now)
    first = held or system.boot_id is None
    system = system if held else identity.put_on_record(system, speaker)
    world.put_system(replace(system, kdump_at=None))
    actions = _lives(world, system, speaker, now, boot_unknown=first)
    world.put_system(_present(world, world.systems[system.key], speaker))
    return actions


def _lives(
    world: World, system: System, speaker: Speaker, now: Instant, *, boot_unknown: bool
) -> list[Action]:
    place = (speaker.address, speaker.port)
    words = inquiry.words_of(world, system.key)
    at = lived_at(words, speaker.answers_at, now)
    world.words[system.key] = replace(words, lived_at=at, place=place)
    return refuting.lived(world, system, at, now, boot_unknown=boot_unknown)


def _present(world: World, system: System, speaker: Speaker) -> System:
    """A session counts as registration; only REGISTER moves an address that is known."""
    gone = system.bye_at is not None and speaker.session_at <= system.bye_at
    if system.status is not Status.UNSET or gone:
        return system
    place = system.registration or Registration(speaker.address, speaker.port)
    status = world.rest_status(system.server)
    return replace(system, status=status, registration=place, bye_at=None)


def _booted(world: World, system: System, speaker: Speaker, now: Instant) -> list[Action]:
    in_reset = system.reset is not None and not running.is_over(system.reset)
    place = system.registration or Registration(speaker.address, speaker.port)
    fresh = replace(
        identity.put_on_record(system, speaker),
        registration=place,
        kdump_at=None,
        booted_at=now,
        nmi_at=None,
        alive_at=now,
        barred=False,
        bye_at=None,
        pair=None,
        status=system.status if in_reset else world.rest_status(system.server),
        verdict=None,
    )
    world.put_system(fresh)
    world.asked.hush_all(system.key)
    world.outbox.drop_for(system.key)
    world.outbox.drop_about(system.key, now)
    seen = reset.Seen(Evidence.NEW_BOOT, now)
    note = remark("booted", system=system.key, server=system.server)
    ended = running.step(world, system.key, seen, now)
    # what the boot before said dates nothing; this one lives, whatever its devices read
    world.words.pop(system.key, None)
    refuting.forget_off(world, system.server)
    alive = _lives(world, fresh, speaker, now, boot_unknown=False)
    return [note, *ended, *alive, *asking.withdraw(world, now)]


def registered(world: World, event: Registered) -> list[Action]:
    """REGISTER moves the address, and brings a system back that had said good-bye."""
    system = world.systems.get(event.speaker.key)
    if system is None or system.boot_id != event.speaker.boot_id:
        return []  # another boot than the one on record moves nothing
    place = Registration(event.address, event.port)
    moved = system.registration != place
    unset = system.status is Status.UNSET
    status = world.rest_status(system.server) if unset else system.status
    world.put_system(replace(system, registration=place, status=status, bye_at=None))
    if not (moved or unset):
        return []
    address = f"{place.address}:{place.port}"
    return [remark("registered", system=system.key, server=system.server, address=address)]


def left(world: World, event: Left, now: Instant) -> list[Action]:
    """BYE: an off that follows is nobody's concern. In reset, dump and poff it is ignored."""
    system = world.systems.get(event.speaker.key)
    if system is None or system.status not in {Status.NORMAL, Status.ERROR}:
        return []
    world.put_system(replace(system, status=Status.UNSET, bye_at=now, pair=None))
    world.asked.hush_all(system.key)
    world.outbox.drop_for(system.key)
    return [remark("left", system=system.key, server=system.server)]


def stopped(world: World, event: Stopped, now: Instant) -> list[Action]:
    """An authenticated stop notice: only the first of a boot dates the evidence."""
    system = world.systems.get(event.key)
    if system is None or system.boot_id is None or system.boot_id != event.boot_id:
        return []
    line = attention(world, system.key, event.address, event.port, "DUMP", system.key.number)
    if system.notice is not None and system.notice.boot_id == event.boot_id:
        return [line] if _is_told_again(world, system, system.notice, now) else []
    system = replace(system, notice=Notice(event.boot_id, now))
    world.put_system(system)
    note = remark("stopped", system=system.key, server=system.server)
    if system.reset is not None and not running.is_over(system.reset):
        seen = reset.Seen(Evidence.STOP_NOTICE, now)
        return [line, note, *running.step(world, system.key, seen, now)]
    return [line, note, *_stopped_unasked(world, system, now), *asking.withdraw(world, now)]


def _is_told_again(world: World, system: System, notice: Notice, now: Instant) -> bool:
    """Anybody can say a notice again that he has recorded: one a second is written down."""
    last = notice.at if notice.told_at is None else notice.told_at
    if now - last < NOTICE_LINES_APART_S:
        return False
    world.put_system(replace(system, notice=replace(notice, told_at=now)))
    return True


def _stopped_unasked(world: World, system: System, now: Instant) -> list[Action]:
    """A panic that nobody asked for, or the notice of a dump that a hard reset has cut short."""
    if system.status is Status.POFF:
        return []
    verdict = Verdict(Outcome.DUMP, Evidence.STOP_NOTICE, now, now)
    dumping = replace(system, status=Status.DUMP, verdict=verdict)
    world.put_system(dumping)
    if system.status in {Status.NORMAL, Status.ERROR}:
        notify_all(world, dumping, verdict, now)
    return []


def kdump(world: World, event: KdumpHeard, now: Instant) -> list[Action]:
    """A fence_kdump datagram: it names nobody, so its source address has to."""
    actions: list[Action] = []
    for system in world.waits_for_kdump_from(event.address):
        if not _is_of_another_dump(system, now):
            actions += _kdump_of(world, system, event.address, now)
    return actions


def _is_of_another_dump(system: System, now: Instant) -> bool:
    """The boot that speaks cannot dump yet; and one datagram a second tells everything."""
    booted_at, last = system.booted_at, system.kdump_at
    young = booted_at is not None and now - booted_at <= KDUMP_AFTER_BOOT_S
    return young or (last is not None and now - last < KDUMP_APART_S)


def _kdump_of(world: World, system: System, address: str, now: Instant) -> list[Action]:
    """Of datagrams that anybody can send, the reset log has those that a reset may be waiting for,
    and the first after a pause."""
    last = system.kdump_at
    awaited = system.reset is not None and not running.is_over(system.reset)
    lines: list[Action] = []
    if awaited or last is None or now - last > KDUMP_BEFORE_S:
        lines = [attention(world, system.key, address, None, "DUMP", system.key.number)]
    system = replace(system, kdump_at=now)
    verdict = system.verdict
    if verdict is not None and verdict.evidence is Evidence.KDUMP_NOTICE:
        system = replace(system, verdict=replace(verdict, last=now))
    world.put_system(system)
    return lines + running.step(world, system.key, reset.Seen(Evidence.KDUMP_NOTICE, now), now)


def checked(world: World, event: Checked, now: Instant) -> list[Action]:
    """Answer a CHECK, and note the pair that it shows (R-128)."""
    answers = tuple(_check(world, target, now) for target in event.targets)
    may_be = [target for target in event.targets if _may_pair(world, event.speaker.key, target)]
    if may_be:
        _pair(world, event.speaker.key, may_be[-1])
    return [TellCheck(event.speaker.key, event.token, answers)]


def _check(world: World, target: SystemKey, now: Instant) -> TargetCheck:
    degraded = world.settings.degraded
    system = world.systems.get(target)
    if system is None:
        return TargetCheck(target, degraded, False, True, None)
    watch = world.servers[system.server].watch
    policy = world.policy(system.server)
    feeds_lost = policy.cuts and not all(world.pdus.get(feed.pdu) for feed in policy.feeds)
    unfenceable = identity.bmc_is_anothers(world, system.server) and not policy.cuts
    distrusted = bool(world.servers[system.server].distrusts)
    lost = not watch.reachable or feeds_lost or bool(unfenceable) or distrusted
    age = None if watch.read_at is None else now - watch.read_at
    return TargetCheck(target, degraded, lost, False, age)


def _may_pair(world: World, one: SystemKey, other: SystemKey) -> bool:
    both = [world.systems.get(key) for key in (one, other)]
    known = one != other and None not in both
    return known and all(world.policy(system.server).cluster for system in both if system)


def _pair(world: World, one: SystemKey, other: SystemKey) -> None:
    """Of several targets the last one counts: each of them would be written down, at each CHECK."""
    if world.systems[one].pair == other and world.systems[other].pair == one:
        return
    for key in (one, other):
        _unpair(world, world.systems[key])
    world.put_system(replace(world.systems[one], pair=other))
    world.put_system(replace(world.systems[other], pair=one))


def _unpair(world: World, system: System) -> None:
    """The latest CHECK wins; the partner of before has nobody now (RC-75)."""
    former = world.systems.get(system.pair) if system.pair else None
    if former is not None and former.pair == system.key:
        world.put_system(replace(former, pair=None))
