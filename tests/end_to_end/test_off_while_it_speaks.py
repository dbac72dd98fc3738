"""A BMC that restarts and reads off for 8 s, while its system runs and speaks, proves nothing."""

from pathlib import Path

import trio

from fixtures.simulators.room import MONITOR_PORT, open_room
from fixtures.simulators.room_machine import MachineSpec
from fixtures.simulators.room_site import run_daemon, set_up
from fixtures.simulators.room_truth import Fact
from haconn.wire.codes import Verdict

SILENT_S, OFF_S = 4.0, 8.0
AFTER_S = 2.0
"""Time for what was begun while it read off to be told, had it been believed."""
SPECS = tuple(
    MachineSpec(name=name, number=number, port=MONITOR_PORT)
    for number, name in enumerate(("north", "speaks", "south"), 1)
)


async def test_a_restarted_bmc_that_reads_off_proves_nothing_against_a_system_that_speaks(
    tmp_path: Path,
) -> None:
    async with open_room(*SPECS) as room:
        site = await set_up(room, tmp_path, periods={"bmc_poll_ms": 500})
        async with run_daemon(site) as daemon:
            await daemon.devices_known()
            speaks, south = room["speaks"], room["south"]
            monitor = await speaks.os.registered()
            listeners = [await room[name].os.registered() for name in ("north", "south")]
            reads_before = speaks.bmc.counts.status_reads
            speaks.bmc.restart(SILENT_S, OFF_S)
            await trio.sleep(SILENT_S + OFF_S + AFTER_S)
            reads = speaks.bmc.counts.status_reads - reads_before
            shown = (await site.command("haconnshow", "hamonitor", "--plain")).out
            told = [
                notice.state.name
                for listener in listeners
                for _, notice in listener.notices
                if notice.system == speaks.os.system
            ]
            # its own requests are taken as ever
            verdict = (await monitor.request_reset(south.os.system)).result.verdict
    row = next(line for line in shown.splitlines() if " speaks " in line)
    assert reads > 5, "the BMC was not read while it read off"
    assert told == []
    assert "normal" in row, row
    assert verdict is Verdict.DUMP
    assert room.truth.count("speaks", Fact.TAKEN) == room.truth.count("speaks", Fact.STOP) == 0
