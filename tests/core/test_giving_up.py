"""The service stops for good: who waits is told FAIL, and who may have been commanded is barred."""

from haconn.core import actions as outputs
from haconn.core import events
from haconn.core.actions import Abandon, Record, Remark, TellResult
from haconn.core.events import GivenUp, VerdictRecorded
from haconn.core.giving_up import REASON
from haconn.core.reset import Outcome
from haconn.core.system import Status
from tests.core.parts import IN_DOUBT, ONE, THREE, TWO, Site, at, of, registered


def test_all_that_wait_for_a_reset_in_progress_are_told_fail() -> None:
    site = registered()
    site.asks(1.0, "a1", TWO)
    site.asks(1.1, "c1", THREE)
    site.sent(1.1)
    actions = site.take(GivenUp(), 1.5)
    assert of(Abandon, actions)[0].server == "db1"
    assert of(Record, actions) == [Record(VerdictRecorded(ONE, "r-1"))]
    told = of(TellResult, actions)
    assert {(one.requester, one.outcome) for one in told} == {
        (TWO, Outcome.FAIL),
        (THREE, Outcome.FAIL),
    }
    assert site.system().reset is None
    assert site.status() is Status.NORMAL


def test_a_target_that_may_have_been_commanded_is_barred_as_after_any_doubt() -> None:
    site = registered()
    site.asks(1.0)
    site.sent(1.0)
    site.answers(IN_DOUBT, 1.0)
    site.take(GivenUp(), 1.5)
    site.asks(2.0, "b1", ONE, TWO)
    assert site.world.asked[ONE, "b1"].outcome is Outcome.FAIL


def test_a_reset_that_has_its_outcome_keeps_it() -> None:
    site = registered(gated=True)
    site.asks(1.0)
    site.record(1.0)
    site.sent(1.0)
    site.stops(ONE, 1.2)
    assert not of(Record, site.take(GivenUp(), 1.3)), "its verdict waits for the record"
    (told,) = of(TellResult, site.record(1.4))
    assert told.outcome is Outcome.DUMP


def test_a_request_that_was_held_back_is_told_fail() -> None:
    site = Site(conservative_until=15.0)
    site.speaks(TWO, 1.0)
    site.asks(1.0)
    assert site.world.asked[TWO, "a1"].outcome is None
    actions = site.take(GivenUp(), 2.0)
    assert [one.message for one in of(Remark, actions)] == ["declined"]
    asked = site.world.asked[TWO, "a1"]
    assert (asked.outcome, asked.reason, asked.evidence_at) == (Outcome.FAIL, REASON, at(2.0))


def test_an_operator_whose_test_runs_is_told_too() -> None:
    site = registered()
    site.take(events.TestAsked(ONE, "t-1"), 1.0)
    actions = site.take(GivenUp(), 1.5)
    assert of(outputs.TestEnded, actions) == [outputs.TestEnded("t-1", Outcome.FAIL, None)]


def test_nothing_under_way_is_nothing_to_do() -> None:
    site = registered()
    assert site.take(GivenUp(), 1.0) == []
