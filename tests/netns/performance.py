"""Plays a scenario: a pair is set up, the deeds are done, all is healed, and it is judged."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from fixtures.simulators.netns.asking import settled
from fixtures.simulators.netns.inside import sockets_by_namespace
from fixtures.simulators.netns.pair_room import PairRoom, PairSpec, Play, open_pair_room
from fixtures.simulators.netns.record import recording
from fixtures.simulators.netns.settings import PAIR_PORT, configure
from fixtures.simulators.netns.stage import MEMBERS, Lan
from fixtures.simulators.room_machine import MachineSpec
from haconn.core.pair_times import TIMES
from tests.netns.deeds import Expectation, FillDisk, Scenario
from tests.netns.expecting import fault_of, power_fault
from tests.netns.invariants import (
    Ledger,
    at_rest,
    broken_promises,
    double_holders,
    lost_verdicts,
    second_commands,
)
from tests.netns.stagehand import Stagehand, small_disks

BMC_NEW_S = 10.0
SETTLES_WITHIN_S = 60.0
"""A boot of two interpreters, the election, a full sync, and the first look at every device."""
CALM_S = max(TIMES.conservative_s, BMC_NEW_S) + 1
"""The first active begins with caution, and what a new session reads is proof only after 5 s."""
MONITOR_PORT = 27001
TIMERS = {"bmc_poll_ms": 500, "pdu_poll_ms": 1000}
FED = 4
"""So many managed servers hang on PDUs."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a play."""

    faults: tuple[str, ...]
    timeline: tuple[str, ...]


def managed(count: int) -> tuple[MachineSpec, ...]:
    """Managed servers, the first of which may be cut off their outlets."""
    cutting = ("ipdusd=on", "timeout=5", "recoverytime=5")
    return tuple(
        MachineSpec(
            name=f"S{number:02d}",
            number=number,
            port=MONITOR_PORT,
            feeds=2 if number <= FED else 0,
            options=cutting if number <= FED else (),
        )
        for number in range(1, count + 1)
    )


async def perform(scenario: Scenario, home: Path) -> Played:
    """Play one."""
    spec = PairSpec(managed=managed(scenario.managed), feeds=scenario.feeds)
    with sockets_by_namespace(), ExitStack() as stack:
        async with open_pair_room(spec, home) as play:
            if any(isinstance(one.deed, FillDisk) for one in scenario.deeds):
                stack.enter_context(small_disks(list(play.room.members.values())))
            try:
                return await _perform(scenario, play)
            finally:
                for machine in play.room.members.values():
                    machine.power_off("the play is over")


async def _perform(scenario: Scenario, play: Play) -> Played:
    configure(play.room, timers=TIMERS)
    play.room.power_on()
    active = await _settled(play.room)
    if active is None:
        return Played(("the pair does not settle",), tuple(_timeline(play, trio.current_time())))
    async with _opened(play, active) as hand:
        await trio.sleep(CALM_S)
        began = last = trio.current_time()
        for one in scenario.deeds:
            await trio.sleep_until(began + one.s)
            hand.do(one.deed)
            last = trio.current_time()
        await _expect(scenario, play, hand, last)
        hand.faults += filter(
            None, (power_fault(one, play, hand.name, began) for one in scenario.expects)
        )
        hand.heal()
        hand.faults += await at_rest(play, hand.ledger)
        hand.faults += _judged(play.room, hand.ledger)
        return Played(tuple(hand.faults), tuple(_timeline(play, began)))


async def _settled(room: PairRoom) -> str | None:
    """Wait until there is an active with its standby, and every monitor has registered."""
    with trio.move_on_after(SETTLES_WITHIN_S):
        active = await settled(room)
        for server in room.servers.values():
            await server.os.registered()
        return active
    return None


@asynccontextmanager
async def _opened(play: Play, active: str) -> AsyncIterator[Stagehand]:
    """Give a pair that has settled to the stagehand."""
    room = play.room
    with ExitStack() as stack:
        recorders = {
            name: stack.enter_context(recording(room.stage, name, Lan.DUPLEX, PAIR_PORT))
            for name in MEMBERS
        }
        async with trio.open_nursery() as nursery:
            for recorder in recorders.values():
                nursery.start_soon(recorder.serve)
            yield Stagehand(play, active, recorders, Ledger(), nursery, [])
            nursery.cancel_scope.cancel(reason="the play is over")


async def _expect(scenario: Scenario, play: Play, hand: Stagehand, last: float) -> None:
    async def wait(expected: Expectation) -> None:
        fault = await fault_of(expected, play, hand.name, last)
        if fault is not None:
            hand.faults.append(fault)

    async with trio.open_nursery() as nursery:
        for one in scenario.expects:
            nursery.start_soon(wait, one)


def _judged(room: PairRoom, ledger: Ledger) -> list[str]:
    return [
        *double_holders(room.truth),
        *lost_verdicts(ledger),
        *broken_promises(room.servers_truth, ledger),
        *second_commands(room.touches),
    ]


def _timeline(play: Play, began: float) -> list[str]:
    """Everything that happened, for whoever looks for the reason of a fault."""
    room = play.room
    lines = [(one.at, f"{one.member} {one.what.value} {one.detail}") for one in room.truth.log]
    servers = room.servers_truth.log
    lines += [(one.at, f"{one.machine} {one.fact.value} {one.detail}") for one in servers]
    told = [f"{at - began:9.3f} {text}".rstrip() for at, text in sorted(lines)]
    for name, machine in room.members.items():
        for log in ("unit", "eventlog", "altlog", "errlog"):
            told += [f"{name} {log}: {line}" for line in machine.log(log)[-40:]]
    return told
