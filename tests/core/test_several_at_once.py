"""One event that concerns several systems, or says several things of one."""

from dataclasses import replace

from haconn.core import actions as outputs
from haconn.core import events
from haconn.core.actions import Abandon, Remark
from haconn.core.model import Power
from haconn.core.system import Status
from tests.core.parts import (
    NEW,
    ONE,
    PLAIN,
    THREE,
    TWO,
    UNSENT,
    Site,
    at,
    commands,
    of,
    registered,
    speaker,
)


def messages(actions: list[outputs.Action]) -> list[str]:
    return [action.message for action in of(Remark, actions)]


def test_one_capture_server_speaks_for_two_systems() -> None:
    site = registered(replace(PLAIN, fence_kdump=True, kdump_from=frozenset({"10.8.0.1"})))
    site.asks(1.0, "c1", THREE, ONE)
    site.asks(1.0, "c2", THREE, TWO)
    actions = site.take(events.KdumpHeard("10.8.0.1"), 2.0)
    assert [one.server for one in of(Abandon, actions)] == ["db1", "db2"]


def test_a_bmc_may_be_lost_and_dead_by_the_same_silence() -> None:
    site = registered()
    site.asks(1.0)
    site.answers(UNSENT, 1.0)
    actions = site.take(events.BmcUnanswered("db1", at(0.5)), 2.6)
    assert messages(actions) == ["bmc-lost", "stage"]
    assert commands(actions) == ["HARD_RESET"]


def test_a_bmc_may_be_back_and_the_power_on_by_the_same_read() -> None:
    site = registered()
    site.reads(Power.OFF, 1.0)
    site.asks(1.5)
    site.answers(UNSENT, 1.5)
    site.take(events.BmcRefused("db1", "no"), 1.6)
    actions = site.reads(Power.ON, 2.0)
    assert messages(actions) == ["bmc-back", "stage", "powered-on"]


def test_all_queued_resets_of_one_requester_are_cancelled() -> None:
    site = registered(gated=True)
    site.asks(1.0, "a1", TWO, ONE)
    site.asks(1.0, "a2", TWO, THREE)
    fourth = replace(site.system(THREE), key=replace(THREE, number=4), reset=None)
    site.world.put_system(replace(fourth, status=Status.NORMAL, server="db3"))
    actions = site.asks(1.1, "d1", fourth.key, TWO)
    assert [one.server for one in of(Abandon, actions)] == ["db1", "db3"]


def test_a_queued_reset_is_found_behind_systems_that_have_none() -> None:
    site = registered(gated=True)
    site.asks(1.0, "a1", ONE, THREE)
    assert [one.server for one in of(Abandon, site.asks(1.1, "b1", TWO, ONE))] == ["db3"]


def test_the_operators_test_is_nobodys_queued_reset() -> None:
    site = registered(gated=True)
    site.take(events.TestAsked(ONE, "test"), 1.0)
    assert of(Abandon, site.asks(1.1, "b1", THREE, TWO)) == []
    assert site.status(ONE) is Status.RESET


def test_all_held_requests_that_nobody_wants_are_declined() -> None:
    site = Site(conservative_until=15.0)
    site.asks(1.0, "a1")
    site.asks(1.0, "a2")
    assert messages(site.passes(15.0)) == ["declined", "declined"]


def test_a_first_request_just_before_the_end_of_the_wait_is_wanted() -> None:
    site = Site(conservative_until=15.0)
    site.asks(14.0)
    assert commands(site.passes(15.0)) == ["SOFT_RESET"]


def test_a_request_that_another_boot_repeats_is_not_wanted() -> None:
    site = Site(conservative_until=15.0)
    site.asks(1.0)
    site.take(events.Requested(speaker(TWO, NEW), "a1", ONE), 14.0)
    assert commands(site.passes(15.0)) == []


def test_all_that_a_restart_lost_are_told_fail() -> None:
    site = registered()
    site.asks(1.0, "a1")
    site.asks(1.0, "a2")
    site.world.put_system(replace(site.system(), reset=None))
    assert messages(site.take(events.Resumed(), 2.0)) == ["declined", "declined"]


def test_nobody_is_told_any_more_of_one_that_lives() -> None:
    site = registered()
    site.asks(1.0)
    site.stops(ONE, 1.5)
    assert THREE in site.world.outbox.boxes
    site.answers_ask(2.0, 1.9)
    assert site.status() is Status.NORMAL
    assert THREE not in site.world.outbox.boxes
    assert {one.reason for one in of(outputs.TellResult, site.asks(62.0))} == {"verdict over"}
