"""The stand-in for systemd does as systemd does, with units that do as they are told."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from fixtures.simulators.netns.child import Child
from fixtures.simulators.netns.supervisor import Supervisor, Turn, Unit
from tests.netns.units import unit

PATIENCE_S = 30.0


class Runner:
    """A supervisor on this machine, and what it told."""

    def __init__(self, one: Unit, home: Path) -> None:
        self.output = home / "unit"
        self.output.touch()
        self.turns: list[Turn] = []
        self.times: list[float] = []
        self.children: list[Child] = []
        self.news = trio.lowlevel.ParkingLot()
        self.supervisor = Supervisor(one, self.spawn, home / "notify", self.tell)

    def spawn(self, command: Sequence[str], more: Mapping[str, str]) -> Child:
        self.children.append(Child(command, {**os.environ, **more}, self.output))
        return self.children[-1]

    def tell(self, turn: Turn) -> None:
        self.turns.append(turn)
        self.times.append(trio.current_time())
        self.news.unpark_all()

    async def turn(self, what: str, times: int = 1) -> str:
        """Wait until something has been told so often; its detail."""
        while len(found := [turn for turn in self.turns if turn.what == what]) < times:
            await self.news.park()
        return found[times - 1].detail

    async def said(self, *lines: str) -> None:
        """Wait until the unit has said exactly this."""
        while True:
            if self.output.read_text().splitlines() == list(lines):
                return
            await trio.sleep(0.01)


@asynccontextmanager
async def running(one: Unit, home: Path) -> AsyncIterator[Runner]:
    runner = Runner(one, home)
    try:
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(runner.supervisor.serve)
                runner.supervisor.start()
                yield runner
                nursery.cancel_scope.cancel(reason="the test is over")
    finally:
        for child in runner.children:
            child.kill()


async def test_ready_is_heard_from_the_main_process(home: Path) -> None:
    async with running(unit("ready", "sleep"), home) as runner:
        assert await runner.turn("ready") == str(runner.supervisor.pid)
        assert runner.supervisor.is_ready


async def test_ready_of_another_process_is_not_heard(home: Path) -> None:
    script = f"{' '.join(unit('ready').start)}; echo forged; exec sleep 60"
    async with running(Unit(start=("sh", "-c", script)), home) as runner:
        await runner.said("forged")
        await trio.testing.wait_all_tasks_blocked()
        assert not runner.supervisor.is_ready


async def test_a_watchdog_that_is_not_fed_kills(home: Path) -> None:
    async with running(unit("ready", "sleep", watchdog_s=0.3), home) as runner:
        assert await runner.turn("ended") == "watchdog killed KILL"


async def test_a_watchdog_that_is_fed_does_not(home: Path) -> None:
    async with running(unit("ready", "feed", watchdog_s=1.0), home) as runner:
        await runner.turn("ready")
        await trio.sleep(2.5)
        assert [turn.what for turn in runner.turns] == ["started", "ready"]


async def test_a_stopped_process_is_killed_by_the_watchdog(home: Path) -> None:
    async with running(unit("ready", "feed", watchdog_s=1.0), home) as runner:
        await runner.turn("ready")
        runner.supervisor.signal(signal.SIGSTOP)
        assert await runner.turn("ended") == "watchdog killed KILL"


async def test_the_watchdog_waits_for_ready(home: Path) -> None:
    async with running(unit("say=here", "sleep", watchdog_s=0.1), home) as runner:
        await runner.said("here")
        await trio.sleep(0.5)
        assert [turn.what for turn in runner.turns] == ["started"]


async def test_every_failure_is_followed_by_a_start(home: Path) -> None:
    async with running(unit("exit=3"), home) as runner:
        assert await runner.turn("ended") == "exit-code exited 3"
        await runner.turn("started", times=3)
    async with running(unit("ready", "sleep"), home) as runner:
        for times in (1, 2):
            await runner.turn("ready", times)
            runner.supervisor.signal(signal.SIGKILL)
        await runner.turn("started", times=3)


async def test_the_restart_waits_for_its_time(home: Path) -> None:
    async with running(replace(unit("exit=3"), restart_s=0.5), home) as runner:
        await runner.turn("started", times=2)
        ended = runner.turns.index(Turn("ended", "exit-code exited 3"))
        assert runner.times[ended + 1] - runner.times[ended] >= 0.5


@pytest.mark.parametrize("status", [0, 78])
async def test_who_is_content_or_has_no_configuration_is_not_started_again(
    home: Path, status: int
) -> None:
    async with running(unit(f"exit={status}"), home) as runner:
        await runner.turn("ended")
        await trio.sleep(0.5)
        assert len(runner.supervisor.endings) == 1
        assert not runner.supervisor.is_wanted


async def test_a_signal_that_counts_as_clean_is_no_failure(home: Path) -> None:
    async with running(unit("ready", "sleep"), home) as runner:
        await runner.turn("ready")
        runner.supervisor.signal(signal.SIGTERM)
        assert await runner.turn("ended") == "success killed TERM"
        await trio.sleep(0.5)
        assert not runner.supervisor.is_wanted


async def test_after_every_end_the_post_command_is_told_how_it_was(home: Path) -> None:
    async with running(unit("ready", "sleep", post=("tell",)), home) as runner:
        await runner.turn("ready")
        runner.supervisor.signal(signal.SIGKILL)
        await runner.said("signal killed KILL")
    async with running(unit("exit=3", post=("tell", "sleep")), home) as runner:
        await runner.said("signal killed KILL", "exit-code exited 3")


async def test_a_post_command_that_hangs_is_killed(home: Path) -> None:
    async with running(unit("exit=3", post=("sleep",)), home) as runner:
        await runner.turn("started", times=2)


async def test_the_start_comes_after_the_end_of_the_post_command(home: Path) -> None:
    one = unit("say=start", "exit=3", post=("say=post",))
    async with running(one, home) as runner:
        await runner.turn("started", times=2)
        assert runner.output.read_text().splitlines()[:2] == ["start", "post"]


async def test_an_ordered_stop_is_a_sigterm_and_no_restart(home: Path) -> None:
    async with running(unit("ready", "sleep", post=("tell",)), home) as runner:
        await runner.turn("ready")
        await runner.supervisor.stop()
        await runner.said("success killed TERM")
        await trio.sleep(0.5)
        assert runner.supervisor.pid is None
        runner.supervisor.start()
        await runner.turn("ready", times=2)


async def test_an_ordered_stop_also_wakes_a_stopped_process(home: Path) -> None:
    async with running(unit("ready", "sleep"), home) as runner:
        await runner.turn("ready")
        runner.supervisor.signal(signal.SIGSTOP)
        await runner.supervisor.stop()
        assert await runner.turn("ended") == "success killed TERM"


async def test_a_deaf_unit_is_killed_when_its_time_to_stop_is_over(home: Path) -> None:
    async with running(unit("deaf", "ready", "sleep"), home) as runner:
        await runner.turn("ready")
        await runner.supervisor.stop()
        assert await runner.turn("ended") == "timeout killed KILL"


async def test_a_stop_between_two_runs_is_one_too(home: Path) -> None:
    async with running(replace(unit("exit=3"), restart_s=60.0), home) as runner:
        await runner.turn("ended")
        await runner.supervisor.stop()
        runner.supervisor.start()
        await runner.turn("started", times=2)


async def test_a_start_that_is_ordered_during_a_stop_comes_after_it(home: Path) -> None:
    async with running(unit("deaf", "ready", "sleep"), home) as runner:
        await runner.turn("ready")
        runner.supervisor.order_stop()
        assert not runner.supervisor.is_wanted
        runner.supervisor.start()
        await runner.turn("ready", times=2)
        assert [turn.what for turn in runner.turns][:4] == ["started", "ready", "ended", "started"]


async def test_a_start_of_what_runs_is_nothing(home: Path) -> None:
    async with running(unit("ready", "say=here", "exit=0"), home) as runner:
        runner.supervisor.start()
        await runner.turn("ended")
        await trio.sleep(0.5)
        assert len(runner.supervisor.endings) == 1


async def test_what_the_main_process_leaves_is_killed(home: Path) -> None:
    child = "import subprocess,sys; print(subprocess.Popen(['sleep', '600']).pid, flush=True)"
    async with running(Unit(start=(sys.executable, "-c", child)), home) as runner:
        await runner.turn("ended")
        pid = int(runner.output.read_text())
        while True:
            if not _runs(pid):  # it dies in its own time
                return
            await trio.sleep(0.01)


def _runs(pid: int) -> bool:
    """Whether it does; whoever inherits the dead may leave them unburied."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
