"""One task per PDU: probe, polls, and what others may ask of its outlets.

A PDU is probed before anything is concluded from it, and again when its firmware changes. Until a
probe has succeeded nothing is read and nothing is switched. No PDU waits for another: a hundred
dead ones do not make the readings of the others old. Polls are spread over time, one socket each.
"""

import random
from collections.abc import Callable, Iterable

import trio

from haconn.core.events import DeviceEvent, FeedsRead, PduSeen
from haconn.core.model import Answer, Feed, Instant, Power, Unsent
from haconn.core.server import FeedReading
from haconn.drivers.base import DeviceError
from haconn.drivers.snmp.device import Pdu
from haconn.drivers.snmp.layout import FirmwareChanged, Layout, NotUsable

JITTER = 0.1
Take = Callable[[DeviceEvent], None]


class PduKeeper:
    """The sole user of one PDU."""

    def __init__(
        self,
        address: str,
        pdu: Pdu,
        poll_s: float,
        take: Take,
    ) -> None:
        self.address = address
        self.layout: Layout | None = None
        """What the last probe found; None before it, and while the PDU is not usable."""
        self.states: dict[str, Power] = {}
        """The last reading of each outlet, for display."""
        self._pdu = pdu
        self._poll_s = poll_s
        self._take = take
        self.unusable = ""
        """Why it cannot be used for fencing, in one line; empty if it can, or is silent."""

    @property
    def outlets(self) -> tuple[str, ...]:
        """What a probe found; before it, what the model says."""
        return self._pdu.expected_outlets if self.layout is None else self.layout.outlets

    @property
    def timeout_s(self) -> float:
        """How long it is given for an answer at present before it is asked again."""
        return self._pdu.timeout_s

    async def serve(self) -> None:
        """Probe and poll; for ever."""
        await trio.sleep(random.uniform(0, min(self._poll_s, 1.0)))
        while True:
            await self._look()
            await trio.sleep(self._poll_s * random.uniform(1 - JITTER, 1 + JITTER))

    async def _look(self) -> None:
        try:
            layout = await self._known_layout()
            await self.read(layout.outlets)
        except FirmwareChanged:
            return  # probed anew at the next poll, or by the next order
        except DeviceError as exc:
            self._lost(str(exc).removeprefix(f"PDU {self.address}: "))
        else:
            self._take(PduSeen(self.address, True))

    async def _known_layout(self) -> Layout:
        if self.layout is None:
            try:
                self.layout = await self._pdu.probe()
            except NotUsable as exc:
                self.unusable = str(exc)
                raise
            except DeviceError:
                self.unusable = ""  # nothing is known of a silent one
                raise
            self.unusable = ""
        return self.layout

    def _lost(self, reason: str) -> None:
        self.states.clear()
        self._take(PduSeen(self.address, False, reason))

    async def read(self, outlets: Iterable[str]) -> dict[str, Power]:
        """Read outlets and report them. Raises DeviceError."""
        layout = await self._known_layout()
        asked_at = Instant(trio.current_time())
        try:
            found = await self._pdu.read(layout, tuple(outlets))
        except FirmwareChanged:
            if self.layout is layout:  # nobody has probed anew meanwhile
                self.layout = None
            raise
        timeout_s = self.timeout_s
        states = {outlet: one.power for outlet, one in found.items()}
        self.states.update(states)
        self._take(
            FeedsRead(
                {
                    Feed(self.address, outlet): FeedReading(
                        one.power, asked_at, Instant(one.answered_at), one.uptime_s, timeout_s
                    )
                    for outlet, one in found.items()
                }
            )
        )
        return states

    async def switch(
        self,
        outlet: str,
        power: Power,
        sent: Callable[[], None],
        withheld: Callable[[], str | None] = lambda: None,
    ) -> Answer:
        """Order an outlet on or off: one datagram, unless `withheld` gives a reason in the very
        turn that sends it."""
        try:
            layout = await self._known_layout()
        except DeviceError as exc:
            return Unsent(str(exc))
        return await self._pdu.switch(layout, outlet, power, sent, withheld)
