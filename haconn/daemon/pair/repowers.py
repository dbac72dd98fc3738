"""When the peer was switched on again after a fencing, over the ends of processes.

Two that fence each other in turns end each other's process each time. So what keeps them from going
on for ever (haconn/core/repower.py) has to outlive a process and a boot: it lies in HACONN_VAR, by
the wall clock, since there is no other that a boot does not stop. A wall clock that was set back
or forward makes an entry count for nothing; then the peer is switched on once too often.
"""

from pathlib import Path

from haconn.core.model import Instant
from haconn.core.repower import PERIOD_S, REPOWERS_MAX
from haconn.daemon.journal import wall_clock
from haconn.daemon.small_files import Tell, ignore, load, store

NAME = "repowers"
STAMP_MAX = 1e12
"""Seconds since the epoch, in some 30,000 years."""
KEPT = 8


class Repowers:
    """The file; one per process, under the lock of HACONN_VAR."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def load(self, now: Instant, damaged: Tell = ignore) -> tuple[Instant, ...]:
        """Give those of the last hour; none if there is no file.

        A file that is damaged may have held as many as an hour allows: then the peer is not
        switched on by itself for an hour, which an operator can do.
        """
        faults: list[Path] = []
        stamps = load(self._path, faults.append)
        for path in faults:
            damaged(path)
            return (now,) * REPOWERS_MAX
        if not isinstance(stamps, list):
            return ()
        known = [one for one in stamps if isinstance(one, int | float) and abs(one) < STAMP_MAX]
        ages = [wall_clock() - one for one in known]
        return tuple(
            Instant(now - age) for age in sorted(ages, reverse=True) if 0 <= age < PERIOD_S
        )

    def keep(self, repowers: tuple[Instant, ...], now: Instant) -> str | None:
        """Put the last of them on the disk; gives what went wrong."""
        shift = wall_clock() - now
        return store(self._path, [at + shift for at in repowers[-KEPT:]])
