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
from haconn.drivers.address.lease import VirtualAddress

LEASE_S = int(TIMES.lease_s)


class AddressKeeper:
    """Holds the address from `take` to `drop`, once."""

    def __init__(self, address: VirtualAddress, say: Callable[[Remark], None]) -> None:
        self._address = address
        self._say = say
        self._failure: str | None = None
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
            self._fails(str(exc))
            return False
        if self._failure is not None:
            self._failure = None
            self._say(remark("pair-address-held"))
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
            self._fails(str(exc))
            return False

    def _fails(self, reason: str) -> None:
        if reason != self._failure:
            self._failure = reason
            self._say(remark("pair-address", reason=reason))

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
                interface = self._address.find()
                announcer = Announcer(interface.name, self._address.address, self._address.held)
            except AddressError as exc:
                self._fails(str(exc))
                await trio.sleep(TIMES.lease_s)
                continue
            with announcer, Carriers() as carriers:
                try:
                    await announcer.announce()
                    async for change in carriers:
                        if change.index == interface.index and change.carrier:
                            self.refresh()
                            await announcer.announce()
                except AddressError as exc:
                    self._fails(str(exc))
                    await trio.sleep(TIMES.lease_s)
