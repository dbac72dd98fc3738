"""Silence, and when things were said, on two clocks."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.beat import (
    Echo,
    Intent,
    Path,
    StoppedHeard,
)
from haconn.core.hearing import (
    OFFSETS_KEPT,
    SENDS_KEPT,
    Hearing,
    next_due,
    probe_due,
    probed,
    sent_at,
    stalled,
)
from haconn.core.model import Instant
from haconn.core.pair_times import TIMES
from tests.core.hearing_parts import Ear, trusting
from tests.core.pair_parts import ME, NEXT, PEER, at


def test_the_offset_of_the_clocks_is_the_least_of_the_last_beats() -> None:
    ear = trusting()
    assert Hearing(ME, at(0.0)).offset_s == 0.0
    ear.beat(3, 1, now=10.0, clock=4.9)
    ear.beat(4, 1, now=10.2, clock=5.3)
    ear.beat(5, 1, now=11.0, clock=5.5)
    ear.take(6, StoppedHeard(), now=12.0)
    assert ear.hearing.offsets[1:] == pytest.approx((5.1, 4.9, 5.5))
    ear.hearing = replace(ear.hearing, offsets=())
    ear.beat(7, 1, now=20.0, clock=19.0)
    for seq in range(8, 8 + OFFSETS_KEPT - 1):
        ear.beat(seq, 1, now=20.0, clock=18.0)
    assert ear.hearing.offset_s == 1.0
    ear.beat(8 + OFFSETS_KEPT, 1, now=20.0, clock=18.0)
    assert ear.hearing.offset_s == 2.0
    assert len(ear.hearing.offsets) == OFFSETS_KEPT


def test_the_echo_tells_when_a_datagram_of_ours_left() -> None:
    ear = Ear()
    for number in range(1, 6):
        assert ear.send(number * 0.2) == number
    assert sent_at(ear.hearing, Echo(ME, 3)) == 3 * 0.2
    assert sent_at(ear.hearing, Echo(PEER, 3)) is None
    assert sent_at(ear.hearing, Echo(ME, 6)) is None
    assert sent_at(ear.hearing, Echo(ME, 0)) is None
    assert sent_at(Hearing(ME, at(0.0)), Echo(ME, 0)) is None


def test_a_burst_between_two_beats_does_not_hide_when_the_echoed_one_left() -> None:
    ear = Ear()
    ear.send(1.0)
    for _ in range(500):
        ear.send(1.05)
    assert sent_at(ear.hearing, Echo(ME, 400)) == 1.0
    ear.send(1.2)
    assert sent_at(ear.hearing, Echo(ME, 501)) == 1.0
    assert sent_at(ear.hearing, Echo(ME, 502)) == 1.2


def test_what_is_kept_of_our_sends_reaches_back_further_than_the_gate() -> None:
    ear = Ear()
    for hundredth in range(2000):
        ear.send(hundredth / 100)
    assert len(ear.hearing.sends) == SENDS_KEPT
    left = sent_at(ear.hearing, Echo(ME, 2000 - 100 * int(TIMES.gate_s + 1)))
    assert left is not None
    assert left <= 20.0 - TIMES.gate_s - 1
    assert sent_at(ear.hearing, Echo(ME, 1)) is None


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=200), st.data())
def test_a_datagram_is_never_said_to_have_left_later_than_it_did(
    gaps: list[float], data: st.DataObject
) -> None:
    ear, left = Ear(), [0.0]
    for gap in gaps:
        ear.send(ear.now + gap)
        left.append(ear.now)
    seq = data.draw(st.integers(1, len(gaps)))
    found = sent_at(ear.hearing, Echo(ME, seq))
    assert found is not None or len(gaps) > SENDS_KEPT
    assert found is None or left[seq] - 0.1 <= found <= left[seq]


def test_silence_is_measured_from_the_last_new_datagram_on_any_path() -> None:
    ear = Ear()
    assert ear.hearing.silent_for(at(4.0)) == 4.0
    assert ear.hearing.alone_for(at(4.0)) == 4.0
    ear = trusting()
    ear.take(3, Intent(1, 0, 1, b"", 0.0), path=Path.RESET, now=2.0)
    assert ear.hearing.silent_for(at(5.0)) == 3.0
    ear.beat(1, session=NEXT, now=4.0)
    assert ear.hearing.silent_for(at(5.0)) == 3.0
    assert ear.hearing.alone_for(at(5.0)) == 1.0


def test_a_stall_of_ours_restarts_the_silence() -> None:
    ear = Ear()
    assert stalled(ear.hearing, at(7.0)) == Hearing(ME, at(7.0))
    ear.beat(1, now=1.0)
    late = stalled(ear.hearing, at(7.0))
    assert (late.began, late.spoken_at, late.heard_at) == (7.0, 7.0, None)
    ear = trusting()
    ear.hearing = probed(ear.hearing, at(1.1), TIMES)
    late = stalled(ear.hearing, at(7.0))
    assert (late.began, late.spoken_at, late.heard_at, late.probed) == (0.0, 7.0, 7.0, 0)


def probes(ear: Ear, *moments: float) -> list[float]:
    """When a probe leaves, if the clock is looked at at these moments."""
    left = []
    for now in moments:
        if probe_due(ear.hearing, at(now), TIMES):
            ear.hearing = probed(ear.hearing, at(now), TIMES)
            left.append(now)
    return left


def test_a_silence_is_probed_three_times() -> None:
    assert probes(Ear(), 1.0, 1.2, 1.35, 9.0) == []
    ear = trusting()
    assert probes(ear, 0.9, 1.0, 1.1, 1.19, 1.2, 1.3, 1.35, 1.4, 1.5, 9.0) == [1.0, 1.2, 1.35]
    assert probes(trusting(), 1.3, 1.34, 1.36, 1.4) == [1.3, 1.36]
    ear.beat(3, 1, now=10.0)
    assert probes(ear, 10.9, 11.0) == [11.0]


@given(st.floats(0.0, 1e7))
def test_what_is_due_is_due_at_the_very_instant_that_was_named(began: float) -> None:
    ear = trusting()
    ear.beat(3, 1, now=began)
    for wait_s in (*TIMES.probes_s, TIMES.dead_s):
        due = next_due(ear.hearing, TIMES)
        assert due == began + wait_s
        if wait_s != TIMES.dead_s:
            assert probe_due(ear.hearing, due, TIMES)
            ear.hearing = probed(ear.hearing, due, TIMES)
        else:
            assert ear.hearing.is_silent(wait_s, due)
            assert not ear.hearing.is_silent(wait_s, Instant(due - 1e-3))
            assert not probe_due(ear.hearing, due, TIMES)
    assert next_due(Hearing(ME, at(0.0)), TIMES) is None
    assert Hearing(ME, at(began)).is_silent(1.0, Instant(began + 1.0))
