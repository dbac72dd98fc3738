"""When a standby fences, when it does not, and when it tries anew."""

from dataclasses import replace

import pytest

from haconn.core.actions import Abandon, Hurry, Perform
from haconn.core.beat import Claim, PairRole, Release, Standing, Stopped
from haconn.core.events import OutletSent, SessionOpened
from haconn.core.model import Feed, Power
from haconn.core.pair_state import Fenced, Keep, TakeOver
from haconn.core.peer_power import Identified, Means
from haconn.core.repower import owed_after
from haconn.core.reset import Command
from haconn.core.role import Proof, StopFencing
from haconn.core.takeover import ANOTHER_MACHINE, HEARD, Failed, Proved
from tests.core.pair_parts import (
    ACTIVE,
    JOINING,
    NEXT,
    PEER,
    RETRY_AT_MOST_S,
    SERVICE,
    Scene,
    active,
    at,
    beat,
    of,
    old_session,
    remarks,
    standby,
    told,
)

FEED = Feed("10.1.0.1", "1")
WITH_OUTLETS = Means("m1", outlets=True, timeout_s=2.0, feeds=(FEED,))
MACHINE, ELSEWHERE = bytes(range(16)), bytes(range(16, 32))


def fencing(means: Means | None = None) -> Scene:
    """A standby that has just begun to fence, at 11.5."""
    scene = standby() if means is None else standby(means)
    scene.until(11.5)
    assert begun(scene) == [11.5]
    return scene


def begun(scene: Scene) -> list[float]:
    return remarks(scene, "pair-fencing")


def failed(scene: Scene) -> list[float]:
    return remarks(scene, "pair-fence-failed")


def blind(scene: Scene) -> list[float]:
    return remarks(scene, "pair-blind")


def commands(scene: Scene) -> list[Command]:
    return [one.command for one in of(Perform, [action for _, action in scene.done])]


def ends(scene: Scene) -> list[Proved | Failed]:
    return [one.end for one in of(Fenced, [action for _, action in scene.done])]


def failing() -> Scene:
    """A standby whose BMC of the peer takes nothing, and that sees its reset path for long."""
    scene = standby()
    scene.sees(others_at=1000.0)
    return scene


def test_a_standby_fences_a_silent_peer_and_takes_over_when_it_reads_off() -> None:
    scene = fencing()
    assert commands(scene) == [Command.POWER_OFF]
    scene.sent()
    actions = scene.reads(Power.OFF, 11.6, 11.7, 11.8, 11.9, 12.0)
    assert not of(TakeOver, actions)
    actions = scene.reads(Power.OFF, 12.11)
    assert of(TakeOver, actions) == [TakeOver(8, Proof.POWER_OFF)]
    assert ends(scene) == [Proved(Proof.POWER_OFF, at(12.11), commanded=True, cut=False)]
    assert scene.role is PairRole.ACTIVE
    assert told(scene, "pair-role", "role") == ["standby", "active"]


def test_only_a_standby_fences() -> None:
    for scene in (active(), Scene()):
        scene.sees(others_at=1000.0)
        scene.until(30.0)
        assert begun(scene) == []


def test_a_peer_that_reads_off_already_is_not_commanded_and_nothing_is_complained_of() -> None:
    scene = standby()
    scene.reads(Power.OFF, 10.5, 11.1)
    scene.until(11.5)
    assert scene.times(TakeOver) == [11.5]
    assert commands(scene) == []
    assert blind(scene) == []
    assert told(scene, "pair-role", "role") == ["standby", "active"]
    assert told(scene, "pair-role", "epoch") == ["7", "8"]


def test_a_standby_that_serves_something_else_neither_fences_nor_complains_of_its_path() -> None:
    scene = standby()
    scene.sees(carrier=False)
    scene.answers(10.1, standing=Standing(service=b"another!"))
    scene.until(30.0)
    assert begun(scene) == blind(scene) == []
    assert scene.calls_dead()


def test_a_fencing_that_failed_is_tried_anew_each_five_seconds() -> None:
    scene = failing()
    scene.until(60.0)
    starts, ends_at = begun(scene), failed(scene)
    assert len(starts) >= 3
    for end, start in zip(ends_at, starts[1:], strict=False):
        assert 5.0 <= start - end <= RETRY_AT_MOST_S
    assert [one.operation for one in of(Fenced, [action for _, action in scene.done])][:2] == [
        "r-fence-1",
        "r-fence-2",
    ]
    assert not scene.times(TakeOver)


def test_a_new_silence_is_a_new_occasion() -> None:
    scene = failing()
    scene.until(21.6)
    assert failed(scene) == [21.5]
    scene.beats(21.7, 22.3)
    scene.until(24.0)
    assert begun(scene) == [11.5, pytest.approx(23.8)]


def test_a_voice_that_answers_nothing_begins_no_new_occasion() -> None:
    scene = failing()
    scene.until(21.6)
    scene.says(beat(ACTIVE), 21.7)
    scene.until(26.4)
    assert begun(scene) == [11.5]
    scene.until(26.8)
    assert len(begun(scene)) == 2


def test_the_peers_voice_ends_an_attempt_that_has_commanded_nothing() -> None:
    scene = standby()
    scene.pair.power = replace(
        scene.pair.power,
        server=replace(
            scene.pair.power.server, watch=replace(scene.pair.power.server.watch, dead=True)
        ),
    )
    scene.until(11.6)
    assert begun(scene) == [11.5]
    assert commands(scene) == []
    scene.answers(11.65)
    assert ends(scene) == [Failed(HEARD, at(11.65), commanded=False, cut=False)]
    assert not scene.pair.member.fencing
    assert scene.role is PairRole.STANDBY


def test_a_power_off_that_could_not_be_sent_before_the_peer_was_heard_may_not_leave_any_more() -> (
    None
):
    scene = fencing()
    assert commands(scene) == [Command.POWER_OFF]
    actions = scene.answers(11.65)
    assert [one.operation for one in of(Abandon, actions)] == ["r-fence-1"]
    assert ends(scene) == [Failed(HEARD, at(11.65), commanded=True, cut=False)]
    assert not scene.pair.member.fencing, "the token of the peer's devices"
    assert not scene.calls_dead()


def test_who_was_commanded_off_is_fenced_to_the_end_whatever_it_says() -> None:
    scene = fencing()
    scene.sent()
    scene.answers(11.7)
    assert scene.pair.member.fencing
    scene.reads(Power.OFF, 12.0, 12.5)
    assert scene.times(TakeOver) == [12.5]


def test_a_read_that_was_asked_before_the_peer_spoke_proves_nothing() -> None:
    scene = fencing()
    scene.sent()
    scene.reads(Power.OFF, 11.6, 12.0)
    scene.says(beat(JOINING), 12.05, NEXT)
    scene.reads(Power.OFF, 12.2)
    assert not scene.times(TakeOver)
    scene.reads(Power.OFF, 12.7)
    assert scene.times(TakeOver) == [12.7]


def test_recordings_that_run_in_circles_do_not_keep_a_dead_peer_from_being_fenced() -> None:
    scene = fencing()
    scene.sent()
    for step in range(12):
        now = round(11.6 + 0.1 * step, 1)
        for number in range(1, 9):
            scene.says(beat(ACTIVE), now, old_session(number), seq=5)
        scene.says(beat(ACTIVE), now, PEER, seq=5)
        scene.read(Power.OFF, now)
    assert scene.times(TakeOver) == [12.1]  # the recordings were noticed once, at 11.6


def test_release_ends_a_fencing_that_runs_and_what_was_commanded_is_owed() -> None:
    scene = fencing()
    scene.sent()
    actions = scene.says(Release(PEER), 12.0)
    assert of(TakeOver, actions) == [TakeOver(8, Proof.RELEASED)]
    assert [type(one) for one in actions[:3]] == [Abandon, Hurry, Fenced]
    (end,) = ends(scene)
    assert end == Failed(Proof.RELEASED.value, at(12.0), commanded=True, cut=False)
    assert len(owed_after(end, "r-fence-1", (), at(12.0))) == 1
    assert scene.pair.attempt is None
    scene.until(40.0)
    assert begun(scene) == [11.5]


def test_a_release_without_a_fencing_ends_none() -> None:
    scene = standby()
    actions = scene.says(Release(PEER), 10.1)
    assert of(TakeOver, actions) == [TakeOver(8, Proof.RELEASED)]
    assert ends(scene) == []


def test_a_release_of_another_process_is_none_of_the_actives() -> None:
    scene = fencing()
    assert scene.says(Release(NEXT), 11.6) == []
    assert scene.role is PairRole.STANDBY


def test_after_the_voice_of_another_process_a_release_counts_no_more() -> None:
    scene = standby()
    scene.says(beat(JOINING), 10.1, NEXT)
    assert scene.says(Release(PEER), 10.2) == []
    scene.answers(10.3)
    assert of(TakeOver, scene.says(Release(PEER), 10.4))


def test_an_orderly_stop_ends_a_fencing_too() -> None:
    scene = fencing()
    scene.sent()
    actions = scene.says(Stopped(), 11.7)
    assert of(TakeOver, actions) == [TakeOver(8, Proof.STOPPED)]
    assert len(of(Keep, actions)) == 1
    assert [one.commanded for one in ends(scene)] == [True]


def test_outlets_are_cut_when_the_bmc_has_had_its_time_and_at_once_the_next_time() -> None:
    scene = standby(WITH_OUTLETS)
    scene.sees(others_at=1000.0)
    scene.until(13.5)
    cuts = scene.times(Perform, lambda one: one.command is Command.OUTLETS_OFF)
    assert cuts == [13.5]
    scene.take(OutletSent("m1", "r-fence-1", 1, FEED, on=False))
    scene.until(60.0)
    assert scene.pair.rhythm.cut_before
    again = scene.times(Perform, lambda one: one.command is Command.OUTLETS_OFF)
    assert again[1] == begun(scene)[1]


def test_in_another_silence_the_bmc_has_its_time_again() -> None:
    scene = standby(WITH_OUTLETS)
    scene.sees(others_at=1000.0)
    scene.until(13.6)
    while scene.pair.attempt is not None:
        scene.until(scene.now + 0.2)
    scene.beats(scene.now + 0.1, scene.now + 1.1)
    assert not scene.pair.rhythm.cut_before
    scene.until(scene.now + 3.6)
    starts = begun(scene)
    cuts = scene.times(Perform, lambda one: one.command is Command.OUTLETS_OFF)
    assert cuts[-1] == pytest.approx(starts[-1] + 2.0)


def machine(scene: Scene, uuid: bytes, now: float) -> None:
    """The peer says which machine it is."""
    scene.answers(now, standing=Standing(service=SERVICE, machine=uuid))


@pytest.mark.parametrize("bmc_first", [False, True])
def test_a_bmc_in_another_machine_is_not_commanded(bmc_first: bool) -> None:
    scene = standby()
    if bmc_first:
        scene.take(Identified("m1", ELSEWHERE))
    machine(scene, MACHINE, 10.1)
    if not bmc_first:
        scene.take(Identified("m1", ELSEWHERE))
    scene.until(11.6)
    assert told(scene, "pair-fence-failed", "reason") == [ANOTHER_MACHINE]
    assert failed(scene) == [11.6]
    assert commands(scene) == []
    assert blind(scene) == []


def test_a_bmc_in_the_peers_machine_is_commanded_though_the_peer_forgets_its_uuid() -> None:
    scene = standby()
    scene.take(Identified("m1", MACHINE))
    machine(scene, MACHINE, 10.1)
    machine(scene, bytes(16), 10.2)
    assert scene.pair.power.matches is True
    scene.until(11.7)
    assert commands(scene) == [Command.POWER_OFF]


def test_a_bmc_that_gets_a_session_is_commanded_then() -> None:
    scene = standby()
    scene.take(SessionOpened("m1", 2), 10.0)
    scene.until(11.5)
    assert commands(scene) == [Command.POWER_OFF]


def test_a_peer_that_joins_anew_while_it_is_fenced_stops_nothing_that_has_left() -> None:
    scene = fencing()
    scene.sent()
    scene.says(beat(JOINING), 11.6, NEXT)
    actions = scene.answers(11.8, Claim(PairRole.JOIN, 7), NEXT)
    assert of(StopFencing, actions) == []
    assert scene.pair.member.fencing
