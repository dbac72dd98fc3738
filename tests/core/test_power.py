"""When a server is proved off by its BMC, and when the BMC is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.model import Power, PowerReading
from haconn.core.power import (
    BmcWatch,
    Trust,
    off_is_fresh,
    patience_s,
    took_session,
    was_contradicted,
    was_read,
    was_refused,
    was_unanswered,
)
from tests.core.parts import at

OLD = took_session(BmcWatch(), 1, at(0.0))
"""A BMC that has been good for long."""


def read(watch: BmcWatch, power: Power, *asked: float, session: int = 1) -> BmcWatch:
    for when in asked:
        watch = was_read(watch, PowerReading(power, session, when, when + 0.01))
    return watch


def proves(watch: BmcWatch) -> bool:
    return watch.run is not None and watch.run.proves


def test_one_read_of_off_is_not_off() -> None:
    assert not proves(read(OLD, Power.OFF, 100.0))


def test_two_reads_of_off_half_a_second_apart_are_off() -> None:
    assert proves(read(OLD, Power.OFF, 100.0, 100.5))
    assert not proves(read(OLD, Power.OFF, 100.0, 100.49))
    assert proves(read(OLD, Power.OFF, 100.0, 100.25, 100.5))


def test_a_single_read_however_long_is_not_a_run() -> None:
    watch = was_read(OLD, PowerReading(Power.OFF, 1, 100.0, 101.0))
    assert not proves(watch)
    assert watch.run is not None
    assert (watch.run.reads, watch.run.first_asked_at, watch.run.span_s) == (1, 100.0, 0.5)


def test_anything_but_off_breaks_the_run() -> None:
    for power in (Power.ON, Power.UNKNOWN):
        watch = read(read(OLD, Power.OFF, 100.0), power, 100.2)
        assert watch.run is None
        assert not proves(read(watch, Power.OFF, 100.4, 100.6))
        assert proves(read(watch, Power.OFF, 100.4, 100.9))


def test_reads_of_two_sessions_are_no_run() -> None:
    watch = read(OLD, Power.OFF, 100.0)
    watch = read(watch, Power.OFF, 100.6, session=2)
    assert watch.run is not None
    assert (watch.run.session, watch.run.reads) == (2, 1)


def test_a_new_session_breaks_the_run() -> None:
    watch = took_session(read(OLD, Power.OFF, 100.0, 100.5), 2, at(100.6))
    assert watch == BmcWatch(
        power=Power.OFF,
        read_at=at(100.5),
        young_since=at(100.6),
        session=2,
        reachable=True,
        trust=Trust(off_since=at(100.01)),
    )


def test_a_run_that_begins_young_must_span_ten_seconds() -> None:
    watch = took_session(OLD, 2, at(100.0))
    assert not proves(read(watch, Power.OFF, 109.9, 119.8, session=2))
    assert proves(read(watch, Power.OFF, 109.9, 119.9, session=2))
    assert proves(read(watch, Power.OFF, 110.0, 110.5, session=2))


def test_an_off_that_follows_an_on_without_a_gap_is_not_young() -> None:
    watch = read(took_session(OLD, 2, at(100.0)), Power.ON, 100.1, session=2)
    assert proves(read(watch, Power.OFF, 101.0, 101.5, session=2))
    gaps = (
        was_unanswered(watch, at(98.5), at(100.6), 1.0),
        was_refused(watch, at(100.6)),
        took_session(watch, 3, at(100.6)),
        read(watch, Power.UNKNOWN, 100.6, session=2),
    )
    for gap in gaps:
        assert not proves(read(gap, Power.OFF, 101.0, 101.5, session=gap.session))


def test_an_off_that_we_ordered_before_its_first_read_is_not_young() -> None:
    watch = read(took_session(OLD, 2, at(100.0)), Power.OFF, 101.0, 101.5, session=2)
    assert not off_is_fresh(watch, at(101.6), 1.0)
    assert off_is_fresh(watch, at(101.6), 1.0, at(101.0))
    assert not off_is_fresh(watch, at(101.6), 1.0, at(101.1))
    old = read(OLD, Power.OFF, 101.0, 101.5)
    assert old.run is not None
    assert old.run.needs_s(at(100.0)) == old.run.needs_s(None) == 0.5


def test_silence_breaks_the_run_and_makes_the_bmc_young_again() -> None:
    watch = was_unanswered(read(OLD, Power.OFF, 100.0), at(100.3), at(102.3), 1.0)
    assert watch.run is None
    watch = read(watch, Power.OFF, 102.6)
    assert watch.young_since == 102.61
    assert watch.run is not None
    assert (watch.run.reads, watch.run.span_s) == (1, 10.0)
    assert (watch.unanswered_since, watch.reachable, watch.dead) == (None, True, False)


def test_an_answer_within_the_patience_counts_from_when_it_was_asked() -> None:
    """The slow read of off is a read of off: the run neither breaks nor begins anew."""
    watch = was_unanswered(read(OLD, Power.OFF, 100.0), at(100.3), at(102.2), 1.0)
    assert (watch.reachable, watch.dead) == (False, False)
    late = was_read(watch, PowerReading(Power.OFF, 1, 100.6, 102.25))
    assert proves(late)
    assert late.run is not None
    assert (late.run.reads, late.run.last_asked_at) == (2, 100.6)
    assert (late.reachable, late.young_since, late.unanswered_since) == (True, 0.0, None)


def test_a_late_answer_that_says_on_breaks_the_run() -> None:
    watch = was_unanswered(read(OLD, Power.OFF, 100.0), at(100.3), at(102.2), 1.0)
    assert was_read(watch, PowerReading(Power.ON, 1, 100.6, 102.25)).run is None


def test_patience_is_two_poll_periods_or_three_times_the_measured_time_out() -> None:
    assert patience_s(1.0, 0.2) == 2.0
    assert patience_s(1.0, 0.9) == pytest.approx(2.7)
    assert patience_s(5.0, 0.9) == 10.0


def test_a_slow_bmc_is_dead_later_and_its_readings_stay_fresh_longer() -> None:
    watch = was_unanswered(OLD, at(10.0), at(12.0), 1.0, 0.9)
    assert not watch.dead
    assert was_unanswered(watch, at(10.0), at(12.75), 1.0, 0.9).dead
    slow = was_read(OLD, PowerReading(Power.OFF, 1, 10.0, 10.8, 0.9))
    slow = was_read(slow, PowerReading(Power.OFF, 1, 10.8, 11.6, 0.9))
    assert off_is_fresh(slow, at(13.4), 1.0)
    assert not off_is_fresh(slow, at(13.6), 1.0)


def test_a_contradicted_run_begins_anew_with_a_read_that_was_asked_after_the_sign() -> None:
    watch = was_contradicted(read(OLD, Power.OFF, 100.0, 100.5), at(100.6), at(100.7))
    assert (watch.run, watch.trust.void_at, watch.trust.lived_at) == (None, 100.7, 100.6)
    assert read(watch, Power.OFF, 100.6).run is None
    again = read(watch, Power.OFF, 100.65).run
    assert again is not None
    assert (again.first_asked_at, again.reads) == (100.65, 1)


def test_the_first_off_since_the_last_on_outlives_every_gap() -> None:
    watch = read(read(OLD, Power.ON, 99.0), Power.OFF, 100.0, 101.0)
    watch = was_unanswered(watch, at(102.0), at(104.5), 1.0)
    watch = read(took_session(watch, 2, at(103.0)), Power.OFF, 104.0, session=2)
    assert watch.trust.off_since == 100.01
    assert read(watch, Power.ON, 105.0, session=2).trust == Trust(on_since=at(105.01))


def test_trust_is_regained_by_ten_seconds_of_on_without_a_gap() -> None:
    watch = read(OLD, Power.ON, 100.0, 105.0)
    assert not watch.trust.is_regained(at(110.0))
    assert watch.trust.is_regained(at(110.01))
    assert not was_unanswered(watch, at(106.0), at(108.0), 1.0).trust.is_regained(at(120.0))
    assert not read(watch, Power.UNKNOWN, 106.0).trust.is_regained(at(120.0))


def test_a_bmc_that_was_not_silent_keeps_its_age() -> None:
    assert read(OLD, Power.ON, 100.0).young_since == 0.0


def test_a_bmc_without_a_login_on_record_is_not_young() -> None:
    assert proves(read(BmcWatch(), Power.OFF, 100.0, 100.5))


def test_a_bmc_is_dead_after_two_poll_periods_of_silence() -> None:
    watch = was_unanswered(OLD, at(10.0), at(11.0), 1.0)
    assert (watch.reachable, watch.dead, watch.unanswered_since) == (False, False, 10.0)
    assert not was_unanswered(watch, at(11.5), at(11.9), 1.0).dead
    late = was_unanswered(watch, at(11.5), at(12.0), 1.0)
    assert late.dead
    assert late.unanswered_since == 10.0
    assert took_session(late, 2, at(13.0)).unanswered_since is None
    assert not took_session(late, 2, at(13.0)).dead
    assert not read(late, Power.ON, 13.0).dead
    assert not was_unanswered(OLD, at(10.0), at(13.9), 2.0).dead
    assert was_unanswered(OLD, at(10.0), at(14.0), 2.0).dead


def test_a_refusal_is_an_answer() -> None:
    watch = was_unanswered(read(OLD, Power.OFF, 9.0), at(10.0), at(12.0), 1.0)
    refused = was_refused(read(watch, Power.OFF, 12.5), at(13.0))
    assert (refused.run, refused.reachable, refused.dead) == (None, False, False)
    assert refused.young_since == 12.51
    assert watch.dead
    refused = was_refused(watch, at(13.0))
    assert not refused.dead
    assert (refused.unanswered_since, refused.young_since) == (None, 13.0)


def test_an_unknown_reading_keeps_what_is_shown() -> None:
    watch = read(read(OLD, Power.ON, 10.0), Power.UNKNOWN, 11.0)
    assert (watch.power, watch.read_at) == (Power.ON, 11.0)


def test_a_change_from_off_to_on_is_dated_by_its_answer() -> None:
    off = read(OLD, Power.OFF, 10.0)
    assert off.turned_on_at is None
    on = read(off, Power.ON, 11.0)
    assert on.turned_on_at == 11.01
    assert read(on, Power.ON, 12.0).turned_on_at == 11.01
    assert read(read(OLD, Power.ON, 1.0), Power.OFF, 2.0).turned_on_at is None
    assert read(OLD, Power.ON, 1.0).turned_on_at is None


def test_off_is_fresh_for_two_poll_periods_after_the_last_read() -> None:
    off = read(OLD, Power.OFF, 10.0, 10.5)
    assert off_is_fresh(off, at(12.5), 1.0)
    assert not off_is_fresh(off, at(12.6), 1.0)
    assert off_is_fresh(off, at(12.6), 1.1)
    assert not off_is_fresh(read(OLD, Power.OFF, 10.0), at(10.0), 1.0)
    assert not off_is_fresh(OLD, at(10.0), 1.0)


Happening = tuple[str, float]
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(["off", "off", "off", "on", "unknown", "silent", "refused", "login"]),
        st.sampled_from([0.125, 0.25, 0.5, 1.0, 4.0, 8.0]),
    ),
    max_size=30,
)


def naive(happened: list[Happening]) -> bool:
    """OFF as the rule says it, by looking back over everything that happened."""
    now, times = 0.0, []
    silent_since: float | None = None
    for what, wait_s in happened:
        now += wait_s
        if what != "silent":
            silent_since = None
        elif silent_since is None or now - silent_since < 2.0:
            silent_since = now if silent_since is None else silent_since
            if now - silent_since < 2.0:
                continue  # its answer may still come
        times.append((what, now))
    run: list[float] = []
    before_run = "nothing"
    for what, when in reversed(times):
        if what != "off":
            before_run = what
            break
        run.insert(0, when)
    if len(run) < 2:
        return False
    young_from = [when for what, when in times if what == "login"]
    answers = {"off", "on", "unknown", "refused"}
    for (before, _), (what, when) in pairwise(times):
        if before == "silent" and what in answers:
            young_from.append(when)
    young = any(when <= run[0] < when + 10.0 for when in young_from) and before_run != "on"
    return run[-1] - run[0] >= (10.0 if young else 0.5)


@given(HAPPENINGS)
def test_the_rule_of_off_against_a_naive_reading_of_it(happened: list[Happening]) -> None:
    watch, now, session = BmcWatch(), 0.0, 0
    powers = {power.value: power for power in Power}
    for what, wait_s in happened:
        now += wait_s
        if what in powers:
            watch = was_read(watch, PowerReading(powers[what], session, now, now))
        elif what == "silent":
            watch = was_unanswered(watch, at(now), at(now), 1.0)
        elif what == "refused":
            watch = was_refused(watch, at(now))
        else:
            session += 1
            watch = took_session(watch, session, at(now))
    assert proves(watch) == naive(happened)
