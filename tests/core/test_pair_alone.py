"""Who starts alone, what an orderly stop leaves behind, and the operator's word."""

import pytest

from haconn.core.beat import Claim, Echo, PairRole, PairSession, Stopped, StoppedHeard
from haconn.core.model import Power
from haconn.core.pair import knows_peer, refusal
from haconn.core.pair_state import Fenced, Keep, PeerIsOff, TakeOver
from haconn.core.role import DeleteRecord, Proof
from tests.core.pair_parts import (
    ACTIVE,
    FOLLOWING,
    JOINING,
    ME,
    NEXT,
    PEER,
    Scene,
    active,
    at,
    beat,
    of,
    old_session,
    remarks,
    standby,
)

STOP = Echo(PEER, 40)


def test_a_lone_server_with_a_record_waits_for_its_boot_wait_and_becomes_active() -> None:
    scene = Scene(record=STOP, epoch=6)
    scene.until(9.7)
    assert scene.role is PairRole.JOIN
    scene.until(10.3)
    assert [one for _, one in scene.done if isinstance(one, TakeOver)] == [
        TakeOver(7, Proof.STOPPED)
    ]
    assert scene.times(TakeOver) == [pytest.approx(10.1, abs=0.11)]


def test_a_lone_server_without_a_record_waits_until_its_peer_reads_off() -> None:
    scene = Scene()
    scene.reads(Power.OFF, 3.0, 4.0)
    scene.reads(Power.ON, 5.0)
    scene.until(30.0)
    assert scene.role is PairRole.JOIN
    scene.reads(Power.OFF, 30.1, 30.4)
    scene.until(31.0)
    assert scene.role is PairRole.JOIN
    scene.reads(Power.OFF, 31.1)
    scene.until(31.4)
    assert [one for _, one in scene.done if isinstance(one, TakeOver)] == [
        TakeOver(1, Proof.POWER_OFF)
    ]


def test_a_peer_that_reads_off_during_the_boot_wait_is_waited_for_all_the_same() -> None:
    scene = Scene()
    for second in range(1, 12):
        scene.reads(Power.OFF, float(second))
    assert scene.times(TakeOver) == [pytest.approx(10.1, abs=0.11)]


def test_a_voice_restarts_the_boot_wait_whoever_it_is_of() -> None:
    scene = Scene(record=STOP)
    scene.says(beat(), 8.0, seq=39)
    scene.until(18.3)
    assert scene.times(TakeOver) == [pytest.approx(18.1, abs=0.11)]


def test_recordings_that_run_in_circles_delay_a_lone_start_once() -> None:
    scene = Scene(record=STOP)
    for second in range(1, 14):
        scene.says(beat(), float(second), seq=39)
    assert scene.times(TakeOver) == [pytest.approx(11.1, abs=0.11)]


def test_a_record_that_was_loaded_stays_when_what_was_said_before_is_heard() -> None:
    scene = Scene(record=STOP)
    assert scene.pair.member.stopped
    for seq in (1, 39, 40):
        assert scene.says(beat(), 1.0, seq=seq) == []
    assert scene.pair.record == STOP
    assert scene.pair.member.stopped


@pytest.mark.parametrize(("session", "seq"), [(PEER, 41), (NEXT, 1)])
def test_a_record_is_deleted_by_a_later_number_or_by_another_session(
    session: PairSession, seq: int
) -> None:
    scene = Scene(record=STOP)
    actions = scene.says(beat(), 1.0, session, seq=seq)
    assert of(DeleteRecord, actions) == [DeleteRecord()]
    assert scene.pair.record is None
    scene.until(30.0)
    assert scene.role is PairRole.JOIN


def test_a_stop_in_order_is_put_on_record_and_taken_for_proof() -> None:
    scene = standby()
    actions = scene.says(Stopped(), 10.1)
    stop = Echo(PEER, scene.pair.hearing.last)
    assert of(Keep, actions) == [Keep(stop)]
    assert of(TakeOver, actions) == [TakeOver(8, Proof.STOPPED)]
    assert scene.pair.record == stop


def test_who_has_stopped_can_be_told_nothing() -> None:
    """Who stops right after its peer is the last one, and keeps its record."""
    scene = active()
    assert knows_peer(scene.pair, at(10.1))
    scene.says(Stopped(), 10.1)
    assert not knows_peer(scene.pair, at(10.2))
    scene.says(beat(FOLLOWING), 10.3)
    assert knows_peer(scene.pair, at(10.3))


def test_a_stop_that_is_said_again_is_on_record_with_its_last_number() -> None:
    scene = active()
    for tenth in range(3):
        scene.says(Stopped(), round(10.1 + 0.1 * tenth, 1))
        assert scene.pair.record == Echo(PEER, scene.pair.hearing.last)
        assert scene.pair.member.stopped
    assert scene.role is PairRole.ACTIVE


def test_a_record_stays_when_a_copy_of_the_stop_or_something_older_arrives() -> None:
    scene = active()
    scene.says(Stopped(), 10.1)
    last = scene.pair.hearing.last
    for seq in (last, last - 1, 1):
        assert scene.says(Stopped(), 10.2, seq=seq) == []
        assert scene.says(beat(FOLLOWING), 10.2, seq=seq) == []
    assert scene.pair.record == Echo(PEER, last)


def test_a_record_stays_when_a_recording_of_an_ended_session_is_played() -> None:
    scene = Scene()
    scene.beats(0.0, 0.4, JOINING, old_session(1))
    scene.beats(0.6, 1.0, ACTIVE, PEER)
    scene.says(Stopped(), 1.1)
    assert scene.says(beat(), 1.2, old_session(1)) == []
    assert scene.pair.record is not None


def test_the_next_process_of_the_peer_deletes_the_record() -> None:
    scene = active()
    scene.says(Stopped(), 10.1)
    actions = scene.says(beat(JOINING), 20.0, NEXT)
    assert of(DeleteRecord, actions) == [DeleteRecord()]
    assert scene.pair.record is None
    assert not scene.pair.member.stopped


def test_whatever_else_the_peer_says_after_its_stop_deletes_the_record() -> None:
    scene = active()
    scene.says(Stopped(), 10.1)
    assert of(DeleteRecord, scene.says(StoppedHeard(), 10.2)) == [DeleteRecord()]


def operators_word(scene: Scene, now: float) -> str | None:
    """What it is told, and nothing happens if that is a reason against it."""
    scene.until(now)
    why = refusal(scene.pair, at(now))
    taken = of(TakeOver, scene.take(PeerIsOff(), now))
    assert bool(taken) == (why is None)
    return why


def test_the_operators_word_makes_an_undecided_server_active() -> None:
    scene = Scene(epoch=3)
    assert operators_word(scene, 1.4) == "the peer is heard: it is not off"
    assert operators_word(scene, 1.6) is None
    assert [one for _, one in scene.done if isinstance(one, TakeOver)] == [
        TakeOver(4, Proof.OPERATOR)
    ]


def test_the_operators_word_makes_a_blind_standby_active() -> None:
    scene = standby()
    scene.sees(carrier=False)
    assert operators_word(scene, 11.4) == "the peer is heard: it is not off"
    assert operators_word(scene, 11.6) is None


def test_the_operators_word_is_refused_while_anything_of_the_peer_is_heard() -> None:
    scene = Scene()
    scene.says(beat(), 5.0)
    assert operators_word(scene, 6.4) == "the peer is heard: it is not off"
    assert operators_word(scene, 6.6) is None


def test_the_operators_word_is_refused_while_the_bmc_says_on() -> None:
    scene = Scene()
    scene.reads(Power.ON, 5.0)
    assert operators_word(scene, 6.9) == (
        "the BMC of the peer says that it is on; start its service, or power it off and"
        " wait until its BMC reads off"
    )
    assert operators_word(scene, 7.1) is None


def test_the_operators_word_ends_a_fencing_that_can_prove_nothing() -> None:
    scene = standby()
    scene.sees(others_at=1000.0)
    scene.until(11.6)
    before = scene.pair.attempt
    assert before is not None
    assert operators_word(scene, 11.6) is None
    assert scene.pair.attempt is None
    assert scene.role is PairRole.ACTIVE
    assert [one.end.commanded for _, one in scene.done if isinstance(one, Fenced)] == [True]


def test_the_operators_word_is_refused_by_an_active() -> None:
    assert operators_word(active(), 10.1) == "this management server is active already"


def test_epochs_go_up_from_the_greatest_that_was_heard_of() -> None:
    scene = Scene(epoch=3)
    scene.beats(0.0, 0.6, Claim(PairRole.STANDBY, 20, old_session(9)))
    assert operators_word(scene, 2.6) is None
    assert [one.epoch for _, one in scene.done if isinstance(one, TakeOver)] == [21]
    assert scene.pair.hearing.session == ME


PROMISED = Claim(PairRole.STANDBY, 7, candidate=True)


def promised() -> Scene:
    """A standby of one that has asked for its promise, and was never heard to be active."""
    scene = Scene()
    scene.answers(0.2, JOINING)
    scene.answers(0.4, PROMISED)
    assert scene.role is PairRole.STANDBY
    scene.sees(others_at=1000.0)
    return scene


def test_who_has_promised_and_heard_no_more_does_not_fence() -> None:
    """Its promise may be lost, and the other a standby that fences (D6)."""
    scene = promised()
    scene.reads(Power.ON, *(1.0 + second for second in range(30)))
    assert scene.calls_dead()
    assert remarks(scene, "pair-fencing") == []
    assert scene.role is PairRole.STANDBY


def test_who_has_promised_fences_once_it_has_heard_the_other_be_active() -> None:
    scene = promised()
    scene.beats(0.6, 0.8, Claim(PairRole.ACTIVE, 8))
    scene.until(2.4)
    assert len(remarks(scene, "pair-fencing")) == 1


def test_who_has_promised_takes_over_from_one_that_is_read_off_as_one_that_starts_alone() -> None:
    scene = promised()
    scene.reads(Power.OFF, *(1.0 + second for second in range(11)))
    assert remarks(scene, "pair-fencing") == []
    assert [one for _, one in scene.done if isinstance(one, TakeOver)] == [
        TakeOver(8, Proof.POWER_OFF)
    ]
    assert scene.times(TakeOver) == [pytest.approx(10.4, abs=0.21)]
