"""The search: every interleaving of two members and the world around them, breadth first.

What can happen is told in tests/core/pair_search_moves.py. Servers are numbered as they come up,
what befalls each is worked out once, and a world is one number made of two.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache

from haconn.core import role
from tests.core.pair_search_moves import (
    Effects,
    Move,
    Offer,
    affected,
    affected_too,
    ages_under_way,
    fate,
    hear,
    offers,
)
from tests.core.pair_search_world import Host, Limits, StepFunction, ear_of, start

BITS = 32
LOW = (1 << BITS) - 1
Numbered = tuple[str, int, int]
"""What happened, the number of the server after it, and of what it means for the other (0 if
nothing)."""


@dataclass(slots=True)
class Known:
    """What was worked out about one server; effects, ears and ages have numbers, too."""

    host: Host
    ear: int
    """Whom it listens to."""
    ages: int
    """How old the processes are of which claims are under way."""
    fate: tuple[Numbered, ...] | None = None
    offers: tuple[int, ...] = ()
    heard: dict[int, Numbered | None] = field(default_factory=dict)
    own: dict[int, int] = field(default_factory=dict)
    """What it becomes by an effect of its own, given the ear of the other."""
    borne: dict[int, int] = field(default_factory=dict)
    """What it becomes by an effect of the other's, given the ages of the other."""


@dataclass(frozen=True)
class Space:
    """All worlds, and the ways between them."""

    limits: Limits
    step: StepFunction
    known: list[Known] = field(default_factory=list)
    numbers: dict[Host, int] = field(default_factory=dict)
    offered: list[Offer] = field(default_factory=list)
    offer_numbers: dict[Offer, int] = field(default_factory=dict)
    effects: list[Effects] = field(default_factory=lambda: [()])
    interned: dict[Hashable, int] = field(default_factory=dict)

    def first(self) -> int:
        """The world in which both have just started."""
        one, two = start()
        return self._number(one) << BITS | self._number(two)

    def hosts(self, world: int) -> tuple[Host, Host]:
        """Both servers of a world."""
        return self.known[world >> BITS].host, self.known[world & LOW].host

    def successors(self, world: int) -> list[tuple[str, int]]:
        """Every next world, with the name of what happened."""
        return [*self.befalls(world, 0), *self.befalls(world, 1)]

    def befalls(self, world: int, rank: int) -> list[tuple[str, int]]:
        """What may befall one of the two next, and the worlds after it."""
        up, down = (0, BITS) if rank else (BITS, 0)
        mine, other = world >> up & LOW, world >> down & LOW
        here, there = self.known[mine], self.known[other]
        rest = other << down
        found: list[tuple[str, int]] = []
        for name, after, effects in self._work_out(here) if here.fate is None else here.fate:
            if effects:
                found.append((name, self._both(after, other, effects, (up, down))))
            else:
                found.append((name, after << up | rest))
        if there.fate is None:
            self._work_out(there)
        heard = here.heard
        for offer in there.offers:
            reaction = heard[offer] if offer in heard else self._hear(here, offer)
            if reaction is None:
                continue
            name, after, effects = reaction
            if effects:
                found.append((name, self._both(after, other, effects, (up, down))))
            else:
                found.append((name, after << up | rest))
        return found

    def _both(self, mine: int, other: int, effects: int, shifts: tuple[int, int]) -> int:
        here, there = self.known[mine], self.known[other]
        after = here.own.get(effects << BITS | there.ear)
        if after is None:
            after = self._own(here, effects, there)
        other_after = there.borne.get(effects << BITS | here.ages)
        if other_after is None:
            other_after = self._borne(here, effects, there)
        return after << shifts[0] | other_after << shifts[1]

    def _own(self, here: Known, effects: int, there: Known) -> int:
        host, ear = here.host, ear_of(there.host)
        for effect in self.effects[effects]:
            host = affected_too(host, effect, ear, self.limits)
        after = here.own[effects << BITS | there.ear] = self._number(host)
        return after

    def _borne(self, here: Known, effects: int, there: Known) -> int:
        host, ages = there.host, ages_under_way(here.host)
        for effect in self.effects[effects]:
            host = affected(host, effect, ages, self.limits, self.step)
        after = there.borne[effects << BITS | here.ages] = self._number(host)
        return after

    def _number(self, host: Host) -> int:
        number = self.numbers.setdefault(host, len(self.known))
        if number == len(self.known):
            ear, ages = self._intern(ear_of(host)), self._intern(ages_under_way(host))
            self.known.append(Known(host, ear, ages))
        return number

    def _intern(self, thing: Hashable) -> int:
        return self.interned.setdefault(thing, len(self.interned))

    def _number_effects(self, effects: Effects) -> int:
        if effects not in self.effects:
            self.effects.append(effects)
        return self.effects.index(effects)

    def _numbered(self, before: Host, move: Move | None) -> Numbered | None:
        if move is None or move.host.epoch > self.limits.epochs:
            return None
        if move.host == before and not move.effects:
            return None
        return move.name, self._number(move.host), self._number_effects(move.effects)

    def _work_out(self, here: Known) -> tuple[Numbered, ...]:
        moves = (self._numbered(here.host, m) for m in fate(here.host, self.limits, self.step))
        numbers = []
        for offer in offers(here.host, self.limits):
            number = self.offer_numbers.setdefault(offer, len(self.offered))
            if number == len(self.offered):
                self.offered.append(offer)
            numbers.append(number)
        here.offers = tuple(numbers)
        here.fate = tuple(move for move in moves if move is not None)
        return here.fate

    def _hear(self, here: Known, offer: int) -> Numbered | None:
        move = hear(here.host, self.offered[offer], self.limits, self.step)
        heard = here.heard[offer] = self._numbered(here.host, move)
        return heard


@dataclass(frozen=True)
class Found:
    """What a search came to."""

    space: Space
    came: dict[int, int]
    """Every world that was met, and the one that it came from; the first came from itself."""
    bad: int | None
    """A world that must not be; None if there is none."""
    complete: bool

    @property
    def safe(self) -> bool:
        """Whether every world was met, and in none of them two hold the address."""
        return self.complete and self.bad is None

    @property
    def path(self) -> tuple[str, ...]:
        """How it came to that; empty if it did not."""
        return () if self.bad is None else self.way(self.bad)

    def way(self, world: int) -> tuple[str, ...]:
        """What happened up to a world, as `1 dies`: to which of the two, and what."""
        names: list[str] = []
        while (before := self.came[world]) != world:
            names.append(self._name(before, world))
            world = before
        return tuple(reversed(names))

    def _name(self, before: int, world: int) -> str:
        return next(
            f"{rank + 1} {name}"
            for rank in (0, 1)
            for name, after in self.space.befalls(before, rank)
            if after == world
        )


def wrong(one: Host, two: Host, limits: Limits) -> bool:
    """Whether two hold the address, with power, or two fence each other."""
    if one.holds and two.holds:
        return True
    return limits.one_fences and all(
        host.member is not None and host.member.fencing for host in (one, two)
    )


def search(limits: Limits, step: StepFunction = role.step, most: int = 3_000_000) -> Found:
    """Search every world that can come to be, until one must not be."""
    space = Space(limits, cache(step))
    known = space.known
    first = space.first()
    came = {first: first}
    waiting = deque([first])
    successors = space.successors
    while waiting:
        world = waiting.popleft()
        for _, after in successors(world):
            if after in came:
                continue
            came[after] = world
            if wrong(known[after >> BITS].host, known[after & LOW].host, limits):
                return Found(space, came, after, complete=True)
            waiting.append(after)
        if len(came) >= most:
            return Found(space, came, None, complete=False)
    return Found(space, came, None, complete=True)
