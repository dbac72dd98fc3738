"""Cuts and restores of one server's outlets. An outlet has one writer: this, and one task of it.

All feeds of a server are switched at once. An order may be repeated, since on and off are
idempotent; what counts is what is read back. A cut that has sent an order, for one feed or all, is
finished and verified even if its reset has concluded; one that has sent nothing is called off then.
Which of the two it is, is asked in the very turn that sends. The core has a restore cancelled
before it orders a cut, and the cut waits until it has stopped.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import trio

from haconn.core.actions import Perform
from haconn.core.events import (
    CommandAnswered,
    DeviceEvent,
    OutletAnswered,
    OutletSent,
    RestoreTried,
)
from haconn.core.model import Accepted, Answer, Feed, Power, Refused, Unsent
from haconn.core.server import Restore
from haconn.daemon.pdus import PduKeeper
from haconn.daemon.role_token import NOT_OURS, MaySend, always
from haconn.drivers.base import DeviceError, DeviceSilent
from haconn.drivers.snmp.layout import FirmwareChanged

ATTEMPT_S = 3.0
"""One attempt at an outlet: an order that was taken may need so long to show (A-39)."""
ANSWER_S = 0.4
"""An order without an answer by then is lost more often than slow: it is read back, repeated. A
PDU that was measured to be slower is given its own time: repetitions would pile up."""
READ_EACH_S = 0.1
RESTORE_WITHIN_S = 10.0
CALLED_OFF = "its reset has concluded"
Take = Callable[[DeviceEvent], None]


@dataclass(eq=False)
class Cut:
    """The cuts of one operation that are not over yet; there may be two at a takeover."""

    sent: bool = False
    """An order has left: it is finished."""
    called_off: bool = False
    """Nothing has left, and nothing will."""
    scopes: set[trio.CancelScope] = field(default_factory=set)


class OutletWriter:
    """Switches the outlets of one server."""

    def __init__(
        self,
        server: str,
        pdus: Mapping[str, PduKeeper],
        take: Take,
        may_send: MaySend = always,
    ) -> None:
        self._server = server
        self._pdus = pdus
        self._take = take
        self._may_send = may_send
        self._writing = trio.Lock()
        self._cuts: dict[str, Cut] = {}
        """By operation."""

    def order(self, action: Perform) -> trio.CancelScope:
        """Take a cut on: it can be called off from now; `cut` has to follow."""
        scope = trio.CancelScope(deadline=action.deadline)
        self._cuts.setdefault(action.operation, Cut()).scopes.add(scope)
        return scope

    def call_off(self, operation: str) -> None:
        """End a cut that has sent nothing."""
        cut = self._cuts.get(operation)
        if cut is None or cut.sent:
            return
        cut.called_off = True
        for scope in cut.scopes:
            scope.cancel(reason=CALLED_OFF)

    async def cut(self, action: Perform, taken_on: trio.CancelScope | None = None) -> None:
        """Cut all feeds and read them off, until the deadline; answers only if nothing can be."""
        scope = taken_on or self.order(action)
        refusals: list[str] = []
        cut = self._cuts[action.operation]
        try:
            with scope:
                async with self._writing, trio.open_nursery() as nursery:
                    for feed in action.feeds:
                        nursery.start_soon(self._cut_one, action, cut, feed, refusals)
        finally:
            cut.scopes.discard(scope)
            if not cut.scopes:
                del self._cuts[action.operation]
        if cut.called_off:
            return
        if len(refusals) == len(action.feeds):
            answer = Refused("; ".join(refusals))
            self._take(CommandAnswered(self._server, action.operation, action.stage, answer))

    async def _cut_one(self, action: Perform, cut: Cut, feed: Feed, refusals: list[str]) -> None:
        keeper = self._pdus.get(feed.pdu)
        if keeper is None:
            refusals.append(f"PDU {feed.pdu} is not registered")
            return
        if action.look_first and await self._is_off(keeper, feed):
            return
        reported = partial(self._sent, action.operation, action.stage, feed, Power.OFF)

        def sent() -> None:
            cut.sent = True
            reported()

        def withheld() -> str | None:
            return CALLED_OFF if cut.called_off else self._withheld()

        switch = partial(keeper.switch, feed.outlet, Power.OFF, sent, withheld)
        await self._until_read(keeper, feed, Power.OFF, switch, action.operation)

    async def _is_off(self, keeper: PduKeeper, feed: Feed) -> bool:
        """Look once; a PDU that tells nothing is ordered as if the outlet were on."""
        states: Mapping[str, Power] = {}
        with trio.move_on_after(max(ANSWER_S, keeper.timeout_s)), suppress(DeviceError):
            states = await keeper.read((feed.outlet,))
        return states.get(feed.outlet) is Power.OFF

    async def restore(self, operation: str, feeds: tuple[Feed, ...]) -> None:
        """Switch all feeds on and read them on; report what came of it."""
        failures: dict[Feed, str] = {}
        async with self._writing:
            await self._restore_all(operation, feeds, failures)
        reasons = "; ".join(f"{feed}: {why}" for feed, why in sorted(failures.items()))
        if not feeds:  # nothing was switched, so nothing may be called done
            reasons = "no outlet is registered for it any more"
        self._take(RestoreTried(self._server, Restore.FEEDS, operation, reasons or None))

    async def _restore_all(
        self, operation: str, feeds: tuple[Feed, ...], failures: dict[Feed, str]
    ) -> None:
        with trio.move_on_after(RESTORE_WITHIN_S):
            async with trio.open_nursery() as nursery:
                for feed in feeds:
                    failures[feed] = "not read on in time"
                    nursery.start_soon(self._restore_one, operation, feed, failures)

    async def _restore_one(self, operation: str, feed: Feed, failures: dict[Feed, str]) -> None:
        keeper = self._pdus.get(feed.pdu)
        if keeper is None:
            failures[feed] = "the PDU is not registered"
            return
        sent = partial(self._sent, operation, None, feed, Power.ON)
        switch = partial(keeper.switch, feed.outlet, Power.ON, sent, self._withheld)
        await self._until_read(keeper, feed, Power.ON, switch, operation)
        del failures[feed]

    def _withheld(self) -> str | None:
        return None if self._may_send() else NOT_OURS

    def _sent(self, operation: str, stage: int | None, feed: Feed, power: Power) -> None:
        on = power is Power.ON
        self._take(OutletSent(self._server, operation, stage, feed, on))

    async def _until_read(
        self,
        keeper: PduKeeper,
        feed: Feed,
        power: Power,
        switch: Callable[[], Awaitable[Answer]],
        operation: str,
    ) -> None:
        """Order and read back, again and again, until it is read; the caller's scope ends it."""
        while True:
            answer: Answer | None = None
            attempt_ends = trio.current_time() + ATTEMPT_S
            with trio.move_on_after(max(ANSWER_S, keeper.timeout_s)):
                answer = await switch()
            if isinstance(answer, Accepted):
                on = power is Power.ON
                self._take(OutletAnswered(self._server, operation, feed, on))
            if isinstance(answer, Unsent):
                await trio.sleep(READ_EACH_S)
                continue
            if await self._is_read(keeper, feed, power, attempt_ends, taken=answer is not None):
                return

    async def _is_read(
        self, keeper: PduKeeper, feed: Feed, power: Power, until: float, *, taken: bool
    ) -> bool:
        """Read until the outlet is as ordered; False when the order is to be repeated."""
        while trio.current_time() < until:
            try:
                states = await keeper.read((feed.outlet,))
            except (DeviceSilent, FirmwareChanged):
                return False  # lost, or ordered under a layout that is none any more
            except DeviceError:
                await trio.sleep(READ_EACH_S)
                continue
            if states.get(feed.outlet) is power:
                return True
            if not taken:
                return False
            await trio.sleep(READ_EACH_S)
        return False
