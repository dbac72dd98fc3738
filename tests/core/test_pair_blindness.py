"""Whose cable it is: a standby that may be deaf itself does not fence."""

import pytest

from haconn.core.pair_state import Surroundings
from haconn.core.pair_times import TIMES
from tests.core.pair_parts import at, standby, told
from tests.core.test_pair_fencing import begun, blind


def test_a_standby_without_carrier_does_not_fence_but_alarms_each_ten_seconds() -> None:
    scene = standby()
    scene.sees(carrier=False, others_at=1000.0)
    scene.until(36.0)
    assert begun(scene) == []
    assert blind(scene) == pytest.approx([11.5, 21.5, 31.5], abs=0.5)
    assert set(told(scene, "pair-blind", "reason")) == {"no carrier"}


@pytest.mark.parametrize("others_at", [None, 6.4])
def test_a_standby_that_hears_nobody_else_does_not_fence(others_at: float | None) -> None:
    scene = standby()
    scene.sees(others_at=others_at)
    scene.until(20.0)
    assert begun(scene) == []
    assert blind(scene) == [11.5]
    assert told(scene, "pair-blind", "reason") == ["nobody is heard on it"]


def test_others_that_were_heard_since_the_peer_was_are_enough() -> None:
    scene = standby()
    scene.sees(others_at=10.75)
    scene.until(11.5)
    assert begun(scene) == [11.5]
    assert blind(scene) == []


@pytest.mark.parametrize("others_at", [9.9, 10.19, 10.65])
def test_others_that_were_heard_before_beats_were_missed_prove_no_working_ear(
    others_at: float,
) -> None:
    scene = standby()
    scene.sees(others_at=others_at)
    scene.until(14.0)
    assert begun(scene) == []
    assert told(scene, "pair-blind", "reason") == ["nobody was heard on it since the peer was"]


def test_others_that_were_heard_long_ago_prove_no_working_ear() -> None:
    scene = standby()
    scene.sees(carrier=False)
    scene.until(15.8)
    scene.sees(others_at=10.75)
    scene.until(20.0)
    assert begun(scene) == []


def test_a_standby_tries_as_soon_as_it_has_seen_for_a_while() -> None:
    scene = standby()
    scene.sees(carrier=False)
    scene.until(15.05)
    scene.sees(others_at=16.0, since=15.0)
    scene.until(15.25)
    assert begun(scene) == [pytest.approx(15.15, abs=0.11)]


def test_a_standby_whose_own_cable_works_again_waits_for_the_beats_of_its_peer() -> None:
    scene = standby()
    scene.sees(others_at=9.9)
    scene.until(13.1)  # the last path of all; its switch forwards again from 13.05 on
    scene.sees(others_at=12.9, since=12.9)
    scene.answers(13.2)
    scene.until(14.0)
    assert begun(scene) == []
    assert told(scene, "pair-blind", "reason") == ["nobody was heard on it since the peer was"]


def test_others_that_are_heard_again_only_now_prove_no_silence_before() -> None:
    scene = standby()
    scene.sees(others_at=13.8, since=12.9)
    scene.until(13.9)
    assert begun(scene) == []
    assert told(scene, "pair-blind", "reason") == ["others are heard on it again only now"]


def test_a_gap_in_hearing_others_begins_it_anew() -> None:
    looks = ((1.0, 1.0), (1.2, 1.0), (2.0, 1.0), (2.0, 1.0), (2.9, 2.9), (3.1, 2.9))
    seen = Surroundings().then(None, TIMES, carrier=True)
    assert seen == Surroundings(carrier=True)
    for others_at, since in looks:
        seen = seen.then(at(others_at), TIMES, carrier=True)
        assert seen == Surroundings(True, at(others_at), at(since))


def test_a_carrier_that_was_lost_begins_it_anew() -> None:
    seen = Surroundings(True, at(3.0), at(1.0)).then(at(3.0), TIMES, carrier=False)
    assert seen == Surroundings(False, at(3.0))
    assert seen.then(at(3.2), TIMES, carrier=True) == Surroundings(True, at(3.2), at(3.2))
