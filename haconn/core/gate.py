"""The gate: which Records the active lets go on, and when (design section 6).

Every entry that is written gets the next index of the log and goes to the standby; what is to
happen because of it (a stage, a verdict) waits as a token that `append` is given and that comes
back, once, when it may go on.

Rule 1. A token comes back when a standby in step has acknowledged its entry, when four seconds
        (gate_s) have passed since it was written, heard or not, or at once if nobody is waited for.
Rule 2. A standby that was silent for dead_s, or that left an entry unacknowledged for
        unacknowledged_s, is called unsynchronised in every heartbeat until its next full sync.
        From gate_s after the first such heartbeat nobody is waited for.
Rule 3. While nobody is waited for, every heartbeat calls the standby unsynchronised.
Rule 4. Only the standby's own word ends the waiting at once: STOPPED, or a heartbeat of a process
        that does not follow this log. Silence is no word.

What they are for: a standby that takes over as *exact* (haconn/core/replica.py) lacks no entry
whose token came back. Let it take over at T, let the last heartbeat it heard have left at t and
not have called it unsynchronised; it has everything that was announced at t. So an entry that it
lacks was written at t or later. It never acknowledged it. If the token came back because gate_s
had passed, then T is t + gate_s or later. If it came back because nobody was waited for, then
rule 2 had a heartbeat call the standby unsynchronised gate_s before, and that was after t, since
the one at t did not. Either way its last heartbeat is as old as the gate, and then it is not
exact. tests/core/gate_search.py goes through every state of this code, and finds a way around each
rule that is left out.

Not decided here: what an entry is. Only indices are known; whoever holds the bodies keeps those
from `kept_from` on, sends an entry when it is written, and again when `resend` says so. A standby
that is not in step is not sent the log but a full sync, which it gets while the log grows on.

Empty the sockets before `tick` after an own stall: an acknowledgement that waits there counts.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from haconn.core.beat import NOBODY, PairSession
from haconn.core.model import Instant
from haconn.core.pair_times import TIMES, PairTimes

LOG_MAX = 256
"""So many entries are kept for a standby that has not acknowledged them; some hundred kilobytes
as a rule. Whoever is further behind needs a full sync."""
RESEND_MAX = 64
"""So many are sent again at once, the oldest; a standby can hold no more ahead of a gap."""
AT_ONCE = Instant(0.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written and not acknowledged."""

    index: int
    at: Instant
    """When it was written."""
    tokens: tuple[int, ...] = ()
    """What waits for it."""


@dataclass(frozen=True, slots=True)
class Alone:
    """State: no synchronised standby, and nothing waits."""


@dataclass(frozen=True, slots=True)
class InStep:
    """State: the standby has had a full sync and has kept up since; it is waited for."""

    since: Instant
    """When that full sync was complete."""
    heard_at: Instant
    """When something of the standby was last heard."""


@dataclass(frozen=True, slots=True)
class CalledOff:
    """State: heartbeats call the standby unsynchronised, and it is still waited for."""

    first_beat: Instant | None = None
    """When the first of those heartbeats left; None as long as none has."""


Standing: TypeAlias = Alone | InStep | CalledOff


@dataclass(frozen=True, slots=True)
class Gate:
    """The log of one active towards its standby."""

    log: PairSession
    """The active's own session names its log."""
    times: PairTimes = TIMES
    room: int = LOG_MAX
    standby: PairSession = NOBODY
    """Whose word counts."""
    standing: Standing = Alone()
    index: int = 0
    """Of the last entry: what a heartbeat announces."""
    entries: tuple[Entry, ...] = ()
    """Those that can be sent again, and those that something waits for, in order."""
    lost: int = 0
    """Entries up to here are not sent again: only a full sync brings them."""
    snapshot: int | None = None
    """Of a full sync that is under way: it carries everything up to this index."""
    resend_at: Instant = AT_ONCE

    @property
    def calls_unsynchronised(self) -> bool:
        """What a heartbeat says of the standby; if there is none, it does no harm to say it."""
        return not isinstance(self.standing, InStep)

    @property
    def wants_sync(self) -> bool:
        """Whether somebody follows who is not in step, and no full sync is under way."""
        return self.standby != NOBODY and self.calls_unsynchronised and self.snapshot is None

    @property
    def kept_from(self) -> int:
        """Of every entry from this index on the body must be kept."""
        return next((one.index for one in self.entries if one.index > self.lost), self.index + 1)

    @property
    def sends(self) -> tuple[int, ...]:
        """The indices that the standby is to be sent, until it acknowledges them."""
        if isinstance(self.standing, Alone):
            return ()
        return tuple(one.index for one in self.entries if one.index > self.lost)


Step: TypeAlias = tuple[Gate, tuple[int, ...]]
"""The gate as it is now, and the tokens that go on, in the order in which they came."""


def append(gate: Gate, tokens: tuple[int, ...], now: Instant, *, sendable: bool = True) -> Step:
    """Take in that an entry was written: `gate.index` of what is returned.

    It is to be sent at once if it is among `sends`. One that is too long for that (`sendable`)
    reaches the standby with its next full sync only.
    """
    index = gate.index + 1
    first = not gate.sends
    written = replace(gate, index=index, entries=(*gate.entries, Entry(index, now, tokens)))
    if first:
        written = replace(written, resend_at=Instant(now + gate.times.intent_s))
    if not sendable or index + 1 - written.kept_from > gate.room:
        written = _log_lost(written)
    return _settle(written, now)


def acknowledged(gate: Gate, log: PairSession, applied: int, now: Instant) -> Step:
    """Take in that the standby has everything up to `applied` of `log`.

    What is said of another log, or of more than was written, says nothing. A word of a process
    that has ended since does no harm: what it had acknowledged, any later full sync carries.
    """
    if log == gate.log and applied <= gate.index:
        return _has(gate, applied, now)
    return _settle(gate, now)


def followed_by(gate: Gate, standby: PairSession, now: Instant) -> Step:
    """Take in who says that it is the standby of this log; NOBODY if no one does.

    On the peer's own word only, never because it is silent: a peer that said STOPPED, that is
    undecided, or whose process is another one than before. Who speaks so has dropped its copy.
    """
    if standby != gate.standby:
        gate = replace(gate, standby=standby, standing=Alone(), snapshot=None)
    return _settle(gate, now)


def heard(gate: Gate, now: Instant) -> Gate:
    """Take in that something of the standby arrived, whatever it was."""
    if isinstance(gate.standing, InStep):
        return replace(gate, standing=replace(gate.standing, heard_at=now))
    return gate


def beat_sent(gate: Gate, now: Instant) -> Gate:
    """Take in that a heartbeat has left that says what the gate says."""
    if gate.standing == CalledOff():
        return replace(gate, standing=CalledOff(now))
    return gate


def begin_sync(gate: Gate) -> Gate:
    """Take in that the standby is being sent everything up to `index`; later entries are kept."""
    return replace(gate, snapshot=gate.index)


def end_sync(gate: Gate, standby: PairSession, snapshot: int, now: Instant) -> Step:
    """Take in that this process has loaded a full sync up to `snapshot`.

    It counts if it is the one under way: another process, or a log that has grown beyond its room
    since, wants another sync. What was written meanwhile is due to be sent.
    """
    if standby != gate.standby or snapshot != gate.snapshot:
        return _settle(gate, now)
    in_step = replace(gate, standing=InStep(now, now), snapshot=None, resend_at=now)
    return _has(in_step, snapshot, now)


def drop_sync(gate: Gate) -> Gate:
    """Take in that the full sync under way has failed."""
    return replace(gate, snapshot=None)


def tick(gate: Gate, now: Instant) -> Step:
    """Look at the clock, at `next_due` or at any other time."""
    if isinstance(gate.standing, InStep) and now >= _patience(gate, gate.standing):
        gate = replace(gate, standing=CalledOff())
    return _settle(gate, now)


def resend(gate: Gate, now: Instant) -> tuple[Gate, tuple[int, ...]]:
    """Give the indices that are to be sent again now."""
    if not gate.sends or now < gate.resend_at:
        return gate, ()
    return replace(gate, resend_at=Instant(now + gate.times.intent_s)), gate.sends[:RESEND_MAX]


def next_due(gate: Gate) -> Instant | None:
    """Say when `tick` or `resend` has something to do."""
    waited_for = next((one for one in gate.entries if one.tokens), None)
    due = [] if waited_for is None else [_let_go_at(gate, waited_for)]
    if gate.sends:
        due.append(gate.resend_at)
    match gate.standing:
        case InStep():
            due.append(_patience(gate, gate.standing))
        case CalledOff(first_beat) if first_beat is not None:
            due.append(Instant(first_beat + gate.times.gate_s))
    return min(due, default=None)


def _let_go_at(gate: Gate, entry: Entry) -> Instant:
    return Instant(entry.at + gate.times.gate_s)


def _patience(gate: Gate, standing: InStep) -> Instant:
    """Until when the standby may leave things as they are and be called synchronised."""
    silent = Instant(standing.heard_at + gate.times.dead_s)
    if not gate.entries:
        return silent
    # what was written during the full sync could not be acknowledged before its end
    owed_since = max(gate.entries[0].at, standing.since)
    return min(silent, Instant(owed_since + gate.times.unacknowledged_s))


def _log_lost(gate: Gate) -> Gate:
    """Keep no more of the log; whoever would have needed it needs a full sync."""
    standing = CalledOff() if isinstance(gate.standing, InStep) else gate.standing
    return replace(gate, standing=standing, lost=gate.index, snapshot=None)


def _has(gate: Gate, applied: int, now: Instant) -> Step:
    """Let go what the standby has; entries are in order, so the tokens are."""
    going = tuple(token for one in gate.entries if one.index <= applied for token in one.tokens)
    rest = tuple(one for one in gate.entries if one.index > applied)
    settled, more = _settle(replace(gate, entries=rest), now)
    return settled, going + more


def _settle(gate: Gate, now: Instant) -> Step:
    """Let go what waits no longer, and forget what is of no use any more."""
    standing = gate.standing
    if isinstance(standing, CalledOff) and standing.first_beat is not None:
        over = now >= standing.first_beat + gate.times.gate_s
        standing = Alone() if over else standing
    alone = isinstance(standing, Alone)
    lost = gate.lost
    if alone:
        lost = max(lost, gate.index if gate.snapshot is None else gate.snapshot)
    going: list[int] = []
    rest: list[Entry] = []
    for one in gate.entries:
        if alone or now >= _let_go_at(gate, one):
            going += one.tokens
            one = replace(one, tokens=())
        if one.tokens or one.index > lost:
            rest.append(one)
    return replace(gate, standing=standing, lost=lost, entries=tuple(rest)), tuple(going)
