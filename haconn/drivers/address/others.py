"""When the reset path last brought something from somebody other than the two of us.

A standby that is cut off hears nobody; one whose peer is dead still hears the others. What counts:
ARP and IPv4 sent to this machine alone, from a sender that is neither of the two servers nor the
virtual address. What is sent to everybody does not count, since the peer's datagrams are not: a
switch that has this machine's hardware address on another port brings the one and not the other.
A probe names no sender (RFC 5227) and does not count: it may be the peer's.

No frame is ever read. Each socket has the least room there is and is left full; the kernel counts
what its filter lets pass, kept or not, and the count is read (PACKET_STATISTICS, packet(7)). So
the cost is a filter of a few instructions for each frame, and four system calls for each sample.
"""

import contextlib
import socket
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

import trio

from haconn.drivers.address import frame
from haconn.drivers.address.errors import CAPABILITY_OF_FRAMES, translated
from haconn.drivers.address.interface import Interface
from haconn.drivers.address.packet import (
    BROADCAST,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    hardware_address,
    not_from,
    open_receiver,
)

_SOL_PACKET: Final = 263
_STATISTICS: Final = 6
_COUNTS = struct.Struct("=II")
"""What passed the filter since the last reading, and how much of it found no room."""


class Others:
    """Counts what others send. `sample` it often: at least twice in the time that matters."""

    def __init__(self, interface: Interface, pair: Iterable[str]) -> None:
        """Begin to count.

        Args:
            interface: of the reset path.
            pair: the peer's addresses there and the virtual address. Our own is added.

        Raises:
            AddressError: no such interface, or no CAP_NET_RAW.
        """
        self._interface = interface
        excluded = list(dict.fromkeys([*pair, interface.address, frame.NO_ADDRESS]))
        self._sockets: dict[int, socket.socket] = {}
        self._sampled_at = trio.current_time()
        self._heard_at: float | None = None
        with translated(f"raw frames on {interface.name}", CAPABILITY_OF_FRAMES):
            try:
                for ethertype in (ETHERTYPE_ARP, ETHERTYPE_IPV4):
                    program = not_from(ethertype, excluded)
                    receiver = open_receiver(interface.name, ethertype, program, octets=1)
                    self._sockets[ethertype] = receiver
            except OSError:
                self.close()
                raise

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
        """Close the sockets."""
        for receiver in self._sockets.values():
            receiver.close()

    def sample(self) -> float | None:
        """Give the time (trio) since when something was heard; None if nothing ever was.

        It is the time of the sample before the one that found it, so it is never too late.
        """
        passed = [self._passed(ethertype) for ethertype in self._sockets]
        if any(passed):
            self._heard_at = self._sampled_at
        self._sampled_at = trio.current_time()
        return self._heard_at

    def ask(self, address: str) -> bool:
        """Ask who has an address, so that somebody speaks; never waits.

        Returns:
            Whether the kernel took the question.
        """
        sender = self._sockets[ETHERTYPE_ARP]
        to_all = (self._interface.name, ETHERTYPE_ARP, socket.PACKET_BROADCAST, 1, BROADCAST)
        try:
            own = hardware_address(sender)
            sender.sendto(frame.question(own, self._interface.address, address), to_all)
        except OSError:
            return False
        return True

    def _passed(self, ethertype: int) -> bool:
        receiver = self._sockets[ethertype]
        (count, _) = _COUNTS.unpack(
            receiver.getsockopt(_SOL_PACKET, _STATISTICS, _COUNTS.size),
        )
        if not receiver.getsockname()[0]:  # its interface went; one of its name may be there
            with contextlib.suppress(OSError):
                receiver.bind((self._interface.name, ethertype))
        return bool(count)
