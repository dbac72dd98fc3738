"""How long request ids are remembered, and what a flood of them drops."""

from haconn.core.reset import Outcome
from haconn.core.world import ASKED_FOR_S, ASKED_MAX, Asked
from tests.core.parts import TWO, at, registered


def test_ids_are_remembered_for_ten_minutes_after_their_outcome() -> None:
    site = registered()
    site.asks(1.0, "a1", TWO, TWO)
    site.asks(1.0 + ASKED_FOR_S, "a2", TWO, TWO)
    assert (TWO, "a1") in site.world.asked
    site.asks(1.1 + ASKED_FOR_S, "a3", TWO, TWO)
    assert (TWO, "a1") not in site.world.asked
    assert (TWO, "a2") in site.world.asked


def test_a_request_without_outcome_is_never_forgotten() -> None:
    site = registered(gated=True)
    site.asks(1.0)
    site.asks(5000.0, "a2", TWO, TWO)
    assert (TWO, "a1") in site.world.asked


def test_a_flood_of_ids_drops_the_oldest_that_have_their_outcome() -> None:
    site = registered()
    site.asks(0.5, "open")
    for number in range(ASKED_MAX - 1):
        name = f"a{number}"
        asked = Asked(TWO, name, TWO, at(1.0), outcome=Outcome.ERROR, told_at=at(1.0))
        site.world.asked[asked.name] = asked
    site.asks(2.0, "late", TWO, TWO)
    assert len(site.world.asked) == ASKED_MAX
    assert (TWO, "open") in site.world.asked
    assert (TWO, "a0") not in site.world.asked
    assert (TWO, "a1") in site.world.asked


def test_a_flood_drops_no_more_than_it_must_beside_what_is_over() -> None:
    site = registered()
    for number in range(ASKED_MAX + 2):
        told_at = at(1.0 if number < 2 else 700.0)
        asked = Asked(TWO, f"a{number}", TWO, at(1.0), outcome=Outcome.ERROR, told_at=told_at)
        site.world.asked[asked.name] = asked
    site.asks(800.0, "late", TWO, TWO)
    assert len(site.world.asked) == ASKED_MAX
    assert min(int(name[1:]) for _, name in site.world.asked if name != "late") == 3
