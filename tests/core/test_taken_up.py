"""A reset that another process began, taken up from what it recorded."""

from dataclasses import replace

import pytest

from haconn.core.model import Instant
from haconn.core.plan import reset_plan
from haconn.core.reset import (
    Command,
    Concluded,
    Evidence,
    Issue,
    Outcome,
    Phase,
    Record,
    Seen,
    Sent,
    Step,
    TimePassed,
    Trying,
)
from haconn.core.taken_up import LOOK_S, PASS_ON_S, begin_after_nmi, pass_on_at, resume
from tests.core.one_reset import (
    BEGAN,
    OUTLETS,
    PLAIN,
    Run,
    concluded,
    cutting,
    hard_sent,
    hedged,
    soft_sent,
)
from tests.core.parts import UNSENT, at


def resumed(run: Run, now: float) -> Step:
    return resume(run.plan, run.trying, Instant(now))


def test_a_soft_stage_is_passed_on_so_early_that_the_look_lies_within_t_soft() -> None:
    run = soft_sent()
    leaves = pass_on_at(run.plan, run.trying)
    assert leaves == pytest.approx(102.0 - LOOK_S - PASS_ON_S)
    state, _ = resumed(run, leaves + PASS_ON_S)
    assert isinstance(state, Trying)
    assert state.until == pytest.approx(102.0)


def test_a_stage_that_would_only_wait_for_its_record_is_passed_on_at_once() -> None:
    run = Run()
    assert pass_on_at(run.plan, run.trying) == BEGAN
    run = soft_sent()
    run.take(TimePassed(), 102.0)
    assert pass_on_at(run.plan, run.trying) == BEGAN


def test_a_hard_stage_is_passed_on_when_its_time_ends() -> None:
    run = hard_sent()
    assert pass_on_at(run.plan, run.trying) == run.trying.until
    run = soft_sent()
    run.answered(UNSENT, 100.1)
    assert pass_on_at(run.plan, run.trying) == run.trying.until


def test_resumed_soft_stage_sends_no_second_nmi() -> None:
    state, actions = resumed(soft_sent(), 100.5)
    assert actions == ()
    assert state == Trying(
        0, at(102.0), Phase.ISSUED, sent=frozenset({0}), commanded_at=at(100.0), taken_up=True
    )


def test_resumed_soft_stage_lasts_at_least_a_second() -> None:
    state, _ = resumed(soft_sent(), 101.7)
    assert isinstance(state, Trying)
    assert state.until == 101.7 + LOOK_S


def test_resumed_soft_stage_that_was_only_recorded_may_have_left() -> None:
    run = Run()
    state, actions = resumed(run, 100.5)
    assert actions == ()
    assert state == Trying(
        0, at(102.5), Phase.ISSUED, sent=frozenset({0}), commanded_at=at(100.5), taken_up=True
    )


def test_resumed_hard_stage_looks_for_a_second_and_has_one_shot() -> None:
    run = hard_sent()
    state, actions = resumed(run, 104.0)
    assert actions == ()
    assert isinstance(state, Trying)
    assert (state.phase, state.until, state.commanded_at) == (Phase.LOOKING, 105.0, 102.0)
    run.state = state
    assert run.take(TimePassed(), 104.9) == ()
    assert run.take(TimePassed(), 105.0) == (Issue(1, Command.HARD_RESET, at(112.0)),)
    assert run.take(TimePassed(), 106.0) == ()


def test_restarts_do_not_put_the_end_of_a_hard_stage_off() -> None:
    run = hard_sent()
    for restart in (104.0, 105.5, 111.5):
        state, _ = resumed(run, restart)
        assert isinstance(state, Trying)
        assert state.rest == 112.0
        run.state = state
    assert run.take(TimePassed(), 112.5) == (Record(2),)


def test_resumed_hard_stage_that_sees_a_new_boot_does_not_shoot() -> None:
    run = hard_sent()
    run.state, _ = resumed(run, 104.0)
    run.take(Seen(Evidence.NEW_BOOT, at(104.5)), 104.5)
    assert run.end.evidence is Evidence.NEW_BOOT


def test_resumed_hard_stage_that_was_not_known_to_be_sent_dates_the_doubt_now() -> None:
    run = soft_sent()
    run.take(TimePassed(), 102.0)
    run.issued(102.0)
    state, _ = resumed(run, 104.0)
    assert isinstance(state, Trying)
    assert state.sent == {0, 1}
    assert state.commanded_at == 104.0


def test_resumed_cut_is_recorded_and_issued_anew() -> None:
    run = cutting()
    run.take(Sent(2), 110.1)
    state, actions = resumed(run, 111.0)
    assert actions == (Record(2),)
    assert isinstance(state, Trying)
    assert (state.phase, state.until) == (Phase.RECORDING, run.plan.deadline)
    assert (state.cut_begun, state.commanded_at) == (True, 110.1)


def test_resumed_cut_may_have_begun() -> None:
    run = cutting()
    run.state, _ = resumed(run, 111.0)
    assert run.trying.cut_begun
    assert run.trying.commanded_at == 111.0
    assert run.take(Seen(Evidence.NEW_BOOT, at(111.5)), 111.5) == ()


def test_resumed_cut_that_was_only_recorded_has_not_begun() -> None:
    run = hard_sent(OUTLETS)
    run.take(TimePassed(), 110.0)
    run.state, _ = resumed(run, 111.0)
    assert not run.trying.cut_begun
    assert run.trying.sent == {0, 1, 2}


def test_resumed_hedge_cuts_and_its_hard_reset_stays_in_doubt() -> None:
    run = hedged()
    run.issued(100.0)
    run.state, actions = resumed(run, 101.0)
    assert actions == (Record(2),)
    assert not run.trying.hedged
    assert not run.trying.bmc_dead
    assert run.trying.sent == {1, 2}
    assert run.issued(101.0) == (Issue(2, Command.OUTLETS_OFF, at(111.0)),)


def test_reset_resumed_after_its_deadline_has_failed_in_doubt() -> None:
    run = Run()
    run.issued(100.0)
    deadline = run.plan.deadline
    end = concluded(resumed(run, deadline))
    assert end == Concluded(Outcome.FAIL, None, deadline, True, deadline)
    assert isinstance(resumed(run, deadline - 0.001)[0], Trying)


def test_resumed_reset_does_not_outlast_its_plan() -> None:
    deadline = reset_plan(PLAIN, at(BEGAN), gated=False).deadline
    for run in (soft_sent(), hard_sent()):
        run.state, _ = resumed(run, deadline - 0.5)
        assert run.trying.until == deadline
        run.take(TimePassed(), deadline)
        assert run.end.in_doubt


def test_a_stage_that_was_taken_up_ends_at_its_time_and_the_next_has_its_own() -> None:
    run = hard_sent()
    run.state, _ = resumed(run, 111.0)
    assert run.take(TimePassed(), 112.0) == (Record(2),)
    assert run.issued(112.5) == (Issue(2, Command.HARD_RESET, at(122.5)),)


@pytest.mark.parametrize(
    ("sent_at", "until"), [(99.5, 101.5), (70.0, BEGAN + LOOK_S), (99.75, 101.75)]
)
def test_a_reset_that_begins_after_an_nmi_keeps_the_rest_of_t_soft_and_sends_none(
    sent_at: float, until: float
) -> None:
    run = Run()
    run.state, actions = begin_after_nmi(run.plan, at(sent_at), bmc_dead=False)
    assert run.trying == Trying(
        0, at(until), Phase.ISSUED, sent=frozenset({0}), commanded_at=at(sent_at), taken_up=True
    )
    assert actions == (Record(0),), "a standby must know of it"
    assert run.issued(BEGAN) == ()
    assert run.take(TimePassed(), until - 0.01) == ()
    assert run.take(TimePassed(), until + 0.001) == (Record(1),)
    assert run.issued(until) == (Issue(1, Command.HARD_RESET, at(until + 10.0)),)


def test_a_reset_that_begins_after_an_nmi_is_proved_by_the_stop_that_follows_it() -> None:
    run = Run()
    run.state, _ = begin_after_nmi(run.plan, at(99.0), bmc_dead=False)
    run.take(Seen(Evidence.STOP_NOTICE, at(100.2)), 100.3)
    assert run.end.evidence is Evidence.STOP_NOTICE
    assert run.end.commanded_at == 99.0


def test_a_reset_that_begins_after_an_nmi_ends_by_its_own_deadline() -> None:
    run = Run(replace(PLAIN, soft_s=120.0))
    run.state, _ = begin_after_nmi(run.plan, at(BEGAN + 300.0), bmc_dead=False)
    assert run.trying.until == run.plan.deadline
