"""The standby's copy: whole entries only, instants of this process, and when it is exact."""

import json
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.beat import Beat, Claim, Echo, Intent, PairRole, PairSession, Replica, Standing
from haconn.core.model import Instant
from haconn.core.pair_times import TIMES
from haconn.core.replica import split
from haconn.daemon.pair.copy import UNPACKED_MAX, DamagedEntryError, StandbyCopy
from haconn.daemon.pair.log import packed
from tests.daemon.pair.records import known_of, lines_of, server_line, snapshot

LOG, ANOTHER = PairSession(b"the active's log"), PairSession(b"some other's log")
NOW = Instant(100.0)
OFFSET_S = -1000.5
"""The active's clock is so far ahead of ours."""
BEAT = Beat(
    Claim(PairRole.ACTIVE, 3),
    Echo(ANOTHER, 1),
    Replica(LOG, announced=1),
    Standing(),
    frozenset(),
    clock=5.0,
)
NO_RECORDS = (
    b"nonsense",
    b'{"server": {"name": "s1", "a field of a later version": 1}}',
    b'{"a record of a later version": {"name": "s1"}}',
    b'{"server": {"name": 7}}',
    b"[" * 100_000,
)


def entry(index: int, *lines: bytes) -> Intent:
    return Intent(index, 0, 1, packed(b"".join(lines)), 0.0)


@pytest.fixture
def copy() -> StandbyCopy:
    """A copy that was loaded up to 1, where the active's clock said 1001."""
    made = StandbyCopy()
    made.load(snapshot(LOG, 1, lines_of({"s1": 1001.0}), OFFSET_S), OFFSET_S, NOW)
    return made


def test_stamps_of_the_active_become_instants_of_this_process(copy: StandbyCopy) -> None:
    copy.take(LOG, entry(2, server_line("s2", 1002.0)), OFFSET_S)
    assert known_of(copy.found) == {"s1": 0.5, "s2": 1.5}


def test_each_entry_is_shifted_by_what_is_known_of_the_clocks_when_it_comes(
    copy: StandbyCopy,
) -> None:
    copy.take(LOG, entry(2, server_line("s2", 1002.0)), OFFSET_S - 0.25)
    assert known_of(copy.found) == {"s1": 0.5, "s2": 1.25}


def test_an_entry_that_comes_twice_or_late_changes_nothing(copy: StandbyCopy) -> None:
    old, new = entry(2, server_line("s1", 1002.0)), entry(3, server_line("s1", 1003.0))
    for intent in (old, new, old, new, old):
        assert copy.take(LOG, intent, OFFSET_S)
    assert (copy.applied, known_of(copy.found)) == (3, {"s1": 2.5})


def test_nothing_is_applied_beyond_a_gap(copy: StandbyCopy) -> None:
    assert copy.take(LOG, entry(3, server_line("s3", 1003.0)), OFFSET_S)
    assert (copy.applied, "s3" in known_of(copy.found)) == (1, False)
    copy.take(LOG, entry(2, server_line("s2", 1002.0)), OFFSET_S)
    assert (copy.applied, known_of(copy.found)) == (3, {"s1": 0.5, "s2": 1.5, "s3": 2.5})


def test_an_entry_in_parts_counts_when_the_last_has_come(copy: StandbyCopy) -> None:
    lines = b"".join(server_line(f"s{n}-{n * 7919 % 10007}", 1001.0 + n) for n in range(400))
    bodies = split(packed(lines))
    assert len(bodies) > 2
    intents = [Intent(2, n, len(bodies), body, 0.0) for n, body in enumerate(bodies)]
    for intent in intents[::-1][:-1]:
        copy.take(LOG, intent, OFFSET_S)
    assert copy.applied == 1
    copy.take(LOG, intents[0], OFFSET_S)
    assert copy.applied == 2
    assert len(copy.found.servers) == 401


def test_entries_of_another_log_are_not_acknowledged(copy: StandbyCopy) -> None:
    assert not copy.take(ANOTHER, entry(2, server_line("s2", 1002.0)), OFFSET_S)
    assert copy.applied == 1


@pytest.mark.parametrize("line", NO_RECORDS, ids=range(len(NO_RECORDS)))
def test_an_entry_that_cannot_be_read_leaves_everything_as_it_was(
    copy: StandbyCopy, line: bytes
) -> None:
    with pytest.raises(DamagedEntryError):
        copy.take(LOG, entry(2, server_line("s2", 1002.0), line), OFFSET_S)
    assert (copy.applied, known_of(copy.found)) == (1, {"s1": 0.5})
    with pytest.raises(DamagedEntryError):  # it comes again, as it does
        copy.take(LOG, entry(2, line), OFFSET_S)
    copy.load(snapshot(LOG, 2, lines_of({"s9": 1009.0}), OFFSET_S), OFFSET_S, NOW)
    assert (copy.applied, known_of(copy.found)) == (2, {"s9": 8.5})


def test_one_of_several_that_cannot_be_read_keeps_all_of_them_away(copy: StandbyCopy) -> None:
    copy.take(LOG, entry(3, b"nonsense"), OFFSET_S)
    with pytest.raises(DamagedEntryError):
        copy.take(LOG, entry(2, server_line("s2", 1002.0)), OFFSET_S)
    assert (copy.applied, known_of(copy.found)) == (1, {"s1": 0.5})


def test_an_entry_that_is_cut_off_or_endless_is_no_entry(copy: StandbyCopy) -> None:
    whole = packed(server_line("s2", 1002.0))
    bomb = zlib.compress(b"\n" * (UNPACKED_MAX + 1))
    for body in (b"", b"x", whole[:-1], bomb):
        parts = split(body)
        *intents, last = (Intent(2, n, len(parts), one, 0.0) for n, one in enumerate(parts))
        fresh = StandbyCopy()
        fresh.load(snapshot(LOG, 1, b""), 0.0, NOW)
        for intent in intents:
            fresh.take(LOG, intent, 0.0)
        with pytest.raises(DamagedEntryError):
            fresh.take(LOG, last, 0.0)
        assert fresh.applied == 1


def test_a_full_sync_that_cannot_be_read_leaves_the_copy_of_before(copy: StandbyCopy) -> None:
    for log in (LOG, ANOTHER):
        with pytest.raises(DamagedEntryError):
            copy.load(
                snapshot(log, 9, server_line("s2", 1.0) + b"nonsense", OFFSET_S), OFFSET_S, NOW
            )
        assert (copy.log, copy.applied, known_of(copy.found)) == (LOG, 1, {"s1": 0.5})


def test_a_full_sync_of_the_same_log_keeps_what_came_meanwhile(copy: StandbyCopy) -> None:
    copy.take(LOG, entry(4, server_line("s4", 1004.0)), OFFSET_S)
    copy.take(LOG, entry(2, server_line("s2", 1002.0)), OFFSET_S)
    copy.load(snapshot(LOG, 3, lines_of({"s3": 1003.0}), OFFSET_S), OFFSET_S, NOW)
    assert (copy.applied, known_of(copy.found)) == (4, {"s3": 2.5, "s4": 3.5})


def test_a_full_sync_that_is_behind_the_copy_takes_nothing_back(copy: StandbyCopy) -> None:
    copy.take(LOG, entry(2, server_line("s2", 1002.0)), OFFSET_S)
    copy.load(snapshot(LOG, 1, lines_of({"s1": 900.0}), OFFSET_S), OFFSET_S, NOW)
    assert (copy.applied, known_of(copy.found)) == (2, {"s1": 0.5, "s2": 1.5})


def test_a_full_sync_of_another_log_begins_anew(copy: StandbyCopy) -> None:
    copy.take(LOG, entry(3, server_line("s3", 1003.0)), OFFSET_S)
    copy.load(snapshot(ANOTHER, 2, lines_of({"s7": 1007.0}), OFFSET_S), OFFSET_S, NOW)
    assert (copy.log, copy.applied, known_of(copy.found)) == (ANOTHER, 2, {"s7": 6.5})


def test_it_is_exact_until_its_last_beat_is_as_old_as_the_gate(copy: StandbyCopy) -> None:
    assert not copy.is_exact(NOW)
    copy.hear(LOG, BEAT, Instant(NOW + 1.0))
    assert copy.is_exact(Instant(NOW + 2.0))
    assert not copy.is_exact(Instant(NOW + 1.0 + TIMES.gate_s))


@pytest.mark.parametrize(
    "beat",
    [
        replace(BEAT, replica=Replica(LOG, announced=2)),
        replace(BEAT, replica=Replica(LOG, announced=1, synchronised=False)),
    ],
)
def test_a_beat_that_announces_more_or_calls_it_unsynchronised_makes_it_conservative(
    copy: StandbyCopy, beat: Beat
) -> None:
    copy.hear(LOG, BEAT, Instant(NOW + 1.0))
    copy.hear(LOG, beat, Instant(NOW + 1.2))
    assert not copy.is_exact(Instant(NOW + 2.0))


def test_a_beat_that_left_before_the_copy_had_begun_does_not_count(copy: StandbyCopy) -> None:
    copy.hear(LOG, BEAT, Instant(NOW - 0.1))
    assert not copy.is_exact(NOW)
    copy.hear(LOG, BEAT, None)
    assert not copy.is_exact(NOW)


def test_what_cannot_be_read_is_missing_as_soon_as_it_is_announced(copy: StandbyCopy) -> None:
    with pytest.raises(DamagedEntryError):
        copy.take(LOG, entry(2, b"nonsense"), OFFSET_S)
    copy.hear(LOG, replace(BEAT, replica=Replica(LOG, announced=2)), Instant(NOW + 1.0))
    assert not copy.is_exact(Instant(NOW + 2.0))


@given(st.binary(max_size=200), st.booleans())
def test_whatever_comes_is_applied_whole_or_not_at_all(body: bytes, packs: bool) -> None:
    made = StandbyCopy()
    made.load(snapshot(LOG, 1, lines_of({"s1": 1.0})), 0.0, NOW)
    try:
        made.take(LOG, Intent(2, 0, 1, packed(body) if packs else body, 0.0), 0.0)
    except DamagedEntryError:
        assert (made.applied, known_of(made.found)) == (1, {"s1": 1.0})
    else:
        assert made.applied == 2


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.sampled_from(["server", "system", "asked"]), Json, st.floats(-1e9, 1e9))
def test_a_row_of_any_shape_is_a_record_or_damage(kind: str, row: object, offset_s: float) -> None:
    made = StandbyCopy()
    made.load(snapshot(LOG, 1, b""), 0.0, NOW)
    line = json.dumps({kind: row}).encode()
    try:
        made.take(LOG, entry(2, line), offset_s)
    except DamagedEntryError:
        assert made.applied == 1
