"""Whether a source that reads off proves it: contrary evidence is sought before POFF is told.

Nothing is told, and no reset concludes, by readings of off before
- the run of them is long enough (power.py), and no contrary sign came for one second after one;
- where the system can be asked, an ask that began after the answer of the run's first read, at
  most five seconds ago, had no answer;
- and by outlets, unless the BMC is dead, a read of the BMC that was begun after theirs did not
  say on, or had no answer for as long as that BMC takes.

While a request waits for this, its target is in reset for the pair lock: were it answered later
without holding the lock, two systems could be told of each other that they are off.

What is looked for, and until when, stands in `World.watches`; `look` goes on with it.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias, assert_never

from haconn.core import identity, inquiry, reset, running
from haconn.core.actions import Action, Record
from haconn.core.contrary import EVIDENCE_OF, OFF_BY, QUIET_S, Source
from haconn.core.events import VerdictRecorded
from haconn.core.model import Instant, SystemKey
from haconn.core.power import Run, Trust
from haconn.core.reset import SWITCHES_OFF, Evidence, Outcome, Phase
from haconn.core.server import Server, distrust_of, feeds_are_stale, feeds_run, held_off
from haconn.core.system import REBOOT_QUIET_S, Status, System, Verdict, contradicted
from haconn.core.telling import notify_all
from haconn.core.words import ASK_FOR_S, UNHEARD_FOR_S, is_silent
from haconn.core.world import World

ASK_LEAD_S = ASK_FOR_S + 0.05
"""How long before its run is complete a system is asked, so that both end together."""
HOLD_UP_S = 0.05
"""A power supply keeps its server running for some 20 ms without mains: a system is not asked
sooner after its outlets read off, or its last word would cost a second of waiting."""
BMC_LOOK_S = 0.3
BMC_LOOK_MAX_S = 1.0
"""How long outlets wait for a BMC's word: its measured time, within these."""
CONFIRM_S = UNHEARD_FOR_S + BMC_LOOK_MAX_S
"""The longest that a request waits for the confirmation of what reads off already."""
BY_OUTLETS = frozenset({Evidence.OUTLETS_OFF})


@dataclass(frozen=True, slots=True)
class Proved:
    """Nothing contradicts the off, and what could was asked."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Open:
    """It reads off, and something is still to be waited for."""

    source: Source
    run: Run
    ready: bool
    """The run is long enough: what is left are the ask and the look at the BMC."""
    ask_from: Instant | None
    """From when its system is to be asked; None if it needs no ask, or more reads first."""
    due: Instant | None
    """When time alone changes something."""


Finding: TypeAlias = Proved | Open | None


def judge(world: World, system: System, source: Source, now: Instant) -> Finding:
    """Say what a source's readings prove of a system now; None if it does not read off."""
    server = world.servers[system.server]
    if distrust_of(server, source) is not None:
        return None
    if source is Source.BMC and identity.bmc_is_anothers(world, system.server):
        return None
    found = _fresh_run(world, system, source, now)
    if found is None:
        return None
    run, needs_s = found
    trust = _trust(world, system, source)
    quiet_at = None if trust.void_at is None else Instant(trust.void_at + QUIET_S)
    ready = _is_ready(run, needs_s)
    words = inquiry.words_of(world, system.key)
    silent = is_silent(words, run.first_answered_at, now) or not inquiry.places(world, system)
    looked_at = _looked_at(world, system, source, run)
    waits = [at for at in (quiet_at, looked_at) if at is not None and at > now]
    if ready and silent and not waits:
        return Proved(
            Verdict(
                Outcome.POFF,
                EVIDENCE_OF[source],
                run.last_asked_at,
                run.last_asked_at,
                since=run.first_answered_at,
            )
        )
    soon = _is_ready(run, needs_s - ASK_LEAD_S)
    held_up = run.first_answered_at + HOLD_UP_S if source is Source.FEEDS else now
    after_sign = now if quiet_at is None else quiet_at - ASK_FOR_S
    ask_from = Instant(max(now, held_up, after_sign))
    needs_ask = soon and not silent
    return Open(source, run, ready, ask_from if needs_ask else None, min(waits, default=None))


def _is_ready(run: Run, needs_s: float) -> bool:
    return run.spans(needs_s) if needs_s > 0 else run.reads >= 1


def _fresh_run(
    world: World, system: System, source: Source, now: Instant
) -> tuple[Run, float] | None:
    """Give a run of off that is not stale, and how long it has to be."""
    server, settings = world.servers[system.server], world.settings
    match source:
        case Source.BMC:
            run, watch = server.watch.run, server.watch
            needs_s = run.needs_s(ordered_off_at(system)) if run is not None else 0.0
            stale = run is not None and now - run.last_asked_at > watch.patience_s(
                settings.bmc_poll_s
            )
        case Source.FEEDS:
            feeds = world.policy(system.server).feeds
            run = feeds_run(server, feeds)
            stale = feeds_are_stale(server, feeds, now, settings.pdu_poll_s)
            stale = stale or (run is not None and run.last_asked_at < _cut_at(system))
            needs_s = 0.0 if run is None or _are_cut(server, system) else run.span_s
        case Source.HYPERVISOR:
            return None  # no driver gives such readings yet: the contract stands in contrary.py
        case _:
            assert_never(source)
    return None if run is None or stale else (run, needs_s)


def _cut_at(system: System) -> float:
    """What was read before a cut was ordered proves nothing of it."""
    cut_at = system.reset.state.cut_at if system.reset is not None else None
    return -inf if cut_at is None else cut_at


def _are_cut(server: Server, system: System) -> bool:
    """Whether its outlets are off by our order: then no long run of reads is needed."""
    in_progress = system.reset
    if in_progress is None or in_progress.state.phase is Phase.CONFIRMING:
        return held_off(server)
    return in_progress.state.cut_begun


def _trust(world: World, system: System, source: Source) -> Trust:
    server = world.servers[system.server]
    return server.watch.trust if source is Source.BMC else server.outlets.trust


def ordered_off_at(system: System) -> Instant | None:
    """When a reset in progress first ordered its power off, or its outlets: a second order does not
    make a run of off young again. What another process ordered was ordered before any read of ours.
    """
    in_progress = system.reset
    if in_progress is None:
        return None
    sent = {in_progress.plan.stages[stage].command for stage in in_progress.state.sent}
    if not sent & SWITCHES_OFF:
        return None
    first = in_progress.state.off_ordered_at
    return in_progress.plan.began if first is None else first


def _looked_at(world: World, system: System, source: Source, run: Run) -> Instant | None:
    """Until when a word of the BMC is waited for, after outlets; None if none is."""
    watch = world.servers[system.server].watch
    looked = watch.read_at is not None and watch.read_at >= run.first_answered_at
    other = identity.bmc_is_anothers(world, system.server)
    if source is not Source.FEEDS or watch.dead or looked or other:
        return None
    wait_s = min(max(BMC_LOOK_S, watch.timeout_s), BMC_LOOK_MAX_S)
    return Instant(run.first_answered_at + wait_s)


def by_readings(world: World, system: System, now: Instant) -> Finding:
    """Say what readings prove of a system without any reset: by its BMC, else by its outlets."""
    findings = [judge(world, system, source, now) for source in (Source.BMC, Source.FEEDS)]
    for found in findings:
        if isinstance(found, Proved):
            return found
    return next((one for one in findings if isinstance(one, Open) and one.ready), None)


def sought(system: System, now: Instant) -> tuple[Source, ...]:
    """Which sources would prove something that is waited for, or is to be told."""
    in_progress = system.reset
    if in_progress is not None:
        if running.is_over(in_progress):
            return ()
        outlets = reset.proofs(in_progress.plan, in_progress.state) >= BY_OUTLETS
        return (Source.BMC, Source.FEEDS) if outlets else (Source.BMC,)
    match system.status:
        case Status.UNSET | Status.RESET:
            return ()
        case Status.POFF if not _is_over(system):
            return ()
        case Status.DUMP if _is_rebooting(system.verdict, now):
            return ()
        case Status.NORMAL | Status.ERROR | Status.DUMP | Status.POFF:
            return (Source.BMC,)
        case _:
            assert_never(system.status)


def _is_over(system: System) -> bool:
    verdict = system.verdict
    return verdict is None or contradicted(system, verdict.evidence, verdict.at)


def look(world: World, key: SystemKey, now: Instant) -> list[Action]:
    """Go on with what is looked for of one system: ask it, conclude, or tell."""
    world.watches.pop(key, None)
    system = world.systems.get(key)
    if system is None:
        return []
    sources = sought(system, now)
    void_at = max(
        (at for at in (_void_at(world, system, one) for one in sources) if at), default=None
    )
    actions = inquiry.send_due(world, system, now, void_at=void_at)
    for source in sources:
        found = judge(world, system, source, now)
        match found:
            case Proved(verdict):
                return actions + _prove(world, system, verdict, now)
            case Open():
                actions += _go_on(world, system, found, now)
            case None:
                pass
            case _:
                assert_never(found)
    return actions + _confirm_taken_up(world, system, now)


def _void_at(world: World, system: System, source: Source) -> Instant | None:
    return _trust(world, system, source).void_at


def _go_on(world: World, system: System, found: Open, now: Instant) -> list[Action]:
    """Begin the ask that a run needs when its time has come, and look again in time."""
    if found.due is not None:
        inquiry.watch(world, system.key, found.due)
    if found.ask_from is None:
        return []
    if found.ask_from > now:
        inquiry.watch(world, system.key, found.ask_from)
        return []
    ask = inquiry.words_of(world, system.key).ask
    if ask is not None and not ask.over and ask.began >= found.run.first_answered_at:
        return []
    inquiry.begin(world, system.key, now)
    return inquiry.send_due(world, system, now, void_at=None)


def _prove(world: World, system: System, verdict: Verdict, now: Instant) -> list[Action]:
    """OFF concludes a reset, or moves the system to poff and is told once (R-004)."""
    if system.reset is not None:
        seen = reset.Seen(verdict.evidence, verdict.at, verdict.since)
        return running.step(world, system.key, seen, now)
    if _is_rebooting(system.verdict, verdict.at):
        return []
    stopped = replace(system, status=Status.POFF, verdict=verdict)
    world.put_system(stopped)
    if system.status is not Status.POFF:
        notify_all(world, stopped, verdict, now)
    return []


def _is_rebooting(verdict: Verdict | None, at: Instant) -> bool:
    if verdict is None or verdict.evidence is not Evidence.HARD_RESET_ACCEPTED:
        return False
    return at - verdict.at < REBOOT_QUIET_S


def confirm_taken_up(world: World, key: SystemKey, now: Instant) -> list[Action]:
    """Ask a system again before an off is told that another process proved."""
    world.unconfirmed.add(key)
    inquiry.begin(world, key, now)
    return look(world, key, now)


def _confirm_taken_up(world: World, system: System, now: Instant) -> list[Action]:
    if system.key not in world.unconfirmed:
        return []
    ask = inquiry.words_of(world, system.key).ask
    if inquiry.places(world, system) and ask is not None and not ask.over:
        return []
    world.unconfirmed.discard(system.key)
    in_progress, verdict = system.reset, system.verdict
    if in_progress is not None and in_progress.ended is not None:
        return [Record(VerdictRecorded(system.key, in_progress.operation, in_progress.refuted))]
    if in_progress is None and verdict is not None and verdict.evidence in OFF_BY:
        notify_all(world, system, verdict, now)
    return []
