"""The peer's devices: its BMC and the outlets that feed it, watched at all times.

The session with the peer's BMC is kept open and polled whatever the role, so that a fencing pays no
login, and so that a run of "off" half a second long proves what it says: after a login it would
have to be ten times as long. haconn/core/takeover.py decides; here it is carried out. A command
leaves in the very call that ordered it, and only while the role token allows it.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias, assert_never

import trio

from haconn.core.actions import Abandon, BeginRestore, Hurry, Perform, StopRestore
from haconn.core.events import BmcIdentified, DeviceEvent
from haconn.core.model import Instant
from haconn.core.pair_times import TIMES
from haconn.core.peer_power import Identified, Means
from haconn.core.takeover import LOOK_S, Look, Looked
from haconn.daemon.bmcs import BmcKeeper
from haconn.daemon.outlets import OutletWriter
from haconn.daemon.pdus import PduKeeper
from haconn.daemon.performer import Devices
from haconn.daemon.role_token import MaySend
from haconn.drivers.ipmi.login import BmcAddress
from haconn.drivers.ipmi.session import ping

PeerAction: TypeAlias = Perform | Look | Hurry | Abandon | BeginRestore | StopRestore
HURRY_S = 0.1
"""Between two reads while the peer is fenced. Nobody is served meanwhile, and it is one BMC."""


class PeerDevices:
    """The hands on the peer's BMC and outlets."""

    def __init__(
        self,
        nursery: trio.Nursery,
        means: Means,
        address: BmcAddress,
        pdus: Mapping[str, PduKeeper],
        take: Callable[[DeviceEvent | Looked | Identified], None],
        may_send: MaySend,
    ) -> None:
        """Make them; nothing is sent before `start`.

        Args:
            nursery: whose tasks all of this is.
            pdus: by address; they are served, and give their readings, elsewhere, since a PDU may
                feed managed servers too.
            take: hears of everything that the devices say.
            may_send: the role token.
        """
        self._nursery = nursery
        self._address = address
        self._take = take
        self.bmc = BmcKeeper(
            means.server, address, means.bmc_poll_s, self._taken, may_send, HURRY_S
        )
        """For its cipher suite, and for whoever restores power."""
        self.outlets = OutletWriter(means.server, pdus, take, may_send)
        self._devices = Devices(nursery, {means.server: self.bmc}, {means.server: self.outlets})

    def start(self) -> None:
        """Log in to the BMC and poll it, until the nursery ends."""
        self._nursery.start_soon(self.bmc.serve)

    def perform(self, action: PeerAction) -> None:
        """Carry out one action, or begin to; a command has left when this returns, or is unsent."""
        match action:
            case Perform():
                self._devices.perform(action)
            case Look():
                self._nursery.start_soon(self._look, action)
            case Hurry():
                self._devices.hurry(action)
            case Abandon():
                self._devices.abandon(action)
            case BeginRestore():
                self._devices.restore(action)
            case StopRestore():
                self._devices.stop_restore(action)
            case _:
                assert_never(action)

    async def _look(self, action: Look) -> None:
        """Ask, and give the BMC its second to answer.

        If this process was stopped meanwhile, the answer may lie in the socket unread: then it is
        asked anew, since silence must be the BMC's and not our own.
        """
        while True:
            asked_at, alive = Instant(trio.current_time()), False
            with trio.move_on_at(asked_at + LOOK_S) as scope:
                if self.bmc.suite is None:  # it may refuse us a session, and have power
                    alive = await ping(self._address.host, self._address.port)
                await self.bmc.look()
                alive = False
            late_s = trio.current_time() - scope.deadline
            if late_s < TIMES.stall_s:
                break
        self._take(Looked(action.server, asked_at, alive))

    def _taken(self, event: DeviceEvent) -> None:
        self._take(event)
        if isinstance(event, BmcIdentified) and event.guid is not None:
            self._take(Identified(event.server, event.guid))
