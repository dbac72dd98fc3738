"""Plays by hand, as root: `python -m tests.netns [--seed N[-M]] [--show] [WORDS]`.

Plays every scenario whose name has the words, or the schedules of these seeds; `--show` prints
what happened. Exit 1 if a play has a fault.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import trio

from fixtures.simulators.netns.cuts import lacking
from tests.netns.deeds import Scenario
from tests.netns.performance import Played, perform
from tests.netns.scenarios import SCENARIOS
from tests.netns.schedules import schedule


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.netns", description=__doc__)
    parser.add_argument("words", nargs="*", help="of the names of scenarios")
    parser.add_argument("--seed", help="play the schedules of these seeds, N or N-M")
    parser.add_argument("--show", action="store_true", help="print what happened")
    chosen = parser.parse_args()
    plays = seeds(chosen.seed) if chosen.seed else named(" ".join(chosen.words))
    if not plays:
        parser.error("no scenario has these words in its name")
    why = lacking()
    if why is not None:
        parser.error(why)
    return int(sum([bool(play(one, shown=chosen.show).faults) for one in plays]) > 0)


def named(words: str) -> list[Scenario]:
    """The scenarios with these words in their names."""
    return [scenario for scenario in SCENARIOS if words in scenario.name]


def seeds(text: str) -> list[Scenario]:
    """The schedules of N or N-M."""
    first, _, last = text.partition("-")
    return [schedule(seed) for seed in range(int(first), int(last or first) + 1)]


def play(scenario: Scenario, *, shown: bool) -> Played:
    """Play one, and say how it went."""
    with tempfile.TemporaryDirectory(prefix="hn") as home:
        played = trio.run(perform, scenario, Path(home))
    say([f"{'FAULT' if played.faults else 'ok   '} {scenario.name}"])
    say([f"      {fault}" for fault in played.faults])
    if shown:
        say([f"      {one.s:9.3f} {one.deed}" for one in scenario.deeds])
        say([f"      {line}" for line in played.timeline])
    return played


def say(lines: Sequence[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
