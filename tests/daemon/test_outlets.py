"""Cuts and restores in virtual time: what leaves, when, and what is said of it."""

import math
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from haconn.core.events import (
    CommandAnswered,
    FeedsRead,
    OutletAnswered,
    OutletSent,
    RestoreTried,
)
from haconn.core.model import Feed, Power, Refused
from haconn.core.reset import Command
from haconn.daemon.outlets import ANSWER_S, ATTEMPT_S, READ_EACH_S, RESTORE_WITHIN_S, OutletWriter
from tests.daemon.parts import Listener, PduInMemory, keepers, perform

ONE, TWO = Feed("left", "1"), Feed("right", "2")
FOREIGN = Feed("nowhere", "1")


class Bench:
    """Two PDUs that feed server alpha."""

    def __init__(self) -> None:
        self.events, self.left, self.right = Listener(), PduInMemory(), PduInMemory()
        self.keepers = keepers({"left": self.left, "right": self.right}, self.events)
        self.writer = OutletWriter("alpha", self.keepers, self.events.take)

    async def cut(self, *feeds: Feed, within_s: float = 10.0) -> float:
        """Cut; give how long it took."""
        began = trio.current_time()
        await self.writer.cut(perform(Command.OUTLETS_OFF, began + within_s, feeds))
        return trio.current_time() - began

    async def cut_again(self, *feeds: Feed) -> list[Feed]:
        """Go on with a cut that an earlier process may have begun; give what was ordered off."""
        began = trio.current_time()
        order = perform(Command.OUTLETS_OFF, began + 10.0, feeds)
        await self.writer.cut(replace(order, look_first=True))
        return [event.feed for event in self.events.all(OutletSent)]

    async def restore(self, *feeds: Feed) -> str | None:
        """Restore; give the failure."""
        await self.writer.restore("r-1", feeds)
        return self.events.all(RestoreTried)[-1].failure

    def read(self, feed: Feed) -> Power:
        """What was last reported of a feed."""
        known = [event.readings for event in self.events.all(FeedsRead) if feed in event.readings]
        return known[-1][feed].power


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_all_feeds_are_cut_at_once_and_read_off(
    autojump_clock: MockClock, bench: Bench
) -> None:
    took = await bench.cut(ONE, TWO)
    assert took == pytest.approx(0.03)  # a probe, an order, a read, of both at the same time
    assert (bench.read(ONE), bench.read(TWO)) == (Power.OFF, Power.OFF)
    assert bench.left.on == {"1": False, "2": True, "3": True, "4": True}


async def test_a_cut_that_is_gone_on_with_orders_off_only_what_reads_on(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.left.on["1"] = False
    assert await bench.cut_again(ONE, TWO) == [TWO]
    assert (bench.read(ONE), bench.read(TWO)) == (Power.OFF, Power.OFF)


async def test_a_pdu_that_tells_nothing_is_ordered_off_when_a_cut_is_gone_on_with(
    autojump_clock: MockClock, bench: Bench
) -> None:
    await bench.keepers["left"].read(("1",))  # it was known before
    bench.left.now.silent = True
    assert ONE in await bench.cut_again(ONE, TWO)


async def test_it_is_said_that_an_order_left_before_it_is_said_to_be_taken_and_read(
    autojump_clock: MockClock,
    bench: Bench,
) -> None:
    await bench.cut(ONE)
    kinds = [type(event) for _, event in bench.events.heard]
    assert kinds == [OutletSent, OutletAnswered, FeedsRead]
    sent = bench.events.all(OutletSent)[0]
    assert (sent.operation, sent.stage, sent.on) == ("r-1", 1, False)


async def test_a_reading_of_a_cut_was_asked_after_its_order(
    autojump_clock: MockClock, bench: Bench
) -> None:
    await bench.cut(ONE)
    sent_at = next(at for at, event in bench.events.heard if isinstance(event, OutletSent))
    assert bench.events.all(FeedsRead)[0].readings[ONE].asked_at >= sent_at


async def test_a_silent_pdu_is_ordered_again_and_again_until_the_deadline(
    autojump_clock: MockClock, bench: Bench
) -> None:
    await bench.keepers["left"].read(("1",))
    bench.left.now.silent = True
    assert await bench.cut(ONE, within_s=8.0) == 8.0
    times = [at - bench.left.seen.orders[0][0] for at, _, _ in bench.left.seen.orders]
    each = ANSWER_S + 1.75
    assert times == pytest.approx([0.0, each, 2 * each, 3 * each])
    assert not bench.events.all(CommandAnswered)


async def test_nothing_leaves_after_the_deadline_of_a_cut(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.left.now.ignores = math.inf
    await bench.cut(ONE, TWO, within_s=4.0)
    seen = (len(bench.left.seen.orders), bench.left.seen.reads)
    await trio.sleep(60)
    assert (len(bench.left.seen.orders), bench.left.seen.reads) == seen


async def test_one_feed_that_is_stuck_does_not_keep_the_other_on(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.left.now.ignores = math.inf
    assert await bench.cut(ONE, TWO) == 10.0
    assert not bench.right.on["2"]
    assert (bench.read(ONE), bench.read(TWO)) == (Power.ON, Power.OFF)
    assert not bench.events.all(CommandAnswered), "one of two proves nothing and refuses nothing"


async def test_an_order_that_was_taken_gets_its_time_to_show(
    autojump_clock: MockClock, bench: Bench
) -> None:
    """A slow relay is not ordered ten times."""
    bench.left.now.ignores = math.inf

    async def switch_later() -> None:
        await trio.sleep(2.0)
        bench.left.on["1"] = False

    async with trio.open_nursery() as nursery:
        nursery.start_soon(switch_later)
        took = await bench.cut(ONE)
    assert 2.0 <= took <= 2.0 + READ_EACH_S + 0.03
    assert len(bench.left.seen.orders) == 1


async def test_an_order_that_does_not_show_is_repeated_after_its_time(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.left.now.ignores = 1
    took = await bench.cut(ONE)
    assert len(bench.left.seen.orders) == 2
    assert ATTEMPT_S <= took <= ATTEMPT_S + 0.2


async def test_unregistered_pdus_refuse_a_cut_at_once_if_no_feed_is_left(
    autojump_clock: MockClock, bench: Bench
) -> None:
    assert await bench.cut(FOREIGN) == 0.0
    answered = bench.events.all(CommandAnswered)[0]
    assert answered.answer == Refused("PDU nowhere is not registered")


async def test_an_unregistered_pdu_does_not_end_the_cut_of_the_other_feed(
    autojump_clock: MockClock, bench: Bench
) -> None:
    await bench.cut(FOREIGN, ONE)
    assert not bench.left.on["1"]
    assert not bench.events.all(CommandAnswered)


async def test_no_feeds_at_all_are_a_refusal_and_no_proof(
    autojump_clock: MockClock, bench: Bench
) -> None:
    await bench.cut()
    assert isinstance(bench.events.all(CommandAnswered)[0].answer, Refused)
    assert not bench.events.all(FeedsRead)


async def test_a_pdu_that_refuses_is_asked_again_at_a_moderate_pace(
    autojump_clock: MockClock, bench: Bench
) -> None:
    """A busy PDU refuses too, and is ready a little later."""
    bench.left.now.refuses = True
    assert await bench.cut(ONE) == 10.0
    assert 2 <= len(bench.left.seen.orders) <= 10
    assert bench.read(ONE) is Power.ON


async def test_new_firmware_in_the_middle_of_a_cut_is_probed_and_ordered_anew(
    autojump_clock: MockClock,
    bench: Bench,
) -> None:
    await bench.keepers["left"].read(("1",))
    bench.left.now.firmware = "2"
    took = await bench.cut(ONE)
    assert not bench.left.on["1"]
    assert bench.left.seen.probes == 2
    assert took < 0.5, "the order under the old layout is not waited for"


async def test_firmware_that_makes_the_pdu_unusable_is_no_proof(
    autojump_clock: MockClock, bench: Bench
) -> None:
    await bench.keepers["left"].read(("1",))
    bench.left.now.firmware, bench.left.now.usable = "2", False
    assert await bench.cut(ONE) == 10.0
    assert Power.OFF not in {event.readings[ONE].power for event in bench.events.all(FeedsRead)}


async def test_a_restore_is_told_when_all_is_read_on(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.left.on["1"] = bench.right.on["2"] = False
    assert await bench.restore(ONE, TWO) is None
    assert bench.left.on["1"]
    assert bench.right.on["2"]


async def test_a_restore_that_fails_names_the_feed_and_takes_its_time(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.left.on["1"] = False
    bench.left.now.ignores = math.inf
    began = trio.current_time()
    assert await bench.restore(ONE, TWO, FOREIGN) == (
        "left#1: not read on in time; nowhere#1: the PDU is not registered"
    )
    assert trio.current_time() - began == RESTORE_WITHIN_S


async def test_two_writers_never_work_on_a_server_at_once(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.left.now.answers_after_s = 0.3
    async with trio.open_nursery() as nursery:
        for write in (bench.restore, bench.cut, bench.restore, bench.cut):
            nursery.start_soon(write, ONE)
            await trio.sleep(0.01)
    assert bench.left.seen.at_once_max == 1
    assert [power for _, _, power in bench.left.seen.orders] == [
        Power.ON,
        Power.OFF,
        Power.ON,
        Power.OFF,
    ]


async def test_a_cut_that_waits_for_its_turn_still_keeps_its_deadline(
    autojump_clock: MockClock, bench: Bench
) -> None:
    bench.left.now.ignores = math.inf
    took: list[float] = []

    async def second() -> None:
        took.append(await bench.cut(ONE, within_s=3.0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.cut, ONE)
        await trio.sleep(1.0)
        nursery.start_soon(second)
    assert took == [3.0]


@pytest.mark.parametrize("after_s", [0.0, 0.005, 0.015, 0.025, 0.1, 1.0, 4.0])
async def test_a_cancelled_writer_lets_the_next_one_in(
    autojump_clock: MockClock, bench: Bench, after_s: float
) -> None:
    bench.left.now.ignores = math.inf
    with trio.move_on_after(after_s):
        await bench.restore(ONE, TWO)
    bench.left.now.ignores = 0
    orders = len(bench.left.seen.orders)
    await trio.sleep(30)
    assert len(bench.left.seen.orders) == orders
    assert await bench.cut(ONE, TWO) < 0.1
    assert not bench.left.on["1"]


async def test_a_restore_without_outlets_is_not_told_as_done(bench: Bench) -> None:
    """The configuration has lost them since the cut: nothing was switched on."""
    assert await bench.restore() == "no outlet is registered for it any more"
