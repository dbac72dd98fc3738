"""What goes on when, and whom the active waits for."""

from dataclasses import replace
from itertools import pairwise

import pytest

from haconn.core.beat import NOBODY, PairSession
from haconn.core.gate import (
    RESEND_MAX,
    Alone,
    CalledOff,
    Gate,
    InStep,
    acknowledged,
    append,
    beat_sent,
    begin_sync,
    drop_sync,
    end_sync,
    followed_by,
    heard,
    next_due,
    resend,
    tick,
)
from tests.core.parts import at

LOG = PairSession(b"the active's log")
STANDBY = PairSession(b"who follows that")
ANOTHER = PairSession(b"its next process")
BEGUN = at(100.0)


def in_step(room: int = 8) -> Gate:
    """A gate whose standby has just had a full sync of an empty log."""
    gate, _ = followed_by(Gate(LOG, room=room), STANDBY, BEGUN)
    return end_sync(begin_sync(gate), STANDBY, 0, BEGUN)[0]


def waiting(*instants: float) -> Gate:
    """In step, and an entry at each of these instants; the token is ten times its index."""
    gate = in_step()
    for index, instant in enumerate(instants, start=1):
        gate, going = append(gate, (10 * index,), at(instant))
        assert going == ()
    return gate


def called_off(first_beat: float | None) -> Gate:
    """An entry of 100.0 is not acknowledged at 100.5."""
    gate, _ = tick(waiting(100.0), at(100.5))
    return gate if first_beat is None else beat_sent(gate, at(first_beat))


def passed_over() -> Gate:
    """Nobody is waited for since 104.5."""
    return tick(called_off(100.5), at(104.5))[0]


def test_without_a_standby_nothing_waits_and_nothing_is_kept() -> None:
    gate, going = append(Gate(LOG), (7, 8), at(1.0))
    assert going == (7, 8)
    assert gate == Gate(LOG, index=1, lost=1, resend_at=at(1.1))
    assert (gate.kept_from, gate.sends, next_due(gate)) == (2, (), None)
    assert gate.calls_unsynchronised
    assert not gate.wants_sync


def test_one_that_follows_is_not_waited_for_before_its_full_sync() -> None:
    gate, _ = followed_by(Gate(LOG), STANDBY, BEGUN)
    assert gate.wants_sync
    assert append(gate, (7,), BEGUN)[1] == (7,)
    syncing = begin_sync(gate)
    assert not syncing.wants_sync
    assert append(syncing, (7,), BEGUN)[1] == (7,)
    assert drop_sync(syncing).wants_sync


def test_a_standby_in_step_is_waited_for_until_it_acknowledges() -> None:
    gate = waiting(100.0, 100.1, 100.2)
    assert (gate.sends, gate.kept_from) == ((1, 2, 3), 1)
    assert not gate.calls_unsynchronised
    assert not gate.wants_sync
    gate, going = acknowledged(gate, LOG, 2, at(100.3))
    assert going == (10, 20)
    assert (gate.sends, gate.kept_from) == ((3,), 3)
    gate, going = acknowledged(gate, LOG, 2, at(100.3))
    assert going == ()
    gate, going = acknowledged(gate, LOG, 3, at(100.3))
    assert going == (30,)
    assert gate.kept_from == 4


def test_all_that_waits_for_one_entry_goes_with_it() -> None:
    gate, _ = append(in_step(), (5, 6), at(100.0))
    gate, _ = append(gate, (), at(100.0))
    assert acknowledged(gate, LOG, 2, at(100.0))[1] == (5, 6)


def test_what_is_said_of_another_log_or_of_more_than_was_written_says_nothing() -> None:
    gate = waiting(100.0)
    assert acknowledged(gate, ANOTHER, 1, at(100.1)) == (gate, ())
    assert acknowledged(gate, LOG, 2, at(100.1)) == (gate, ())


def test_a_clock_that_is_read_late_is_read_with_any_word() -> None:
    gate = called_off(100.6)
    assert acknowledged(gate, ANOTHER, 1, at(104.0))[1] == (10,)
    assert followed_by(gate, STANDBY, at(104.0))[1] == (10,)
    assert end_sync(gate, STANDBY, 0, at(104.0))[1] == (10,)


def test_nothing_waits_longer_than_the_gate_whether_the_standby_is_heard_or_not() -> None:
    gate = waiting(100.0, 101.0)
    for tenth in range(1, 40):
        gate = heard(gate, at(100.0 + tenth / 10))
        gate, going = tick(gate, at(100.0 + tenth / 10))
        assert going == ()
    gate, going = tick(gate, at(104.0))
    assert going == (10,)
    assert gate.sends == (1, 2)  # the standby is to have it all the same
    gate, going = tick(gate, at(104.9))
    assert going == ()
    assert tick(gate, at(105.0))[1] == (20,)


def test_an_acknowledgement_at_the_deadline_lets_go_once() -> None:
    gate = called_off(None)
    first, going = acknowledged(gate, LOG, 1, at(104.0))
    assert going == (10,)
    assert tick(first, at(104.0))[1] == ()
    second, going = tick(gate, at(104.0))
    assert going == (10,)
    assert acknowledged(second, LOG, 1, at(104.0))[1] == ()


@pytest.mark.parametrize("last", [0.0, 0.7])
def test_a_standby_that_is_silent_for_dead_s_is_called_unsynchronised(last: float) -> None:
    gate = heard(in_step(), at(100.0 + last))
    assert next_due(gate) == 101.5 + last
    assert not tick(gate, at(101.4 + last))[0].calls_unsynchronised
    silent = tick(gate, at(101.5 + last))[0]
    assert silent.standing == CalledOff()
    assert silent.wants_sync
    assert heard(silent, at(103.0)) == silent  # hearing it again is not a full sync


def test_one_that_leaves_an_entry_unacknowledged_for_half_a_second_is_too() -> None:
    gate = heard(waiting(100.0, 100.3), at(100.4))
    assert next_due(resend(gate, at(100.4))[0]) == 100.5
    assert not tick(gate, at(100.4))[0].calls_unsynchronised
    assert tick(gate, at(100.5))[0].standing == CalledOff()
    gate, _ = acknowledged(gate, LOG, 1, at(100.5))
    assert not tick(gate, at(100.7))[0].calls_unsynchronised
    assert tick(gate, at(100.8))[0].standing == CalledOff()
    late, _ = acknowledged(called_off(None), LOG, 1, at(100.6))
    assert late.standing == CalledOff()  # acknowledging late is not a full sync


def test_what_was_written_during_the_full_sync_is_owed_from_its_end_on() -> None:
    gate, _ = followed_by(Gate(LOG), STANDBY, at(90.0))
    gate, _ = append(begin_sync(gate), (10,), at(99.95))
    assert gate.sends == ()
    gate, _ = end_sync(gate, STANDBY, 0, at(100.0))
    assert gate.standing == InStep(at(100.0), at(100.0))
    assert resend(gate, at(100.0))[1] == (1,)
    assert not tick(gate, at(100.4))[0].calls_unsynchronised
    assert tick(gate, at(100.5))[0].calls_unsynchronised


def test_from_four_seconds_after_the_first_heartbeat_that_says_so_nobody_is_waited_for() -> None:
    gate = called_off(100.6)
    gate = beat_sent(gate, at(100.8))  # the first counts
    gate, going = append(gate, (20,), at(103.0))
    assert going == ()
    assert next_due(resend(gate, at(103.0))[0]) == 103.1
    gate, going = tick(gate, at(104.0))
    assert going == (10,)
    assert next_due(resend(gate, at(104.55))[0]) == 104.6
    gate, going = tick(gate, at(104.6))
    assert going == (20,)
    assert (gate.standing, gate.sends, gate.kept_from) == (Alone(), (), 3)
    assert gate.calls_unsynchronised
    assert append(gate, (30,), at(104.7))[1] == (30,)


def test_as_long_as_no_heartbeat_has_left_each_waits_for_itself() -> None:
    gate = replace(called_off(None), resend_at=at(200.0))
    assert next_due(gate) == 104.0
    gate, going = append(gate, (20,), at(110.0))
    assert going == (10,)
    gate, going = tick(gate, at(113.9))
    assert going == ()
    assert tick(gate, at(114.0))[1] == (20,)


def test_a_heartbeat_that_calls_the_standby_synchronised_begins_nothing() -> None:
    gate = in_step()
    assert beat_sent(gate, at(100.2)) == gate
    assert beat_sent(Gate(LOG), at(100.2)) == Gate(LOG)
    assert heard(Gate(LOG), at(100.2)) == Gate(LOG)


def test_a_full_sync_lets_go_what_it_carries_and_waits_for_the_rest() -> None:
    gate, _ = append(begin_sync(called_off(100.6)), (20,), at(101.0))
    gate, going = end_sync(gate, STANDBY, 1, at(101.2))
    assert going == (10,)
    assert (gate.standing, gate.sends) == (InStep(at(101.2), at(101.2)), (2,))
    assert acknowledged(gate, LOG, 2, at(101.3))[1] == (20,)
    assert not gate.wants_sync


def test_what_is_written_while_one_that_is_passed_over_has_its_full_sync_is_kept_for_it() -> None:
    gate, going = append(begin_sync(passed_over()), (20,), at(105.0))
    assert going == (20,)
    assert (gate.kept_from, gate.sends) == (2, ())
    gate, going = end_sync(gate, STANDBY, 1, at(105.1))
    assert going == ()
    assert gate.sends == (2,)
    dropped = drop_sync(begin_sync(passed_over()))
    assert append(dropped, (20,), at(105.0))[0].kept_from == 3


def test_the_gate_may_pass_while_the_full_sync_is_under_way() -> None:
    gate = begin_sync(called_off(100.6))
    gate, _ = append(gate, (20,), at(101.0))
    gate, going = tick(gate, at(104.6))
    assert going == (10, 20)
    assert (gate.kept_from, gate.sends) == (2, ())
    gate, _ = end_sync(gate, STANDBY, 1, at(105.0))
    assert gate.sends == (2,)


def test_a_full_sync_of_a_process_that_has_ended_or_of_another_time_does_not_count() -> None:
    gate, _ = followed_by(called_off(100.6), ANOTHER, at(101.0))
    syncing = begin_sync(gate)
    assert end_sync(syncing, STANDBY, 1, at(101.2)) == (syncing, ())
    assert end_sync(syncing, ANOTHER, 0, at(101.2)) == (syncing, ())
    assert end_sync(drop_sync(syncing), ANOTHER, 1, at(101.2)) == (drop_sync(syncing), ())
    assert end_sync(syncing, ANOTHER, 1, at(101.2))[0].standing == InStep(at(101.2), at(101.2))


@pytest.mark.parametrize("word", [NOBODY, ANOTHER])
def test_the_standbys_own_word_ends_the_waiting_at_once(word: PairSession) -> None:
    gate, going = followed_by(begin_sync(waiting(100.0, 100.1)), word, at(100.2))
    assert going == (10, 20)
    assert (gate.standing, gate.standby, gate.snapshot) == (Alone(), word, None)
    assert gate.wants_sync is (word == ANOTHER)
    assert append(gate, (30,), at(100.3))[1] == (30,)


def test_a_standby_that_says_again_that_it_follows_changes_nothing() -> None:
    gate = waiting(100.0)
    assert followed_by(gate, STANDBY, at(100.1)) == (gate, ())


def test_what_is_unacknowledged_is_sent_again_each_100_ms() -> None:
    gate = waiting(100.0, 100.05)
    assert resend(gate, at(100.05)) == (gate, ())
    assert next_due(gate) == 100.1
    gate, again = resend(gate, at(100.1))
    assert again == (1, 2)
    assert resend(gate, at(100.15)) == (gate, ())
    gate, _ = acknowledged(gate, LOG, 1, at(100.2))
    gate, again = resend(gate, at(100.2))
    assert again == (2,)
    gate, _ = acknowledged(gate, LOG, 2, at(100.3))
    assert resend(gate, at(100.3)) == (gate, ())
    assert next_due(gate) == 101.5


def test_only_so_many_are_sent_again_at_once_the_oldest() -> None:
    gate = in_step(room=2 * RESEND_MAX)
    for _ in range(RESEND_MAX + 3):
        gate, _ = append(gate, (), at(100.0))
    assert resend(gate, at(100.1))[1] == tuple(range(1, RESEND_MAX + 1))


def test_a_log_beyond_its_room_is_not_kept_and_only_a_full_sync_helps() -> None:
    gate = in_step(room=2)
    for index in (1, 2):
        gate, _ = append(gate, (10 * index,), at(100.0))
    assert not gate.calls_unsynchronised
    gate, going = append(gate, (30,), at(100.1))
    assert going == ()
    assert (gate.standing, gate.sends, gate.kept_from) == (CalledOff(), (), 4)
    assert gate.wants_sync
    assert next_due(gate) == 104.0
    gate, _ = append(gate, (40,), at(100.2))
    assert gate.sends == (4,)
    assert tick(gate, at(104.0))[1] == (10, 20)
    assert acknowledged(gate, LOG, 3, at(100.3))[1] == (10, 20, 30)
    gate, going = end_sync(begin_sync(gate), STANDBY, 4, at(100.4))
    assert going == (10, 20, 30, 40)
    assert gate.standing == InStep(at(100.4), at(100.4))


def test_an_entry_that_is_too_long_to_be_sent_is_as_a_log_beyond_its_room() -> None:
    gate, going = append(in_step(), (10,), at(100.0), sendable=False)
    assert going == ()
    assert (gate.standing, gate.sends, gate.kept_from) == (CalledOff(), (), 2)
    assert tick(gate, at(104.0))[1] == (10,)


def test_a_first_heartbeat_counts_on_when_the_log_is_beyond_its_room() -> None:
    gate, _ = append(called_off(100.6), (20,), at(101.0), sendable=False)
    assert gate.standing == CalledOff(at(100.6))


def test_a_log_that_outgrows_the_full_sync_under_way_wants_another() -> None:
    gate, _ = followed_by(Gate(LOG, room=2), STANDBY, at(100.0))
    gate = begin_sync(gate)
    for _ in range(2):
        gate, _ = append(gate, (), at(100.0))
        assert not gate.wants_sync
    gate, _ = append(gate, (), at(100.0))
    assert gate.wants_sync
    assert end_sync(gate, STANDBY, 0, at(100.1)) == (gate, ())
    assert (gate.kept_from, gate.standing) == (4, Alone())


def test_tokens_come_in_the_order_in_which_they_were_given() -> None:
    gate = begin_sync(called_off(100.6))
    for index in (2, 3):
        gate, _ = append(gate, (10 * index,), at(100.0 + index))
    _, going = acknowledged(gate, LOG, 1, at(104.6))
    assert going == (10, 20, 30)
    assert all(first < second for first, second in pairwise(going))
