"""What is measured, what is aimed at, and how samples become figures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum


class Deed(Enum):
    """Something that takes time; the value is what the table calls it."""

    NMI = "request -> NMI at the BMC"
    LATE = "hard reset -> late after its deadline"
    RESET = "request -> hard reset at the BMC (NMI refused)"
    RESET_TOLD = "request -> RESULT, hard reset accepted (NMI refused)"
    OFF = "request -> power off at the BMC (NMI refused)"
    OFF_TOLD = "request -> RESULT, power read off for 0.5 s (NMI refused)"
    CUT = "4 feeds: first SET -> last verifying read answered"
    CUT_SAID = "4 feeds: last verifying read answered -> RESULT"
    CUT_TOLD = "request -> RESULT, 4 feeds read off (NMI, reset refused)"


@dataclass(frozen=True, slots=True)
class Aim:
    """Milliseconds."""

    p99: float
    p50: float = math.inf

    def met(self, p50: float, p99: float) -> bool:
        return p50 <= self.p50 and p99 <= self.p99

    def __str__(self) -> str:
        return f"{self.p99:g}" if math.isinf(self.p50) else f"{self.p50:g}, {self.p99:g}"


AIMS = {Deed.NMI: Aim(p50=2, p99=8), Deed.LATE: Aim(p99=10), Deed.CUT: Aim(p99=20)}
CPU_AIM_PERCENT = 20.0
MEMORY_AIM_MIB = 120.0


def quantile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that so many are not above (nearest rank); of none, not a number."""
    if not samples:
        return math.nan
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


@dataclass(frozen=True, slots=True)
class Ours:
    """What haconnr2 took; times in milliseconds."""

    times: dict[Deed, list[float]] = field(default_factory=lambda: {deed: [] for deed in Deed})
    waits: dict[str, float] = field(default_factory=dict)
    """By part of the run: how many ms of each second the daemon was ready and had no CPU."""

    def note(self, deed: Deed, seconds: float) -> None:
        self.times[deed].append(seconds * 1000)


@dataclass(frozen=True, slots=True)
class Load:
    """The daemon while it polls and nothing else happens."""

    cpu_percent: float
    """Of one core."""
    over_s: float
    resident_mib: float
    """At the end, after every reset of the run."""


@dataclass(frozen=True, slots=True)
class Theirs:
    """What a program of others took for a deed; no times if it is not installed."""

    deed: Deed
    command: str
    times: tuple[float, ...] | None
    """Milliseconds."""
