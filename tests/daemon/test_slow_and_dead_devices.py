"""The real daemon among devices that are slow or dead: they are used, or they harm no other."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import trio

from fixtures.simulators.bmc_state import Faults
from fixtures.simulators.room import MONITOR_PORT, Room, open_room
from fixtures.simulators.room_machine import MachineSpec
from fixtures.simulators.room_site import Daemon, Site, run_daemon, set_up
from haconn.core.report import Link
from haconn.wire.codes import Verdict
from tests.bench.service import run_service
from tests.bench.simulators import run_simulator
from tests.bench.site import BMC_PORT, PDU_PORT
from tests.bench.site import set_up as set_up_full_size

PATIENCE_S = 60.0


def machines(count: int) -> list[MachineSpec]:
    return [MachineSpec(name=f"m{n}", number=n, port=MONITOR_PORT) for n in range(1, count + 1)]


async def link(daemon: Daemon, name: str) -> Link:
    report = await daemon.status()
    assert report is not None
    return next(row.bmc for row in report.servers if row.name == name)


async def until_ok(daemon: Daemon, name: str) -> None:
    with trio.fail_after(PATIENCE_S):
        while True:
            if await link(daemon, name) is Link.OK:
                return
            await trio.sleep(0.1)


async def until_logged(site: Site, text: str) -> None:
    with trio.fail_after(PATIENCE_S):
        while True:
            if any(text in line for line in site.log("errlog")):
                return
            await trio.sleep(0.1)


async def executed(room: Room, asker: str, target: str) -> tuple[Verdict, Counter[str]]:
    """Ask for a reset; give the verdict and what the target's BMC carried out."""
    requester = await room[asker].os.registered()
    await room[target].os.registered()
    with trio.fail_after(PATIENCE_S):
        heard = await requester.request_reset(room[target].os.system)
    return heard.result.verdict, room[target].bmc.counts.executed


async def test_a_bmc_of_0_8_s_per_datagram_logs_in_stays_ok_and_is_reset(tmp_path: Path) -> None:
    """It was NG for ever when datagrams were repeated at fixed times, and nothing was sent."""
    async with open_room(*machines(2)) as room:
        room["m2"].bmc.faults = Faults(delay_s=0.8)
        site = await set_up(room, tmp_path, periods={"bmc_poll_ms": 1000})
        async with run_daemon(site) as daemon:
            await until_ok(daemon, "m2")
            for _ in range(16):
                await trio.sleep(0.5)
                assert await link(daemon, "m2") is Link.OK
            verdict, counts = await executed(room, "m1", "m2")
            assert (verdict, counts["reset"]) == (Verdict.DUMP, 1)


async def test_a_bmc_that_slows_down_to_1_5_s_is_reset_within_its_deadline(tmp_path: Path) -> None:
    async with open_room(*machines(2)) as room:
        site = await set_up(room, tmp_path, periods={"bmc_poll_ms": 1000})
        async with run_daemon(site) as daemon:
            await until_ok(daemon, "m2")
            room["m2"].bmc.faults = Faults(delay_s=1.5)
            await trio.sleep(6)
            began = trio.current_time()
            verdict, counts = await executed(room, "m1", "m2")
            assert (verdict, counts["reset"]) == (Verdict.DUMP, 1)
            assert trio.current_time() - began < 1.0 + 10.0, "T-soft, and the first hard shot"


async def test_a_hundred_dead_pdus_and_31_dead_bmcs_leave_the_others_as_fresh(
    tmp_path: Path,
) -> None:
    """Of 132 and 32, at the periods that nobody changes: 5 s and 1 s."""
    site = set_up_full_size(tmp_path)
    bmcs = [server.bmc for server in site.servers]
    async with (
        run_simulator("bmc_process", BMC_PORT, bmcs) as farm,
        run_simulator("pdu_process", PDU_PORT, site.pdus) as rack,
        run_service(site),
    ):
        await farm.ask(f"silent {' '.join(bmcs[1:])}")
        await rack.ask(f"silent {' '.join(site.pdus[32:])}")
        await trio.sleep(3)
        first = await farm.counts(), await rack.counts()
        await trio.sleep(16.5)
        then = await farm.counts(), await rack.counts()
        assert then[0][bmcs[0]] - first[0][bmcs[0]] >= 13
        read = [then[1][pdu] - first[1][pdu] for pdu in site.pdus[:32]]
        assert min(read) >= 2, "each once in five seconds and a little"


async def test_a_slot_that_a_killed_daemon_holds_is_waited_for_and_said(tmp_path: Path) -> None:
    """Its session keys died with it: nothing can close that session, only the BMC's own minute."""
    async with open_room(*machines(1)) as room:
        bmc = room["m1"].bmc
        commands = bmc.protocol.commands
        commands.identity = replace(commands.identity, slots=1)
        site = await set_up(room, tmp_path, periods={"bmc_poll_ms": 500})
        async with run_daemon(site) as daemon:
            await until_ok(daemon, "m1")
            await daemon.kill()
            await daemon.start()
            await until_logged(site, "no free session")
            bmc.forget_sessions()
            began = trio.current_time()
            await until_ok(daemon, "m1")
            assert trio.current_time() - began < 3.0, "asked as often as it is polled"
