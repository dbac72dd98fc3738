"""A power-off is proved by a run of reads; the run should not begin later than it has to."""

import trio

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc
from haconn.core.events import CommandAnswered, PowerRead
from haconn.core.model import Accepted, Power, Secret
from haconn.core.reset import Command
from haconn.daemon.bmcs import JITTER, BmcKeeper
from haconn.drivers.ipmi.login import BmcAddress
from tests.daemon.parts import Listener, ordered, perform

POLL_S = 20.0
NEXT_POLL_S = POLL_S * (1 - JITTER)
"""No poll is due earlier after the first; a test has ended by then, or has failed."""


async def reads_after(command: Command, wanted: int) -> list[Power | None]:
    """What is read once a command was accepted, while no poll is due."""
    events = Listener()
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve_bmc, SimulatedBmc())
        address = BmcAddress(host, port, "admin", Secret("password"), (17,))
        keeper = BmcKeeper("alpha", address, POLL_S, events.take)
        nursery.start_soon(keeper.serve)
        await events.first(PowerRead)
        with trio.fail_after(NEXT_POLL_S):
            await ordered(keeper, perform(command, trio.current_time() + 5))
            assert (await events.first(CommandAnswered)).answer == Accepted()
            await events.first(PowerRead, 1 + wanted)
            await trio.sleep(0.2)  # for what should not come
        nursery.cancel_scope.cancel(reason="the test has ended")
    return [read.reading.power for read in events.all(PowerRead)[1:]]


async def test_an_accepted_power_off_is_read_at_once() -> None:
    assert await reads_after(Command.POWER_OFF, 1) == [Power.OFF]


async def test_an_accepted_hard_reset_asks_for_no_read() -> None:
    assert await reads_after(Command.HARD_RESET, 0) == []
