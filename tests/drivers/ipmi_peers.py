"""The BMCs that one contract is tested on: ours, pyghmi's, ipmi_sim, virtualbmc.

Each runs as a process of its own, so that it can be stopped with SIGSTOP as a real BMC hangs.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PEERS = Path(__file__).parent.parent / "peers"
ROOT = PEERS.parent.parent
Executed = Callable[[], Counter[str]]


@dataclass(frozen=True)
class BmcPeer:
    """A running BMC of somebody's; account admin, password password."""

    name: str
    port: int
    suites: tuple[int, ...]
    """What it can really speak."""
    process: subprocess.Popen[str]
    executed: Executed
    """Chassis commands that were carried out, by haconn's names."""
    has_nmi: bool = True
    has_guid: bool = True
    keeps_power: bool = True


@contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a server until the block ends; it is killed and waited for, also when stopped."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    """Find a UDP port that nobody has bound just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def simulated(directory: Path) -> Iterator[BmcPeer]:
    port, control = free_port(), directory / "control"
    module = [sys.executable, "-m", "fixtures.simulators.bmc"]
    with started(*module, "--port", str(port), "--control", str(control)) as process:
        _wait_for_ready(process)

        def executed() -> Counter[str]:
            with socket.socket(socket.AF_UNIX) as stream:
                stream.connect(str(control))
                stream.sendall(b"counts\n")
                answer = json.loads(stream.makefile().readline())
            return Counter(answer[f"127.0.0.1:{port}"]["executed"])

        yield BmcPeer("simulated", port, (17, 3), process, executed)


@contextmanager
def pyghmi() -> Iterator[BmcPeer]:
    port = free_port()
    module = [sys.executable, "-m", "fixtures.simulators.pyghmi_bmc"]
    with started(*module, str(port)) as process, _printed(process) as executed:
        yield BmcPeer("pyghmi", port, (3,), process, executed, has_guid=False)


@contextmanager
def virtualbmc() -> Iterator[BmcPeer]:
    python = os.environ.get("HACONN_PEER_VIRTUALBMC")
    if python is None and os.environ.get("CI") == "true":
        pytest.fail("HACONN_PEER_VIRTUALBMC is not set, and CI may not skip it", pytrace=False)
    if python is None:
        pytest.skip("HACONN_PEER_VIRTUALBMC names no Python (tests/peers/make_virtualbmc.sh)")
    port = free_port()
    script = str(PEERS / "virtualbmc_peer.py")
    with started(python, script, str(port)) as process, _printed(process) as executed:
        yield BmcPeer(
            "virtualbmc", port, (3,), process, executed, has_guid=False, keeps_power=False
        )


@contextmanager
def ipmi_sim(program: str, directory: Path) -> Iterator[BmcPeer]:
    port, source = free_port(), PEERS / "ipmi_sim"
    template = (source / "lan.conf").read_text()
    for mark, text in (("PORT", str(port)), ("HERE", str(source)), ("STATE", str(directory))):
        template = template.replace(f"@{mark}@", text)
    (directory / "lan.conf").write_text(template)
    log = directory / "log"
    arguments = ["-c", f"{directory}/lan.conf", "-f", f"{source}/sim.emu", "-s", str(directory)]
    with started(program, *arguments, "-n") as process:
        yield BmcPeer(
            "ipmi_sim",
            port,
            (3,),
            process,
            lambda: Counter(log.read_text().split() if log.exists() else []),
            has_nmi=False,
        )


@contextmanager
def _printed(process: subprocess.Popen[str]) -> Iterator[Executed]:
    """Count the lines that a peer prints after `ready`."""
    output = process.stdout
    assert output is not None
    _wait_for_ready(process)
    lines: list[str] = []

    def collect() -> None:
        for line in output:
            lines.append(line.strip())  # noqa: PERF401 - counted while it grows

    reader = threading.Thread(target=collect)
    reader.start()
    try:
        yield lambda: Counter(lines)
    finally:
        process.kill()
        reader.join()


def _wait_for_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            return
    pytest.fail(f"{process.args!r} ended before it was ready")
