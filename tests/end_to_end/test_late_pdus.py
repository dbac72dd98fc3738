"""PDUs that answer when the reset has long concluded: what has booted since is not switched off."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from fixtures.simulators.room import MONITOR_PORT, Room, open_room
from fixtures.simulators.room_machine import MachineSpec
from fixtures.simulators.room_os import OsSpec
from fixtures.simulators.room_site import run_daemon, set_up
from fixtures.simulators.room_truth import Fact
from haconn.wire.codes import Verdict

TIMEOUT_S = 5.0
UNTIL_THE_CUT_S = 1.0 + TIMEOUT_S + 0.5
"""T-soft, T-hard, and a little."""
A_CUT_TAKES_S = 12.0


def pdus_are(room: Room, silent: str) -> None:
    for pdu, _ in room.pdus:
        pdu.agent.faults.silent = silent


@pytest.mark.parametrize("recovery_s", [0, 5])
async def test_pdus_that_answer_after_the_verdict_leave_the_booted_target_on(
    tmp_path: Path, recovery_s: int
) -> None:
    wired = ("ipdusd=on", f"timeout={TIMEOUT_S:.0f}", f"recoverytime={recovery_s}")
    asks = MachineSpec(name="ASKS", number=1, port=MONITOR_PORT)
    target = MachineSpec(
        name="CUT",
        number=2,
        port=MONITOR_PORT,
        options=wired,
        feeds=2,
        system=OsSpec(boot_s=0.5),
    )
    async with open_room(asks, target) as room:
        pdus_are(room, "all")
        room["CUT"].hang_bmc()
        room["CUT"].bmc.faults = replace(room["CUT"].bmc.faults, silent=True)
        site = await set_up(room, tmp_path, hispeed_ms=1000, periods={"pdu_poll_ms": 1000})
        async with run_daemon(site) as daemon, trio.open_nursery() as nursery:
            requester = await room["ASKS"].os.registered()
            await room["CUT"].os.registered()
            await trio.sleep(3)
            heard: list[Verdict] = []
            told = trio.Event()

            async def ask() -> None:
                heard.append((await requester.request_reset(room["CUT"].os.system)).result.verdict)
                told.set()

            nursery.start_soon(ask)
            await trio.sleep(UNTIL_THE_CUT_S)
            assert not heard
            room["CUT"].os.reset()
            await told.wait()
            pdus_are(room, "")
            await trio.sleep(A_CUT_TAKES_S)
            report = await daemon.status()
        assert heard == [Verdict.DUMP]
        assert not room.truth.of("CUT", Fact.OUTLET_OFF, Fact.DARK)
        assert report is not None
        assert not report.owed
