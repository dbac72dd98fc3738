"""When the pair's clock is to be looked at again: always later, or nobody would ever sleep."""

from haconn.core.beat import (
    NOBODY,
    Beat,
    Claim,
    Echo,
    PairDatagram,
    PairRole,
    PairSession,
    Path,
    Replica,
    Standing,
)
from haconn.core.model import Instant
from haconn.core.pair import next_due, step
from haconn.core.pair_state import Arrived, Pair, PairSettings, Tick, new_pair
from haconn.core.pair_times import TIMES
from haconn.core.peer_power import Means
from haconn.core.role import Member

MINE, THEIRS = PairSession(b"m" * 16), PairSession(b"t" * 16)
A_MOMENT_S = 1e-6
"""The loop wakes a little after what it waited for."""


def beat(pair: Pair, seq: int, role: PairRole = PairRole.JOIN) -> Arrived:
    """The peer's beat, which answers ours."""
    answer = Echo(MINE, pair.hearing.sent)
    claim = Claim(role, 0, NOBODY)
    said = Beat(claim, answer, Replica(), Standing(), frozenset(), 0.0)
    return Arrived(Path.DUPLEX, PairDatagram(THEIRS, seq, 0, said))


def dues_after_a_silence(role: PairRole) -> list[float]:
    """How long the loop may sleep each time, from a second of beats to 20 s of silence."""
    pair = new_pair(PairSettings(Means("m2"), b""), Member(MINE, 0, 0), None, Instant(0.0))
    now = Instant(0.0)
    waits: list[float] = []
    while now < 21.0:
        step(pair, Tick(), now)
        if now < 1.0:
            step(pair, beat(pair, len(waits) + 1, role), now)
        due = next_due(pair)
        waits.append(due - now)
        now = Instant(max(due, now) + A_MOMENT_S)
    assert pair.member.silent
    return waits


def test_nothing_is_due_in_the_past_once_the_peer_is_silent() -> None:
    """Seen: a loop that never slept, and a watchdog that killed an active for its lateness."""
    for role in (PairRole.JOIN, PairRole.ACTIVE):
        waits = dues_after_a_silence(role)
        assert min(waits) >= 0.0
        assert len(waits) < 3 * 21 / TIMES.beat_s, "it slept between two beats"
