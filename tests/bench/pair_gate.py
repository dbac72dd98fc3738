"""What the gate costs: from a request to its NMI, while the standby is well, away, or coming.

Targets send a stop notice with their last breath and boot again at once, so that one can be asked
for again and again. Requests come at random times. All times are of one clock: the monitors and
the BMCs live in the process of the bench. A stamp is when the monitor is told to ask, and when the
BMC has deciphered the NMI. A full garbage collection of the bench would be taken for the daemon's:
what the bench has is collected, and put aside, before anybody asks.
"""

import gc
import random
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from fixtures.simulators.netns.cuts import Way, every, other
from fixtures.simulators.netns.pair_room import PairSpec, Play
from fixtures.simulators.netns.stage import StageError
from fixtures.simulators.room_machine import Machine, MachineSpec
from fixtures.simulators.room_os import OsSpec, StopNotice
from haconn.core.model import SystemKey
from haconn.core.pair_times import TIMES
from tests.bench.figures import quantile
from tests.bench.pair_figures import Aim, Finding, Row, Tally, worst
from tests.bench.pair_rooms import MONITOR_PORT, LostError, Tries, repeated, ripe, whole

TARGETS, ASKING = 10, 2
GAP_S = 0.03
"""Between two requests, on average twice that."""
EACH_RUN = 10
"""Requests with a standby, and so many without, for each run that was ordered."""
EXTRA_MS = 50.0
IDS = 2000
"""Request ids in the record that a joiner is given."""
AT_ONCE = 20
NOBODY = 999
"""A system that there is not: a request for it has its verdict at once."""
AFTER_S = 0.5
SILENT_FOR_S = 9.0
PASSED_S = TIMES.unacknowledged_s + TIMES.gate_s + 0.5
"""So long after a standby has fallen silent the gate waits for it no longer."""
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One request."""

    at: float
    nmi_s: float
    """Until its target's BMC had the NMI."""


@dataclass(slots=True)
class Gate:
    """What was measured in one room."""

    paired: list[Sample] = field(default_factory=list)
    alone: list[Sample] = field(default_factory=list)
    restarting: list[Sample] = field(default_factory=list)
    joining: list[Sample] = field(default_factory=list)
    """With the big record."""
    silent: list[list[Sample]] = field(default_factory=list)
    """By episode; `at` counts from the cut."""
    ids: int = 0


def site() -> PairSpec:
    """Ten that are reset, and two that ask."""
    back = OsSpec(boot_s=0.1, notice=StopNotice.TICKET, notice_after_s=0.0, dump_s=0.0)
    targets = [("T", number, back) for number in range(1, TARGETS + 1)]
    asking = [("ASKS", number, OsSpec()) for number in range(TARGETS + 1, TARGETS + ASKING + 1)]
    return PairSpec(
        managed=tuple(
            MachineSpec(name=f"{name}{number}", number=number, port=MONITOR_PORT, system=system)
            for name, number, system in (*targets, *asking)
        )
    )


async def measure(runs: int, rare: int, notes: list[str]) -> list[Finding]:
    """Everything, in one room. Raises InvalidRunError."""

    async def once(play: Play) -> Gate:
        return await _gate(play, runs * EACH_RUN, rare)

    tries = await repeated(1, site(), once)
    notes += tries.notes
    found = [*findings(tries.found[0])] if tries.found else []
    return [*found, Tally("pairs that were lost", tries.lost, tries.count, 0), _doubles(tries)]


def _doubles(tries: Tries[Gate]) -> Tally:
    return Tally("two powered holders", tries.doubles, tries.count, 0)


def findings(gate: Gate) -> list[Finding]:
    """All in ms, but for the wait for a silent standby."""
    paired, alone = _ms(gate.paired), _ms(gate.alone)
    usual = statistics.median(paired)
    ratio = usual / statistics.median(alone)
    wait = tuple(worst([one.nmi_s for one in episode]) for episode in gate.silent)
    late = [one for episode in gate.silent for one in episode if one.at > PASSED_S]
    big = f"a joiner gets a record with {gate.ids} ids"
    return [
        Row("request -> NMI, standby synchronised", paired, unit="ms"),
        Row("  its p99", (quantile(paired, 0.99),), unit="ms"),
        Row("request -> NMI, no standby", alone, unit="ms"),
        Row("  its p99", (quantile(alone, 0.99),), unit="ms"),
        Row("  with a standby : without, medians", (ratio,), unit=""),
        _extra("extra while the standby restarts", gate.restarting, usual),
        _extra(f"extra while {big}", gate.joining, usual),
        Row("a silent standby: longest wait", wait, Aim(worst=TIMES.gate_s + EXTRA_MS / 1000)),
        _extra(f"  extra {PASSED_S:g} s after it fell silent", late, usual),
    ]


def _extra(what: str, samples: Sequence[Sample], usual_ms: float) -> Row:
    extra = tuple(one - usual_ms for one in _ms(samples))
    return Row(what, extra, Aim(worst=EXTRA_MS), unit="ms")


def _ms(samples: Sequence[Sample]) -> tuple[float, ...]:
    return tuple(one.nmi_s * 1000 for one in samples)


async def _gate(play: Play, count: int, rare: int) -> Gate:
    gate = Gate()
    await ripe(play)
    async with _asking(play, gate.paired, count):
        pass
    await _alone(play, gate, count)
    for _ in range(rare):
        await _restart(play, gate.restarting)
    gate.ids = await _fill(play)
    # a standby that fell behind in this storm is still waited for, as no joiner is
    await trio.sleep(PASSED_S)
    for _ in range(rare):
        await _restart(play, gate.joining)
    for _ in range(rare):
        gate.silent.append(await _silent(play))
    return gate


async def _alone(play: Play, gate: Gate, count: int) -> None:
    """Stop the standby in order, and start it again afterwards."""
    active = await whole(play)
    standby = play.room.members[other(active)]
    await standby.supervisor.stop()
    await trio.sleep(AFTER_S)
    async with _asking(play, gate.alone, count):
        pass
    standby.supervisor.start()
    await whole(play)


async def _restart(play: Play, samples: list[Sample]) -> None:
    """Ask from before the order until the standby has everything again."""
    active = await whole(play)
    async with _asking(play, samples):
        await trio.sleep(AFTER_S)
        ran = await play.room.members[active].haconn("haconnsby", "restart")
        if ran.status:
            raise StageError(f"haconnsby restart: exit {ran.status}: {ran.err.strip()}")
        await trio.sleep(AFTER_S)  # until it is gone
        await whole(play)
        await trio.sleep(AFTER_S)


async def _silent(play: Play) -> list[Sample]:
    """Nothing that the standby sends arrives, and it hears everything."""
    active = await whole(play)
    samples: list[Sample] = []
    cuts = every(members=[other(active)], ways=(Way.FROM,))
    async with _asking(play, samples):
        await trio.sleep(AFTER_S)
        cut_at = trio.current_time()
        play.room.cuts.make(cuts)
        await trio.sleep(SILENT_FOR_S)
    play.room.cuts.mend()
    await whole(play)
    return [Sample(one.at - cut_at, one.nmi_s) for one in samples if one.at >= cut_at]


@asynccontextmanager
async def _asking(play: Play, samples: list[Sample], count: int = 0) -> AsyncIterator[None]:
    """Ask again and again during a block, and so often at least; what is asked is waited for."""
    servers = list(play.room.servers.values())
    free, asking = servers[:TARGETS], servers[TARGETS:]
    over = False
    gc.collect()
    gc.freeze()

    async def one(target: Machine) -> None:
        samples.append(await _ask(play, random.choice(asking), target))
        free.append(target)

    async with trio.open_nursery() as requests:

        async def again_and_again() -> None:
            asked = 0
            while asked < count or not over:
                if free:
                    asked += 1
                    requests.start_soon(one, free.pop(random.randrange(len(free))))
                await trio.sleep(random.uniform(GAP_S, 3 * GAP_S))

        requests.start_soon(again_and_again)
        yield
        over = True


async def _ask(play: Play, requester: Machine, target: Machine) -> Sample:
    """Have one reset, and wait until its target has booted. Raises TooSlowError, LostError."""
    monitor, kernel = await requester.os.registered(), target.os.boot_id
    seen, at = len(play.room.touches), trio.current_time()
    with trio.fail_after(PATIENCE_S):
        result = (await monitor.request_reset(target.os.system)).result
        nmis = [
            one.at
            for one in play.room.touches[seen:]
            if one.server == target.name and one.what == "nmi"
        ]
        if len(nmis) != 1:
            raise LostError(f"{target.name}: {result.verdict.name} after {len(nmis)} NMIs")
        await target.os.registered(not_boot=kernel)
    return Sample(at, nmis[0] - at)


async def _fill(play: Play) -> int:
    """Make the record big: ids that had their verdict at once are remembered for ten minutes."""
    asking = list(play.room.servers.values())[TARGETS:]
    left = list(range(IDS))

    async def one(requester: Machine) -> None:
        monitor = await requester.os.registered()
        while left:
            left.pop()
            await monitor.request_reset(SystemKey(MONITOR_PORT, NOBODY))

    with trio.fail_after(IDS):
        async with trio.open_nursery() as nursery:
            for index in range(AT_ONCE):
                nursery.start_soon(one, asking[index % len(asking)])
    return IDS
