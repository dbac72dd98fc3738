"""Telling the link who has the virtual address now, by gratuitous ARP (RFC 5227, 2.3 and 3).

Without it a neighbour goes on sending to the old place until its cache ages (8.2 s were measured).

Rule 1. Nothing is announced that the kernel does not hold at that moment: a series that outlives
        the address by one turn of the loop would send traffic to a machine that has it no more.
Rule 2. Sending never waits. What cannot be sent is told by `failure` and not tried again here: the
        series repeats it, and so does the next carrier.
"""

import socket
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import trio

from haconn.drivers.address import frame
from haconn.drivers.address.errors import CAPABILITY_OF_FRAMES, reason, translated
from haconn.drivers.address.packet import (
    BROADCAST,
    ETHERTYPE_ARP,
    hardware_address,
    open_sender,
)

SERIES_S: Final = (0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""From the activation. Two at once because one may be lost; later ones because a switch or a
neighbour may just then be busy or come back."""


class Announcer:
    """Holds the socket, so that an announcement is two system calls."""

    def __init__(self, interface: str, address: str, held: Callable[[], bool]) -> None:
        """Open the socket.

        Args:
            interface: its name; it may go down, come up and be made anew.
            held: whether this machine has the address, from the kernel (VirtualAddress.held).

        Raises:
            AddressError: no such interface, or no CAP_NET_RAW.
        """
        self.failure: str | None = None
        """Why the last announcement was not sent; None if it was, or had not to be."""
        self._interface = interface
        self._address = address
        self._held = held
        with translated(f"raw frames on {interface}", CAPABILITY_OF_FRAMES):
            self._socket = open_sender(interface)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def announce(self) -> None:
        """Announce after an activation, again and again; to be cancelled when the address goes."""
        began = trio.current_time()
        for after_s in SERIES_S:
            await trio.sleep_until(began + after_s)
            self.announce_now()

    def announce_now(self) -> bool:
        """Announce once, in both forms; for an activation and for each carrier that comes back.

        Returns:
            Whether the kernel took both frames; False also if the address is not held.
            AddressError of `held` passes.
        """
        self.failure = None
        if not self._held():
            return False
        try:
            self._send()
        except OSError:
            # a socket reports once that its interface was down or gone, also when it is back
            return self._send_again()
        return True

    def _send_again(self) -> bool:
        try:
            self._socket.bind((self._interface, 0))
            self._send()
        except OSError as error:
            self.failure = f"{self._interface}: {reason(error, CAPABILITY_OF_FRAMES)}"
            return False
        return True

    def _send(self) -> None:
        to_all = (self._interface, ETHERTYPE_ARP, socket.PACKET_BROADCAST, 1, BROADCAST)
        for octets in frame.announcement(hardware_address(self._socket), self._address):
            self._socket.sendto(octets, to_all)
