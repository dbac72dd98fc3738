"""Pair rooms for the bench: one room for many samples, and a new one when a pair is lost.

What a pair owes within its patience and does not do is a sample too: it took `inf`. The room is
left then, with a note that says why, and what its daemons logged last.
"""

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import trio

from fixtures.simulators.netns.asking import settled
from fixtures.simulators.netns.inside import sockets_by_namespace
from fixtures.simulators.netns.pair_room import PairSpec, Play, open_pair_room
from fixtures.simulators.netns.settings import configure
from fixtures.simulators.netns.stage import StageError
from fixtures.simulators.netns.truth import What
from fixtures.simulators.room_machine import MachineSpec
from fixtures.simulators.room_os import OsSpec
from haconn.core.pair_times import TIMES
from haconn.core.power import YOUNG_S
from tests.bench.errors import InvalidRunError

BMC_EFFECT_S = 0.2
"""From the acceptance of a command by the BMC of a management server to its effect."""
SETTLES_WITHIN_S = 90.0
"""A boot of two interpreters, the election, a full sync, the first look at every device."""
LOST_MAX = 3
"""More lost rooms in one part than this are no figure but a fault of the run."""
LOGGED = 12
HELD_BACK_S = 2.0
"""From the address in the kernel to the beginning of the time in which nothing is commanded."""
MONITOR_PORT = 27001
LOGIN_S = 2.0
"""From a daemon that is ready to its session with the BMC of its peer."""
T = TypeVar("T")
Once = Callable[[Play], Awaitable[T]]


class LostError(Exception):
    """The pair did not do within its patience what it owes: one line."""


@dataclass(slots=True)
class Tries(Generic[T]):
    """What came of so many tries."""

    found: list[T]
    lost: int
    doubles: int
    """How often two powered machines held the address."""
    notes: list[str]

    @property
    def count(self) -> int:
        return len(self.found) + self.lost


def two_managed() -> tuple[MachineSpec, ...]:
    """The least that a standby needs to see that its own reset path works."""
    return tuple(
        MachineSpec(name=f"S{number:02d}", number=number, port=MONITOR_PORT, system=OsSpec())
        for number in (1, 2)
    )


async def repeated(runs: int, spec: PairSpec, once: Once[T]) -> Tries[T]:
    """Do it so often, in one room while it lasts. Raises InvalidRunError."""
    tries = Tries[T]([], 0, 0, [])
    while tries.count < runs:
        with tempfile.TemporaryDirectory(prefix="hn") as home, sockets_by_namespace():
            await _in_a_room(runs, spec, once, tries, Path(home))
        if tries.lost > LOST_MAX:
            raise InvalidRunError(f"{tries.lost} pairs were lost: {tries.notes[-1]}")
    return tries


async def _in_a_room(runs: int, spec: PairSpec, once: Once[T], tries: Tries[T], home: Path) -> None:
    async with open_pair_room(spec, home) as play:
        try:
            await _set_up(play)
            while tries.count < runs:
                tries.found.append(await once(play))
        except* (trio.TooSlowError, StageError, LostError) as group:
            tries.lost += 1
            tries.notes += [*_reasons(group), *_last_words(play)]
        tries.doubles += len(play.room.truth.doubles())


async def _set_up(play: Play) -> None:
    room = play.room
    configure(room)
    for board in room.boards.values():
        board.effect_s = BMC_EFFECT_S
    room.power_on()
    await whole(play)


async def whole(play: Play) -> str:
    """Wait until there is an active with its standby, and every monitor is registered.

    Gives the name of the active. Raises TooSlowError.
    """
    with trio.fail_after(SETTLES_WITHIN_S):
        active = await settled(play.room)
        for server in play.room.servers.values():
            if server.spec.system.monitored:
                await server.os.registered()
        await play.probe.answered(by=active, since=trio.current_time())
    return active


async def seasoned(play: Play) -> str:
    """Wait until the pair is whole, and each trusts what the other's BMC reads.

    Power that reads off proves nothing at once in the first ten seconds after a login (core/power).
    Gives the name of the active. Raises TooSlowError.
    """
    room = play.room
    await whole(play)
    ready = [room.truth.of(name, What.READY)[-1].at for name in room.members]
    await trio.sleep_until(max(ready) + YOUNG_S + LOGIN_S)
    return await whole(play)


async def ripe(play: Play) -> str:
    """Wait until the pair is whole and its active holds nothing back, however it became active.

    Gives the name of the active. Raises TooSlowError.
    """
    active = await whole(play)
    held = play.room.truth.held(active)[-1]
    await trio.sleep_until(held.since + TIMES.conservative_s + HELD_BACK_S)
    return await whole(play)


def _reasons(group: BaseExceptionGroup[Exception]) -> list[str]:
    found: list[str] = []
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            found += _reasons(inner)
        else:
            found.append(f"a pair was lost: {str(inner) or 'it did not do it in its time'}")
    return found


def _last_words(play: Play) -> list[str]:
    words = [
        f"  {name} {log}: {line}"
        for name, machine in play.room.members.items()
        for log in ("unit", "eventlog")
        for line in machine.log(log)[-LOGGED:]
    ]
    truth = play.room.truth.log[-LOGGED:]
    return [
        *words,
        *(f"  {one.at:.3f} {one.member} {one.what.value} {one.detail}" for one in truth),
    ]
