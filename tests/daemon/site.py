"""A daemon without devices: the reset path on a real socket, the core, the journal, the logs."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from fixtures.simulators.monitor import Monitor
from haconn.core.actions import Perform
from haconn.core.events import CommandAnswered, CommandSent, SessionOpened
from haconn.core.model import Accepted, Secret, Unsent
from haconn.core.plan import Policy
from haconn.core.reset import Command
from haconn.core.world import Settings, new_world
from haconn.daemon.bmcs import BmcKeeper
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.datagrams import Datagrams
from haconn.daemon.journal import Journal
from haconn.daemon.outlets import OutletWriter
from haconn.daemon.owner import Owner
from haconn.daemon.performer import Devices, Hands, Spokesman
from haconn.daemon.resetpath import ResetPath
from haconn.drivers.ipmi.login import BmcAddress
from haconn.drivers.ipmi.session import Begun
from haconn.wire.keys import Key
from haconn.wire.server import ServerEnd
from tests.daemon.parts import Listener, keepers
from tests.wire.parts import ALPHA, BETA, GAMMA

ADDRESS = BmcAddress("192.0.2.1", 623, "admin", Secret("password"), (17,))
PATIENCE_S = 20.0
NETWORK = f"127.{os.getpid() >> 8 & 0x7F | 0x40}.{os.getpid() & 0xFF}"
"""Monitors of one cluster share a port; so that two runs of the tests do not meet."""


class Bmc(BmcKeeper):
    """Takes every command at once."""

    def __init__(self, owner: Owner, server: str) -> None:
        super().__init__(server, ADDRESS, 1.0, owner.take)
        self.performed = list[Command]()
        self._owner = owner

    def begin(self, action: Perform) -> Begun | Unsent:
        self.performed.append(action.command)
        self._owner.take(CommandSent(self.server, action.operation, action.stage))
        return Unsent("in memory")

    async def perform(self, action: Perform, begun: Begun | Unsent) -> None:
        assert isinstance(begun, Unsent)
        answer = CommandAnswered(self.server, action.operation, action.stage, Accepted())
        self._owner.take(answer)


@dataclass
class Site:
    """What a test looks at."""

    owner: Owner
    reset_path: ResetPath
    chronicle: Chronicle
    spokesman: Spokesman
    bmcs: dict[str, Bmc]
    nursery: trio.Nursery
    place: tuple[str, int]

    async def monitor(
        self, key: Key, host: str, *, register: bool = True, uuid: str | None = None
    ) -> Monitor:
        """Start the monitor of a system, and wait until it has registered."""
        monitor = Monitor(key, self.place, host=host, register=register, uuid=uuid)
        await self.nursery.start(monitor.run)
        if register:
            with trio.fail_after(PATIENCE_S):
                await monitor.registered()
        return monitor


@asynccontextmanager
async def site(
    directory: Path, keys: tuple[Key, ...] = (ALPHA, BETA, GAMMA)
) -> AsyncIterator[Site]:
    """Run it; the servers are server1, server2 and server3."""
    policies = {key.server: Policy(key.server, soft_s=1.0) for key in (ALPHA, BETA, GAMMA)}
    world = new_world(Settings(policies), {key.system: key.server for key in keys})
    journal = Journal(directory)
    journal.open(world)
    owner = Owner(world, journal)
    socket = Datagrams("127.0.0.1", 0)
    path = ResetPath(ServerEnd(keys, secrets.token_bytes), owner, socket)
    chronicle = Chronicle(directory, "en")
    spokesman = Spokesman(path, chronicle)
    bmcs = {name: Bmc(owner, name) for name in policies}
    writers = {name: OutletWriter(name, keepers({}, Listener()), owner.take) for name in policies}
    place = socket._socket.getsockname()
    try:
        async with trio.open_nursery() as nursery:
            owner.attach(Hands(Devices(nursery, bmcs, writers), spokesman))
            for name in policies:
                owner.take(SessionOpened(name, 1))
            for serve in (owner.serve, path.serve, journal.serve, chronicle.serve):
                nursery.start_soon(serve)
            yield Site(owner, path, chronicle, spokesman, bmcs, nursery, (place[0], place[1]))
            nursery.cancel_scope.cancel(reason="the test has ended")
    finally:
        socket.close()
        journal.close()
        chronicle._syslog.close()
