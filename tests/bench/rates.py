"""Whether the simulators were polled at full rate while something was measured.

A poll follows the one before after its period, a tenth more or less. So in each part of a run
every device has its least and its most number of polls; and over many periods all devices of one
kind together are within a tenth of their rate. A device that was commanded is read more often,
and has no most.
"""

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tests.bench.errors import InvalidRunError

JITTER = 0.1
TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Polled:
    """How often the devices of one kind were read in a time."""

    kind: str
    seconds: float
    period_s: float
    reads: Mapping[str, int]
    commanded: AbstractSet[str] = frozenset()


def require_full_rate(*polled: Polled) -> None:
    """Raises InvalidRunError, naming devices, if one was polled too seldom or too often."""
    _require([fault for one in polled for fault in faults_of(one)])


def require_rate_of_all(*polled: Polled) -> None:
    """Raises InvalidRunError if a kind as a whole was not; for times of many periods."""
    _require([fault for one in polled for fault in faults_of_all(one)])


def _require(faults: list[str]) -> None:
    if faults:
        more = f", and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise InvalidRunError(f"not polled at full rate: {'; '.join(faults[:5])}{more}")


def faults_of(polled: Polled) -> list[str]:
    """One line for each device that was polled too seldom or too often."""
    least = math.floor(polled.seconds / (polled.period_s * (1 + JITTER)))
    most = math.ceil(polled.seconds / (polled.period_s * (1 - JITTER)))
    if not polled.reads:
        return [f"no {polled.kind} at all"]
    return [
        f"{polled.kind} {device}: {reads} reads in {polled.seconds:.1f} s, not {least} to {most}"
        for device, reads in polled.reads.items()
        if reads < least or (reads > most and device not in polled.commanded)
    ]


def faults_of_all(polled: Polled) -> list[str]:
    """One line if those that were not commanded are not within a tenth of their rate."""
    undisturbed = [
        reads for device, reads in polled.reads.items() if device not in polled.commanded
    ]
    wanted = len(undisturbed) * polled.seconds / polled.period_s
    if undisturbed and abs(sum(undisturbed) - wanted) <= TOLERANCE * wanted:
        return []
    read = sum(undisturbed)
    return [
        f"{len(undisturbed)} {polled.kind}s: {read} reads in {polled.seconds:.0f} s, not "
        f"{wanted:.0f} within a tenth"
    ]
