"""The pair's sockets: one for each network that both management servers are on.

- Each is bound to this server's own address there and to the port of the pair, and shares it with
  nobody: a second process, started by hand, fails here before it has done anything. (A port that
  several may bind would let it answer in the name of the first.)
- An address that is not there yet is looked for each second. Only if none of the paths can be
  opened at the start is that a reason not to start.
- Sending never waits and never raises, and whatever the kernel says about one datagram ends
  nothing: a cut cable is what this is for.
- On the duplex LAN only the peer's configured address is heard. On the others each server
  announces its own, so the tag alone says who speaks.
"""

import errno
import select
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TypeAlias

import trio

from haconn.core.beat import Path
from haconn.daemon.datagrams import DATAGRAM_MAX, Place
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.kernel import Kernel
from haconn.drivers.address.rtnetlink import SECONDARY

Finder: TypeAlias = Callable[[], str | None]
"""Tells this server's own address on a path, None while there is none. Never waits or raises."""
Heard: TypeAlias = tuple[Path, bytes, Place]
RETRY_S = 1.0
WAITING_MAX = 1000
"""Datagrams of one path that are taken at once after a stall: what a socket's buffer holds."""
ERRORS_MAX = 16
"""Errors of earlier datagrams that are passed over in one look at a socket."""
_ORDER = (Path.DUPLEX, Path.RESET, Path.MANAGEMENT)
"""The management LAN last: its address is found by the route, which leads over another path while
the LAN is down; that path must have its address by then."""
_DISCARD = 9
"""A port to ask the route for; nothing is sent there (RFC 863)."""


class PairPortError(Exception):
    """The pair cannot talk: another process has its port, or no path is there. One line."""


@dataclass(slots=True)
class PathSocket:
    """One path's socket."""

    find: Finder
    bound: socket.socket | None = None
    address: str = ""
    """What it is bound to; empty while it is not."""
    fault: str = "not opened yet"
    """Why it is not bound; empty while it is."""
    failed: Counter[str] = field(default_factory=Counter)
    """Datagrams that were not sent, by reason: lost, as on any network."""
    strangers: int = 0
    """Datagrams from an address that has no business on this path."""

    def bind(self, address: str, port: int) -> None:
        """Take an address, and give up the one before. Raises OSError: then all is as before."""
        fresh = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            fresh.setblocking(False)
            fresh.bind((address, port))
        except OSError:
            fresh.close()
            raise
        self.close()
        self.bound, self.address, self.fault = fresh, address, ""

    def send(self, datagram: bytes, place: Place) -> bool:
        """Hand one datagram to the kernel, or count why not."""
        try:
            if self.bound is not None:
                self.bound.sendto(datagram, place)
                return True
            self.failed[self.fault] += 1
        except OSError as exc:
            self.failed[exc.strerror or str(exc)] += 1
        return False

    def take(self) -> tuple[bytes, Place] | None:
        """Give a datagram that waits already, None if there is none."""
        for _ in range(ERRORS_MAX if self.bound is not None else 0):
            assert self.bound is not None
            try:
                return self.bound.recvfrom(DATAGRAM_MAX)
            except BlockingIOError:
                return None
            except OSError:
                continue  # word of something that was sent earlier
        return None

    def close(self) -> None:
        """Leave the address."""
        if self.bound is not None:
            self.bound.close()
        self.bound, self.address = None, ""


class Paths:
    """All paths to the peer. `open`, then `serve` and, in one task, `receive`."""

    def __init__(
        self,
        ports: tuple[int, int],
        finders: Mapping[Path, Finder],
        peer: Mapping[Path, str],
    ) -> None:
        """Take no address yet.

        Args:
            ports: this server's and the peer's, on every path.
            finders: tell the own address, for each path that there is.
            peer: the peer's addresses as far as they are known; that on the duplex LAN is the
                only one that is heard there.
        """
        self.peer = dict(peer)
        """Where to send; more become known when the peer announces them."""
        self.sockets = {path: PathSocket(finders[path]) for path in _ORDER if path in finders}
        self._port, self._peer_port = ports
        self._only = {path: peer[path] for path in (Path.DUPLEX,) if path in peer}
        self._poll = select.epoll()
        self._ready: deque[Path] = deque()

    def open(self) -> None:
        """Take the own addresses. Raises PairPortError, and then none is taken.

        One that another process has is enough to refuse, whatever the others are.
        """
        errors = self._bind_all()
        if errno.EADDRINUSE in errors or not self.own():
            faults = "; ".join(f"{path.value}: {why}" for path, why in self.faults().items())
            self.close()
            raise PairPortError(f"port {self._port} of the pair: {faults or 'no path is set'}")

    async def serve(self) -> None:
        """Look for addresses that come and move; for ever."""
        while True:
            await trio.sleep(RETRY_S)
            self._bind_all()

    def own(self) -> dict[Path, str]:
        """Give the own addresses that are taken now."""
        return {path: one.address for path, one in self.sockets.items() if one.address}

    def faults(self) -> dict[Path, str]:
        """Tell why, for each path that is not open."""
        return {path: one.fault for path, one in self.sockets.items() if one.fault}

    def send(self, path: Path, datagram: bytes) -> bool:
        """Send to the peer on one path; gives whether the kernel took it. Never waits or raises."""
        one, address = self.sockets.get(path), self.peer.get(path)
        if one is None or address is None:
            return False
        return one.send(datagram, (address, self._peer_port))

    async def receive(self) -> Heard:
        """Wait for a datagram. Each path has its turn, whatever floods another."""
        while True:
            await trio.lowlevel.wait_readable(self._poll.fileno())
            if not self._ready:
                files = {file for file, _ in self._poll.poll(0)}
                self._ready.extend(self._paths_of(files))
            while self._ready:
                heard = self._take(self._ready.popleft())
                if heard is not None:
                    return heard

    def waiting(self) -> Iterator[Heard]:
        """Take what waits already on every path; nobody waits for more.

        For a loop that was late: what came meanwhile is heard before anything is concluded.
        """
        for path in self.sockets:
            for _ in range(WAITING_MAX):
                heard = self._take(path)
                if heard is None:
                    break
                yield heard

    def close(self) -> None:
        """Leave all addresses; nobody may be waiting in `receive`."""
        for one in self.sockets.values():
            one.close()
        self._poll.close()

    def _take(self, path: Path) -> Heard | None:
        one = self.sockets[path]
        for _ in range(WAITING_MAX):
            taken = one.take()
            if taken is None:
                return None
            datagram, source = taken
            if source[0] == self._only.get(path, source[0]):
                return path, datagram, source
            one.strangers += 1
        return None

    def _paths_of(self, files: set[int]) -> list[Path]:
        return [
            path
            for path, one in self.sockets.items()
            if one.bound is not None and one.bound.fileno() in files
        ]

    def _bind_all(self) -> set[int | None]:
        """Take the addresses that are there and not taken yet; give the errors that came."""
        errors = {self._bind(one) for one in self.sockets.values()}
        return errors - {None}

    def _bind(self, one: PathSocket) -> int | None:
        """Let a path have the address that it has now.

        Without one it keeps the old: a socket works again when its address comes back.
        """
        address = one.find()
        if address is None or address == one.address:
            fault = "" if one.address else "no address"
        elif address in self.own().values():
            fault = f"{address} is the address of another path"
        else:
            try:
                one.bind(address, self._port)
            except OSError as exc:
                one.fault = "" if one.address else f"{address}: {exc.strerror or exc}"
                return exc.errno
            assert one.bound is not None
            self._poll.register(one.bound, select.EPOLLIN)
            return None
        one.fault = "" if one.address else fault
        return None


def own_address_towards(address: str) -> str | None:
    """Tell from which of its addresses this server would send there, None without a route.

    The address is dotted, so that nobody is asked for a name.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect((str(IPv4Address(address)), _DISCARD))
            own: str = asking.getsockname()[0]
    except (OSError, ValueError):
        return None
    return own


def physical_address_in(network: IPv4Network, but_not: str) -> str | None:
    """Tell this server's own address in a network: one that is not the virtual one.

    The first of its interface is taken before those that came to it later.
    """
    try:
        kernel = Kernel()
        try:
            addresses = kernel.addresses()
        finally:
            kernel.close()
    except (OSError, AddressError):
        return None
    found = [one for one in addresses if IPv4Address(one.local) in network]
    physical = [one for one in found if one.local != but_not]
    physical.sort(key=lambda one: bool(one.flags & SECONDARY))
    return physical[0].local if physical else None
