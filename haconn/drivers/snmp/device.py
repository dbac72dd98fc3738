"""A PDU as the daemon sees it: probe it, read outlets, switch an outlet.

Rule 1. A SET is one datagram per call. Whoever calls decides to repeat it; on and off may be
        repeated, and nothing else is ever written: no cycle, no reboot, no delay.
Rule 2. The answer to a SET proves nothing. Only `read` says that an outlet is off, and only for an
        exact value and type of the model's table.
Rule 3. A layout holds for the firmware it was probed under, so every read asks for that too.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import trio

from haconn.config.pdu_model import Oid, PduModel, Place, Version
from haconn.core.model import Answer, InDoubt, Power, Secret, Unsent
from haconn.drivers.answer_times import AnswerTimes
from haconn.drivers.base import DeviceFault, DeviceSilent
from haconn.drivers.snmp import status
from haconn.drivers.snmp.boundary import UPTIME, Kind, Reply, Value, build
from haconn.drivers.snmp.exchange import ask, order
from haconn.drivers.snmp.layout import (
    NOTHING,
    FirmwareChanged,
    Layout,
    choose,
    objects_to_ask,
    states_to_ask,
    text_of,
)

TICKS_PER_S = 100
FIRST_READ_S = 0.25
"""How long a PDU that was never measured is given for a read."""


@dataclass(frozen=True, slots=True)
class PduAddress:
    """Where a PDU is and how it is spoken to."""

    host: str
    """IPv4 address."""
    port: int
    community: Secret
    version: Version | None
    """None: the first of the model's versions that is answered."""


@dataclass(frozen=True, slots=True)
class OutletRead:
    """One read of one outlet."""

    power: Power
    answered_at: float
    """When the answer came, in seconds on the monotonic clock."""
    uptime_s: float | None
    """sysUpTime in the same answer; None if the agent does not tell it."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """One object of an answer, and what else that answer says."""

    value: Value
    at: float
    uptime_s: float | None


class Pdu:
    """One PDU. It keeps nothing between calls but how long answers take: they may run at once."""

    def __init__(self, address: PduAddress, model: PduModel) -> None:
        self._address = address
        self._model = model
        self._times = AnswerTimes(FIRST_READ_S)

    @property
    def timeout_s(self) -> float:
        """How long it is given for an answer at present before it is asked again."""
        return self._times.timeout_s

    @property
    def expected_outlets(self) -> tuple[str, ...]:
        """The outlets that its model has before a probe; none of a chain of unknown length."""
        if self._model.chained:
            return ()
        return tuple(str(number) for number in range(1, self._model.outlets_max + 1))

    async def probe(self) -> Layout:
        """Find the variant of the model and the outlets.

        Raises:
            NotUsable: the PDU is not what its model says; the text says why.
            DeviceSilent, DeviceUnreachable, DeviceFault: as reads do.
        """
        fixed = self._address.version
        versions = self._model.versions if fixed is None else (fixed,)
        for version in versions[:-1]:
            try:
                return await self._probe(version)
            except DeviceSilent:
                continue  # an agent drops a version it does not speak (RFC 3584, 5.2.1)
        return await self._probe(versions[-1])

    async def _probe(self, version: Version) -> Layout:
        values = _values(await self._get(version, objects_to_ask(self._model)))
        states = await self._get(version, states_to_ask(self._model, values))
        return choose(self._model, version, values | _values(states))

    async def read(self, layout: Layout, outlets: Sequence[str]) -> dict[str, OutletRead]:
        """Read the state of outlets; one that does not exist is UNKNOWN.

        What it says was true no earlier than the call. The uptime of each is of the very answer
        that has its state: a PDU that restarted between two answers does not vouch for the first.
        Of a model with several layouts none is known while one of them reads no state: the column
        may be another one by now.

        Raises:
            FirmwareChanged: the layout is not to be used any more.
            DeviceSilent, DeviceUnreachable, DeviceFault: nothing was read.
        """
        variant = self._model.variant(layout.variant)
        objects = {
            outlet: variant.state.at(self._model.locate(outlet))
            for outlet in outlets
            if outlet in layout.outlets
        }
        answered: dict[Oid, _Answered] = {}
        if objects:
            wanted = self._with_firmware(tuple(objects.values()))
            answered = await self._get(layout.version, wanted, uptime=True)
            self._check_firmware(layout, _values(answered))
        nothing = _Answered(NOTHING, trio.current_time(), None)
        found = {outlet: answered.get(oid, nothing) for outlet, oid in objects.items()}
        if self._model.ambiguous and not all(
            self._model.knows(variant, one.value.asn1_type, one.value.number)
            for one in found.values()
        ):
            found = {}
        return {
            outlet: OutletRead(
                self._model.power(variant, one.value.asn1_type, one.value.number),
                one.at,
                one.uptime_s,
            )
            for outlet in outlets
            for one in [found.get(outlet, nothing)]
        }

    async def read_firmware(self, layout: Layout) -> str:
        """Read the firmware's version; empty if the model names no object for it.

        Raises:
            DeviceSilent, DeviceUnreachable, DeviceFault: nothing was read.
        """
        answered = await self._get(layout.version, self._with_firmware(()))
        return text_of(self._model.firmware, self._model, _values(answered))

    async def switch(
        self,
        layout: Layout,
        outlet: str,
        power: Power,
        sent: Callable[[], None],
        withheld: Callable[[], str | None] = lambda: None,
    ) -> Answer:
        """Order an outlet on or off by one datagram, and wait for the answer without end.

        Args:
            power: ON or OFF.
            sent: called when the datagram has left; if the caller's scope ends later, the order
                is in doubt, and if it ends before, nothing left this machine.
            withheld: asked in the very turn that sends: why it must not be sent; None if it may.
        """
        assert power is not Power.UNKNOWN
        if outlet not in layout.outlets:
            return Unsent(f"PDU {self._address.host} has no outlet {outlet!r}")
        switch = self._model.variant(layout.variant).switch(power)
        oids = (switch.control.at(self._model.locate(outlet)),)
        community = self._address.community
        request = build(Kind.SET, layout.version, community, oids, (switch.write,))
        reply = await order(self._address.host, self._address.port, request, sent, withheld)
        if not isinstance(reply, Reply):
            return reply
        if reply.status == status.NO_ERROR and not _names(reply, oids):
            return InDoubt(f"PDU {self._address.host} answered for other objects")
        return status.answer_to_set(reply.status)

    def _with_firmware(self, oids: tuple[Oid, ...]) -> tuple[Oid, ...]:
        if self._model.firmware is None:
            return oids
        return (self._model.firmware.at(Place(self._model.first_unit, 1)), *oids)

    def _check_firmware(self, layout: Layout, values: dict[Oid, Value]) -> None:
        firmware = text_of(self._model.firmware, self._model, values)
        if firmware != layout.firmware:
            raise FirmwareChanged(
                f"PDU {self._address.host}: firmware was {layout.firmware!r} when it was probed, "
                f"is {firmware!r} now"
            )

    async def _get(
        self, version: Version, oids: tuple[Oid, ...], *, uptime: bool = False
    ) -> dict[Oid, _Answered]:
        """Read objects, in as many requests as the model's limit and the agent want.

        With `uptime` each request asks for sysUpTime too, unless the agent has none.
        """
        address, with_each = self._address, (UPTIME,) if uptime else ()
        limit = max(self._model.max_varbinds - len(with_each), 1)
        found: dict[Oid, _Answered] = {}
        waiting = deque(oids[start : start + limit] for start in range(0, len(oids), limit))
        while waiting:
            part = waiting.popleft()
            asked = with_each + part
            request = build(Kind.GET, version, address.community, asked)
            reply = await ask(address.host, address.port, request, self._times)
            if reply.status == status.NO_ERROR:
                if not _names(reply, asked):
                    raise DeviceFault(f"PDU {address.host} answered for other objects")
                found.update(_answered(reply))
                continue
            if with_each and (len(part) == 1 or _lacks_first(reply)):
                with_each = ()  # what is refused may be the uptime, which nothing hangs on
                waiting.appendleft(part)
                continue
            rest = _rest(part, replace(reply, index=reply.index - len(with_each)))
            if rest is None:
                raise DeviceFault(f"PDU {address.host}: {status.explain(reply.status)}")
            waiting.extendleft(reversed(rest))
        return found


def _answered(reply: Reply) -> dict[Oid, _Answered]:
    values = dict(reply.bindings)
    ticks = values.get(UPTIME, NOTHING)
    uptime_s = None if ticks.number is None else ticks.number / TICKS_PER_S
    now = trio.current_time()
    return {oid: _Answered(value, now, uptime_s) for oid, value in reply.bindings}


def _values(answered: dict[Oid, _Answered]) -> dict[Oid, Value]:
    return {oid: one.value for oid, one in answered.items()}


def _names(reply: Reply, oids: tuple[Oid, ...]) -> bool:
    """Tell whether an answer holds exactly the objects that were asked for, in order."""
    return tuple(oid for oid, _ in reply.bindings) == oids


def _lacks_first(reply: Reply) -> bool:
    """Whether SNMPv1 cannot find the first object; an agent may leave out which it is."""
    return reply.status == status.NO_SUCH_NAME and reply.index <= 1


def _rest(part: tuple[Oid, ...], reply: Reply) -> list[tuple[Oid, ...]] | None:
    """Say what to ask instead of a refused part; None if asking otherwise will not help.

    Every round asks for fewer objects at once, so this ends.
    """
    half = len(part) // 2
    match reply.status:
        # SNMPv1 knows no "missing" of one object: it names the first, and the others are asked anew
        case status.NO_SUCH_NAME if 1 <= reply.index <= len(part):
            without = part[: reply.index - 1] + part[reply.index :]
            return [without] if without else []
        case status.NO_SUCH_NAME if not half:
            return []
        case status.TOO_BIG | status.NO_SUCH_NAME if half:
            return [part[:half], part[half:]]
        case _:
            return None
