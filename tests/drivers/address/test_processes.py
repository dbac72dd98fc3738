"""What becomes of the address when its process dies or hangs, and what a process needs for it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from haconn.drivers.address.lease import VirtualAddress
from tests.drivers.address.conftest import PREFIX, VIRTUAL, Lan

ROOT = Path(__file__).parents[3]
PATIENCE_S = 30


def command(lan: Lan, what: str) -> list[str]:
    return lan.server.command(sys.executable, "-m", "tests.drivers.address.holder", what)


@contextmanager
def holder(lan: Lan) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command(lan, "hold"), cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for _ in range(3):
                assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_process_that_is_killed_or_stopped_loses_the_address(
    lan: Lan, end: signal.Signals
) -> None:
    with lan.server.inside():
        virtual = VirtualAddress(VIRTUAL, PREFIX)
    with virtual, holder(lan) as process:
        assert virtual.held()
        process.send_signal(end)
        with trio.fail_after(PATIENCE_S):
            while virtual.held():  # noqa: ASYNC110
                await trio.sleep(0.02)
        if end is signal.SIGSTOP:
            assert process.poll() is None


def tried(lan: Lan, what: str) -> list[str]:
    done = subprocess.run(
        command(lan, what),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_two_capabilities_are_enough_for_a_user_who_is_not_root(lan: Lan) -> None:
    assert os.geteuid() == 0
    assert tried(lan, "try") == [
        "carrier True",
        "held True",
        "announced True None",
        "asked True",
        "stripped ('rst',)",
    ]


def test_capability_that_is_missing_is_named_in_one_line(lan: Lan) -> None:
    lan.server.give("lo", f"{VIRTUAL}/32")
    assert tried(lan, "try-bare") == [
        "carrier True",
        "10.9.0.3: not permitted, CAP_NET_ADMIN is needed",
        "raw frames on rst: not permitted, CAP_NET_RAW is needed",
        "10.9.0.3: not permitted, CAP_NET_ADMIN is needed",
    ]
