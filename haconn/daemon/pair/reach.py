"""How many managed BMCs this server reaches, whatever its role.

An active is logged in to all of them and knows. A standby only asks each for its authentication
capabilities, which leaves no trace in a BMC, so that nobody hands over to a server that reaches
fewer.
"""

from collections.abc import Callable, Sequence

import trio

from haconn.core.world import World
from haconn.drivers.ipmi.login import BmcAddress
from haconn.drivers.ipmi.session import ping

PERIOD_S = 10.0
PATIENCE_S = 2.0


class Reach:
    """Counts."""

    def __init__(
        self,
        bmcs: Sequence[BmcAddress],
        world: Callable[[], World | None],
        tell: Callable[[int], None],
    ) -> None:
        """Count when served.

        Args:
            world: the active's, None while this server is not active.
            tell: hears of the number, each time it was counted.
        """
        self._bmcs = tuple(bmcs)
        self._world = world
        self._tell = tell
        self._reached = 0

    async def serve(self) -> None:
        """Count; for ever."""
        while True:
            world = self._world()
            if world is None:
                await self._ask_all()
                self._tell(self._reached)
                await trio.sleep(PERIOD_S)
            else:
                self._tell(_known(world))
                await trio.sleep(1.0)

    async def _ask_all(self) -> None:
        """All at once, one socket each: dead ones would hold up the count of the others."""
        self._reached = 0
        async with trio.open_nursery() as nursery:
            for bmc in self._bmcs:
                nursery.start_soon(self._ask, bmc)

    async def _ask(self, bmc: BmcAddress) -> None:
        with trio.move_on_after(PATIENCE_S):
            if await ping(bmc.host, bmc.port):
                self._reached += 1


def _known(world: World) -> int:
    servers = [
        server
        for name, server in world.servers.items()
        if not world.settings.policies[name].management
    ]
    return sum(server.watch.reachable is True for server in servers)
