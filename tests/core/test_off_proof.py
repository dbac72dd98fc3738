"""What an off proves while its system may be alive: contrary evidence is sought first."""

from dataclasses import replace

from haconn.core import events
from haconn.core.actions import Ask, TellNotices
from haconn.core.contrary import Source
from haconn.core.model import Instant, Power, PowerReading
from haconn.core.reset import Outcome, Phase
from haconn.core.server import FeedReading, Restore, distrust_of, owes
from haconn.core.system import Status
from tests.core.living import Living, cutting, notes, outcome
from tests.core.parts import (
    ACCEPTED,
    FEED_A,
    FEED_B,
    ONE,
    REFUSED,
    SILENT_S,
    THREE,
    TWO,
    WITH_OUTLETS,
    Site,
    commands,
    of,
    registered,
    speaker,
)

# what is asked, and when


def test_an_off_that_nobody_asked_for_is_told_when_its_system_was_asked_in_vain() -> None:
    site = registered()
    site.reads(Power.OFF, 20.0)
    actions = site.reads(Power.OFF, 21.0)
    assert of(Ask, actions) == [Ask(ONE, "10.0.0.1", 7001)]
    assert len(of(Ask, site.passes(21.29))) == 3
    assert site.status() is Status.NORMAL
    assert of(TellNotices, site.passes(21.31))
    assert site.status() is Status.POFF


def test_the_ask_ends_together_with_the_run() -> None:
    site = registered()
    site.asks(20.0)
    site.reads(Power.OFF, 20.1)
    assert of(Ask, site.reads(Power.OFF, 20.3))
    site.passes(20.6)
    site.reads(Power.OFF, 20.59)
    site.reads(Power.OFF, 20.61)
    assert outcome(site) is Outcome.POFF


def test_a_system_is_asked_where_it_registered_and_where_it_spoke_last() -> None:
    site = registered()
    moved = replace(speaker(ONE), address="10.9.9.9", port=9)
    site.take(events.Spoke(moved), 1.0)
    site.reads(Power.OFF, 20.0)
    assert of(Ask, site.reads(Power.OFF, 21.0)) == [
        Ask(ONE, "10.0.0.1", 7001),
        Ask(ONE, "10.9.9.9", 9),
    ]


def test_a_system_without_a_place_cannot_be_asked() -> None:
    site = Site()
    site.take(events.SessionOpened("db1", 1), 0.0)
    site.asks(20.0)
    site.reads(Power.OFF, 20.1)
    assert not of(Ask, site.reads(Power.OFF, 20.7))
    assert outcome(site) is Outcome.POFF


def test_an_ask_is_good_for_five_seconds() -> None:
    site = registered()
    site.reads_off(20.0)
    site.reads(Power.OFF, 25.0)
    site.asks(25.0, "a1")
    assert outcome(site) is Outcome.POFF
    site.reads(Power.OFF, 25.1)
    actions = site.asks(25.1, "a2", THREE)
    assert outcome(site, "a2", THREE) is None
    assert of(Ask, actions)


def test_an_ask_of_before_the_run_says_nothing_about_it() -> None:
    site = registered()
    site.reads_off(20.0)
    site.reads(Power.ON, 21.0)
    site.reads(Power.OFF, 21.5)
    actions = site.reads(Power.OFF, 22.0)
    assert of(Ask, actions)


def test_silence_is_not_concluded_before_the_sockets_were_looked_into() -> None:
    """This process stood still: the answer may lie in its socket."""
    site = registered()
    site.reads(Power.OFF, 20.0)
    site.reads(Power.OFF, 21.0)
    site.passes(21.25)
    site.take(events.Tick(), 23.0)
    assert site.status() is Status.NORMAL
    site.answers_ask(23.01, 21.2)
    site.passes(23.5)
    assert site.status() is Status.NORMAL


def test_after_a_stall_an_ask_is_said_to_its_end() -> None:
    site = registered()
    site.reads(Power.OFF, 20.0)
    site.reads(Power.OFF, 20.6)
    assert len(of(Ask, site.take(events.Tick(), 25.0))) == 1
    assert site.status() is Status.NORMAL


# a living system


def test_the_bmc_of_another_server_that_is_off_moves_nothing_and_is_distrusted() -> None:
    site = registered()
    one = Living(site)
    actions = one.reads(Power.OFF, *(20.0 + n for n in range(60)))
    assert not of(TellNotices, actions)
    assert notes([*actions]).count("distrusted") == 1
    assert site.status() is Status.NORMAL
    assert one.asked < 30
    (check,) = one.take(events.Checked(speaker(TWO), "t", (ONE,)), 80.0)
    assert check.targets[0].cannot_reset  # type: ignore[union-attr]


def test_an_acceptance_of_a_distrusted_bmc_proves_nothing_and_the_plan_moves_on() -> None:
    site = registered(WITH_OUTLETS)
    one = Living(site)
    one.reads(Power.OFF, *(20.0 + n for n in range(10)))
    assert distrust_of(site.server(), Source.BMC) is not None
    assert commands(site.asks(30.0)) == ["SOFT_RESET"]
    assert commands(site.answers(REFUSED, 30.0)) == ["HARD_RESET"]
    assert commands(site.answers(ACCEPTED, 30.1, stage=1)) == ["OUTLETS_OFF"]
    assert outcome(site) is None


def test_the_second_shot_follows_in_its_time_when_the_first_acceptance_was_not_believed() -> None:
    site = registered()
    one = Living(site)
    one.reads(Power.OFF, *(20.0 + n for n in range(10)))
    site.asks(30.0)
    site.answers(REFUSED, 30.0)
    assert not commands(site.answers(ACCEPTED, 30.1, stage=1))
    assert commands(one.passes(40.0)) == ["HARD_RESET"]


def test_a_distrusted_bmc_is_believed_again_after_ten_seconds_of_on() -> None:
    site = registered()
    one = Living(site)
    one.reads(Power.OFF, *(20.0 + n for n in range(10)))
    actions = one.reads(Power.ON, *(30.0 + n for n in range(10)))
    assert notes([*actions]).count("trusted") == 0
    actions = one.reads(Power.ON, 40.0)
    assert notes([*actions]) == ["trusted"]
    assert site.server().distrusts == ()


def test_distrust_in_the_hard_stage_does_not_wait_for_its_end() -> None:
    site = registered(replace(WITH_OUTLETS, hard_s=60.0))
    one = Living(site)
    site.asks(20.0)
    site.answers(REFUSED, 20.0)
    actions = one.reads(Power.OFF, *(20.2 + n * 0.2 for n in range(25)))
    assert "distrusted" in notes([*actions])
    assert "OUTLETS_OFF" in commands(actions)


def test_outlets_that_are_distrusted_cut_no_time_of_the_hard_stage_short() -> None:
    site = registered(replace(WITH_OUTLETS, hard_s=60.0))
    site.feeds(0.0, Power.ON, FEED_A, FEED_B)
    site.feeds(15.0, Power.OFF, FEED_A, FEED_B)
    site.asks(16.0)
    site.answers(REFUSED, 16.0)
    actions = site.answers_ask(18.2, 18.1)
    assert "distrusted" in notes([*actions])
    assert not commands(actions)
    reset = site.system().reset
    assert reset is not None
    assert reset.state.stage == 1


def test_a_bmc_that_starts_anew_and_reads_off_for_eight_seconds_moves_nothing() -> None:
    site = registered()
    one = Living(site)
    one.reads(Power.ON, 10.0, 11.0)
    for asked in (12.0, 13.0, 14.0):
        one.passes(asked)
        site.take(events.BmcUnanswered("db1", Instant(12.0)), asked)
    one.take(events.SessionOpened("db1", 1), 15.0)
    actions = one.reads(Power.OFF, *(15.5 + n for n in range(8)))
    actions += one.reads(Power.ON, *(23.5 + n for n in range(12)))
    assert not of(TellNotices, actions)
    assert site.status() is Status.NORMAL
    assert site.server().distrusts == ()


def test_a_bmc_that_starts_anew_needs_ten_seconds_of_off_even_if_the_system_is_silent() -> None:
    site = registered()
    site.take(events.BmcUnanswered("db1", Instant(10.0)), 12.0)
    site.take(events.SessionOpened("db1", 2), 13.0)
    for n in range(10):
        site.passes(13.5 + n)
        site.reads(Power.OFF, 13.5 + n, session=2)
    site.passes(23.45)
    assert site.status() is Status.NORMAL
    site.reads(Power.OFF, 23.5, session=2)
    site.passes(23.5 + SILENT_S)
    assert site.status() is Status.POFF


def test_a_system_that_dies_two_seconds_after_its_first_off_is_proved_off_then() -> None:
    """A BMC may read off while the power still fades."""
    site = registered()
    site.asks(20.0)
    one = Living(site)
    one.reads(Power.OFF, *(20.1 + n * 0.2 for n in range(10)))
    assert outcome(site) is None
    for n in range(8):
        site.passes(22.1 + n * 0.2)
        site.reads(Power.OFF, 22.1 + n * 0.2)
    assert outcome(site) is Outcome.POFF
    assert site.server().distrusts == ()


def test_a_sign_of_life_is_followed_by_a_second_without_another() -> None:
    site = registered()
    site.asks(20.0)
    for n in range(3):
        site.passes(20.1 + n * 0.2)
        site.reads(Power.OFF, 20.1 + n * 0.2)
    actions = site.answers_ask(20.52, 20.4)
    assert notes([*actions]) == ["contradicted"]
    asks: list[Ask] = []
    for n in range(5):
        asks += of(Ask, site.passes(20.53 + n * 0.2))
        asks += of(Ask, site.reads(Power.OFF, 20.53 + n * 0.2))
    assert len(asks) >= 4
    assert outcome(site) is None
    site.passes(21.52)
    assert outcome(site) is None
    site.reads(Power.OFF, 21.53)
    assert outcome(site) is Outcome.POFF


# outlets


def test_a_cut_is_proved_when_its_system_was_asked_and_the_bmc_waited_for() -> None:
    site = cutting(registered(WITH_OUTLETS))
    site.feeds(10.1, Power.OFF, FEED_A, FEED_B)
    assert not of(Ask, site.passes(10.14))
    site.passes(10.44)
    assert outcome(site) is None
    site.passes(10.46)
    assert outcome(site) is Outcome.POFF


def test_a_bmc_that_reads_on_after_the_outlets_read_off_voids_that() -> None:
    site = cutting(registered(WITH_OUTLETS))
    site.feeds(10.1, Power.OFF, FEED_A, FEED_B)
    actions = site.reads(Power.ON, 10.2)
    assert "contradicted" in notes([*actions])
    for n in range(48):
        now = 10.3 + n * 0.2
        site.passes(now)
        site.feeds(now, Power.OFF, FEED_A, FEED_B)
        site.reads(Power.ON, now + 0.05)
    site.passes(20.1)
    assert outcome(site) is Outcome.FAIL
    assert site.system().barred


def test_a_bmc_that_was_asked_before_the_outlets_read_off_voids_nothing() -> None:
    site = cutting(registered(WITH_OUTLETS))
    site.feeds(10.1, Power.OFF, FEED_A, FEED_B)
    site.passes(10.2)
    reading = PowerReading(Power.ON, 1, 10.09, 10.2)
    site.take(events.PowerRead("db1", reading), 10.2)
    site.passes(10.46)
    assert outcome(site) is Outcome.POFF


def test_a_slow_bmc_is_waited_for_as_long_as_it_takes_but_not_longer_than_a_second() -> None:
    for timeout_s, until in ((0.2, 10.45), (0.7, 10.8), (5.0, 11.1)):
        site = registered(WITH_OUTLETS)
        reading = PowerReading(Power.ON, 1, 5.0, 5.1, timeout_s)
        site.take(events.PowerRead("db1", reading), 5.1)
        cutting(site)
        site.feeds(10.1, Power.OFF, FEED_A, FEED_B)
        site.passes(until - 0.01)
        assert outcome(site) is None
        site.passes(until + 0.01)
        assert outcome(site) is Outcome.POFF


def test_outlets_of_another_server_prove_nothing_are_switched_on_again_and_are_distrusted() -> None:
    site = registered(replace(WITH_OUTLETS, recovery_s=0.0))
    cutting(site)
    one = Living(site)
    actions = []
    for n in range(50):
        now = 10.1 + n * 0.2
        actions += one.passes(now)
        reading = FeedReading(Power.OFF, Instant(now), Instant(now))
        actions += one.take(events.FeedsRead({FEED_A: reading, FEED_B: reading}), now)
    actions += one.passes(20.5)
    assert outcome(site) is Outcome.FAIL
    assert "wrong-outlets" in notes([*actions])
    wrong = distrust_of(site.server(), Source.FEEDS)
    assert wrong is not None
    assert (wrong.cut, wrong.feeds) == (True, ("10.1.0.1#1", "10.1.0.2#1"))
    assert owes(site.server(), Restore.FEEDS) is not None
    assert not site.server().left_dark
    one.passes(90.0)
    actions = one.take(events.Requested(speaker(TWO), "a2", ONE), 90.0)
    assert commands(actions) == ["SOFT_RESET"]


def test_a_cut_of_distrusted_outlets_is_tried_and_proves_nothing() -> None:
    site = registered(replace(WITH_OUTLETS, recovery_s=0.0))
    cutting(site)
    site.feeds(10.1, Power.OFF, FEED_A, FEED_B)
    site.answers_ask(10.2, 10.15)
    site.passes(20.5)
    assert outcome(site) is Outcome.FAIL
    cutting(site, 100.0, "a2")
    assert owes(site.server(), Restore.FEEDS) is not None
    site.feeds(100.2, Power.OFF, FEED_A, FEED_B)
    site.passes(125.0)
    assert outcome(site, "a2") is Outcome.FAIL


def test_outlets_regain_trust_by_ten_seconds_of_on_unless_they_were_cut() -> None:
    site = registered(WITH_OUTLETS)
    site.feeds(0.0, Power.ON, FEED_A, FEED_B)
    for now in (10.0, 15.0):
        site.feeds(now, Power.OFF, FEED_A, FEED_B)
    site.asks(15.1)
    site.answers_ask(15.2, 15.1)
    assert distrust_of(site.server(), Source.FEEDS) is not None
    site.feeds(16.0, Power.ON, FEED_A)
    assert "trusted" not in notes([*site.feeds(25.9, Power.ON, FEED_A)])
    assert "trusted" in notes([*site.feeds(26.0, Power.ON, FEED_A)])


def test_a_pdu_that_starts_anew_and_shows_all_off_is_not_believed_for_ten_seconds() -> None:
    site = registered(WITH_OUTLETS)
    on, off = Power.ON, Power.OFF
    for now, power, up in (
        (1.0, on, 1000.0),
        (6.0, on, 1005.0),
        (11.0, off, 3.0),
        (16.5, off, 8.5),
    ):
        reading = FeedReading(power, Instant(now), Instant(now), up)
        site.take(events.FeedsRead({FEED_A: reading, FEED_B: reading}), now)
    assert commands(site.asks(16.6)) == ["SOFT_RESET"]


def test_a_pdu_that_is_read_for_the_first_time_is_young() -> None:
    site = registered(WITH_OUTLETS)
    for now in (1.0, 6.5):
        site.feeds(now, Power.OFF, FEED_A, FEED_B)
    assert commands(site.asks(6.6)) == ["SOFT_RESET"]


def test_a_pdu_that_read_on_since_it_came_up_is_not_young() -> None:
    site = registered(WITH_OUTLETS)
    site.feeds(1.0, Power.ON, FEED_A, FEED_B)
    for now in (2.0, 7.0):
        site.feeds(now, Power.OFF, FEED_A, FEED_B)
    assert not commands(site.asks(7.1))


def test_a_pdu_without_an_uptime_is_young_after_it_was_silent() -> None:
    site = registered(WITH_OUTLETS)
    site.feeds(1.0, Power.ON, FEED_A, FEED_B)
    for pdu in (FEED_A.pdu, FEED_B.pdu):
        site.take(events.PduSeen(pdu, False), 20.0)
    site.feeds(30.0, Power.OFF, FEED_A, FEED_B)
    for pdu in (FEED_A.pdu, FEED_B.pdu):
        site.take(events.PduSeen(pdu, True), 30.0)
    site.feeds(35.5, Power.OFF, FEED_A, FEED_B)
    assert commands(site.asks(35.6)) == ["SOFT_RESET"]


# while it is confirmed


def test_a_target_that_is_being_confirmed_holds_the_pair_lock() -> None:
    site = registered()
    site.reads_off(20.0)
    site.reads(Power.OFF, 27.0)
    assert not commands(site.asks(27.0))
    assert site.status() is Status.RESET
    site.asks(27.1, "b1", ONE, TWO)
    asked = site.world.asked[ONE, "b1"]
    assert (asked.outcome, asked.reason) == (Outcome.FAIL, "the requester is being reset itself")


def test_a_second_request_joins_the_confirmation() -> None:
    site = registered()
    site.reads_off(20.0)
    site.reads(Power.OFF, 27.0)
    site.asks(27.0)
    site.asks(27.1, "c1", THREE, ONE)
    site.passes(27.4)
    assert outcome(site) is outcome(site, "c1", THREE) is Outcome.POFF


def test_what_is_not_confirmed_in_time_begins() -> None:
    site = registered()
    site.reads_off(20.0)
    site.reads(Power.OFF, 27.0)
    site.asks(27.0)
    site.take(events.BmcRefused("db1", "no"), 27.1)
    actions = site.passes(29.31)
    assert commands(actions) == ["SOFT_RESET"]


def test_a_confirmation_that_nothing_is_asked_for_any_more_ends() -> None:
    site = registered()
    site.reads_off(20.0)
    site.reads(Power.OFF, 27.0)
    site.asks(27.0)
    site.asks(27.1, "c1", THREE, TWO)
    assert outcome(site) is Outcome.FAIL
    reset = site.system().reset
    assert reset is None or reset.state.phase is not Phase.CONFIRMING
