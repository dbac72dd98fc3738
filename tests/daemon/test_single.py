"""A daemon that is alone: an operator stops it, and sees whether the files are what runs."""

import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from fixtures.simulators.monitor import Monitor
from haconn.cli.client import ask
from haconn.cli.errors import CommandError
from haconn.config.edits import set_hispeed
from haconn.config.store import change
from haconn.core.model import Secret, SystemKey
from haconn.core.report import Link, MonitorReport, RoleReport, StatusReport, SystemStatus
from haconn.daemon.single import DRIFT
from haconn.wire.client_events import ResultHeard
from haconn.wire.codes import Verdict
from haconn.wire.control import Monitors, ReloadKeys, Report, Request, ShutdownActive, Status
from haconn.wire.keys import Key
from tests.daemon.process import Home, Running, configuration
from tests.drivers.ipmi_peers import free_port
from tests.wire.parts import own_host

PATIENCE_S = 30.0
PORT = 30001
BETA = "be" * 32


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Two servers, each with a BMC that is not there, and a system on each."""
    home = Home(tmp_path)
    one = configuration(home.port)
    (alpha,), (key,) = one.pservers, one.keys
    alpha = replace(alpha, fence_kdump=False)
    beta = replace(alpha, name="beta", bmcport=free_port(), feeds=())
    second = replace(key, id=2, server="beta", number=2, key=Secret(BETA))
    home.configure(replace(one, pservers=(alpha, beta), keys=(key, second), next_system=3))
    return home


async def tell(home: Home, request: Request) -> Report:
    control = home.base / "run" / "control.sock"
    return await trio.to_thread.run_sync(ask, control, request, 20, print)


@asynccontextmanager
async def beta_asks_for_alpha(home: Home) -> AsyncIterator[list[ResultHeard]]:
    """A reset of alpha is in progress; give what its requester hears of it."""
    key = Key(id=2, generation=1, master=Secret(BETA), server="beta", vm="", port=PORT, number=2)
    heard: list[ResultHeard] = []
    async with trio.open_nursery() as nursery:
        beta = Monitor(key, ("127.0.0.1", home.port), host=own_host(2))
        await nursery.start(beta.run)

        async def request() -> None:
            heard.append(await beta.request_reset(SystemKey(PORT, 1)))

        with trio.fail_after(PATIENCE_S):
            await beta.registered()
            nursery.start_soon(request)
            while not await is_in_reset(home):
                pass
        yield heard
        nursery.cancel_scope.cancel(reason="the test has ended")


async def is_in_reset(home: Home) -> bool:
    report = await tell(home, Monitors())
    assert isinstance(report, MonitorReport)
    return SystemStatus.RESET in {row.status for row in report.rows}


async def until_told(heard: list[ResultHeard]) -> Verdict:
    """Wait for the answer to its request."""
    with trio.fail_after(PATIENCE_S):
        while not heard:  # noqa: ASYNC110 - it is the end of another task that is waited for
            await trio.sleep(0.05)
    return heard[0].result.verdict


async def ended(daemon: Running) -> tuple[int, str]:
    _, said = await trio.to_thread.run_sync(lambda: daemon.process.communicate(timeout=PATIENCE_S))
    return daemon.process.returncode, said


async def test_a_stop_in_the_middle_of_a_reset_is_refused_and_nothing_is_stopped(
    home: Home,
) -> None:
    with home.running() as daemon:
        async with beta_asks_for_alpha(home) as heard:
            with pytest.raises(CommandError) as caught:
                await tell(home, ShutdownActive())
            assert str(caught.value) == (
                "a reset is in progress: 30001/1 on alpha; wait for its end,"
                " or haconnact shutdown --force gives it up"
            )
            assert daemon.process.poll() is None
            assert await until_told(heard) is Verdict.FAIL, "neither BMC nor PDU is there"
        assert "haconnact shutdown" not in home.log()


async def test_a_forced_stop_in_the_middle_of_a_reset_tells_its_requester_fail(
    home: Home,
) -> None:
    with home.running() as daemon:
        async with beta_asks_for_alpha(home) as heard:
            began = trio.current_time()
            report = await tell(home, ShutdownActive(force=True))
            assert report == RoleReport(
                "the service stops and gives up what is not done: 30001/1 on alpha"
            )
            assert await until_told(heard) is Verdict.FAIL
            assert trio.current_time() - began < 4.0
            status, said = await ended(daemon)
        assert (status, "Traceback" in said) == (0, False)
        assert "stopping: haconnact shutdown" in home.log()
    with home.running() as daemon:
        assert not await is_in_reset(home), "it was given up, and is not taken up again"
        assert daemon.stop()[0] == 0


async def test_a_stop_by_systemd_leaves_a_reset_to_the_next_process(home: Home) -> None:
    with home.running() as daemon:
        async with beta_asks_for_alpha(home) as heard:
            status, _ = await trio.to_thread.run_sync(daemon.stop)
            assert (status, heard) == (0, [])
            with home.running() as next_daemon:
                assert await is_in_reset(home)
                assert next_daemon.stop()[0] == 0


def test_files_that_are_not_what_runs_are_a_note_until_they_are(home: Home) -> None:
    control = home.base / "run" / "control.sock"

    def notes() -> tuple[str, ...]:
        report = ask(control, Status(), 10, print)
        assert isinstance(report, StatusReport)
        assert report.link is Link.NONE
        return report.notes

    def until(wanted: tuple[str, ...]) -> None:
        for _ in range(100):
            if notes() == wanted:
                return
            threading.Event().wait(0.1)
        raise AssertionError(notes())

    with home.running() as daemon:
        until(())
        change(home.base / "etc", lambda old: set_hispeed(old, 2000).configuration)
        until((DRIFT,))
        assert daemon.stop()[0] == 0
    with home.running() as daemon:
        until(())
        change(home.base / "etc", lambda old: replace(old, keys=old.keys[:1]))
        until((DRIFT,))
        ask(control, ReloadKeys(), 10, print)
        until(())
        assert daemon.stop()[0] == 0
    assert re.search("keys read again: 1 systems", home.log())
