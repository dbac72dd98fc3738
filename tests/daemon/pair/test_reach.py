"""How many BMCs are reached: asked by a standby, known by an active."""

from dataclasses import replace

import trio

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc
from haconn.core.model import Secret
from haconn.core.plan import Policy
from haconn.core.world import World
from haconn.daemon.pair.reach import Reach
from haconn.drivers.ipmi.login import BmcAddress
from tests.daemon.parts import world
from tests.drivers.ipmi_peers import free_port

PATIENCE_S = 20.0


def bmc(port: int) -> BmcAddress:
    return BmcAddress("127.0.0.1", port, "admin", Secret("password"), (17,))


class Told:
    """Hears of the number."""

    def __init__(self) -> None:
        self.last: int | None = None
        self._news = trio.Event()

    def take(self, number: int) -> None:
        self.last = number
        self._news.set()

    async def first(self) -> int | None:
        with trio.fail_after(PATIENCE_S):
            await self._news.wait()
        return self.last


async def test_a_standby_counts_whoever_answers_and_logs_in_nowhere() -> None:
    told, simulated = Told(), [SimulatedBmc() for _ in range(3)]
    simulated[2].faults = replace(simulated[2].faults, silent=True)
    async with trio.open_nursery() as nursery:
        ports = [(await nursery.start(serve_bmc, one))[1] for one in simulated]
        reach = Reach([bmc(port) for port in (*ports, free_port())], lambda: None, told.take)
        nursery.start_soon(reach.serve)
        assert await told.first() == 2
        assert not any(one.protocol.slots_taken for one in simulated)
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_an_active_counts_those_of_managed_servers_that_it_knows() -> None:
    made = world([Policy("alpha"), Policy("beta"), Policy("m2", management=True)])
    for name in ("alpha", "m2"):
        server = made.servers[name]
        made.put_server(replace(server, watch=replace(server.watch, reachable=True)))
    told = Told()

    def known() -> World:
        return made

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Reach([bmc(free_port())], known, told.take).serve)
        assert await told.first() == 1
        nursery.cancel_scope.cancel(reason="the test has ended")
