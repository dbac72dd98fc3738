"""What a process believes of the journal that an earlier one left."""

from dataclasses import replace

import pytest

from haconn.core.actions import Perform, Record, Remark, TellResult
from haconn.core.contrary import Distrust, Sign, Source
from haconn.core.events import Event, Requested, Resumed, SessionOpened, Tick
from haconn.core.model import Instant
from haconn.core.request_table import Asked, RequestTable
from haconn.core.reset import Evidence, Outcome, Phase
from haconn.core.server import Restore
from haconn.core.step import step
from haconn.core.system import Status, Verdict
from haconn.core.world import World
from haconn.daemon.journal_reading import Found
from haconn.daemon.recovery import CONSERVATIVE_S, OVER, recovered
from tests.daemon.parts import A, B
from tests.daemon.test_journal import RICH, busy_world
from tests.daemon.test_owner import BOOT_A, REQUEST, speaker

NOW = Instant(1000.0)
SOON = Instant(1001.0)
POLICIES = {policy.server: policy for policy in RICH}
BINDINGS = {A: "alpha", B: "beta"}


def left_by(world: World, *, same_boot: bool = True) -> Found:
    return Found(
        same_boot, dict(world.systems), dict(world.servers), RequestTable(world.asked.values())
    )


def taken_up(found: Found) -> World:
    world = busy_world(NOW)
    return recovered(world.settings, BINDINGS, found, SOON)


def play(world: World, event: Event, now: Instant) -> None:
    """Step as the owner does: what is to be recorded is recorded at once."""
    waiting = [event]
    while waiting:
        actions = step(world, waiting.pop(0), now)
        waiting += [action.then for action in actions if isinstance(action, Record)]


def test_in_the_same_boot_everything_is_as_it_was() -> None:
    before = busy_world(NOW)
    after = taken_up(left_by(before))
    assert after.systems == before.systems
    assert after.asked == before.asked
    assert after.servers["alpha"].owed == before.servers["alpha"].owed
    assert after.settings.conservative_until is None


def test_readings_of_an_earlier_process_are_never_evidence() -> None:
    before = busy_world(NOW)
    assert before.servers["beta"].watch.reachable
    after = taken_up(left_by(before))
    assert after.servers["beta"].watch.reachable is None
    assert not after.servers["beta"].feeds


def test_what_is_no_longer_configured_is_not_taken_up() -> None:
    before = busy_world(NOW)
    moved = recovered(before.settings, {A: "beta", B: "alpha"}, left_by(before), SOON)
    assert {system.status for system in moved.systems.values()} == {Status.UNSET}
    gone = recovered(before.settings, {A: "alpha"}, left_by(before), SOON)
    assert gone.systems.keys() == {A}
    assert not gone.asked, "its target is gone"


@pytest.mark.parametrize("same_boot", [True, False])
def test_an_id_of_hours_ago_begins_nothing_after_a_restart(same_boot: bool) -> None:
    """Its requester may have been suspended, and says it again when it goes on."""
    before = busy_world(NOW)
    of_old = Instant(NOW - 9000.0)
    said = replace(before.asked[A, REQUEST], at=of_old, outcome=Outcome.DUMP, told_at=of_old)
    before.put_asked(replace(said, evidence=Evidence.HARD_RESET_ACCEPTED, evidence_at=of_old))
    before.systems[B] = replace(before.systems[B], reset=None, status=Status.NORMAL)
    after = taken_up(left_by(before, same_boot=same_boot))
    later = Instant(SOON + CONSERVATIVE_S + 1.0)
    actions = step(after, Requested(speaker(A, BOOT_A), REQUEST, B), later)
    assert after.systems[B].reset is None
    (told,) = [action for action in actions if isinstance(action, TellResult)]
    assert told.outcome is Outcome.FAIL


def test_a_request_that_was_held_back_is_decided_anew_when_it_is_repeated() -> None:
    """Nothing was begun for it; remembered without a reset, it would be acknowledged for ever."""
    before = busy_world(NOW)
    held = Asked(A, "held", B, NOW)
    before.systems[B] = replace(before.systems[B], reset=None, status=Status.NORMAL)
    before.asked = RequestTable([held])
    after = taken_up(left_by(before))
    assert not after.asked
    step(after, Resumed(), SOON)
    step(after, SessionOpened("beta", 1), SOON)
    step(after, Requested(speaker(A, BOOT_A), "held", B), SOON)
    assert after.systems[B].reset is not None


def test_a_request_whose_reset_is_not_taken_up_has_failed_and_is_told_so() -> None:
    before = busy_world(NOW)
    found = left_by(before)
    found.systems[B] = replace(found.systems[B], reset=None, status=Status.NORMAL)
    after = taken_up(found)
    asked = after.asked[A, REQUEST]
    assert (asked.outcome, asked.reason) == (Outcome.FAIL, OVER)
    step(after, Resumed(), SOON)
    assert asked.name in after.asked.being_told()


def test_a_reset_is_taken_up_without_a_second_nmi() -> None:
    before = busy_world(NOW)
    after = taken_up(left_by(before))
    actions = step(after, Resumed(), SOON)
    assert not [action for action in actions if isinstance(action, Perform)]
    running = after.systems[B].reset
    assert running is not None
    assert running.state.phase is Phase.ISSUED


def test_after_a_reboot_open_resets_have_failed_and_bar_their_target_from_now() -> None:
    after = taken_up(left_by(busy_world(NOW), same_boot=False))
    target = after.systems[B]
    assert target.reset is None
    assert target.barred
    assert target.commanded_at == SOON
    asked = after.asked[A, REQUEST]
    assert (asked.outcome, asked.evidence, asked.reason) == (Outcome.FAIL, None, OVER)
    assert after.settings.conservative_until == SOON + CONSERVATIVE_S


def test_after_a_reboot_verdicts_are_over_and_errors_stay_errors() -> None:
    before = busy_world(NOW)
    verdict = Verdict(Outcome.DUMP, Evidence.STOP_NOTICE, NOW, NOW)
    before.systems[A] = replace(before.systems[A], status=Status.DUMP, verdict=verdict)
    error = Asked(B, "e", A, NOW, outcome=Outcome.ERROR, evidence_at=NOW, told_at=NOW)
    good = replace(error, request_id="g", outcome=Outcome.DUMP, evidence=Evidence.STOP_NOTICE)
    before.put_asked(error)
    before.put_asked(good)
    after = taken_up(left_by(before, same_boot=False))
    assert (after.systems[A].status, after.systems[A].verdict) == (Status.NORMAL, None)
    assert after.asked[error.name].outcome is Outcome.ERROR
    assert after.asked[good.name].outcome is Outcome.FAIL


def test_after_a_reboot_what_is_owed_is_owed_from_now() -> None:
    after = taken_up(left_by(busy_world(NOW), same_boot=False))
    owed = after.servers["alpha"].owed[0]
    assert (owed.what, owed.since, owed.due) == (Restore.FEEDS, SOON, SOON)
    assert (owed.running, owed.asked_by) == (False, None)
    assert after.servers["alpha"].left_dark


def test_a_reboot_without_open_resets_holds_nothing_back() -> None:
    before = busy_world(NOW)
    before.systems[B] = replace(before.systems[B], reset=None)
    assert taken_up(left_by(before, same_boot=False)).settings.conservative_until is None


def test_no_journal_holds_nothing_back_and_one_that_nobody_understands_does() -> None:
    assert taken_up(Found()).settings.conservative_until is None
    until = taken_up(Found(unreadable=True, lost=True)).settings.conservative_until
    assert until == SOON + CONSERVATIVE_S


@pytest.mark.parametrize("same_boot", [True, False])
def test_the_first_hour_after_a_restart_is_gone_through_without_a_stumble(same_boot: bool) -> None:
    world = taken_up(left_by(busy_world(NOW), same_boot=same_boot))
    play(world, Resumed(), SOON)
    for second in range(3600):
        play(world, Tick(), Instant(SOON + second))
    assert all(system.reset is None for system in world.systems.values())
    assert world.asked[A, REQUEST].outcome is Outcome.FAIL


@pytest.mark.parametrize("same_boot", [True, False])
def test_a_source_that_was_distrusted_is_distrusted_by_the_next_process(same_boot: bool) -> None:
    before = busy_world(NOW)
    name, policy = next((n, p) for n, p in POLICIES.items() if p.feeds)
    feeds = tuple(str(feed) for feed in policy.feeds)
    why = (
        Distrust(Source.BMC, Sign.WORD, NOW),
        Distrust(Source.FEEDS, None, NOW, cut=True, feeds=feeds),
    )
    before.put_server(replace(before.servers[name], distrusts=why))
    after = recovered(before.settings, BINDINGS, left_by(before, same_boot=same_boot), SOON)
    assert [one.source for one in after.servers[name].distrusts] == [Source.BMC, Source.FEEDS]
    said = [a for a in step(after, Resumed(), SOON) if isinstance(a, Remark)]
    assert [one.message for one in said].count("still-distrusted") == 2


def test_other_outlets_end_what_was_seen_of_those_that_were_cut() -> None:
    before = busy_world(NOW)
    name = next(n for n, p in POLICIES.items() if p.feeds)
    why = Distrust(Source.FEEDS, None, NOW, cut=True, feeds=("10.9.9.9#1",))
    before.put_server(replace(before.servers[name], distrusts=(why,)))
    after = recovered(before.settings, BINDINGS, left_by(before), SOON)
    assert after.servers[name].distrusts == ()
