"""A reset in progress: its steps become actions, its end becomes the system's state.

haconn/core/reset.py decides; this file carries the decision out on the world: what is recorded,
what is owed, who waits, and what a system is afterwards.
"""

from dataclasses import replace
from typing import assert_never

from haconn.core import identity, inquiry, reset, taken_up
from haconn.core.actions import (
    Abandon,
    Acknowledge,
    Action,
    Hurry,
    Perform,
    Record,
    RecoveryEnded,
    StopRestore,
    TestEnded,
)
from haconn.core.contrary import ACCEPTED_BY, OFF_BY, Distrust, Source, about
from haconn.core.events import RequestRecorded, StageRecorded, VerdictRecorded
from haconn.core.model import Instant, Refused, SystemKey
from haconn.core.plan import Policy
from haconn.core.reset import Command, Concluded, Evidence, Outcome, Plan, Trying
from haconn.core.server import (
    POWER_ON_AFTER_S,
    Owed,
    Restore,
    Server,
    distrust_of,
    owe,
    owes,
    settle,
    stop_restores,
    waited_for,
)
from haconn.core.system import Reset, Status, System, Verdict, nmi_under_way
from haconn.core.telling import answer, notify_all
from haconn.core.world import World, remark


def begin(
    world: World,
    key: SystemKey,
    plan: Plan,
    asked_by: SystemKey | None,
    now: Instant,
    operation: str,
    *,
    confirm_s: float = 0.0,
) -> list[Action]:
    """Begin a reset of a system that has none; asked by no system it is the operator's test.

    Args:
        confirm_s: how long contrary evidence is sought first, as the target reads off already.
    """
    system = world.systems[key]
    dead = world.servers[system.server].watch.dead
    sent_at = nmi_under_way(system, plan, now) if asked_by else None
    if sent_at is None:
        state, steps = reset.begin(plan, bmc_dead=dead, confirm_s=confirm_s)
        notes: list[Action] = []
    else:
        state, steps = taken_up.begin_after_nmi(plan, sent_at, bmc_dead=dead)
        notes = [remark("nmi-before", operation=operation, age=f"{now - sent_at:.1f}")]
    assert isinstance(state, Trying)
    running = Reset(operation, plan, state, asked_by, system.status, test=asked_by is None)
    begun = replace(system, status=Status.RESET, reset=running, nmi_at=None)
    world.put_system(begun)
    return [Hurry(system.server, True), *notes, *_translate(world, key, running, steps, now)]


def take_test_over(world: World, key: SystemKey, plan: Plan, asked_by: SystemKey) -> list[Action]:
    """Make a reset of a test whose NMI has left: a second one might hit a kernel that dumps.

    It keeps the test's operation, so that the answer to that NMI still finds it, and the rest of
    T-soft from its sending.
    """
    system = world.systems[key]
    test = system.reset
    assert test is not None
    until = Instant(min(test.state.until, plan.deadline))
    state = replace(test.state, until=until)
    taken = Reset(test.operation, plan, state, asked_by, test.former)
    world.put_system(replace(system, reset=taken))
    note = remark("test-taken", operation=test.operation, system=key, server=system.server)
    recorded = Record(StageRecorded(key, test.operation, state.stage))
    return [TestEnded(test.operation, Outcome.FAIL, None), note, recorded]


def step(world: World, key: SystemKey, event: reset.Event, now: Instant) -> list[Action]:
    """Let a reset in progress take one event in; without one, nothing happens."""
    system = world.systems.get(key)
    if system is None or system.reset is None or is_over(system.reset):
        return []
    running = system.reset
    if isinstance(event, reset.Answered):
        event = replace(event, believed=_is_believed(world, system.server))
    state, steps = reset.step(running.plan, running.state, event, now)
    return _after(world, key, running, state, steps, now)


def _is_believed(world: World, server: str) -> bool:
    """Whether what its BMC accepts may prove anything."""
    return distrust_of(world.servers[server], Source.BMC) is None


def resume(world: World, key: SystemKey, now: Instant) -> list[Action]:
    """Take up a reset from the journal of an earlier process."""
    running = world.systems[key].reset
    assert running is not None
    command = running.plan.stages[running.state.stage].command
    begun: list[Action] = [
        Hurry(world.systems[key].server, True),
        remark("resumed", operation=running.operation, command=command.name),
    ]
    if proved_off(running):
        return begun  # its system is asked again first: haconn/core/off_proof.py
    if is_over(running):
        return [*begun, Record(VerdictRecorded(key, running.operation, running.refuted))]
    state, steps = taken_up.resume(running.plan, running.state, now)
    return begun + _after(world, key, running, state, steps, now)


def proved_off(running: Reset) -> bool:
    """Whether it has ended by readings of off, and was not told yet."""
    return running.ended is not None and running.ended.evidence in OFF_BY


def is_over(running: Reset) -> bool:
    """Whether it has its outcome, and only waits for the record of it."""
    return running.ended is not None or running.failed_at is not None


def _after(
    world: World,
    key: SystemKey,
    running: Reset,
    state: reset.State,
    steps: tuple[reset.Action, ...],
    now: Instant,
) -> list[Action]:
    if isinstance(state, Concluded):
        return conclude(world, key, state, now)
    if state.cut_begun and not running.state.cut_begun:
        _cut_begins(world, key, running, state.until)
    running = replace(running, state=state)
    world.put_system(
        replace(world.systems[key], reset=running, commanded_at=_last(world, key, state))
    )
    return _translate(world, key, running, steps, now)


def _last(world: World, key: SystemKey, state: Trying) -> Instant | None:
    return state.commanded_at or world.systems[key].commanded_at


def _translate(
    world: World, key: SystemKey, running: Reset, steps: tuple[reset.Action, ...], now: Instant
) -> list[Action]:
    actions: list[Action] = []
    withheld: list[reset.Answered] = []
    other = identity.bmc_is_anothers(world, world.systems[key].server)
    for wanted in steps:
        if isinstance(wanted, reset.Record):
            actions.append(Record(StageRecorded(key, running.operation, wanted.stage)))
        elif other is not None and wanted.command is not Command.OUTLETS_OFF:
            refusal = Refused(identity.why_withheld(other))
            withheld.append(reset.Answered(wanted.stage, refusal))
            values = {"operation": running.operation, "command": wanted.command.name}
            actions.append(remark("withheld", **values, reason=refusal.reason))
        else:
            actions += _issue(world, key, running, wanted, now)
    for answered in withheld:
        actions += step(world, key, answered, now)
    return actions


def _issue(
    world: World, key: SystemKey, running: Reset, issue: reset.Issue, now: Instant
) -> list[Action]:
    server = world.systems[key].server
    policy = world.policy(server)
    cut = issue.command is Command.OUTLETS_OFF
    waiting = waited_for(world.servers[server])
    ended = [RecoveryEnded(command, "a reset of it is in progress") for command in waiting]
    _owe_before(world, key, running, issue)
    perform = Perform(
        server,
        running.operation,
        issue.stage,
        issue.command,
        issue.deadline,
        policy.feeds if cut else (),
        look_first=cut and running.state.taken_up,
    )
    soft = issue.command is Command.SOFT_RESET
    stop: list[Action] = [] if soft else [StopRestore(server), *ended]
    note = remark(
        "stage",
        operation=running.operation,
        command=issue.command.name,
        budget=f"{issue.deadline - now:.1f}",
    )
    return [*stop, perform, note]


def _owe_before(world: World, key: SystemKey, running: Reset, issue: reset.Issue) -> None:
    """Promise what the command makes necessary before it leaves: a crash must not lose it.

    What is owed for an earlier cut stays as it is until this one has sent something.
    """
    policy = world.policy(world.systems[key].server)
    server = stop_restores(world.servers[policy.server])
    operation, deadline = running.operation, issue.deadline
    if issue.command is Command.SOFT_RESET:
        return
    if issue.command is Command.POWER_OFF:
        due = Instant(deadline + POWER_ON_AFTER_S)
        server = owe(server, Owed(Restore.POWER_ON, operation, deadline, due))
    before = owes(server, Restore.FEEDS)
    kept = before is not None and before.kept
    if issue.command is Command.OUTLETS_OFF and _is_restored(policy, server) and not kept:
        server = owe(server, _outlets_owed(policy, key, running, deadline))
    world.put_server(server)
    if issue.command is Command.OUTLETS_OFF and _cut_may_have_begun(running):
        _cut_begins(world, key, running, deadline)


def _outlets_owed(policy: Policy, key: SystemKey, running: Reset, cut_until: Instant) -> Owed:
    due = Instant(cut_until + policy.recovery_s)
    owed = Owed(Restore.FEEDS, running.operation, cut_until, due)
    return replace(owed, target=key, requester=running.asked_by)


def _cut_begins(world: World, key: SystemKey, running: Reset, until: Instant) -> None:
    """An order to cut has left: from now on its restore is what is owed, or that the outlets are
    left off."""
    policy = world.policy(world.systems[key].server)
    server = settle(world.servers[policy.server], Restore.FEEDS)
    restored = _is_restored(policy, server)
    if restored:
        server = owe(server, _outlets_owed(policy, key, running, until))
    world.put_server(replace(server, left_dark=not restored))


def _is_restored(policy: Policy, server: Server) -> bool:
    """Whether outlets that are cut are switched on again: distrusted ones may feed another one."""
    return bool(policy.recovery_s) or distrust_of(server, Source.FEEDS) is not None


def _cut_may_have_begun(running: Reset) -> bool:
    state = running.state
    return state.cut_begun or reset.may_have_left(running.plan, state, Command.OUTLETS_OFF)


def _owe_no_more(world: World, server_name: str, running: Reset) -> None:
    """Take back what was promised for commands of which nothing has left."""
    server = world.servers[server_name]
    if _cut_may_have_begun(running):
        return
    void = {Restore.FEEDS}
    if not reset.may_have_left(running.plan, running.state, Command.POWER_OFF):
        void.add(Restore.POWER_ON)
    left = [o for o in server.owed if o.what not in void or o.operation != running.operation]
    world.put_server(replace(server, owed=tuple(left)))


def conclude(world: World, key: SystemKey, end: Concluded, now: Instant) -> list[Action]:
    """End a reset: the system's state follows, and the verdict is recorded before it is told."""
    system = world.systems[key]
    running = system.reset
    assert running is not None
    verdict = None
    in_doubt = end.in_doubt or bool(running.contradicted)
    if end.evidence is not None:
        verdict = Verdict(end.outcome, end.evidence, end.at, end.at, end.since)
    done = replace(
        system,
        status=_status_after(world, system, running, verdict),
        verdict=verdict or system.verdict,
        commanded_at=end.commanded_at or system.commanded_at,
        barred=verdict is None and (system.barred or (in_doubt and not running.test)),
        concluded_at=now,
        reset=replace(running, ended=verdict, failed_at=None if verdict else now),
    )
    world.put_system(done)
    _owe_no_more(world, system.server, running)
    _bring_restores_forward(world, policy=world.policy(system.server), now=now)
    reason = end.evidence.value if end.evidence else "nothing proved"
    wrong = [] if verdict else _distrust_a_cut(world, key, running, now)
    return [
        Abandon(system.server, running.operation, reason, cut=not _cut_may_have_begun(running)),
        Hurry(system.server, False),
        _verdict_remark(done, running, end, now),
        *wrong,
        Record(VerdictRecorded(key, running.operation, running.refuted)),
    ]


def _distrust_a_cut(world: World, key: SystemKey, running: Reset, now: Instant) -> list[Action]:
    """A cut has ended, its outlets read off, and something showed that the target lives: they are
    not what feeds it. What they feed is switched on again, whatever `recoverytime` says."""
    name = world.systems[key].server
    server, policy = world.servers[name], world.policy(name)
    if not running.state.cut_begun or Source.FEEDS not in running.contradicted:
        return []
    feeds = tuple(str(feed) for feed in policy.feeds)
    why = Distrust(Source.FEEDS, None, now, cut=True, feeds=feeds)
    others = tuple(one for one in server.distrusts if one.source is not Source.FEEDS)
    owed = replace(_outlets_owed(policy, key, running, now), due=now)
    world.put_server(replace(owe(server, owed), distrusts=(*others, why), left_dark=False))
    return [
        remark(
            "wrong-outlets",
            about=about(name, Source.FEEDS),
            operation=running.operation,
            server=name,
            feeds=", ".join(feeds),
        )
    ]


def refute(world: World, key: SystemKey, now: Instant) -> list[Action]:
    """A verdict is contradicted before it was told: it is none, and the next stage follows."""
    system = world.systems[key]
    before = system.reset
    assert before is not None
    assert before.ended is not None
    source = OFF_BY.get(before.ended.evidence) or ACCEPTED_BY.get(before.ended.evidence)
    running = replace(
        before,
        ended=None,
        refuted=before.refuted + 1,
        contradicted=before.contradicted | ({source} if source else set()),
    )
    world.put_system(
        replace(system, status=Status.RESET, verdict=None, alive_at=now, reset=running)
    )
    state, steps = reset.step(running.plan, running.state, reset.Refuted(), now)
    note = remark(
        "refuted",
        operation=running.operation,
        system=key,
        server=system.server,
        evidence=before.ended.evidence.value,
    )
    return [note, Hurry(system.server, True), *_after(world, key, running, state, steps, now)]


def _status_after(world: World, system: System, running: Reset, verdict: Verdict | None) -> Status:
    if verdict is None:
        return Status.UNSET if running.former is Status.UNSET else world.rest_status(system.server)
    if verdict.evidence is Evidence.NEW_BOOT:
        return world.rest_status(system.server)
    return Status.POFF if verdict.outcome is Outcome.POFF else Status.DUMP


def _bring_restores_forward(world: World, *, policy: Policy, now: Instant) -> None:
    """The reset has ended: what it owes counts from now, no longer from its deadlines."""
    server = world.servers[policy.server]
    after = {Restore.FEEDS: policy.recovery_s, Restore.POWER_ON: POWER_ON_AFTER_S}
    for what, wait_s in after.items():
        owed = owes(server, what)
        if owed is not None and not owed.running:
            since = min(owed.since, now)
            due = Instant(min(owed.due, now + wait_s))
            server = owe(server, replace(owed, since=since, due=due))
    world.put_server(server)


def _verdict_remark(system: System, running: Reset, end: Concluded, now: Instant) -> Action:
    common = {
        "operation": running.operation,
        "system": str(system.key),
        "server": system.server,
    }
    if end.evidence is None and running.test:
        doubt = "its BMC took the order, or may have" if end.in_doubt else "no order took effect"
        return remark("test-failed", **common, doubt=doubt)
    if end.evidence is None:
        doubt = "commands are in doubt" if end.in_doubt else "no command took effect"
        return remark("failed", **common, doubt=doubt)
    age = f"{now - end.at:.3f}"
    if running.test:
        return remark("test-stopped", **common, evidence=end.evidence.value, age=age)
    return remark(
        "verdict", **common, outcome=end.outcome.name, evidence=end.evidence.value, age=age
    )


def cancel(world: World, key: SystemKey, now: Instant) -> list[Action]:
    """End a reset of which nothing has left this machine; its requesters are told FAIL."""
    return conclude(world, key, Concluded(Outcome.FAIL, None, now, False, None), now)


def give_up(world: World, key: SystemKey, now: Instant) -> list[Action]:
    """End a reset that nobody is left to carry on; its requesters are told FAIL."""
    running = world.systems[key].reset
    assert running is not None
    return conclude(world, key, reset.failed(running.state, now), now)


def supersede_test(running: Reset, server: str) -> list[Action]:
    """A request takes the place of a test: the operator is told so."""
    ended = TestEnded(running.operation, Outcome.FAIL, None)
    abandon = Abandon(server, running.operation, "a request takes its place")
    return [abandon, Hurry(server, False), ended]


def recorded(
    world: World, event: StageRecorded | RequestRecorded | VerdictRecorded, now: Instant
) -> list[Action]:
    """The record is where it has to be: go on."""
    match event:
        case StageRecorded(key, operation, stage):
            if _is_current(world, key, operation):
                return step(world, key, reset.Recorded(stage), now)
            return []
        case RequestRecorded(requester, request_id):
            return [Acknowledge(requester, request_id)]
        case VerdictRecorded(key, operation, refuted):
            current = _is_current(world, key, operation) and _is_last(world, key, refuted)
            return _tell(world, key, now) if current else []
        case _:
            assert_never(event)


def _is_current(world: World, key: SystemKey, operation: str) -> bool:
    system = world.systems.get(key)
    running = system.reset if system else None
    return running is not None and running.operation == operation


def _is_last(world: World, key: SystemKey, refuted: int) -> bool:
    running = world.systems[key].reset
    return running is not None and is_over(running) and running.refuted == refuted


def _tell(world: World, key: SystemKey, now: Instant) -> list[Action]:
    system = world.systems[key]
    running = system.reset
    assert running is not None
    actions: list[Action] = []
    for asked in world.asked.waiting(running.operation):
        actions += answer(world, asked, running.ended or Outcome.FAIL, now, "not proved")
    world.put_system(replace(system, reset=None))
    if running.test:
        actions.append(_test_ended(running))
    if running.ended is not None:
        notify_all(world, system, running.ended, now)
        if running.ended.evidence in ACCEPTED_BY:
            inquiry.begin_late(world, key, now)
    return actions


def _test_ended(running: Reset) -> TestEnded:
    if running.ended is None:
        return TestEnded(running.operation, Outcome.FAIL, None)
    ended, sent_at = running.ended, running.state.commanded_at
    after_s = None if sent_at is None or ended.at < sent_at else ended.at - sent_at
    return TestEnded(running.operation, ended.outcome, ended.evidence, after_s)
