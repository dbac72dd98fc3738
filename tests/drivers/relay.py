"""A network between a driver and a device that loses, repeats and changes datagrams on purpose."""

import socket
from collections.abc import Awaitable, Callable

import trio

Address = tuple[str, int]
Meddle = Callable[[bool, bytes], list[bytes]]
"""Given the direction (True: to the device) and a datagram, what is delivered in its place."""


def faithful(_to_device: bool, datagram: bytes) -> list[bytes]:
    """Deliver what was sent."""
    return [datagram]


class Relay:
    """Passes datagrams between drivers and one device; each driver's socket gets one of its own."""

    def __init__(self, device: Address) -> None:
        self.meddle: Meddle = faithful
        self.delay_s = 0.0
        """How long each datagram is on its way, in each direction."""
        self.sent: list[bytes] = []
        """Every datagram of the drivers, as it was sent."""
        self._device = device
        self._front = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._backs: dict[Address, trio.socket.SocketType] = {}

    async def serve(
        self, *, task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Relay until cancelled; starts with the address to send to."""
        with self._front:
            await self._front.bind(("127.0.0.1", 0))
            task_status.started(self._front.getsockname())
            async with trio.open_nursery() as nursery:
                while True:
                    datagram, driver = await self._front.recvfrom(4096)
                    if driver not in self._backs:
                        await nursery.start(self._carry_back, nursery, driver)
                    self.sent.append(datagram)
                    for delivered in self.meddle(True, datagram):
                        await self._deliver(nursery, self._backs[driver].send, delivered)

    async def _deliver(
        self,
        nursery: trio.Nursery,
        send: Callable[[bytes], Awaitable[object]],
        datagram: bytes,
    ) -> None:
        async def later() -> None:
            await trio.sleep(self.delay_s)
            await send(datagram)

        if self.delay_s:
            nursery.start_soon(later)
        else:
            await send(datagram)

    async def _carry_back(
        self,
        nursery: trio.Nursery,
        driver: Address,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
            await back.connect(self._device)
            self._backs[driver] = back
            task_status.started()

            async def back_to_driver(datagram: bytes) -> None:
                await self._front.sendto(datagram, driver)

            while True:
                datagram = await back.recv(4096)  # first: `meddle` may change while this waits
                for delivered in self.meddle(False, datagram):
                    await self._deliver(nursery, back_to_driver, delivered)
