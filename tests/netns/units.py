"""Units of stand_in.py, and machines that run them."""

import sys
from dataclasses import replace
from pathlib import Path

from fixtures.simulators.netns.pair_room import PairSpec, members
from fixtures.simulators.netns.supervisor import Unit

STAND_IN = (sys.executable, "-S", "-E", str(Path(__file__).with_name("stand_in.py")))


def unit(*words: str, post: tuple[str, ...] = (), watchdog_s: float = 60.0) -> Unit:
    """A unit that does these words; its watchdog waits long unless it is what is tried."""
    after = (*STAND_IN, *post) if post else ()
    return Unit(
        start=(*STAND_IN, *words), stop_post=after, watchdog_s=watchdog_s, restart_s=0.1, stop_s=0.5
    )


def pair_of(first: Unit, second: Unit, *, feeds: int = 2) -> PairSpec:
    """A room without managed servers, whose management servers boot at once."""
    specs = (
        replace(spec, unit=one, boot_s=0.0)
        for spec, one in zip(members(), (first, second), strict=True)
    )
    return PairSpec(members=tuple(specs), feeds=feeds)
