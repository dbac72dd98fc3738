"""Does the deeds of a play, and undoes them all in the end.

What is done to the processes of a machine that is not up is done to nothing.
"""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import singledispatchmethod
from pathlib import Path

import trio

from fixtures.simulators.bmc_state import Faults
from fixtures.simulators.netns.board import Board
from fixtures.simulators.netns.cuts import every, other
from fixtures.simulators.netns.machine import MemberMachine
from fixtures.simulators.netns.pair_room import FEEDS, Play
from fixtures.simulators.netns.record import Recorder
from fixtures.simulators.netns.stage import pdu_address, run
from fixtures.simulators.pdu_agent import Faults as PduFaults
from tests.netns import deeds
from tests.netns.deeds import Deed, Who
from tests.netns.invariants import Ledger

DISK_BYTES = 4 << 20
COMMAND_S = 30.0


@dataclass(slots=True)
class Stagehand:
    """For one play; `nursery` runs what the play does not wait for."""

    play: Play
    active: str
    recorders: dict[str, Recorder]
    ledger: Ledger
    nursery: trio.Nursery
    faults: list[str]
    """What did not go as a deed says; a line each."""

    def name(self, who: Who) -> str:
        return self.active if who is Who.ACTIVE else other(self.active)

    def machine(self, who: Who) -> MemberMachine:
        return self.play.room.members[self.name(who)]

    def board(self, who: Who) -> Board:
        return self.play.room.boards[self.name(who)]

    @singledispatchmethod
    def do(self, deed: Deed) -> None:
        """Do it now; what takes time goes on in the nursery."""
        raise TypeError(f"nobody knows how to do {deed}")

    @do.register
    def _(self, deed: deeds.Kill) -> None:
        self._signal(deed.who, signal.SIGKILL)

    @do.register
    def _(self, deed: deeds.Freeze) -> None:
        self._signal(deed.who, signal.SIGSTOP)

    @do.register
    def _(self, deed: deeds.StopUnit) -> None:
        if self.machine(deed.who).is_up:
            self.machine(deed.who).supervisor.order_stop()

    @do.register
    def _(self, deed: deeds.StartUnit) -> None:
        if self.machine(deed.who).is_up:
            self.machine(deed.who).supervisor.start()

    @do.register
    def _(self, deed: deeds.Panic) -> None:
        self.machine(deed.who).panic()

    @do.register
    def _(self, deed: deeds.PowerOff) -> None:
        self.machine(deed.who).power_off("its plug was pulled")

    @do.register
    def _(self, deed: deeds.PowerOn) -> None:
        self.machine(deed.who).power_on()

    @do.register
    def _(self, deed: deeds.CutLans) -> None:
        self.play.room.cuts.make(every(deed.lans, [self.name(deed.who)], deed.ways))

    @do.register
    def _(self, deed: deeds.Part) -> None:
        self.play.room.cuts.part(deed.lans)

    @do.register
    def _(self, _deed: deeds.Mend) -> None:
        self.play.room.cuts.mend()

    @do.register
    def _(self, deed: deeds.SilenceBmc) -> None:
        bmc = self.board(deed.who).bmc
        bmc.faults = replace(bmc.faults, silent=True)

    @do.register
    def _(self, deed: deeds.SlowBmc) -> None:
        self.board(deed.who).effect_s = deed.effect_s

    @do.register
    def _(self, deed: deeds.LyingBmc) -> None:
        self.board(deed.who).bmc.faults = Faults(lies=frozenset({"accept-only"}))

    @do.register
    def _(self, _deed: deeds.SilencePdus) -> None:
        for index in range(FEEDS):
            self.play.room.devices.rack[pdu_address(index)].agent.faults.silent = "all"

    @do.register
    def _(self, _deed: deeds.Resets) -> None:
        servers = list(self.play.room.servers.values())
        for target, requester in zip(servers[::2], servers[1::2], strict=True):
            self.nursery.start_soon(self.ledger.ask, requester, target)

    @do.register
    def _(self, deed: deeds.Command) -> None:
        if self.machine(deed.who).is_up:
            self.nursery.start_soon(self._command, deed)

    @do.register
    def _(self, deed: deeds.SecondProcess) -> None:
        self.nursery.start_soon(self._second_process, deed)

    @do.register
    def _(self, deed: deeds.LoseEpoch) -> None:
        var = self.machine(deed.who).home / "var"
        for path in var.iterdir():
            if path.name != "lock":
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    @do.register
    def _(self, deed: deeds.FillDisk) -> None:
        for place in disks(self.machine(deed.who)):
            with suppress(OSError), (place / "full").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))

    @do.register
    def _(self, deed: deeds.Replay) -> None:
        recorder = self.recorders[self.name(deed.who)]
        with suppress(OSError):  # its interface is down
            recorder.replay(list(recorder.frames))

    def _signal(self, who: Who, number: signal.Signals) -> None:
        if self.machine(who).is_up:
            self.machine(who).supervisor.signal(number)

    async def _command(self, deed: deeds.Command) -> None:
        machine = self.machine(deed.who)
        words = [word.format(peer=other(machine.name)) for word in deed.words]
        until = trio.current_time() + deed.again_for_s
        with trio.move_on_after(COMMAND_S + deed.again_for_s):
            ran = await machine.haconn(*words)
            while deed.status not in {None, ran.status} and trio.current_time() < until:
                await trio.sleep(1)
                ran = await machine.haconn(*words)
            if deed.status not in {None, ran.status}:
                said = f"{ran.err.strip()} {ran.out.strip()}"
                self.faults.append(f"{' '.join(words)}: exit {ran.status}: {said}")
            return
        self.faults.append(f"{' '.join(words)}: has not ended after {COMMAND_S:.0f} s")

    async def _second_process(self, deed: deeds.SecondProcess) -> None:
        machine = self.machine(deed.who)
        trees = {}
        if deed.own_state:
            trees = {f"HACONN_{one}": str(machine.home / f"own-{one}") for one in ("VAR", "RUN")}
        with trio.move_on_after(COMMAND_S):
            ran = await machine.run(*machine.spec.unit.start, more=trees)
            if ran.status != 1:
                self.faults.append(f"a second process ends with {ran.status}: {ran.err.strip()}")
            return
        self.faults.append("a second process runs beside the first")

    def heal(self) -> None:
        """Undo everything: what is broken works, what is off is on, what is stopped is started."""
        room = self.play.room
        room.cuts.mend()
        for index in range(FEEDS):
            room.devices.rack[pdu_address(index)].agent.faults = PduFaults()
        for board in room.boards.values():
            board.effect_s, board.bmc.faults = 0.0, Faults()
            for pdu, outlet in board.feeds:
                room.devices.rack[pdu].agent.switch(outlet, on=True)
            for place in disks(board.machine):
                (place / "full").unlink(missing_ok=True)
            _revive(board.machine)


def _revive(machine: MemberMachine) -> None:
    if not machine.is_on:
        machine.power_on()
    elif machine.is_dead:
        machine.reset()
    elif machine.is_up:
        machine.supervisor.signal(signal.SIGCONT)
        if not machine.supervisor.is_wanted:  # else it would not wait before its restart
            machine.supervisor.start()


def disks(machine: MemberMachine) -> tuple[Path, Path]:
    """What lies on the disk that can be full."""
    return machine.home / "var", machine.home / "log"


@contextmanager
def small_disks(machines: list[MemberMachine]) -> Iterator[None]:
    """Give machines that have not booted disks that can be filled."""
    mounted: list[Path] = []
    try:
        for machine in machines:
            for place in disks(machine):
                run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place))
                mounted.append(place)
        yield
    finally:
        for place in mounted:
            run("umount", str(place))
