"""The active's log: what is sent can be read, what waits comes back once, and nothing is kept."""

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from haconn.core.beat import NOBODY, Intent, PairSession
from haconn.core.events import RecordedEvent, VerdictRecorded
from haconn.core.gate import Alone, InStep
from haconn.core.model import Instant, SystemKey
from haconn.core.pair_times import TIMES
from haconn.core.replica import ENTRY_MAX
from haconn.daemon.pair.copy import Snapshot, StandbyCopy
from haconn.daemon.pair.log import ActiveLog, FullSync
from tests.daemon.pair.records import known_of, lines_of, server_line, snapshot

LOG = PairSession(b"the active's log")
STANDBY, ANOTHER = PairSession(b"the standby's ID"), PairSession(b"a later process'")
LINES = server_line("s1", 1.0)


def then(number: int) -> RecordedEvent:
    """Something that waits; its number says which."""
    return VerdictRecorded(SystemKey(30001, 1), f"r-{number}")


@dataclass
class Bench:
    """A log on a clock that stands still, with everything that it sends and lets go."""

    now: float = 100.0
    sent: list[Intent] = field(default_factory=list)
    gone_on: list[RecordedEvent] = field(default_factory=list)
    take: Callable[[RecordedEvent], None] | None = None
    log: ActiveLog = field(init=False)

    def __post_init__(self) -> None:
        self.log = ActiveLog(LOG, lambda: Instant(self.now), self._send, self._take)

    def _send(self, index: int, part: int, parts: int, body: bytes) -> None:
        self.sent.append(Intent(index, part, parts, body, self.now))

    def _take(self, event: RecordedEvent) -> None:
        self.gone_on.append(event)
        if self.take is not None:
            self.take(event)

    def write(self, number: int, lines: bytes = LINES) -> None:
        self.gone_on += self.log.record(lines, [then(number)])

    def synchronise(self, standby: PairSession = STANDBY) -> None:
        self.log.followed_by(standby)
        assert self.log.end_sync(standby, self.log.begin_sync())


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_without_a_standby_nothing_waits_and_nothing_is_kept_or_sent(bench: Bench) -> None:
    bench.write(1)
    assert bench.gone_on == [then(1)]
    assert not bench.sent
    assert not bench.log._bodies


def test_a_standby_in_step_is_sent_each_entry_at_once_and_it_waits(bench: Bench) -> None:
    bench.synchronise()
    bench.write(1)
    assert not bench.gone_on
    (intent,) = bench.sent
    assert zlib.decompress(intent.body) == LINES
    bench.log.acknowledged(LOG, intent.index)
    assert bench.gone_on == [then(1)]
    assert not bench.log._bodies


def test_what_was_written_with_no_reader_is_never_sent_to_a_later_one(bench: Bench) -> None:
    bench.write(1)
    bench.log.followed_by(STANDBY)
    sync = bench.log.begin_sync()
    bench.write(2)
    bench.log.end_sync(STANDBY, sync)
    assert [intent.index for intent in bench.sent] == [sync.index + 1]
    assert zlib.decompress(bench.sent[0].body) == LINES


def test_what_was_written_between_two_full_syncs_is_in_the_second(bench: Bench) -> None:
    bench.log.followed_by(STANDBY)
    first = bench.log.begin_sync()
    bench.write(1)
    bench.log.drop_sync(first)
    bench.write(2)
    second = bench.log.begin_sync()
    bench.write(3)
    bench.log.end_sync(STANDBY, second)
    assert (second.index, [intent.index for intent in bench.sent]) == (2, [3])


def test_a_broken_full_sync_does_not_end_a_later_one(bench: Bench) -> None:
    bench.log.followed_by(STANDBY)
    broken = bench.log.begin_sync()
    later = bench.log.begin_sync()
    assert broken.index == later.index
    bench.log.drop_sync(broken)
    bench.write(1)
    assert bench.log.end_sync(STANDBY, later)
    assert zlib.decompress(bench.sent[0].body) == LINES


def test_a_full_sync_that_was_overtaken_does_not_count(bench: Bench) -> None:
    bench.log.followed_by(STANDBY)
    overtaken = bench.log.begin_sync()
    bench.write(1)
    later = bench.log.begin_sync()
    assert not bench.log.end_sync(STANDBY, overtaken)
    assert bench.log.end_sync(STANDBY, later)


def test_a_full_sync_of_a_process_that_has_been_replaced_does_not_count(bench: Bench) -> None:
    bench.log.followed_by(STANDBY)
    sync = bench.log.begin_sync()
    bench.log.followed_by(ANOTHER)
    assert not bench.log.end_sync(STANDBY, sync)
    bench.write(1)
    assert bench.gone_on == [then(1)]


def test_an_entry_is_sent_again_whole_until_it_is_acknowledged(bench: Bench) -> None:
    bench.synchronise()
    long = server_line("s1", 1.0) + b"\n".join(os.urandom(500).hex().encode() for _ in range(20))
    bench.write(1, long)
    first, bench.sent[:] = list(bench.sent), []
    assert len(first) > 1
    assert zlib.decompress(b"".join(part.body for part in first)) == long
    bench.now += TIMES.intent_s
    bench.log.tick()
    assert [part.body for part in bench.sent] == [part.body for part in first]
    bench.log.acknowledged(LOG, 1)
    bench.sent.clear()
    bench.now += TIMES.intent_s
    bench.log.tick()
    assert not bench.sent


def test_an_entry_that_is_too_long_for_datagrams_calls_for_a_full_sync(bench: Bench) -> None:
    bench.synchronise()
    bench.write(1, os.urandom(ENTRY_MAX + 1000))
    assert not bench.sent
    assert not bench.log._bodies
    assert bench.log.gate.wants_sync
    assert not bench.log.replica().synchronised


def test_what_waits_goes_on_in_its_order_even_if_one_makes_another(bench: Bench) -> None:
    bench.synchronise()
    bench.write(1)
    bench.write(2)

    def writes(event: RecordedEvent) -> None:
        if event == then(1):
            bench.take = None
            bench.write(3)

    bench.take = writes
    bench.log.followed_by(NOBODY)
    assert bench.gone_on == [then(1), then(2), then(3)]


def test_four_seconds_are_the_longest_wait(bench: Bench) -> None:
    bench.synchronise()
    bench.write(1)
    bench.now += TIMES.gate_s - 0.01
    bench.log.tick()
    assert not bench.gone_on
    bench.now += 0.02
    bench.log.tick()
    assert bench.gone_on == [then(1)]


@dataclass
class Transfer:
    """A full sync on its way."""

    standby: PairSession
    sync: FullSync
    snapshot: Snapshot


class TwoServers(RuleBasedStateMachine):
    """An active and its standby; datagrams are lost, doubled and late, connections break."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.copy = StandbyCopy()
        self.standby = STANDBY
        self.processes = 0
        self.states: list[dict[str, float]] = [{}]
        self.transfers: list[Transfer] = []

    @property
    def log(self) -> ActiveLog:
        return self.bench.log

    @rule(which=st.integers(0, 3))
    def write(self, which: int) -> None:
        number = len(self.states)
        self.states.append({**self.states[-1], f"s{which}": float(number)})
        self.bench.write(number, server_line(f"s{which}", float(number)))

    @precondition(lambda self: self.bench.sent)
    @rule(data=st.data(), acknowledged=st.booleans())
    def arrive(self, data: st.DataObject, acknowledged: bool) -> None:
        intent = data.draw(st.sampled_from(self.bench.sent[-20:]))
        if self.copy.take(LOG, intent, 0.0) and acknowledged:
            self.log.acknowledged(LOG, self.copy.applied)

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.2, 0.6, 1.6, 4.1]))
    def wait(self, seconds: float) -> None:
        self.bench.now += seconds
        self.log.tick()

    @rule()
    def beat(self) -> None:
        self.log.replica()
        self.log.said()

    @rule()
    def hear(self) -> None:
        self.log.heard()

    @rule(stays=st.booleans())
    def is_followed(self, stays: bool) -> None:
        self.log.followed_by(self.standby if stays else NOBODY)

    @rule()
    def restart_the_standby(self) -> None:
        self.processes += 1
        self.copy, self.standby = StandbyCopy(), PairSession(b"%016d" % self.processes)

    @rule()
    def begin_sync(self) -> None:
        self.log.followed_by(self.standby)
        sync = self.log.begin_sync()
        lines = lines_of(self.states[sync.index])
        self.transfers.append(Transfer(self.standby, sync, snapshot(LOG, sync.index, lines)))

    @precondition(lambda self: self.transfers)
    @rule(data=st.data(), whole=st.booleans())
    def end_sync(self, data: st.DataObject, whole: bool) -> None:
        transfer = data.draw(st.sampled_from(self.transfers))
        self.transfers.remove(transfer)
        if whole and transfer.standby == self.standby:
            self.copy.load(transfer.snapshot, 0.0, Instant(self.bench.now))
            self.log.end_sync(transfer.standby, transfer.sync)
        self.log.drop_sync(transfer.sync)

    @invariant()
    def what_goes_on_goes_on_once_and_in_order(self) -> None:
        numbers = [int(event.operation[2:]) for event in map(_verdict, self.bench.gone_on)]
        assert numbers == sorted(set(numbers))

    @invariant()
    def whatever_is_to_be_sent_is_there_and_nothing_else_for_long(self) -> None:
        self.log.tick()
        bodies = self.log._bodies
        assert all(bodies[index] for index in self.log.gate.sends)
        assert all(index >= self.log.gate.kept_from for index in bodies)

    @invariant()
    def the_copy_is_the_record_at_its_index(self) -> None:
        if self.copy.log == LOG:
            assert known_of(self.copy.found) == self.states[self.copy.applied]

    def teardown(self) -> None:
        self.bench.now += TIMES.gate_s
        self.log.tick()
        numbers = [int(event.operation[2:]) for event in map(_verdict, self.bench.gone_on)]
        assert numbers == list(range(1, len(self.states)))


def _verdict(event: RecordedEvent) -> VerdictRecorded:
    assert isinstance(event, VerdictRecorded)
    return event


TestTwoServers = TwoServers.TestCase
TestTwoServers.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_a_log_begins_alone(bench: Bench) -> None:
    assert isinstance(bench.log.gate.standing, Alone)
    bench.synchronise()
    assert isinstance(bench.log.gate.standing, InStep)
