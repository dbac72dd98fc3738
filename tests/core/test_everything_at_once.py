"""Three systems and everything that can happen to them, in any order, judged by an observer."""

from collections import deque
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from haconn.core import events
from haconn.core.actions import Record
from haconn.core.model import Answer, Feed, Instant, Power, PowerReading, SystemKey
from haconn.core.plan import Policy, Proof
from haconn.core.reset import Command, Phase
from haconn.core.running import is_over
from haconn.core.server import FeedReading, Restore, Server
from haconn.core.step import next_due, step
from haconn.core.system import Status, System, is_barred
from haconn.core.world import Asked, Durable, Settings, World, new_world
from haconn.wire.plain import from_plain, to_plain
from tests.core.observer import Observer
from tests.core.parts import ACCEPTED, IN_DOUBT, ONE, REFUSED, THREE, TWO, UNSENT

FEEDS = {"db2": (Feed("10.1.0.1", "2"), Feed("10.1.0.2", "2")), "db3": (Feed("10.1.0.1", "3"),)}
SETTINGS = Settings(
    {
        "db1": Policy("db1", soft_s=2.0, fence_kdump=True),
        "db2": Policy("db2", soft_s=1.0, outlets=True, recovery_s=5.0, feeds=FEEDS["db2"]),
        "db3": Policy(
            "db3",
            soft_s=2.0,
            outlets=True,
            hard_s=5.0,
            recovery_s=7.0,
            feeds=FEEDS["db3"],
            proof=Proof.POWER_OFF,
            hedge=True,
        ),
    }
)
BINDINGS = {ONE: "db1", TWO: "db2", THREE: "db3"}
KEYS = st.sampled_from(sorted(BINDINGS))
SERVERS = st.sampled_from(sorted(SETTINGS.policies))
ANSWERS = st.sampled_from([ACCEPTED, REFUSED, UNSENT, IN_DOUBT])
WAITS = st.sampled_from([0.0, 0.01, 0.3, 0.7, 1.0, 2.0, 5.0, 11.0, 40.0])
NOT_A_REQUESTER = {Status.RESET, Status.DUMP, Status.POFF}
QUIET_S = 400.0


class Everything(RuleBasedStateMachine):
    """The core, with a journal and a standby that may be slow."""

    gated = False

    def __init__(self) -> None:
        super().__init__()
        self.settings = replace(SETTINGS, gated=self.gated)
        self.world = new_world(self.settings, BINDINGS)
        self.now = Instant(1000.0)
        self.observer = Observer()
        self.journal: dict[tuple[type, object], Durable] = {}
        self.held: list[events.Event] = []
        self.boots = dict.fromkeys(BINDINGS, ("boot0", Instant(1000.0)))
        self.names = 0

    def take(self, event: events.Event) -> None:
        """The loop of the daemon."""
        waiting = deque([event])
        while waiting:
            for action in step(self.world, waiting.popleft(), self.now):
                self.observer.sees(action, self.world, self.now)
                if isinstance(action, Record):
                    (self.held if self.gated else waiting).append(action.then)
            for record in self.world.take_changes():
                self.journal[type(record), name_of(record)] = record

    def name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    def speaker(self, key: SystemKey) -> events.Speaker:
        boot, since = self.boots[key]
        return events.Speaker(key, boot, since, f"10.0.0.{key.number}", key.port)

    def speaks(self, key: SystemKey, how: str) -> events.Speaker:
        """A system is about to speak, perhaps in a new session, perhaps after a boot."""
        boot, _ = self.boots[key]
        if how == "new boot":
            boot = f"boot{int(boot[4:]) + 1}"
        if how != "as before":
            self.boots[key] = (boot, self.now)
        new = how == "new boot" and self.world.systems[key].boot_id is not None
        self.observer.hears(key, self.now, new_boot=new)
        return self.speaker(key)

    @rule(wait_s=WAITS)
    def time_passes(self, wait_s: float) -> None:
        until = Instant(self.now + wait_s)
        while (due := next_due(self.world)) is not None and due <= until:
            self.now = max(due, self.now)
            self.tick()
        self.now = until

    def tick(self) -> None:
        self.take(events.Tick())
        due = next_due(self.world)
        assert due is None or due > self.now, "the core would be busy for ever"

    @rule(wait_s=WAITS)
    def the_process_is_stalled(self, wait_s: float) -> None:
        self.now = Instant(self.now + wait_s)
        self.tick()

    @rule(key=KEYS, how=st.sampled_from(["as before", "new session", "new boot"]))
    def says_anything(self, key: SystemKey, how: str) -> None:
        self.take(events.Spoke(self.speaks(key, how)))

    @rule(key=KEYS)
    def registers(self, key: SystemKey) -> None:
        speaker = self.speaks(key, "new session")
        self.take(events.Registered(speaker, speaker.address, speaker.port))

    @rule(key=KEYS)
    def leaves(self, key: SystemKey) -> None:
        self.take(events.Left(self.speaks(key, "as before")))

    @rule(key=KEYS, old=st.booleans())
    def stops(self, key: SystemKey, old: bool) -> None:
        boot = "boot0" if old else self.boots[key][0]
        self.take(events.Stopped(key, boot, "10.0.0.1", 1))

    @rule(key=KEYS)
    def captures(self, key: SystemKey) -> None:
        self.take(events.KdumpHeard(f"10.0.0.{key.number}"))

    @rule(who=KEYS, whom=KEYS, name=st.sampled_from(["a", "b", "c", "d", "e", "f"]))
    def requests(self, who: SystemKey, whom: SystemKey, name: str) -> None:
        speaker = self.speaks(who, "as before")
        before = self.world.systems[who]
        barred = is_barred(before, self.now)
        known = (who, name) in self.world.asked
        self.take(events.Requested(speaker, name, whom))
        if not known and self.world.asked[who, name].operation:
            assert before.status not in NOT_A_REQUESTER
            assert not barred
            assert who != whom

    @rule(who=KEYS, name=st.sampled_from(["a", "b", "c"]))
    def acknowledges(self, who: SystemKey, name: str) -> None:
        self.take(events.ResultHeard(self.speaks(who, "as before"), name))

    @rule(server=SERVERS, power=st.sampled_from(Power), times=st.integers(1, 3))
    def is_read(self, server: str, power: Power, times: int) -> None:
        for _ in range(times):
            self.now = Instant(self.now + 0.3)
            session = self.world.servers[server].watch.session
            reading = PowerReading(power, session, self.now, self.now)
            self.take(events.PowerRead(server, reading))

    @rule(server=SERVERS)
    def logs_in(self, server: str) -> None:
        session = self.world.servers[server].watch.session + 1
        self.take(events.SessionOpened(server, session))

    @rule(server=SERVERS, ago_s=st.sampled_from([0.0, 1.0, 3.0]))
    def is_silent(self, server: str, ago_s: float) -> None:
        self.take(events.BmcUnanswered(server, Instant(self.now - ago_s)))

    @rule(server=SERVERS)
    def refuses(self, server: str) -> None:
        self.take(events.BmcRefused(server, "no"))

    @precondition(lambda self: self.observer.open)
    @rule(data=st.data(), answer=ANSWERS)
    def answers(self, data: st.DataObject, answer: Answer) -> None:
        perform = data.draw(st.sampled_from(self.observer.open))
        self.observer.open.remove(perform)
        names = (perform.server, perform.operation, perform.stage)
        if perform.command is Command.OUTLETS_OFF:
            if answer == REFUSED:
                self.take(events.CommandAnswered(*names, answer))
            return
        if answer != UNSENT:
            if perform.command is Command.SOFT_RESET:
                self.observer.nmi.add(perform.operation)
            self.take(events.CommandSent(*names))
        self.take(events.CommandAnswered(*names, answer))

    @precondition(lambda self: self.observer.open)
    @rule(data=st.data(), works=st.booleans())
    def cuts(self, data: st.DataObject, works: bool) -> None:
        perform = data.draw(st.sampled_from(self.observer.open))
        for feed in perform.feeds:
            stage = perform.stage
            self.take(events.OutletSent(perform.server, perform.operation, stage, feed, False))
            self.observer.dark[feed] = perform.server
        if perform.feeds and works:
            self.now = Instant(self.now + 0.1)
            reading = FeedReading(Power.OFF, self.now)
            self.take(events.FeedsRead(dict.fromkeys(perform.feeds, reading)))

    @rule(server=st.sampled_from(sorted(FEEDS)), power=st.sampled_from(Power))
    def feeds_are_read(self, server: str, power: Power) -> None:
        reading = FeedReading(power, self.now)
        self.take(events.FeedsRead(dict.fromkeys(FEEDS[server], reading)))

    @precondition(lambda self: self.observer.restoring)
    @rule(worked=st.booleans())
    def a_restore_ends(self, worked: bool) -> None:
        action = self.observer.restoring[0]
        self.observer.restored(action, worked=worked)
        failure = None if worked else "no"
        event = events.RestoreTried(action.server, action.what, action.operation, failure)
        self.take(event)

    @rule(server=SERVERS)
    def operator_recovers(self, server: str) -> None:
        self.take(events.RecoveryAsked(server, self.name("recovery")))

    @rule(key=KEYS)
    def operator_tests(self, key: SystemKey) -> None:
        self.take(events.TestAsked(key, self.name("test")))

    @precondition(lambda self: self.held)
    @rule()
    def the_standby_acknowledges(self) -> None:
        held, self.held = self.held, []
        for event in held:
            self.take(event)

    @rule()
    def restarts(self) -> None:
        before = self.world
        self.world = new_world(replace(self.settings, run_name=self.name("run")), BINDINGS)
        for record in self.journal.values():
            put(self.world, record)
        self.held.clear()
        self.observer.restarts()
        self.take(events.Resumed())
        for name, server in self.world.servers.items():
            left = before.servers[name]
            assert promises(server) == promises(left) or self.resumed_cut(name)

    def resumed_cut(self, server: str) -> bool:
        """A cut that is taken up promises its restore anew."""
        return any(
            system.reset is not None
            and system.server == server
            and system.reset.plan.stages[system.reset.state.stage].command is Command.OUTLETS_OFF
            for system in self.world.systems.values()
        )

    @invariant()
    def pairs_never_reset_each_other(self) -> None:
        waits = {
            (waiter.requester, system.key)
            for system in self.world.systems.values()
            if system.reset is not None and not is_over(system.reset)
            for waiter in system.reset.waiters
        }
        assert not any((target, requester) in waits for requester, target in waits)

    @invariant()
    def states_are_what_they_say(self) -> None:
        for system in self.world.systems.values():
            running = system.reset is not None and not is_over(system.reset)
            assert running == (system.status is Status.RESET)
            if system.reset is not None and system.reset.ended is not None:
                ended, plan = system.reset.ended, system.reset.plan
                assert ended.at >= plan.began
                stages = plan.stages[: system.reset.state.stage + 1]
                assert any(ended.evidence in stage.proved_by for stage in stages)
            if running and system.reset is not None:
                assert system.reset.state.until <= system.reset.plan.deadline
                assert system.reset.state.phase is not Phase.RECORDING or self.gated

    @invariant()
    def the_journal_knows_everything(self) -> None:
        for record in durable(self.world):
            plain = to_plain(record)
            assert from_plain(type(record), plain) == record
        for key, system in self.world.systems.items():
            assert self.journal.get((System, key), System(key, BINDINGS[key])) == system
        for name, server in self.world.servers.items():
            journalled = self.journal.get((Server, name), Server(name))
            assert isinstance(journalled, Server)
            assert journalled.owed == server.owed
            assert journalled.left_dark == server.left_dark

    def teardown(self) -> None:
        """Nothing more happens: every request has its outcome, and every outlet is on."""
        until = self.now + QUIET_S
        while self.now < until:
            self.the_standby_acknowledges_all()
            while self.observer.restoring:
                self.a_restore_ends(worked=True)
            due = next_due(self.world)
            self.now = max(self.now, Instant(until) if due is None else due)
            self.tick()
        for asked in self.world.asked.values():
            assert asked.outcome is not None, "a request was lost"
            assert asked.told_at is not None
        assert not self.observer.dark, "an outlet stays off"

    def the_standby_acknowledges_all(self) -> None:
        while self.held:
            self.the_standby_acknowledges()


class EverythingGated(Everything):
    """The same with a standby that acknowledges late."""

    gated = True


def name_of(record: Durable) -> object:
    match record:
        case System():
            return record.key
        case Server():
            return record.name
        case Asked():
            return record.name


def put(world: World, record: Durable) -> None:
    match record:
        case System():
            world.put_system(record)
        case Server():
            world.put_server(
                Server(
                    record.name,
                    owed=record.owed,
                    ordered_on_at=record.ordered_on_at,
                    left_dark=record.left_dark,
                )
            )
        case Asked():
            world.put_asked(record)


def promises(server: Server) -> set[tuple[Restore, str, Instant, bool]]:
    return {(owed.what, owed.operation, owed.due, owed.kept) for owed in server.owed}


def durable(world: World) -> list[Durable]:
    return [*world.systems.values(), *world.servers.values(), *world.asked.values()]


TestEverything = Everything.TestCase
TestEverything.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestEverythingGated = EverythingGated.TestCase
TestEverythingGated.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
