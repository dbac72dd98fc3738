"""BMCs and feeds of the management servers: what a command does, when, and what is read."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from fixtures.simulators.bmc_state import Faults
from fixtures.simulators.netns.machine import Ran
from fixtures.simulators.netns.pair_room import PairRoom, open_pair_room
from fixtures.simulators.netns.stage import bmc_address, pdu_address
from fixtures.simulators.netns.truth import What
from tests.netns.units import pair_of, unit

PATIENCE_S = 60.0
IDLE = unit("ready", "sleep")


@dataclass(frozen=True, slots=True)
class Desk:
    """m1's operator, who looks after m2."""

    room: PairRoom
    program: str

    async def ask(self, *words: str) -> Ran:
        place = ("-I", "lanplus", "-H", bmc_address(-1), "-U", "admin", "-E", "-N", "1", "-R", "1")
        password = self.room.boards["m2"].bmc.protocol.commands.identity.password
        machine = self.room.members["m1"]
        return await machine.run(self.program, *place, *words, more={"IPMI_PASSWORD": password})

    def is_on(self) -> bool:
        return self.room.members["m2"].is_on

    async def power(self) -> str:
        return (await self.ask("chassis", "power", "status")).out.strip()


@asynccontextmanager
async def desk(home: Path, program: str) -> AsyncIterator[Desk]:
    with trio.fail_after(PATIENCE_S):
        async with open_pair_room(pair_of(IDLE, IDLE), home) as play:
            play.room.power_on()
            for name in ("m1", "m2"):
                await play.room.truth.until(name, What.READY, since=0)
            yield Desk(play.room, program)


Peer = Callable[[str], str]
ON, OFF = "Chassis Power is on", "Chassis Power is off"


async def test_off_is_read_when_it_is_true_and_the_machine_boots_when_it_is_on_again(
    sockets: None, home: Path, peer: Peer
) -> None:
    async with desk(home, peer("ipmitool")) as one:
        assert await one.power() == ON
        assert (await one.ask("chassis", "power", "off")).status == 0
        assert not one.is_on()
        assert await one.power() == OFF
        now = trio.current_time()
        await one.ask("chassis", "power", "on")
        await one.room.truth.until("m2", What.READY, since=now)


async def test_a_slow_bmc_reads_on_until_its_command_has_its_effect(
    sockets: None, home: Path, peer: Peer
) -> None:
    async with desk(home, peer("ipmitool")) as one:
        one.room.boards["m2"].effect_s = 1.0
        assert (await one.ask("chassis", "power", "off")).status == 0
        assert one.is_on()
        assert await one.power() == ON
        off = await one.room.truth.until("m2", What.OFF, since=0)
        (taken,) = one.room.truth.of("m2", What.TAKEN)
        assert off.at - taken.at >= 1.0
        assert await one.power() == OFF


async def test_a_lying_bmc_accepts_and_does_nothing(sockets: None, home: Path, peer: Peer) -> None:
    async with desk(home, peer("ipmitool")) as one:
        one.room.boards["m2"].bmc.faults = Faults(lies=frozenset({"accept-only"}))
        assert (await one.ask("chassis", "power", "off")).status == 0
        assert await one.power() == ON
        assert one.is_on()


async def test_a_silent_bmc_says_nothing(sockets: None, home: Path, peer: Peer) -> None:
    async with desk(home, peer("ipmitool")) as one:
        one.room.boards["m2"].bmc.faults = Faults(silent=True)
        assert (await one.ask("chassis", "power", "off")).status != 0
        assert one.is_on()


async def test_all_outlets_off_are_no_power_and_a_silent_bmc(
    sockets: None, home: Path, peer: Peer
) -> None:
    async with desk(home, peer("ipmitool")) as one:
        rack, board = one.room.devices.rack, one.room.boards["m2"]
        rack[pdu_address(0)].agent.switch(2, on=False)
        assert one.is_on()
        rack[pdu_address(1)].agent.switch(2, on=False)
        assert not one.is_on()
        assert one.room.members["m1"].is_on
        assert (await one.ask("chassis", "power", "status")).status != 0
        now = trio.current_time()
        rack[pdu_address(0)].agent.switch(2, on=True)
        assert board.is_fed
        await one.room.truth.until("m2", What.READY, since=now)
        assert await one.power() == ON


async def test_an_nmi_leaves_a_dead_kernel_with_power(
    sockets: None, home: Path, peer: Peer
) -> None:
    async with desk(home, peer("ipmitool")) as one:
        await one.ask("chassis", "power", "diag")
        assert [stamp.what for stamp in one.room.truth.of("m2")][-1] is What.PANIC
        assert await one.power() == ON
