"""Switching the fenced peer on again: owed, after a while, at most twice an hour."""

from hypothesis import given
from hypothesis import strategies as st

from haconn.core.model import Instant
from haconn.core.repower import PERIOD_S, may_repower, owed_after, repower_due
from haconn.core.role import Proof
from haconn.core.server import Owed, Restore, Server, owe, waiting_restores
from haconn.core.takeover import Failed, Proved

NOW = Instant(10_000.0)
SOON = Instant(10_010.0)


def ago(*seconds: float) -> tuple[Instant, ...]:
    return tuple(Instant(NOW - one) for one in seconds)


def test_a_peer_that_we_switched_off_is_switched_on_ten_seconds_later() -> None:
    end = Proved(Proof.POWER_OFF, NOW, commanded=True, cut=False)
    assert owed_after(end, "f-1", (), NOW) == (Owed(Restore.POWER_ON, "f-1", NOW, SOON),)


def test_outlets_that_were_cut_come_on_before_the_power() -> None:
    end = Proved(Proof.OUTLETS_OFF, NOW, commanded=True, cut=True)
    outlets, on = owed_after(end, "f-1", (), NOW)
    assert (outlets.what, on.what) == (Restore.FEEDS, Restore.POWER_ON)
    server = owe(owe(Server("m1"), on), outlets)
    assert waiting_restores(server) == (outlets,)


def test_a_peer_that_was_found_off_is_left_off() -> None:
    end = Proved(Proof.POWER_OFF, NOW, commanded=False, cut=False)
    assert owed_after(end, "f-1", (), NOW) == ()


def test_an_attempt_that_failed_half_way_owes_what_it_switched_off() -> None:
    end = Failed("its outlets were not all read off", NOW, commanded=True, cut=True)
    assert len(owed_after(end, "f-1", (), NOW)) == 2
    assert owed_after(Failed("", NOW, commanded=False, cut=False), "f-1", (), NOW) == ()


def test_a_third_repower_waits_until_the_hour_is_over() -> None:
    assert repower_due(ago(600.0), NOW) == SOON
    assert repower_due(ago(3000.0, 600.0), NOW) == NOW + 600.0
    assert repower_due(ago(600.0, 3000.0, 9000.0), NOW) == NOW + 600.0
    assert repower_due(ago(9000.0, 600.0), NOW) == SOON


def test_a_third_repower_within_the_hour_may_not_begin() -> None:
    assert may_repower((), NOW)
    assert may_repower(ago(0.0), NOW)
    assert not may_repower(ago(3599.0, 1.0), NOW)
    assert may_repower(ago(3600.0, 1.0), NOW)


@given(st.lists(st.floats(0.0, 9000.0), max_size=6))
def test_what_is_due_may_begin_and_no_hour_has_three(ages: list[float]) -> None:
    history = list(ago(*ages))
    now = NOW
    begun = []
    for _ in range(5):
        now = repower_due(history, now)
        assert may_repower(history, now)
        history.append(now)
        begun.append(now)
    for first, third in zip(begun, begun[2:], strict=False):
        assert third - first > PERIOD_S - 1e-6
