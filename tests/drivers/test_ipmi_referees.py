"""Clients of other people against our simulated BMC: it must be a BMC for them too.

The driver and the simulator are both ours and could share a misreading; these do not.
"""

import subprocess
import sys
from collections.abc import Callable

import pytest
import trio

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc

RUN_S = 60
PYGHMI = """
import sys
from pyghmi.ipmi.command import Command
bmc = Command("127.0.0.1", "admin", sys.argv[2], port=int(sys.argv[1]), keepalive=False)
print(bmc.get_power()["powerstate"])
for code in (4, 3, 0, 1):
    print(bmc.raw_command(netfn=0, command=2, data=(code,))["code"])
print(bmc.get_power()["powerstate"])
"""
SUITE = pytest.mark.parametrize("suite", ["3", "17"])
Peer = Callable[[str], str]


async def run(*command: str) -> tuple[int, str]:
    """Run a client beside the simulator; give its exit status and what it said."""

    def run_here() -> tuple[int, str]:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=RUN_S, stdin=subprocess.DEVNULL
        )
        return ended.returncode, ended.stdout + ended.stderr

    return await trio.to_thread.run_sync(run_here)


@SUITE
async def test_ipmitool_reads_and_commands(suite: str, peer: Peer, nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    host, port = await nursery.start(serve_bmc, bmc)
    ipmitool = [peer("ipmitool"), "-I", "lanplus", "-C", suite, "-H", host, "-p", str(port)]
    ipmitool += ["-U", "admin", "-P", "password"]
    said = {}
    for verb in ("status", "diag", "reset", "off", "on"):
        code, said[verb] = await run(*ipmitool, "chassis", "power", verb)
        assert code == 0, said
        if verb == "off":
            assert (await run(*ipmitool, "chassis", "power", "status"))[1].strip().endswith("off")
    assert said["status"].strip() == "Chassis Power is on"
    assert bmc.counts.executed == {"nmi": 1, "reset": 1, "power-off": 1, "power-on": 1}
    assert (bmc.counts.logins, bmc.counts.status_reads, bmc.counts.dropped) == (6, 2, 0)


async def test_ipmitool_chooses_the_best_suite_by_itself(peer: Peer, nursery: trio.Nursery) -> None:
    host, port = await nursery.start(serve_bmc, SimulatedBmc())
    code, said = await run(
        *(peer("ipmitool"), "-v", "-I", "lanplus", "-H", host, "-p", str(port)),
        *("-U", "admin", "-P", "password", "chassis", "power", "status"),
    )
    assert code == 0, said
    assert "Using best available cipher suite 17" in said


@SUITE
async def test_ipmitool_is_refused_with_a_wrong_password(
    suite: str, peer: Peer, nursery: trio.Nursery
) -> None:
    bmc = SimulatedBmc()
    host, port = await nursery.start(serve_bmc, bmc)
    code, _ = await run(
        *(peer("ipmitool"), "-I", "lanplus", "-C", suite, "-H", host, "-p", str(port)),
        *("-U", "admin", "-P", "guess", "chassis", "power", "reset"),
    )
    assert code != 0
    assert (bmc.counts.logins, bmc.counts.executed.total()) == (0, 0)


@SUITE
async def test_ipmipower_reads_and_commands(suite: str, peer: Peer, nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    host, port = await nursery.start(serve_bmc, bmc)
    ipmipower = [peer("ipmipower"), "-h", f"{host}:{port}", "-D", "LAN_2_0", "-I", suite]
    ipmipower += ["-u", "admin", "-p", "password"]
    for verb, said in (("--stat", "on"), ("--reset", "ok"), ("--pulse", "ok")):
        code, output = await run(*ipmipower, verb)
        assert (code, output.split()[-1:]) == (0, [said]), output
    assert bmc.counts.executed == {"nmi": 1, "reset": 1}
    assert bmc.counts.dropped == 0


async def test_pyghmi_reads_and_commands(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    _, port = await nursery.start(serve_bmc, bmc)
    code, said = await run(sys.executable, "-c", PYGHMI, str(port), "password")
    assert (code, said.split()) == (0, ["on", "0", "0", "0", "0", "on"])
    assert bmc.counts.executed == {"nmi": 1, "reset": 1, "power-off": 1, "power-on": 1}


async def test_pyghmi_is_refused_with_a_wrong_password(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    _, port = await nursery.start(serve_bmc, bmc)
    code, _ = await run(sys.executable, "-c", PYGHMI, str(port), "guess")
    assert code != 0
    assert (bmc.counts.logins, bmc.counts.executed.total()) == (0, 0)
