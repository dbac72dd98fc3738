"""How verdicts age."""

from dataclasses import replace

import pytest

from haconn.core.reset import OUTCOME_OF, Evidence, Outcome
from haconn.core.system import System, Verdict, at_once, contradicted, is_barred
from tests.core.parts import ONE, at

SYSTEM = System(ONE, "db1")


def proved(evidence: Evidence, when: float = 100.0) -> System:
    verdict = Verdict(OUTCOME_OF[evidence], evidence, at(when), at(when))
    return replace(SYSTEM, verdict=verdict)


def holds(system: System, now: float, *, turned_on_at: float | None = None) -> bool:
    turned = None if turned_on_at is None else at(turned_on_at)
    found = at_once(system, at(now), turned_on_at=turned)
    assert found in (None, system.verdict)
    return found is not None


@pytest.mark.parametrize(
    ("evidence", "for_s"),
    [
        (Evidence.HARD_RESET_ACCEPTED, 10.0),
        (Evidence.STOP_NOTICE, 600.0),
        (Evidence.KDUMP_NOTICE, 60.0),
    ],
)
def test_each_kind_of_evidence_has_its_age(evidence: Evidence, for_s: float) -> None:
    system = proved(evidence)
    assert holds(system, 100.0)
    assert holds(system, 100.0 + for_s)
    assert not holds(system, 100.1 + for_s)


def test_a_kdump_verdict_lasts_from_its_last_datagram() -> None:
    system = proved(Evidence.KDUMP_NOTICE)
    assert system.verdict is not None
    system = replace(system, verdict=replace(system.verdict, last=at(150.0)))
    assert holds(system, 210.0)
    assert not holds(system, 210.1)


@pytest.mark.parametrize("evidence", [Evidence.POWER_OFF, Evidence.OUTLETS_OFF, Evidence.NEW_BOOT])
def test_an_off_or_a_new_boot_is_no_verdict_for_the_next_request(evidence: Evidence) -> None:
    assert not holds(proved(evidence), 100.0)


def test_a_run_of_off_is_contradicted_after_its_first_read_and_dated_by_its_last() -> None:
    verdict = Verdict(Outcome.POFF, Evidence.POWER_OFF, at(100.0), at(100.0), at(99.0))
    assert verdict.contradicted_after == 99.0
    assert replace(verdict, since=None).contradicted_after == 100.0


def test_a_sign_of_life_ends_a_verdict() -> None:
    system = proved(Evidence.STOP_NOTICE)
    assert not holds(replace(system, alive_at=at(100.1)), 101.0)
    assert not holds(replace(system, alive_at=at(100.0)), 101.0)
    assert holds(replace(system, alive_at=at(99.9)), 101.0)
    assert not contradicted(system, Evidence.STOP_NOTICE, at(100.0))


def test_a_new_boot_does_not_contradict_itself() -> None:
    booted = replace(SYSTEM, alive_at=at(100.0))
    assert not contradicted(booted, Evidence.NEW_BOOT, at(100.0))
    assert contradicted(booted, Evidence.NEW_BOOT, at(99.9))


def test_power_that_came_on_ends_a_verdict() -> None:
    system = proved(Evidence.STOP_NOTICE)
    assert not holds(system, 101.0, turned_on_at=100.1)
    assert holds(system, 101.0, turned_on_at=100.0)


def test_without_a_verdict_nothing_is_answered_at_once() -> None:
    assert not holds(SYSTEM, 100.0)


def test_a_bar_lasts_sixty_seconds_after_the_last_command() -> None:
    barred = replace(SYSTEM, barred=True, commanded_at=at(100.0))
    assert is_barred(barred, at(159.9))
    assert not is_barred(barred, at(160.0))
    assert not is_barred(replace(barred, barred=False), at(100.0))
    assert not is_barred(replace(barred, commanded_at=None), at(100.0))
