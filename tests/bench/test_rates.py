"""What counts as full rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.errors import InvalidRunError
from tests.bench.rates import (
    JITTER,
    Polled,
    faults_of,
    faults_of_all,
    require_full_rate,
    require_rate_of_all,
)


def polled(*reads: int, commanded: str = "") -> Polled:
    """Devices a, b, c, ... that were polled each second for 60 s."""
    names = "abcdefghijklmnopqrstuvwxyz"
    return Polled("BMC", 60.0, 1.0, dict(zip(names, reads, strict=False)), frozenset(commanded))


def test_polls_within_the_jitter_are_full_rate() -> None:
    require_full_rate(polled(55, 60, 66))
    require_rate_of_all(polled(55, 60, 66))


def test_a_device_that_was_polled_too_seldom_is_named() -> None:
    with pytest.raises(InvalidRunError, match=r"BMC b: 53 reads in 60\.0 s, not 54 to 67"):
        require_full_rate(polled(60, 53))


def test_a_device_that_was_polled_too_often_is_named() -> None:
    assert faults_of(polled(60, 70)) == ["BMC b: 70 reads in 60.0 s, not 54 to 67"]


def test_a_commanded_device_may_be_read_more_often_but_not_less() -> None:
    assert faults_of(polled(60, 90, commanded="b")) == []
    assert len(faults_of(polled(60, 40, commanded="b"))) == 1


def test_reads_of_commanded_devices_make_up_for_no_others() -> None:
    assert faults_of_all(polled(50, 50, 200, commanded="c"))


def test_no_devices_are_no_full_rate() -> None:
    with pytest.raises(InvalidRunError):
        require_full_rate(polled())
    with pytest.raises(InvalidRunError):
        require_rate_of_all(polled())


def test_many_faults_are_counted_and_five_are_named() -> None:
    with pytest.raises(InvalidRunError, match="and 3 more"):
        require_full_rate(polled(*[1] * 8))


@given(st.lists(st.floats(1 - JITTER, 1 + JITTER), min_size=60, max_size=60), st.floats(0, 1))
def test_any_jittered_poll_is_full_rate(gaps: list[float], phase: float) -> None:
    at, reads = phase * gaps[0], 0
    for gap in gaps:
        if at >= 50.0:
            break
        at, reads = at + gap, reads + 1
    assert faults_of(Polled("PDU", 50.0, 1.0, {"a": reads})) == []
