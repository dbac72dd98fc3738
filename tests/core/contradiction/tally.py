"""Counting: what many plays of one case came to."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from time import process_time
from typing import ClassVar

from haconn.core.reset import Outcome
from tests.core.contradiction.cases import CASES
from tests.core.contradiction.play import GOOD, Outcomes, Play

CHUNK = 200
SHOWN = 5


def one(case: str, seed: int, *, verbose: bool = False) -> Outcomes:
    """Play one seed of one case."""
    random = Random(f"{case} {seed}")
    return Play(CASES[case].build(random), random, verbose=verbose).run()


@dataclass
class Tally:
    """Counts of one case."""

    HEAD: ClassVar[str] = (
        f"{'case':17s} {'seeds':>8s} {'against arrived':>15s} {'by truth':>9s} {'acceptance':>10s}"
        f" {'lost':>7s} {'good':>8s} {'p50 s':>6s} {'max s':>6s}  first seeds"
    )
    case: str
    counts: Counter[str] = field(default_factory=Counter)
    """Seeds; verdicts against_arrived, by_truth and by_acceptance; and requests that are lost: told
    FAIL or nothing. ERROR is no loss."""
    times: list[float] = field(default_factory=list)
    false: list[int] = field(default_factory=list)
    lost_in: list[int] = field(default_factory=list)
    cpu_s: float = 0.0

    @property
    def lost_honest(self) -> int:
        """Resets that were lost where none may be."""
        return self.counts["lost"] if CASES[self.case].honest else 0

    def add(self, other: "Tally") -> None:
        """Add the counts of other seeds."""
        self.counts += other.counts
        self.times += other.times
        self.cpu_s += other.cpu_s
        self.false = sorted([*self.false, *other.false])[:SHOWN]
        self.lost_in = sorted([*self.lost_in, *other.lost_in])[:SHOWN]

    def count(self, seed: int, outcomes: Outcomes) -> None:
        """Count one play."""
        counts = outcomes.counts
        self.counts["seeds"] += 1
        for kind in ("against_arrived", "by_truth", "by_acceptance"):
            self.counts[kind] += getattr(counts, kind)
        if counts.against_arrived:
            self.false.append(seed)
        for asked in outcomes.asked:
            if asked.outcome in GOOD:
                self.times.append(round(asked.after_s, 3))
            elif asked.outcome is not Outcome.ERROR:
                self.counts["lost"] += 1
                self.lost_in.append(seed)

    def __str__(self) -> str:
        times = sorted(self.times) or [float("nan")]
        first = f"false {self.false}" if self.false else ""
        if self.lost_honest:
            first += f" lost {self.lost_in}"
        counts = self.counts
        return (
            f"{self.case:17s} {counts['seeds']:8d} {counts['against_arrived']:15d}"
            f" {counts['by_truth']:9d} {counts['by_acceptance']:10d} {counts['lost']:7d}"
            f" {len(self.times):8d}"
            f" {times[len(times) // 2]:6.2f} {times[-1]:6.2f}  {first}"
        )


def tally(work: tuple[str, range]) -> Tally:
    """Play the seeds of one case."""
    case, seeds = work
    total = Tally(case)
    begun = process_time()
    for seed in seeds:
        total.count(seed, one(case, seed))
    total.cpu_s = process_time() - begun
    return total
