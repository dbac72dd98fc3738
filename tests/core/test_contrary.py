"""What contradicts what: the table, and the contract for every source of off that is to come."""

from dataclasses import dataclass, field, replace

import pytest

from haconn.core.contrary import (
    DISTRUST_AFTER_S,
    LIFE_ENDS_AFTER_S,
    QUIET_S,
    SIGNS_AGAINST,
    Sign,
    Source,
    condemns,
    contradicts,
    voids,
)
from haconn.core.model import Power
from haconn.core.off_proof import judge, look
from haconn.core.power import RUN_S, Run, Trust
from haconn.core.reset import Evidence
from haconn.core.words import Asking, Words, is_silent, lived_at
from tests.core.parts import ONE, THREE, Site, at, registered

EXPECTED = {
    Source.BMC: {Sign.WORD},
    Source.FEEDS: {Sign.WORD, Sign.BMC_ON},
    Source.HYPERVISOR: {Sign.WORD, Sign.GUEST_ON},
}


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("sign", Sign)
def test_each_source_has_its_contrary_signs(source: Source, sign: Sign) -> None:
    assert (sign in SIGNS_AGAINST[source]) == (sign in EXPECTED[source])
    assert voids(sign, source, at(10.1), at(10.0)) == (sign in EXPECTED[source])
    assert voids(sign, source, at(10.0), at(10.0)) == (sign in EXPECTED[source])
    assert not voids(sign, source, at(9.9), at(10.0))


@pytest.mark.parametrize("evidence", Evidence)
def test_life_ends_every_evidence_but_a_new_boot_after_its_time(evidence: Evidence) -> None:
    later_by_s = {Evidence.HARD_RESET_ACCEPTED: 3.0, Evidence.NEW_BOOT: None}.get(evidence, 0.0)
    assert LIFE_ENDS_AFTER_S.get(evidence) == later_by_s
    if later_by_s is None:
        assert not contradicts(evidence, at(10.0), at(1000.0))
        return
    assert not contradicts(evidence, at(10.0), at(10.0 + later_by_s))
    assert contradicts(evidence, at(10.0), at(10.01 + later_by_s))


def test_a_source_is_not_condemned_at_the_first_word() -> None:
    assert not condemns(at(10.0), at(10.0 + DISTRUST_AFTER_S))
    assert condemns(at(10.0), at(10.01 + DISTRUST_AFTER_S))


def test_a_word_is_dated_by_what_it_answers_and_by_its_arrival_less_three_seconds() -> None:
    nothing = Words()
    assert lived_at(nothing, None, at(10.0)) == 7.0
    assert lived_at(nothing, at(5.0), at(10.0)) == 7.0
    assert lived_at(nothing, at(9.0), at(10.0)) == 9.0
    assert lived_at(nothing, at(11.0), at(10.0)) == 10.0
    assert lived_at(Words(lived_at=at(9.5)), at(9.0), at(10.0)) == 9.5


def test_an_ask_is_silence_only_when_it_is_over_recent_and_unanswered() -> None:
    over = Asking(at(10.0), at(10.3), 4, over=True)
    words = Words(ask=over)
    assert is_silent(words, at(10.0), at(10.3))
    assert is_silent(words, at(9.0), at(15.0))
    assert not is_silent(words, at(9.0), at(15.1))
    assert not is_silent(words, at(10.1), at(10.3))
    assert not is_silent(Words(), at(9.0), at(10.3))
    assert not is_silent(Words(ask=replace(over, over=False)), at(9.0), at(10.3))
    assert is_silent(replace(words, lived_at=at(9.9)), at(9.0), at(10.3))
    assert not is_silent(replace(words, lived_at=at(10.0)), at(9.0), at(10.3))


def test_an_ask_leaves_four_times_and_is_over_three_tenths_of_a_second_later() -> None:
    ask, left = Asking(at(10.0), at(10.0)), []
    for step in range(64):
        now = at(10.0 + step / 200)
        before, ask = ask, ask.stepped(now)
        left += [now] if ask.sent > before.sent else []
        assert not (ask.over and now < 10.3)
    assert left == pytest.approx([10.0, 10.05, 10.1, 10.2], abs=0.006)
    assert ask.over
    assert ask.stepped(at(99.0)) == ask


def test_a_source_without_a_driver_proves_nothing() -> None:
    site = registered()
    assert judge(site.world, site.system(), Source.HYPERVISOR, at(1.0)) is None


def test_a_system_that_is_gone_is_not_looked_at() -> None:
    site = Site()
    del site.world.systems[THREE]
    site.world.watches[THREE] = at(1.0)
    assert look(site.world, THREE, at(1.0)) == []
    assert site.world.watches == {}
    assert ONE in site.world.systems


@dataclass
class MadeUpHypervisor:
    """A host that lists a guest as off, or not; what a driver for one has to keep to."""

    run: Run | None = None
    trust: Trust = field(default_factory=Trust)

    def lists(self, power: Power, asked: float) -> None:
        """The list of the host was read."""
        answered = at(asked + 0.01)
        self.trust = self.trust.was_read(power, answered)
        if power is not Power.OFF or not self.trust.precedes(at(asked)):
            self.run = None
        elif self.run is None:
            self.run = Run(1, at(asked), answered, 1, RUN_S, at(asked))
        else:
            self.run = replace(self.run, reads=self.run.reads + 1, last_asked_at=at(asked))

    def sign(self, sign: Sign, when: float, now: float) -> None:
        """Something showed that the guest lives."""
        if self.run and voids(sign, Source.HYPERVISOR, at(when), self.run.first_answered_at):
            self.run, self.trust = None, self.trust.was_contradicted(at(when), at(now))

    def proves(self, now: float) -> bool:
        """Whether its list is OFF."""
        quiet = self.trust.void_at is None or now >= self.trust.void_at + QUIET_S
        return self.run is not None and self.run.proves and quiet


def test_a_guest_that_its_host_lists_as_off_is_off_unless_it_speaks_or_its_own_state_reads_on() -> (
    None
):
    for sign in (Sign.WORD, Sign.GUEST_ON, Sign.BMC_ON):
        host = MadeUpHypervisor()
        host.lists(Power.ON, 9.0)
        host.lists(Power.OFF, 10.0)
        host.lists(Power.OFF, 10.6)
        assert host.proves(10.7)
        host.sign(sign, 10.65, 10.7)
        assert host.proves(10.7) == (sign is Sign.BMC_ON)
        host.lists(Power.OFF, 10.62)  # it was asked before the sign
        host.lists(Power.OFF, 10.8)
        host.lists(Power.OFF, 11.4)
        assert host.proves(11.5) == (sign is Sign.BMC_ON)
        assert host.proves(11.7)
        assert host.trust.off_since == 10.01
