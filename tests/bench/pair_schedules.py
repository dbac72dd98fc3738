"""Random schedules: how many were played, how often the address moved, and what was broken."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import trio

from fixtures.simulators.netns.stage import MEMBERS
from fixtures.simulators.netns.truth import What
from tests.bench.pair_figures import Finding, Tally
from tests.netns.performance import Played, perform
from tests.netns.schedules import schedule

TWO_HOLDERS = "hold the address"
"""What a fault of invariants.double_holders says."""


@dataclass(frozen=True, slots=True)
class Chance:
    """What came of the schedule of one seed."""

    seed: int
    takeovers: int
    """How often the address came to another machine than it was on before."""
    doubles: int
    """How often two powered machines had it."""
    faults: tuple[str, ...]
    """Of every invariant."""

    def __str__(self) -> str:
        said = f"seed {self.seed}: {self.takeovers} takeovers, two holders {self.doubles} times"
        return "; ".join((said, *self.faults))


def play(seeds: Iterable[int]) -> Iterator[Chance]:
    """Play them one after the other, in a Trio run each."""
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="hn") as home:
            try:
                played = trio.run(perform, schedule(seed), Path(home))
            except* trio.TooSlowError:
                played = Played(("the pair does not settle at the beginning",), ())
        yield judged(seed, played)


def judged(seed: int, played: Played) -> Chance:
    """Count."""
    holders = list(holdings(played.timeline))
    takeovers = sum(before != after for before, after in pairwise(holders))
    doubles = sum(TWO_HOLDERS in fault for fault in played.faults)
    return Chance(seed, takeovers, doubles, played.faults)


def holdings(timeline: Iterable[str]) -> Iterator[str]:
    """Give who got the address, in order."""
    for line in timeline:
        _, _, told = line.strip().partition(" ")
        member, _, what = told.partition(" ")
        if member in MEMBERS and what.strip() == What.HELD.value:
            yield member


def measure(seeds: Iterable[int], notes: list[str]) -> list[Finding]:
    """Play them all."""
    played = list(play(seeds))
    notes += [str(one) for one in played if one.faults]
    count = len(played)
    return [
        Tally(
            "schedules with a fault of any invariant",
            sum(bool(one.faults) for one in played),
            count,
            0,
        ),
        Tally("two powered holders", sum(one.doubles for one in played), count, 0),
        Tally("takeovers seen", sum(one.takeovers for one in played), count),
    ]
