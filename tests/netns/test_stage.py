"""Stages come and go whole, and touch nothing of each other."""

import socket
import subprocess

import pytest

from fixtures.simulators.netns.inside import NETNS, inside
from fixtures.simulators.netns.stage import (
    MEMBERS,
    NAMES,
    Lan,
    Stage,
    StageError,
    bmc_address,
    member_address,
    open_stage,
    pdu_address,
    system_address,
)

LISTENERS = [
    (member, member_address(lan, member), asker)
    for lan, asker in ((Lan.RESET, "s1"), (Lan.MANAGEMENT, "dev"))
    for member in MEMBERS
]
LISTENERS += [("m2", member_address(Lan.DUPLEX, "m2"), "m1")]
LISTENERS += [("s1", system_address(0), "m1"), ("s1", system_address(39), "m2")]
LISTENERS += [("dev", address, "m1") for address in (bmc_address(-2), pdu_address(19))]


def left(stage: Stage) -> list[str]:
    return [name for name in map(stage.namespace, NAMES) if (NETNS / name).exists()]


def sleeper(stage: Stage, name: str) -> subprocess.Popen[bytes]:
    with inside(stage.namespace(name)):
        return subprocess.Popen(["sleep", "600"])


@pytest.mark.parametrize(("listener", "address", "asker"), LISTENERS)
def test_every_address_is_reached_by_who_shares_its_lan(
    stage: Stage, listener: str, address: str, asker: str
) -> None:
    with inside(stage.namespace(listener)):
        ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with inside(stage.namespace(asker)):
        mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with ear, mouth:
        ear.bind((address, 5000))
        ear.settimeout(10)
        mouth.sendto(b"?", (address, 5000))
        assert ear.recv(9) == b"?"


def test_lans_are_apart(stage: Stage) -> None:
    with inside(stage.namespace("s1")):
        mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with mouth, pytest.raises(OSError, match="unreachable"):
        mouth.sendto(b"?", (bmc_address(-1), 623))


def test_nothing_is_left_after_a_failure() -> None:
    with pytest.raises(RuntimeError, match="the test fails"), open_stage() as stage:
        raise RuntimeError("the test fails")
    assert left(stage) == []


def test_down_removes_what_a_killed_run_of_its_prefix_left_and_nothing_else(stage: Stage) -> None:
    killed = Stage()
    killed.up()
    lost, mine = sleeper(killed, "m1"), sleeper(stage, "m1")
    Stage(killed.prefix).down()
    assert lost.wait(10) == -9
    assert left(killed) == []
    assert mine.poll() is None
    assert left(stage) == [stage.namespace(name) for name in NAMES]
    mine.kill()
    mine.wait()


def test_up_replaces_what_a_killed_run_left(stage: Stage) -> None:
    lost = sleeper(stage, "s1")
    Stage(stage.prefix).up()
    assert lost.wait(10) == -9


@pytest.mark.parametrize("prefix", ["a/b", "..", "A1", "x", "a" * 13])
def test_a_prefix_that_could_be_a_path_is_refused(prefix: str) -> None:
    with pytest.raises(StageError):
        Stage(prefix)
