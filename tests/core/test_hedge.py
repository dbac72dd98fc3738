"""The cut beside a BMC that is known dead."""

from dataclasses import replace

from haconn.core.plan import Proof
from haconn.core.reset import (
    BmcDead,
    Command,
    Issue,
    Record,
    TimePassed,
)
from tests.core.one_reset import (
    OUTLETS,
    PLAIN,
    Run,
    hard_sent,
    hedged,
    soft_sent,
)
from tests.core.parts import REFUSED, UNSENT, at


def test_hedge_issues_the_hard_stage_and_the_cut_together() -> None:
    run = hedged()
    assert run.trying.hedged
    assert run.issued(100.0) == (
        Issue(1, Command.HARD_RESET, at(110.0)),
        Issue(2, Command.OUTLETS_OFF, at(110.0)),
    )


def test_hedged_pair_lasts_as_long_as_the_longer_of_both() -> None:
    run = Run(replace(OUTLETS, hedge=True, hard_s=30.0), bmc_dead=True)
    run.issued(100.0)
    run.answered(UNSENT, 100.0)
    run.issued(100.0)
    assert run.trying.until == 130.0


def test_refusal_of_the_hard_half_does_not_end_the_cut() -> None:
    run = hedged()
    run.issued(100.0)
    assert run.answered(REFUSED, 100.1, stage=1) == ()
    assert run.trying.stage == 2


def test_no_hedge_beside_a_bmc_that_answers() -> None:
    run = soft_sent(replace(OUTLETS, hedge=True))
    assert run.take(TimePassed(), 102.0) == (Record(1),)
    assert not run.trying.hedged


def test_no_hedge_without_the_policy_or_without_outlets() -> None:
    for policy in (OUTLETS, replace(PLAIN, hedge=True)):
        run = soft_sent(policy)
        run.take(BmcDead(), 101.0)
        assert run.take(TimePassed(), 102.0) == (Record(1),)


def test_hedge_of_a_power_off() -> None:
    run = soft_sent(replace(OUTLETS, hedge=True, proof=Proof.POWER_OFF))
    run.take(BmcDead(), 101.0)
    assert run.take(TimePassed(), 102.0) == (Record(2),)


def test_no_hedge_when_the_hard_stage_is_over() -> None:
    run = hard_sent(replace(OUTLETS, hedge=True))
    run.take(BmcDead(), 105.0)
    assert run.take(TimePassed(), 110.0) == (Record(2),)
    assert not run.trying.hedged
    assert run.issued(110.0) == (Issue(2, Command.OUTLETS_OFF, at(120.0)),)


def test_a_second_shot_is_not_hedged_without_outlets() -> None:
    run = hard_sent(replace(PLAIN, hedge=True))
    run.take(BmcDead(), 105.0)
    assert run.take(TimePassed(), 112.0) == (Record(2),)
    assert not run.trying.hedged
