"""When a device is asked again: it follows what was measured of it."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.model import SHORTEST_TIMEOUT_S
from haconn.drivers.answer_times import LONGEST_TIMEOUT_S, AnswerTimes

seconds = st.floats(0.0, 100.0)


def test_before_anything_is_measured_it_is_what_the_caller_says_and_doubles() -> None:
    assert list(islice(AnswerTimes(0.25).intervals(), 5)) == [0.25, 0.5, 1.0, 2.0, 3.0]
    assert next(AnswerTimes(0.25).intervals(at_least_s=1.5)) == 1.5


def test_a_fast_device_is_asked_again_after_the_shortest_time() -> None:
    times = AnswerTimes(0.5)
    times.answered(0.002)
    assert times.timeout_s == SHORTEST_TIMEOUT_S


def test_a_slow_and_even_device_is_given_a_little_more_than_its_time() -> None:
    times = AnswerTimes(0.25)
    for _ in range(30):
        times.answered(0.8)
    assert times.timeout_s == pytest.approx(0.9, abs=0.01)


def test_an_uneven_device_is_given_more() -> None:
    times = AnswerTimes(0.25)
    for after_s in [0.1, 0.9] * 20:
        times.answered(after_s)
    assert times.timeout_s > 0.9


def test_what_was_asked_again_is_not_measured_but_waited_for() -> None:
    """Three askings of a device that takes 0.8 s for each keep it busy for 2.4 s."""
    times = AnswerTimes(0.25)
    times.answered(0.8, askings=3)
    assert times.timeout_s == pytest.approx(2.6)
    times.answered(0.01)
    assert times.timeout_s == SHORTEST_TIMEOUT_S


@given(st.lists(st.tuples(seconds, st.integers(1, 9))))
def test_the_time_stays_within_its_limits(answers: list[tuple[float, int]]) -> None:
    times = AnswerTimes(0.25)
    for after_s, askings in answers:
        times.answered(after_s, askings)
        assert SHORTEST_TIMEOUT_S <= times.timeout_s <= LONGEST_TIMEOUT_S
        assert all(one <= LONGEST_TIMEOUT_S for one in islice(times.intervals(), 5))
