"""What a member of a pair makes of its own standing still."""

import pytest

from haconn.core import role, takeover
from haconn.core.actions import Remark
from haconn.core.beat import Claim, Echo, PairRole
from haconn.core.model import Power
from haconn.core.pair_state import (
    Drain,
    Drained,
    PeerIsOff,
    Saw,
    Speak,
    Surroundings,
    TakeOver,
    Tick,
)
from tests.core.pair_parts import (
    ME,
    PEER,
    Scene,
    active,
    at,
    beat,
    of,
    probed,
    stalls,
    standby,
)


def test_a_loop_that_is_a_little_late_has_not_stalled() -> None:
    scene = active()
    scene.until(10.95)
    scene.take(Tick(), 11.29)
    assert stalls(scene) == []
    scene.until(11.5)
    assert scene.calls_dead()


def test_after_a_stall_the_silence_begins_anew() -> None:
    scene = active()
    scene.until(11.0)
    scene.take(Tick(), 11.2 + 0.31)
    assert stalls(scene) == [11.51]
    assert not of(Drain, [action for _, action in scene.done])
    scene.until(13.0)
    assert not scene.calls_dead()
    assert probed(scene)[1:] == [12.51, 12.71, 12.86]
    scene.until(13.01)
    assert scene.calls_dead()


def test_a_stall_is_seen_whatever_comes_first_after_it() -> None:
    scene = active()
    scene.take(Saw(Surroundings()), 10.7)
    assert stalls(scene) == [10.7]
    scene.reads(Power.ON, 11.3)
    scene.take(Saw(Surroundings()), 11.9)
    assert stalls(scene) == [10.7, 11.9]


def test_a_stall_of_one_that_starts_alone_restarts_its_boot_wait() -> None:
    scene = Scene(record=Echo(PEER, 9))
    scene.says(beat(), 2.0, PEER, seq=3)
    scene.take(Tick(), 14.0)
    scene.take(Drained(), 14.0)
    scene.until(23.9)
    assert scene.role is PairRole.JOIN
    scene.until(24.3)
    assert scene.times(TakeOver) == [pytest.approx(24.1, abs=0.11)]


def test_after_a_long_stall_the_sockets_are_emptied_before_anything_is_said() -> None:
    scene = active()
    actions = scene.take(Tick(), 14.0)
    assert [type(action) for action in actions] == [Remark, Drain]
    assert scene.take(Tick(), 14.1) == []
    assert scene.take(Tick(), 16.0) == []
    assert not scene.calls_dead()
    actions = scene.take(Drained(), 16.0)
    assert [type(action) for action in actions] == [Speak]
    assert not scene.calls_dead()
    assert stalls(scene) == [14.0]


def test_who_has_another_active_in_its_sockets_gives_way_before_it_speaks() -> None:
    scene = active()
    actions = scene.take(Tick(), 14.0)
    echo = Echo(ME, scene.pair.hearing.sent)
    actions += scene.says(beat(Claim(PairRole.ACTIVE, 99), echo), 14.0)
    actions += scene.take(Drained(), 14.0)
    kinds = [type(action) for action in actions]
    assert kinds.index(role.Yield) < kinds.index(Speak)


def half_proved() -> Scene:
    """A standby that fences since 11.5, and has read its peer off once, at 11.6."""
    scene = standby()
    scene.until(11.5)
    scene.sent()
    scene.reads(Power.OFF, 11.6)
    assert scene.pair.member.fencing
    return scene


def test_after_a_long_stall_nothing_is_concluded_even_with_a_proof_at_hand() -> None:
    scene = half_proved()
    actions = scene.read(Power.OFF, 12.7)
    assert of(Drain, actions)
    assert scene.read(Power.OFF, 12.8) == []
    assert scene.role is PairRole.STANDBY
    actions = scene.take(Drained(), 12.8)
    assert of(TakeOver, actions) == [TakeOver(8, role.Proof.POWER_OFF)]
    assert scene.pair.rhythm.held == ()


def test_a_proof_is_void_if_the_peer_has_spoken_meanwhile() -> None:
    scene = half_proved()
    scene.read(Power.OFF, 12.7)
    scene.answers(12.8)
    actions = scene.take(Drained(), 12.8)
    assert of(TakeOver, actions) == []
    assert scene.role is PairRole.STANDBY
    assert scene.pair.member.fencing  # a power-off has left: it is to be finished


def test_the_last_look_of_a_cut_waits_for_the_sockets_too() -> None:
    scene = half_proved()
    scene.take(Tick(), 12.7)
    assert scene.take(takeover.Looked("m1", at(11.6))) == []
    assert len(scene.pair.rhythm.held) == 1
    scene.take(Drained())
    assert not scene.pair.rhythm.held


def test_the_operators_word_waits_for_the_sockets_and_is_not_taken_at_once_after_a_stall() -> None:
    scene = Scene()
    scene.until(5.0)
    scene.take(Tick(), 7.0)
    assert scene.take(PeerIsOff(), 7.0) == []
    assert of(TakeOver, scene.take(Drained(), 7.0)) == []
    scene.until(8.0)
    assert scene.take(PeerIsOff()) == []
    scene.until(9.0)
    assert of(TakeOver, scene.take(PeerIsOff())) == [TakeOver(1, role.Proof.OPERATOR)]


def test_what_is_seen_during_a_stall_is_seen() -> None:
    scene = active()
    scene.take(Saw(Surroundings(carrier=True)), 14.0)
    assert not scene.pair.rhythm.drained
    assert scene.pair.seen.surroundings.carrier
