"""Restores that are owed: when they begin, and when they are settled."""

from dataclasses import replace

from haconn.core import events
from haconn.core.actions import Action, BeginRestore, RecoveryEnded, Remark, StopRestore
from haconn.core.model import Power
from haconn.core.server import RETRY_S, Owed, Restore
from haconn.core.step import next_due
from tests.core.parts import FEED_A, FEED_B, ONE, WITH_OUTLETS, Site, at, of, registered

BOTH = (FEED_A, FEED_B)


def owing(*owed: Owed, left_dark: bool = False) -> Site:
    site = registered(WITH_OUTLETS)
    site.world.put_server(replace(site.server(), owed=owed, left_dark=left_dark))
    return site


def feeds(due: float = 10.0) -> Owed:
    return Owed(Restore.FEEDS, "r-0", at(5.0), at(due))


def power(due: float = 10.0) -> Owed:
    return Owed(Restore.POWER_ON, "r-0", at(5.0), at(due))


def tried(site: Site, what: Restore, failure: str | None, now: float) -> list[Action]:
    return site.take(events.RestoreTried("db1", what, "r-0", failure), now)


def recovers(site: Site, now: float, operation: str = "recovery") -> list[Action]:
    return site.take(events.RecoveryAsked("db1", operation), now)


def test_a_restore_begins_when_it_is_due() -> None:
    site = owing(feeds())
    assert next_due(site.world) == 10.0
    assert site.take(events.Tick(), 9.9) == []
    assert site.take(events.Tick(), 10.0) == [BeginRestore("db1", Restore.FEEDS, "r-0", BOTH)]
    (owed,) = site.server().owed
    assert (owed.running, owed.attempts) == (True, 1)
    assert site.server().ordered_on_at == 10.0
    assert next_due(site.world) is None
    assert site.take(events.Tick(), 11.0) == []


def test_any_event_begins_what_is_due() -> None:
    assert owing(feeds()).reads(Power.ON, 10.0)[-1] == BeginRestore(
        "db1", Restore.FEEDS, "r-0", BOTH
    )


def test_power_comes_on_after_the_outlets() -> None:
    site = owing(power(), feeds(20.0))
    assert next_due(site.world) == 20.0
    assert [one.what for one in of(BeginRestore, site.passes(20.0))] == [Restore.FEEDS]
    actions = tried(site, Restore.FEEDS, None, 21.0)
    assert of(BeginRestore, actions) == [BeginRestore("db1", Restore.POWER_ON, "r-0", ())]


def test_nothing_is_switched_on_during_a_reset() -> None:
    site = owing(feeds())
    site.asks(9.0)
    assert not of(BeginRestore, site.take(events.Tick(), 10.5))
    assert of(BeginRestore, site.stops(ONE, 10.6))


def test_the_reset_of_another_server_is_no_obstacle() -> None:
    site = owing(feeds())
    site.asks(9.0, "b1", ONE, next(key for key, name in site.bindings.items() if name == "db2"))
    assert of(BeginRestore, site.take(events.Tick(), 10.5))


def test_the_operators_test_is_no_obstacle() -> None:
    site = owing(feeds())
    site.take(events.TestAsked(ONE, "test"), 9.0)
    assert of(BeginRestore, site.take(events.Tick(), 10.0))


def test_a_restore_that_worked_is_settled() -> None:
    site = owing(feeds(), left_dark=True)
    site.passes(10.0)
    (note,) = tried(site, Restore.FEEDS, None, 11.0)
    assert isinstance(note, Remark)
    assert (note.message, dict(note.values)) == (
        "restored",
        {"operation": "r-0", "what": "outlets on", "server": "db1"},
    )
    assert site.server().owed == ()
    assert not site.server().left_dark


def test_the_power_on_does_not_light_the_outlets() -> None:
    site = owing(power(), left_dark=True)
    site.feeds(9.0, Power.ON, FEED_A)
    site.passes(10.0)
    tried(site, Restore.POWER_ON, None, 11.0)
    assert site.server().left_dark


def test_a_restore_that_failed_is_tried_again_and_complains_once() -> None:
    site = owing(feeds())
    site.passes(10.0)
    (note,) = tried(site, Restore.FEEDS, "no answer", 11.0)
    assert isinstance(note, Remark)
    assert (note.message, dict(note.values)["reason"]) == ("restore-failed", "no answer")
    (owed,) = site.server().owed
    assert owed == Owed(
        Restore.FEEDS, "r-0", at(5.0), at(11.0 + RETRY_S), attempts=1, failure="no answer"
    )
    assert of(BeginRestore, site.passes(21.0))
    assert tried(site, Restore.FEEDS, "no answer", 22.0) == []
    assert of(BeginRestore, site.passes(32.0))
    (note,) = tried(site, Restore.FEEDS, "refused", 33.0)
    assert site.server().owed[0].attempts == 3


def test_the_end_of_another_restore_settles_nothing() -> None:
    site = owing(feeds())
    assert tried(site, Restore.FEEDS, None, 9.0) == []
    site.passes(10.0)
    other = events.RestoreTried("db1", Restore.FEEDS, "r-9", None)
    assert site.take(other, 11.0) == []
    assert tried(site, Restore.POWER_ON, None, 11.0) == []
    assert site.server().owed[0].running


def test_the_operator_recovers_what_is_not_owed() -> None:
    site = registered(WITH_OUTLETS)
    assert recovers(site, 1.0) == [BeginRestore("db1", Restore.FEEDS, "recovery", BOTH)]
    (owed,) = site.server().owed
    assert (owed.asked_by, owed.kept, owed.since) == ("recovery", False, 1.0)
    done = events.RestoreTried("db1", Restore.FEEDS, "recovery", None)
    assert of(RecoveryEnded, site.take(done, 2.0)) == [RecoveryEnded("recovery", None)]


def test_what_only_the_operator_wanted_is_not_owed_when_it_fails() -> None:
    site = registered(WITH_OUTLETS)
    recovers(site, 1.0)
    failed = events.RestoreTried("db1", Restore.FEEDS, "recovery", "no")
    assert of(RecoveryEnded, site.take(failed, 2.0)) == [RecoveryEnded("recovery", "no")]
    assert site.server().owed == ()


def test_what_was_owed_stays_owed_when_the_operator_fails() -> None:
    site = owing(feeds(60.0))
    actions = recovers(site, 7.0)
    assert not of(StopRestore, actions)
    assert of(BeginRestore, actions)
    site.take(events.RestoreTried("db1", Restore.FEEDS, "recovery", "no"), 8.0)
    (owed,) = site.server().owed
    assert (owed.since, owed.due, owed.asked_by, owed.kept) == (5.0, 18.0, None, True)
    assert of(BeginRestore, recovers(site, 9.0))


def test_a_second_command_takes_the_place_of_the_first() -> None:
    site = registered(WITH_OUTLETS)
    recovers(site, 1.0)
    actions = recovers(site, 2.0, "second")
    assert actions == [
        StopRestore("db1"),
        RecoveryEnded("recovery", "another command takes its place"),
        BeginRestore("db1", Restore.FEEDS, "second", BOTH),
    ]
    assert not site.server().owed[0].kept


def test_a_power_on_that_a_second_command_stops_is_begun_again_after_the_outlets() -> None:
    site = owing(power())
    site.passes(10.0)
    recovers(site, 11.0)
    recovers(site, 12.0, "second")
    done = events.RestoreTried("db1", Restore.FEEDS, "second", None)
    begun = of(BeginRestore, site.take(done, 13.0))
    assert begun == [BeginRestore("db1", Restore.POWER_ON, "r-0", ())]


def test_why_the_operator_cannot_recover() -> None:
    site = registered(WITH_OUTLETS)
    site.asks(1.0)
    reason = "a reset of it is in progress"
    assert of(RecoveryEnded, recovers(site, 1.1)) == [RecoveryEnded("recovery", reason)]
    plain = registered()
    assert recovers(plain, 1.0) == [RecoveryEnded("recovery", "it has no outlets")]


def test_no_restore_begins_while_nothing_is_known_of_what_was_under_way() -> None:
    site = Site(WITH_OUTLETS, conservative_until=15.0)
    site.world.put_server(replace(site.server(), owed=(feeds(),)))
    assert next_due(site.world) == 15.0
    assert recovers(site, 12.0) == []
    assert site.take(events.Tick(), 14.9) == []
    assert of(BeginRestore, site.take(events.Tick(), 15.0))


def test_what_was_running_in_another_process_begins_anew() -> None:
    site = owing(replace(feeds(), running=True, asked_by="recovery"))
    assert of(BeginRestore, site.take(events.Resumed(), 11.0))
    assert site.server().owed[0].asked_by is None
