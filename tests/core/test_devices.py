"""What BMCs and PDUs say, and what it proves."""

from dataclasses import replace

from haconn.core import events
from haconn.core.actions import Action, Line, LineKind, NoticeKind, Perform, Remark, TellNotices
from haconn.core.model import Feed, Power
from haconn.core.power import REASONS_MAX
from haconn.core.reset import Evidence, Outcome
from haconn.core.server import ORDERED_S, FeedReading
from haconn.core.system import Status, Verdict
from tests.core.parts import (
    ACCEPTED,
    FEED_A,
    FEED_B,
    ONE,
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


def messages(actions: list[object]) -> list[str]:
    return [action.message for action in actions if isinstance(action, Remark)]


def test_a_bmc_is_lost_and_back_once() -> None:
    site = Site()
    assert messages([*site.take(events.SessionOpened("db1", 1), 0.0)]) == []
    refused = events.BmcRefused("db1", "no")
    assert messages([*site.take(refused, 1.0)]) == ["bmc-lost"]
    assert messages([*site.take(refused, 2.0)]) == []
    assert messages([*site.take(events.SessionOpened("db1", 2), 3.0)]) == ["bmc-back"]
    assert messages([*site.take(events.BmcUnanswered("db1", at(3.5)), 4.0)]) == ["bmc-lost"]
    assert messages([*site.reads(Power.ON, 5.0)]) == ["bmc-back"]


def test_why_a_bmc_is_lost() -> None:
    (note,) = Site().take(events.BmcRefused("db1", "wrong password"), 1.0)
    assert isinstance(note, Remark)
    assert note.values == (("server", "db1"), ("reason", "wrong password"))
    (note,) = Site().take(events.BmcUnanswered("db1", at(0.5)), 1.0)
    assert isinstance(note, Remark)
    assert note.values == (("server", "db1"), ("reason", "no answer"))


def test_the_state_follows_the_bmc_in_normal_and_error_only() -> None:
    site = registered()
    site.asks(1.0)
    site.take(events.BmcRefused("db1", "no"), 1.1)
    assert site.status() is Status.RESET
    site.stops(ONE, 1.2)
    site.take(events.SessionOpened("db1", 2), 1.3)
    assert site.status() is Status.DUMP
    site.take(events.BmcRefused("db2", "no"), 1.4)
    assert site.status(TWO) is Status.ERROR
    assert site.status(THREE) is Status.NORMAL


def test_a_bmc_that_proves_dead_ends_the_wait_for_it() -> None:
    site = registered()
    site.asks(1.0)
    site.answers(UNSENT, 1.0)
    assert commands(site.take(events.BmcUnanswered("db1", at(1.0)), 2.9)) == []
    assert commands(site.take(events.BmcUnanswered("db1", at(1.5)), 3.0)) == ["HARD_RESET"]
    assert commands(site.take(events.BmcUnanswered("db1", at(1.5)), 4.0)) == []


def test_what_was_unsent_is_sent_after_the_next_read() -> None:
    site = registered()
    site.asks(1.0)
    site.answers(UNSENT, 1.0)
    assert commands(site.reads(Power.ON, 1.2)) == ["SOFT_RESET"]


def test_off_moves_a_system_to_poff_and_is_told_once() -> None:
    site = registered()
    actions = site.reads_off(20.0)
    assert messages([*actions]) == ["powered-off"]
    assert {action.receiver for action in of(TellNotices, actions)} == {TWO, THREE}
    off = Verdict(Outcome.POFF, Evidence.POWER_OFF, at(20.0), at(20.0), at(19.5))
    assert site.system().verdict == off
    actions = site.reads(Power.OFF, 20.4)
    assert messages([*actions]) == []
    verdict = site.system().verdict
    assert verdict is not None
    assert verdict.at == 20.0


def test_off_without_a_system_is_logged_only() -> None:
    site = Site()
    site.take(events.SessionOpened("db1", 1), 0.0)
    site.take(events.BindingsChanged({}), 1.0)
    assert messages([*site.reads_off(20.0)]) == ["powered-off"]
    assert site.take(events.CommandSent("db1", "r-1", 0), 21.0) == []


def test_off_of_one_that_is_not_registered_tells_nobody() -> None:
    site = Site()
    site.take(events.SessionOpened("db1", 1), 0.0)
    site.reads_off(20.0)
    assert site.status() is Status.UNSET
    assert site.world.outbox.boxes == {}


def test_off_in_dump_is_told_once_more() -> None:
    site = registered()
    site.stops(ONE, 19.0)
    site.reads_off(20.0)
    assert site.status() is Status.POFF
    (notice,) = site.world.outbox.boxes[TWO].notices
    assert notice.kind is NoticeKind.POFF


def test_off_within_thirty_seconds_of_an_accepted_reset_is_the_reset_itself() -> None:
    site = registered()
    site.asks(20.0)
    site.answers(REFUSED, 20.0)
    site.answers(ACCEPTED, 20.0, stage=1)
    site.reads_off(49.9)
    assert site.status() is Status.DUMP
    site.reads(Power.OFF, 50.0)
    assert site.status() is Status.POFF


def test_off_while_the_verdict_is_being_recorded_moves_nothing() -> None:
    site = registered(gated=True)
    site.asks(20.0)
    site.speaks(ONE, 20.1, "boot2")
    site.reads_off(21.0)
    assert site.status() is Status.NORMAL
    assert site.world.asked[TWO, "a1"].outcome is None


def test_one_that_came_on_and_is_off_again_has_a_verdict_again() -> None:
    site = registered()
    site.reads_off(20.0)
    site.reads(Power.ON, 21.0)
    site.reads_off(30.0)
    verdict = site.system().verdict
    assert verdict is not None
    assert (verdict.at, verdict.evidence) == (30.0, Evidence.POWER_OFF)
    assert site.status() is Status.POFF
    site.world.put_system(replace(site.system(), verdict=None))
    site.reads(Power.OFF, 31.0)
    assert site.system().verdict is not None


def test_power_on_that_we_did_not_order_is_life() -> None:
    site = registered()
    site.reads_off(20.0)
    assert messages([*site.reads(Power.ON, 21.0)]) == ["powered-on"]
    assert site.system().alive_at == 21.0
    assert site.world.outbox.boxes == {}


def test_power_on_that_we_ordered_is_not() -> None:
    for ordered_s, life in ((ORDERED_S - 0.1, False), (ORDERED_S, True)):
        site = registered()
        site.reads_off(20.0)
        ordered_at = at(400.0 - ordered_s)
        site.world.put_server(replace(site.server(), ordered_on_at=ordered_at))
        site.reads(Power.ON, 400.0)
        assert (site.system().alive_at == 400.0) == life
        assert site.server().ordered_on_at is None


def test_power_on_of_a_server_without_a_system_is_logged() -> None:
    site = Site()
    site.take(events.BindingsChanged({}), 0.0)
    site.reads(Power.OFF, 1.0)
    assert messages([*site.reads(Power.ON, 2.0)]) == ["powered-on"]


def test_lines_of_a_command_bear_the_first_requester() -> None:
    site = registered()
    site.asks(1.0)
    site.asks(1.0, "c1", THREE)
    (line,) = of(Line, site.sent(1.1))
    assert line == Line(LineKind.SOFTRESET, "db1", 1, True, "10.0.0.2", 7002, 2, ("P",))
    (line,) = of(Line, site.answers(ACCEPTED, 1.2))
    assert (line.sent, line.kind) == (False, LineKind.SOFTRESET)
    assert of(Line, site.answers(REFUSED, 1.3)) == []


def test_lines_of_a_requester_without_an_address() -> None:
    site = registered()
    site.asks(1.0)
    site.world.put_system(replace(site.system(TWO), registration=None))
    (line,) = of(Line, site.sent(1.1))
    assert (line.address, line.port, line.number) == (None, None, 2)
    del site.world.systems[TWO]
    (line,) = of(Line, site.sent(1.2))
    assert (line.address, line.port, line.number) == (None, None, 2)


def test_what_became_of_a_command_is_remarked() -> None:
    site = registered()
    site.asks(1.0)
    (note,) = [one for one in site.answers(UNSENT, 1.1) if isinstance(one, Remark)]
    assert note.values == (
        ("operation", "r-1"),
        ("command", "SOFT_RESET"),
        ("answer", "Unsent: no"),
    )


def test_answers_of_another_operation_find_nothing() -> None:
    site = registered()
    site.asks(1.0)
    assert site.take(events.CommandSent("db1", "r-9", 0), 1.1) == []
    assert site.take(events.CommandAnswered("db1", "r-9", 0, ACCEPTED), 1.1) == []
    assert site.take(events.CommandAnswered("db2", "r-1", 0, ACCEPTED), 1.1) == []


def cutting() -> Site:
    """A site on which the cut of db1 was issued at 10.0."""
    site = registered(WITH_OUTLETS)
    site.asks(10.0)
    site.answers(REFUSED, 10.0)
    site.answers(REFUSED, 10.0, stage=1)
    return site


def test_the_cut_names_its_feeds_and_the_others_do_not() -> None:
    site = registered(WITH_OUTLETS)
    (soft,) = of(Perform, site.asks(10.0))
    (hard,) = of(Perform, site.answers(REFUSED, 10.0))
    (cut,) = of(Perform, site.answers(REFUSED, 10.0, stage=1))
    assert [soft.feeds, hard.feeds, cut.feeds] == [(), (), (FEED_A, FEED_B)]
    assert (cut.server, cut.operation, cut.stage, cut.deadline) == ("db1", "r-1", 2, 20.0)


def test_a_cut_has_no_line_of_its_own() -> None:
    site = cutting()
    actions = site.answers(ACCEPTED, 10.1, stage=2)
    assert of(Line, actions) == []
    assert messages([*actions]) == ["answered"]


def test_an_order_voids_what_its_outlet_was_read_as() -> None:
    site = cutting()
    site.orders(FEED_A, 10.1)
    site.feeds(10.2, Power.OFF, FEED_A)
    site.orders(FEED_B, 10.3)
    reading = FeedReading(Power.OFF, at(10.25), at(10.4))
    site.take(events.FeedsRead({FEED_B: reading}), 10.4)
    site.passes(10.5)
    assert site.status() is Status.RESET
    site.feeds(10.5, Power.OFF, FEED_A, FEED_B)
    site.passes(10.86)
    assert site.status() is Status.POFF
    asked = site.world.asked[TWO, "a1"]
    assert (asked.evidence, asked.evidence_at) == (Evidence.OUTLETS_OFF, 10.5)


def test_reads_of_before_the_cut_prove_nothing() -> None:
    site = registered(WITH_OUTLETS)
    site.asks(10.0)
    site.feeds(10.1, Power.OFF, FEED_A, FEED_B)
    site.answers(REFUSED, 10.2)
    site.answers(REFUSED, 10.2, stage=1)
    site.orders(FEED_A, 10.3)
    site.feeds(10.4, Power.OFF, FEED_A)
    assert site.status() is Status.RESET
    site.feeds(10.5, Power.OFF, FEED_B)
    site.passes(10.86)
    assert site.status() is Status.POFF


def test_an_order_on_as_part_of_a_restore_begins_no_cut() -> None:
    site = cutting()
    site.orders(FEED_A, 10.1, stage=None)
    reset = site.system().reset
    assert reset is not None
    assert not reset.state.cut_begun
    site.orders(FEED_A, 10.2)
    reset = site.system().reset
    assert reset is not None
    assert reset.state.cut_begun


def test_outlets_of_other_servers_are_read_for_them_alone() -> None:
    site = cutting()
    for feed in (FEED_A, FEED_B):
        site.orders(feed, 10.1)
    for server in ("db2", "db3"):
        policy = replace(WITH_OUTLETS, server=server, feeds=(Feed("10.1.0.9", server),))
        site.world.settings = replace(
            site.world.settings, policies={**site.world.settings.policies, server: policy}
        )
    site.feeds(10.5, Power.OFF, Feed("10.1.0.9", "db2"))
    assert dict(site.server("db2").feeds) == {
        Feed("10.1.0.9", "db2"): FeedReading(Power.OFF, at(10.5), at(10.5))
    }
    assert site.server("db3").feeds == ()
    site.feeds(10.6, Power.OFF, FEED_A, FEED_B)
    site.passes(10.96)
    assert site.status() is Status.POFF


def test_feeds_of_a_server_without_a_system_are_kept() -> None:
    site = registered(WITH_OUTLETS)
    site.take(events.BindingsChanged({}), 1.0)
    assert site.feeds(2.0, Power.OFF, FEED_A, FEED_B) == []
    assert len(site.server().feeds) == 2


def test_feeds_read_off_without_a_reset_move_nothing() -> None:
    site = registered(WITH_OUTLETS)
    site.feeds(2.0, Power.OFF, FEED_A, FEED_B)
    assert site.status() is Status.NORMAL


def test_lines_of_outlets() -> None:
    site = cutting()
    event = events.OutletSent("db1", "r-1", 2, FEED_A, on=False)
    (line,) = of(Line, site.take(event, 10.1))
    assert line == Line(
        LineKind.IPDUSD, "db1", 1, True, "10.0.0.2", 7002, 2, ("10.1.0.1", "1", "OFF")
    )
    taken = events.OutletAnswered("db1", "r-9", FEED_B, on=True)
    (line,) = of(Line, site.take(taken, 10.2))
    assert line == Line(
        LineKind.IPDUSD, "db1", None, False, None, None, None, ("10.1.0.2", "1", "ON")
    )


def test_a_pdu_is_lost_and_back_once() -> None:
    site = Site()
    seen, lost = events.PduSeen("10.1.0.1", True), events.PduSeen("10.1.0.1", False)
    assert messages([*site.take(seen, 0.0)]) == []
    assert messages([*site.take(lost, 1.0)]) == ["pdu-lost"]
    assert messages([*site.take(lost, 2.0)]) == []
    assert messages([*site.take(seen, 3.0)]) == ["pdu-back"]
    assert messages([*site.take(seen, 4.0)]) == []
    assert messages([*Site().take(lost, 1.0)]) == ["pdu-lost"]


def reasons(actions: list[Action]) -> list[str]:
    """What the remarks of these actions give as the reason."""
    return [dict(note.values)["reason"] for note in of(Remark, actions)]


def test_a_reason_that_changed_is_told_once_in_each_outage() -> None:
    """A password is changed while the BMC restarts: "no answer" alone would send one astray."""
    site = Site()
    silent, refused = events.BmcUnanswered("db1", at(0.5)), events.BmcRefused("db1", "password")
    assert reasons(site.take(silent, 1.0)) == ["no answer"]
    assert reasons(site.take(refused, 2.0)) == ["password"]
    assert reasons([*site.take(silent, 3.0), *site.take(refused, 4.0)]) == []
    site.take(events.SessionOpened("db1", 1), 5.0)
    assert reasons(site.take(refused, 6.0)) == ["password"]


def test_a_pdu_tells_why_it_cannot_be_used() -> None:
    site = Site()
    silent = events.PduSeen("10.1.0.1", False)
    foreign = events.PduSeen("10.1.0.1", False, "it is a toaster")
    assert reasons(site.take(silent, 1.0)) == ["no answer"]
    assert reasons(site.take(foreign, 2.0)) == ["it is a toaster"]
    assert reasons([*site.take(silent, 3.0), *site.take(foreign, 4.0)]) == []
    site.take(events.PduSeen("10.1.0.1", True), 5.0)
    assert reasons(site.take(foreign, 6.0)) == ["it is a toaster"]


def test_a_device_that_makes_up_reasons_does_not_fill_the_log() -> None:
    site = Site()
    for n in range(100):
        site.take(events.BmcRefused("db1", f"reason {n}"), 1.0 + n)
        site.take(events.PduSeen("10.1.0.1", False, f"reason {n}"), 1.5 + n)
    assert len(site.world.servers["db1"].watch.told) == REASONS_MAX
    assert len(site.world.pdus_told["10.1.0.1"]) == REASONS_MAX


def test_the_operators_test_has_no_requester() -> None:
    site = registered()
    site.take(events.TestAsked(ONE, "test"), 1.0)
    (line,) = of(Line, site.take(events.CommandSent("db1", "test", 0), 1.1))
    assert (line.address, line.port, line.number) == (None, None, None)
    assert speaker(ONE).key == ONE


def test_the_restore_of_a_cut_bears_its_target_and_requester_after_the_reset() -> None:
    site = cutting()
    for feed in (FEED_A, FEED_B):
        site.take(events.OutletSent("db1", "r-1", 2, feed, on=False), 10.1)
    site.passes(40.0)
    assert site.system().reset is None
    for operation in ("r-1", "recovery"):
        if operation == "recovery":
            site.take(events.RecoveryAsked("db1", operation), 40.5)
        on = events.OutletSent("db1", operation, None, FEED_A, on=True)
        (line,) = of(Line, site.take(on, 41.0))
        fields = ("10.1.0.1", "1", "ON")
        assert line == Line(LineKind.IPDUSD, "db1", 1, True, "10.0.0.2", 7002, 2, fields)
