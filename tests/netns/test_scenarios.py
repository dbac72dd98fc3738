"""Two real daemons on three LANs: every play of scenarios.py, and what must hold after each."""

from pathlib import Path

import pytest

from tests.netns.deeds import Scenario
from tests.netns.performance import perform
from tests.netns.scenarios import SCENARIOS
from tests.netns.schedules import schedule

SCHEDULES = 4
"""Some in every run; `python -m tests.netns --seed 0-199` plays many."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name.replace(" ", "-"))
async def test_play(scenario: Scenario, home: Path) -> None:
    played = await perform(scenario, home)
    assert not played.faults, "\n".join((*played.faults, "", *played.timeline))


def test_every_play_has_a_name_of_its_own() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("seed", range(SCHEDULES))
async def test_schedule(seed: int, home: Path) -> None:
    played = await perform(schedule(seed), home)
    assert not played.faults, "\n".join((*played.faults, "", *played.timeline))


def test_a_seed_gives_the_same_schedule() -> None:
    assert schedule(7) == schedule(7)
    assert schedule(7) != schedule(8)
