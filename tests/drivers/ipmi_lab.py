"""One simulated BMC, one session with it, and a relay between them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio.testing

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc
from haconn.core.model import (
    Answer,
    Chassis,
    Secret,
)
from haconn.drivers.ipmi.session import BmcAddress, Session, open_session
from tests.drivers.relay import Relay


class Lab:
    """One BMC, one session with it, and a relay between them."""

    def __init__(self, bmc: SimulatedBmc, relay: Relay, session: Session) -> None:
        self.bmc = bmc
        self.relay = relay
        self.session = session
        self.answers: list[Answer] = []

    async def order(self, command: Chassis) -> None:
        self.answers.append(await self.session.command(command, lambda: None))

    async def delivered(self, datagrams: int) -> None:
        """Wait until the drivers have sent so many in all."""
        with trio.fail_after(30):
            while len(self.relay.sent) < datagrams:
                await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def lab(bmc: SimulatedBmc, suite: int = 17) -> AsyncIterator[Lab]:
    async with trio.open_nursery() as nursery:
        relay = Relay(await nursery.start(serve_bmc, bmc))
        _, port = await nursery.start(relay.serve)
        address = BmcAddress("127.0.0.1", port, "admin", Secret("password"), (suite,))
        async with open_session(address, 7) as session:
            yield Lab(bmc, relay, session)
        nursery.cancel_scope.cancel(reason="the test is over")


@asynccontextmanager
async def short_lived(bmc: SimulatedBmc) -> AsyncIterator[tuple[Session, trio.CancelScope]]:
    """Give a session and the scope that closes the BMC's port."""
    closing = trio.CancelScope()

    async def serve(task_status: trio.TaskStatus[tuple[str, int]]) -> None:
        with closing:
            await serve_bmc(bmc, task_status=task_status)

    async with trio.open_nursery() as nursery:
        _, port = await nursery.start(serve)
        address = BmcAddress("127.0.0.1", port, "admin", Secret("password"), (17,))
        async with open_session(address, 1) as session:
            yield session, closing
        closing.cancel(reason="the test is over")
