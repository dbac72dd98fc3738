"""The machine room tells the truth: of its machines, and of the lies that it was told to tell."""

import pytest
import trio

from fixtures.simulators.bmc_state import NOT_IN_THIS_STATE
from fixtures.simulators.lab.promise import Heard, broken
from fixtures.simulators.room import MONITOR_PORT, Room, open_room
from fixtures.simulators.room_machine import MachineSpec, PowerPolicy
from fixtures.simulators.room_os import OsSpec
from fixtures.simulators.room_truth import Fact
from haconn.wire.codes import Proof

QUICK = OsSpec(boot_s=0.01)
ALPHA = MachineSpec(name="alpha", number=1, port=MONITOR_PORT, feeds=2, system=QUICK)
BETA = MachineSpec(name="beta", number=2, port=MONITOR_PORT, system=QUICK)


async def kernel_of(room: Room, name: str = "alpha", *, boots: int = 1) -> str:
    """The boot id of that boot."""
    await room.truth.until(name, Fact.BOOT, times=boots)
    return room.truth.of(name, Fact.BOOT)[boots - 1].detail


def bmc_is_silent(room: Room) -> bool:
    return room["alpha"].bmc.faults.silent


def cut(room: Room, *, feeds: int = 2, on: bool = False) -> None:
    for address, outlet in room["alpha"].feeds[:feeds]:
        room.rack[address].agent.switch(outlet, on)


def told(room: Room, proof: Proof, kernel: str | None) -> Heard:
    return Heard(room["alpha"], "POFF", proof, kernel, 0.0, trio.current_time())


async def test_nmi_stops_the_kernel_before_the_bmc_has_answered() -> None:
    async with open_room(ALPHA) as room:
        kernel = await kernel_of(room)
        assert room.truth.running("alpha") == kernel
        assert room["alpha"].execute("nmi") == 0
        assert room.truth.running("alpha") is None
        assert [one.fact for one in room.truth.of("alpha")][1:] == [
            Fact.TAKEN,
            Fact.NMI,
            Fact.STOP,
        ]


async def test_reset_boots_another_kernel_and_only_that_one_machine() -> None:
    async with open_room(ALPHA, BETA) as room:
        first, other = await kernel_of(room), await kernel_of(room, "beta")
        assert room["alpha"].execute("reset") == 0
        assert await kernel_of(room, boots=2) != first
        assert room.truth.running("beta") == other
        assert not room.truth.of("beta", Fact.TAKEN)


async def test_one_feed_is_enough_and_without_any_the_bmc_is_dead_too() -> None:
    async with open_room(ALPHA) as room:
        kernel = await kernel_of(room)
        cut(room, feeds=1)
        assert room.truth.powered("alpha", trio.current_time())
        assert room.truth.running("alpha") == kernel
        cut(room)
        assert not room["alpha"].is_on
        assert room.truth.running("alpha") is None
        assert bmc_is_silent(room)
        cut(room, on=True)
        assert not bmc_is_silent(room)
        assert await kernel_of(room, boots=2) != kernel


async def test_hung_bmc_stays_hung_when_its_power_is_back() -> None:
    async with open_room(ALPHA) as room:
        room["alpha"].hang_bmc()
        cut(room)
        cut(room, on=True)
        assert bmc_is_silent(room)
        room["alpha"].hang_bmc(False)
        assert not bmc_is_silent(room)


@pytest.mark.parametrize(
    ("policy", "before", "after"),
    [
        ("always-on", False, True),
        ("always-off", True, False),
        ("last", False, False),
        ("last", True, True),
    ],
)
async def test_power_policy_decides_when_power_is_back(
    policy: PowerPolicy, before: bool, after: bool
) -> None:
    spec = MachineSpec(
        name="alpha", number=1, port=MONITOR_PORT, feeds=1, system=QUICK, power_policy=policy
    )
    async with open_room(spec) as room:
        room["alpha"].switch(before)
        cut(room)
        cut(room, on=True)
        assert room["alpha"].is_on is after
        assert room.truth.powered("alpha", trio.current_time()) is after


async def test_a_machine_that_is_off_takes_no_nmi_and_no_reset() -> None:
    async with open_room(ALPHA) as room:
        room["alpha"].switch(False)
        assert room["alpha"].execute("nmi") == NOT_IN_THIS_STATE
        assert room["alpha"].execute("reset") == NOT_IN_THIS_STATE
        assert not room.truth.of("alpha", Fact.TAKEN)


async def test_welded_relays_read_off_and_give_power() -> None:
    async with open_room(ALPHA) as room:
        kernel = await kernel_of(room)
        room.welded.update(room["alpha"].feeds)
        cut(room)
        assert not any(
            room.rack[address].agent.on[outlet] for address, outlet in room["alpha"].feeds
        )
        assert room.truth.running("alpha") == kernel
        assert broken(room.truth, told(room, Proof.OUTLETS_OFF, kernel))


async def test_lying_bmc_reads_as_if_it_had_obeyed() -> None:
    async with open_room(ALPHA) as room:
        kernel = await kernel_of(room)
        machine = room["alpha"]
        machine.lie()
        assert machine.execute("power-off") == 0
        assert machine.power() is False
        assert machine.is_on
        assert room.truth.running("alpha") == kernel
        assert broken(room.truth, told(room, Proof.POWER_OFF, kernel))


async def test_an_acceptance_promises_the_answer_and_no_effect() -> None:
    async with open_room(ALPHA) as room:
        kernel = await kernel_of(room)
        assert broken(room.truth, told(room, Proof.RESET_ACCEPTED, kernel))
        room["alpha"].lie()
        room["alpha"].execute("reset")
        assert broken(room.truth, told(room, Proof.RESET_ACCEPTED, kernel)) is None
        assert room.truth.running("alpha") == kernel


@pytest.mark.parametrize("proof", [Proof.STOP_NOTICE, Proof.FENCE_KDUMP, Proof.NEW_BOOT])
async def test_every_other_evidence_promises_that_the_kernel_has_stopped(proof: Proof) -> None:
    async with open_room(ALPHA) as room:
        kernel = await kernel_of(room)
        assert broken(room.truth, told(room, proof, kernel))
        room["alpha"].os.panic()
        assert broken(room.truth, told(room, proof, kernel)) is None


async def test_off_is_kept_by_a_machine_that_was_off_and_is_on_again() -> None:
    async with open_room(ALPHA) as room:
        kernel = await kernel_of(room)
        room["alpha"].execute("power-off")
        room["alpha"].execute("power-on")
        assert broken(room.truth, told(room, Proof.POWER_OFF, kernel)) is None
        assert broken(room.truth, told(room, Proof.OUTLETS_OFF, kernel))


async def test_outlets_off_needs_every_feed() -> None:
    async with open_room(ALPHA) as room:
        kernel = await kernel_of(room)
        cut(room, feeds=1)
        assert broken(room.truth, told(room, Proof.OUTLETS_OFF, kernel))
        cut(room)
        assert broken(room.truth, told(room, Proof.OUTLETS_OFF, kernel)) is None


async def test_outlets_off_of_a_machine_without_feeds_is_never_true() -> None:
    async with open_room(BETA) as room:
        await kernel_of(room, "beta")
        room["beta"].switch(False)
        heard = Heard(room["beta"], "POFF", Proof.OUTLETS_OFF, None, 0.0, trio.current_time())
        assert broken(room.truth, heard)


async def test_fail_promises_nothing() -> None:
    async with open_room(ALPHA) as room:
        assert broken(room.truth, told(room, Proof.NONE, await kernel_of(room))) is None


async def test_two_rooms_have_a_network_each() -> None:
    async with open_room(ALPHA) as one, open_room(ALPHA) as other:
        assert one.reset_path[0] != other.reset_path[0]
        await kernel_of(one)
        await kernel_of(other)
