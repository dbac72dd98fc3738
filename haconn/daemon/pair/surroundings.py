"""What this server itself sees of the reset path, so that a blind standby does not fence.

When the peer falls silent, the first question is whose cable it is. The interface must have a
carrier, and somebody other than the two management servers must have been heard on it lately, and
again and again. So that somebody speaks, known systems and the gateway are asked for their hardware
addresses: all of them in turn, and between two turns one that has answered lately, so that one who
answers is enough. It is ten questions a second at most: switches are known that take more ARP from
one port for an attack, and close the port.
"""

from collections.abc import Callable
from ipaddress import IPv4Address
from itertools import cycle
from pathlib import Path as File

import trio

from haconn.core.model import Instant
from haconn.core.pair_state import Saw, Surroundings
from haconn.core.pair_times import TIMES
from haconn.drivers.address.carrier import Carriers
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.interface import Interface
from haconn.drivers.address.lease import VirtualAddress
from haconn.drivers.address.others import Others

ASKED_AT_ONCE = 2
"""So many are asked in a turn: all of 32 within seven seconds."""
ANSWERING_MAX = 8
ROUTES = File("/proc/net/route")


class ResetPathWatch:
    """Looks and asks."""

    def __init__(
        self,
        address: VirtualAddress,
        pair: Callable[[], list[str]],
        neighbours: Callable[[], list[str]],
        take: Callable[[Saw], None],
    ) -> None:
        """Begin to look when served.

        Args:
            pair: the addresses that do not count: the peer's, and the virtual one.
            neighbours: whom to ask.
        """
        self._address = address
        self._pair = pair
        self._questions = Questions(neighbours)
        self._take = take
        self._seen = Surroundings()

    async def serve(self) -> None:
        """Report what is seen, five times a second; for ever."""
        while True:
            try:
                interface = self._address.find()
                pair = self._pair()
                with Others(interface, pair) as others, Carriers() as carriers:
                    while self._pair() == pair and self._is_there(interface, carriers):
                        self._look(interface, others, carriers)
                        await trio.sleep(TIMES.ask_others_s)
            except AddressError:
                self._seen = Surroundings()
                self._take(Saw(self._seen))
                await trio.sleep(TIMES.ask_others_s)

    def _is_there(self, interface: Interface, carriers: Carriers) -> bool:
        """Whether it is the interface still: one without a carrier may have been made anew.

        Raises AddressError if there is none.
        """
        return carriers.carrier(interface.index) or self._address.find() == interface

    def _look(self, interface: Interface, others: Others, carriers: Carriers) -> None:
        heard_at = others.sample()
        at = None if heard_at is None else Instant(heard_at)
        before = self._seen
        self._seen = before.then(at, TIMES, carrier=carriers.carrier(interface.index))
        self._take(Saw(self._seen))
        for neighbour in self._questions.after(heard=at not in {None, before.others_at}):
            others.ask(neighbour)


class Questions:
    """Whom to ask next."""

    def __init__(self, neighbours: Callable[[], list[str]]) -> None:
        self._neighbours = neighbours
        self._turn = 0
        self._asked: tuple[str, ...] = ()
        """Last."""
        self._answering: tuple[str, ...] = ()
        """Who may have answered when asked last; the first has done so for longest."""
        self._in_turn = False
        """Whether those who were asked last had their turn."""

    def after(self, *, heard: bool) -> tuple[str, ...]:
        """Give whom to ask now.

        Args:
            heard: whether somebody was heard since those were asked who were given last.
        """
        asked, known = set(self._asked), self._answering
        if heard:
            found = tuple(one for one in self._asked if one not in known)
            self._answering = (*known, *found)[:ANSWERING_MAX]
        else:
            self._answering = tuple(one for one in known if one not in asked)
        self._in_turn = not (self._in_turn and self._answering)
        self._asked = self._next() if self._in_turn else self._answering[:1]
        return self._asked

    def _next(self) -> tuple[str, ...]:
        """Some of all, others each time."""
        neighbours = sorted(set(self._neighbours()) | set(gateways()))
        if not neighbours:
            return ()
        self._turn = (self._turn + ASKED_AT_ONCE) % len(neighbours)
        around = cycle(neighbours[self._turn :] + neighbours[: self._turn])
        return tuple(next(around) for _ in range(min(ASKED_AT_ONCE, len(neighbours))))


def gateways() -> list[str]:
    """The routers that the kernel knows; none where it does not tell."""
    try:
        lines = ROUTES.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []
    fields = [line.split() for line in lines]
    found = [row[2] for row in fields if len(row) > 2 and row[2] != "00000000"]
    return [str(IPv4Address(int.from_bytes(bytes.fromhex(one), "little"))) for one in found]
