"""A takeover with a copy that may lack what was done last: nothing of it is commanded."""

from dataclasses import replace

import pytest

from haconn.core.actions import Perform, Record
from haconn.core.events import Event, Requested, Resumed, SessionOpened, Tick
from haconn.core.model import Instant
from haconn.core.reset import Outcome
from haconn.core.step import next_due, step
from haconn.core.system import is_barred
from haconn.core.world import World
from haconn.daemon.recovery import recovered
from tests.daemon.parts import A, B
from tests.daemon.test_journal import busy_world
from tests.daemon.test_owner import BOOT_A, REQUEST, speaker
from tests.daemon.test_recovery import BINDINGS, NOW, SOON, left_by

UNTIL = Instant(SOON + 15.0)


def taken_over() -> World:
    """The active died with a reset of B for A under way; this standby was not in step."""
    before = busy_world(NOW)
    assert before.systems[B].reset is not None
    settings = replace(before.settings, conservative_until=UNTIL)
    after = recovered(settings, BINDINGS, left_by(before), SOON)
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
    performed = until(after, UNTIL)
    assert bool(performed) is runs
    if not runs:
        assert after.asked[A, REQUEST].outcome is Outcome.FAIL
