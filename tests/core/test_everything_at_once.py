"""Three systems and everything that can happen to them, in any order, judged by an observer."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from haconn.core import events
from haconn.core.model import Answer, Instant, Power, PowerReading, SystemKey
from haconn.core.reset import Command
from haconn.core.server import FeedReading
from haconn.core.step import next_due
from haconn.core.system import Status, is_barred
from haconn.core.world import new_world
from tests.core.machinery import BINDINGS, FEEDS, SETTINGS, Machinery, promises, put
from tests.core.parts import ACCEPTED, IN_DOUBT, REFUSED, UNSENT

KEYS = st.sampled_from(sorted(BINDINGS))
SERVERS = st.sampled_from(sorted(SETTINGS.policies))
ANSWERS = st.sampled_from([ACCEPTED, REFUSED, UNSENT, IN_DOUBT])
WAITS = st.sampled_from([0.0, 0.01, 0.3, 0.7, 1.0, 2.0, 5.0, 11.0, 40.0])
NOT_A_REQUESTER = {Status.RESET, Status.DUMP, Status.POFF}
QUIET_S = 400.0


class Everything(Machinery):
    """What can happen."""

    @rule(wait_s=WAITS)
    def time_passes(self, wait_s: float) -> None:
        until = Instant(self.now + wait_s)
        while (due := next_due(self.world)) is not None and due <= until:
            self.now = max(due, self.now)
            self.tick()
        self.now = until

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
        known = (who, name) in self.world.asked
        self.take(events.Requested(speaker, name, whom))
        if not known and self.world.asked[who, name].operation:
            requester = self.world.systems[who]  # its very request may show that it was not stopped
            assert requester.status not in NOT_A_REQUESTER
            assert not is_barred(requester, self.now)
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
        if self.now > perform.deadline:
            return
        for feed in perform.feeds:
            stage = perform.stage
            self.take(events.OutletSent(perform.server, perform.operation, stage, feed, False))
            self.observer.dark[feed] = perform.server
        if perform.feeds and works:
            self.now = Instant(self.now + 0.1)
            reading = FeedReading(Power.OFF, self.now, self.now)
            self.take(events.FeedsRead(dict.fromkeys(perform.feeds, reading)))

    @rule(server=st.sampled_from(sorted(FEEDS)), power=st.sampled_from(Power))
    def feeds_are_read(self, server: str, power: Power) -> None:
        reading = FeedReading(power, self.now, self.now)
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


TestEverything = Everything.TestCase
TestEverything.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestEverythingGated = EverythingGated.TestCase
TestEverythingGated.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
