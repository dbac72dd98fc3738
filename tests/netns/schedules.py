"""Plays by chance: a seed gives deeds at random times. Nothing is expected but the invariants."""

import random
from collections.abc import Callable

from fixtures.simulators.netns.cuts import Way
from fixtures.simulators.netns.stage import Lan
from tests.netns.deeds import (
    At,
    Command,
    CutLans,
    Deed,
    FillDisk,
    Freeze,
    Kill,
    LoseEpoch,
    LyingBmc,
    Mend,
    Panic,
    Part,
    PowerOff,
    PowerOn,
    Replay,
    Resets,
    Scenario,
    SilenceBmc,
    SilencePdus,
    SlowBmc,
    StartUnit,
    StopUnit,
    Who,
)

OVER_S = 20.0
"""Longer than a fencing with a repower and a boot."""
DEEDS_MIN, DEEDS_MAX = 2, 6


def some(chance: random.Random, lans: type[Lan] = Lan) -> tuple[Lan, ...]:
    """One, two or three LANs."""
    return tuple(chance.sample(tuple(lans), chance.randint(1, 3)))


KINDS: tuple[Callable[[random.Random, Who], Deed], ...] = (
    lambda _, who: Kill(who),
    lambda _, who: Freeze(who),
    lambda _, who: StopUnit(who),
    lambda _, who: StartUnit(who),
    lambda _, who: Panic(who),
    lambda _, who: PowerOff(who),
    lambda _, who: PowerOn(who),
    lambda chance, who: CutLans(who, some(chance)),
    lambda chance, who: CutLans(who, some(chance), (chance.choice(tuple(Way)),)),
    lambda chance, _: Part(some(chance)),
    lambda _, __: Mend(),
    lambda _, who: SilenceBmc(who),
    lambda chance, who: SlowBmc(who, chance.uniform(0.1, 5.0)),
    lambda _, who: LyingBmc(who),
    lambda _, __: SilencePdus(),
    lambda _, who: LoseEpoch(who),
    lambda _, who: FillDisk(who),
    lambda _, who: Replay(who),
    lambda _, who: Command(who, ("haconnact", "restart"), status=None),
    lambda _, who: Command(who, ("haconnsby", "restart"), status=None),
    # what an operator says must be true: --peer-is-off is no deed of chance
)


def schedule(seed: int) -> Scenario:
    """The play of a seed: resets at some time, and up to six deeds around them."""
    chance = random.Random(seed)
    deeds = [At(chance.uniform(0, OVER_S), Resets())]
    for _ in range(chance.randint(DEEDS_MIN, DEEDS_MAX)):
        kind, who = chance.choice(KINDS), chance.choice(tuple(Who))
        deeds.append(At(chance.uniform(0, OVER_S), kind(chance, who)))
    deeds.sort(key=lambda one: one.s)
    return Scenario(name=f"seed {seed}", deeds=tuple(deeds), expects=(), managed=4)
