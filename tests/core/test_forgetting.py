"""Which request ids are remembered, for how long, and what a flood of them can push out."""

import pytest

from haconn.core import events
from haconn.core.actions import Acknowledge, Remark, TellResult
from haconn.core.model import SystemKey
from haconn.core.request_table import (
    ASKED_FOR_S,
    AT_ONCE,
    EACH_S,
    OTHERS_MAX,
    Asked,
    RequestTable,
)
from haconn.core.reset import Outcome
from haconn.core.system import Status
from tests.core.parts import (
    ACCEPTED,
    ONE,
    REFUSED,
    THREE,
    TWO,
    Site,
    at,
    commands,
    of,
    registered,
    speaker,
)

DAY_S = 86_400.0


def ended(number: int, target: SystemKey = ONE, told_at: float = 0.0) -> Asked:
    """An id that has its outcome."""
    told = at(told_at or float(number))
    outcome = Outcome.FAIL
    return Asked(TWO, f"a{number}", target, at(float(number)), outcome=outcome, told_at=told)


def reset_by_acceptance(site: Site, now: float, name: str) -> None:
    """TWO has ONE reset, and the BMC takes the hard reset."""
    assert commands(site.asks(now, name)) == ["SOFT_RESET"]
    site.answers(REFUSED, now)
    site.answers(ACCEPTED, now, stage=1)
    assert site.world.asked[TWO, name].outcome is Outcome.DUMP
    site.speaks(ONE, now + 0.1, f"boot of {now}")
    assert site.status() is Status.NORMAL


@pytest.mark.parametrize("later_s", [ASKED_FOR_S - 1, ASKED_FOR_S + 1, DAY_S])
def test_an_id_that_a_suspended_guest_says_again_begins_nothing(later_s: float) -> None:
    site = registered()
    reset_by_acceptance(site, 1.0, "a1")
    site.passes(1.0 + later_s)
    site.asks(1.0 + later_s, "e1", THREE, THREE)  # ids were forgotten when another one came
    actions = site.asks(1.0 + later_s, "a1")
    assert not commands(actions)
    told = [one for one in of(TellResult, actions) if one.requester == TWO]
    assert {(one.outcome, one.reason) for one in told} == {(Outcome.FAIL, "verdict over")}
    assert site.status() is Status.NORMAL


def test_an_id_of_hours_ago_is_told_again_without_an_assertion() -> None:
    """Its schedule and its outcome cannot be of two tables that know different things."""
    site = registered()
    reset_by_acceptance(site, 1.0, "a1")
    site.passes(3000.0)
    for number in range(2000):
        site.asks(3000.0 + number, f"b{number}")
        site.asks(3000.0 + number, "a1")
    site.passes(9000.0)


def test_the_newest_id_for_each_target_is_never_forgotten() -> None:
    table = RequestTable([ended(1, THREE), ended(2)])
    for number in range(3, 3 + 2 * OTHERS_MAX):
        table.put(ended(number))
    assert (TWO, "a1") in table
    assert (TWO, f"a{2 + 2 * OTHERS_MAX}") in table
    assert len(table) == 2 + OTHERS_MAX
    assert (TWO, "a2") not in table


def test_a_request_without_outcome_is_never_forgotten() -> None:
    table = RequestTable([Asked(TWO, "open", ONE, at(0.5), operation="r-1")])
    for number in range(1, 2 * OTHERS_MAX):
        table.put(ended(number))
    assert (TWO, "open") in table
    assert [asked.request_id for asked in table.waiting("r-1")] == ["open"]
    assert len(table) == 1 + OTHERS_MAX


def test_more_open_requests_than_the_bound_are_kept() -> None:
    """There cannot be: they are not taken in. A file may say so all the same."""
    table = RequestTable(
        Asked(TWO, f"a{number}", ONE, at(float(number)), operation="r-1")
        for number in range(OTHERS_MAX + 10)
    )
    assert len(table.waiting("r-1")) == len(table) == OTHERS_MAX + 10


def test_the_order_of_a_file_does_not_matter() -> None:
    rows = [ended(number) for number in range(1, OTHERS_MAX + 2)]
    assert set(RequestTable(rows)) == set(RequestTable(reversed(rows)))
    table = RequestTable(reversed(rows))
    assert table.newest(rows[0]) == rows[-1]


def test_an_id_that_was_an_error_is_not_the_newest() -> None:
    error = Asked(TWO, "e", ONE, at(9.0), outcome=Outcome.ERROR, told_at=at(9.0))
    table = RequestTable([ended(1), error])
    assert table.newest(error).request_id == "a1"
    alone = RequestTable([error])
    assert alone.newest(error) == error


def test_a_flood_by_one_key_evicts_no_id_of_another() -> None:
    site = registered()
    site.asks(1.0, "c1", THREE, ONE)
    site.answers(REFUSED, 1.0)
    site.answers(ACCEPTED, 1.0, stage=1)
    site.speaks(ONE, 1.1, "another boot")
    for number in range(5000):
        site.asks(1.2 + number / 100, f"a{number}")
    assert (THREE, "c1") in site.world.asked
    assert (TWO, "a0") in site.world.asked
    site.stops(ONE, 60.0, "another boot")
    site.speaks(ONE, 61.0, "yet another")
    assert not commands(site.asks(70.0, "c1", THREE, ONE))
    assert not commands(site.asks(70.0, "a0"))


@pytest.mark.parametrize("whom", [TWO, SystemKey(6001, 77), SystemKey(6002, 1)])
def test_ids_for_what_is_no_target_are_bounded_too(whom: SystemKey) -> None:
    site = registered()
    for number in range(3000):
        number_of = SystemKey(whom.port, whom.number + (number if whom != TWO else 0))
        site.asks(1.0 + number / 10, f"a{number}", TWO, number_of)
    assert AT_ONCE < len(site.world.asked) <= AT_ONCE + 300 / EACH_S + 1
    site.passes(4.0 * ASKED_FOR_S)
    for number in range(3000):
        site.asks(5 * ASKED_FOR_S + number, f"b{number}", TWO, whom)
    assert len(site.world.asked) <= OTHERS_MAX + 1


def test_a_flood_is_told_to_the_operator_once_and_ends_when_less_is_asked() -> None:
    site = registered()

    def flood(now: float) -> list[str]:
        said: list[str] = []
        for number in range(200):
            actions = site.asks(now, f"{now}-{number}")
            said += [one.message for one in of(Remark, actions) if "too-many" in one.message]
        return said

    assert flood(1.0) == ["too-many-ids"]
    assert flood(3.0) == []
    quiet = 3.0 + AT_ONCE * EACH_S
    assert flood(quiet) == ["too-many-ids"]
    site.stops(ONE, quiet + 1.0)
    asked = site.asks(quiet + 3.0, "a9")
    assert of(Acknowledge, asked), "what is repeated is taken in when there is room"


def test_an_id_that_names_other_targets_is_remarked_no_oftener_than_ids_are_taken_in() -> None:
    site = registered()
    site.asks(1.0)
    said = [len(of(Remark, site.asks(2.0, "a1", TWO, THREE))) for _ in range(300)]
    assert sum(said) == AT_ONCE + 1
    assert site.status(THREE) is Status.NORMAL


def test_a_held_request_whose_target_is_retired_meanwhile_is_an_error() -> None:
    site = Site(conservative_until=15.0)
    site.asks(14.0)
    site.take(events.BindingsChanged({TWO: "db2"}), 14.5)
    site.passes(15.0)
    assert site.world.asked[TWO, "a1"].outcome is Outcome.ERROR


def test_of_two_ids_of_one_wish_both_get_what_the_newest_gets() -> None:
    site = Site(conservative_until=15.0)
    site.asks(1.0, "a1")
    site.asks(12.5, "a2")
    site.asks(14.0, "a2")
    assert commands(site.passes(15.0)) == ["SOFT_RESET"]
    site.speaks(ONE, 15.5)
    site.stops(ONE, 16.0)
    for name in ("a1", "a2"):
        assert site.world.asked[TWO, name].outcome is Outcome.DUMP
    assert not commands(site.asks(17.0, "a1")), "the older one begins nothing afterwards"


def test_the_record_of_a_reset_does_not_grow_with_those_who_wait() -> None:
    site = registered()
    site.asks(1.0)
    before = site.system()
    for number in range(AT_ONCE):
        actions = site.asks(1.1, f"b{number}", THREE)
        assert of(Acknowledge, actions)
        assert site.system() == before
    site.stops(ONE, 2.0)
    outcomes = {asked.outcome for asked in site.world.asked.values()}
    assert outcomes == {Outcome.DUMP}
    assert len(site.world.asked) == 1 + AT_ONCE


def test_a_result_that_is_acknowledged_is_told_no_more_and_stays_known() -> None:
    site = registered()
    reset_by_acceptance(site, 1.0, "a1")
    site.take(events.ResultHeard(speaker(TWO), "a1"), 1.2)
    assert site.world.asked[TWO, "a1"].heard
    assert not site.world.asked.being_told()
    assert not commands(site.asks(DAY_S, "a1"))


def test_without_an_outcome_nothing_is_told() -> None:
    table = RequestTable([Asked(TWO, "open", ONE, at(0.5))])
    table.tell((TWO, "open"), at(1.0))
    table.tell((TWO, "unknown"), at(1.0))
    assert table.being_told() == ()
    table.hush_all(THREE)
    table.drop_all(THREE)
    assert len(table) == 1
    table.drop_all(TWO)
    assert len(table) == 0
    assert table.waiting("") == ()
