"""Simulated BMCs by hand: the command, its lines, and the faults they switch."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from fixtures.simulators.bmc import BmcFarm, SimulatedBmc
from fixtures.simulators.bmc_control import Control
from fixtures.simulators.bmc_state import CHASSIS_COMMANDS, LIES, LOGIN_FAULTS, Faults, PlainChassis

ROOT = Path(__file__).parent.parent.parent
FIRST, SECOND = "127.0.0.1:6230", "127.0.0.1:6231"


class Farm:
    """Two BMCs that are not served, and the control of them."""

    def __init__(self) -> None:
        self.bmcs = {FIRST: SimulatedBmc(), SECOND: SimulatedBmc()}
        self.quits = 0
        self._control = Control(BmcFarm(self.bmcs), self._quit)

    def say(self, line: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._control.answer(line))
        return answer

    def _quit(self) -> None:
        self.quits += 1


@pytest.fixture
def farm() -> Farm:
    return Farm()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("silent", Faults(silent=True)),
        ("delay 0.25", Faults(delay_s=0.25)),
        ("drop 30", Faults(drop=0.3)),
        ("lie stale-off", Faults(lies=frozenset({"stale-off"}))),
        ("login no-session", Faults(login="no-session")),
    ],
)
async def test_a_fault_is_set_on_one_bmc_and_cleared(
    farm: Farm, fault: str, expected: Faults
) -> None:
    assert farm.say(f"fault {FIRST} {fault}") == {"ok": True}
    assert (farm.bmcs[FIRST].faults, farm.bmcs[SECOND].faults) == (expected, Faults())
    assert farm.say("clear all") == {"ok": True}
    assert farm.bmcs[FIRST].faults == Faults()


@pytest.mark.parametrize("command", ["status", *CHASSIS_COMMANDS.values()])
def test_each_command_can_be_refused(farm: Farm, command: str) -> None:
    assert farm.say(f"fault all refuse {command} D5") == {"ok": True}
    assert farm.bmcs[SECOND].faults.refuse == {command: 0xD5}


def test_every_lie_and_login_fault_can_be_named(farm: Farm) -> None:
    lines = [f"fault all lie {lie}" for lie in LIES]
    lines += [f"fault all login {fault}" for fault in LOGIN_FAULTS]
    assert [farm.say(line) for line in lines] == [{"ok": True}] * len(lines)


def test_power_is_switched_behind_the_bmc(farm: Farm) -> None:
    assert farm.say(f"power {FIRST} off") == {"ok": True}
    first, second = (bmc.chassis for bmc in farm.bmcs.values())
    assert isinstance(first, PlainChassis)
    assert (first.power(), second.power()) == (False, True)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "fault",
        f"fault {FIRST}",
        f"fault {FIRST} lie never",
        f"fault {FIRST} login never",
        f"fault {FIRST} delay long",
        f"fault {FIRST} refuse reset xx",
        f"fault {FIRST} refuse dance D5",
        "fault 127.0.0.1:1 silent",
        f"power {FIRST} sideways",
        f"clear {FIRST} now",
        "counts a b",
    ],
)
def test_what_is_not_understood_is_an_error_and_changes_nothing(farm: Farm, line: str) -> None:
    assert list(farm.say(line)) == ["error"]
    assert farm.bmcs[FIRST].faults == Faults()


def test_counts_name_every_chassis_command(farm: Farm) -> None:
    everything = farm.say("counts")
    assert list(everything) == [FIRST, SECOND]
    assert everything[FIRST]["executed"] == dict.fromkeys(CHASSIS_COMMANDS.values(), 0)
    assert list(farm.say(f"counts {SECOND}")) == [SECOND]


async def test_a_frozen_bmc_thaws_when_it_is_cleared(farm: Farm, nursery: trio.Nursery) -> None:
    farm.say(f"fault {FIRST} freeze 3600")
    thawed = trio.Event()

    async def wait() -> None:
        await farm.bmcs[FIRST].wait_while_frozen()
        thawed.set()

    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    assert not thawed.is_set()
    farm.say(f"clear {FIRST}")
    await thawed.wait()


def test_quit_quits(farm: Farm) -> None:
    assert farm.say("quit") == {"ok": True}
    assert farm.quits == 1


@pytest.fixture
def command(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    control = tmp_path / "control"
    module = [sys.executable, "-m", "fixtures.simulators.bmc"]
    with subprocess.Popen(
        [*module, "--port", "0", "--count", "1", "--control", str(control)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, control
        process.kill()


def test_the_command_says_ready_takes_lines_and_quits(
    command: tuple[subprocess.Popen[str], Path],
) -> None:
    process, control = command
    assert process.stdin is not None
    assert process.stdout is not None
    ready, address = process.stdout.readline().split()
    assert ready == "ready"
    process.stdin.write(f"fault {address} silent\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"ok": True}
    ask = [sys.executable, "-m", "fixtures.simulators.bmc", "--control", str(control), "--ask"]
    counts = subprocess.run([*ask, "counts"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(counts.stdout)[address]["datagrams"] == 0
    ended = subprocess.run([*ask, "quit"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == {"ok": True}
    assert process.wait(timeout=60) == 0
    assert not control.exists()
