"""What of the peer's words counts, and who is echoed."""

from dataclasses import replace

from haconn.core.beat import (
    NOBODY,
    Echo,
    Path,
    StoppedHeard,
)
from haconn.core.hearing import (
    ASKED_MAX,
    BYGONE_KEPT,
    COPY_WITHIN,
    NOTHING,
    Judged,
    next_seq,
    probe_due,
)
from haconn.core.pair_times import TIMES
from tests.core.hearing_parts import ANSWER, STRANGE, TRUSTED, Ear, trusting
from tests.core.pair_parts import ME, NEXT, PEER, at, beat, old_session


def test_nobody_is_trusted_for_what_it_says_first() -> None:
    ear = Ear()
    assert ear.beat(1) == STRANGE
    assert ear.hearing.trusted is None
    assert ear.hearing.heard_at is None


def test_trust_needs_an_echo_of_something_sent_after_the_session_was_first_heard() -> None:
    ear = Ear()
    for _ in range(5):
        ear.send()
    assert ear.beat(1, 5) == STRANGE  # that was sent before, and may be a recording's
    assert ear.beat(2, 5) == STRANGE
    ear.send()
    assert ear.beat(3, 6) == TRUSTED
    assert ear.hearing.trusted == PEER


def test_an_echo_that_is_later_than_needed_is_trusted_too() -> None:
    ear = Ear()
    ear.beat(1)
    ear.send()
    ear.send()
    assert ear.beat(2, 2) == TRUSTED


def test_an_echo_of_another_process_of_ours_is_none() -> None:
    ear = Ear()
    ear.beat(1)
    ear.send()
    assert ear.take(2, beat(echo=Echo(NEXT, 1))) == STRANGE
    assert ear.beat(3, 1) == TRUSTED
    assert ear.take(4, beat(echo=Echo(NEXT, 9))) == Judged(new=True)


def test_only_a_beat_proves_that_its_session_lives() -> None:
    ear = Ear()
    ear.beat(1)
    ear.send()
    assert ear.take(2, StoppedHeard()) == STRANGE
    assert ear.hearing.trusted is None


def test_a_session_is_trusted_on_the_path_that_brought_the_proof() -> None:
    ear = Ear()
    ear.beat(1, path=Path.DUPLEX)
    ear.send()
    ear.beat(2, 1, path=Path.RESET, now=3.0)
    assert ear.hearing.heard_on(at(3.0), TIMES) == {Path.RESET}


def test_a_late_word_of_the_trusted_session_is_no_answer_once_another_has_spoken() -> None:
    ear = trusting()
    ear.send()
    assert ear.beat(1, session=NEXT) == STRANGE
    assert ear.beat(3, 2) == Judged(new=True)  # it may be the last word of an ended process
    ear.send()
    assert ear.beat(4, 3) == ANSWER
    assert ear.beat(2, session=NEXT) == STRANGE
    assert ear.beat(5, 3) == ANSWER


def test_nobody_is_trusted_for_what_it_said_before_another_spoke() -> None:
    ear = Ear()
    ear.beat(1)
    ear.send()
    ear.beat(1, session=NEXT)
    assert ear.beat(2, 1) == STRANGE
    ear.send()
    assert ear.beat(3, 2) == TRUSTED


def test_numbers_only_go_up() -> None:
    ear = trusting()
    assert ear.beat(2, 1) == Judged()
    assert ear.beat(1, 1) == Judged()
    assert ear.beat(9, 1) == ANSWER
    assert ear.beat(8, 1) == Judged()
    assert ear.beat(10, 1) == ANSWER


def test_numbers_go_up_in_sessions_that_are_not_trusted_too() -> None:
    ear = trusting()
    ear.beat(1, session=NEXT, now=1.0)
    assert ear.beat(1, session=NEXT, now=2.0) == Judged()
    assert ear.hearing.spoken_at == 1.0
    assert ear.beat(2, session=NEXT, now=3.0) == STRANGE
    assert ear.hearing.spoken_at == 3.0


def test_a_copy_on_another_path_counts_for_that_path_and_is_not_heard_twice() -> None:
    ear = trusting()
    assert ear.beat(3, 1, now=1.0) == ANSWER
    assert ear.beat(3, 1, path=Path.MANAGEMENT, now=1.5) == Judged()
    assert ear.hearing.heard_at == 1.0
    assert ear.hearing.heard_on(at(2.4), TIMES) == {Path.DUPLEX, Path.MANAGEMENT}
    assert ear.hearing.heard_on(at(2.6), TIMES) == {Path.MANAGEMENT}
    assert ear.hearing.offsets == (0.0, 1.0)


def test_what_is_older_than_any_copy_counts_for_no_path() -> None:
    ear = trusting()
    ear.beat(100 + COPY_WITHIN, 1)
    ear.beat(100, 1, path=Path.RESET)
    assert ear.hearing.hears(Path.RESET, at(0.0), TIMES) is None
    ear.beat(101, 1, path=Path.RESET)
    assert ear.hearing.hears(Path.RESET, at(1.4), TIMES) is True
    assert ear.hearing.hears(Path.RESET, at(1.5), TIMES) is False


def test_a_new_process_of_the_peer_supersedes_the_old_one() -> None:
    ear = trusting()
    for seq in range(3, 8):
        ear.beat(seq, 1, clock=-50.0)
    assert ear.beat(1, 1, NEXT) == STRANGE
    assert ear.hearing.trusted == PEER
    assert ear.hearing.offset_s == 0.0
    ear.send()
    assert ear.beat(2, 2, NEXT, now=5.0, clock=2.0) == TRUSTED
    assert ear.hearing.trusted == NEXT
    assert ear.hearing.last == 2
    assert ear.hearing.offsets == (3.0,)


def test_a_session_that_was_superseded_is_never_heard_again() -> None:
    ear = trusting()
    ear.beat(1, session=NEXT)
    ear.send()
    ear.beat(2, 2, NEXT, now=1.0)
    before = ear.hearing
    for seq in range(3, 9):
        assert ear.beat(seq, ear.send(), PEER, now=2.0) == Judged()
    assert ear.hearing.trusted == NEXT
    assert ear.hearing.spoken_at == 1.0
    assert ear.hearing.paths == before.paths
    assert all(one.session != PEER for one in ear.hearing.unechoed)


def test_so_many_ended_sessions_are_known_as_such_and_no_more() -> None:
    ear = Ear()
    for number in range(1, BYGONE_KEPT + 4):
        ear.beat(1, session=old_session(number))
        assert ear.beat(2, ear.send(), old_session(number)) == TRUSTED
    assert len(ear.hearing.bygone) == BYGONE_KEPT
    assert ear.hearing.bygone[0] == old_session(3)
    assert ear.hearing.bygone[-1] == old_session(BYGONE_KEPT + 2)


def recordings(ear: Ear, count: int, seq: int, now: float) -> None:
    """Of so many old sessions a beat is played, each of which echoes what an old process sent."""
    for number in range(1, count + 1):
        echo = Echo(old_session(99), 1000 + seq)
        ear.take(seq, beat(echo=echo), old_session(number), now=now)


def test_a_recording_is_never_trusted_and_keeps_no_dead_peer_alive() -> None:
    ear = trusting()
    for seq in range(1, 50):
        ear.send(0.1 * seq)
        recordings(ear, 8, seq, 0.1 * seq)
        ear.beat(2, 1, now=0.1 * seq)  # the last word of the peer that is dead by now
    assert ear.hearing.trusted == PEER
    assert ear.hearing.silent_for(at(5.0)) == 5.0
    assert probe_due(ear.hearing, at(5.0), TIMES)


def test_a_recording_is_noticed_once() -> None:
    ear = trusting()
    recordings(ear, 8, 1, 1.0)
    for _ in range(9):
        recordings(ear, 8, 1, 2.0)
    assert ear.hearing.alone_for(at(3.0)) == 2.0


def test_recordings_of_eight_sessions_do_not_keep_a_living_one_from_being_trusted() -> None:
    ear = trusting()
    for seq in range(1, 4):
        recordings(ear, 8, seq, 1.0)
        judged = ear.beat(seq, ear.hearing.sent, NEXT, now=1.0)
        ear.send()
    assert len(ear.hearing.asked) == 8
    assert ear.hearing.trusted == NEXT
    assert judged == ANSWER


def test_a_ninth_recording_costs_the_oldest_its_place() -> None:
    ear = Ear()
    recordings(ear, ASKED_MAX + 1, 1, 1.0)
    assert [one.session for one in ear.hearing.asked] == [
        old_session(number) for number in range(2, ASKED_MAX + 2)
    ]


def test_everybody_who_speaks_is_echoed_in_turn() -> None:
    ear = trusting()
    ear.send()
    assert ear.hearing.echoed == Echo(PEER, 2)
    recordings(ear, 8, 1, 1.0)
    ear.beat(3, 1)
    recordings(ear, 8, 2, 1.0)
    ear.beat(4, 1)
    echoes = []
    for _ in range(9):
        ear.send()
        echoes.append(ear.hearing.echoed)
    assert echoes == [*(Echo(old_session(number), 2) for number in range(1, 9)), Echo(PEER, 4)]


def test_what_was_echoed_last_is_echoed_again_until_somebody_speaks() -> None:
    ear = Ear()
    ear.send()
    assert ear.hearing.echoed == NOTHING == Echo(NOBODY, 0)
    ear.beat(1)
    for _ in range(3):
        ear.send()
        assert ear.hearing.echoed == Echo(PEER, 1)


def test_no_more_wait_for_their_echo_than_there_is_room_for() -> None:
    ear = trusting()
    recordings(ear, 60, 1, 1.0)
    assert len(ear.hearing.unechoed) == ASKED_MAX + 1


def test_a_dead_session_waits_for_no_echo() -> None:
    ear = trusting()
    ear.beat(3, 1)
    ear.beat(1, session=NEXT)
    ear.hearing = next_seq(ear.hearing, at(0.0))
    ear.beat(2, 2, NEXT)
    assert ear.hearing.unechoed == (Echo(NEXT, 2),)


def test_what_the_peer_says_that_it_hears_is_of_its_last_beat() -> None:
    ear = trusting()
    assert ear.hearing.hears_us == {Path.DUPLEX}
    ear.take(3, replace(beat(echo=Echo(ME, 1)), hearing=frozenset({Path.RESET})))
    assert ear.hearing.hears_us == {Path.RESET}
    ear.take(4, StoppedHeard())
    assert ear.hearing.hears_us == {Path.RESET}
