"""HACONN_VAR is full or read-only, and the daemon dies in mid-reset: one NMI, and one verdict."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from fixtures.simulators.room import MONITOR_PORT, Room, open_room
from fixtures.simulators.room_machine import MachineSpec
from fixtures.simulators.room_os import OsSpec, StopNotice
from fixtures.simulators.room_site import Daemon, run_daemon, set_up
from fixtures.simulators.room_truth import Fact
from haconn.wire.codes import Verdict

PATIENCE_S = 60.0
SPECS = (
    MachineSpec(name="REQ", number=1, port=MONITOR_PORT, system=OsSpec(boot_s=0.5)),
    MachineSpec(
        name="GOAL",
        number=2,
        port=MONITOR_PORT,
        system=OsSpec(boot_s=0.5, notice=StopNotice.NOTHING),
    ),
)


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """A file system of its own, of 3 MiB."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "small", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path) -> None:
    """Leave nothing of a disk."""
    with (place / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def make_read_only(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)


async def alarmed(daemon: Daemon) -> None:
    """Wait until an alarm says that the journal cannot be written."""
    for _ in range(int(PATIENCE_S / 0.1)):
        report = await daemon.status()
        if report is not None and any("journal" in alarm for alarm in report.alarms):
            return
        await trio.sleep(0.1)
    raise AssertionError(report)


async def nmi_came(room: Room) -> None:
    for _ in range(int(PATIENCE_S / 0.02)):
        if room.truth.of("GOAL", Fact.NMI):
            return
        await trio.sleep(0.02)
    raise AssertionError("no NMI")


async def with_a_bad_disk(daemon: Daemon, var: Path, how: str) -> None:
    """Have a daemon that runs on a disk that cannot be written."""
    await daemon.devices_known()
    if how == "full later":
        fill(var)
        return
    await daemon.kill()
    if how == "full at the start":
        fill(var)
    else:
        make_read_only(var)
    await daemon.start()
    await daemon.devices_known()
    await alarmed(daemon)


async def killed_in_mid_reset(room: Room, daemon: Daemon) -> list[Verdict]:
    """Ask for a reset, kill the daemon after the NMI, start it again; what the requester hears."""
    requester = await room["REQ"].os.registered()
    await room["GOAL"].os.registered()
    verdicts: list[Verdict] = []

    async def ask() -> None:
        heard = await requester.request_reset(room["GOAL"].os.system)
        verdicts.append(heard.result.verdict)

    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await nmi_came(room)
            await trio.sleep(0.3)
            await daemon.kill()
            await daemon.start()
    return verdicts


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk: needs root")
@pytest.mark.parametrize("how", ["full at the start", "full later", "read-only"])
async def test_a_kill_in_mid_reset_repeats_no_nmi_and_loses_no_verdict(
    how: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with small_disk(home / "var"):
        async with open_room(*SPECS) as room:
            site = await set_up(room, home, hispeed_ms=3000)
            async with run_daemon(site) as daemon:
                await with_a_bad_disk(daemon, home / "var", how)
                verdicts = await killed_in_mid_reset(room, daemon)
    assert len(room.truth.of("GOAL", Fact.NMI)) == 1
    assert verdicts == [Verdict.DUMP]
