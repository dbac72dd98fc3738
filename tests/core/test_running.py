"""A reset's progress and its end, as the world sees them."""

from dataclasses import replace

import pytest

from haconn.core import actions as outputs
from haconn.core import events
from haconn.core.actions import Abandon, BeginRestore, Hurry, Perform, Record, RecoveryEnded, Remark
from haconn.core.events import StageRecorded, VerdictRecorded
from haconn.core.model import Answer, Power
from haconn.core.plan import Proof
from haconn.core.reset import Command, Evidence, Outcome, Phase
from haconn.core.server import Owed, Restore
from haconn.core.system import Status
from tests.core.parts import (
    ACCEPTED,
    FEED_A,
    FEED_B,
    IN_DOUBT,
    NEW,
    ONE,
    PLAIN,
    REFUSED,
    THREE,
    TWO,
    UNSENT,
    WITH_OUTLETS,
    Site,
    at,
    commands,
    of,
    registered,
    speaker,
)

POWER_OFF = replace(WITH_OUTLETS, proof=Proof.POWER_OFF)


def owed(site: Site) -> dict[Restore, Owed]:
    return {one.what: one for one in site.server().owed}


def cut(site: Site, now: float) -> Site:
    """The reset of db1 that is in its soft stage is refused twice and cut."""
    site.answers(REFUSED, now)
    site.answers(REFUSED, now, stage=1)
    return site


def remarks(message: str, actions: list[outputs.Action]) -> list[dict[str, str]]:
    return [dict(one.values) for one in of(Remark, actions) if one.message == message]


def test_a_reset_reads_often_until_it_ends() -> None:
    site = registered()
    assert of(Hurry, site.asks(1.0)) == [Hurry("db1", True)]
    assert of(Hurry, site.stops(ONE, 1.5)) == [Hurry("db1", False)]


def test_a_stage_is_recorded_before_it_is_performed() -> None:
    site = registered(gated=True)
    actions = site.asks(1.0)
    assert of(Record, actions)[0] == Record(StageRecorded(ONE, "r-1", 0))
    assert commands(actions) == []
    assert commands(site.record(1.1)) == ["SOFT_RESET"]
    reset = site.system().reset
    assert reset is not None
    assert reset.state.phase is Phase.ISSUED


def test_records_of_another_operation_do_nothing() -> None:
    site = registered(gated=True)
    site.asks(1.0)
    for key, operation in ((ONE, "r-9"), (TWO, "r-1"), (THREE, "r-1")):
        assert site.take(StageRecorded(key, operation, 0), 1.1) == []
        assert site.take(VerdictRecorded(key, operation), 1.1) == []
    del site.world.systems[THREE]
    assert site.take(StageRecorded(THREE, "r-1", 0), 1.1) == []


def test_what_is_remarked_of_a_stage() -> None:
    site = registered()
    (stage,) = remarks("stage", site.asks(1.0))
    assert stage == {"operation": "r-1", "command": "SOFT_RESET", "budget": "2.0"}


def test_the_end_of_an_operators_test_is_not_remarked_as_that_of_a_reset() -> None:
    common = {"operation": "t-1", "system": "6001/1", "server": "db1"}
    site = registered()
    site.take(events.TestAsked(ONE, "t-1"), 0.0)
    site.sent(0.0)
    site.answers(ACCEPTED, 0.1)
    actions = site.passes(10.0)
    assert remarks("failed", actions) == []
    assert remarks("test-failed", actions) == [
        {**common, "doubt": "its BMC took the order, or may have"}
    ]
    site.take(events.TestAsked(ONE, "t-1"), 10.5)
    refused = site.answers(REFUSED, 10.6)
    assert remarks("test-failed", refused) == [{**common, "doubt": "no order took effect"}]
    site.take(events.TestAsked(ONE, "t-1"), 11.0)
    site.sent(11.0)
    actions = site.stops(ONE, 11.5)
    assert remarks("verdict", actions) == []
    evidence = Evidence.STOP_NOTICE.value
    assert remarks("test-stopped", actions) == [{**common, "evidence": evidence, "age": "0.000"}]


def test_a_verdict_is_recorded_before_it_is_told() -> None:
    site = registered(gated=True)
    site.asks(1.0)
    site.record(1.0)
    actions = site.stops(ONE, 1.5)
    assert of(Record, actions) == [Record(VerdictRecorded(ONE, "r-1"))]
    assert of(Abandon, actions) == [Abandon("db1", "r-1", "authenticated stop notice")]
    assert site.world.asked[TWO, "a1"].outcome is None
    assert site.status() is Status.DUMP
    reset = site.system().reset
    assert reset is not None
    assert (reset.ended, reset.failed_at) == (site.system().verdict, None)
    site.record(1.6)
    assert site.world.asked[TWO, "a1"].outcome is Outcome.DUMP
    assert site.system().reset is None
    assert (TWO in site.world.outbox.boxes, THREE in site.world.outbox.boxes) == (True, True)


def test_nobody_is_told_of_a_stop_that_is_over_when_it_is_recorded() -> None:
    site = registered(gated=True)
    site.asks(1.0)
    site.record(1.0)
    site.stops(ONE, 1.5)
    site.speaks(ONE, 1.6, NEW)
    site.record(1.7)
    assert site.world.outbox.boxes == {}


def test_what_is_remarked_of_a_verdict() -> None:
    site = registered()
    site.asks(20.0)
    (verdict,) = remarks("verdict", site.reads_off(21.0))
    assert verdict == {
        "operation": "r-1",
        "system": "6001/1",
        "server": "db1",
        "outcome": "POFF",
        "evidence": "power read off",
        "age": "0.300",
    }


def test_what_is_remarked_of_a_failure() -> None:
    for answer, doubt in ((REFUSED, "no command took effect"), (IN_DOUBT, "commands are in doubt")):
        site = registered()
        site.asks(0.0)
        site.answers(REFUSED, 0.0)
        site.sent(0.0, stage=1)
        site.answers(answer, 0.0, stage=1)
        actions = site.passes(25.0)
        (failed,) = remarks("failed", actions)
        assert failed == {"operation": "r-1", "system": "6001/1", "server": "db1", "doubt": doubt}
        assert of(Abandon, actions) == [Abandon("db1", "r-1", "nothing proved")]
        assert site.world.asked[TWO, "a1"].reason == "not proved"
        assert site.system().barred == (answer is IN_DOUBT)


def test_a_failed_reset_returns_to_what_the_system_is() -> None:
    site = Site()
    site.asks(0.0)
    site.passes(40.0)
    assert site.status() is Status.UNSET
    site = registered()
    site.take(events.BmcRefused("db1", "no"), 0.0)
    site.asks(0.0)
    site.passes(40.0)
    assert site.status() is Status.ERROR
    site = registered()
    site.stops(ONE, 0.0)
    site.asks(700.0)
    site.passes(740.0)
    assert site.status() is Status.NORMAL


def test_a_known_dead_bmc_is_known_when_a_reset_begins() -> None:
    site = registered()
    site.take(events.BmcUnanswered("db1", at(0.0)), 2.0)
    site.asks(3.0)
    assert commands(site.answers(UNSENT, 3.0)) == ["HARD_RESET"]


def test_the_time_of_the_last_command_outlives_its_reset() -> None:
    site = registered()
    site.asks(0.0)
    site.sent(0.1)
    assert site.system().commanded_at == 0.1
    site.stops(ONE, 1.0)
    site.asks(700.0, "a2")
    assert site.system().commanded_at == 0.1
    site.stops(ONE, 700.1)
    site.reads_off(701.0)
    assert site.system().commanded_at == 0.1


def test_a_cut_promises_its_restore_before_it_leaves() -> None:
    site = registered(WITH_OUTLETS)
    site.asks(10.0)
    cut(site, 10.0)
    promise = owed(site)[Restore.FEEDS]
    promised = Owed(Restore.FEEDS, "r-1", at(20.0), at(25.0), target=ONE, requester=TWO)
    assert promise == promised
    assert not site.server().left_dark
    site.orders(FEED_A, 10.1)
    site.orders(FEED_B, 10.1)
    site.feeds(10.5, Power.OFF, FEED_A, FEED_B)
    site.passes(10.86)
    assert owed(site)[Restore.FEEDS].due == pytest.approx(15.85)
    (restore,) = of(BeginRestore, site.passes(15.86))
    assert restore == BeginRestore("db1", Restore.FEEDS, "r-1", (FEED_A, FEED_B))


def test_recoverytime_0_owes_no_outlets() -> None:
    site = registered(replace(WITH_OUTLETS, recovery_s=0.0))
    site.take(events.RecoveryAsked("db1", "recovery"), 1.0)
    site.asks(10.0)
    cut(site, 10.0)
    assert not site.server().left_dark
    site.orders(FEED_A, 10.1)
    assert owed(site) == {}
    assert site.server().left_dark


def test_a_power_off_promises_the_power_on() -> None:
    site = registered(replace(PLAIN, proof=Proof.POWER_OFF))
    site.asks(20.0)
    site.answers(REFUSED, 20.0)
    promise = owed(site)[Restore.POWER_ON]
    assert promise == Owed(Restore.POWER_ON, "r-1", at(30.0), at(35.0))
    site.sent(20.1, stage=1)
    site.reads_off(21.0)
    assert owed(site)[Restore.POWER_ON].due == pytest.approx(26.3)
    (restore,) = of(BeginRestore, site.passes(26.31))
    assert restore == BeginRestore("db1", Restore.POWER_ON, "r-1", ())


@pytest.mark.parametrize("recovery_s", [5.0, 0.0])
@pytest.mark.parametrize("how", ["new boot", "stop notice", "accepted", "off"])
def test_a_cut_that_has_sent_nothing_leaves_nothing_behind(how: str, recovery_s: float) -> None:
    site = registered(replace(WITH_OUTLETS, recovery_s=recovery_s))
    site.feeds(9.0, Power.ON, FEED_A, FEED_B)
    site.asks(10.0)
    cut(site, 10.0)
    before = site.server().feeds
    ends = {
        "new boot": lambda: site.take(events.Spoke(speaker(ONE, NEW)), 11.0),
        "stop notice": lambda: site.stops(ONE, 11.0),
        "accepted": lambda: site.answers(ACCEPTED, 11.0, stage=1),
        "off": lambda: site.reads_off(11.0),
    }
    (abandon,) = of(Abandon, ends[how]())
    assert abandon.cut
    assert owed(site) == {}
    assert not site.server().left_dark
    assert site.server().feeds == before
    assert not of(BeginRestore, site.passes(60.0))


@pytest.mark.parametrize("recovery_s", [5.0, 0.0])
def test_a_cut_that_has_sent_nothing_leaves_the_restore_of_an_earlier_one(
    recovery_s: float,
) -> None:
    site = registered(replace(WITH_OUTLETS, recovery_s=recovery_s))
    earlier = Owed(Restore.FEEDS, "r-0", at(1.0), at(300.0))
    site.world.put_server(replace(site.server(), owed=(earlier,)))
    site.asks(10.0)
    cut(site, 10.0)
    site.stops(ONE, 11.0)
    left = owed(site)[Restore.FEEDS]
    assert (left.operation, left.since) == ("r-0", 1.0)


def test_a_cut_that_has_sent_one_order_owes_its_restore_and_is_not_called_off() -> None:
    site = registered(WITH_OUTLETS)
    site.asks(10.0)
    cut(site, 10.0)
    site.orders(FEED_A, 10.1)
    (abandon,) = of(Abandon, site.reads_off(11.0))
    assert not abandon.cut
    assert owed(site)[Restore.FEEDS].operation == "r-1"


@pytest.mark.parametrize("answer", [None, UNSENT, REFUSED])
def test_a_power_off_that_did_not_happen_owes_no_power_on(answer: Answer | None) -> None:
    site = registered(replace(PLAIN, proof=Proof.POWER_OFF))
    site.asks(20.0)
    site.answers(REFUSED, 20.0)
    if answer is not None:
        site.answers(answer, 20.0, stage=1)
    site.reads_off(21.0)
    assert owed(site) == {}


def test_a_hard_reset_promises_nothing() -> None:
    site = registered(WITH_OUTLETS)
    site.asks(10.0)
    site.answers(REFUSED, 10.0)
    assert owed(site) == {}


def test_an_earlier_promise_is_not_put_off_by_the_end_of_a_reset() -> None:
    site = registered(WITH_OUTLETS)
    promise = Owed(Restore.FEEDS, "r-0", at(1.0), at(2.0), running=True)
    site.world.put_server(replace(site.server(), owed=(promise,)))
    site.asks(1.5)
    site.stops(ONE, 1.6)
    assert owed(site)[Restore.FEEDS] == promise
    site.world.put_server(replace(site.server(), owed=(replace(promise, running=False),)))
    site.asks(700.0, "a2")
    site.stops(ONE, 700.1)
    site.reads_off(701.0)
    begun = owed(site)[Restore.FEEDS]
    assert (begun.since, begun.due, begun.running) == (1.0, 2.0, True)


def test_a_hard_stage_stops_a_restore_and_tells_the_operator() -> None:
    site = registered(WITH_OUTLETS)
    site.take(events.RecoveryAsked("db1", "recovery"), 1.0)
    assert not of(outputs.StopRestore, site.asks(1.1))
    assert owed(site)[Restore.FEEDS].running
    actions = site.answers(REFUSED, 1.2)
    assert of(outputs.StopRestore, actions) == [outputs.StopRestore("db1")]
    reason = "a reset of it is in progress"
    assert of(RecoveryEnded, actions) == [RecoveryEnded("recovery", reason)]
    assert not owed(site)[Restore.FEEDS].running


def test_the_operators_test_is_told_to_the_operator() -> None:
    site = registered()
    site.take(events.TestAsked(ONE, "test"), 1.0)
    site.sent(1.0)
    actions = site.passes(3.0)
    assert of(outputs.TestEnded, actions) == [outputs.TestEnded("test", Outcome.FAIL, None)]
    assert not site.system().barred
    site.take(events.TestAsked(ONE, "test2"), 4.0)
    actions = site.stops(ONE, 4.5)
    evidence = Evidence.STOP_NOTICE
    assert of(outputs.TestEnded, actions) == [outputs.TestEnded("test2", Outcome.DUMP, evidence)]


def test_the_time_of_a_test_counts_from_the_sending_of_its_nmi() -> None:
    site = registered()
    site.take(events.TestAsked(ONE, "test"), 1.0)
    site.sent(1.5)
    (ended,) = of(outputs.TestEnded, site.stops(ONE, 2.25))
    assert ended.after_s == 0.75


def test_a_test_whose_target_had_stopped_before_its_nmi_left_tells_no_time() -> None:
    site = registered()
    site.take(events.TestAsked(ONE, "test"), 1.0)
    (ended,) = of(outputs.TestEnded, site.stops(ONE, 1.1))
    assert ended.after_s is None


def test_a_request_takes_the_place_of_a_test() -> None:
    site = registered()
    site.take(events.TestAsked(ONE, "test"), 1.0)
    actions = site.asks(1.5)
    reason = "a request takes its place"
    assert of(Abandon, actions) == [Abandon("db1", "test", reason)]
    assert of(outputs.TestEnded, actions) == [outputs.TestEnded("test", Outcome.FAIL, None)]
    assert of(Hurry, actions) == [Hurry("db1", False), Hurry("db1", True)]
    reset = site.system().reset
    assert reset is not None
    assert (reset.operation, reset.former, reset.test) == ("r-1", Status.NORMAL, False)


def test_a_requester_whose_key_is_retired_is_not_waited_for_by_anything() -> None:
    site = registered()
    site.asks(1.0)
    site.asks(1.0, "c1", THREE)
    site.take(events.BindingsChanged({ONE: "db1", THREE: "db3"}), 1.2)
    site.stops(ONE, 1.5)
    assert (TWO, "a1") not in site.world.asked
    assert site.world.asked[THREE, "c1"].outcome is Outcome.DUMP


def test_a_reset_is_taken_up_again() -> None:
    site = registered()
    site.asks(1.0)
    site.sent(1.0)
    actions = site.take(events.Resumed(), 1.5)
    assert of(Hurry, actions) == [Hurry("db1", True)]
    (resumed,) = remarks("resumed", actions)
    assert resumed == {"operation": "r-1", "command": "SOFT_RESET"}
    assert commands(site.passes(3.0)) == ["HARD_RESET"]


@pytest.mark.parametrize("ordered", [False, True])
def test_a_cut_that_is_taken_up_looks_before_it_orders(ordered: bool) -> None:
    """The process before may have ordered more than it has recorded."""
    site = registered(WITH_OUTLETS)
    site.asks(10.0)
    cut(site, 10.0)
    if ordered:
        site.orders(FEED_A, 10.1)
    again = of(Perform, site.take(events.Resumed(), 10.2))
    assert [(one.command, one.look_first) for one in again] == [(Command.OUTLETS_OFF, True)]


def test_a_verdict_that_was_not_recorded_is_recorded_again() -> None:
    site = registered(gated=True)
    site.asks(1.0)
    site.speaks(ONE, 1.5, NEW)
    site.recording.clear()
    actions = site.take(events.Resumed(), 2.0)
    assert of(Record, actions) == [Record(VerdictRecorded(ONE, "r-1"))]
    site.record(2.1)
    assert site.world.asked[TWO, "a1"].outcome is Outcome.DUMP


def test_a_reset_that_was_cancelled_is_no_doubt() -> None:
    site = registered(gated=True)
    site.asks(1.0, "a1", TWO, ONE)
    site.asks(1.1, "c1", THREE, TWO)
    assert not site.system().barred
    assert site.system().concluded_at == 1.1


def having_had_an_nmi(when: float) -> Site:
    """Another process may have sent db1 an NMI, and its reset was not taken up."""
    site = registered()
    site.world.put_system(replace(site.system(), nmi_at=at(when)))
    return site


def test_a_reset_that_follows_the_nmi_of_another_process_begins_with_the_rest_of_t_soft() -> None:
    site = having_had_an_nmi(100.0)
    actions = site.asks(101.0)
    assert not commands(actions)
    assert remarks("nmi-before", actions) == [{"operation": site.operation(), "age": "1.0"}]
    assert site.system().nmi_at is None, "it spares one, not every later one"
    soft_s = site.world.policy("db1").soft_s
    assert not commands(site.passes(100.0 + soft_s - 0.01))
    assert commands(site.passes(100.0 + soft_s)) == ["HARD_RESET"]


def test_a_stop_after_the_nmi_of_another_process_ends_the_reset_well() -> None:
    site = having_had_an_nmi(100.0)
    site.asks(101.0)
    site.stops(ONE, 101.5)
    assert site.status(ONE) is Status.DUMP


@pytest.mark.parametrize(("soft_s", "age", "spared"), [(2.0, 59.0, True), (2.0, 60.0, False)])
def test_an_nmi_of_long_ago_spares_none(soft_s: float, age: float, spared: bool) -> None:
    site = registered(replace(PLAIN, soft_s=soft_s))
    site.world.put_system(replace(site.system(), nmi_at=at(100.0)))
    assert (not commands(site.asks(100.0 + age))) is spared


def test_an_nmi_spares_one_as_long_as_a_dump_is_waited_for() -> None:
    site = registered(replace(PLAIN, soft_s=300.0))
    site.world.put_system(replace(site.system(), nmi_at=at(100.0)))
    assert not commands(site.asks(399.0))


def test_a_reset_at_a_stage_that_its_plan_has_not_is_none() -> None:
    site = registered()
    site.asks(1.0)
    reset = site.system().reset
    assert reset is not None
    for stage in (-1, len(reset.plan.stages)):
        with pytest.raises(ValueError, match="stage"):
            replace(reset, state=replace(reset.state, stage=stage))
