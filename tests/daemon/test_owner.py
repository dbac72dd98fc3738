"""The owner of the core's state: order of events, journal before effect, no busy loop."""

from pathlib import Path

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from haconn.core.actions import Acknowledge, Action, Perform, Remark
from haconn.core.events import (
    CommandAnswered,
    CommandSent,
    PduSeen,
    Registered,
    Requested,
    SessionOpened,
    Speaker,
    Stopped,
    Tick,
)
from haconn.core.model import Instant, Unsent
from haconn.core.reset import Command, Phase
from haconn.core.step import next_due
from haconn.core.system import Status
from haconn.daemon.journal import Journal
from haconn.daemon.journal_reading import read
from haconn.daemon.owner import Owner
from tests.daemon.parts import A, B, Recorder, unmounted, world

REQUEST = "ab" * 16
BOOT_A, BOOT_B = "a" * 32, "b" * 32


def speaker(key: object = A, boot_id: str = BOOT_A) -> Speaker:
    assert key in {A, B}
    return Speaker(A if key is A else B, boot_id, Instant(0.0), "192.0.2.1", 30001)


class Bench:
    """An owner with a real journal; alpha and beta have registered."""

    def __init__(self, directory: Path, performer: Recorder | None = None) -> None:
        self.directory = directory
        self.journal = Journal(directory)
        self.world = world()
        self.journal.open(self.world)
        self.owner = Owner(self.world, self.journal)
        self.performer = performer or Recorder()
        self.owner.attach(self.performer)
        for server, key, boot_id in (("alpha", A, BOOT_A), ("beta", B, BOOT_B)):
            self.owner.take(SessionOpened(server, 1))
            self.owner.take(Registered(speaker(key, boot_id), "192.0.2.1", 30001))

    def request(self) -> None:
        """Alpha asks for the reset of beta."""
        self.owner.take(Requested(speaker(), REQUEST, B))

    def phase(self) -> Phase:
        running = self.world.systems[B].reset
        assert running is not None
        return running.state.phase


class JournalReader(Recorder):
    """Looks into the journal at the moment of each command."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory
        self.found: list[tuple[Action, Phase | None, bool]] = []

    def perform(self, action: Action) -> None:
        super().perform(action)
        if isinstance(action, Perform | Acknowledge):
            found = read(self.directory)
            reset = found.systems[B].reset
            phase = None if reset is None else reset.state.phase
            self.found.append((action, phase, (A, REQUEST) in found.asked))


async def test_a_command_and_an_acknowledgement_find_themselves_in_the_journal(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    performer = JournalReader(tmp_path)
    Bench(tmp_path, performer).request()
    for action, phase, asked in performer.found:
        assert asked
        assert phase is Phase.ISSUED or isinstance(action, Acknowledge)
    assert {type(action) for action, _, _ in performer.found} == {Perform, Acknowledge}


async def test_one_request_reaches_its_bmc_within_one_turn(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    bench.request()
    assert [action.command for action in bench.performer.all(Perform)] == [Command.SOFT_RESET]
    assert [action.request_id for action in bench.performer.all(Acknowledge)] == [REQUEST]


class Impatient(Recorder):
    """Answers a command in the midst of being told to perform it."""

    def __init__(self) -> None:
        super().__init__()
        self.owner: Owner | None = None
        self.depth = self.depth_max = 0

    def perform(self, action: Action) -> None:
        self.depth += 1
        self.depth_max = max(self.depth, self.depth_max)
        super().perform(action)
        if isinstance(action, Perform) and self.owner is not None:
            self.owner.take(CommandSent(action.server, action.operation, action.stage))
            answer = Unsent("no session")
            self.owner.take(CommandAnswered(action.server, action.operation, action.stage, answer))
        self.depth -= 1


async def test_an_event_that_arises_while_actions_are_performed_waits_for_its_turn(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    performer = Impatient()
    bench = Bench(tmp_path, performer)
    performer.owner = bench.owner
    bench.request()
    assert performer.depth_max == 1
    remarks = [action.message for action in performer.all(Remark)]
    assert remarks.index("stage") < remarks.index("answered")


async def test_while_stopping_no_stage_is_begun_and_the_request_is_still_acknowledged(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """It is in the journal, so the next process carries it out."""
    bench = Bench(tmp_path)
    bench.owner.stopping = True
    bench.request()
    assert not bench.performer.all(Perform)
    assert bench.performer.all(Acknowledge)
    found = read(tmp_path)
    running = found.systems[B].reset
    assert running is not None
    assert running.state.phase is Phase.RECORDING
    assert found.asked[A, REQUEST].operation == running.operation


async def test_while_stopping_a_verdict_is_still_recorded_and_told(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    bench.request()
    bench.owner.stopping = True
    bench.owner.take(Stopped(B, BOOT_B, "192.0.2.2", 30001))
    assert read(tmp_path).systems[B].status is Status.DUMP
    assert bench.world.systems[B].reset is None
    assert bench.world.asked.being_told()


async def test_a_tick_comes_exactly_when_something_is_due(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.owner.serve)
        await trio.sleep(1.0)
        bench.request()
        bench.owner.take(CommandSent("beta", bench.performer.all(Perform)[0].operation, 0))
        await trio.sleep(4.999)
        assert len(bench.performer.all(Perform)) == 1
        await trio.sleep(0.002)
        second = bench.performer.all(Perform)[1]
        assert (second.command, second.deadline) == (Command.HARD_RESET, 16.0)
        nursery.cancel_scope.cancel(reason="the test has ended")


class Counted(Recorder):
    """Counts how often the core moves."""

    turns = 0

    def perform(self, action: Action) -> None:
        self.turns += 1
        super().perform(action)


async def test_a_day_without_events_is_a_day_without_work(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, Counted())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.owner.serve)
        with trio.move_on_after(86400):
            await bench.owner.moved()
            await trio.sleep_forever()
        assert len(bench.performer.actions) < 50
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_a_whole_reset_leaves_nothing_due_for_ever(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """No time in the past stays due: that would be a loop without a pause."""
    bench = Bench(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.owner.serve)
        bench.request()
        for _ in range(40):
            await trio.sleep(30)
            await wait_all_tasks_blocked()
            due = next_due(bench.world)
            assert due is None or due >= trio.current_time()
        assert bench.world.systems[B].reset is None
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_who_waits_for_the_next_move_is_woken_by_a_tick_too(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The order to stop waits so for the resets in progress, and some end by the clock alone."""
    bench = Bench(tmp_path)
    bench.request()
    ended_at: list[float] = []

    async def settled() -> None:
        while bench.world.systems[B].reset is not None:
            await bench.owner.moved()
        ended_at.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(settled)
        nursery.start_soon(bench.owner.serve)
        await trio.sleep(1)
        nursery.start_soon(settled)
        await trio.sleep(300)
        nursery.cancel_scope.cancel(reason="the test has ended")
    assert ended_at == [25.0, 25.0]  # T-soft, and twice ten seconds


async def test_ten_thousand_events_are_taken_in_order(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.owner.serve)
        for n in range(10_000):
            bench.owner.take(PduSeen("192.0.2.9", reachable=bool(n % 2)))
            if n % 100 == 0:
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel(reason="the test has ended")
    remarks = [action.message for action in bench.performer.all(Remark)]
    seen = [message for message in remarks if message.startswith("pdu-")]
    assert seen == ["pdu-lost", "pdu-back"] * 5000


async def test_a_journal_that_fails_is_told_once_and_its_mending_once(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    bench = Bench(tmp_path)
    bench.journal.fail(OSError(28, "No space left on device"))
    with unmounted(tmp_path):
        for _ in range(5):
            await trio.sleep(1.5)
            bench.owner.take(Tick())
    for _ in range(5):
        await trio.sleep(1.5)
        bench.owner.take(Tick())
    told = [a for a in bench.performer.all(Remark) if a.message in {"disk", "journal"}]
    assert [action.message for action in told] == ["disk", "journal"]
    assert read(tmp_path).systems[A].boot_id == BOOT_A
