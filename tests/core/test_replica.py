"""The standby's copy, and when it is exact."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.beat import INTENT_BODY_MAX, Intent, PairSession
from haconn.core.gate import RESEND_MAX
from haconn.core.model import Instant
from haconn.core.pair_times import TIMES
from haconn.core.replica import (
    AHEAD_MAX,
    ENTRY_MAX,
    PARTS_MAX,
    LastBeat,
    StandbyLog,
    begin,
    is_exact,
    is_news,
    split,
    take,
)
from tests.core.parts import at

LOG = PairSession(b"the active's log")
ANOTHER = PairSession(b"some other's log")
BEGUN = at(100.0)
COPY = begin(StandbyLog(), LOG, 3, BEGUN)[0]
BEAT = LastBeat(LOG, 3, True, at(101.0))


def part(index: int, part: int = 0, parts: int = 1, body: bytes = b"x") -> Intent:
    return Intent(index, part, parts, body, 0.0)


def intents(first: int, entries: list[bytes]) -> list[Intent]:
    """Everything that an active sends of its log."""
    return [
        Intent(index, number, len(split(entry)), body, 0.0)
        for index, entry in enumerate(entries, start=first)
        for number, body in enumerate(split(entry))
    ]


def taken(held: StandbyLog, *received: Intent) -> tuple[StandbyLog, tuple[bytes, ...]]:
    entries: tuple[bytes, ...] = ()
    for intent in received:
        held, more = take(held, LOG, intent)
        entries += more
    return held, entries


def test_entries_are_applied_in_order_and_without_gaps() -> None:
    held, entries = taken(COPY, part(5, body=b"e"), part(6, body=b"f"))
    assert (held.applied, entries) == (3, ())
    held, entries = taken(held, part(4, body=b"d"))
    assert (held.applied, entries, held.ahead) == (6, (b"d", b"e", b"f"), ())


def test_an_entry_in_parts_is_applied_when_it_is_whole() -> None:
    held, entries = taken(COPY, part(5), part(4, 2, 3, b"c"), part(4, 0, 3, b"a"))
    assert (held.applied, entries) == (3, ())
    assert taken(held, part(4, 1, 3, b"b"))[1] == (b"abc", b"x")


def test_what_comes_twice_is_applied_once() -> None:
    held, _ = taken(COPY, part(4, 0, 2, b"a"), part(4, 0, 2, b"a"))
    held, entries = taken(held, part(4, 1, 2, b"b"), part(4, 0, 2, b"a"))
    assert (held.applied, entries, held.ahead) == (4, (b"ab",), ())


@pytest.mark.parametrize(
    "intent",
    [
        part(3),
        part(3 + AHEAD_MAX + 1),
        part(4, 2, 2),
        part(4, -1, 2),
        part(4, 0, 0),
        part(4, 0, PARTS_MAX + 1),
    ],
    ids=["applied", "far ahead", "no such part", "below the first", "no parts", "too many parts"],
)
def test_what_has_no_place_is_dropped(intent: Intent) -> None:
    assert take(COPY, LOG, intent) == (COPY, ())


def test_the_bounds_themselves_have_a_place() -> None:
    held, _ = taken(COPY, part(3 + AHEAD_MAX), part(4, PARTS_MAX - 1, PARTS_MAX))
    assert [one.index for one in held.ahead] == [4, 3 + AHEAD_MAX]
    assert RESEND_MAX <= AHEAD_MAX  # what is sent again at once can be held


def test_an_entry_that_is_cut_in_two_ways_stays_as_it_was_first_cut() -> None:
    held, _ = taken(COPY, part(4, 0, 2, b"a"))
    assert taken(held, part(4, 0, 1, b"z")) == (held, ())
    assert taken(held, part(4, 1, 2, b"b"))[1] == (b"ab",)


def test_nothing_of_another_log_is_taken_and_without_a_full_sync_nothing_at_all() -> None:
    assert take(COPY, ANOTHER, part(4)) == (COPY, ())
    assert take(StandbyLog(), LOG, part(1)) == (StandbyLog(), ())


def test_a_full_sync_of_another_log_drops_everything_of_the_earlier() -> None:
    held, _ = taken(COPY, part(5))
    assert is_news(held, ANOTHER, 1)
    assert begin(held, ANOTHER, 1, at(110.0)) == (StandbyLog(ANOTHER, at(110.0), 1), ())


def test_a_full_sync_of_the_same_log_fills_a_gap() -> None:
    held, _ = taken(COPY, part(4, 0, 2), part(6, body=b"f"))
    assert is_news(held, LOG, 5)
    held, entries = begin(held, LOG, 5, at(110.0))
    assert entries == (b"f",)
    assert held == StandbyLog(LOG, at(110.0), 6)


def test_a_full_sync_ends_the_waiting_for_what_it_carries() -> None:
    held, _ = taken(COPY, part(4, 0, 2), part(5))
    held, entries = begin(held, LOG, 5, at(110.0))
    assert (held, entries) == (StandbyLog(LOG, at(110.0), 5), ())


def test_a_full_sync_that_was_overtaken_by_entries_takes_nothing_back() -> None:
    held, _ = taken(COPY, part(4), part(5))
    assert not is_news(held, LOG, 4)
    assert not is_news(held, LOG, 5)
    assert begin(held, LOG, 4, at(110.0)) == (replace(held, begun=at(110.0)), ())


def test_an_entry_is_cut_into_parts_that_fit() -> None:
    assert split(b"") == (b"",)
    assert split(b"a" * INTENT_BODY_MAX) == (b"a" * INTENT_BODY_MAX,)
    assert split(b"a" * INTENT_BODY_MAX + b"b") == (b"a" * INTENT_BODY_MAX, b"b")
    assert len(split(bytes(ENTRY_MAX))) == PARTS_MAX
    with pytest.raises(AssertionError, match=r"^asked before: .* not sendable$"):
        split(bytes(ENTRY_MAX + 1))


@given(
    st.lists(st.binary(max_size=30).map(lambda some: some * 100), max_size=6),
    st.data(),
)
def test_whatever_comes_in_whatever_order_all_is_applied_once_and_in_order(
    entries: list[bytes], data: st.DataObject
) -> None:
    sent = intents(4, entries)
    early = data.draw(st.lists(st.sampled_from(sent))) if sent else []
    held, applied = taken(COPY, *early, *data.draw(st.permutations(sent)))
    assert list(applied) == entries
    assert (held.applied, held.ahead) == (3 + len(entries), ())


@given(
    st.lists(
        st.builds(
            Intent,
            st.integers(0, 200),
            st.integers(-1, 70),
            st.integers(0, 70),
            st.binary(max_size=2),
            st.just(0.0),
        )
    )
)
def test_no_active_makes_a_standby_hold_more_than_its_bounds(received: list[Intent]) -> None:
    held, _ = taken(COPY, *received)
    assert len(held.ahead) <= AHEAD_MAX
    assert all(len(one.bodies) <= PARTS_MAX for one in held.ahead)


def test_one_that_has_what_was_announced_just_now_is_exact() -> None:
    assert is_exact(COPY, BEAT, at(102.0))
    assert is_exact(COPY, replace(BEAT, announced=2), at(102.0))


def test_one_that_lacks_what_was_announced_is_conservative() -> None:
    assert not is_exact(COPY, replace(BEAT, announced=4), at(102.0))
    held, _ = taken(COPY, part(4))
    assert is_exact(held, replace(BEAT, announced=4), at(102.0))


def test_one_that_was_called_unsynchronised_by_the_last_heartbeat_is_conservative() -> None:
    assert not is_exact(COPY, replace(BEAT, synchronised=False), at(102.0))


def test_one_that_heard_nothing_of_this_log_is_conservative() -> None:
    assert not is_exact(COPY, None, at(102.0))
    assert not is_exact(COPY, replace(BEAT, log=ANOTHER), at(102.0))
    assert not is_exact(COPY, replace(BEAT, left_after=Instant(-inf)), at(102.0))


def test_a_heartbeat_from_before_the_full_sync_was_meant_for_an_earlier_process() -> None:
    assert not is_exact(COPY, replace(BEAT, left_after=at(99.9)), at(102.0))
    assert not is_exact(COPY, replace(BEAT, left_after=BEGUN), at(102.0))
    assert is_exact(COPY, replace(BEAT, left_after=at(100.1)), at(102.0))


def test_a_heartbeat_as_old_as_the_gate_is_too_old_by_the_slowest_clock() -> None:
    assert is_exact(COPY, BEAT, at(104.6))
    assert not is_exact(COPY, BEAT, at(104.65))
    gate_s = replace(TIMES, gate_s=11.0)
    assert is_exact(COPY, BEAT, at(110.9), gate_s)
    assert not is_exact(COPY, BEAT, at(111.0), gate_s)


def test_the_fastest_takeover_is_exact() -> None:
    # its last heartbeat echoes what was sent one interval earlier
    fastest = at(101.0 + TIMES.beat_s + TIMES.dead_s + TIMES.fence_s)
    assert is_exact(COPY, BEAT, fastest)
