"""Requests: who may have whom reset, and what is answered without touching a device.

This file is the pair lock. All requests pass through one task, in the order of their arrival, so
that of two systems that ask for each other at the same time the first wins and the second is
told FAIL at once: it is in reset itself (RC-06). The requester's own state comes before the
target's (SM-1b): a system in reset, or one whose reset failed in doubt, has nobody reset; one
that is proved stopped and asks all the same is told ERROR.

The bindings are the table of systems, so a reset runs for a target that never registered.
"""

from dataclasses import replace

from haconn.core import off_proof, running
from haconn.core.actions import Acknowledge, Action, Record, TestEnded
from haconn.core.events import Requested, RequestRecorded, TestAsked
from haconn.core.model import Instant, SystemKey
from haconn.core.outbox import RESULT_FOR_S
from haconn.core.plan import reset_plan, test_plan
from haconn.core.request_table import Asked
from haconn.core.reset import Evidence, Outcome, Phase
from haconn.core.system import (
    KDUMP_BEFORE_S,
    STOPPED,
    Status,
    System,
    Verdict,
    at_once,
    is_barred,
)
from haconn.core.telling import answer, notify_all, request_line, result_of, tell_until_heard
from haconn.core.world import World, remark

STILL_WANTED_S = 3.0
NOT_BEGUN = frozenset({Phase.CONFIRMING, Phase.RECORDING})
AT_REST = frozenset({Status.UNSET, Status.NORMAL, Status.ERROR})


def request(world: World, event: Requested, now: Instant) -> list[Action]:
    """Take a RESET_REQ in, first or repeated."""
    requester = event.speaker.key
    known = world.asked.get((requester, event.request_id))
    if known is not None:
        return _again(world, known, event, now)
    if requester not in world.systems:
        return []
    boot_id = event.speaker.boot_id
    asked = Asked(requester, event.request_id, event.target, now, repeated_at=now, boot_id=boot_id)
    objection = _objection(world, asked)
    if not world.asked.takes_in(requester, event.target, now, known=objection is None):
        return _not_taken_in(world, asked)
    heard = request_line(world, asked, sent=False, reply=None)
    accepted = Record(RequestRecorded(requester, event.request_id))
    if objection is not None:
        return [heard, *_decline(world, asked, Outcome.ERROR, objection, now), accepted]
    world.put_asked(asked)
    decided = [] if world.is_conservative(now) else _decide(world, asked, now)
    return [heard, *decided, accepted]


def _objection(world: World, asked: Asked) -> str | None:
    """Why there is no such target for this requester; None if there is."""
    if asked.target not in world.systems or asked.target == asked.requester:
        return "no such target for this requester"
    if asked.target.port != asked.requester.port:
        return "the target is of another port"
    return None


def _not_taken_in(world: World, asked: Asked) -> list[Action]:
    """Say nothing to it: it repeats what it still wants, and is heard when there is room."""
    news = world.asked.exceeds(asked.requester)
    return [remark("too-many-ids", requester=asked.requester)] if news else []


def held(world: World) -> tuple[Asked, ...]:
    """Requests that were held back and are still to be decided."""
    return () if world.settings.conservative_until is None else world.asked.waiting("")


def decide_held(world: World, now: Instant) -> list[Action]:
    """Run what its requester still wants; tell all others FAIL.

    Still wanted is what was repeated within three seconds, in the same boot, by a system that is
    not read off: an older wish may be that of a system that has been reset since. Of several ids
    of one wish only the newest is repeated; the others get what it gets (RC-02).
    """
    actions: list[Action] = []
    for asked in held(world):
        requester = world.systems.get(asked.requester)
        newest = world.asked.newest(asked)
        wanted = (
            requester is not None
            and newest.repeated_at is not None
            and now - newest.repeated_at <= STILL_WANTED_S
            and requester.boot_id == newest.boot_id
            and world.off_at(requester.server, now) is None
        )
        if wanted:
            actions += _decide(world, asked, now)
        else:
            actions += _decline(world, asked, Outcome.FAIL, "not asked for any more", now)
    return actions


def resume(world: World, now: Instant) -> list[Action]:
    """Tell again what an earlier process may not have told, and end what it lost."""
    actions: list[Action] = []
    running_now = {
        system.reset.operation for system in world.systems.values() if system.reset is not None
    }
    for asked in list(world.asked.values()):
        if asked.told_at is None and asked.operation not in running_now:
            actions += _decline(world, asked, Outcome.FAIL, "lost in a restart", now)
        elif asked.told_at is not None and not asked.heard and now - asked.told_at <= RESULT_FOR_S:
            tell_until_heard(world, asked, now)
    return actions


def _again(world: World, known: Asked, event: Requested, now: Instant) -> list[Action]:
    """The same id never starts a second reset, whatever it asks for now."""
    actions: list[Action] = [Acknowledge(known.requester, known.request_id)]
    if known.target != event.target:
        if not world.asked.takes_in(known.requester, event.target, now, known=False):
            return _not_taken_in(world, known)
        return [remark("declined", **_names(known), outcome="----", reason="id used twice")]
    if known.outcome is None:
        # not for the journal: another process asks for it to be repeated anew
        world.asked.put(replace(known, repeated_at=now))
    return actions + result_of(world, known, now)


def _decide(world: World, asked: Asked, now: Instant) -> list[Action]:
    target = world.systems.get(asked.target)
    if target is None:  # its key was retired while the request was held back
        return _decline(world, asked, Outcome.ERROR, "no such target for this requester", now)
    refusal = _requester_may_not(world.systems[asked.requester], now)
    if refusal is not None:
        return _decline(world, asked, *refusal, now)
    if target.reset is not None and not target.reset.test:
        return _join(world, asked, target.reset.operation)
    turned_on_at = world.servers[target.server].watch.turned_on_at
    verdict = at_once(target, now, turned_on_at=turned_on_at)
    # off is off, whatever the monitor's state was: nothing could be reset
    found = off_proof.by_readings(world, target, now) if verdict is None else None
    if isinstance(found, off_proof.Proved):
        verdict = found.verdict
    if verdict is not None:
        world.put_system(replace(target, verdict=verdict))
        return _answer_at_once(world, asked, verdict, now)
    confirm_s = 0.0 if found is None else off_proof.CONFIRM_S
    return _begin(world, asked, target, now, confirm_s)


def _requester_may_not(requester: System, now: Instant) -> tuple[Outcome, str] | None:
    if requester.status is Status.RESET or requester.reset is not None:
        return Outcome.FAIL, "the requester is being reset itself"
    if is_barred(requester, now):
        return Outcome.FAIL, "the requester's own reset failed in doubt"
    if requester.status in {Status.DUMP, Status.POFF}:
        return Outcome.ERROR, "the requester has been reset itself"
    return None


def _decline(
    world: World, asked: Asked, outcome: Outcome, reason: str, now: Instant
) -> list[Action]:
    note = remark("declined", **_names(asked), outcome=outcome.name, reason=reason)
    return [note, *answer(world, asked, outcome, now, reason)]


def _names(asked: Asked) -> dict[str, str]:
    return {"requester": str(asked.requester), "system": str(asked.target)}


def _join(world: World, asked: Asked, operation: str) -> list[Action]:
    """It waits for that reset; the record of the reset does not change."""
    world.put_asked(replace(asked, operation=operation))
    return [remark("joined", operation=operation, **_names(asked))]


def _answer_at_once(world: World, asked: Asked, verdict: Verdict, now: Instant) -> list[Action]:
    note = remark(
        "at-once",
        **_names(asked),
        outcome=verdict.outcome.name,
        evidence=verdict.evidence.value,
        age=f"{now - verdict.at:.3f}",
    )
    return [note, *answer(world, asked, verdict, now)]


def _begin(
    world: World, asked: Asked, target: System, now: Instant, confirm_s: float
) -> list[Action]:
    test = target.reset
    takes_over = test is not None and not running.is_over(test) and 0 in test.state.sent
    operation = test.operation if test and takes_over else world.begin_operation()
    world.put_asked(replace(asked, operation=operation))
    note = remark("accepted", operation=operation, server=target.server, **_names(asked))
    if test and takes_over:
        plan = reset_plan(world.policy(target.server), now, gated=world.settings.gated)
        begun = running.take_test_over(world, target.key, plan, asked.requester)
        return [note, *begun, *withdraw(world, now)]
    before = [note, *_end_test(world, target)]
    target = world.systems[target.key]
    dumped_at = _has_just_dumped(world, target, now)
    if dumped_at is not None:
        asked = replace(asked, operation=operation)
        return before + _kdump_verdict(world, asked, target, dumped_at, now)
    plan = reset_plan(world.policy(target.server), now, gated=world.settings.gated)
    begun = running.begin(
        world, target.key, plan, asked.requester, now, operation, confirm_s=confirm_s
    )
    begun += off_proof.look(world, target.key, now)
    return [*before, *begun, *withdraw(world, now)]


def _has_just_dumped(world: World, target: System, now: Instant) -> Instant | None:
    """When a capture kernel spoke just before the request: it need not be asked to dump again."""
    at = target.kdump_at
    if not world.policy(target.server).fence_kdump or at is None:
        return None
    earlier = target.concluded_at is not None and at <= target.concluded_at
    return None if earlier or now - at > KDUMP_BEFORE_S else at


def _kdump_verdict(
    world: World, asked: Asked, target: System, at: Instant, now: Instant
) -> list[Action]:
    verdict = Verdict(Outcome.DUMP, Evidence.KDUMP_NOTICE, at, at)
    stopped = replace(target, status=Status.DUMP, verdict=verdict, concluded_at=now)
    world.put_system(stopped)
    notify_all(world, stopped, verdict, now)
    return _answer_at_once(world, asked, verdict, now)


def _end_test(world: World, target: System) -> list[Action]:
    """A request takes the place of the operator's test, which would not have escalated."""
    if target.reset is None:
        return []
    ended = running.supersede_test(target.reset, target.server)
    world.put_system(replace(target, status=target.reset.former, reset=None))
    return ended


def look(world: World, key: SystemKey, now: Instant) -> list[Action]:
    """Go on with what is sought of a system's power; once it is proved off, it has none reset."""
    before = world.systems.get(key)
    actions = off_proof.look(world, key, now)
    after = world.systems.get(key)
    if before is None or after is None or before.status is after.status:
        return actions
    return actions + (withdraw(world, now) if after.status in STOPPED else [])


def withdraw(world: World, now: Instant) -> list[Action]:
    """Resets that have not begun are not begun if none who waits for them may ask any more: each
    is being reset itself (RC-04), has stopped (RC-05), or asked in an earlier boot."""
    actions: list[Action] = []
    for system in list(world.systems.values()):
        queued = system.reset
        if queued is None or running.is_over(queued) or queued.test:
            continue
        waiting = queued.state.stage == 0 and queued.state.phase in NOT_BEGUN
        if not waiting:
            continue
        waiters = world.asked.waiting(queued.operation)
        refusals = [_may_ask_no_more(world, asked, now) for asked in waiters]
        if None in refusals:
            continue
        for asked, refusal in zip(waiters, refusals, strict=True):
            if refusal is not None and refusal[0] is Outcome.ERROR:
                actions += _decline(world, asked, *refusal, now)
        actions += running.cancel(world, system.key, now)
    return actions


def _may_ask_no_more(world: World, asked: Asked, now: Instant) -> tuple[Outcome, str] | None:
    requester = world.systems[asked.requester]
    if requester.boot_id != asked.boot_id:
        return Outcome.FAIL, "asked in an earlier boot"
    return _requester_may_not(requester, now)


def test(world: World, event: TestAsked, now: Instant) -> list[Action]:
    """Begin the operator's test, of a system that is at rest."""
    system = world.systems.get(event.key)
    at_rest = system is not None and system.reset is None and system.status in AT_REST
    if system is None or not at_rest or world.is_conservative(now):
        return [TestEnded(event.operation, Outcome.FAIL, None)]
    plan = test_plan(world.policy(system.server), now)
    return running.begin(world, event.key, plan, None, now, event.operation)
