"""Whether an interface can pass frames, now and whenever that changes.

A carrier that comes back is a reason to announce the address, and one that went is a reason to ask
the peer at once; it is never evidence of anything about the peer.

Changes are followed from the kernel's messages. When those come faster than they are read, the
kernel drops some and says so (ENOBUFS): what is still queued is then older than what was lost, so
it is thrown away and everything is read anew.
"""

import contextlib
import errno
import socket
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import trio

from haconn.drivers.address import rtnetlink
from haconn.drivers.address.errors import CAPABILITY_OF_ADDRESSES, translated
from haconn.drivers.address.kernel import DATAGRAM_MAX, Kernel
from haconn.drivers.address.rtnetlink import Link, Message

_LINK_CHANGES = 1  # RTMGRP_LINK
_KERNEL = 0  # the netlink port of the kernel; others may send to ours with CAP_NET_ADMIN


@dataclass(frozen=True, slots=True)
class CarrierChange:
    """An interface has got or lost its carrier; one that is removed has lost it."""

    index: int
    name: str
    carrier: bool


class Carriers:
    """Follows all interfaces from the moment it is made. One task may iterate it.

    Raises AddressError where the kernel does not do its part; no capability is needed.
    """

    def __init__(self) -> None:
        with translated("carrier", CAPABILITY_OF_ADDRESSES):
            self._kernel = Kernel()
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            self._socket.setblocking(False)
            self._socket.bind((0, _LINK_CHANGES))  # before the first reading: nothing is missed
            self._known = {link.index: link for link in self._kernel.links()}
        self._changes: deque[CarrierChange] = deque()  # of one datagram or one reading: finite

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
        """Close the sockets, inside trio.run; who iterates gets trio.ClosedResourceError."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        self._kernel.close()

    def carrier(self, index: int) -> bool:
        """Ask the kernel now; False for an interface that is gone."""
        with translated("carrier", CAPABILITY_OF_ADDRESSES):
            link = self._kernel.link(index)
        return link is not None and link.carrier

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CarrierChange:
        """Wait for the next change. A cancelled call loses none."""
        while not self._changes:
            await trio.lowlevel.wait_readable(self._socket)
            with translated("carrier", CAPABILITY_OF_ADDRESSES):
                self._hear()
        return self._changes.popleft()

    def _hear(self) -> None:
        try:
            datagram, (port, _) = self._socket.recvfrom(DATAGRAM_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self._read_all()
            return
        if port != _KERNEL:
            return
        for message in rtnetlink.split(datagram):
            self._take(message)

    def _take(self, message: Message) -> None:
        if message.kind not in {rtnetlink.NEW_LINK, rtnetlink.DELETED_LINK}:
            return
        link = rtnetlink.parse_link(message.body)
        if link is not None and message.kind == rtnetlink.NEW_LINK:
            self._note(link)
        elif link is not None:
            self._forget(link)

    def _read_all(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self._drop_one()
        links = {link.index: link for link in self._kernel.links()}
        for index in self._known.keys() - links.keys():
            self._forget(self._known[index])
        for link in links.values():
            self._note(link)

    def _drop_one(self) -> None:
        try:
            self._socket.recv(DATAGRAM_MAX)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise

    def _note(self, link: Link) -> None:
        before = self._known.get(link.index)
        self._known[link.index] = link
        if link.carrier != (before is not None and before.carrier):
            self._changes.append(CarrierChange(link.index, link.name, link.carrier))

    def _forget(self, link: Link) -> None:
        before = self._known.pop(link.index, None)
        if before is not None and before.carrier:
            self._changes.append(CarrierChange(link.index, link.name, carrier=False))
