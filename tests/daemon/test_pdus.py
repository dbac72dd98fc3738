"""The keeper of one PDU: probes, polls, and what it says of a PDU that is none."""

from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from fixtures.simulators.pdu import Rack, SimulatedPdu
from haconn.core.events import CommandAnswered, FeedsRead, OutletSent, PduSeen, RestoreTried
from haconn.core.model import Accepted, Feed, Power, Unsent
from haconn.core.reset import Command
from haconn.daemon.outlets import OutletWriter
from haconn.daemon.pdus import PduKeeper
from tests.daemon.parts import Listener, PduInMemory, keepers, perform
from tests.drivers.pdu_bench import MODEL_OF, driver

LEFT, RIGHT = "127.0.4.1", "127.0.4.2"
FEEDS = (Feed(LEFT, "1"), Feed(RIGHT, "2"))


async def test_a_pdu_is_probed_once_and_polled_with_a_jitter(autojump_clock: MockClock) -> None:
    pdu, events = PduInMemory(), Listener()
    keeper = keepers({"pdu": pdu}, events)["pdu"]
    with trio.move_on_after(60):
        await keeper.serve()
    assert pdu.seen.probes == 1
    assert 10 <= pdu.seen.reads <= 14
    assert set(events.all(PduSeen)) == {PduSeen("pdu", True)}
    assert keeper.states == dict.fromkeys(("1", "2", "3", "4"), Power.ON)


async def test_a_poll_of_a_silent_pdu_loses_it_and_what_was_read(autojump_clock: MockClock) -> None:
    pdu, events = PduInMemory(), Listener()
    keeper = keepers({"pdu": pdu}, events)["pdu"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper.serve)
        await trio.sleep(12)
        pdu.now.silent = True
        await trio.sleep(12)
        assert events.all(PduSeen)[-1] == PduSeen("pdu", False, "PDU 192.0.2.7: no answer")
        assert not keeper.states
        pdu.now.silent = False
        await trio.sleep(12)
        assert events.all(PduSeen)[-1] == PduSeen("pdu", True)
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_a_hundred_dead_pdus_delay_neither_polls_nor_cuts_of_the_others(
    autojump_clock: MockClock,
) -> None:
    """When four ran at a time the live ones were read after 19 s, and after 55, in place of 5."""
    events = Listener()
    dead = {f"dead{n}": PduInMemory() for n in range(100)}
    for pdu in dead.values():
        pdu.now.silent = True
    alive = PduInMemory()
    kept = keepers({**dead, "alive": alive}, events)
    writer = OutletWriter("alpha", kept, events.take)
    async with trio.open_nursery() as nursery:
        for keeper in kept.values():
            nursery.start_soon(keeper.serve)
        await trio.sleep(60)
        reads = [at for at, event in events.heard if isinstance(event, FeedsRead)]
        assert reads[0] <= 1.1
        assert max(later - one for one, later in pairwise(reads)) <= 5.0 * 1.1 + 0.1
        began = trio.current_time()
        cut = perform(Command.OUTLETS_OFF, began + 10, [Feed("alive", "1")])
        await writer.cut(cut)
        assert trio.current_time() - began < 0.1
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_new_firmware_is_probed_at_the_next_poll(autojump_clock: MockClock) -> None:
    pdu, events = PduInMemory(), Listener()
    keeper = keepers({"pdu": pdu}, events)["pdu"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper.serve)
        await trio.sleep(12)
        pdu.now.firmware = "2"
        await trio.sleep(12)
        assert keeper.layout is not None
        assert keeper.layout.firmware == "2"
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_a_pdu_that_is_not_usable_says_why_until_it_is_mended_or_silent(
    autojump_clock: MockClock,
) -> None:
    pdu, events = PduInMemory(), Listener()
    pdu.now.usable = False
    keeper = keepers({"pdu": pdu}, events)["pdu"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper.serve)
        await trio.sleep(7)
        assert "toaster" in keeper.unusable
        assert not events.all(PduSeen)[-1].reachable
        assert "toaster" in events.all(PduSeen)[-1].reason
        assert isinstance(await keeper.switch("1", Power.OFF, lambda: None), Unsent)
        assert not pdu.seen.orders
        pdu.now.silent = True
        await trio.sleep(10)
        assert keeper.unusable == "", "nothing is known of a silent one"
        pdu.now.silent, pdu.now.usable = False, True
        await trio.sleep(10)
        assert keeper.unusable == ""
        assert events.all(PduSeen)[-1] == PduSeen("pdu", True)
        nursery.cancel_scope.cancel(reason="the test has ended")


class Bench:
    """Two simulated PDUs behind real sockets."""

    def __init__(self, layout: str = "ibm-old") -> None:
        self.rack = Rack.of(layout, [LEFT, RIGHT])
        self.events = Listener()
        self.model = MODEL_OF[layout]

    async def begin(self, nursery: trio.Nursery) -> OutletWriter:
        await nursery.start(self.rack.serve)
        kept = {pdu.address: self._keeper(pdu) for pdu in self.rack}
        return OutletWriter("alpha", kept, self.events.take)

    def _keeper(self, pdu: SimulatedPdu) -> PduKeeper:
        made = driver(pdu.address, pdu.port, self.model)
        return PduKeeper(pdu.address, made, 5.0, self.events.take)

    def is_off(self) -> bool:
        return not self.rack[LEFT].agent.on[1] and not self.rack[RIGHT].agent.on[2]

    @property
    def read_off(self) -> set[Feed]:
        """Feeds whose last report is off."""
        known: dict[Feed, Power] = {}
        for event in self.events.all(FeedsRead):
            known |= {feed: reading.power for feed, reading in event.readings.items()}
        return {feed for feed, power in known.items() if power is Power.OFF}

    @property
    def datagrams(self) -> int:
        return sum(pdu.agent.counts.datagrams for pdu in self.rack)


@pytest.mark.parametrize("layout", ["ibm-old", "ibm-new", "apc-rpdu", "apc-rpdu2"])
async def test_both_feeds_are_cut_and_restored_over_real_snmp(layout: str) -> None:
    bench = Bench(layout)
    async with trio.open_nursery() as nursery:
        writer = await bench.begin(nursery)
        deadline = trio.current_time() + 10
        await writer.cut(perform(Command.OUTLETS_OFF, deadline, FEEDS))
        assert bench.is_off()
        assert bench.read_off == set(FEEDS)
        await writer.restore("r-1", FEEDS)
        assert bench.events.all(RestoreTried)[-1].failure is None
        assert bench.rack[LEFT].agent.on[1]
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_a_cut_gets_through_a_network_that_loses_half() -> None:
    bench = Bench()
    async with trio.open_nursery() as nursery:
        writer = await bench.begin(nursery)
        for pdu in bench.rack:
            pdu.agent.faults.drop_percent = 50
        deadline = trio.current_time() + 60  # ten seconds do mostly; this is not about luck
        await writer.cut(perform(Command.OUTLETS_OFF, deadline, FEEDS))
        assert bench.is_off()
        assert bench.read_off == set(FEEDS)
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_an_order_whose_answer_is_lost_is_read_back_all_the_same() -> None:
    bench = Bench()
    async with trio.open_nursery() as nursery:
        writer = await bench.begin(nursery)
        left = bench.rack[LEFT].agent

        async def lose_one_answer() -> None:
            await bench.events.first(OutletSent)
            await bench.events.until(lambda: left.counts.sets > 0)
            left.faults.silent = ""

        await writer.restore("r-1", FEEDS)  # probed by now
        bench.events.heard.clear()
        left.faults.silent = "answers"
        nursery.start_soon(lose_one_answer)
        await writer.cut(perform(Command.OUTLETS_OFF, trio.current_time() + 30, FEEDS))
        assert bench.read_off == set(FEEDS)
        nursery.cancel_scope.cancel(reason="the test has ended")


@pytest.mark.parametrize("fault", ["silent", "closed", "stuck", "refusing", "lying"])
async def test_a_pdu_that_fails_is_no_proof_and_hears_nothing_after_the_deadline(
    fault: str,
) -> None:
    bench = Bench()
    async with trio.open_nursery() as nursery:
        writer = await bench.begin(nursery)
        left = bench.rack[LEFT]
        match fault:
            case "silent":
                left.agent.faults.silent = "all"
            case "closed":
                left.close()
            case "stuck":
                left.agent.faults.stuck = (1,)
            case "refusing":
                left.agent.faults.status = 6
            case _:
                left.agent.faults.stuck, left.agent.faults.lie = (1,), "gauge"
        deadline = trio.current_time() + 1.5
        await writer.cut(perform(Command.OUTLETS_OFF, deadline, FEEDS))
        assert trio.current_time() >= deadline
        assert FEEDS[0] not in bench.read_off
        assert FEEDS[1] in bench.read_off, "the other feed is cut whatever this one does"
        await trio.sleep(0.05)  # what was on its way arrives
        before = bench.datagrams
        await trio.sleep(0.5)
        assert bench.datagrams == before
        assert not bench.events.all(CommandAnswered)
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_one_order_is_one_datagram() -> None:
    bench = Bench()
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.rack.serve)
        keeper = bench._keeper(bench.rack[LEFT])
        assert await keeper.switch("1", Power.OFF, lambda: None) == Accepted()
        assert bench.rack[LEFT].agent.counts.sets == 1
        nursery.cancel_scope.cancel(reason="the test has ended")
