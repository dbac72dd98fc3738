"""The address of a single server: nobody else may have it."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from haconn.config.schema import ResetPath
from haconn.daemon.parts import StartError
from haconn.daemon.sole_address import require_sole
from haconn.drivers.address.packet import hardware_address, open_sender
from tests.daemon.process import ROOT, Home, configuration
from tests.drivers.address.conftest import RESET_PATH, Lan, lan, permitted

__all__ = ["lan", "permitted"]
OWN, NEIGHBOUR = "10.9.0.1", "10.9.0.11"


async def asked(lan: Lan, address: str) -> str | None:
    with lan.server.inside():
        return await require_sole(address)


async def test_an_address_that_no_other_machine_has_is_good(lan: Lan) -> None:
    began = trio.current_time()
    assert await asked(lan, OWN) is None
    assert trio.current_time() - began >= 0.5, "silence was waited for"


async def test_an_address_that_another_machine_answers_for_is_refused(lan: Lan) -> None:
    with lan.neighbour.inside(), open_sender(RESET_PATH) as sock:
        owner = hardware_address(sock).hex(":")
    lan.server.give(RESET_PATH, f"{NEIGHBOUR}/24")
    with pytest.raises(StartError) as caught:
        await asked(lan, NEIGHBOUR)
    assert str(caught.value) == (
        f"resetpath {NEIGHBOUR}: another machine on {RESET_PATH}, {owner}, answers for this"
        " address; one of the two must have another"
    )


async def test_the_loopback_has_nobody_to_ask() -> None:
    with trio.fail_after(0.5):
        assert await require_sole("127.0.0.1") is None


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    path = ResetPath(addr=NEIGHBOUR, mask="255.255.255.0", port=home.port)
    home.configure(replace(configuration(home.port), resetpath=path))
    return home


def test_a_daemon_whose_address_another_machine_has_ends_with_status_1(
    lan: Lan, home: Home
) -> None:
    lan.server.give(RESET_PATH, f"{NEIGHBOUR}/24")
    with lan.server.inside():
        status, said = home.fails()
    assert status == 1
    assert "answers for this address" in said
    assert "Traceback" not in said
    assert not (home.base / "run" / "control.sock").exists()


def test_a_daemon_that_may_not_ask_says_so_and_serves(lan: Lan, home: Home) -> None:
    """Without CAP_NET_RAW: the address is used, as whoever configured it answers for it."""
    lan.server.give(RESET_PATH, f"{NEIGHBOUR}/24")
    program = (
        "import ctypes, sys; libc = ctypes.CDLL(None, use_errno=True);"
        "assert libc.prctl(24, 13, 0, 0, 0) == 0;"  # PR_CAPBSET_DROP, CAP_NET_RAW
        "import os; os.execv(sys.executable, [sys.executable, '-m', 'haconn.daemon.main'])"
    )
    with lan.server.inside():
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, **home.environment, "NOTIFY_SOCKET": ""},
            stderr=subprocess.PIPE,
        )
    with process:
        try:
            for _ in range(300):
                if (home.base / "run" / "control.sock").exists():
                    break
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.1)
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert "HACN306" in home.log()
    assert "CAP_NET_RAW is needed" in home.log()
