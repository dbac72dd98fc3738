"""Two real daemons on three LANs: every play of scenarios.py, and what must hold after each."""

from pathlib import Path

import pytest

from tests.netns.deeds import Scenario
from tests.netns.performance import perform
from tests.netns.scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name.replace(" ", "-"))
async def test_play(scenario: Scenario, home: Path) -> None:
    played = await perform(scenario, home)
    assert not played.faults, "\n".join((*played.faults, "", *played.timeline))


def test_every_play_has_a_name_of_its_own() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
