"""What a sign of life ends: verdicts, trust, and what another process proved."""

from dataclasses import replace

import pytest

from haconn.core import events
from haconn.core.actions import Ask, TellNotices, TellResult
from haconn.core.contrary import Distrust, Sign, Source
from haconn.core.model import Feed, Instant, Power
from haconn.core.outbox import Outbox
from haconn.core.plan import Proof
from haconn.core.reset import Outcome
from haconn.core.server import distrust_of
from haconn.core.system import Status
from tests.core.living import Living, notes, outcome
from tests.core.parts import (
    ACCEPTED,
    FEED_A,
    FEED_B,
    NEW,
    ONE,
    PLAIN,
    REFUSED,
    THREE,
    TWO,
    WITH_OUTLETS,
    Site,
    commands,
    of,
    registered,
    speaker,
)

# verdicts that are contradicted


def test_a_verdict_that_is_contradicted_before_it_was_told_is_none() -> None:
    site = registered(WITH_OUTLETS, gated=True)
    site.asks(10.0)
    site.record(10.0)
    site.answers(REFUSED, 10.0)
    site.record(10.0)
    site.answers(REFUSED, 10.1, stage=1)
    site.record(10.1)
    site.orders(FEED_A, 10.2)
    site.orders(FEED_B, 10.2)
    site.feeds(10.3, Power.OFF, FEED_A, FEED_B)
    site.passes(10.66)
    assert site.status() is Status.POFF
    actions = site.answers_ask(10.7, 10.5)
    assert "refuted" in notes([*actions])
    assert site.status() is Status.NORMAL
    site.record(10.8)
    assert outcome(site) is Outcome.FAIL
    assert site.system().barred


def test_an_acceptance_that_is_contradicted_before_it_was_told_goes_on_with_the_next_stage() -> (
    None
):
    site = registered(WITH_OUTLETS, gated=True)
    site.asks(10.0)
    site.record(10.0)
    site.answers(REFUSED, 10.0)
    site.record(10.0)
    site.sent(10.1, stage=1)
    site.answers(ACCEPTED, 10.1, stage=1)
    late = list(site.recording)
    site.answers_ask(13.0, 13.0)
    assert site.status() is Status.DUMP
    actions = site.answers_ask(13.2, 13.15)
    assert "refuted" in notes([*actions])
    for event in late:  # the record of what is none any more
        site.take(event, 13.3)
    assert outcome(site) is None
    assert commands(site.record(13.4)) == ["OUTLETS_OFF"]


def test_a_reset_that_failed_after_a_contradiction_bars_its_target() -> None:
    site = registered()
    site.asks(20.0)
    site.sent(20.0)
    one = Living(site)
    one.reads(Power.OFF, 20.1, 20.3, 20.5, 20.7)
    one.reads(Power.ON, 20.9)
    site.answers(REFUSED, 22.0)
    site.answers(REFUSED, 22.1, stage=1)
    one.passes(50.0)
    assert outcome(site) is Outcome.FAIL
    assert site.system().barred


def test_a_dump_by_acceptance_is_asked_once_three_seconds_after_it_was_told() -> None:
    site = registered()
    site.asks(10.0)
    site.answers(REFUSED, 10.0)
    site.answers(ACCEPTED, 10.1, stage=1)
    assert not of(Ask, site.passes(13.0))
    actions = site.passes(20.0)
    assert len(of(Ask, actions)) == 4
    assert not of(Ask, site.passes(60.0))
    assert site.status() is Status.DUMP


def test_a_new_boot_speaks_against_no_source() -> None:
    site = registered()
    site.asks(10.0)
    site.reads_off(11.0)
    assert site.status() is Status.POFF
    site.take(events.Spoke(speaker(ONE, NEW, answers_at=60.0)), 60.0)
    site.take(events.Spoke(speaker(ONE, NEW, answers_at=61.0)), 61.0)
    assert site.server().distrusts == ()
    assert site.status() is Status.NORMAL


# another process in the middle


def resumed(site: Site, now: float) -> list[object]:
    return [*site.take(events.Resumed(), now)]


def test_an_off_that_another_process_proved_is_asked_about_again_before_it_is_told() -> None:
    site = registered(WITH_OUTLETS, gated=True)
    site.asks(10.0)
    site.record(10.0)
    site.reads(Power.OFF, 10.1)
    site.reads(Power.OFF, 10.3)
    site.passes(10.65)
    site.reads(Power.OFF, 10.7)
    reset = site.system().reset
    assert reset is not None
    assert reset.ended is not None
    site.recording.clear()
    site.world.words.clear()
    actions = resumed(site, 12.0)
    assert of(Ask, actions)  # type: ignore[arg-type]
    assert outcome(site) is None
    site.passes(13.31)
    site.record(13.4)
    assert outcome(site) is Outcome.POFF


def test_an_off_that_another_process_proved_and_that_is_contradicted_then_is_not_told() -> None:
    site = registered(WITH_OUTLETS, gated=True)
    site.asks(10.0)
    site.record(10.0)
    site.reads(Power.OFF, 10.1)
    site.reads(Power.OFF, 10.3)
    site.passes(10.65)
    site.reads(Power.OFF, 10.7)
    site.recording.clear()
    site.world.words.clear()
    resumed(site, 12.0)
    actions = site.answers_ask(12.02, 12.0)
    assert "refuted" in notes([*actions])
    site.passes(12.5)
    assert outcome(site) is None
    assert commands(site.record(12.6)) == ["HARD_RESET"]


def test_a_dump_by_acceptance_of_another_process_is_asked_about_too() -> None:
    site = registered()
    site.asks(10.0)
    site.answers(REFUSED, 10.0)
    site.answers(ACCEPTED, 10.1, stage=1)
    site.world.words.clear()
    site.world.watches.clear()
    resumed(site, 11.0)
    assert of(Ask, site.passes(15.0))


def test_distrust_outlives_the_process() -> None:
    site = registered()
    one = Living(site)
    site.world.take_changes()
    one.reads(Power.OFF, *(20.0 + n for n in range(10)))
    assert distrust_of(site.server(), Source.BMC) is not None
    server = site.server()
    site.world.put_server(replace(server, distrusts=()))
    assert [record.name for record in site.world.take_changes()] == ["db1"]  # type: ignore[union-attr]


def test_nothing_is_watched_when_nothing_is_sought() -> None:
    site = registered()
    site.reads_off(20.0)
    assert site.world.watches == {}


@pytest.mark.parametrize("feeds", [(FEED_A,), (FEED_A, FEED_B, Feed("10.1.0.3", "1"))])
def test_only_all_outlets_together_are_a_source(feeds: tuple[Feed, ...]) -> None:
    site = registered(replace(WITH_OUTLETS, feeds=feeds))
    for now in (20.0, 25.0, 31.0):
        site.feeds(now, Power.OFF, FEED_A)
    found = commands(site.asks(31.1))
    assert found == ([] if len(feeds) == 1 else ["SOFT_RESET"])


def test_a_system_that_this_process_never_heard_is_asked_for_longer() -> None:
    """It has no session, and may have heeded a CHALLENGE just before: it heeds one a second."""
    site = registered()
    site.world.words.clear()
    site.reads(Power.OFF, 20.0)
    site.reads(Power.OFF, 21.0)
    site.passes(22.29)
    assert site.status() is Status.NORMAL
    site.passes(22.31)
    assert site.status() is Status.POFF


def test_a_notice_of_an_earlier_verdict_ends_with_life_after_that() -> None:
    """A late stop notice has taken the place of the acceptance that the others are told of."""
    site = registered()
    site.asks(10.0)
    site.answers(REFUSED, 10.0)
    site.answers(ACCEPTED, 10.1, stage=1)
    assert THREE in site.world.outbox.boxes
    site.stops(ONE, 20.0)
    site.speaks(ONE, 20.0)
    assert THREE not in site.world.outbox.boxes


def test_a_second_order_does_not_make_the_off_of_the_first_young_again() -> None:
    """Its BMC has just given a session, as after every restart of the management server."""
    site = registered(replace(PLAIN, proof=Proof.POWER_OFF))
    site.asks(20.0)
    site.answers(REFUSED, 20.0)
    site.take(events.SessionOpened("db1", 2), 20.0)
    site.sent(20.1, stage=1)
    for now in (20.2, 20.4):
        site.reads(Power.OFF, now, session=2)
        site.passes(now + 0.15)
    site.sent(20.6, stage=1)
    site.passes(20.8)
    site.reads(Power.OFF, 20.8, session=2)
    site.passes(21.2)
    assert outcome(site) is Outcome.POFF


def test_an_off_that_another_process_ordered_is_not_young() -> None:
    site = registered(replace(PLAIN, proof=Proof.POWER_OFF))
    site.asks(20.0)
    site.answers(REFUSED, 20.0)
    site.take(events.Resumed(), 21.0)
    site.take(events.SessionOpened("db1", 2), 21.0)
    for now in (21.2, 21.4, 21.6, 21.8):
        site.reads(Power.OFF, now, session=2)
        site.passes(now + 0.15)
    site.passes(23.0)
    assert outcome(site) is Outcome.POFF


def test_a_request_that_was_held_back_is_not_declined_by_a_bmc_that_is_distrusted() -> None:
    """It reads off, and the requester speaks: it is another machine's."""
    site = Site(conservative_until=15.0)
    site.take(events.SessionOpened("db2", 1), 0.0)
    why = Distrust(Source.BMC, Sign.WORD, Instant(0.0))
    site.world.put_server(replace(site.server("db2"), distrusts=(why,)))
    for now in (13.0, 13.6, 14.9):
        site.reads(Power.OFF, now, "db2")
    site.asks(14.0)
    site.take(events.Requested(speaker(TWO), "a1", ONE), 14.5)
    site.passes(15.0)
    assert site.world.asked[TWO, "a1"].operation


def test_an_off_of_another_process_is_told_again_when_its_system_was_asked_in_vain() -> None:
    site = registered()
    site.asks(10.0)
    site.reads_off(11.0)
    assert outcome(site) is Outcome.POFF
    site.world.words.clear()
    site.world.outbox = Outbox()  # another process has told nothing yet
    actions = site.take(events.Resumed(), 12.0)
    assert of(Ask, actions)
    assert not of(TellResult, actions)
    assert not of(TellNotices, actions)
    told = site.passes(13.5)
    assert of(TellResult, told)
    assert of(TellNotices, told)


def test_an_off_of_another_process_is_not_told_again_of_a_system_that_answers() -> None:
    site = registered()
    site.asks(10.0)
    site.reads_off(11.0)
    site.world.words.clear()
    site.world.outbox = Outbox()  # another process has told nothing yet
    site.take(events.Resumed(), 12.0)
    site.answers_ask(12.1, 12.05)
    told = site.passes(20.0)
    assert not of(TellNotices, told)
    assert {result.reason for result in of(TellResult, told)} == {"verdict over"}
