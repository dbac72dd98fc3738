"""Facts of the reset sequence, one event at a time."""

from dataclasses import replace

import pytest

from haconn.core.plan import Proof, reset_plan
from haconn.core.plan import test_plan as plan_of_a_test
from haconn.core.reset import (
    Answered,
    BmcDead,
    BmcReady,
    Command,
    Concluded,
    Event,
    Evidence,
    Issue,
    Outcome,
    Phase,
    Plan,
    Record,
    Recorded,
    Seen,
    Sent,
    TimePassed,
    Trying,
    begin,
    step,
)
from tests.core.one_reset import (
    BEGAN,
    OFF,
    OUTLETS,
    PLAIN,
    Run,
    concluded,
    cutting,
    hard_sent,
    soft_sent,
)
from tests.core.parts import ACCEPTED, IN_DOUBT, REFUSED, UNSENT, at


def test_nothing_is_issued_before_it_is_recorded() -> None:
    run = Run()
    assert run.actions == (Record(0),)
    assert run.state == Trying(0, run.plan.deadline, Phase.RECORDING)
    assert run.take(BmcReady(), 100.1) == ()
    assert run.issued(100.2) == (Issue(0, Command.SOFT_RESET, at(102.2)),)
    assert run.phase() is Phase.ISSUED


def test_record_of_another_stage_issues_nothing() -> None:
    run = Run()
    assert run.take(Recorded(1), 100.0) == ()
    assert run.phase() is Phase.RECORDING


def test_record_that_comes_back_twice_issues_once() -> None:
    run = Run()
    run.issued(100.0)
    assert run.take(Recorded(0), 100.0) == ()


def test_a_plan_without_stages_is_no_plan() -> None:
    with pytest.raises(
        AssertionError, match=r"^a plan without stages would conclude without evidence$"
    ):
        Plan(at(0), at(1), ())


def test_t_soft_runs_from_the_sending() -> None:
    run = Run()
    run.issued(100.0)
    assert run.trying.until == 102.0
    assert run.take(Sent(0), 101.5) == ()
    assert run.trying.until == 103.5
    assert run.trying.sent == {0}
    assert run.trying.commanded_at == 101.5
    assert run.take(TimePassed(), 103.4) == ()
    assert run.take(TimePassed(), 103.5) == (Record(1),)
    assert run.trying == replace(
        run.trying, stage=1, until=run.plan.deadline, phase=Phase.RECORDING, hedged=False
    )


def test_t_soft_never_outlasts_the_plan() -> None:
    run = Run()
    run.issued(100.0)
    run.take(Sent(0), run.plan.deadline - 1)
    assert run.trying.until == run.plan.deadline


def test_t_hard_runs_from_the_issue() -> None:
    run = hard_sent(OUTLETS)
    assert run.trying.until == 110.0
    run.take(Sent(1), 105.0)
    assert run.trying.until == 110.0
    assert run.trying.commanded_at == 105.0


def test_late_sending_of_the_soft_reset_does_not_move_the_hard_stage() -> None:
    run = hard_sent(OUTLETS)
    run.take(Sent(0), 103.0)
    assert run.trying.until == 110.0


def test_budget_of_a_late_stage_ends_with_the_plan() -> None:
    run = hard_sent(OUTLETS)
    run.take(TimePassed(), 115.0)
    assert run.issued(119.0) == (Issue(2, Command.OUTLETS_OFF, run.plan.deadline),)


def test_refused_soft_reset_goes_hard_at_once() -> None:
    run = soft_sent()
    assert run.answered(REFUSED, 100.1) == (Record(1),)
    assert run.trying.sent == frozenset()


def test_refusal_of_an_earlier_stage_is_ignored() -> None:
    run = hard_sent(OUTLETS)
    assert run.answered(REFUSED, 102.1, stage=0) == ()
    assert run.trying.stage == 1
    assert run.trying.sent == {1}


def test_refusal_that_comes_while_the_next_stage_is_recorded_moves_nothing() -> None:
    run = soft_sent(OUTLETS)
    run.take(TimePassed(), 102.0)
    assert run.answered(REFUSED, 102.1, stage=1) == ()
    assert run.trying.stage == 1


def test_refused_hard_reset_brings_the_cut_forward() -> None:
    run = hard_sent(OUTLETS)
    assert run.answered(REFUSED, 102.1) == (Record(2),)


def test_refused_hard_reset_does_not_bring_the_second_shot_forward() -> None:
    run = hard_sent()
    assert run.answered(REFUSED, 102.1) == ()
    assert run.trying.until == 112.0
    assert run.take(TimePassed(), 112.0) == (Record(2),)
    assert run.issued(112.0) == (Issue(2, Command.HARD_RESET, at(122.0)),)


def test_soft_acceptance_is_not_evidence() -> None:
    run = soft_sent()
    assert run.answered(ACCEPTED, 100.1) == ()
    assert run.trying.stage == 0


def test_hard_acceptance_concludes() -> None:
    run = hard_sent()
    run.answered(ACCEPTED, 102.5)
    accepted = Evidence.HARD_RESET_ACCEPTED
    assert run.end == Concluded(Outcome.DUMP, accepted, at(102.5), False, at(102.0))


def test_late_acceptance_of_the_first_shot_counts_during_the_second() -> None:
    run = hard_sent()
    run.take(TimePassed(), 112.0)
    run.issued(112.0)
    run.answered(ACCEPTED, 112.5, stage=1)
    assert run.end.evidence is Evidence.HARD_RESET_ACCEPTED


def test_power_off_taken_is_not_power_read_off() -> None:
    run = hard_sent(replace(PLAIN, proof=Proof.POWER_OFF))
    assert run.answered(ACCEPTED, 102.5) == ()
    run.take(Seen(OFF, at(103.0)), 103.1)
    assert run.end == Concluded(Outcome.POFF, OFF, at(103.0), False, at(102.0))


def test_unsent_soft_reset_is_issued_anew_when_the_bmc_is_ready() -> None:
    run = Run()
    run.issued(100.0)
    assert run.answered(UNSENT, 100.0) == ()
    assert run.phase() is Phase.UNSENT
    assert run.take(BmcReady(), 101.0) == (Issue(0, Command.SOFT_RESET, at(102.0)),)
    assert run.phase() is Phase.ISSUED


def test_unsent_soft_reset_waits_no_longer_than_t_soft() -> None:
    run = Run()
    run.issued(100.0)
    run.answered(UNSENT, 100.0)
    assert run.take(BmcReady(), 102.0) == (Record(1),)


def test_unsent_soft_reset_of_a_dead_bmc_goes_hard_at_once() -> None:
    run = Run(bmc_dead=True)
    run.issued(100.0)
    assert run.answered(UNSENT, 100.0) == (Record(1),)


def test_bmc_that_dies_while_the_soft_reset_is_unsent_gets_no_more_time() -> None:
    run = Run()
    run.issued(100.0)
    run.answered(UNSENT, 100.0)
    assert run.take(BmcDead(), 101.0) == (Record(1),)
    assert run.trying.bmc_dead


def test_bmc_that_dies_while_the_soft_reset_is_in_doubt_moves_nothing() -> None:
    run = soft_sent()
    assert run.answered(IN_DOUBT, 100.5) == ()
    assert run.take(BmcDead(), 101.0) == ()
    assert run.phase() is Phase.ISSUED


def test_unsent_hard_reset_of_a_dead_bmc_gets_its_full_time() -> None:
    run = Run(bmc_dead=True)
    run.issued(100.0)
    run.answered(UNSENT, 100.0)
    run.issued(100.0)
    assert run.answered(UNSENT, 100.0) == ()
    assert run.take(TimePassed(), 109.9) == ()
    assert run.take(BmcDead(), 109.9) == ()
    assert run.take(TimePassed(), 110.0) == (Record(2),)


def test_unsent_answer_of_an_earlier_stage_is_ignored() -> None:
    run = hard_sent(OUTLETS)
    assert run.answered(UNSENT, 102.1, stage=0) == ()
    assert run.phase() is Phase.ISSUED


def test_ready_bmc_is_not_asked_twice() -> None:
    run = soft_sent()
    assert run.take(BmcReady(), 101.0) == ()


def test_a_ready_bmc_is_not_dead() -> None:
    run = Run(bmc_dead=True)
    run.take(BmcReady(), 100.0)
    assert not run.trying.bmc_dead


@pytest.mark.parametrize("event", [BmcReady(), BmcDead(), Answered(0, IN_DOUBT), Recorded(0)])
def test_every_event_looks_at_the_clock(event: Event) -> None:
    run = soft_sent()
    assert run.take(event, 102.0) == (Record(1),)


@pytest.mark.parametrize("evidence", [Evidence.STOP_NOTICE, OFF, Evidence.NEW_BOOT])
def test_what_proves_in_every_stage(evidence: Evidence) -> None:
    for run in (soft_sent(), hard_sent(), hard_sent(OUTLETS), cutting()):
        state, _ = step(run.plan, run.trying, Seen(evidence, at(100.0)), at(119.0))
        assert isinstance(state, Concluded)
        assert state.evidence is evidence
        assert state.at == 100.0
        assert not state.in_doubt


def test_evidence_before_the_plan_is_none() -> None:
    run = soft_sent()
    assert run.take(Seen(OFF, at(99.999)), 100.5) == ()
    assert run.trying.stage == 0
    assert run.take(Seen(OFF, at(99.999)), 102.0) == (Record(1),)


def test_outlets_read_off_prove_nothing_before_the_cut() -> None:
    for run in (soft_sent(OUTLETS), hard_sent(OUTLETS)):
        assert run.take(Seen(Evidence.OUTLETS_OFF, at(101.0)), 101.5) == ()
        assert isinstance(run.state, Trying)


def test_outlets_read_off_while_the_cut_is_recorded_prove_nothing() -> None:
    run = hard_sent(OUTLETS)
    run.take(TimePassed(), 110.0)
    assert run.take(Seen(Evidence.OUTLETS_OFF, at(110.1)), 110.1) == ()
    run.take(Seen(OFF, at(110.2)), 110.2)
    assert run.end.evidence is OFF


def test_what_always_proves_proves_while_the_soft_reset_is_recorded() -> None:
    for evidence in (Evidence.STOP_NOTICE, OFF, Evidence.NEW_BOOT):
        run = Run()
        run.take(Seen(evidence, at(100.1)), 100.1)
        assert run.end.evidence is evidence


def test_all_outlets_off_conclude_a_cut() -> None:
    run = cutting()
    run.take(Sent(2), 110.1)
    run.take(Seen(Evidence.OUTLETS_OFF, at(111.0)), 111.1)
    assert run.end == Concluded(Outcome.POFF, Evidence.OUTLETS_OFF, at(111.0), False, at(110.1))


def test_acceptance_before_the_first_outlet_datagram_concludes() -> None:
    run = cutting()
    run.answered(ACCEPTED, 110.1, stage=1)
    assert run.end.evidence is Evidence.HARD_RESET_ACCEPTED


def test_after_the_first_outlet_datagram_only_off_concludes() -> None:
    for evidence in Evidence:
        run = cutting()
        run.take(Sent(2), 110.1)
        run.take(Seen(evidence, at(111.0)), 111.0)
        ends = evidence in {OFF, Evidence.OUTLETS_OFF}
        assert isinstance(run.state, Concluded) == ends
    run = cutting()
    run.take(Sent(2), 110.1)
    assert run.answered(ACCEPTED, 110.2, stage=1) == ()


def test_refused_cut_fails_at_once() -> None:
    run = cutting()
    run.answered(REFUSED, 110.5)
    assert run.end == Concluded(Outcome.FAIL, None, at(110.5), True, at(102.0))


def test_cut_without_proof_fails_at_the_end_of_its_time() -> None:
    run = cutting()
    run.take(Sent(2), 110.1)
    assert run.take(TimePassed(), 119.9) == ()
    run.take(TimePassed(), 120.0)
    assert run.end == Concluded(Outcome.FAIL, None, at(120.0), True, at(110.1))


def test_all_refused_is_not_in_doubt() -> None:
    run = hard_sent()
    run.answered(REFUSED, 102.1, stage=0)
    run.answered(REFUSED, 102.1)
    run.take(TimePassed(), 112.0)
    run.issued(112.0)
    run.take(Sent(2), 112.0)
    run.answered(REFUSED, 112.1)
    run.take(TimePassed(), 122.0)
    assert run.end == Concluded(Outcome.FAIL, None, at(122.0), False, at(112.0))


def test_stage_that_was_never_recorded_fails_at_the_deadline() -> None:
    run = Run()
    run.issued(run.plan.deadline)
    assert run.end == Concluded(Outcome.FAIL, None, run.plan.deadline, False, None)
    run = Run()
    assert run.take(TimePassed(), run.plan.deadline - 0.001) == ()
    run.take(TimePassed(), run.plan.deadline)
    assert run.end == Concluded(Outcome.FAIL, None, run.plan.deadline, False, None)


def test_a_kdump_notice_counts_in_the_soft_stage_only() -> None:
    policy = replace(OUTLETS, fence_kdump=True)
    run = soft_sent(policy)
    run.take(Seen(Evidence.KDUMP_NOTICE, at(101.0)), 101.0)
    assert run.end.outcome is Outcome.DUMP
    for late in (hard_sent(policy), cutting(policy)):
        assert late.take(Seen(Evidence.KDUMP_NOTICE, at(103.0)), 103.0) == ()


def test_a_kdump_notice_counts_for_servers_that_have_it_on() -> None:
    run = soft_sent()
    assert run.take(Seen(Evidence.KDUMP_NOTICE, at(101.0)), 101.0) == ()


def test_a_test_never_goes_hard() -> None:
    plan = plan_of_a_test(PLAIN, at(BEGAN))
    state, actions = begin(plan, bmc_dead=False)
    assert actions == (Record(0),)
    assert isinstance(state, Trying)
    state, _ = step(plan, state, Recorded(0), at(100.0))
    assert isinstance(state, Trying)
    state, _ = step(plan, state, Sent(0), at(100.0))
    assert isinstance(state, Trying)
    end = concluded(step(plan, state, TimePassed(), at(102.0)))
    assert end == Concluded(Outcome.FAIL, None, at(102.0), True, at(100.0))


def test_every_evidence_has_its_outcome() -> None:
    off = {OFF, Evidence.OUTLETS_OFF}
    for evidence in Evidence:
        run = cutting(replace(OUTLETS, fence_kdump=True))
        run.state = replace(run.trying, stage=0) if evidence is Evidence.KDUMP_NOTICE else run.state
        run.take(Seen(evidence, at(110.5)), 110.5)
        assert run.end.outcome is (Outcome.POFF if evidence in off else Outcome.DUMP)


def test_an_acceptance_is_no_observation_of_the_soft_stage() -> None:
    run = soft_sent(OUTLETS)
    run.take(Seen(Evidence.HARD_RESET_ACCEPTED, at(101.0)), 101.0)
    assert run.trying.stage == 0


def test_an_acceptance_that_is_not_believed_moves_on_the_stage_in_progress_only() -> None:
    plan = reset_plan(OUTLETS, at(0.0), gated=False)
    later = Trying(2, plan.deadline, Phase.ISSUED)
    assert step(plan, later, Answered(1, ACCEPTED, believed=False), at(1.0)) == (later, ())
    hard = Trying(1, plan.deadline, Phase.ISSUED)
    after, actions = step(plan, hard, Answered(1, ACCEPTED, believed=False), at(1.0))
    assert isinstance(after, Trying)
    assert (after.stage, actions) == (2, (Record(2),))
