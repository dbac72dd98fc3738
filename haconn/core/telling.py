"""Results and notices: who is told what, and for how long a verdict may still be told.

The same request id gets the same verdict as long as it can be true: until its target shows life,
and at most 60 s after the evidence (of fence_kdump: after its last datagram); an authenticated stop
notice holds for ten minutes, and OFF as long as fresh readings say so. After that the answer is
FAIL, `verdict over` (design 4).
"""

from dataclasses import replace

from haconn.core.actions import (
    Action,
    Line,
    LineKind,
    NoticeKind,
    TellNotices,
    TellResult,
)
from haconn.core.contrary import OFF_BY, contradicts
from haconn.core.model import Instant, SystemKey
from haconn.core.request_table import Asked
from haconn.core.reset import Evidence, Outcome
from haconn.core.system import TOLD_FOR_S, Status, System, Verdict, contradicted, still_holds
from haconn.core.world import World

NOTICE_OF = {
    Evidence.STOP_NOTICE: NoticeKind.DUMP,
    Evidence.KDUMP_NOTICE: NoticeKind.DUMP,
    Evidence.HARD_RESET_ACCEPTED: NoticeKind.REBOOT,
    Evidence.NEW_BOOT: NoticeKind.REBOOT,
    Evidence.POWER_OFF: NoticeKind.POFF,
    Evidence.OUTLETS_OFF: NoticeKind.POFF,
}
LISTENING = frozenset({Status.NORMAL, Status.ERROR})
"""Who gets notices: nobody in reset, dump or poff, nobody who has said BYE."""


def answer(
    world: World, asked: Asked, verdict: Verdict | Outcome, now: Instant, reason: str = ""
) -> list[Action]:
    """Give a request its outcome for good, log it, and tell it until it is acknowledged."""
    if isinstance(verdict, Verdict):
        outcome = verdict.outcome
        done = replace(asked, evidence=verdict.evidence, evidence_at=verdict.at)
        done = replace(done, evidence_since=verdict.contradicted_after)
    else:
        outcome = verdict
        done = replace(asked, evidence_at=now, reason=reason)
    done = replace(done, outcome=outcome, told_at=now)
    world.put_asked(done)
    tell_until_heard(world, done, now)
    return [request_line(world, done, sent=True, reply=outcome.name)]


def tell_until_heard(world: World, asked: Asked, now: Instant) -> None:
    """Tell a result to the boot that asked; another boot of the requester has no use for it."""
    requester = world.systems.get(asked.requester)
    if requester is not None and requester.boot_id == asked.boot_id:
        world.asked.tell(asked.name, now)


def request_line(world: World, asked: Asked, *, sent: bool, reply: str | None) -> Line:
    """The RM-RESET line of a request (R-229)."""
    target = world.systems.get(asked.target)
    requester = world.systems.get(asked.requester)
    place = requester.registration if requester else None
    return Line(
        LineKind.RM_RESET,
        target.server if target else "----",
        asked.target.number,
        sent,
        place.address if place else None,
        place.port if place else None,
        asked.requester.number,
        ("P", reply),
    )


def result_of(world: World, asked: Asked, now: Instant) -> list[Action]:
    """Say what a request is told now: nothing while it has no outcome, nor while its target is
    asked again about an off that another process proved."""
    if asked.outcome is None:
        return []
    if asked.evidence in OFF_BY and asked.target in world.unconfirmed:
        return []
    at = asked.at if asked.evidence_at is None else asked.evidence_at
    outcome, evidence, reason = asked.outcome, asked.evidence, asked.reason
    if evidence is not None and not _still_true(world, asked, evidence, at, now):
        outcome, evidence, reason = Outcome.FAIL, None, "verdict over"
    name = (asked.requester, asked.request_id)
    return [TellResult(*name, asked.target, outcome, evidence, at, reason)]


def _still_true(world: World, asked: Asked, evidence: Evidence, at: Instant, now: Instant) -> bool:
    target = world.systems.get(asked.target)
    if target is None:
        return False
    words = world.words.get(asked.target)
    lived_at = words.lived_at if words is not None else None
    since = at if asked.evidence_since is None else asked.evidence_since
    if lived_at is not None and contradicts(evidence, since, lived_at):
        return False
    fresh = world.off_at(target.server, now) is not None
    return still_holds(target, evidence, at, now, TOLD_FOR_S, off_is_fresh=fresh)


def notify_all(world: World, about: System, verdict: Verdict, now: Instant) -> None:
    """Tell every registered system of that port that this one has stopped (R-004, R-412)."""
    if contradicted(about, verdict.evidence, verdict.at):
        return
    for system in world.systems.values():
        same_port = system.key.port == about.key.port and system.key != about.key
        if same_port and system.registration is not None and system.status in LISTENING:
            kind = NOTICE_OF[verdict.evidence]
            world.outbox.notify(system.key, about.key, kind, verdict.at, now)


def due(world: World, now: Instant) -> list[Action]:
    """Give everything that is to be sent now."""
    actions: list[Action] = []
    for asked in world.asked.due(now):
        actions += result_of(world, asked, now)
    for receiver, notices, new in world.outbox.due_boxes(now):
        system = world.systems.get(receiver)
        if system is None or system.registration is None or system.status not in LISTENING:
            continue
        place = system.registration
        actions.append(TellNotices(receiver, place.address, place.port, notices))
        actions += [
            attention(world, notice.about, place.address, place.port, notice.kind.name)
            for notice in new
        ]
    return actions


def attention(
    world: World,
    about: SystemKey,
    address: str,
    port: int | None,
    state: str,
    number: int | None = None,
) -> Line:
    """The ATTENTION line (R-234): RECV with the number of who has stopped, else SEND."""
    return Line(
        LineKind.ATTENTION,
        world.systems[about].server,
        about.number,
        number is None,
        address,
        port,
        number,
        ("P", state),
    )
