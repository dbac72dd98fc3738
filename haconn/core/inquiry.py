"""The asks that are under way: which systems are asked whether they live, where, and when.

Three things have a system asked: readings of off that would prove something (off_proof.py), a sign
of life after which another is sought (refuting.py), and a hard reset that a BMC accepted three
seconds ago. `World.watches` says when to look at a system again.
"""

from dataclasses import replace

from haconn.core.actions import Action, Ask
from haconn.core.contrary import LATE_ASK_S, QUIET_S
from haconn.core.model import Instant, SystemKey
from haconn.core.system import System
from haconn.core.words import ASK_AGAIN_S, Asking, Words, asking
from haconn.core.world import World


def places(world: World, system: System) -> tuple[tuple[str, int], ...]:
    """Where a system can be asked: where it is registered, and where it spoke last."""
    place, words = system.registration, world.words.get(system.key)
    known = {(place.address, place.port)} if place is not None else set()
    if words is not None and words.place is not None:
        known.add(words.place)
    return tuple(sorted(known))


def begin(world: World, key: SystemKey, now: Instant) -> None:
    """Ask a system whether it lives; `send_due` sends."""
    world.words[key] = asking(words_of(world, key), now)


def begin_late(world: World, key: SystemKey, now: Instant) -> None:
    """Ask a system once, three seconds after its DUMP by acceptance was told."""
    late_at = Instant(now + LATE_ASK_S)
    world.words[key] = replace(words_of(world, key), late_at=late_at)
    watch(world, key, late_at)


def ask_again(world: World, key: SystemKey, now: Instant) -> None:
    """It gave a sign of life against an off: it is asked for another one."""
    again_at = Instant(now + ASK_AGAIN_S)
    world.words[key] = replace(words_of(world, key), again_at=again_at)
    watch(world, key, again_at)


def watch(world: World, key: SystemKey, at: Instant) -> None:
    """Look at a system again then, or earlier."""
    before = world.watches.get(key)
    world.watches[key] = at if before is None else min(before, at)


def words_of(world: World, key: SystemKey) -> Words:
    """What is known of a system by its words."""
    return world.words.get(key, Words())


def send_due(
    world: World, system: System, now: Instant, *, void_at: Instant | None
) -> list[Action]:
    """Send what is due of the asks of one system, and note when more is.

    Args:
        void_at: when a sign came last that something is still waited for after; None without one.
    """
    words = before = words_of(world, system.key)
    sends = False
    if words.late_at is not None and words.late_at <= now:
        words = asking(replace(words, late_at=None), now)
    if words.again_at is not None and words.again_at <= now:
        sends = void_at is not None and now < void_at + QUIET_S
        words = replace(words, again_at=Instant(now + ASK_AGAIN_S) if sends else None)
    if words.ask is not None:
        asked = words.ask.stepped(now)
        sends = sends or asked.sent > words.ask.sent
        words = replace(words, ask=asked)
    if words != before:
        world.words[system.key] = words
    for due in (words.again_at, words.late_at, _next(words.ask)):
        if due is not None:
            watch(world, system.key, due)
    return [Ask(system.key, *place) for place in places(world, system)] if sends else []


def _next(ask: Asking | None) -> Instant | None:
    return None if ask is None or ask.over else ask.due
