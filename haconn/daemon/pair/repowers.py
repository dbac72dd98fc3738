"""When the peer was switched on again after a fencing, over the ends of processes.

Two that fence each other in turns end each other's process each time. So what keeps them from going
on for ever (haconn/core/repower.py) has to outlive a process and a boot: it lies in HACONN_VAR, by
the wall clock, since there is no other that a boot does not stop. A wall clock that was set back
or forward makes an entry count for nothing; then the peer is switched on once too often.
"""

import json
import os
from pathlib import Path

from haconn.core.model import Instant
from haconn.core.repower import PERIOD_S
from haconn.daemon.journal import wall_clock

NAME = "repowers"
BYTES_MAX = 4096
STAMP_MAX = 1e12
"""Seconds since the epoch, in some 30,000 years."""
KEPT = 8


class Repowers:
    """The file; one per process, under the lock of HACONN_VAR."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def load(self, now: Instant) -> tuple[Instant, ...]:
        """Give those of the last hour; none if there is nothing that can be read."""
        try:
            with self._path.open("rb") as file:
                stamps = json.loads(file.read(BYTES_MAX))
        except (OSError, ValueError, RecursionError):
            return ()
        if not isinstance(stamps, list):
            return ()
        # a number of the file may be greater than any float
        known = [one for one in stamps if isinstance(one, int | float) and abs(one) < STAMP_MAX]
        ages = [wall_clock() - one for one in known]
        return tuple(
            Instant(now - age) for age in sorted(ages, reverse=True) if 0 <= age < PERIOD_S
        )

    def keep(self, repowers: tuple[Instant, ...], now: Instant) -> str | None:
        """Put the last of them on the disk; gives what went wrong."""
        shift = wall_clock() - now
        part = self._path.with_suffix(".part")
        try:
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "wb") as stream:
                stream.write(json.dumps([at + shift for at in repowers[-KEPT:]]).encode())
            part.replace(self._path)
        except OSError as exc:
            return f"{self._path}: {exc.strerror or exc}"
        return None
