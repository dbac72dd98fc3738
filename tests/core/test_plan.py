"""Which stages a policy asks for, and what proves them."""

from dataclasses import replace

from haconn.core.plan import Policy, Proof, reset_plan
from haconn.core.plan import test_plan as plan_of_a_test
from haconn.core.reset import Command, Evidence, Stage
from tests.core.parts import FEED_A, at

ALWAYS = frozenset({Evidence.STOP_NOTICE, Evidence.POWER_OFF, Evidence.NEW_BOOT})
ACCEPTED = ALWAYS | {Evidence.HARD_RESET_ACCEPTED}
CUT = frozenset({Evidence.POWER_OFF, Evidence.OUTLETS_OFF})
PLAIN = Policy("db1")
OUTLETS = Policy("db1", soft_s=1.0, outlets=True, hard_s=60.0, feeds=(FEED_A,))


def test_without_outlets_there_are_two_hard_shots_of_ten_seconds() -> None:
    plan = reset_plan(PLAIN, at(100.0), gated=False)
    assert plan.stages == (
        Stage(Command.SOFT_RESET, 5.0, ALWAYS, True),
        Stage(Command.HARD_RESET, 10.0, ACCEPTED, False),
        Stage(Command.HARD_RESET, 10.0, ACCEPTED, False),
    )
    assert (plan.began, plan.deadline, plan.hedge) == (100.0, 130.0, False)


def test_with_outlets_there_is_one_shot_of_timeout_and_a_cut() -> None:
    plan = reset_plan(replace(OUTLETS, hedge=True), at(100.0), gated=False)
    assert plan.stages == (
        Stage(Command.SOFT_RESET, 1.0, ALWAYS, True),
        Stage(Command.HARD_RESET, 60.0, ACCEPTED, True),
        Stage(Command.OUTLETS_OFF, 10.0, CUT, True),
    )
    assert (plan.deadline, plan.hedge) == (172.0, True)


def test_timeout_counts_with_outlets_only() -> None:
    plan = reset_plan(replace(PLAIN, hard_s=60.0), at(0.0), gated=False)
    assert plan.stages[1].budget_s == 10.0


def test_an_empty_feed_list_is_no_cut() -> None:
    assert OUTLETS.cuts
    for policy in (replace(OUTLETS, outlets=False), replace(OUTLETS, feeds=())):
        assert not policy.cuts
        commands = [stage.command for stage in reset_plan(policy, at(0.0), gated=False).stages]
        assert commands == [Command.SOFT_RESET, Command.HARD_RESET, Command.HARD_RESET]


def test_proof_power_off_asks_for_the_effect() -> None:
    for policy in (PLAIN, OUTLETS):
        plan = reset_plan(replace(policy, proof=Proof.POWER_OFF), at(0.0), gated=False)
        assert plan.stages[0].command is Command.SOFT_RESET
        assert plan.stages[1].command is Command.POWER_OFF
        assert plan.stages[1].proved_by == ALWAYS


def test_a_kdump_notice_proves_the_soft_stage_where_it_is_on() -> None:
    plan = reset_plan(replace(PLAIN, fence_kdump=True), at(0.0), gated=False)
    assert plan.stages[0].proved_by == ALWAYS | {Evidence.KDUMP_NOTICE}
    assert plan.stages[1].proved_by == ACCEPTED


def test_each_stage_may_wait_four_seconds_for_a_standby() -> None:
    assert reset_plan(PLAIN, at(0.0), gated=True).deadline == 30.0 + 12.0


def test_a_test_is_the_soft_stage_alone() -> None:
    plan = plan_of_a_test(replace(OUTLETS, hedge=True), at(7.0))
    assert [stage.command for stage in plan.stages] == [Command.SOFT_RESET]
    assert (plan.began, plan.deadline, plan.hedge) == (7.0, 9.0, False)
