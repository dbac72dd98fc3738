"""keepalived struck as ours is: the same stage, the same client, the same clock.

It has no BMC and no witness: whoever hears no advertisement takes the address. `both` counts how
often two powered machines held it at once, which is what a second look would have prevented.
"""

import math
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import trio

from fixtures.simulators.netns.cuts import Cuts, every, other
from fixtures.simulators.netns.keepalived import Duel, open_duel, program
from fixtures.simulators.netns.measuring import Blow
from fixtures.simulators.netns.stage import Lan
from fixtures.simulators.netns.truth import What
from tests.bench.errors import InvalidRunError
from tests.bench.pair_figures import Theirs

PATIENCE_S = 20.0
CABLE_S = 2.0
"""So long after a cut of the dedicated link it is seen who holds the address."""
NAME = "keepalived"


def _kill(duel: Duel, master: str) -> None:
    duel.peers.kill(master)


def _freeze(duel: Duel, master: str) -> None:
    duel.peers.freeze(master)


def _panic(duel: Duel, master: str) -> None:
    """A dead kernel sends nothing and keeps its address."""
    Cuts(duel.stage).make(every(members=[master]))
    duel.peers.kill(master)


STRIKES: Mapping[Blow, Callable[[Duel, str], None]] = {
    Blow.KILL: _kill,
    Blow.FREEZE: _freeze,
    Blow.PANIC: _panic,
}


@dataclass(frozen=True, slots=True)
class Struck:
    """What came of one blow."""

    answered_after_s: float
    both: bool
    """Two powered machines held the address afterwards."""


def require_in_ci(environment: Mapping[str, str]) -> None:
    """Raises InvalidRunError if keepalived is missing where it may not be."""
    if program() is None and environment.get("CI") == "true":
        raise InvalidRunError(f"CI may not do without {NAME}")


async def strike(blow: Blow) -> Struck:
    """Strike the master of a pair that works, and see how long the other takes."""
    with tempfile.TemporaryDirectory(prefix="hn") as home:
        async with open_duel(Path(home), _program()) as duel:
            master, now = duel.master, trio.current_time()
            STRIKES[blow](duel, master)
            heir = other(master)
            answered = math.inf
            with trio.move_on_after(PATIENCE_S):
                await duel.truth.until(heir, What.HELD, since=now)
                answered = (await duel.probe.answered(by=heir, since=now)).at - now
            return Struck(answered, bool(duel.truth.doubles()))


async def cut() -> bool:
    """Cut the dedicated link, and nothing else; whether two hold the address then."""
    with tempfile.TemporaryDirectory(prefix="hn") as home:
        async with open_duel(Path(home), _program()) as duel:
            await trio.sleep(random.uniform(0, 0.2))
            Cuts(duel.stage).make(every((Lan.DUPLEX,)))
            await trio.sleep(CABLE_S)
            return bool(duel.truth.doubles())


async def measure(blow: Blow, runs: int) -> Theirs | None:
    """Strike so often; None if keepalived has no such command."""
    if blow not in STRIKES:
        return None
    if program() is None:
        return Theirs(NAME, None)
    struck = [await strike(blow) for _ in range(runs)]
    both = sum(one.both for one in struck)
    label = f"{NAME} (both hold it: {both} of {runs})"
    return Theirs(label, tuple(one.answered_after_s for one in struck))


async def measure_cut(runs: int) -> str:
    """Cut so often; what the table says."""
    if program() is None:
        return f"{NAME}: not installed"
    both = sum([await cut() for _ in range(runs)])
    return f"{NAME}: {both} of {runs}"


def _program() -> str:
    found = program()
    assert found is not None, "asked before"
    return found
