"""The judge of "never two powered holders", on made-up records."""

import pytest

from fixtures.simulators.netns.truth import Double, Span, Stamp, What, doubles, spans

ON, OFF, HELD, GONE, PANIC = What.ON, What.OFF, What.HELD, What.GONE, What.PANIC


def record(*facts: tuple[float, str, What]) -> list[Stamp]:
    return [Stamp(*fact) for fact in facts]


BOTH_ON = ((0.0, "m1", ON), (0.0, "m2", ON))


def test_two_holders_are_one_breach_as_long_as_both_hold() -> None:
    log = record(*BOTH_ON, (1.0, "m1", HELD), (2.0, "m2", HELD), (3.5, "m1", GONE))
    assert list(doubles(log)) == [Double(Span(2.0, 3.5), ("m1", "m2"))]


def test_a_breach_without_an_end_is_one_too() -> None:
    log = record(*BOTH_ON, (1.0, "m2", HELD), (2.0, "m1", HELD))
    assert list(doubles(log)) == [Double(Span(2.0, None), ("m1", "m2"))]


def test_the_order_decides_when_times_are_equal() -> None:
    moved = record(*BOTH_ON, (1.0, "m1", HELD), (2.0, "m1", GONE), (2.0, "m2", HELD))
    shared = record(*BOTH_ON, (1.0, "m1", HELD), (2.0, "m2", HELD), (2.0, "m1", GONE))
    assert list(doubles(moved)) == []
    assert list(doubles(shared)) == [Double(Span(2.0, 2.0), ("m1", "m2"))]


def test_what_has_no_power_holds_nothing() -> None:
    log = record(*BOTH_ON, (1.0, "m1", HELD), (2.0, "m1", OFF), (3.0, "m2", HELD))
    assert list(doubles(log)) == []


def test_power_that_comes_back_to_a_holder_is_a_breach() -> None:
    log = record(*BOTH_ON, (1.0, "m1", HELD), (2.0, "m1", OFF), (3.0, "m2", HELD), (4.0, "m1", ON))
    assert list(doubles(log)) == [Double(Span(4.0, None), ("m1", "m2"))]


def test_a_dead_kernel_with_power_counts_as_a_holder() -> None:
    log = record(*BOTH_ON, (1.0, "m1", HELD), (2.0, "m1", PANIC), (3.0, "m2", HELD))
    assert list(doubles(log)) == [Double(Span(3.0, None), ("m1", "m2"))]


def test_every_breach_is_told() -> None:
    log = record(
        *BOTH_ON, (1.0, "m1", HELD), (2.0, "m2", HELD), (3.0, "m2", GONE), (4.0, "m2", HELD)
    )
    assert [one.span for one in doubles(log)] == [Span(2.0, 3.0), Span(4.0, None)]


def test_spans_are_of_one_machine() -> None:
    log = record((1.0, "m1", HELD), (2.0, "m2", HELD), (3.0, "m1", GONE), (4.0, "m1", HELD))
    assert list(spans(log, "m1", HELD, GONE)) == [Span(1.0, 3.0), Span(4.0, None)]
    assert Span(4.0, None).over(5.5) == pytest.approx(1.5)
