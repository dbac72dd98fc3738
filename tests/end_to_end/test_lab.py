"""The lab as a user runs it: honest devices agree, each lie is found, and nothing is left behind.

All of them run at the same time, since they mostly wait.
"""

import contextlib
import faulthandler
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 280.0
ENDS_S = 300.0
"""However slow the machine is."""
RUNS = {
    "honest": (),
    "bmc": ("--lie", "bmc", "--only", "proof=power-off", "--only", "silent target"),
    "pdu": ("--lie", "pdu", "--only", "silent BMC"),
    "notice": ("--lie", "notice", "--only", "stop notice"),
}


@dataclass(frozen=True)
class Ran:
    """A lab that has ended."""

    status: int
    out: str
    err: str

    @property
    def last(self) -> str:
        return self.out.splitlines()[-1]


def start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a lab whose temporary files lie in a directory."""
    return subprocess.Popen(
        [sys.executable, "-m", "fixtures.simulators.lab", "--limit", str(LIMIT_S), *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(directory)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(lab: subprocess.Popen[str]) -> Ran:
    faulthandler.cancel_dump_traceback_later()  # pytest's: a loaded machine may take its time
    out, err = lab.communicate(timeout=ENDS_S)
    return Ran(lab.returncode, out, err)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module", autouse=True)
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A lab that serves; it is the last to be looked at, and sets up meanwhile."""
    with start(tmp_path_factory.mktemp("served"), "--serve") as lab:
        yield lab
        lab.terminate()


@pytest.fixture(scope="module")
def labs(scratch: Path) -> Iterator[Callable[[str], Ran]]:
    """Every run of RUNS, started together; give the end of one."""
    started: dict[str, subprocess.Popen[str]] = {}
    ended: dict[str, Ran] = {}
    with contextlib.ExitStack() as stack:
        for name, arguments in RUNS.items():
            lab = start(scratch, *arguments)
            started[name] = stack.enter_context(lab)
            stack.callback(lab.terminate)

        def ran(name: str) -> Ran:
            if name not in ended:
                ended[name] = end(started[name])
            return ended[name]

        yield ran


def row(ran: Ran, scenario: str) -> str:
    """The line of the comparison about a scenario."""
    return next(line for line in ran.out.splitlines() if line.startswith(f"{scenario} | "))


def test_honest_devices_agree_in_every_scenario(labs: Callable[[str], Ran]) -> None:
    ran = labs("honest")
    assert ran.last == "lab: 13 of 13 agree", ran.out
    assert (ran.status, ran.err) == (0, "")
    assert "DISAGREES" not in ran.out


def test_every_part_of_the_report_is_shown(labs: Callable[[str], Ran]) -> None:
    ran = labs("honest")
    parts = [line for line in ran.out.splitlines() if line.startswith("== ")]
    assert parts == ["== timelines", "== reset log", "== comparison"]
    assert "haconn's reset log" in ran.out
    assert re.search(
        r"^\[\d{4}/\d\d/\d\d .*\] RM-RESET mute 13 SEND .* P DUMP$", ran.out, re.MULTILINE
    )
    assert "\x1b" not in ran.out


@pytest.mark.parametrize(
    ("lie", "scenario", "promise", "last"),
    [
        ("bmc", "proof=power-off", "offon: told POFF, and it was never off", "1 of 2"),
        ("pdu", "silent BMC", "nobmc: told POFF, and its outlets give power", "0 of 1"),
        ("notice", "stop notice", "ticket: told DUMP, and its kernel runs on", "0 of 1"),
    ],
)
def test_a_lie_where_an_effect_was_promised_is_found(
    labs: Callable[[str], Ran], lie: str, scenario: str, promise: str, last: str
) -> None:
    ran = labs(lie)
    assert "its kernel runs on" in row(ran, scenario)
    assert f"  DISAGREES: broken promise: {promise}" in ran.out
    assert ran.out.count("DISAGREES: ") == 1
    assert ran.last == f"lab: {last} agree"
    assert (ran.status, ran.err) == (1, "")


def test_where_only_an_answer_was_promised_a_lying_bmc_breaks_no_promise(
    labs: Callable[[str], Ran],
) -> None:
    shown = row(labs("bmc"), "silent target")
    assert "DUMP (BMC accepted, an answer only) | untouched; its kernel runs on" in shown


def test_nothing_is_left_by_those_that_ended(labs: Callable[[str], Ran], scratch: Path) -> None:
    for name in RUNS:
        ran = labs(name)
        pids = re.findall(r"haconnr2 runs \(process (\d+)\)", ran.out)
        assert pids, ran.out
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not list(scratch.glob("haconn-lab-*"))


def pid_of_daemon(lab: subprocess.Popen[str]) -> int:
    """Wait until the daemon runs."""
    assert lab.stdout is not None
    for line in lab.stdout:
        found = re.search(r"process (\d+)", line)
        if found:
            return int(found[1])
    raise AssertionError("the lab ended before its daemon ran")


def test_interrupted_in_the_middle_it_leaves_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="lab") as name:  # short: a socket lies below it
        place = Path(name)
        with start(place, "--only", "second requester") as lab:
            pid = pid_of_daemon(lab)
            lab.send_signal(signal.SIGINT)
            ran = end(lab)
        assert ran.last == "lab: interrupted by SIGINT"
        assert (ran.status, ran.err) == (1, "")
        assert not Path(f"/proc/{pid}").exists()
        assert not list(place.glob("haconn-lab-*"))


def test_a_served_room_answers_commands_and_ends_well(served: subprocess.Popen[str]) -> None:
    assert served.stdout is not None
    said: list[str] = []
    while not any("orders that this keyboard takes" in line for line in said):
        said.append(served.stdout.readline())
        assert said[-1], "it ended"
    exported = dict(re.findall(r"^export (HACONN_\w+)=(.*)$", "".join(said), re.MULTILINE))
    shown = subprocess.run(
        [sys.executable, "-m", "haconn.cli", "haconnshow", "status"],
        cwd=ROOT,
        env={**os.environ, **exported},
        capture_output=True,
        text=True,
        check=True,
    )
    served.send_signal(signal.SIGTERM)
    ran = end(served)
    assert "gamma" in shown.stdout
    assert (ran.status, ran.last, ran.err) == (0, "lab: ended", "")


def test_an_unknown_scenario_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with start(tmp_path, "--only", "no such thing") as lab:
        ran = end(lab)
    assert ran.status == 2
    assert "silent target" in ran.err
