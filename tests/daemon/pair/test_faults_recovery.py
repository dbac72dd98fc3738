"""A takeover with a copy that may lack what was done last: nothing of it is commanded."""

from dataclasses import replace

import pytest

from haconn.core import events
from haconn.core.actions import Perform, Record
from haconn.core.events import Event, Requested, Resumed, SessionOpened, Spoke, Tick
from haconn.core.model import Instant
from haconn.core.reset import Command, Outcome
from haconn.core.step import next_due, step
from haconn.core.system import is_barred
from haconn.core.world import World
from haconn.daemon.recovery import recovered
from tests.daemon.parts import A, B
from tests.daemon.test_journal import busy_world
from tests.daemon.test_owner import BOOT_A, REQUEST, speaker
from tests.daemon.test_recovery import BINDINGS, NOW, SOON, left_by

UNTIL = Instant(SOON + 15.0)


def taken_over(*, same_boot: bool = True, refused: bool = False) -> World:
    """The active died with a reset of B for A under way; this standby was not in step."""
    before = busy_world(NOW)
    running = before.systems[B].reset
    assert running is not None
    if refused:  # the soft stage, so the hard one is in progress
        state = replace(running.state, stage=1, sent=frozenset())
        before.put_system(replace(before.systems[B], reset=replace(running, state=state)))
    settings = replace(before.settings, conservative_until=UNTIL)
    after = recovered(settings, BINDINGS, left_by(before, same_boot=same_boot), SOON)
    play(after, Resumed(), SOON)
    play(after, SessionOpened("beta", 1), SOON)
    return after


def play(world: World, event: Event, now: Instant) -> list[Perform]:
    """Step as the owner does; give what was commanded."""
    waiting, performed = [event], list[Perform]()
    while waiting:
        actions = step(world, waiting.pop(0), now)
        waiting += [action.then for action in actions if isinstance(action, Record)]
        performed += [action for action in actions if isinstance(action, Perform)]
    return performed


def until(world: World, end: float) -> list[Perform]:
    """Let time pass; give what was commanded."""
    performed = list[Perform]()
    while (due := next_due(world)) is not None and due <= end:
        performed += play(world, Tick(), due)
    return performed


def test_a_reset_under_way_is_not_gone_on_with() -> None:
    """It may have been done, its target booted, and that one asked for the other by now."""
    after = taken_over()
    assert after.systems[B].reset is None
    assert is_barred(after.systems[B], SOON), "it may be half reset: it has nobody reset"
    assert not until(after, UNTIL + 60)


@pytest.mark.parametrize(("repeated_at", "runs"), [(UNTIL - 1.0, True), (UNTIL - 5.0, False)])
def test_who_asks_for_it_to_the_end_gets_it_and_who_does_not_gets_none(
    repeated_at: float, runs: bool
) -> None:
    after = taken_over()
    again = Requested(speaker(A, BOOT_A), REQUEST, B)
    assert not play(after, again, SOON)
    assert not until(after, repeated_at)
    assert not play(after, again, Instant(repeated_at))
    performed = until(after, UNTIL + 3.0)
    assert bool(performed) is runs
    if not runs:
        assert after.asked[A, REQUEST].outcome is Outcome.FAIL


def asked_again(world: World, request_id: str = "again") -> list[Command]:
    """A asks until the holding back has ended; give what is commanded in the 3 s after."""
    ask = Requested(speaker(A, BOOT_A), request_id, B)
    play(world, ask, Instant(UNTIL - 1.0))
    play(world, ask, Instant(UNTIL - 0.5))
    return [one.command for one in until(world, UNTIL + 3.0)]


@pytest.mark.parametrize("same_boot", [True, False])
def test_a_target_that_had_its_nmi_from_the_active_before_gets_no_second_one(
    same_boot: bool,
) -> None:
    after = taken_over(same_boot=same_boot)
    assert asked_again(after) == [Command.HARD_RESET]


def test_what_was_refused_as_soft_reset_is_tried_again() -> None:
    assert asked_again(taken_over(refused=True))[0] is Command.SOFT_RESET


def test_a_target_that_has_booted_since_gets_its_nmi() -> None:
    after = taken_over()
    play(after, Spoke(speaker(B, "f" * 32)), Instant(UNTIL - 5.0))
    assert asked_again(after)[0] is Command.SOFT_RESET


def test_the_nmi_of_another_incident_is_none_of_this_one() -> None:
    after = taken_over()
    later = Instant(SOON + 60.0)
    performed = play(after, Requested(speaker(A, BOOT_A), "later", B), later)
    assert [one.command for one in performed] == [Command.SOFT_RESET]


def test_the_nmi_before_the_takeover_spares_only_one() -> None:
    after = taken_over()
    asked_again(after)
    assert after.systems[B].nmi_at is None


def test_the_test_of_an_operator_sends_an_nmi_all_the_same() -> None:
    after = taken_over()
    performed = play(after, events.TestAsked(B, "t-1"), UNTIL)
    assert [one.command for one in performed] == [Command.SOFT_RESET]
