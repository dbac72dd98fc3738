"""What the tests of the daemon's parts share: small worlds, listeners, a PDU without a network."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import trio

from haconn.core.actions import Action, Perform
from haconn.core.events import Event
from haconn.core.model import (
    Accepted,
    Answer,
    Feed,
    InDoubt,
    Instant,
    Power,
    Refused,
    Secret,
    SystemKey,
    Unsent,
)
from haconn.core.plan import Policy
from haconn.core.reset import Command
from haconn.core.world import Settings, World, new_world
from haconn.daemon.bmcs import BmcKeeper
from haconn.daemon.pdus import PduKeeper
from haconn.drivers.base import DeviceSilent
from haconn.drivers.snmp.device import OutletRead, Pdu, PduAddress
from haconn.drivers.snmp.layout import FirmwareChanged, Layout, NotUsable
from tests.drivers.pdu_bench import MODELS

A, B = SystemKey(30001, 1), SystemKey(30001, 2)
E = TypeVar("E")


def world(policies: Iterable[Policy] = (Policy("alpha"), Policy("beta"))) -> World:
    """Two systems on two servers, or as many as there are policies."""
    known = {policy.server: policy for policy in policies}
    bindings = {SystemKey(30001, n): name for n, name in enumerate(known, 1)}
    return new_world(Settings(known), bindings)


def perform(command: Command, deadline: float, feeds: Iterable[Feed] = ()) -> Perform:
    """What the core orders for server alpha."""
    return Perform("alpha", "r-1", 1, command, Instant(deadline), tuple(feeds))


async def ordered(keeper: BmcKeeper, action: Perform) -> None:
    """Order a command as the daemon does: it leaves at once, and its answer is waited for."""
    await keeper.perform(action, keeper.begin(action))


class Listener:
    """Takes events, and lets a test wait for one."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, Event]] = []
        self._news = trio.Event()

    def take(self, event: Event) -> None:
        self.heard.append((trio.current_time(), event))
        self._news.set()
        self._news = trio.Event()

    def all(self, kind: type[E]) -> list[E]:
        return [event for _, event in self.heard if isinstance(event, kind)]

    async def until(self, wanted: Callable[[], bool], patience_s: float = 20) -> None:
        """Wait until something is so; the patience is that of a loaded machine."""
        with trio.fail_after(patience_s):
            while not wanted():
                await self._news.wait()

    async def first(self, kind: type[E], count: int = 1) -> E:
        """Wait for an event of a kind, or for several; give the last."""
        await self.until(lambda: len(self.all(kind)) >= count)
        return self.all(kind)[count - 1]


class Recorder:
    """Performs nothing and remembers everything."""

    def __init__(self) -> None:
        self.actions: list[Action] = []

    def perform(self, action: Action) -> None:
        self.actions.append(action)

    def all(self, kind: type[E]) -> list[E]:
        return [action for action in self.actions if isinstance(action, kind)]


@dataclass
class Behaviour:
    """How a PDU without a network behaves now."""

    answers_after_s: float = 0.01
    silent: bool = False
    ignores: float = 0
    """So many orders, from the first, are answered and have no effect."""
    refuses: bool = False
    usable: bool = True
    firmware: str = "1"
    booted_at: float = -1000.0


@dataclass
class Seen:
    """What it met, with the time."""

    orders: list[tuple[float, str, Power]] = field(default_factory=list)
    reads: int = 0
    probes: int = 0
    at_once_max: int = 0
    at_once: int = 0


class PduInMemory(Pdu):
    """The driver's contract in virtual time."""

    def __init__(self, outlets: int = 4) -> None:
        super().__init__(PduAddress("192.0.2.7", 161, Secret("x"), "2c"), MODELS["IBM_PDU"])
        self.now = Behaviour()
        self.seen = Seen()
        self.on = {str(n): True for n in range(1, outlets + 1)}
        self.gate: trio.Event | None = None
        """What a probe waits for."""

    async def probe(self) -> Layout:
        self.seen.probes += 1
        await self._wait()
        if self.gate is not None:
            await self.gate.wait()
        if not self.now.usable:
            raise NotUsable("not usable for fencing as IBM_PDU: it is a toaster")
        names = tuple(self.on)
        return Layout("IBM_PDU", "old", "2c", names, self.now.firmware, "product", "name")

    async def read(self, layout: Layout, outlets: Sequence[str]) -> dict[str, OutletRead]:
        self.seen.reads += 1
        await self._wait()
        if layout.firmware != self.now.firmware:
            raise FirmwareChanged("firmware was another")
        known = {True: Power.ON, False: Power.OFF, None: Power.UNKNOWN}
        now = trio.current_time()
        return {
            outlet: OutletRead(known[self.on.get(outlet)], now, now - self.now.booted_at)
            for outlet in outlets
        }

    async def switch(
        self,
        layout: Layout,
        outlet: str,
        power: Power,
        sent: Callable[[], None],
        withheld: Callable[[], str | None] = lambda: None,
    ) -> Answer:
        if outlet not in layout.outlets:
            return Unsent(f"no outlet {outlet}")
        reason = withheld()
        if reason is not None:
            return Unsent(reason)
        self.seen.orders.append((trio.current_time(), outlet, power))
        self.seen.at_once += 1
        self.seen.at_once_max = max(self.seen.at_once, self.seen.at_once_max)
        try:
            return await self._order(layout, outlet, power, sent)
        finally:
            self.seen.at_once -= 1

    async def _order(
        self, layout: Layout, outlet: str, power: Power, sent: Callable[[], None]
    ) -> Answer:
        sent()
        if self.now.silent:
            await trio.sleep_forever()
        if self.now.refuses:
            return Refused("noAccess")
        if layout.firmware == self.now.firmware and len(self.seen.orders) > self.now.ignores:
            self.on[outlet] = power is Power.ON
        await trio.sleep(self.now.answers_after_s)
        return Accepted() if layout.firmware == self.now.firmware else InDoubt("undoFailed")

    async def _wait(self) -> None:
        """A read gives up by itself, as the driver's does."""
        if self.now.silent:
            await trio.sleep(1.75)
            raise DeviceSilent("PDU 192.0.2.7: no answer")
        await trio.sleep(self.now.answers_after_s)


def keepers(
    pdus: Mapping[str, Pdu], listener: Listener, poll_s: float = 5.0
) -> dict[str, PduKeeper]:
    """A keeper for each PDU, not serving yet."""
    return {
        address: PduKeeper(address, pdu, poll_s, listener.take) for address, pdu in pdus.items()
    }


@contextmanager
def unmounted(directory: Path) -> Iterator[None]:
    """Let a directory be away, as a disk that is: nothing in it can be opened, not even by root."""
    away = directory.with_suffix(".away")
    directory.rename(away)
    try:
        yield
    finally:
        away.rename(directory)


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
