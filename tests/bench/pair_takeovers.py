"""Takeovers as a client sees them, in seconds, and the same of keepalived."""

import math
import random
from dataclasses import dataclass

import trio

from fixtures.simulators.netns.measuring import Blow, Takeover, take_over
from fixtures.simulators.netns.pair_room import PairSpec, Play
from fixtures.simulators.netns.truth import Stamp, What
from tests.bench.pair_figures import Aim, Finding, Row, Tally, Theirs
from tests.bench.pair_rooms import BMC_EFFECT_S, Tries, repeated, seasoned, two_managed

PHASE_S = 0.5
"""Longer than any period of the pair: a blow falls at any point of it."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A kind of blow, and what is aimed at."""

    blow: Blow
    what: str
    aim: Aim
    outage: bool = False
    """The aim is for the time in which nobody answers, not until the other does."""

    def met(self, taken: Takeover) -> bool:
        """Whether one takeover alone is within the worst that is aimed at."""
        return (taken.outage_s if self.outage else taken.answered_after_s) <= self.aim.worst


STRUCK = (
    Struck(Blow.KILL, "daemon killed (SIGKILL)", Aim(median=0.6, worst=1.0)),
    Struck(Blow.FREEZE, "daemon stopped (SIGSTOP)", Aim(worst=3.0)),
    Struck(Blow.PANIC, f"machine dead, BMC reads off after {BMC_EFFECT_S:g} s", Aim(worst=3.0)),
    Struck(Blow.RESTART, "haconnact restart", Aim(worst=0.5), outage=True),
)


async def measure(
    struck: Struck, runs: int, theirs: Theirs | None, notes: list[str]
) -> list[Finding]:
    """Strike so often. Raises InvalidRunError."""

    async def once(play: Play) -> Takeover:
        await seasoned(play)
        await trio.sleep(random.uniform(0, PHASE_S))
        seen = len(play.room.truth.log)
        taken = await take_over(play, struck.blow)
        if not struck.met(taken):
            notes.append(_timeline(struck, taken, play.room.truth.log[seen:]))
        return taken

    tries = await repeated(runs, PairSpec(managed=two_managed()), once)
    notes += tries.notes
    return findings(struck, tries, theirs)


def _timeline(struck: Struck, taken: Takeover, log: list[Stamp]) -> str:
    """What happened in a takeover that took too long, in seconds from the blow."""
    held = next(one for one in log if one.what is What.HELD)
    blow_at = held.at - taken.held_after_s
    stamps = "; ".join(f"{one.at - blow_at:.3f} {one.member} {one.what.value}" for one in log)
    answered = f"answered after {taken.answered_after_s:.3f} s, outage {taken.outage_s:.3f} s"
    return f"{struck.what}: {answered}: {stamps}"


def findings(struck: Struck, tries: Tries[Takeover], theirs: Theirs | None) -> list[Finding]:
    """Three times of each blow, one of which has an aim, and whether two ever held the address."""
    never = (math.inf,) * tries.lost
    held = (*(one.held_after_s for one in tries.found), *never)
    answered = (*(one.answered_after_s for one in tries.found), *never)
    outage = (*(one.outage_s for one in tries.found), *never)
    main = (None, struck.aim) if struck.outage else (struck.aim, None)
    return [
        Row(f"{struck.what} -> the other holds the address", held),
        Row(f"{struck.what} -> the other answers a client", answered, main[0], theirs),
        Row(f"{struck.what}: nobody answers a client for", outage, main[1]),
        Tally(f"{struck.what}: two powered holders", tries.doubles, tries.count, 0),
    ]
