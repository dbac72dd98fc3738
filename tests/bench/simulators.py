"""This side of the simulators' processes: questions, and what they say that they received."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from tests.bench.errors import InvalidRunError

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that a simulator received; times of tests/bench/clock.py."""

    device: str
    event: str
    at: float
    until: float
    """When its answer was ready; of a BMC the same as `at`."""
    objects: int
    """SNMP: how many were named."""


class Simulator:
    """One process with many devices."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._answers = trio.open_memory_channel[Any](1)
        self._asking = trio.Lock()
        self._news = trio.lowlevel.ParkingLot()
        self._marks: dict[str, list[Mark]] = {}

    async def counts(self) -> dict[str, int]:
        """How many reads each device has answered since it was made."""
        counted = await self.ask("counts")
        assert isinstance(counted, dict)
        return counted

    async def ask(self, line: str) -> object:
        """Say a line and give its answer. Raises InvalidRunError if there is none."""
        assert self._process.stdin is not None
        async with self._asking:
            with trio.move_on_after(PATIENCE_S):
                await self._process.stdin.send_all(line.encode() + b"\n")
                said = await self._answers[1].receive()
                if "answer" not in said:
                    raise InvalidRunError(f"a simulator refused: {said}")
                answer: object = said["answer"]
                return answer
        raise InvalidRunError(f"a simulator did not answer {line!r} within {PATIENCE_S:.0f} s")

    def marks(self, device: str, since: float) -> list[Mark]:
        """What a device received from then on."""
        return [mark for mark in self._marks.get(device, ()) if mark.at >= since]

    async def mark(self, device: str, events: frozenset[str], since: float) -> Mark:
        """Give the first of some events since then. Raises InvalidRunError if there is none."""
        with trio.move_on_after(PATIENCE_S):
            while True:
                for mark in self.marks(device, since):
                    if mark.event in events:
                        return mark
                await self._news.park()
        raise InvalidRunError(f"{device}: no {' or '.join(sorted(events))}")

    def forget(self) -> None:
        """Drop what was received so far."""
        self._marks.clear()

    async def listen(self) -> None:
        """Take in what the process says, until it ends."""
        assert self._process.stdout is not None
        rest = b""
        async for chunk in self._process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                await self._take(json.loads(line))

    async def _take(self, said: dict[str, Any]) -> None:
        if "event" not in said:
            await self._answers[0].send(said)
            return
        at = said["at"]
        mark = Mark(
            said["device"], said["event"], at, said.get("until", at), said.get("objects", 0)
        )
        self._marks.setdefault(mark.device, []).append(mark)
        self._news.unpark_all()

    async def ready(self) -> None:
        """Wait until its devices are bound. Raises InvalidRunError if they are not."""
        with trio.move_on_after(PATIENCE_S):
            await self._answers[1].receive()
            return
        raise InvalidRunError("a simulator did not start")


@asynccontextmanager
async def run_simulator(
    module: str, port: int, addresses: Sequence[str]
) -> AsyncIterator[Simulator]:
    """Run one process of devices around a block."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", f"tests.bench.{module}", str(port), *addresses],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    simulator = Simulator(process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(simulator.listen)
            await simulator.ready()
            yield simulator
            nursery.cancel_scope.cancel(reason="no longer needed")
    finally:
        process.kill()
        with trio.move_on_after(PATIENCE_S, shield=True):
            await process.wait()
