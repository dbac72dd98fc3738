"""A share of the seeded plays of the real core against lying devices; `python -m
tests.core.contradiction` plays more of them.

Two things hold in each case: no verdict stands against what had arrived when it was told, whatever
lies, is lost or restarts; and where the device is honest and the target dies, no reset is lost.
"""

from functools import cache
from random import Random

import pytest

from haconn.core.model import Feed, Instant, Power, SystemKey
from haconn.core.plan import Policy
from haconn.core.reset import Evidence, Outcome
from tests.core.contradiction.cases import CASES
from tests.core.contradiction.client import Word
from tests.core.contradiction.hardware import Machine
from tests.core.contradiction.oracle import Oracle, Read
from tests.core.contradiction.play import Play
from tests.core.contradiction.tally import Tally, tally

SEEDS = range(100)
HONEST = sorted(case for case, what in CASES.items() if what.honest)
T, ASKER = SystemKey(6001, 1), SystemKey(6001, 3)
FEED = Feed("10.1.0.1", "1")


@cache
def played(case: str) -> Tally:
    """All seeds of a case."""
    return tally((case, SEEDS))


@pytest.mark.parametrize("case", HONEST)
def test_no_reset_is_lost_where_the_device_is_honest_and_the_target_dies(case: str) -> None:
    total = played(case)
    assert not total.counts["lost"], f"lost in seeds {total.lost_in}"
    assert len(total.times) == total.counts["seeds"] == len(SEEDS)


@pytest.mark.parametrize("case", sorted(CASES))
def test_no_verdict_stands_against_what_had_arrived(case: str) -> None:
    total = played(case)
    assert not total.counts["against_arrived"], f"false in seeds {total.false}"


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_play_is_the_same_every_time(case: str) -> None:
    first, second = (
        Play(CASES[case].build(random), random, verbose=True).run()
        for random in (Random(7), Random(7))
    )
    assert first.lines == second.lines
    assert first.lines


class TestOracle:
    """The oracle condemns what it is there to condemn, and nothing else."""

    def oracle(self) -> Oracle:
        machines = {T: Machine(T)}
        return Oracle({T: "t"}, {"t": Policy("t", feeds=(FEED,))}, machines)

    def told(self, oracle: Oracle, evidence: Evidence, at: float, now: float) -> Oracle:
        from haconn.core.actions import TellResult

        outcome = Outcome.POFF
        oracle.result(TellResult(ASKER, "q", T, outcome, evidence, Instant(at)), now)
        return oracle

    def reads(self, *times: float, power: Power = Power.OFF) -> list[Read]:
        return [Read(at, at + 0.01, power) for at in times]

    @pytest.mark.parametrize(
        ("given_at", "false"), [(9.9, 0), (10.4, 1), (10.9, 1)], ids=["before", "within", "after"]
    )
    def test_a_word_given_out_after_the_first_off_speaks_against_it(
        self, given_at: float, false: int
    ) -> None:
        oracle = self.oracle()
        oracle.bmcs["t"] = self.reads(10.0, 10.5)
        oracle.word(Word(Machine(T), 1, given_at, 0.0, 0), 11.0)
        assert self.told(oracle, Evidence.POWER_OFF, 10.5, 11.1).counts.against_arrived == false

    def test_a_run_that_began_anew_after_the_word_is_good(self) -> None:
        oracle = self.oracle()
        oracle.bmcs["t"] = self.reads(10.0, 10.5, 11.2, 11.7)
        oracle.word(Word(Machine(T), 1, 11.0, 0.0, 0), 11.01)
        assert not self.told(oracle, Evidence.POWER_OFF, 11.7, 12.0).counts.against_arrived

    def test_a_word_that_may_have_been_under_way_for_three_seconds_is_none(self) -> None:
        oracle = self.oracle()
        oracle.bmcs["t"] = self.reads(10.0, 10.5)
        oracle.word(Word(Machine(T), 1, 0.0, 0.0, 0), 12.9)
        assert not self.told(oracle, Evidence.POWER_OFF, 10.5, 12.95).counts.against_arrived
        oracle.word(Word(Machine(T), 1, 0.0, 0.0, 0), 13.2)
        assert self.told(oracle, Evidence.POWER_OFF, 10.5, 13.3).counts.against_arrived

    def test_a_bmc_that_reads_on_speaks_against_outlets(self) -> None:
        oracle = self.oracle()
        oracle.feeds[FEED] = self.reads(10.0)
        oracle.bmcs["t"] = self.reads(10.1, power=Power.ON)
        assert self.told(oracle, Evidence.OUTLETS_OFF, 10.0, 10.2).counts.against_arrived

    def test_one_read_of_off_is_no_run(self) -> None:
        oracle = self.oracle()
        oracle.bmcs["t"] = self.reads(10.0)
        assert self.told(oracle, Evidence.POWER_OFF, 10.0, 10.2).counts.against_arrived

    def test_what_runs_unheard_is_false_by_the_truth_alone(self) -> None:
        oracle = self.oracle()
        oracle.bmcs["t"] = self.reads(10.0, 10.5)
        counts = self.told(oracle, Evidence.POWER_OFF, 10.5, 11.0).counts
        assert (counts.against_arrived, counts.by_truth) == (0, 1)
