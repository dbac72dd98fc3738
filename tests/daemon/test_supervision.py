"""What a service manager is told, on a real datagram socket."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from haconn.daemon.supervision import LATE_S, Supervisor


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + address[1:] if address.startswith("@") else address)
        sock.setblocking(False)
        yield sock


def told(sock: socket.socket) -> list[str]:
    states: list[str] = []
    while True:
        try:
            states.append(sock.recv(4096).decode())
        except BlockingIOError:
            return states


def on_time() -> float:
    return 0.0


@pytest.mark.parametrize("abstract", [False, True])
def test_states_reach_the_manager(tmp_path: Path, abstract: bool) -> None:
    address = f"@haconn-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with manager(address) as sock:
        supervisor = Supervisor({"NOTIFY_SOCKET": address})
        supervisor.tell("READY=1")
        supervisor.tell("STOPPING=1")
        assert told(sock) == ["READY=1", "STOPPING=1"]


def test_without_a_manager_or_with_a_dead_one_nothing_happens(tmp_path: Path) -> None:
    Supervisor({}).tell("READY=1")
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell("READY=1")


async def test_the_watchdog_is_fed_three_times_in_its_time(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    address = str(tmp_path / "notify")
    with manager(address) as sock:
        supervisor = Supervisor({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
        with trio.move_on_after(2.9):
            await supervisor.serve(on_time)
        assert told(sock) == ["WATCHDOG=1"] * 9


async def test_the_watchdog_is_not_fed_while_the_core_is_late(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    address = str(tmp_path / "notify")
    lateness = [0.0]
    with manager(address) as sock:
        supervisor = Supervisor({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervisor.serve, lambda: lateness[0])
            await trio.sleep(0.35)
            assert len(told(sock)) == 4
            lateness[0] = LATE_S
            await trio.sleep(10)
            assert not told(sock)
            lateness[0] = LATE_S - 0.01
            await trio.sleep(0.35)
            assert told(sock)
            nursery.cancel_scope.cancel(reason="the test has ended")


async def test_after_a_stall_the_watchdog_is_fed_as_soon_as_the_core_has_caught_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Else a stall of half a second ends in a kill a third of a second after it."""
    address = str(tmp_path / "notify")
    late = [True]
    with manager(address) as sock:
        supervisor = Supervisor({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervisor.serve, lambda: 0.6 if late[0] else 0.0)
            await trio.sleep(0.01)
            late[0] = False
            await trio.sleep(0.1)
            assert told(sock) == ["WATCHDOG=1"]
            nursery.cancel_scope.cancel(reason="the test has ended")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "0"},
    ],
)
async def test_without_a_watchdog_of_ours_nobody_is_fed(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    address = str(tmp_path / "notify")
    with manager(address) as sock:
        await Supervisor({"NOTIFY_SOCKET": address, **environment}).serve(on_time)
        assert not told(sock)


async def test_a_manager_that_does_not_read_delays_nobody(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    address = str(tmp_path / "notify")
    with manager(address):
        supervisor = Supervisor({"NOTIFY_SOCKET": address})
        for _ in range(10_000):
            supervisor.tell("WATCHDOG=1")
