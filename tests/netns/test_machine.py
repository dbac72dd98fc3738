"""A simulated management server boots, dies and loses its power as a real one does."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import trio

from fixtures.simulators.netns.machine import MemberMachine
from fixtures.simulators.netns.pair_room import PRODUCT_UUIDS, PairSpec, Play, open_pair_room
from fixtures.simulators.netns.stage import Lan, run
from fixtures.simulators.netns.truth import What
from tests.netns.units import pair_of, unit

PATIENCE_S = 60.0
HOLDER = unit("hold", "ready", "sleep")
IDLE = unit("ready", "sleep")


@asynccontextmanager
async def played(spec: PairSpec, home: Path) -> AsyncIterator[Play]:
    """A room with both on and ready."""
    with trio.fail_after(PATIENCE_S):
        async with open_pair_room(spec, home) as play:
            play.room.power_on()
            for name in ("m1", "m2"):
                await play.room.truth.until(name, What.READY, since=0)
            yield play


def host_boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


async def out(machine: MemberMachine, *command: str) -> str:
    ran = await machine.run(*command)
    assert ran.status == 0, ran.err
    return ran.out.strip()


async def test_it_has_its_own_name_boot_id_and_devices(sockets: None, home: Path) -> None:
    async with played(pair_of(IDLE, IDLE), home) as play:
        before, seen = host_boot_id(), set()
        for name, machine in play.room.members.items():
            assert await out(machine, "hostname") == name
            seen.add(await out(machine, "cat", "/proc/sys/kernel/random/boot_id"))
            assert machine.boot_id in seen
            assert (await out(machine, "ls", "/sys/class/net")).split() == [
                "dup",
                "lo",
                "mgmt",
                "rst",
            ]
            assert (machine.home / "run" / "product_uuid").read_text().strip() == PRODUCT_UUIDS[
                name
            ]
        assert len(seen | {before}) == 3
        assert host_boot_id() == before


async def test_power_off_leaves_no_process_no_address_and_no_carrier(
    sockets: None, home: Path
) -> None:
    async with played(pair_of(HOLDER, IDLE), home) as play:
        machine, truth = play.room.members["m1"], play.room.truth
        assert truth.holders() == ("m1",)
        machine.power_off("the test says so")
        assert run("ip", "netns", "pids", machine.namespace).split() == []
        assert [one.what for one in truth.of("m1")][-2:] == [What.GONE, What.OFF]
        await trio.sleep(0.05)
        peer = play.room.members["m2"]
        assert "NO-CARRIER" in await out(peer, "ip", "link", "show", "dup")


async def test_a_killed_unit_leaves_its_address_and_a_new_boot_has_none(
    sockets: None, home: Path
) -> None:
    async with played(pair_of(HOLDER, IDLE), home) as play:
        machine, truth = play.room.members["m1"], play.room.truth
        machine.spec = replace(machine.spec, unit=IDLE)
        machine.supervisor.signal(signal.SIGKILL)
        await truth.until("m1", What.ENDED, since=0)
        assert truth.holders() == ("m1",)
        first, now = machine.boot_id, trio.current_time()
        (machine.home / "run" / "left").touch()
        (machine.home / "var" / "kept").touch()
        machine.reset()
        await truth.until("m1", What.READY, since=now)
        assert truth.holders() == ()
        assert machine.boot_id != first
        assert not (machine.home / "run" / "left").exists()
        assert (machine.home / "var" / "kept").exists()


async def test_a_dead_kernel_answers_nothing_and_keeps_a_leased_address(
    sockets: None, home: Path
) -> None:
    async with played(pair_of(unit("lease", "ready", "sleep"), IDLE), home) as play:
        machine, truth = play.room.members["m1"], play.room.truth
        await play.probe.answered(by="m1")
        machine.panic()
        now = trio.current_time()
        await trio.sleep(1.5)  # longer than the lease
        assert truth.holders() == ("m1",)
        assert play.probe.members(since=now + 0.1) == ()
        assert run("ip", "netns", "pids", machine.namespace).split() == []
        assert machine.is_on


async def test_a_dead_kernel_boots_after_a_reset_and_speaks_again(
    sockets: None, home: Path
) -> None:
    async with played(pair_of(HOLDER, IDLE), home) as play:
        machine, truth = play.room.members["m1"], play.room.truth
        machine.panic()
        now = trio.current_time()
        machine.reset()
        await truth.until("m1", What.READY, since=now)
        await play.probe.answered(by="m1", since=now)
        assert truth.doubles() == []


async def test_two_that_hold_at_once_are_told(sockets: None, home: Path) -> None:
    async with played(pair_of(HOLDER, HOLDER), home) as play:
        (double,) = play.room.truth.doubles()
        assert double.members == ("m1", "m2")


async def test_a_holder_that_lost_its_power_is_no_second_one(sockets: None, home: Path) -> None:
    async with played(pair_of(HOLDER, IDLE), home) as play:
        first, second = play.room.members.values()
        first.power_off("the test says so")
        await out(second, "ip", "addr", "add", "10.1.0.3/32", "dev", "rst")
        await play.probe.answered(by="m2")
        assert play.room.truth.doubles() == []


async def test_commands_die_with_the_machine(sockets: None, home: Path) -> None:
    async with played(pair_of(IDLE, IDLE), home) as play:
        machine = play.room.members["m1"]
        async with trio.open_nursery() as nursery:

            async def operate() -> None:
                assert (await machine.run("sleep", "600")).status == -9

            nursery.start_soon(operate)
            await trio.sleep(0.1)
            machine.power_off("the test says so")


async def test_a_machine_that_is_not_enabled_waits_for_its_operator(
    sockets: None, home: Path
) -> None:
    spec = pair_of(IDLE, IDLE)
    spec = replace(spec, members=tuple(replace(one, enabled=False) for one in spec.members))
    with trio.fail_after(PATIENCE_S):
        async with open_pair_room(spec, home) as play:
            play.room.power_on()
            supervisor = await play.room.members["m1"].up()
            assert supervisor.pid is None
            supervisor.start()
            await play.room.truth.until("m1", What.READY, since=0)


async def test_the_carrier_of_every_lan_is_there_when_it_runs(sockets: None, home: Path) -> None:
    async with played(pair_of(IDLE, IDLE), home) as play:
        for machine in play.room.members.values():
            for lan in Lan:
                assert "LOWER_UP" in await out(machine, "ip", "link", "show", lan.value)
