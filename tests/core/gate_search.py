"""Every state that an active's gate and a standby's copy can get into, by the code itself.

Anything that is sent may be lost or late, at any time, in either direction: a cut of a link is
nothing else. The standby's process may end, in order or not, and another one begin. Time passes
in ticks of half a second, with the daemon's own times; anything may happen between two ticks.

In every state the question is: if the active were proved gone now, would the standby call itself
exact, and lack an entry whose token came back? `Model` keeps the rules; a subclass leaves one out.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from math import inf
from typing import NamedTuple

from haconn.core import gate as gates
from haconn.core import replica as replicas
from haconn.core.beat import NOBODY, Intent, PairSession
from haconn.core.gate import CalledOff, Gate, InStep, Standing
from haconn.core.model import Instant
from haconn.core.pair_times import PairTimes
from haconn.core.replica import NEVER, LastBeat, StandbyLog

TICK_S = 0.5
TIMES = PairTimes(gate_s=1.5, dead_s=1.0, unacknowledged_s=0.5)
NOW = Instant(0.0)
"""It is always now: when time passes, everything that has happened moves into the past."""
LOG = PairSession(b"the active's log")
EARLIER_LOG = PairSession(b"what went before")
PROCESSES = (PairSession(b"first, a standby"), PairSession(b"a second standby"))


class Sync(NamedTuple):
    """A full sync that is on its way."""

    process: int
    snapshot: int
    loaded: bool = False


class State(NamedTuple):
    """Both servers and what is between them."""

    gate: Gate
    held: StandbyLog
    beat: LastBeat | None
    """The last that the standby's process has heard."""
    late: LastBeat | None = None
    """One that is still on its way."""
    sync: Sync | None = None
    granted: int = 0
    """The last index whose token came back."""
    process: int = 0
    """Which process of the standby runs, or ran last."""
    runs: bool = True


Move = tuple[str, State]


def past(instant: Instant, oldest: float) -> Instant:
    return Instant(max(instant - TICK_S, oldest))


def older_beat(beat: LastBeat | None) -> LastBeat | None:
    return beat and replace(beat, left_after=past(beat.left_after, -TIMES.gate_s))


def older_standing(standing: Standing) -> Standing:
    match standing:
        case InStep(since, heard_at):
            since = past(since, -TIMES.unacknowledged_s)
            return InStep(since, past(heard_at, -TIMES.dead_s))
        case CalledOff(first_beat) if first_beat is not None:
            return CalledOff(past(first_beat, -TIMES.gate_s))
    return standing


def older_copy(held: StandbyLog, *beats: LastBeat | None) -> StandbyLog:
    """What is asked of its beginning is which heartbeats left after it."""
    begun = past(held.begun, -inf)
    before = [one.left_after for one in beats if one is not None and one.left_after <= begun]
    return replace(held, begun=max(before, default=NEVER))


@cache
def older_gate(gate: Gate) -> Gate:
    entries = tuple(replace(one, at=past(one.at, -TIMES.gate_s)) for one in gate.entries)
    return replace(gate, standing=older_standing(gate.standing), entries=entries)


def after_a_tick(state: State) -> State:
    """Half a second later; what is older than any rule asks is just old."""
    beat, late = older_beat(state.beat), older_beat(state.late)
    held = older_copy(state.held, beat, late)
    return state._replace(gate=older_gate(state.gate), held=held, beat=beat, late=late)


def stepped(state: State, step: gates.Step) -> State:
    """The gate after a step; a token is the index of its entry."""
    gate, tokens = step
    if gate.resend_at != NOW:
        gate = replace(gate, resend_at=NOW)
    return state._replace(gate=gate, granted=max((state.granted, *tokens)))


append = cache(gates.append)
acknowledged = cache(gates.acknowledged)
followed_by = cache(gates.followed_by)
heard = cache(gates.heard)
beat_sent = cache(gates.beat_sent)
begin_sync = cache(gates.begin_sync)
end_sync = cache(gates.end_sync)
drop_sync = cache(gates.drop_sync)
tick = cache(gates.tick)
take = cache(replicas.take)
begin = cache(replicas.begin)


class Model:
    """The rules as they are, and every move that they allow."""

    def __init__(
        self, *, entries: int = 1, processes: int = 2, late_beats: bool = False, room: int = 4
    ) -> None:
        self.entries = entries
        self.processes = processes
        self.late_beats = late_beats
        self.room = room

    # the rules, each to be left out by a subclass

    def beat_of(self, gate: Gate) -> LastBeat:
        return LastBeat(LOG, gate.index, not gate.calls_unsynchronised, NOW)

    def beat_sent(self, gate: Gate) -> Gate:
        return beat_sent(gate, NOW)

    def beat_heard(self, beat: LastBeat) -> LastBeat:
        return beat

    def acknowledgement(self, held: StandbyLog) -> int:
        return held.applied

    def log_of(self, acknowledgement: PairSession) -> PairSession:
        return acknowledgement

    def silence(self, gate: Gate) -> gates.Step:
        return tick(gate, NOW)

    def counts(self, state: State) -> LastBeat | None:
        return state.beat

    # what may happen

    def begin(self) -> State:
        """The first process is in step, and has heard a heartbeat."""
        gate = Gate(LOG, TIMES, self.room)
        gate, _ = followed_by(gate, PROCESSES[0], NOW)
        gate, _ = end_sync(begin_sync(gate), PROCESSES[0], 0, NOW)
        held, _ = begin(StandbyLog(), LOG, 0, NOW)
        return State(replace(gate, resend_at=NOW), held, self.beat_of(gate))

    def moves(self, state: State) -> Iterator[Move]:
        if state.gate.index < self.entries:
            index = state.gate.index + 1
            yield "an entry is written", stepped(state, append(state.gate, (index,), NOW))
        older = after_a_tick(state)
        yield "half a second passes", stepped(older, self.silence(older.gate))
        yield from self._sync_moves(state)
        yield from self._process_moves(state)
        yield from self._beats(state)
        if state.runs:
            yield from self._words_of_the_standby(state)
            yield from self._intents(state)

    def _beats(self, state: State) -> Iterator[Move]:
        beat = self.beat_of(state.gate)
        sent = state._replace(gate=self.beat_sent(state.gate))
        yield "a heartbeat is lost", sent
        if state.runs:
            yield "a heartbeat arrives", sent._replace(beat=self.beat_heard(beat), late=None)
        if self.late_beats:
            yield "a heartbeat is late", sent._replace(late=beat)
            if state.late is not None and state.runs:
                late = self.beat_heard(state.late)
                yield "the late heartbeat arrives", state._replace(beat=late, late=None)

    def _words_of_the_standby(self, state: State) -> Iterator[Move]:
        gate = heard(state.gate, NOW)
        yield "the standby is heard", state._replace(gate=gate)
        if state.held.log == LOG:
            applied = self.acknowledgement(state.held)
            step = acknowledged(gate, LOG, applied, NOW)
            yield "it acknowledges", stepped(state, step)
        stray = acknowledged(state.gate, self.log_of(EARLIER_LOG), self.entries, NOW)
        yield "it acknowledges an earlier log", stepped(state, stray)

    def _intents(self, state: State) -> Iterator[Move]:
        for index in state.gate.sends:
            intent = Intent(index, 0, 1, b"", 0.0)
            held, _ = take(state.held, LOG, intent)
            yield f"entry {index} arrives", state._replace(held=held)

    def _sync_moves(self, state: State) -> Iterator[Move]:
        sync, gate = state.sync, state.gate
        if state.runs and gate.wants_sync and gate.standby == PROCESSES[state.process]:
            begun = state._replace(gate=begin_sync(gate))
            yield "a full sync begins", begun._replace(sync=Sync(state.process, gate.index))
        if sync is None:
            return
        if not sync.loaded and state.runs and sync.process == state.process:
            held, _ = begin(state.held, LOG, sync.snapshot, NOW)
            yield "it is loaded", state._replace(held=held, sync=sync._replace(loaded=True))
        if sync.loaded:
            step = end_sync(gate, PROCESSES[sync.process], sync.snapshot, NOW)
            yield "the active hears so", stepped(state._replace(sync=None), step)
        yield "it fails", state._replace(gate=drop_sync(gate), sync=None)

    def _process_moves(self, state: State) -> Iterator[Move]:
        """A process that ends knows nothing more; the active learns of it late or never."""
        if state.runs and self.processes > 1:
            yield "the process ends", state._replace(held=StandbyLog(), beat=None, runs=False)
        elif state.process + 1 < self.processes:
            yield "another begins", state._replace(process=state.process + 1, runs=True)
        standby = PROCESSES[state.process] if state.runs else NOBODY
        if state.gate.standby != standby:
            step = followed_by(state.gate, standby, NOW)
            yield "the active learns of that", stepped(state, step)

    def lacks(self, state: State) -> bool:
        exact = replicas.is_exact(state.held, self.counts(state), NOW, TIMES)
        return exact and state.granted > state.held.applied


Origins = dict[State, tuple[str, State] | None]


def search(model: Model) -> tuple[Origins, list[str] | None]:
    """Give every state that was reached, and the shortest way to one that must not be."""
    first = model.begin()
    origins: Origins = {first: None}
    queue = deque([first])
    while queue:
        state = queue.popleft()
        if model.lacks(state):
            return origins, way(origins, state)
        for name, following in model.moves(state):
            if following not in origins:
                origins[following] = (name, state)
                queue.append(following)
    return origins, None


def way(origins: Origins, state: State) -> list[str]:
    names = []
    origin = origins[state]
    while origin is not None:
        name, state = origin
        names.append(name)
        origin = origins[state]
    return names[::-1]
