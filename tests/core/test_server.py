"""What a server's feeds prove, and what is owed to it."""

from dataclasses import replace

from haconn.core.model import Feed, Instant, Power, PowerReading
from haconn.core.power import BmcWatch, was_read
from haconn.core.server import (
    FeedReading,
    Owed,
    Restore,
    Server,
    all_off_since,
    held_off,
    off_at,
    owe,
    owes,
    read_feeds,
    settle,
    stop_restores,
    waited_for,
    waiting_restores,
)
from tests.core.parts import FEED_A, FEED_B, at

BOTH = (FEED_A, FEED_B)
FEEDS = Owed(Restore.FEEDS, "r-1", at(10.0), at(15.0))
POWER = Owed(Restore.POWER_ON, "r-1", at(10.0), at(15.0))


def read(power: Power, asked: float, *feeds: Feed, server: Server | None = None) -> Server:
    reading = FeedReading(power, Instant(asked), Instant(asked))
    return read_feeds(server or Server("db1"), dict.fromkeys(feeds, reading))


def off(asked_a: float, asked_b: float) -> Server:
    return read(Power.OFF, asked_b, FEED_B, server=read(Power.OFF, asked_a, FEED_A))


def test_empty_feed_list_is_no_proof() -> None:
    assert all_off_since(off(10.0, 10.0), (), at(0.0)) is None


def test_all_feeds_off_are_proof_dated_by_the_last_read() -> None:
    assert all_off_since(off(10.0, 11.0), BOTH, at(10.0)) == 11.0
    assert all_off_since(off(11.0, 10.0), BOTH, at(10.0)) == 11.0


def test_a_feed_that_is_not_read_off_spoils_the_proof() -> None:
    assert all_off_since(read(Power.OFF, 10.0, FEED_A), BOTH, at(0.0)) is None
    for power in (Power.ON, Power.UNKNOWN):
        spoilt = read(power, 12.0, FEED_B, server=off(10.0, 11.0))
        assert all_off_since(spoilt, BOTH, at(0.0)) is None
        assert all_off_since(spoilt, (FEED_A,), at(0.0)) == 10.0


def test_reads_asked_before_the_cut_are_no_proof() -> None:
    assert all_off_since(off(9.9, 11.0), BOTH, at(10.0)) is None
    assert all_off_since(off(11.0, 9.9), BOTH, at(10.0)) is None


def test_a_read_asked_before_what_is_known_is_too_old() -> None:
    server = read(Power.UNKNOWN, 10.0, FEED_A)
    assert read(Power.OFF, 9.9, FEED_A, server=server) == server
    assert all_off_since(read(Power.OFF, 10.0, FEED_A, server=server), (FEED_A,), at(0.0)) == 10.0


def test_off_by_the_bmc_comes_before_off_by_the_feeds() -> None:
    watch = BmcWatch()
    for asked in (10.0, 10.5):
        watch = was_read(watch, PowerReading(Power.OFF, 1, asked, asked))
    server = replace(off(11.0, 11.5), watch=watch)
    polls = {"bmc_poll_s": 1.0, "pdu_poll_s": 5.0}
    assert off_at(server, BOTH, at(12.5), **polls) == 10.5
    assert off_at(server, BOTH, at(12.6), **polls) == 11.5
    assert off_at(server, BOTH, at(21.0), **polls) == 11.5
    assert off_at(server, BOTH, at(21.1), **polls) is None
    assert off_at(server, (), at(12.6), **polls) is None
    assert off_at(Server("db1"), (), at(12.6), **polls) is None


def test_the_reading_of_a_slow_pdu_is_fresh_for_three_of_its_time_outs() -> None:
    slow = FeedReading(Power.OFF, at(10.0), at(13.5), timeout_s=4.0)
    server = read_feeds(off(9.0, 11.5), {FEED_A: slow})
    polls = {"bmc_poll_s": 1.0, "pdu_poll_s": 5.0}
    assert off_at(server, BOTH, at(21.5), **polls) == 11.5
    assert off_at(server, BOTH, at(21.6), **polls) is None, "the other is fast, and stale"
    assert off_at(server, (FEED_A,), at(22.0), **polls) == 10.0
    assert off_at(server, (FEED_A,), at(22.1), **polls) is None


def test_a_later_promise_of_the_same_kind_replaces_the_earlier() -> None:
    later = replace(FEEDS, operation="r-2")
    server = owe(owe(owe(Server("db1"), FEEDS), POWER), later)
    assert server.owed == (POWER, later)
    assert owes(server, Restore.FEEDS) == later
    assert owes(settle(server, Restore.FEEDS), Restore.FEEDS) is None
    assert owes(settle(server, Restore.FEEDS), Restore.POWER_ON) == POWER


def test_power_comes_on_after_the_outlets() -> None:
    assert waiting_restores(owe(Server("db1"), POWER)) == (POWER,)
    both = owe(owe(Server("db1"), POWER), FEEDS)
    assert waiting_restores(both) == (FEEDS,)
    assert waiting_restores(owe(both, replace(FEEDS, running=True))) == ()


def test_no_power_on_while_the_outlets_are_left_dark() -> None:
    dark = replace(owe(Server("db1"), POWER), left_dark=True)
    assert waiting_restores(dark) == ()
    assert waiting_restores(read(Power.OFF, 10.0, *BOTH, server=dark)) == ()
    lit = read(Power.ON, 11.0, FEED_B, server=read(Power.OFF, 10.0, *BOTH, server=dark))
    assert waiting_restores(lit) == (POWER,)


def test_what_is_stopped_waits_again_and_nobody_waits_for_it() -> None:
    running = replace(FEEDS, running=True, asked_by="recovery")
    server = owe(owe(Server("db1"), POWER), running)
    assert waited_for(server) == ("recovery",)
    stopped = stop_restores(server)
    assert stopped.owed == (POWER, FEEDS)
    assert waited_for(stopped) == ()


def test_outlets_are_held_off_while_their_restore_waits_and_not_while_it_runs() -> None:
    cut = Owed(Restore.FEEDS, "r-1", at(1.0), at(6.0))
    assert held_off(owe(Server("db1"), cut))
    assert not held_off(owe(Server("db1"), replace(cut, running=True)))
    assert not held_off(owe(Server("db1"), replace(cut, kept=False)))
    assert held_off(Server("db1", left_dark=True))
    assert not held_off(owe(Server("db1", left_dark=True), replace(cut, running=True)))
    assert not held_off(Server("db1"))
