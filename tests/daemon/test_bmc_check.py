"""The program that tries a BMC: one sentence, one exit status, and no secret anywhere."""

import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn.daemon.bmc_check import Unusable, read_order
from haconn.drivers.ipmi.login import BmcAddress
from tests.drivers.ipmi_peers import free_port, simulated

CANARY = "canary-Pw9"


def order(port: int, **more: object) -> dict[str, object]:
    return {
        "addr": "127.0.0.1",
        "port": port,
        "account": "admin",
        "password": "password",
        "suite": "auto",
        **more,
    }


def tried(order: Mapping[str, object] | str) -> tuple[int, str]:
    """Run the program; it says one line and never a traceback."""
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "haconn.daemon.bmc_check"],
        input=order if isinstance(order, str) else json.dumps(order),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr == ""
    assert ended.stdout.count("\n") == 1
    return ended.returncode, ended.stdout.strip()


@pytest.mark.parametrize(("suite", "used"), [("auto", 17), (17, 17), (3, 3)])
def test_a_bmc_that_lets_us_in_tells_its_power(tmp_path: Path, suite: str | int, used: int) -> None:
    with simulated(tmp_path) as bmc:
        assert tried(order(bmc.port, suite=suite)) == (0, f"power on, cipher suite {used}")
        assert not any(bmc.executed().values()), "nothing was switched"


def test_a_wrong_password_is_told_and_not_shown(tmp_path: Path) -> None:
    with simulated(tmp_path) as bmc:
        status, said = tried(order(bmc.port, password=CANARY))
    assert status == 1
    assert "password" in said
    assert CANARY not in said


def test_an_account_that_is_not_there_is_told(tmp_path: Path) -> None:
    with simulated(tmp_path) as bmc:
        assert tried(order(bmc.port, account="nobody"))[0] == 1


def test_nobody_there_and_somebody_silent_are_told() -> None:
    assert tried(order(free_port()))[0] == 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        assert tried(order(silent.getsockname()[1], suite=17))[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[" * 3000,
        json.dumps(order(0)),
        json.dumps(order(70000)),
        json.dumps(order(623, addr="bmc.example")),
        json.dumps(order(623, suite=4)),
        json.dumps(order(623, suite=True)),
        json.dumps(order(623, suite=[])),
        json.dumps(order(623, password=None)),
        json.dumps(order(623, account="\u3042")),
        json.dumps({"addr": "127.0.0.1"}),
        json.dumps(order(623, password=CANARY * 1000)),
    ],
)
def test_an_order_that_makes_no_sense_is_one_line(text: str) -> None:
    with pytest.raises(Unusable, match=r"^an order is addr, port, account, password and suite$"):
        read_order(text[:4096])


def test_a_process_refuses_it_too() -> None:
    assert tried("{")[0] == 1


@settings(deadline=None)
@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.dictionaries(
            st.sampled_from(["addr", "port", "account", "password", "suite"]), inner
        ),
    ).map(json.dumps)
)
def test_any_order_is_a_bmc_or_none(text: str) -> None:
    try:
        assert isinstance(read_order(text), BmcAddress)
    except Unusable:
        return
