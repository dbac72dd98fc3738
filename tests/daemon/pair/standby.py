"""A standby that does nothing but fence: the loop of the daemon over simulated devices."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

import trio

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc
from fixtures.simulators.bmc_state import Faults, Identity, PlainChassis
from fixtures.simulators.pdu import Rack
from haconn.core.beat import PairSession
from haconn.core.events import DeviceEvent, SessionOpened
from haconn.core.model import Feed, Instant, Secret
from haconn.core.peer_power import (
    Identified,
    Means,
    PeerPower,
    heard,
    identified,
    known_of,
    observe,
)
from haconn.core.takeover import (
    Event,
    Failed,
    Fencing,
    Heard,
    Looked,
    Plan,
    Proved,
    State,
    TimePassed,
    begin,
    fencing_plan,
    next_due,
    step,
)
from haconn.daemon.pair.fencing import PeerDevices
from haconn.daemon.pdus import PduKeeper
from haconn.drivers.ipmi.login import BmcAddress
from tests.drivers.pdu_bench import MODEL_OF, driver

E = TypeVar("E")
PeerEvent: TypeAlias = DeviceEvent | Looked | Heard | Identified
POLL_S = 0.3
TIMEOUT_S = 1.0
CUT_S = 3.0
"""In place of eleven seconds, so that what fails does so soon."""
LAYOUT = "ibm-old"
PEER = PairSession(b"p" * 16)
GUID = bytes(range(16))
OLD_S = 60.0
SOUND = Faults()
"""So long ago the session was opened, as far as the core is told."""


class SlowChassis(PlainChassis):
    """A server that is off a while after its BMC took the order."""

    def __init__(self, after_s: float) -> None:
        super().__init__()
        self.after_s = after_s
        self.off_at = float("inf")

    def power(self) -> bool:
        return self.on and trio.current_time() < self.off_at

    def execute(self, command: str) -> int:
        if command == "power-off":
            self.off_at = trio.current_time() + self.after_s
            return 0
        self.off_at = float("inf")
        return super().execute(command)


@dataclass
class Supply:
    """What the outlets feed: a BMC that dies with the last of them."""

    bmc: SimulatedBmc
    off: set[tuple[str, int]] = field(default_factory=set)
    feeds_it: bool = True

    def outlet_changed(self, pdu: str, outlet: int, on: bool) -> None:
        (self.off.discard if on else self.off.add)((pdu, outlet))
        if self.feeds_it:
            self.bmc.faults = replace(self.bmc.faults, silent=len(self.off) == 2)


@dataclass
class World:
    """The peer's devices, simulated."""

    bmc: SimulatedBmc
    rack: Rack
    supply: Supply
    may_send: bool = True
    """The role token of the standby."""

    @property
    def orders(self) -> int:
        """How many outlet orders have come in."""
        return sum(pdu.agent.counts.sets for pdu in self.rack)


class Standby:
    """Observes, decides, performs: in one task, as the daemon does."""

    def __init__(self, nursery: trio.Nursery, world: World, means: Means, port: int) -> None:
        self.world = world
        self.heard: list[PeerEvent] = []
        self.known: PeerPower = heard(known_of(means), PEER, Instant(trio.current_time()))
        self.attempt: tuple[Plan, State] | None = None
        self._waiting: deque[PeerEvent] = deque()
        self._news, self._considered = trio.Event(), trio.Event()
        pdus = {
            pdu.address: PduKeeper(
                pdu.address,
                driver(pdu.address, pdu.port, MODEL_OF[LAYOUT]),
                means.bmc_poll_s,
                self.take,
            )
            for pdu in world.rack
        }
        address = BmcAddress("127.0.0.1", port, "admin", Secret("password"), (17,))
        self.devices = PeerDevices(nursery, means, address, pdus, self.take, lambda: world.may_send)
        self.devices.start()
        for keeper in pdus.values():
            nursery.start_soon(keeper.serve)
        nursery.start_soon(self._serve)

    def take(self, event: PeerEvent) -> None:
        """Hear of something; it is considered in its turn."""
        self._waiting.append(event)
        self._news.set()

    async def _serve(self) -> None:
        while True:
            due = float("inf")
            if self.attempt is not None and isinstance(self.attempt[1], Fencing):
                due = next_due(self.attempt[0], self.attempt[1])
            with trio.move_on_at(due):
                await self._news.wait()
            self._news = trio.Event()
            while self._waiting:
                self._consider(self._waiting.popleft())
            self._decide(TimePassed())
            self._considered.set()
            self._considered = trio.Event()

    def _consider(self, event: PeerEvent) -> None:
        self.heard.append(event)
        now = Instant(trio.current_time())
        if isinstance(event, Identified):
            self.known = identified(self.known, GUID, event.guid)
            return
        if isinstance(event, DeviceEvent):
            told = Instant(now - OLD_S) if isinstance(event, SessionOpened) else now
            self.known = observe(self.known, event, told)
        self._decide(event)

    def _decide(self, event: Event) -> None:
        if self.attempt is None:
            return
        plan, state = self.attempt
        if not isinstance(state, Fencing):
            return
        now = Instant(trio.current_time())
        if isinstance(event, Heard):
            self.known = heard(self.known, PEER, now)
        after, actions = step(plan, state, self.known, event, now)
        self.attempt = plan, after
        for action in actions:
            self.devices.perform(action)

    def all(self, kind: type[E]) -> list[E]:
        """Every event of a kind until now."""
        return [event for event in self.heard if isinstance(event, kind)]

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until something is so; the patience is that of a loaded machine."""
        with trio.fail_after(30):
            while not wanted():
                await self._considered.wait()

    async def ready(self) -> None:
        """Wait until BMC and PDUs are known and the silence of the peer has begun."""
        feeds = self.known.means.feeds
        await self.until(lambda: len(self.known.server.feeds) == len(feeds))
        await self.until(lambda: self.known.on_at is not None)

    def begin(self) -> None:
        """Begin an attempt."""
        now = Instant(trio.current_time())
        plan = fencing_plan(self.known.means, "f-1", now)
        first, *rest = plan.stages
        plan = replace(plan, stages=(first, *(replace(one, budget_s=CUT_S) for one in rest)))
        state, actions = begin(plan, self.known, now)
        self.attempt = plan, state
        for action in actions:
            self.devices.perform(action)

    async def ended(self) -> Proved | Failed:
        """Wait for the end of the attempt."""
        await self.until(lambda: not isinstance(self.state, Fencing))
        assert isinstance(self.state, Proved | Failed)
        return self.state

    @property
    def state(self) -> State:
        """Where the attempt is."""
        assert self.attempt is not None
        return self.attempt[1]

    async def fence(self) -> Proved | Failed:
        """Make one attempt; give its end."""
        await self.ready()
        self.begin()
        return await self.ended()


@asynccontextmanager
async def standby(
    *,
    effect_s: float = 0.0,
    outlets: bool = True,
    guid: bytes = GUID,
    faults: Faults = SOUND,
    timeout_s: float = TIMEOUT_S,
    poll_s: float = POLL_S,
) -> AsyncIterator[Standby]:
    """Run a standby whose peer has a BMC and two feeds.

    Args:
        faults: of the BMC, from the beginning.
        effect_s: how long the BMC takes from a power-off to its effect.
        timeout_s: when the outlets are cut.
        poll_s: of BMC and PDUs; a BMC is dead after two of them.
    """
    bmc = SimulatedBmc(Identity(guid=guid), SlowChassis(effect_s))
    bmc.faults = faults
    supply = Supply(bmc)
    rack = Rack.of(LAYOUT, [f"127.0.6.{n}" for n in (1, 2)], truth=supply)
    feeds = tuple(Feed(pdu.address, "3") for pdu in rack)
    means = Means("m1", outlets, timeout_s, feeds, poll_s)
    async with trio.open_nursery() as nursery:
        await nursery.start(rack.serve)
        _, port = await nursery.start(serve_bmc, bmc)
        yield Standby(nursery, World(bmc, rack, supply), means, port)
        nursery.cancel_scope.cancel(reason="the test has ended")
