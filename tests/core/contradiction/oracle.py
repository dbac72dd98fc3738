"""The oracle: what a verdict was held against when it was told, by the truth and by what had come.

**False against what had arrived.** At the moment that DUMP or POFF is told of a system, by a
RESULT or by a NOTIFY, on evidence other than a stop notice or a new boot, let *lived* be the
latest of, for every word that has arrived of that system's boots: when we gave out what it
answers (the nonce of its session, or an ask), and its arrival less 3 s; of a boot that is new, its
arrival. The verdict is false if
- by power read off: no unbroken run of at least two reads of off of one session, 0.5 s from first
  to last, not asked later than the evidence says, has its first answer at *lived* or later;
- by outlets: some feed does not read off as of the evidence; or all of them read off at *lived*
  already, and not each of them was read off again since; or the BMC read on by a read that was
  asked later than the answer with which their run began, before we switched anything on again;
- by acceptance: *lived* is more than 3 s later than the acceptance.
The shortest run that could prove is taken, never the longest: a core that is stricter passes.

**False by the truth alone.** The system's boot of that time runs at the moment of telling, though
nothing contrary had come. Design 10.1 leaves some of these open; they are counted apart, and those
by acceptance, which is an answer and no effect, apart from those by power.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from haconn.core.actions import NoticeKind, TellNotices, TellResult
from haconn.core.model import Feed, Power, SystemKey
from haconn.core.plan import Policy
from haconn.core.reset import Evidence, Outcome
from tests.core.contradiction.client import Word
from tests.core.contradiction.hardware import Machine

UNDER_WAY_S = 3.0
RUN_S = 0.5
SLACK_S = 1e-6
GOOD = {Outcome.DUMP, Outcome.POFF}
NO_READING = {Evidence.STOP_NOTICE, Evidence.KDUMP_NOTICE, Evidence.NEW_BOOT}


@dataclass
class Read:
    """One answer of a device about power."""

    asked_at: float
    answered_at: float
    power: Power | None
    """None: a new session begins."""


@dataclass
class Counts:
    """What one play came to."""

    against_arrived: int = 0
    by_truth: int = 0
    by_acceptance: int = 0
    """Of acceptances: the effect had not come, or never comes."""
    findings: list[str] = field(default_factory=list)


@dataclass
class Oracle:
    """Sees what goes in and what comes out."""

    servers: Mapping[SystemKey, str]
    policies: Mapping[str, Policy]
    machines: Mapping[SystemKey, Machine]
    counts: Counts = field(default_factory=Counts)
    lived: dict[SystemKey, float] = field(default_factory=lambda: defaultdict(lambda: -inf))
    boots: dict[SystemKey, int] = field(default_factory=dict)
    bmcs: dict[str, list[Read]] = field(default_factory=lambda: defaultdict(list))
    feeds: dict[Feed, list[Read]] = field(default_factory=lambda: defaultdict(list))
    ordered_on: dict[str, float] = field(default_factory=dict)
    """When we switched a server on again: a BMC that reads on from then contradicts nothing."""
    judged: set[tuple[SystemKey, float, str]] = field(default_factory=set)

    def word(self, word: Word, now: float) -> None:
        """A word has arrived."""
        key = word.machine.key
        lived = max(word.given_at, now - UNDER_WAY_S)
        before = self.boots.setdefault(key, word.boot)
        if word.boot > before:
            self.boots[key], lived = word.boot, now
        self.lived[key] = max(self.lived[key], lived)

    def result(self, action: TellResult, now: float) -> None:
        """A RESULT leaves."""
        evidence = action.evidence
        if action.outcome in GOOD and evidence is not None and evidence not in NO_READING:
            self._told(action.target, evidence, action.at, now)

    def notices(self, action: TellNotices, now: float) -> None:
        """A NOTIFY leaves; POFF may stand on either source, REBOOT on a new boot as well."""
        for notice in action.notices:
            if notice.kind is NoticeKind.POFF:
                bmc = self._support(notice.about, Evidence.POWER_OFF, notice.at)
                feeds = self._support(notice.about, Evidence.OUTLETS_OFF, notice.at)
                better = Evidence.POWER_OFF if bmc >= feeds else Evidence.OUTLETS_OFF
                self._told(notice.about, better, notice.at, now)
            elif notice.kind is NoticeKind.REBOOT and notice.at != self.lived[notice.about]:
                self._told(notice.about, Evidence.HARD_RESET_ACCEPTED, notice.at, now)

    def _told(self, key: SystemKey, evidence: Evidence, at: float, now: float) -> None:
        machine = self.machines[key]
        lived = self.lived[key]
        support = self._support(key, evidence, at)
        what = f"{now:.3f} {key} {evidence.name} of {at:.3f}, supported from {support:.3f}"
        if lived > support + SLACK_S or support == -inf:
            self._count("against_arrived", key, at, f"{what}: it lived at {lived:.3f}")
        elif machine.is_alive(now) and machine.alive_from < at:
            kind = "by_acceptance" if evidence is Evidence.HARD_RESET_ACCEPTED else "by_truth"
            self._count(kind, key, at, f"{what}: it runs, and nothing says so")

    def _count(self, kind: str, key: SystemKey, at: float, finding: str) -> None:
        """Count each verdict once, however often it is told."""
        if (key, at, kind) not in self.judged:
            self.judged.add((key, at, kind))
            setattr(self.counts, kind, getattr(self.counts, kind) + 1)
            self.counts.findings.append(f"{kind}: {finding}")

    def _support(self, key: SystemKey, evidence: Evidence, at: float) -> float:
        server = self.servers[key]
        if evidence is Evidence.HARD_RESET_ACCEPTED:
            return at + UNDER_WAY_S
        if evidence is Evidence.POWER_OFF:
            return _bmc_support(self.bmcs[server], at)
        return self._feeds_support(server, at)

    def _feeds_support(self, server: str, at: float) -> float:
        latest, begun = [], []
        for feed in self.policies[server].feeds:
            run = _off_run(self.feeds[feed], at)
            if not run:
                return -inf
            latest.append(run[0].answered_at)
            begun.append(run[-1].answered_at)
        if not latest:
            return -inf
        first = max(min(latest), max(begun))
        until = self.ordered_on.get(server, inf)
        on = (read.asked_at for read in self.bmcs[server] if read.power is Power.ON)
        return -inf if any(first < asked_at < until for asked_at in on) else first


def _off_run(reads: list[Read], at: float) -> list[Read]:
    """Give the unbroken reads of off of one outlet, the latest first."""
    run: list[Read] = []
    for read in reversed(reads):
        if read.power is Power.OFF:
            run.append(read)
        elif run or read.asked_at <= at + SLACK_S:
            break
    return run


def _bmc_support(reads: list[Read], at: float) -> float:
    """Give the first answer of the latest run that proves, not asked later than the evidence."""
    last: float | None = None
    for read in reversed(reads):
        if last is None and read.asked_at > at + SLACK_S:
            continue
        if read.power is not Power.OFF:
            if last is None:
                continue
            return -inf
        if last is None:
            last = read.asked_at
        elif last - read.asked_at >= RUN_S - SLACK_S:
            return read.answered_at
    return -inf
