"""The keeper of one BMC, over real RMCP+ to a simulated BMC that fails in many ways."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType

import pytest
import trio
from trio.testing import MockClock

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc
from fixtures.simulators.bmc_state import Faults
from haconn.core.events import (
    BmcRefused,
    BmcUnanswered,
    CommandAnswered,
    CommandSent,
    PowerRead,
    RestoreTried,
    SessionOpened,
)
from haconn.core.model import Accepted, Answer, Chassis, InDoubt, Power, Refused, Secret, Unsent
from haconn.core.reset import Command
from haconn.daemon.bmcs import HURRY_S, BmcKeeper, Pace
from haconn.drivers.ipmi.login import BmcAddress
from haconn.drivers.ipmi.session import Begun, Session
from tests.daemon.parts import Listener, ordered, perform
from tests.drivers.ipmi_peers import free_port

POLL_S = 0.2


@dataclass
class Bench:
    """A keeper and its BMC."""

    keeper: BmcKeeper
    bmc: SimulatedBmc
    events: Listener
    nursery: trio.Nursery

    def order(self, command: Command, within_s: float) -> trio.CancelScope:
        """Order a command as the daemon does; the scope is what Abandon cancels."""
        scope = trio.CancelScope()
        action = perform(command, trio.current_time() + within_s)

        async def run() -> None:
            with scope:
                await ordered(self.keeper, action)

        self.nursery.start_soon(run)
        return scope

    @property
    def executed(self) -> Counter[str]:
        return self.bmc.counts.executed


@asynccontextmanager
async def bench(bmc: SimulatedBmc | None = None, *, known: bool = True) -> AsyncIterator[Bench]:
    bmc, events = bmc or SimulatedBmc(), Listener()
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve_bmc, bmc)
        password = Secret("password" if known else "another")
        address = BmcAddress(host, port, "admin", password, (17,))
        keeper = BmcKeeper("alpha", address, POLL_S, events.take)
        nursery.start_soon(keeper.serve)
        yield Bench(keeper, bmc, events, nursery)
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_a_session_is_opened_and_polled_before_anybody_asks() -> None:
    async with bench() as b:
        opened = await b.events.first(SessionOpened)
        read = await b.events.first(PowerRead, 3)
        assert opened.session == read.reading.session == 1
        assert read.reading.power is Power.ON
        assert b.keeper.suite == 17
        assert b.bmc.counts.logins == 1


async def test_a_command_is_told_as_sent_before_it_is_told_as_answered() -> None:
    async with bench() as b:
        await b.events.first(SessionOpened)
        b.order(Command.HARD_RESET, 5)
        answered = await b.events.first(CommandAnswered)
        assert answered.answer == Accepted()
        kinds = [type(event) for _, event in b.events.heard]
        assert kinds.index(CommandSent) < kinds.index(CommandAnswered)
        assert b.executed == Counter({"reset": 1})


async def test_a_refusal_is_told_with_its_reason() -> None:
    async with bench() as b:
        await b.events.first(SessionOpened)
        b.bmc.faults = Faults(refuse=MappingProxyType({"reset": 0xC0}))
        b.order(Command.HARD_RESET, 5)
        assert isinstance((await b.events.first(CommandAnswered)).answer, Refused)


async def test_without_a_session_a_command_is_unsent_at_once() -> None:
    async with bench(known=False) as b:
        b.order(Command.HARD_RESET, 5)
        assert isinstance((await b.events.first(CommandAnswered)).answer, Unsent)
        assert not b.events.all(CommandSent)


async def test_after_its_deadline_a_command_is_not_sent_any_more() -> None:
    """As when this machine was stopped for a while: the core has gone on."""
    async with bench() as b:
        await b.events.first(SessionOpened)
        b.order(Command.HARD_RESET, 0)
        assert isinstance((await b.events.first(CommandAnswered)).answer, Unsent)
        assert not b.events.all(CommandSent)
        assert not b.executed


async def test_a_frozen_bmc_keeps_its_session_while_a_command_waits_for_it() -> None:
    async with bench() as b:
        await b.events.first(PowerRead)
        b.bmc.freeze(6 * POLL_S)
        b.order(Command.HARD_RESET, 30)
        answered = await b.events.first(CommandAnswered)
        assert answered.answer == Accepted()
        assert b.events.all(BmcUnanswered), "it was called dead meanwhile"
        assert b.executed == Counter({"reset": 1})
        await b.events.until(lambda: isinstance(b.events.heard[-1][1], PowerRead))
        assert b.bmc.counts.logins == 1
        b.order(Command.SOFT_RESET, 5)
        assert (await b.events.first(CommandAnswered, 2)).answer == Accepted()


async def test_a_dead_bmc_loses_its_session_after_two_poll_periods() -> None:
    async with bench() as b:
        await b.events.first(PowerRead, 2)
        b.bmc.faults = Faults(silent=True)
        first = await b.events.first(BmcUnanswered)
        heard_at = next(at for at, event in b.events.heard if event is first)
        assert heard_at - first.asked_at >= 2 * POLL_S
        b.order(Command.HARD_RESET, 30)
        assert isinstance((await b.events.first(CommandAnswered)).answer, Unsent)
        b.bmc.faults = Faults()
        assert (await b.events.first(SessionOpened, 2)).session == 2


async def test_a_new_session_is_made_once_the_deadline_of_an_unanswered_command_is_over() -> None:
    """The NMI of a restarted BMC is never answered; the hard reset needs a session all the same."""
    async with bench() as b:
        await b.events.first(PowerRead, 2)
        b.bmc.forget_sessions()
        b.order(Command.SOFT_RESET, 5 * POLL_S)
        await b.events.first(SessionOpened, 2)
        answered = await b.events.first(CommandAnswered)
        assert isinstance(answered.answer, InDoubt)
        b.order(Command.HARD_RESET, 5)
        assert (await b.events.first(CommandAnswered, 2)).answer == Accepted()
        assert b.executed == Counter({"reset": 1})


async def test_an_abandoned_command_no_longer_holds_a_dead_session() -> None:
    async with bench() as b:
        await b.events.first(PowerRead, 2)
        b.bmc.forget_sessions()
        scope = b.order(Command.SOFT_RESET, 3600)
        await b.events.first(CommandSent)
        await b.events.first(BmcUnanswered)
        scope.cancel(reason="the reset has concluded")
        await b.events.first(SessionOpened, 2)
        assert not b.events.all(CommandAnswered)


async def test_a_closed_port_costs_no_more_logins_than_polls() -> None:
    """ICMP answers at once, and must not be asked again at once."""
    events = Listener()
    address = BmcAddress("127.0.0.1", free_port(), "admin", Secret("password"), (17, 3))
    keeper = BmcKeeper("alpha", address, POLL_S, events.take)
    async with trio.open_nursery() as nursery:
        began = trio.current_time()
        nursery.start_soon(keeper.serve)
        await events.first(BmcUnanswered, 5)
        assert trio.current_time() - began >= 4 * POLL_S * 0.9
        keeper.hurry(True)
        hurried = trio.current_time()
        before = len(events.heard)
        await events.first(BmcUnanswered, before + 5)
        assert trio.current_time() - hurried >= 4 * HURRY_S * 0.9
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_a_port_that_is_closed_under_a_session_costs_no_busy_loop() -> None:
    bmc, events, plugged = SimulatedBmc(), Listener(), trio.CancelScope()

    async def serve(*, task_status: trio.TaskStatus[tuple[str, int]]) -> None:
        with plugged:
            await serve_bmc(bmc, task_status=task_status)

    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve)
        address = BmcAddress(host, port, "admin", Secret("password"), (17,))
        nursery.start_soon(BmcKeeper("alpha", address, POLL_S, events.take).serve)
        await events.first(PowerRead)
        plugged.cancel(reason="the BMC is unplugged")
        began = trio.current_time()
        await events.first(BmcUnanswered, 6)
        assert trio.current_time() - began >= 5 * POLL_S * 0.9
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_refused_logins_come_less_and_less_often_even_in_a_hurry() -> None:
    """Each one is a line in the BMC's log, and some lock the account (R-238)."""
    async with bench(known=False) as b:
        b.keeper.hurry(True)
        await b.events.first(BmcRefused, 4)
        times = [at for at, event in b.events.heard if isinstance(event, BmcRefused)]
        assert times[3] - times[2] >= 0.9 * 8 * HURRY_S
        assert not b.events.all(SessionOpened)


async def test_a_login_that_is_taken_ends_the_backing_off() -> None:
    bmc = SimulatedBmc()
    bmc.faults = Faults(login="no-session")
    async with bench(bmc) as b:
        await b.events.first(BmcRefused)
        bmc.faults = Faults()
        await b.events.first(SessionOpened)


async def test_a_status_read_that_is_refused_keeps_the_session() -> None:
    async with bench() as b:
        await b.events.first(PowerRead)
        b.bmc.faults = Faults(refuse=MappingProxyType({"status": 0xC0}))
        await b.events.first(BmcRefused, 3)
        b.order(Command.HARD_RESET, 5)
        assert (await b.events.first(CommandAnswered)).answer == Accepted()
        assert b.bmc.counts.logins == 1


async def test_power_on_is_ordered_and_read() -> None:
    async with bench() as b:
        await b.events.first(PowerRead)
        b.order(Command.POWER_OFF, 5)
        await b.events.until(lambda: b.events.all(PowerRead)[-1].reading.power is Power.OFF)
        b.nursery.start_soon(b.keeper.restore_power, "r-1")
        tried = await b.events.first(RestoreTried)
        assert tried.failure is None
        assert b.events.all(PowerRead)[-1].reading.power is Power.ON


async def test_power_on_that_is_owed_at_the_start_waits_for_the_session() -> None:
    async with bench() as b:
        b.nursery.start_soon(b.keeper.restore_power, "r-1")
        assert (await b.events.first(RestoreTried)).failure is None
        assert b.bmc.counts.executed["power-on"] == 1


async def test_power_on_that_is_taken_and_not_done_is_not_told_as_done() -> None:
    async with bench() as b:
        await b.events.first(PowerRead)
        b.order(Command.POWER_OFF, 5)
        await b.events.until(lambda: b.events.all(PowerRead)[-1].reading.power is Power.OFF)
        b.bmc.faults = replace(b.bmc.faults, lies=frozenset({"accept-only"}))
        with trio.move_on_after(5 * HURRY_S):
            await b.keeper.restore_power("r-1")
        assert not b.events.all(RestoreTried)


class BusySession(Session):
    """A session whose datagrams the kernel does not take at first."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def begin(self, command: Chassis, sent: Callable[[], None]) -> Begun | Unsent:
        assert command is Chassis.RESET
        if self.refusals:
            self.refusals -= 1
            return Unsent("No buffer space available")
        sent()
        return Taken()


class Taken(Begun):
    """A command that is accepted at once."""

    def __init__(self) -> None:
        pass

    async def answer(self) -> Answer:
        return Accepted()


async def test_what_the_kernel_does_not_take_is_tried_again_while_there_is_a_session(
    autojump_clock: MockClock,
) -> None:
    """Nothing had left, and no new session will come to have the core issue it anew."""
    events = Listener()
    address = BmcAddress("192.0.2.1", 623, "admin", Secret("password"), (17,))
    keeper = BmcKeeper("alpha", address, POLL_S, events.take)
    keeper._session = BusySession(2)
    await ordered(keeper, perform(Command.HARD_RESET, trio.current_time() + 5))
    assert [type(event) for _, event in events.heard] == [CommandSent, CommandAnswered]
    assert trio.current_time() == HURRY_S + HURRY_S
    keeper._session = BusySession(1000)
    await ordered(keeper, perform(Command.HARD_RESET, trio.current_time() + 5))
    assert isinstance(events.all(CommandAnswered)[-1].answer, Unsent)
    assert trio.current_time() >= 5.4, "not before its deadline"


@pytest.mark.parametrize("after_s", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.3])
async def test_a_cancelled_keeper_leaves_nothing_behind(after_s: float) -> None:
    bmc, events = SimulatedBmc(), Listener()
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve_bmc, bmc)
        address = BmcAddress(host, port, "admin", Secret("password"), (17,))
        keeper = BmcKeeper("alpha", address, 0.05, events.take)
        with trio.move_on_after(after_s):
            async with trio.open_nursery() as tasks:
                tasks.start_soon(keeper.serve)
                while True:
                    await ordered(keeper, perform(Command.SOFT_RESET, trio.current_time() + 5))
                    await trio.sleep(0.001)
        assert keeper.suite is None
        assert not keeper._deadlines
        await trio.sleep(0.05)  # what is on its way arrives
        datagrams = bmc.counts.datagrams
        await trio.sleep(0.2)
        assert bmc.counts.datagrams == datagrams
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_a_hurry_ends_a_pause_and_shortens_the_next(autojump_clock: MockClock) -> None:
    pace = Pace(10.0)

    async def hurry_soon() -> None:
        await trio.sleep(1.0)
        pace.hurry(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hurry_soon)
        await pace.pause()
        assert trio.current_time() == 1.0
        await pace.pause()
        assert 1.0 + 0.9 * HURRY_S <= trio.current_time() <= 1.0 + 1.1 * HURRY_S
        pace.hurry(False)
        began = trio.current_time()
        await pace.pause(4)
        assert 36.0 <= trio.current_time() - began <= 44.0
