"""What an operator does to a running daemon, by the commands and with programs of others."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from fixtures.simulators.room import MONITOR_PORT, Room, open_room
from fixtures.simulators.room_machine import MachineSpec
from fixtures.simulators.room_os import OsSpec, StopNotice
from fixtures.simulators.room_site import Daemon, Site, run_daemon, set_up
from fixtures.simulators.room_truth import Fact
from haconn.wire.codes import Proof, Verdict

DUMPING = OsSpec(boot_s=0.5, notice=StopNotice.TICKET, notice_after_s=0.1)
DARK = ("ipdusd=on", "timeout=5", "recoverytime=0")
SPECS = (
    MachineSpec(name="ASKS", number=1, port=MONITOR_PORT),
    MachineSpec(name="DUMPS", number=2, port=MONITOR_PORT, system=DUMPING),
    MachineSpec(name="SILENT", number=3, port=MONITOR_PORT),
    MachineSpec(name="DARK", number=4, port=MONITOR_PORT, options=DARK, feeds=2),
    MachineSpec(
        name="CRASHES",
        number=5,
        port=MONITOR_PORT,
        options=("fence_kdump=on", "dumpwait=20", "kdump_from=127.0.0.1"),
    ),
)


class Scene:
    """A room, its management server, and the daemon on it."""

    def __init__(self, room: Room, site: Site, daemon: Daemon) -> None:
        self.room = room
        self.site = site
        self.daemon = daemon

    async def reset(self, target: str) -> tuple[Verdict, Proof]:
        """Let ASKS have a target reset."""
        requester = await self.room["ASKS"].os.registered()
        heard = await requester.request_reset(self.room[target].os.system)
        return heard.result.verdict, heard.result.proof


@asynccontextmanager
async def on_stage(home: Path, *names: str) -> AsyncIterator[Scene]:
    """Set up these machines only: every command of an operator takes its time."""
    async with open_room(*(spec for spec in SPECS if spec.name in names)) as room:
        site = await set_up(room, home, periods={"pdu_poll_ms": 1000})
        async with run_daemon(site) as daemon:
            await daemon.devices_known()
            for machine in room:
                await machine.os.registered()
            yield Scene(room, site, daemon)


async def test_soft_reset_test_of_a_server_that_dumps_succeeds_and_never_escalates(
    tmp_path: Path,
) -> None:
    async with on_stage(tmp_path, "DUMPS") as scene:
        ran = await scene.site.command("haconnserver", "reset", "DUMPS", "address=2")
        assert "authenticated stop notice" in ran.out
        assert scene.room.truth.count("DUMPS", Fact.NMI) == 1
        assert scene.room.truth.count("DUMPS", Fact.RESET) == 0


async def test_soft_reset_test_of_a_silent_server_fails_and_leaves_it_as_it_was(
    tmp_path: Path,
) -> None:
    async with on_stage(tmp_path, "SILENT") as scene:
        ran = await scene.site.command("haconnserver", "reset", "SILENT", "address=3", check=False)
        assert ran.status == 1
        assert scene.room.truth.count("SILENT", Fact.RESET) == 0
        shown = await scene.site.command("haconnshow", "hamonitor")
        row = next(line for line in shown.out.splitlines() if "SILENT" in line)
        assert "normal" in row


async def test_outlets_left_off_come_on_by_acrecovery_and_only_then(tmp_path: Path) -> None:
    async with on_stage(tmp_path, "ASKS", "DARK") as scene:
        scene.room["DARK"].hang_bmc()
        assert await scene.reset("DARK") == (Verdict.POFF, Proof.OUTLETS_OFF)
        assert scene.room.truth.count("DARK", Fact.OUTLET_OFF) == 2
        assert scene.room.truth.count("DARK", Fact.OUTLET_ON) == 0
        shown = await scene.site.command("haconnshow", "ipdu")
        assert shown.out.count("Disable  P    DARK") == 2
        await scene.site.command("haconnserver", "acrecovery", "DARK")
        assert scene.room.truth.count("DARK", Fact.OUTLET_ON) == 2


async def test_key_made_while_it_runs_is_taken_at_once_and_retired_at_once(tmp_path: Path) -> None:
    async with on_stage(tmp_path, "ASKS", "DUMPS", "SILENT") as scene:
        made = await scene.site.command(
            "haconnsetup", "key", "new", "SILENT", f"port={MONITOR_PORT}", "address=3"
        )
        assert "note" not in made.err
        await scene.site.command("haconnsetup", "key", "retire", "3.1")
        scene.room["DUMPS"].os.panic()
        verdict, proof = await scene.reset("DUMPS")
        assert (verdict, proof) == (Verdict.DUMP, Proof.STOP_NOTICE)
        silent = scene.room["SILENT"].os.monitor
        with trio.move_on_after(1.5) as gone:
            await silent.request_reset(scene.room["DUMPS"].os.system)
        assert gone.cancelled_caught


async def test_server_renamed_in_the_files_keeps_its_systems_until_a_restart(
    tmp_path: Path,
) -> None:
    async with on_stage(tmp_path, "ASKS", "DUMPS") as scene:
        await scene.site.command("haconnsetup", "pserver", "mod", "DUMPS", "name=RENAMED")
        made = await scene.site.command(
            "haconnsetup", "key", "new", "ASKS", f"port={MONITOR_PORT}", "address=1"
        )
        assert "note" not in made.err
        assert await scene.reset("DUMPS") == (Verdict.DUMP, Proof.STOP_NOTICE)


async def test_datagram_of_the_real_fence_kdump_send_concludes_a_reset(
    tmp_path: Path, peer: Callable[[str], str]
) -> None:
    async with on_stage(tmp_path, "ASKS", "CRASHES") as scene:
        sender = peer("fence_kdump_send")

        async def send() -> None:
            while not scene.room.truth.count("CRASHES", Fact.NMI):  # noqa: ASYNC110
                await trio.sleep(0.05)
            port = str(scene.site.kdump_port)
            command = [sender, "-p", port, "-f", "auto", "-c", "1", "127.0.0.1"]
            assert await (await trio.lowlevel.open_process(command)).wait() == 0

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert await scene.reset("CRASHES") == (Verdict.DUMP, Proof.FENCE_KDUMP)
        assert scene.room.truth.count("CRASHES", Fact.RESET) == 0


async def test_second_daemon_of_the_same_state_is_refused(tmp_path: Path) -> None:
    async with on_stage(tmp_path, "ASKS") as scene:
        with (tmp_path / "second").open("wb") as errors:
            second = await trio.lowlevel.open_process(
                [sys.executable, "-m", "haconn.daemon.main"],
                stderr=errors,
                env=scene.site.environment,
            )
        assert await second.wait() == 1
        said = (tmp_path / "second").read_text(encoding="utf-8")
        place = f"{tmp_path}/var/lock"
        assert said == f"haconnr2: {place}: another haconnr2 runs; haconnshow status shows it\n"
        assert await scene.daemon.status() is not None


async def test_orderly_stop_removes_the_socket_and_ends_with_0(tmp_path: Path) -> None:
    async with on_stage(tmp_path, "ASKS") as scene:
        assert await scene.daemon.stop() == 0
        assert not (scene.site.home / "run" / "control.sock").exists()
        shown = await scene.site.command("haconnshow", "status", check=False)
        assert shown.out.strip() == "HA connector service is not processing."
