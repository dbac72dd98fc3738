"""What systems say of themselves, and what it ends."""

from dataclasses import replace

from haconn.core import events
from haconn.core.actions import (
    Line,
    LineKind,
    NoticeKind,
    Remark,
    TellCheck,
    TellNotices,
    TellResult,
)
from haconn.core.model import Power, SystemKey
from haconn.core.reset import Evidence, Outcome
from haconn.core.system import Registration, Status, Verdict
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
    of,
    registered,
    speaker,
)

CLUSTER = replace(PLAIN, cluster=True)


def dumped(site: Site, now: float = 20.0) -> Site:
    """ONE is proved stopped by its own notice."""
    site.stops(ONE, now)
    assert site.status() is Status.DUMP
    return site


def messages(actions: list[object]) -> list[str]:
    return [action.message for action in actions if isinstance(action, Remark)]


def test_a_session_counts_as_a_registration() -> None:
    site = Site()
    site.speaks(ONE, 1.0)
    assert site.status() is Status.NORMAL
    assert site.system().registration == Registration("10.0.0.1", 7001)
    assert site.system().boot_id == OLD


def test_a_system_whose_bmc_is_lost_is_in_error() -> None:
    site = Site()
    site.take(events.BmcRefused("db1", "no"), 0.5)
    site.speaks(ONE, 1.0)
    assert site.status() is Status.ERROR
    site.take(events.SessionOpened("db1", 1), 2.0)
    assert site.status() is Status.NORMAL


def test_nobody_is_made_of_a_key_that_is_not_bound() -> None:
    site = Site()
    nobody = speaker(SystemKey(6001, 9))
    for event in (
        events.Spoke(nobody),
        events.Registered(nobody, "10.0.0.9", 1),
        events.Left(nobody),
        events.Stopped(nobody.key, OLD, "10.0.0.9", 1),
    ):
        assert site.take(event, 1.0) == []


def test_register_moves_the_address_and_says_so_once() -> None:
    site = registered()
    event = events.Registered(speaker(ONE), "10.9.9.9", 1)
    assert messages([*site.take(event, 1.0)]) == ["registered"]
    assert site.system().registration == Registration("10.9.9.9", 1)
    assert site.take(event, 1.1) == []
    site.speaks(ONE, 1.2)
    assert site.system().registration == Registration("10.9.9.9", 1)


def test_good_bye_keeps_the_binding_until_a_session_begun_later() -> None:
    site = registered(CLUSTER)
    site.take(events.Checked(speaker(TWO), "t", (ONE,)), 0.5)
    site.take(events.Left(speaker(ONE)), 1.0)
    assert (site.status(), site.system().pair) == (Status.UNSET, None)
    assert site.system().registration is not None
    site.speaks(ONE, 1.5, since=1.0)
    assert site.status() is Status.UNSET
    site.speaks(ONE, 2.0, since=1.1)
    assert site.status() is Status.NORMAL
    assert site.system().bye_at is None


def test_good_bye_ends_what_was_to_be_told_to_it() -> None:
    site = registered()
    site.stops(ONE, 1.0)
    site.take(events.Left(speaker(TWO)), 1.1)
    assert TWO not in site.world.outbox.boxes


def test_register_brings_back_one_that_said_good_bye() -> None:
    site = registered()
    site.take(events.Left(speaker(ONE)), 1.0)
    actions = site.take(events.Registered(speaker(ONE), "10.0.0.1", 7001), 1.5)
    assert messages([*actions]) == ["registered"]
    assert (site.status(), site.system().bye_at) == (Status.NORMAL, None)


def test_good_bye_is_ignored_of_one_that_is_stopped_or_being_reset() -> None:
    site = registered()
    site.asks(1.0)
    assert site.take(events.Left(speaker(ONE)), 1.1) == []
    assert site.status() is Status.RESET
    site.stops(ONE, 1.2)
    site.take(events.Left(speaker(ONE)), 1.3)
    assert site.status() is Status.DUMP


def test_a_notice_under_another_boot_id_is_nothing() -> None:
    site = registered()
    assert site.stops(ONE, 1.0, NEW) == []
    assert Site().stops(ONE, 1.0) == []


def test_only_the_first_notice_of_a_boot_dates_the_evidence() -> None:
    site = dumped(registered(), 1.0)
    assert len(of(Line, site.stops(ONE, 2.0))) == 1
    verdict = site.system().verdict
    assert verdict == Verdict(Outcome.DUMP, Evidence.STOP_NOTICE, at(1.0), at(1.0))
    site.speaks(ONE, 5.0, NEW)
    site.stops(ONE, 6.0, NEW)
    assert site.system().notice is not None
    assert site.system().verdict is not None
    assert site.status() is Status.DUMP


def test_a_notice_after_a_failed_reset_is_told_to_all() -> None:
    site = registered()
    site.asks(0.0)
    site.answers(REFUSED, 0.0)
    site.passes(25.0)
    assert site.status() is Status.NORMAL
    actions = site.stops(ONE, 26.0)
    assert site.status() is Status.DUMP
    assert {action.receiver for action in of(TellNotices, actions)} == {TWO, THREE}


def test_a_notice_after_an_acceptance_tells_nobody_twice() -> None:
    site = registered()
    site.asks(0.0)
    site.answers(REFUSED, 0.0)
    site.answers(ACCEPTED, 0.1, stage=1)
    actions = site.stops(ONE, 0.15)
    assert not of(TellNotices, actions)
    assert len(of(Line, actions)) == 1
    assert site.status() is Status.DUMP


def test_a_notice_of_one_that_is_off_is_stale() -> None:
    site = registered()
    site.reads_off(20.0)
    assert site.status() is Status.POFF
    site.stops(ONE, 21.0)
    assert site.status() is Status.POFF


def test_a_notice_while_the_bmc_is_lost_is_told_too() -> None:
    site = registered()
    site.take(events.BmcRefused("db1", "no"), 1.0)
    assert of(TellNotices, site.stops(ONE, 2.0))


def test_a_datagram_of_the_old_boot_three_seconds_later_ends_the_verdict() -> None:
    site = dumped(registered(), 20.0)
    site.speaks(ONE, 22.9)
    assert THREE in site.world.outbox.boxes
    assert site.asks(22.95, "a1")
    assert site.world.asked[TWO, "a1"].outcome is Outcome.DUMP
    site.speaks(ONE, 23.1)
    assert site.world.outbox.boxes == {}
    site.asks(23.2, "a2")
    assert site.world.asked[TWO, "a2"].outcome is None


def test_a_datagram_ends_what_was_proved_before_even_if_something_newer_is_proved() -> None:
    site = registered(replace(PLAIN, fence_kdump=True))
    site.take(events.KdumpHeard("10.0.0.1"), 10.0)
    site.asks(11.0)
    site.stops(ONE, 14.0)
    site.speaks(ONE, 14.5)
    site.asks(15.0)
    assert site.world.asked[TWO, "a1"].outcome is Outcome.DUMP
    assert {result.reason for result in of(TellResult, site.asks(15.1))} == {"verdict over"}


def test_life_during_a_reset_ends_an_earlier_verdict() -> None:
    site = registered()
    site.asks(0.0)
    site.answers(REFUSED, 0.0)
    site.answers(ACCEPTED, 0.1, stage=1)
    assert site.world.asked[TWO, "a1"].outcome is Outcome.DUMP
    site.asks(11.0, "a2", THREE)
    site.speaks(ONE, 12.0)
    assert {result.reason for result in of(TellResult, site.asks(12.1))} == {"verdict over"}


def test_one_that_lives_after_its_notice_is_normal_at_once_and_has_nobody_reset_for_a_minute() -> (
    None
):
    site = registered()
    site.asks(0.0)
    site.sent(1.0)
    site.stops(ONE, 2.0)
    site.speaks(ONE, 4.9)
    assert site.status() is Status.DUMP
    actions = site.take(events.Spoke(speaker(ONE)), 5.1)
    assert "not-reset" in messages([*actions])
    system = site.system()
    assert (system.status, system.verdict, system.alive_at) == (Status.NORMAL, None, 5.1)
    site.asks(60.9, "o1", ONE, TWO)
    assert site.world.asked[ONE, "o1"].outcome is Outcome.FAIL
    site.asks(61.0, "o2", ONE, TWO)
    assert site.world.asked[ONE, "o2"].outcome is None


def test_one_that_panicked_unasked_and_lives_is_served_at_once() -> None:
    site = dumped(registered(), 20.0)
    site.speaks(ONE, 23.1)
    site.asks(23.2, "o1", ONE, TWO)
    assert site.world.asked[ONE, "o1"].outcome is None


def test_one_whose_boot_id_was_not_on_record_may_not_have_been_reset() -> None:
    site = Site()
    site.take(events.SessionOpened("db1", 1), 0.0)
    site.asks(20.0)
    site.reads_off(21.0)
    assert site.status() is Status.POFF
    actions = site.take(events.Spoke(speaker(ONE, answers_at=21.4)), 21.5)
    assert "unknown-boot" in messages([*actions])
    assert site.status() is Status.NORMAL


def test_a_new_boot_is_normal_and_owes_nothing_to_the_boot_before() -> None:
    site = registered()
    site.asks(0.0, "b1", ONE, THREE)
    site.asks(0.0)
    site.sent(0.0)
    site.answers(IN_DOUBT, 0.1)
    site.passes(22.5)
    assert site.system().barred
    site.speaks(ONE, 23.0, NEW)
    system = site.system()
    assert (system.status, system.barred, system.verdict) == (Status.NORMAL, False, None)
    assert (system.boot_id, system.notice, system.pair) == (NEW, None, None)
    assert all(name[0] != ONE for name in site.world.asked.being_told())


def test_a_result_is_not_told_to_another_boot_of_its_requester() -> None:
    site = registered()
    site.asks(0.0)
    site.speaks(TWO, 0.5, NEW)
    site.stops(ONE, 1.0)
    assert site.world.asked[TWO, "a1"].outcome is Outcome.DUMP
    assert not site.world.asked.being_told()


def test_a_new_boot_in_the_hard_stage_spares_it_the_rest() -> None:
    site = registered()
    site.asks(0.0)
    site.answers(REFUSED, 0.0)
    site.speaks(ONE, 0.5, NEW)
    assert site.status() is Status.NORMAL
    asked = site.world.asked[TWO, "a1"]
    assert (asked.evidence, asked.evidence_at) == (Evidence.NEW_BOOT, 0.5)
    (notice,) = site.world.outbox.boxes[THREE].notices
    assert notice.kind is NoticeKind.REBOOT
    site.speaks(ONE, 5.0, NEW)
    assert site.world.outbox.boxes[THREE].notices == (notice,)


def test_a_new_boot_that_was_unregistered_is_registered() -> None:
    site = Site()
    site.speaks(ONE, 1.0)
    site.world.put_system(replace(site.system(), registration=None))
    site.speaks(ONE, 2.0, NEW)
    assert site.system().registration == Registration("10.0.0.1", 7001)


def test_a_kdump_datagram_names_nobody_but_its_source() -> None:
    site = registered(replace(PLAIN, fence_kdump=True, kdump_from=frozenset({"10.8.0.1"})))
    site.take(events.KdumpHeard("10.0.0.2"), 1.0)
    assert [site.system(key).kdump_at for key in (ONE, TWO, THREE)] == [None, 1.0, None]
    site.take(events.KdumpHeard("10.8.0.1"), 2.0)
    assert [site.system(key).kdump_at for key in (ONE, TWO, THREE)] == [2.0, 2.0, 2.0]
    plain = registered()
    plain.take(events.KdumpHeard("10.0.0.2"), 1.0)
    assert plain.system(TWO).kdump_at is None
    nowhere = Site(replace(PLAIN, fence_kdump=True))
    nowhere.take(events.KdumpHeard("10.0.0.2"), 1.0)
    assert nowhere.system(TWO).kdump_at is None


def test_a_live_datagram_forgets_the_capture_kernel() -> None:
    site = registered(replace(PLAIN, fence_kdump=True))
    site.take(events.KdumpHeard("10.0.0.1"), 1.0)
    site.speaks(ONE, 2.0)
    assert site.system().kdump_at is None


def test_a_capture_kernel_that_goes_on_prolongs_its_own_verdict_only() -> None:
    site = registered(replace(PLAIN, fence_kdump=True))
    site.asks(1.0)
    site.take(events.KdumpHeard("10.0.0.1"), 1.5)
    site.take(events.KdumpHeard("10.0.0.1"), 9.0)
    verdict = site.system().verdict
    assert verdict is not None
    assert (verdict.at, verdict.last) == (1.5, 9.0)
    site = dumped(registered(replace(PLAIN, fence_kdump=True)), 1.0)
    site.take(events.KdumpHeard("10.0.0.1"), 9.0)
    verdict = site.system().verdict
    assert verdict is not None
    assert verdict.last == 1.0


def check(site: Site, now: float, *targets: SystemKey) -> list[tuple[bool, bool, bool]]:
    (reply,) = of(TellCheck, site.take(events.Checked(speaker(TWO), "t", targets), now))
    assert (reply.key, reply.token) == (TWO, "t")
    assert [one.target for one in reply.targets] == list(targets)
    return [(one.degraded, one.cannot_reset, one.unknown) for one in reply.targets]


def test_check_says_what_could_not_be_reset_now() -> None:
    nobody = SystemKey(6001, 9)
    site = registered(gated=True)
    site.take(events.RedundancyIs(degraded=False), 0.0)
    assert check(site, 1.0, ONE, nobody) == [
        (False, False, False),
        (False, False, True),
    ]
    assert check(Site(), 1.0, ONE, nobody) == [(True, True, False), (True, False, True)]


def test_check_needs_every_pdu_of_a_server_that_may_be_cut() -> None:
    site = registered(WITH_OUTLETS)
    assert check(site, 1.0, ONE) == [(True, True, False)]
    site.take(events.PduSeen(FEED_A.pdu, True), 2.0)
    assert check(site, 2.0, ONE) == [(True, True, False)]
    site.take(events.PduSeen(FEED_B.pdu, True), 3.0)
    assert check(site, 3.0, ONE) == [(True, False, False)]
    uncut = registered(replace(WITH_OUTLETS, outlets=False))
    assert check(uncut, 3.0, ONE) == [(True, False, False)]


def test_check_tells_how_long_ago_the_bmc_was_read() -> None:
    site = registered()
    site.reads(Power.ON, 1.0)
    (reply,) = of(TellCheck, site.take(events.Checked(speaker(TWO), "t", (ONE, THREE)), 4.0))
    assert [one.proven_age_s for one in reply.targets] == [3.0, None]


def test_a_notice_that_is_said_again_is_logged_and_changes_nothing() -> None:
    site = registered()
    site.stops(ONE, 10.0)
    notice = site.system(ONE).notice
    assert notice is not None
    logged = [now for now in (10.5, 11.0, 11.5, 12.0) if of(Line, site.stops(ONE, now))]
    assert logged == [11.0, 12.0]
    (line,) = of(Line, site.stops(ONE, 20.0))
    assert (line.kind, line.sent, line.number) == (LineKind.ATTENTION, False, 1)
    again = site.system(ONE).notice
    assert again is not None
    assert again.at == notice.at
