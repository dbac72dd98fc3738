"""When a member of a pair speaks, and when it calls its peer dead."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from haconn.core import role, takeover
from haconn.core.actions import Remark
from haconn.core.beat import (
    NOBODY,
    Claim,
    Echo,
    Intent,
    IntentHeard,
    PairRole,
    Path,
    Standing,
    StoppedHeard,
)
from haconn.core.pair import knows_peer, next_due, number
from haconn.core.pair_state import (
    Heard,
    Speak,
    Superseded,
    TakeOver,
    Tick,
)
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
    probed,
    stalls,
    standby,
)


def gaps(moments: list[float]) -> list[float]:
    return [round(later - earlier, 6) for earlier, later in pairwise(moments)]


def test_it_speaks_from_its_first_moment_on_each_200_ms() -> None:
    scene = Scene()
    scene.until(1.0)
    assert scene.spoke == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    first = of(Speak, [action for _, action in scene.done])[0]
    assert first == Speak(1, Claim(PairRole.JOIN, 0), Echo(NOBODY, 0), frozenset())


def test_a_beat_says_what_was_heard_last_and_where() -> None:
    scene = standby()
    scene.says(Intent(1, 0, 1, b"", 0.0), 10.1, path=Path.RESET)
    (speak,) = of(Speak, scene.until(10.2))
    assert speak.echo == Echo(PEER, scene.pair.hearing.last)
    assert speak.hearing == {Path.DUPLEX, Path.RESET}
    assert speak.claim == Claim(PairRole.STANDBY, 7, PEER)
    assert speak.seq == scene.pair.hearing.sent


def test_whatever_arrives_a_beat_is_never_more_than_200_ms_after_the_last() -> None:
    scene = Scene()
    scene.says(beat(), 0.03)
    scene.answers(0.21, JOINING)
    scene.answers(0.37, FOLLOWING)
    for step in range(40):
        now = round(0.4 + 0.07 * step, 3)
        scene.answers(now, FOLLOWING, probe=step % 3 == 0)
        scene.says(StoppedHeard(), now + 0.01)
    assert scene.role is PairRole.ACTIVE
    assert max(gaps(scene.spoke)) <= 0.2
    assert stalls(scene) == []


def test_a_claim_that_changes_is_said_at_once_and_the_next_beat_follows_it() -> None:
    scene = Scene()
    scene.says(beat(), 0.03)
    actions = scene.answers(0.25, ACTIVE)
    assert of(Speak, actions)[0].claim == Claim(PairRole.STANDBY, 7, PEER)
    scene.until(1.0)
    assert scene.spoke == [0.0, 0.2, 0.25, 0.45, 0.65, 0.85]


def test_a_probe_is_answered_at_once_with_its_echo() -> None:
    scene = standby()
    (speak,) = of(Speak, scene.answers(10.05, probe=True))
    assert speak.echo == Echo(PEER, scene.pair.hearing.last)
    assert not speak.probe
    assert of(Speak, scene.answers(10.1)) == []


def test_probes_are_not_answered_more_often_than_each_20_ms() -> None:
    scene = standby()
    answered = [
        now
        for now in (10.01, 10.02, 10.031, 10.04, 10.052, 10.053)
        if of(Speak, scene.answers(now, probe=True))
    ]
    assert answered == [10.01, 10.031, 10.052]


def test_a_probe_of_a_session_that_is_not_trusted_is_not_answered() -> None:
    scene = standby()
    assert scene.says(beat(probe=True), 10.05, NEXT) == []


def test_a_silent_peer_is_probed_and_then_called_dead() -> None:
    scene = active()
    scene.until(11.49)
    assert probed(scene) == [11.0, 11.2, 11.35]
    assert not scene.calls_dead()
    assert next_due(scene.pair) == 11.5
    scene.until(11.5)
    assert scene.calls_dead()
    assert probed(scene) == [11.0, 11.2, 11.35]


def test_nobody_is_probed_who_was_never_heard() -> None:
    scene = Scene()
    scene.until(5.0)
    assert probed(scene) == []


def test_an_answer_to_a_probe_ends_the_silence() -> None:
    scene = active()
    scene.until(11.4)
    scene.answers(11.4, FOLLOWING)
    scene.until(12.3)
    assert not scene.calls_dead()
    scene.until(12.9)
    assert probed(scene)[3:] == [12.4, 12.6, 12.75]
    assert scene.calls_dead()


@pytest.mark.parametrize("make", [Scene, standby, active])
def test_with_a_dead_peer_the_clock_is_looked_at_with_every_beat_and_no_more(
    make: Callable[[], Scene],
) -> None:
    scene = make()
    scene.sees(carrier=False)  # a fencing has a clock of its own
    scene.until(20.0)
    looked = 0
    while next_due(scene.pair) <= 30.0:
        assert next_due(scene.pair) > scene.now
        scene.take(Tick(), next_due(scene.pair))
        looked += 1
    assert 49 <= looked <= 51
    assert stalls(scene) == []


def test_the_number_of_a_message_is_the_one_after_the_last() -> None:
    scene = Scene()
    scene.until(0.2)
    assert number(scene.pair, at(0.25)) == 3
    (speak,) = of(Speak, scene.until(0.4))
    assert speak.seq == 4


def test_a_peer_can_be_told_something_while_it_is_in_session_and_heard() -> None:
    scene = Scene()
    assert not knows_peer(scene.pair, at(0.0))
    scene.says(beat(), 0.1)
    assert not knows_peer(scene.pair, at(0.1))
    scene.answers(0.3)
    assert knows_peer(scene.pair, at(1.7))
    assert not knows_peer(scene.pair, at(1.81))


def test_what_is_heard_comes_with_the_instant_after_which_it_was_said() -> None:
    scene = standby()
    (heard,) = of(Heard, scene.answers(10.15))
    assert heard.left_after == pytest.approx(10.0)
    (heard,) = of(Heard, scene.says(beat(ACTIVE, Echo(NEXT, 1)), 10.16))
    assert heard.left_after is None
    (heard,) = of(Heard, scene.says(IntentHeard(PEER, 1), 10.17))
    assert heard.left_after is None


def test_a_burst_between_two_beats_leaves_the_instant_known() -> None:
    scene = active()
    for _ in range(300):
        number(scene.pair, at(10.1))
    (heard,) = of(Heard, scene.says(beat(FOLLOWING, Echo(ME, scene.pair.hearing.sent)), 10.15))
    assert heard.left_after is not None
    assert 10.0 <= heard.left_after <= 10.1


def test_copies_of_a_datagram_are_heard_once() -> None:
    scene = standby()
    scene.answers(10.05)
    seq = scene.pair.hearing.last
    for path in Path:
        assert scene.says(beat(ACTIVE), 10.06, path=path, seq=seq) == []
    assert scene.pair.hearing.heard_on(at(10.06), scene.pair.settings.times) == set(Path)


def test_a_new_process_of_the_peer_is_named_before_it_is_heard() -> None:
    scene = standby()
    scene.says(beat(JOINING), 10.1, NEXT)
    actions = scene.answers(10.3, JOINING, NEXT)
    assert of(Superseded, actions) == [Superseded(NEXT)]
    assert [type(one) for one in actions[:2]] == [Superseded, Heard]


def test_a_peer_that_serves_something_else_is_no_active_to_take_over_from() -> None:
    scene = standby()
    scene.answers(10.1, standing=Standing(service=b"another!"))
    assert not scene.pair.member.suits
    assert scene.until(30.0)
    assert not scene.times(takeover.Look)
    assert scene.role is PairRole.STANDBY
    assert not scene.pair.member.fencing


def test_a_claim_that_answers_nothing_of_ours_moves_no_role() -> None:
    scene = standby()
    scene.says(beat(Claim(PairRole.JOIN, 9), Echo(NEXT, 5)), 10.1)
    assert scene.pair.member.peer is not None
    assert scene.pair.member.peer.claim == ACTIVE


def test_an_active_that_hears_of_a_greater_epoch_gives_way() -> None:
    scene = active()
    actions = scene.answers(10.1, Claim(PairRole.ACTIVE, 99))
    assert of(role.Yield, actions) == [role.Yield(99)]


def test_two_that_start_together_elect_one_on_the_promise_of_the_other() -> None:
    scene = Scene(rank=0, epoch=4)
    scene.says(beat(), 0.05)
    actions = scene.answers(0.25, Claim(PairRole.JOIN, 4))
    assert of(Speak, actions)[0].claim.candidate
    actions = scene.answers(0.3, Claim(PairRole.STANDBY, 4, ME))
    assert of(TakeOver, actions) == [TakeOver(5, role.Proof.PROMISED)]
    assert scene.role is PairRole.ACTIVE
    remarks = of(Remark, actions)
    assert [(one.message, dict(one.values)) for one in remarks] == [
        ("pair-role", {"role": "active", "epoch": "5"})
    ]
