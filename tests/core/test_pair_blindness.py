"""Whose cable it is: a standby that may be deaf itself does not fence."""

import pytest

from haconn.core.beat import Standing
from haconn.core.pair import deafness
from haconn.core.pair_state import KeysAre, Surroundings
from haconn.core.pair_times import TIMES
from tests.core.pair_parts import SERVICE, Scene, at, remarks, standby, told
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


def has(*generations: int) -> Standing:
    """What a peer with these generations of the key says."""
    return Standing(service=SERVICE, generations=generations)


def keyed(*generations: int) -> Scene:
    """A standby with these generations, of an active that said at 10.0 that it has 1 and 2."""
    scene = standby()
    scene.take(KeysAre(frozenset(generations)), 10.0)
    scene.answers(10.0, standing=has(1, 2))
    return scene


def test_the_silence_of_a_peer_that_has_a_key_that_we_lack_proves_nothing() -> None:
    """It may speak under that key: `key retire peer` there has made us deaf (D5)."""
    scene = keyed(1)
    scene.until(60.0)
    assert scene.calls_dead()
    assert remarks(scene, "pair-fencing") == []
    assert set(told(scene, "pair-blind", "reason")) == {
        "it has generation 2 of the key of the pair, and this server has not"
    }


@pytest.mark.parametrize("ours", [(1, 2), (1, 2, 3)])
def test_a_peer_whose_keys_we_have_is_fenced_when_it_is_silent(ours: tuple[int, ...]) -> None:
    scene = keyed(*ours)
    scene.until(12.0)
    assert remarks(scene, "pair-fencing") == [11.5]


def test_a_peer_that_tells_no_keys_is_fenced_as_ever() -> None:
    """Of an older version."""
    scene = keyed(1)
    scene.answers(10.2, standing=has())
    scene.until(12.0)
    assert remarks(scene, "pair-fencing") == [11.7]


def test_with_the_key_that_we_lacked_the_silence_begins_anew() -> None:
    scene = keyed(1)
    scene.until(20.0)
    scene.take(KeysAre(frozenset({1, 2})), 20.0)
    scene.until(21.4)
    assert remarks(scene, "pair-fencing") == []
    scene.until(22.0)
    assert remarks(scene, "pair-fencing") == [21.5]


def test_another_key_than_the_one_that_we_lack_changes_nothing() -> None:
    scene = keyed(1)
    scene.until(20.0)
    scene.take(KeysAre(frozenset({1, 3})), 20.0)
    scene.until(60.0)
    assert remarks(scene, "pair-fencing") == []


def test_a_key_may_be_retired_while_the_peer_is_heard_and_has_another_of_ours() -> None:
    scene = keyed(1, 2)
    assert deafness(scene.pair, frozenset({2}), at(10.1)) is None
    assert deafness(scene.pair, frozenset({3}), at(10.1)) == (
        "the peer has no other generation of the key of the pair (its: 1, 2)"
    )
    assert deafness(scene.pair, frozenset(), at(10.1)) == (
        "it is the only generation of the key of the pair"
    )
    assert deafness(scene.pair, frozenset({2}), at(11.6)) == (
        "the peer is not heard, and may have no other generation of the key of the pair"
    )
    scene.answers(11.7, standing=has())
    assert deafness(scene.pair, frozenset({2}), at(11.7)) == (
        "the peer has no other generation of the key of the pair (its: not known: an older version)"
    )
