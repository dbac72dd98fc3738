"""What is measured of a pair, what is aimed at, and how samples become figures.

Two kinds of finding: a `Row` has times, of ours and of keepalived where it does the same; a
`Tally` has a number that is right or wrong. What never happened took `inf`.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Aim:
    """In the unit of its row."""

    worst: float
    median: float = math.inf

    def met(self, samples: Sequence[float]) -> bool:
        """No samples meet no aim."""
        return (
            bool(samples)
            and statistics.median(samples) <= self.median
            and max(samples) <= self.worst
        )

    def __str__(self) -> str:
        return f"{self.worst:g}" if math.isinf(self.median) else f"{self.median:g}, {self.worst:g}"


@dataclass(frozen=True, slots=True)
class Theirs:
    """What keepalived took; no times if it is not installed."""

    command: str
    times: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Row:
    """Times of one deed."""

    what: str
    times: tuple[float, ...]
    aim: Aim | None = None
    theirs: Theirs | None = None
    unit: str = "s"

    @property
    def met(self) -> bool | None:
        """None: there is no aim."""
        return None if self.aim is None else self.aim.met(self.times)


@dataclass(frozen=True, slots=True)
class Tally:
    """So many of so many."""

    what: str
    found: int
    of: int
    wanted: int | None = None
    """None: there is no aim."""
    theirs: str = ""

    @property
    def met(self) -> bool | None:
        """None: there is no aim. Of nothing, none is met."""
        return None if self.wanted is None else self.of > 0 and self.found == self.wanted


Finding: TypeAlias = Row | Tally


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that one run found."""

    parts: list[tuple[str, Finding]] = field(default_factory=list)
    """With the part of the run, in order."""
    notes: list[str] = field(default_factory=list)
    """What went wrong on the way, a line each."""

    def add(self, part: str, *found: Finding) -> None:
        self.parts.extend((part, one) for one in found)

    @property
    def missed(self) -> list[Finding]:
        """Every finding with an aim that is not met."""
        return [one for _, one in self.parts if one.met is False]


def median(samples: Sequence[float]) -> float:
    """Of none, not a number."""
    return statistics.median(samples) if samples else math.nan


def worst(samples: Sequence[float]) -> float:
    """Of none, not a number."""
    return max(samples, default=math.nan)
