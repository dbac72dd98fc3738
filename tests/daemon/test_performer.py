"""Who carries the core's actions out: what is called off is not begun, whenever that happens."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from haconn.core.actions import (
    Abandon,
    BeginRestore,
    Hurry,
    Perform,
    StopRestore,
)
from haconn.core.events import CommandAnswered, OutletSent, RestoreTried
from haconn.core.model import Feed, Power, Secret, Unsent
from haconn.core.reset import Command
from haconn.core.server import Restore
from haconn.daemon.bmcs import BmcKeeper
from haconn.daemon.outlets import OutletWriter
from haconn.daemon.performer import Devices
from haconn.drivers.ipmi.login import BmcAddress
from haconn.drivers.ipmi.session import Begun
from tests.daemon.parts import Listener, PduInMemory, keepers, perform

FEEDS = (Feed("pdu", "1"), Feed("pdu", "2"))
ADDRESS = BmcAddress("192.0.2.1", 623, "admin", Secret("password"), (17,))


class BmcInMemory(BmcKeeper):
    """Notes what reaches it; each command takes a second."""

    def __init__(self) -> None:
        super().__init__("alpha", ADDRESS, 1.0, Listener().take)
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.hurried: list[bool] = []

    def begin(self, action: Perform) -> Begun | Unsent:
        self.begun.append(action.command.name)
        return Unsent("in memory")

    async def perform(self, action: Perform, begun: Begun | Unsent) -> None:
        assert isinstance(begun, Unsent)
        await trio.sleep(1)
        self.ended.append(action.command.name)

    async def restore_power(self, operation: str) -> None:
        await self._take_time(f"POWER_ON of {operation}")

    async def _take_time(self, name: str) -> None:
        self.begun.append(name)
        await trio.sleep(1)
        self.ended.append(name)

    def hurry(self, on: bool) -> None:
        self.hurried.append(on)


class Bench:
    def __init__(self, nursery: trio.Nursery) -> None:
        self.events, self.pdu, self.bmc = Listener(), PduInMemory(), BmcInMemory()
        writer = OutletWriter("alpha", keepers({"pdu": self.pdu}, self.events), self.events.take)
        self.devices = Devices(nursery, {"alpha": self.bmc}, {"alpha": writer})

    @property
    def remembered(self) -> int:
        return len(self.devices._commands) + len(self.devices._restores)


def hard_reset() -> Perform:
    return perform(Command.HARD_RESET, trio.current_time() + 10)


RESTORE = BeginRestore("alpha", Restore.FEEDS, "r-1", FEEDS)
POWER_ON = BeginRestore("alpha", Restore.POWER_ON, "r-1", ())
ABANDON = Abandon("alpha", "r-1", "a stop notice came")


async def test_a_command_leaves_in_the_turn_that_ordered_it() -> None:
    """Between an order and its sending no stop notice can be heard."""
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.devices.perform(hard_reset())
        assert bench.bmc.begun == ["HARD_RESET"]
        bench.devices.abandon(ABANDON)
        await wait_all_tasks_blocked()
        assert not bench.bmc.ended
        assert not bench.remembered


async def test_a_command_that_is_abandoned_later_is_cancelled(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.devices.perform(hard_reset())
        await trio.sleep(0.5)
        bench.devices.abandon(ABANDON)
        await wait_all_tasks_blocked()
        assert (bench.bmc.begun, bench.bmc.ended) == (["HARD_RESET"], [])
        assert not bench.remembered


async def test_abandoning_concerns_one_operation_only(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.devices.perform(hard_reset())
        bench.devices.abandon(Abandon("alpha", "r-2", "another"))
        await trio.sleep(2)
        assert bench.bmc.ended == ["HARD_RESET"]
        assert not bench.remembered


@pytest.mark.parametrize("restore", [RESTORE, POWER_ON], ids=["outlets", "power"])
async def test_a_restore_that_is_stopped_in_the_turn_that_began_it_switches_nothing(
    restore: BeginRestore,
) -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.devices.restore(restore)
        bench.devices.stop_restore(StopRestore("alpha"))
        await wait_all_tasks_blocked()
        assert not bench.pdu.seen.orders
        assert not bench.bmc.begun
        assert not bench.remembered


@pytest.mark.parametrize("restore", [RESTORE, POWER_ON], ids=["outlets", "power"])
async def test_a_restore_that_is_stopped_later_tells_nothing(
    restore: BeginRestore, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.pdu.now.answers_after_s = 0.3
        bench.devices.restore(restore)
        await trio.sleep(0.5)
        bench.devices.stop_restore(StopRestore("alpha"))
        await trio.sleep(10)
        assert not bench.events.all(RestoreTried)
        assert not bench.remembered


async def test_a_restore_that_was_replaced_does_not_take_the_scope_of_its_successor_away(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.devices.restore(POWER_ON)
        bench.devices.stop_restore(StopRestore("alpha"))
        bench.devices.restore(POWER_ON)
        await trio.sleep(0.5)
        bench.devices.stop_restore(StopRestore("alpha"))
        await wait_all_tasks_blocked()
        assert not bench.bmc.ended


def cut_all() -> Perform:
    return perform(Command.OUTLETS_OFF, trio.current_time() + 10, FEEDS)


@pytest.mark.parametrize("after_s", [0.0, 0.005, 1.0, 9.0])
async def test_a_cut_of_which_nothing_has_left_is_called_off(
    after_s: float, autojump_clock: MockClock
) -> None:
    """The PDU is not probed yet: it answers when the reset has long concluded."""
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.pdu.now.silent = after_s > 0.005
        bench.devices.perform(cut_all())
        await trio.sleep(after_s)
        assert not bench.pdu.seen.orders
        bench.devices.abandon(ABANDON)
        bench.pdu.now.silent = False
        await trio.sleep(30)
        assert not bench.pdu.seen.orders
        assert not bench.events.all(CommandAnswered)


async def test_a_cut_is_called_off_in_the_very_turn_in_which_its_pdu_became_ready(
    autojump_clock: MockClock,
) -> None:
    """Its task is ready to run by then, and a cancellation would reach it a turn late."""
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        ready = trio.Event()
        bench.pdu.gate, bench.pdu.now.answers_after_s = ready, 0.0
        bench.devices.perform(cut_all())
        await wait_all_tasks_blocked()
        ready.set()
        bench.devices.abandon(ABANDON)
        await wait_all_tasks_blocked()
        assert not bench.pdu.seen.orders


async def test_a_cut_that_has_sent_one_order_is_finished_for_all_feeds(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.devices.perform(cut_all())
        await bench.events.first(OutletSent)
        bench.devices.abandon(ABANDON)
        await trio.sleep(1)
        assert [bench.pdu.on["1"], bench.pdu.on["2"]] == [False, False]


async def test_a_cut_that_waits_for_a_restore_to_stop_is_called_off(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.pdu.now.ignores = 99
        bench.devices.restore(RESTORE)
        await bench.events.first(OutletSent)
        bench.devices.perform(cut_all())
        bench.devices.abandon(ABANDON)
        await trio.sleep(30)
        assert Power.OFF not in {power for _, _, power in bench.pdu.seen.orders}


async def test_what_is_called_off_concerns_one_operation_only(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.devices.perform(cut_all())
        bench.devices.abandon(Abandon("alpha", "r-2", "another"))
        await trio.sleep(1)
        assert [bench.pdu.on["1"], bench.pdu.on["2"]] == [False, False]


async def test_a_cut_begins_when_the_restore_whose_order_is_under_way_has_stopped(
    autojump_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.pdu.now.answers_after_s = 0.2
        bench.devices.restore(RESTORE)
        await bench.events.first(OutletSent)
        bench.devices.stop_restore(StopRestore("alpha"))
        bench.devices.perform(perform(Command.OUTLETS_OFF, trio.current_time() + 10, FEEDS))
        await trio.sleep(5)
        kinds = [power for _, _, power in bench.pdu.seen.orders]
        assert kinds == [Power.ON, Power.ON, Power.OFF, Power.OFF]
        assert not bench.events.all(RestoreTried)


async def test_each_kind_of_action_reaches_who_carries_it_out() -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        bench.devices.hurry(Hurry("alpha", True))
        assert bench.bmc.hurried == [True]
        nursery.cancel_scope.cancel(reason="the test has ended")


Begin = Callable[[Devices], None]


@pytest.mark.parametrize(
    "begin",
    [
        lambda devices: devices.perform(hard_reset()),
        lambda devices: devices.restore(POWER_ON),
        lambda devices: devices.restore(RESTORE),
    ],
    ids=["command", "power", "outlets"],
)
async def test_the_end_of_the_process_ends_what_is_under_way(
    begin: Begin, autojump_clock: MockClock
) -> None:
    with trio.move_on_after(0.005):
        async with trio.open_nursery() as nursery:
            bench = Bench(nursery)
            begin(bench.devices)
            await trio.sleep_forever()
    orders = len(bench.pdu.seen.orders)
    await trio.sleep(30)
    assert len(bench.pdu.seen.orders) == orders
    assert not bench.bmc.ended
    assert not bench.events.all(RestoreTried)
