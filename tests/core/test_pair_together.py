"""Two members in one room: never two with the address, and one of them again once all is well."""

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from haconn.core.beat import PairRole, Path
from haconn.core.role import Proof
from tests.core.pair_room import Room, operator_says_off, role_of
from tests.core.pair_together import PATHS, Machine

HEALED_S = 30.0
BOTH = st.integers(0, 1)
WAITS = st.sampled_from((0.05, 0.3, 1.6, 2.5, 6.0, 12.0))
ALL = {(sender, path) for sender in (0, 1) for path in PATHS}
CUTS = (
    ALL,
    set[tuple[int, Path]](),
    *({one for one in ALL if one[0] == sender} for sender in (0, 1)),
    *({one for one in ALL if one[1] is path} for path in PATHS),
)


def together(seed: int = 0) -> tuple[Room, Machine, Machine]:
    """A room after ten seconds: the active, and its standby."""
    room = Room(seed)
    room.passes(10.0)
    (active,) = room.actives()
    other = room.machines[1 - active.rank]
    assert role_of(other) is PairRole.STANDBY
    return room, active, other


def heal(room: Room) -> None:
    """Everything is well again from now on."""
    room.weather.loss = room.weather.doubled = 0.0
    room.weather.late_s = 0.02
    room.weather.cut.clear()
    room.weather.blind.clear()
    for machine in room.machines:
        machine.enabled = True
        room.give_power(machine)
        room.start(machine)


def taken(room: Room) -> list[tuple[int, Proof]]:
    return [(rank, proof) for _, rank, proof in room.takeovers]


def test_two_that_start_together_are_active_and_standby() -> None:
    room, active, _ = together()
    assert active.rank == 0
    assert taken(room) == [(0, Proof.PROMISED)]


def test_a_machine_that_dies_is_fenced_and_taken_over_from_within_three_seconds() -> None:
    room, active, other = together()
    room.cut_power(active)
    room.passes(3.0)
    assert room.actives() == [other]
    assert taken(room)[1:] == [(other.rank, Proof.POWER_OFF)]


def test_a_process_that_dies_is_followed_at_once_by_the_release_program() -> None:
    room, active, other = together()
    room.end(active, release=True)
    room.passes(0.1)
    assert room.actives() == [other]
    room.passes(10.0)
    assert role_of(active) is PairRole.STANDBY


def test_a_process_that_stands_still_is_fenced_and_comes_back_as_a_standby() -> None:
    room, active, other = together()
    room.stand_still(active, 60.0)
    room.passes(3.0)
    assert room.actives() == [other]
    room.passes(25.0)
    assert role_of(active) is PairRole.STANDBY


def test_a_process_that_stands_still_for_a_second_stays_what_it_is() -> None:
    room, active, other = together()
    room.stand_still(active, 1.2)
    room.passes(10.0)
    room.stand_still(other, 1.2)
    room.passes(10.0)
    assert room.actives() == [active]
    assert len(room.takeovers) == 1


def test_without_a_bmc_there_is_no_takeover_and_the_active_serves_on() -> None:
    room, active, other = together()
    room.weather.cut.update((machine.rank, path) for machine in room.machines for path in PATHS)
    room.weather.blind.add(other.rank)
    room.passes(60.0)
    assert room.actives() == [active]
    heal(room)
    room.passes(5.0)
    assert room.actives() == [active]
    assert role_of(other) is PairRole.STANDBY


def test_who_stops_in_order_is_taken_over_from_and_may_be_missed_at_the_next_start() -> None:
    room, active, other = together()
    room.stop(active)
    room.passes(0.5)
    assert room.actives() == [other]
    room.stop(other)
    room.passes(5.0)
    other.enabled = True
    room.start(other)
    room.passes(12.0)
    assert room.actives() == [other]
    assert taken(room)[-1] == (other.rank, Proof.STOPPED)


@pytest.mark.parametrize("sender", [0, 1])
def test_a_network_that_carries_one_way_only_ends_in_one_active(sender: int) -> None:
    room, _, _ = together()
    room.weather.cut.update((sender, path) for path in Path)
    room.passes(25.0)
    assert len(room.actives()) == 1
    heal(room)
    room.passes(HEALED_S)
    assert len(room.actives()) == 1


class TwoMembers(RuleBasedStateMachine):
    """Whatever happens to two management servers."""

    @initialize(seed=st.integers(0, 2**16), wait=st.sampled_from((0.0, 5.0)))
    def begin(self, seed: int, wait: float) -> None:
        """Both have just been started, or know each other already."""
        self.room = Room(seed)
        self.room.passes(wait)

    @rule(seconds=st.sampled_from((4.0, 16.0)))
    def all_is_well(self, seconds: float) -> None:
        """For a while: else most of what happens would happen to servers that are down already."""
        heal(self.room)
        self.room.passes(seconds)

    @rule(
        which=BOTH,
        seconds=WAITS,
        what=st.sampled_from(
            (
                lambda room, machine: room.end(machine, release=True),
                lambda room, machine: room.end(machine, release=False),
                lambda room, machine: room.cut_power(machine),
                lambda room, machine: room.give_power(machine),
                lambda room, machine: room.stop(machine),
                operator_says_off,
            )
        ),
    )
    def something_happens(
        self, which: int, seconds: float, what: Callable[[Room, Machine], None]
    ) -> None:
        """A process or a machine ends or begins, or the operator gives the word."""
        what(self.room, self.room.machines[which])
        self.room.passes(seconds)

    @rule(which=BOTH)
    def it_is_started(self, which: int) -> None:
        """By hand, after an orderly stop or before systemd does it."""
        self.room.machines[which].enabled = True
        self.room.start(self.room.machines[which])

    @rule(which=BOTH, seconds=st.sampled_from((0.2, 0.5, 0.9, 1.7, 4.0, 9.0)))
    def it_stands_still(self, which: int, seconds: float) -> None:
        """A process gets no processor."""
        self.room.stand_still(self.room.machines[which], seconds)

    @rule(
        loss=st.sampled_from((0.0, 0.3, 0.9)),
        late_s=st.sampled_from((0.0, 0.05, 2.0)),
        doubled=st.sampled_from((0.0, 0.5)),
    )
    def the_network_is_bad(self, loss: float, late_s: float, doubled: float) -> None:
        """Or good again."""
        weather = self.room.weather
        weather.loss, weather.late_s, weather.doubled = loss, late_s, doubled

    @rule(cut=st.sampled_from(CUTS), seconds=WAITS)
    def links_fail(self, cut: set[tuple[int, Path]], seconds: float) -> None:
        """In one direction or in both; others come back."""
        self.room.weather.cut.clear()
        self.room.weather.cut.update(cut)
        self.room.passes(seconds)

    @rule(blind=st.sets(BOTH))
    def bmcs_are_out_of_reach(self, blind: set[int]) -> None:
        """Of one or of both; others come back."""
        self.room.weather.blind.clear()
        self.room.weather.blind.update(blind)

    @rule(count=st.integers(1, 60), begin=st.floats(0.0, 1.0))
    def a_recording_is_played(self, count: int, begin: float) -> None:
        """Some of what was ever sent."""
        self.room.network.play(count, begin)

    def teardown(self) -> None:
        """Once all is well there is an active within thirty seconds, and the other follows it."""
        if not hasattr(self, "room"):
            return
        heal(self.room)
        self.room.passes(HEALED_S)
        roles = {role_of(machine) for machine in self.room.machines}
        assert len(self.room.actives()) == 1, self.room.takeovers
        assert roles == {PairRole.ACTIVE, PairRole.STANDBY}, self.room.takeovers


TestTwoMembers = TwoMembers.TestCase
TestTwoMembers.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
