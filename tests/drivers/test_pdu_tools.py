"""net-snmp's own commands against the simulated PDUs: they are what they claim to be."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from fixtures.simulators.pdu import Rack, obey
from fixtures.simulators.pdu_layouts import IBM_ROW
from tests.peers.snmpd.farm import ROOT, own_environment

HOST = "127.0.3.4"
OLD_STATE = ".".join(map(str, (*IBM_ROW, 11)))
RPDU2 = "1.3.6.1.4.1.318.1.1.26.9.2"


async def run(*command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command without stopping the simulator, which lives in the same process."""
    return await trio.to_thread.run_sync(
        partial(
            subprocess.run,
            command,
            env=own_environment(home),
            capture_output=True,
            text=True,
            check=False,
        )
    )


@pytest.mark.parametrize("version", ["-v1", "-v2c"])
async def test_snmpset_switches_and_snmpget_reads(
    nursery: trio.Nursery, peer: Callable[[str], str], tmp_path: Path, version: str
) -> None:
    rack = Rack.of("ibm-old", [HOST])
    await nursery.start(rack.serve)
    pdu = rack[HOST]
    where = f"{HOST}:{pdu.port}"
    outlet = f"{OLD_STATE}.4"
    get = (peer("snmpget"), version, "-Oqv", "-c", "public", where, outlet)
    assert (await run(*get, home=tmp_path)).stdout == "1\n"
    put = (peer("snmpset"), version, "-Oqv", "-c", "private", where, outlet, "i", "0")
    assert (await run(*put, home=tmp_path)).stdout == "0\n"
    assert (await run(*get, home=tmp_path)).stdout == "0\n"
    assert pdu.agent.on[4] is False
    counts = pdu.agent.counts
    assert (counts.gets, counts.sets, counts.datagrams) == (2, 1, 3)
    assert counts.sets_of_outlet == {4: 1}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("-v2c", "-c", "public", "{}", f"{OLD_STATE}.4", "i", "0"), "noAccess"),
        (("-v1", "-c", "public", "{}", f"{OLD_STATE}.4", "i", "0"), "noSuchName"),
        (("-v2c", "-c", "private", "{}", f"{OLD_STATE}.99", "i", "0"), "noCreation"),
        (("-v2c", "-c", "private", "{}", f"{OLD_STATE}.4", "u", "0"), "wrongType"),
        (("-v2c", "-c", "private", "{}", f"{OLD_STATE}.4", "i", "9"), "wrongValue"),
        (("-v1", "-c", "private", "{}", f"{OLD_STATE}.4", "i", "9"), "badValue"),
        (("-v2c", "-c", "private", "{}", f"{OLD_STATE[:-2]}2.4", "s", "x"), "notWritable"),
    ],
)
async def test_snmpset_is_refused_as_the_rfc_says(
    nursery: trio.Nursery,
    peer: Callable[[str], str],
    tmp_path: Path,
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    rack = Rack.of("ibm-old", [HOST])
    await nursery.start(rack.serve)
    words = [word.format(f"{HOST}:{rack[HOST].port}") for word in arguments]
    done = await run(peer("snmpset"), *words, home=tmp_path)
    assert reason in done.stderr
    assert all(rack[HOST].agent.on.values())


async def test_rpdu2_is_written_2_for_off_and_read_1(
    nursery: trio.Nursery, peer: Callable[[str], str], tmp_path: Path
) -> None:
    rack = Rack.of("apc-rpdu2", [HOST])
    await nursery.start(rack.serve)
    where = f"{HOST}:{rack[HOST].port}"
    put = ("-v2c", "-c", "private", where, f"{RPDU2}.4.1.5.3", "i", "2")
    await run(peer("snmpset"), *put, home=tmp_path)
    get = ("-v2c", "-Oqv", "-c", "public", where, f"{RPDU2}.3.1.5.3", f"{RPDU2}.3.1.5.4")
    assert (await run(peer("snmpget"), *get, home=tmp_path)).stdout == "1\n2\n"


@pytest.mark.parametrize("command", ["snmpwalk", "snmpbulkwalk"])
async def test_walk_shows_every_object_once(
    nursery: trio.Nursery, peer: Callable[[str], str], tmp_path: Path, command: str
) -> None:
    rack = Rack.of("ibm-new", [HOST])
    await nursery.start(rack.serve)
    where = f"{HOST}:{rack[HOST].port}"
    walk = ("-v2c", "-Onq", "-c", "public", where, ".1.3.6.1.4.1.2.6.223.8.2.2.1.13")
    lines = (await run(peer(command), *walk, home=tmp_path)).stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["1"] * 12


def test_commands_of_the_simulator_are_checked() -> None:
    rack = Rack.of("ibm-old", [HOST])
    for line in (
        "",
        "fault",
        "foo all",
        f"fault {HOST} foo=1",
        f"fault {HOST} lie=big",
        f"fault {HOST} silent",
        f"switch {HOST} 99 off",
        f"switch {HOST} 1",
        "counts ::1",
    ):
        with pytest.raises(ValueError, match=r"\w"):
            obey(rack, line)
    obey(rack, f"fault {HOST} stuck=1,2 drop_percent=20 silent=all")
    faults = rack[HOST].agent.faults
    assert (faults.stuck, faults.drop_percent, faults.silent) == ((1, 2), 20.0, "all")
    obey(rack, f"fault {HOST} stuck= silent=")
    assert (faults.stuck, faults.silent) != (rack[HOST].agent.faults.stuck, "")


async def test_simulator_runs_by_hand_and_obeys_its_input() -> None:
    arguments = ("--count", "2", "--first", "127.0.3.5", "--port", "0", "--layout", "apc-rpdu")
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "fixtures.simulators.pdu", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines = b""
    try:
        await process.stdin.send_all(b"switch 127.0.3.6 3 off\noutlets all\nbad\n")
        with trio.fail_after(60):
            while lines.count(b"\n") < 4:
                lines += await process.stdout.receive_some()
    finally:
        process.kill()
        await process.stdin.aclose()
        await process.stdout.aclose()
    await process.wait()
    ready, _, outlets, bad = lines.decode().splitlines()
    assert ready.startswith("ready 2 127.0.3.5:")
    assert json.loads(outlets)["127.0.3.6"]["3"] is False
    assert json.loads(outlets)["127.0.3.5"]["3"] is True
    assert "error" in json.loads(bad)
