"""The virtual address while this server is active: held by a lease, announced, dropped.

The kernel drops the address by itself when this process can no longer refresh it, so a process
that hangs loses it within the lease. What fails is tried again at the next refresh, and is an
alarm meanwhile: an active whose address does not come is of no use to anybody.

A process is active once at most, so what was dropped is never taken again. An activation that is
under way when its process leaves, or yields, may have its turn after the address was dropped.
"""

from collections.abc import Callable

import trio

from haconn.core.actions import Remark
from haconn.core.pair_times import TIMES
from haconn.core.world import remark
from haconn.drivers.address.announce import Announcer
from haconn.drivers.address.carrier import Carriers
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.interface import Interface
from haconn.drivers.address.lease import VirtualAddress

LEASE_S = int(TIMES.lease_s)
LEASE, FRAMES = "lease", "frames"
"""What can fail apart: the address itself, and telling others of it."""


class AddressKeeper:
    """Holds the address from `take` to `drop`, once."""

    def __init__(self, address: VirtualAddress, say: Callable[[Remark], None]) -> None:
        self._address = address
        self._say = say
        self._failures: dict[str, str] = {}
        """What does not work now, and why; it was said once."""
        self._held = False
        """Whether it is to be held."""
        self._over = False
        """It was dropped."""

    @property
    def text(self) -> str:
        """The address."""
        return self._address.address

    def take(self) -> bool:
        """Add the address, or let it last longer; give whether the kernel has it."""
        if self._over:
            return False
        self._held = True
        try:
            self._address.hold(LEASE_S)
        except AddressError as exc:
            self._fails(LEASE, exc)
            return False
        self._works(LEASE)
        return True

    async def take_at_last(self) -> None:
        """Add the address; try until the kernel takes it."""
        taken = self.take()
        while not taken:
            await trio.sleep(TIMES.refresh_s)
            taken = self.take()

    def refresh(self) -> None:
        """After a stall: the lease may have ended meanwhile."""
        if self._held:
            self.take()

    def drop(self) -> bool:
        """Remove it for good; give whether the kernel says that it is gone."""
        self._held, self._over = False, True
        try:
            self._address.strip()
            return not self._address.held()
        except AddressError as exc:
            self._fails(LEASE, exc)
            return False

    def _fails(self, what: str, exc: AddressError) -> None:
        reason = str(exc)
        if reason != self._failures.get(what):
            self._failures[what] = reason
            self._say(remark("pair-address", reason=reason))

    def _works(self, what: str) -> None:
        if self._failures.pop(what, None) is None:
            return
        for reason in self._failures.values():  # the alarm stands for this one now
            self._say(remark("pair-address", reason=reason))
        if not self._failures:
            self._say(remark("pair-address-held"))

    async def serve(self) -> None:
        """Refresh the lease and announce the address; until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._announce)
            while True:
                self.refresh()
                await trio.sleep(TIMES.refresh_s)

    async def _announce(self) -> None:
        """At the beginning, and whenever the carrier comes back; for ever."""
        while True:
            try:
                await self._announce_on(self._address.find())
            except AddressError as exc:
                self._fails(FRAMES, exc)
            await trio.sleep(TIMES.lease_s)

    async def _announce_on(self, interface: Interface) -> None:
        """As long as that works. Raises AddressError."""
        announcer = Announcer(interface.name, self._address.address, self._address.held)
        with announcer, Carriers() as carriers:
            await announcer.announce()
            self._works(FRAMES)
            async for change in carriers:
                if change.index == interface.index and change.carrier:
                    self.refresh()
                    await announcer.announce()
