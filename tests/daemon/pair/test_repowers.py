"""How often the peer was switched on again outlives the process, and the boot."""

from pathlib import Path

import pytest

from haconn.core.model import Instant
from haconn.core.pair_state import Fenced
from haconn.core.repower import PERIOD_S, may_repower
from haconn.core.role import Proof
from haconn.core.takeover import Proved
from haconn.daemon.journal import wall_clock
from haconn.daemon.pair.membership import Fencings
from haconn.daemon.pair.repowers import NAME, Repowers
from haconn.daemon.small_files import store

NOW = Instant(1000.0)


def test_another_process_knows_them_by_its_own_clock(tmp_path: Path) -> None:
    repowers = (Instant(400.0), Instant(990.0))
    assert Repowers(tmp_path).keep(repowers, NOW) is None
    later = Instant(5.0)  # of a machine that has just booted
    assert Repowers(tmp_path).load(later) == pytest.approx([-595.0, -5.0], abs=5.0)


def test_what_is_older_than_an_hour_or_lies_ahead_counts_for_nothing(tmp_path: Path) -> None:
    stamps = [wall_clock() - PERIOD_S - 1, wall_clock() + 60, wall_clock() - 60]
    store(tmp_path / NAME, stamps)
    assert Repowers(tmp_path).load(NOW) == pytest.approx([940.0], abs=5.0)


@pytest.mark.parametrize("value", [{}, [True, None, "x"], [10**400]])
def test_what_is_no_stamp_counts_for_nothing(tmp_path: Path, value: object) -> None:
    store(tmp_path / NAME, value)
    assert Repowers(tmp_path).load(NOW) == ()


@pytest.mark.parametrize("text", ["", "{", "{}", "[1, 2]", "[" * 3000, f"[1{'0' * 400}]"])
def test_a_damaged_file_is_told_and_may_have_held_all_that_an_hour_allows(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / NAME).write_text(text, encoding="ascii")
    told: list[Path] = []
    history = Repowers(tmp_path).load(NOW, told.append)
    assert told == [tmp_path / NAME]
    assert not may_repower(history, NOW)
    assert may_repower(history, Instant(NOW + PERIOD_S))


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert Repowers(tmp_path).load(NOW) == ()


def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    failure = Repowers(tmp_path / "nowhere").keep((NOW,), NOW)
    assert failure is not None
    assert "No such file" in failure


def test_only_the_last_are_kept(tmp_path: Path) -> None:
    many = tuple(Instant(NOW - 100 + index) for index in range(50))
    Repowers(tmp_path).keep(many, NOW)
    assert len(Repowers(tmp_path).load(NOW)) == 8


def test_the_third_in_an_hour_waits_though_other_processes_did_the_first_two(
    tmp_path: Path,
) -> None:
    file, proved = Repowers(tmp_path), Proved(Proof.POWER_OFF, NOW, commanded=True, cut=False)
    for _ in range(3):
        process = Fencings("m1", file, repowers=file.load(NOW))
        assert process.ended(Fenced(proved, "fence"), NOW) is None
    (owed,) = process.owed
    assert owed.due - NOW > PERIOD_S - 10
