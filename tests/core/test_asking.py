"""Who may have whom reset, and what is answered at once."""

from dataclasses import replace

import pytest

from haconn.core import actions as outputs
from haconn.core import asking, events
from haconn.core.actions import Acknowledge, Hurry, Record, Remark, TellResult
from haconn.core.contrary import Source
from haconn.core.events import Requested, RequestRecorded
from haconn.core.model import Power, SystemKey
from haconn.core.request_table import Asked
from haconn.core.reset import Evidence, Outcome
from haconn.core.server import distrust_of
from haconn.core.system import Status
from tests.core.parts import (
    ACCEPTED,
    FEED_A,
    FEED_B,
    IN_DOUBT,
    NEW,
    OLD,
    ONE,
    PLAIN,
    REFUSED,
    THREE,
    TWO,
    WITH_OUTLETS,
    Site,
    at,
    commands,
    of,
    registered,
    speaker,
)


def failed_in_doubt() -> Site:
    """A site on which the reset of ONE has failed at 22.0; the last command left at 12.0."""
    site = registered()
    site.asks(0.0)
    site.sent(0.0)
    site.answers(REFUSED, 0.0)
    site.passes(12.0)
    site.sent(12.0, stage=2)
    site.answers(IN_DOUBT, 12.0, stage=2)
    site.passes(22.0)
    assert site.status() is Status.NORMAL
    return site


def told(site: Site, who: SystemKey, name: str) -> Asked:
    return site.world.asked[who, name]


def test_a_request_is_acknowledged_when_it_is_recorded() -> None:
    site = registered(gated=True)
    actions = site.asks(1.0)
    assert of(Record, actions)[-1] == Record(RequestRecorded(TWO, "a1"))
    assert not of(Acknowledge, actions)
    assert of(Acknowledge, site.record(1.1)) == [Acknowledge(TWO, "a1")]


def test_the_second_of_two_that_ask_for_each_other_is_told_fail() -> None:
    site = registered()
    site.asks(1.0, "a1", ONE, TWO)
    site.asks(1.0, "b1", TWO, ONE)
    assert told(site, TWO, "b1").outcome is Outcome.FAIL
    assert told(site, TWO, "b1").reason == "the requester is being reset itself"
    assert site.status(ONE) is Status.NORMAL


def test_a_barred_requester_is_told_fail_for_a_minute_after_the_last_command() -> None:
    site = failed_in_doubt()
    site.asks(71.9, "b1", ONE, TWO)
    assert told(site, ONE, "b1").outcome is Outcome.FAIL
    assert told(site, ONE, "b1").reason == "the requester's own reset failed in doubt"
    site.asks(72.0, "b2", ONE, TWO)
    assert told(site, ONE, "b2").outcome is None


def test_a_new_boot_ends_the_bar() -> None:
    site = failed_in_doubt()
    site.speaks(ONE, 30.0, NEW)
    site.take(Requested(speaker(ONE, NEW), "b1", TWO), 31.0)
    assert site.status(TWO) is Status.RESET


def test_a_later_failure_without_doubt_does_not_end_the_bar() -> None:
    site = failed_in_doubt()
    site.asks(23.0, "a2")
    for stage, now in ((0, 23.0), (1, 23.0), (2, 33.0)):
        site.answers(REFUSED, now, stage)
        site.passes(now + 10.0)
    assert site.status() is Status.NORMAL
    assert site.system().barred


def test_a_requester_that_is_proved_stopped_is_told_error() -> None:
    site = registered()
    site.stops(ONE, 1.0)
    site.asks(1.5, "b1", ONE, TWO)
    assert told(site, ONE, "b1").outcome is Outcome.ERROR
    assert told(site, ONE, "b1").reason == "the requester has been reset itself"


def test_a_requester_whose_verdict_is_being_recorded_is_in_reset() -> None:
    site = registered(gated=True)
    site.asks(1.0)
    site.speaks(ONE, 1.5, NEW)
    assert site.status() is Status.NORMAL
    site.take(Requested(speaker(ONE, NEW), "b1", TWO), 1.6)
    assert told(site, ONE, "b1").reason == "the requester is being reset itself"


def test_whoever_has_no_key_is_not_answered() -> None:
    site = registered()
    nobody = SystemKey(6001, 9)
    assert site.take(Requested(speaker(nobody), "a1", ONE), 1.0) == []


def test_a_repeated_request_is_acknowledged_and_answered_once() -> None:
    site = registered()
    site.asks(1.0)
    assert site.asks(1.2) == [Acknowledge(TWO, "a1")]
    site.stops(ONE, 1.5)
    actions = site.asks(1.6)
    assert [type(action) for action in actions] == [Acknowledge, TellResult]


def test_an_id_that_was_used_for_another_target_is_refused() -> None:
    site = registered()
    site.asks(1.0)
    (note,) = site.asks(1.2, whom=THREE)
    assert isinstance(note, Remark)
    assert note.message == "declined"
    assert site.status(THREE) is Status.NORMAL


def test_a_joined_reset_answers_both_ids() -> None:
    site = registered()
    site.asks(1.0)
    site.asks(1.1, "a2")
    assert told(site, TWO, "a2").operation == told(site, TWO, "a1").operation == "r-1"
    site.stops(ONE, 1.5)
    assert told(site, TWO, "a1").outcome is told(site, TWO, "a2").outcome is Outcome.DUMP


def test_off_is_answered_at_once_with_the_age_of_the_last_read() -> None:
    site = registered()
    site.reads_off(20.0)
    site.reads(Power.OFF, 90.0)
    assert not commands(site.asks(91.0))
    site.passes(91.2)
    site.reads(Power.OFF, 91.2)
    site.passes(91.31)
    asked = told(site, TWO, "a1")
    assert (asked.outcome, asked.evidence) == (Outcome.POFF, Evidence.POWER_OFF)
    assert asked.evidence_at == 91.2
    site.asks(91.4, "a2", THREE)
    assert told(site, THREE, "a2").evidence_at == 91.2


def test_off_of_one_that_said_good_bye_is_answered_at_once() -> None:
    site = registered()
    site.take(events.Left(speaker(ONE)), 1.0)
    site.reads_off(20.0)
    assert not commands(site.asks(20.4))
    site.passes(20.8)
    assert told(site, TWO, "a1").outcome is Outcome.POFF
    assert site.system().verdict is not None


def test_feeds_read_off_are_their_own_evidence() -> None:
    site = registered(WITH_OUTLETS)
    site.feeds(0.0, Power.ON, FEED_A, FEED_B)
    site.feeds(10.0, Power.OFF, FEED_A, FEED_B)
    site.feeds(14.9, Power.OFF, FEED_A, FEED_B)
    assert commands(site.asks(14.95, "a0", THREE)) == ["SOFT_RESET"]


def test_outlets_that_have_read_off_for_five_seconds_are_confirmed() -> None:
    site = registered(WITH_OUTLETS)
    site.feeds(0.0, Power.ON, FEED_A, FEED_B)
    site.feeds(10.0, Power.OFF, FEED_A, FEED_B)
    site.feeds(15.0, Power.OFF, FEED_A, FEED_B)
    assert not commands(site.asks(15.1))
    assert not commands(site.passes(15.41))
    assert told(site, TWO, "a1").evidence is Evidence.OUTLETS_OFF


def test_outlets_that_read_off_while_the_system_speaks_are_not_believed() -> None:
    site = registered(WITH_OUTLETS)
    site.feeds(0.0, Power.ON, FEED_A, FEED_B)
    site.feeds(10.0, Power.OFF, FEED_A, FEED_B)
    site.feeds(15.0, Power.OFF, FEED_A, FEED_B)
    assert not commands(site.asks(15.1))
    assert commands(site.answers_ask(15.2, 15.1)) == ["SOFT_RESET"]
    assert distrust_of(site.server(), Source.FEEDS) is not None


def test_feeds_off_prove_nothing_after_the_power_was_read_on() -> None:
    site = registered(WITH_OUTLETS)
    site.reads(Power.OFF, 9.0)
    site.feeds(10.0, Power.OFF, FEED_A, FEED_B)
    site.reads(Power.ON, 11.0)
    assert commands(site.asks(12.0)) == ["SOFT_RESET"]


def test_a_dump_stays_a_dump_while_the_server_is_read_off() -> None:
    site = registered()
    site.asks(20.0)
    site.answers(REFUSED, 20.0)
    site.answers(ACCEPTED, 20.0, stage=1)
    site.reads_off(24.0)
    site.asks(25.0, "a2")
    assert told(site, TWO, "a2").evidence is Evidence.HARD_RESET_ACCEPTED
    site.reads(Power.OFF, 31.0)
    site.asks(31.0, "a3")
    site.passes(31.31)
    assert told(site, TWO, "a3").evidence is Evidence.POWER_OFF


def kdump_site() -> Site:
    site = registered(replace(PLAIN, fence_kdump=True))
    site.take(events.KdumpHeard("10.0.0.1"), 10.0)
    return site


def test_a_capture_kernel_that_spoke_just_before_concludes_at_once() -> None:
    site = kdump_site()
    actions = site.asks(25.0)
    asked = told(site, TWO, "a1")
    assert (asked.evidence, asked.evidence_at) == (Evidence.KDUMP_NOTICE, 10.0)
    assert asked.operation == "r-1"
    assert site.status() is Status.DUMP
    assert site.system().concluded_at == 25.0
    verdict = site.system().verdict
    assert verdict is not None
    assert verdict.evidence is Evidence.KDUMP_NOTICE
    assert not commands(actions)
    assert [note.about for note in site.world.outbox.boxes[THREE].notices] == [ONE]


def test_a_capture_kernel_that_spoke_long_ago_does_not() -> None:
    assert commands(kdump_site().asks(25.1)) == ["SOFT_RESET"]


def test_a_kdump_notice_of_an_earlier_reset_is_not_evidence() -> None:
    site = kdump_site()
    system = site.system()
    site.world.put_system(replace(system, concluded_at=at(10.0)))
    assert commands(site.asks(11.0)) == ["SOFT_RESET"]
    site = kdump_site()
    site.world.put_system(replace(system, concluded_at=at(9.9)))
    assert not commands(site.asks(11.0))


def test_a_capture_kernel_ends_the_operators_test_too() -> None:
    site = registered(replace(PLAIN, fence_kdump=True, soft_s=5.0))
    site.world.put_system(replace(site.system(), kdump_at=at(9.0)))
    site.take(events.TestAsked(ONE, "test"), 10.0)
    actions = site.asks(11.0)
    assert of(outputs.TestEnded, actions) == [outputs.TestEnded("test", Outcome.FAIL, None)]
    assert of(Hurry, actions) == [Hurry("db1", False)]
    assert site.status() is Status.DUMP
    assert site.system().reset is None


def test_a_test_needs_a_system_at_rest() -> None:
    site = registered()
    over = outputs.TestEnded("test", Outcome.FAIL, None)
    assert site.take(events.TestAsked(SystemKey(6001, 9), "test"), 1.0) == [over]
    site.asks(1.0)
    assert of(outputs.TestEnded, site.take(events.TestAsked(ONE, "test"), 1.1)) == [over]
    site.stops(ONE, 1.2)
    assert of(outputs.TestEnded, site.take(events.TestAsked(ONE, "test"), 1.3)) == [over]


def test_a_test_does_not_take_the_place_of_a_verdict_that_is_being_recorded() -> None:
    site = registered(gated=True)
    site.asks(1.0)
    site.speaks(ONE, 1.5, NEW)
    assert of(outputs.TestEnded, site.take(events.TestAsked(ONE, "test"), 1.6))
    site.record(1.7)
    assert told(site, TWO, "a1").outcome is Outcome.DUMP


@pytest.mark.parametrize("joined", [False, True])
def test_a_queued_reset_is_cancelled_unless_somebody_else_waits(joined: bool) -> None:
    site = registered(gated=True)
    site.asks(1.0, "a1", TWO, ONE)
    if joined:
        site.asks(1.0, "c1", THREE, ONE)
    site.asks(1.1, "c2", THREE, TWO)
    site.record(1.2)
    site.record(1.2)
    assert (told(site, TWO, "a1").outcome is None) == joined
    assert (site.status(ONE) is Status.RESET) == joined


def test_a_reset_that_has_left_is_not_cancelled() -> None:
    site = registered(gated=True)
    site.asks(1.0, "a1", TWO, ONE)
    site.record(1.0)
    site.asks(1.1, "c2", THREE, TWO)
    assert site.status(ONE) is Status.RESET


def test_requests_are_held_back_while_nothing_is_known_of_what_was_under_way() -> None:
    site = Site(conservative_until=15.0)
    actions = site.asks(1.0)
    assert not commands(actions)
    assert of(Acknowledge, actions)
    site.asks(14.0)
    actions = site.passes(15.0)
    assert commands(actions) == ["SOFT_RESET"]
    assert not asking.held(site.world)


def test_a_held_request_runs_only_if_it_is_still_wanted() -> None:
    for again, boot, runs in (
        (12.0, OLD, True),
        (11.9, OLD, False),
        (14.0, NEW, False),
    ):
        site = Site(conservative_until=15.0)
        site.asks(1.0)
        site.asks(again)
        site.speaks(TWO, 14.5, boot)
        assert bool(commands(site.passes(15.0))) == runs
        outcome = told(site, TWO, "a1").outcome
        assert outcome is (None if runs else Outcome.FAIL)


def test_a_held_request_of_one_that_is_read_off_does_not_run() -> None:
    site = Site(conservative_until=15.0)
    site.asks(14.0)
    site.reads_off(14.9, "db2")
    assert not commands(site.passes(15.0))
    assert told(site, TWO, "a1").reason == "not asked for any more"


def test_a_held_request_of_a_retired_key_does_not_run() -> None:
    site = Site(conservative_until=15.0)
    site.asks(14.0)
    site.take(events.BindingsChanged({ONE: "db1"}), 14.5)
    assert not commands(site.passes(15.0))
    assert (TWO, "a1") not in site.world.asked


def test_what_a_restart_lost_is_told_fail() -> None:
    site = registered()
    site.world.put_asked(Asked(TWO, "a1", ONE, at(1.0), operation="old-1", boot_id=OLD))
    site.asks(1.5, "a2", THREE, TWO)
    actions = site.take(events.Resumed(), 2.0)
    (result,) = of(TellResult, actions)
    assert (result.outcome, result.reason) == (Outcome.FAIL, "lost in a restart")
    assert told(site, THREE, "a2").outcome is None


def test_results_are_told_again_after_a_restart_for_ten_minutes() -> None:
    site = registered()
    for name, when, heard in (("a1", 1.0, False), ("a2", 1.1, False), ("a3", 2.0, True)):
        done = Asked(
            TWO, name, ONE, at(0.0), outcome=Outcome.FAIL, evidence_at=at(when), told_at=at(when)
        )
        site.world.put_asked(replace(done, heard=heard, boot_id=OLD))
    actions = site.take(events.Resumed(), 601.1)
    assert [result.request_id for result in of(TellResult, actions)] == ["a2"]


def came_on(site: Site) -> Site:
    """The server of ONE is read off at 21.0 and on at 23.0, as we ordered it."""
    site.reads(Power.OFF, 21.0)
    site.world.put_server(replace(site.server(), ordered_on_at=at(22.0)))
    site.reads(Power.ON, 23.0)
    return site


def test_power_that_we_ordered_on_ends_what_is_answered_at_once() -> None:
    site = registered()
    site.stops(ONE, 20.0)
    assert commands(came_on(site).asks(24.0)) == ["SOFT_RESET"]
    site = registered(WITH_OUTLETS)
    site.feeds(22.5, Power.OFF, FEED_A, FEED_B)
    assert commands(came_on(site).asks(24.0)) == ["SOFT_RESET"]
