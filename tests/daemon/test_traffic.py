"""Random authenticated traffic of hours, with restarts and takeovers: see traffic.py."""

import pytest
from trio.testing import MockClock

from tests.daemon.traffic import Stage, play

SEEDS = (1, 2, 3)
SECONDS = 4.0


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_clients_with_keys_say_nothing_raises_and_nothing_grows(
    mock_clock: MockClock, seed: int
) -> None:
    told = await play(seed, mock_clock, count=15_000, seconds=SECONDS)
    assert "datagrams" in told


async def test_the_play_reaches_resets_results_and_every_kind_of_replacement(
    mock_clock: MockClock,
) -> None:
    stage = Stage(1, mock_clock)
    while stage.deeds["the_process_is_replaced"] < 20 or stage.resets < 20:
        stage.happen()
    assert {"DUMP ", "FAIL not proved", "FAIL verdict over"} <= set(stage.outcomes)
