"""What haconnr2 is made to do while it is measured: real requests over the real protocol.

In every part all 32 BMCs and 132 PDUs are polled as configured. What a target does after its
reset is the cheapest that makes it eligible again: it boots, which is a new boot id in a new
session.

Requests come at random times, so that they meet every phase of the polls.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import trio

from haconn.wire.codes import Verdict
from tests.bench.clock import now_s
from tests.bench.figures import Deed, Load, Ours
from tests.bench.members import Asked, Member
from tests.bench.rates import Polled, require_full_rate, require_rate_of_all
from tests.bench.service import Service
from tests.bench.simulators import Simulator
from tests.bench.site import BMC_POLL_S, BY_ACCEPTANCE, PDU_POLL_S, SOFT_S

IDLE_S = 30.0
"""How long nothing but polls is weighed. `power_offs` needs it too: in the first 10 s after a login
a run of off has to last 5 s to be believed."""
GAP_S = 0.15
"""Between two requests, on average: three polls of BMCs and four of PDUs are in between."""
SETTLED_S = 1.5
"""After a power-on, until it has been read and nothing is owed any more."""
VERIFYING_OBJECTS_MAX = 4
"""A poll of a PDU names its 12 outlets; a read that verifies one outlet names it and firmware."""
NMI, RESET, OFF = frozenset({"nmi"}), frozenset({"reset"}), frozenset({"power-off"})
ON = frozenset({"power-on"})


@dataclass(frozen=True, slots=True)
class Room:
    """Everybody who takes part."""

    bmcs: Simulator
    pdus: Simulator
    service: Service
    members: Sequence[Member]

    @property
    def by_acceptance(self) -> Sequence[Member]:
        return self.members[:BY_ACCEPTANCE]

    @property
    def by_power_off(self) -> Sequence[Member]:
        return self.members[BY_ACCEPTANCE:]


Part = Callable[[Room, int, Ours], Awaitable[None]]


async def measure(room: Room, count: int, ours: Ours) -> Load:
    """Do everything, so many times each. Raises InvalidRunError."""
    pdus = await Polls.begin(room.pdus, "PDU", PDU_POLL_S)
    load = await _polls_only(room, ours)
    for part, commanded in (
        (stop_notices, room.members),
        (silence, room.by_acceptance),
        (resets, room.by_acceptance),
        (power_offs, room.by_power_off),
        (cuts, room.by_acceptance),
    ):
        await _at_full_rate(room, count, ours, part, commanded)
    require_rate_of_all(await pdus.until_now(_pdus_of(room.by_acceptance)))
    return Load(load.cpu_percent, load.over_s, room.service.weigh().resident_mib)


async def _at_full_rate(
    room: Room, count: int, ours: Ours, part: Part, commanded: Sequence[Member]
) -> None:
    """Run one part; raises InvalidRunError if the polls did not go on meanwhile."""
    bmcs = await Polls.begin(room.bmcs, "BMC", BMC_POLL_S)
    pdus = await Polls.begin(room.pdus, "PDU", PDU_POLL_S)
    began, waited_s = now_s(), room.service.weigh().waited_s
    await part(room, count, ours)
    waited_s = room.service.weigh().waited_s - waited_s
    ours.waits[part.__name__] = waited_s / (now_s() - began) * 1000
    cut = _pdus_of(commanded) if part is cuts else frozenset[str]()
    polled = await bmcs.until_now(frozenset(member.at.bmc for member in commanded))
    require_full_rate(polled, await pdus.until_now(cut))
    if not commanded:
        require_rate_of_all(polled)
    room.bmcs.forget()
    room.pdus.forget()


def _pdus_of(members: Sequence[Member]) -> frozenset[str]:
    return frozenset(feed.pdu for member in members for feed in member.at.feeds)


@dataclass(frozen=True, slots=True)
class Polls:
    """What the devices of one kind had been read by some time."""

    simulator: Simulator
    kind: str
    period_s: float
    at: float
    counts: dict[str, int]

    @classmethod
    async def begin(cls, simulator: Simulator, kind: str, period_s: float) -> "Polls":
        """Begin to count."""
        return cls(simulator, kind, period_s, now_s(), await simulator.counts())

    async def until_now(self, commanded: frozenset[str]) -> Polled:
        """Give the polls since then."""
        after = await self.simulator.counts()
        reads = {device: count - self.counts[device] for device, count in after.items()}
        return Polled(self.kind, now_s() - self.at, self.period_s, reads, commanded)


async def _polls_only(room: Room, ours: Ours) -> Load:
    weights = [room.service.weigh()]

    async def polls_only(room: Room, _count: int, _ours: Ours) -> None:
        weights[0] = room.service.weigh()
        await trio.sleep(IDLE_S)
        weights.append(room.service.weigh())

    await _at_full_rate(room, 0, ours, polls_only, ())
    used_s = weights[1].cpu_s - weights[0].cpu_s
    return Load(used_s / IDLE_S * 100, IDLE_S, weights[1].resident_mib)


async def stop_notices(room: Room, count: int, ours: Ours) -> None:
    """Every member in turn is reset by another, dumps, and says so as soon as it has its NMI."""
    members = room.members
    for index in range(count):
        target = members[index % len(members)]
        requester = members[(index + 1 + index // len(members)) % len(members)]
        await _gap()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_dump, room, target, now_s())
            asked = await requester.have_reset(target, Verdict.DUMP)
        nmi = await room.bmcs.mark(target.at.bmc, NMI, asked.at)
        ours.note(Deed.NMI, nmi.at - asked.at)
        await target.start_again()


async def _dump(room: Room, target: Member, since: float) -> None:
    await room.bmcs.mark(target.at.bmc, NMI, since)
    await target.say_stopped()


async def silence(room: Room, count: int, ours: Ours) -> None:
    """Some targets at a time take the NMI and say nothing, until the hard reset."""

    async def one(requester: Member, target: Member) -> None:
        asked = await requester.have_reset(target, Verdict.DUMP)
        nmi = await room.bmcs.mark(target.at.bmc, NMI, asked.at)
        hard = await room.bmcs.mark(target.at.bmc, RESET, nmi.at)
        ours.note(Deed.LATE, hard.at - nmi.at - SOFT_S)
        await target.start_again()

    await _side_by_side(room.by_acceptance, room.by_power_off, count, one)


async def resets(room: Room, count: int, ours: Ours) -> None:
    """The BMC refuses the NMI and takes the hard reset."""
    await _refuse(room, room.by_acceptance, "nmi")
    for index in range(count):
        target = room.by_acceptance[index % len(room.by_acceptance)]
        requester = room.by_power_off[index % len(room.by_power_off)]
        await _gap()
        asked = await requester.have_reset(target, Verdict.DUMP)
        hard = await room.bmcs.mark(target.at.bmc, RESET, asked.at)
        ours.note(Deed.RESET, hard.at - asked.at)
        ours.note(Deed.RESET_TOLD, asked.told_at - asked.at)
        await target.start_again()
    await _refuse(room, room.by_acceptance, "")


async def power_offs(room: Room, count: int, ours: Ours) -> None:
    """The BMC refuses the NMI and switches the power off; it is on again five seconds later."""

    async def one(requester: Member, target: Member) -> None:
        asked = await requester.have_reset(target, Verdict.POFF)
        off = await room.bmcs.mark(target.at.bmc, OFF, asked.at)
        ours.note(Deed.OFF, off.at - asked.at)
        ours.note(Deed.OFF_TOLD, asked.told_at - asked.at)
        await room.bmcs.mark(target.at.bmc, ON, off.at)
        await trio.sleep(SETTLED_S)
        await target.start_again()

    await _refuse(room, room.by_power_off, "nmi")
    await _side_by_side(room.by_power_off, room.by_acceptance, count, one)
    await _refuse(room, room.by_power_off, "")


async def cuts(room: Room, count: int, ours: Ours) -> None:
    """The BMC refuses everything: all feeds are cut, and switched on by an operator's command."""
    await _refuse(room, room.by_acceptance, "nmi reset")
    for index in range(count):
        target = room.by_acceptance[index % len(room.by_acceptance)]
        requester = room.by_power_off[index % len(room.by_power_off)]
        await _gap()
        asked = await requester.have_reset(target, Verdict.POFF)
        await _note_cut(room, target, asked, ours)
        await room.service.recover_outlets(target.at.name)
        await target.start_again()
    await _refuse(room, room.by_acceptance, "")


async def _note_cut(room: Room, target: Member, asked: Asked, ours: Ours) -> None:
    ordered: list[float] = []
    verified: list[float] = []
    for feed in target.at.feeds:
        order = await room.pdus.mark(feed.pdu, frozenset({"set"}), asked.at)
        read = await room.pdus.mark(feed.pdu, frozenset({"get"}), order.at)
        reads = [
            mark.until
            for mark in room.pdus.marks(feed.pdu, read.at)
            if mark.objects <= VERIFYING_OBJECTS_MAX and mark.until <= asked.told_at
        ]
        ordered.append(order.at)
        verified += reads or [read.until]
    ours.note(Deed.CUT, max(verified) - min(ordered))
    ours.note(Deed.CUT_SAID, asked.told_at - max(verified))
    ours.note(Deed.CUT_TOLD, asked.told_at - asked.at)


async def _side_by_side(
    targets: Sequence[Member],
    requesters: Sequence[Member],
    count: int,
    one: Callable[[Member, Member], Awaitable[None]],
) -> None:
    """Run one deed on every target, again and again, until there were so many in all."""
    left = list(range(count))

    async def again_and_again(requester: Member, target: Member) -> None:
        await trio.sleep(random.uniform(0, SETTLED_S))
        while left:
            left.pop()
            await one(requester, target)
            await _gap()

    async with trio.open_nursery() as nursery:
        for index, target in enumerate(targets):
            nursery.start_soon(again_and_again, requesters[index % len(requesters)], target)


async def _refuse(room: Room, members: Sequence[Member], commands: str) -> None:
    for member in members:
        await room.bmcs.ask(f"refuse {member.at.bmc} {commands}")


async def _gap() -> None:
    await trio.sleep(random.uniform(0, 2 * GAP_S))
