"""One socket to rtnetlink(7), opened once. Nothing here waits.

The kernel carries a request out inside send(2) and has queued its answer when that returns, so a
call is two system calls and needs no event loop, no deadline and no thought of cancellation. The
one thing that can delay it is the kernel's lock on network settings, when a driver holds it; the
end of a lease needs the same lock.
"""

import contextlib
import errno
import os
import socket

from haconn.drivers.address import rtnetlink
from haconn.drivers.address.rtnetlink import Address, Link, Message

DATAGRAM_MAX = 65536
"""A dump comes in pieces of at most 32 KiB (netlink(7))."""
DUMPS_MAX = 10
"""So often a dump may be disturbed before that is an error."""


class Kernel:
    """Asks and orders. Every method may raise OSError."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.setblocking(False)
        self._sequence = 0

    def close(self) -> None:
        """Close the socket; a lease runs on."""
        self._socket.close()

    def addresses(self) -> list[Address]:
        """Give all IPv4 addresses of all interfaces."""
        bodies = self._dump(rtnetlink.GET_ADDRESS, rtnetlink.ask_addresses())
        return [address for body in bodies if (address := rtnetlink.parse_address(body))]

    def links(self) -> list[Link]:
        """Give all interfaces."""
        bodies = self._dump(rtnetlink.GET_LINK, rtnetlink.ask_link())
        return [link for body in bodies if (link := rtnetlink.parse_link(body))]

    def link(self, index: int) -> Link | None:
        """Give one interface as it is now; None if there is none of this index."""
        flags = rtnetlink.REQUEST | rtnetlink.ACKNOWLEDGE
        try:
            answers = self._ask(rtnetlink.GET_LINK, flags, rtnetlink.ask_link(index))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
        bodies = [answer.body for answer in answers if answer.kind == rtnetlink.NEW_LINK]
        return rtnetlink.parse_link(bodies[0]) if bodies else None

    def put(self, address: Address, lease_s: int) -> None:
        """Add an address for so many seconds from now, or let it last so long from now."""
        flags = rtnetlink.REQUEST | rtnetlink.ACKNOWLEDGE | rtnetlink.CREATE | rtnetlink.REPLACE
        self._ask(rtnetlink.NEW_ADDRESS, flags, rtnetlink.encode_address(address, lease_s))

    def remove(self, address: Address) -> None:
        """Remove an address; it may be gone already."""
        flags = rtnetlink.REQUEST | rtnetlink.ACKNOWLEDGE
        try:
            self._ask(rtnetlink.DELETE_ADDRESS, flags, rtnetlink.encode_address(address))
        except OSError as error:
            if error.errno not in {errno.EADDRNOTAVAIL, errno.ENODEV}:
                raise

    def _dump(self, kind: int, body: bytes) -> list[bytes]:
        flags = rtnetlink.REQUEST | rtnetlink.DUMP
        for _ in range(DUMPS_MAX):
            answers = self._ask(kind, flags, body)
            if not any(answer.flags & rtnetlink.INTERRUPTED for answer in answers):
                return [answer.body for answer in answers if answer.kind == kind - 2]  # GET to NEW
        raise OSError(errno.EAGAIN, "the kernel's list does not stand still")

    def _ask(self, kind: int, flags: int, body: bytes) -> list[Message]:
        """Send one request and collect what answers it, up to its acknowledgement."""
        self._empty()
        self._sequence = self._sequence % 0xFFFFFFFF + 1
        self._socket.send(rtnetlink.encode(kind, flags, self._sequence, body))
        answers: list[Message] = []
        while True:
            for message in rtnetlink.split(self._socket.recv(DATAGRAM_MAX)):
                answers.append(message)
                if message.kind in {rtnetlink.ERROR, rtnetlink.DONE}:
                    code = rtnetlink.parse_code(message.body)
                    if code:
                        raise OSError(code, os.strerror(code))
                    return answers

    def _empty(self) -> None:
        """Read away what a call has left that ended before it had read all of its answer.

        It would be taken for the next one's, and the kernel would refuse the next dump (EBUSY).
        """
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(DATAGRAM_MAX):
                pass
