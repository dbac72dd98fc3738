"""No exact standby lacks what was let go; and each rule that is left out lets one lack it."""

from dataclasses import replace

import pytest

from haconn.core import gate as gates
from haconn.core import replica as replicas
from haconn.core.beat import NOBODY, Intent, PairSession
from haconn.core.gate import Alone, CalledOff, Gate, InStep
from haconn.core.model import Instant
from haconn.core.replica import NEVER, LastBeat, StandbyLog
from tests.core.gate_search import (
    EARLIER_LOG,
    LOG,
    NOW,
    PROCESSES,
    TIMES,
    Model,
    Origins,
    State,
    after_a_tick,
    end_sync,
    search,
    stepped,
)

EVERYTHING = (
    Model(),
    Model(entries=2, processes=1),
    Model(entries=2, room=0),
    Model(processes=1, late_beats=True),
)
IDS = ("two processes", "two entries", "no room in the log", "late heartbeats")


def exchanged(state: State) -> State:
    """What good links do in no time: each says to the other what there is to say."""
    standby = PROCESSES[state.process] if state.runs else NOBODY
    state = stepped(state, gates.followed_by(state.gate, standby, NOW))
    if not state.runs:
        return state
    state = state._replace(gate=gates.drop_sync(state.gate))
    if state.gate.wants_sync:
        snapshot = state.gate.index
        held, _ = replicas.begin(state.held, LOG, snapshot, NOW)
        step = end_sync(gates.begin_sync(state.gate), standby, snapshot, NOW)
        return stepped(state._replace(held=held), step)
    held = state.held
    for index in state.gate.sends:
        held, _ = replicas.take(held, LOG, Intent(index, 0, 1, b"", 0.0))
    step = gates.acknowledged(state.gate, LOG, held.applied, NOW)
    return stepped(state._replace(held=held), step)


def written(state: State) -> State:
    return stepped(state, gates.append(state.gate, (state.gate.index + 1,), NOW))


def goes_in_one_exchange(state: State) -> bool:
    asked = exchanged(written(state))
    return asked.granted == asked.gate.index


def goes_within_the_gate(state: State) -> bool:
    """With every link cut."""
    asked = written(state)
    for _ in range(round(TIMES.gate_s / 0.5)):
        asked = after_a_tick(asked)
        asked = stepped(asked, gates.tick(asked.gate, NOW))
    return asked.granted == asked.gate.index


def is_exact_again(state: State) -> bool:
    later = after_a_tick(exchanged(state))
    beat = Model().beat_of(later.gate)
    return replicas.is_exact(later.held, beat, NOW, TIMES) and later.held.applied == beat.announced


Searched = tuple[Model, Origins, list[str] | None]


@pytest.fixture(scope="module", params=EVERYTHING, ids=IDS)
def searched(request: pytest.FixtureRequest) -> Searched:
    """Everything that the rules allow; it takes seconds, so it is searched once."""
    model: Model = request.param
    return model, *search(model)


def test_no_exact_standby_lacks_what_was_let_go(searched: Searched) -> None:
    model, states, found = searched
    assert found is None
    assert {type(one.gate.standing) for one in states} == {Alone, InStep, CalledOff}
    exact = [one for one in states if replicas.is_exact(one.held, one.beat, NOW, TIMES)]
    assert max(one.granted for one in exact) == model.entries
    assert any(one.granted > one.held.applied for one in states)  # such a one is conservative


def test_nothing_waits_longer_than_the_gate_and_with_good_links_no_time(
    searched: Searched,
) -> None:
    # what is on its way, and what was heard earlier, changes nothing of this
    bare = {one._replace(beat=None, late=None, sync=None, granted=0) for one in searched[1]}
    for state in bare:
        assert goes_in_one_exchange(state), state
        assert goes_within_the_gate(state), state
        assert not state.runs or is_exact_again(state), state


class SilenceIsAWord(Model):
    """The gate opens at once when the standby is silent."""

    def silence(self, gate: Gate) -> gates.Step:
        after, tokens = super().silence(gate)
        if gate.calls_unsynchronised or not after.calls_unsynchronised:
            return after, tokens
        left, more = gates.followed_by(after, NOBODY, NOW)
        return left, tokens + more


class NotTold(Model):
    """A standby is passed over, and no heartbeat calls it unsynchronised."""

    def beat_of(self, gate: Gate) -> LastBeat:
        return replace(super().beat_of(gate), synchronised=True)


class ToldAndPassedOverAtOnce(Model):
    """It is passed over from the first heartbeat on that says so."""

    def beat_sent(self, gate: Gate) -> Gate:
        return gates.beat_sent(gate, Instant(NOW - TIMES.gate_s))


class AcknowledgesWhatItHolds(Model):
    """The standby acknowledges what has arrived behind a gap."""

    def acknowledgement(self, held: StandbyLog) -> int:
        return max((one.index for one in held.ahead), default=held.applied)


class AnyLogCounts(Model):
    """An acknowledgement of another log counts."""

    def log_of(self, acknowledgement: PairSession) -> PairSession:
        return LOG if acknowledgement == EARLIER_LOG else acknowledgement


class DeafToTheFlag(Model):
    """Who has applied what was announced is exact, whatever it was called."""

    def counts(self, state: State) -> LastBeat | None:
        return state.beat and replace(state.beat, synchronised=True)


class AnyAgeCounts(Model):
    """The last heartbeat may be of any age."""

    def counts(self, state: State) -> LastBeat | None:
        return state.beat and replace(state.beat, left_after=NOW)


class AsOldAsTheGateCounts(Model):
    """The last heartbeat may be as old as the gate, to the point."""

    def counts(self, state: State) -> LastBeat | None:
        young = 0.1 * TIMES.gate_s  # takes off what RATES lays on
        return state.beat and replace(state.beat, left_after=Instant(state.beat.left_after + young))


class NothingWasAnnounced(Model):
    """Who was heard from lately is exact, whatever it has applied."""

    def counts(self, state: State) -> LastBeat | None:
        return state.beat and replace(state.beat, announced=0)


class AnEarlierHeartbeatCounts(Model):
    """A heartbeat from before the full sync counts."""

    def lacks(self, state: State) -> bool:
        return super().lacks(state._replace(held=replace(state.held, begun=NEVER)))


class AgeFromHearing(Model):
    """A heartbeat is as old as its hearing."""

    def beat_heard(self, beat: LastBeat) -> LastBeat:
        return replace(beat, left_after=NOW)


TIME = "half a second passes"
PASSED_OVER_UNAWARE = [
    TIME,
    TIME,
    "a heartbeat is lost",  # the first that calls it unsynchronised
    TIME,
    TIME,
    TIME,
    "a heartbeat arrives",
    "an entry is written",
]
WEAKENED = (
    (SilenceIsAWord(), [TIME, "a heartbeat arrives", "an entry is written", TIME]),
    (NotTold(), PASSED_OVER_UNAWARE),
    (
        ToldAndPassedOverAtOnce(),
        [TIME, "a heartbeat arrives", TIME, "a heartbeat is lost", "an entry is written"],
    ),
    (
        AcknowledgesWhatItHolds(entries=2, processes=1),
        [
            TIME,
            "a heartbeat arrives",
            "an entry is written",
            "an entry is written",
            "entry 2 arrives",
            "it acknowledges",
        ],
    ),
    (
        AnyLogCounts(),
        [TIME, "a heartbeat arrives", "an entry is written", "it acknowledges an earlier log"],
    ),
    (DeafToTheFlag(), PASSED_OVER_UNAWARE),
    (AnyAgeCounts(), ["an entry is written", TIME, TIME, TIME]),
    (AsOldAsTheGateCounts(), ["an entry is written", TIME, TIME, TIME]),
    (
        NothingWasAnnounced(),
        [
            "the process ends",
            "another begins",
            "the active learns of that",
            "a full sync begins",
            "an entry is written",
            "it is loaded",
            TIME,
            "the active hears so",
            "a heartbeat arrives",
        ],
    ),
    (
        AnEarlierHeartbeatCounts(),
        [
            "the process ends",
            "another begins",
            "a heartbeat arrives",
            "the active learns of that",
            "a full sync begins",
            "an entry is written",
            "it is loaded",
        ],
    ),
    (
        AgeFromHearing(processes=1, late_beats=True),
        [
            "a heartbeat is late",
            "an entry is written",
            TIME,
            TIME,
            TIME,
            "the late heartbeat arrives",
        ],
    ),
)


@pytest.mark.parametrize(
    ("model", "steps"), WEAKENED, ids=[type(model).__name__ for model, _ in WEAKENED]
)
def test_without_this_rule_an_exact_standby_lacks_what_was_let_go(
    model: Model, steps: list[str]
) -> None:
    _, found = search(model)
    assert found == steps
