"""Plays a transcript of one member of a pair: what it hears, and what it does.

The first line sets it up; then come lines with a time. Indented lines are what the member does.

    member peer=NAME [rank=N] [epoch=N] [record=SESSION/N] [timeout=S feeds=PDU#OUTLET,...]

    T peer says ROLE [session=NAME] [epoch=N] [follows=us] [candidate] [probe] [unheard]
                                    a beat; it echoes our last one, unless we are unheard
    T peer beats until=T            what it said last, each 200 ms
    T peer releases|stops [session=NAME]
    T reset path good|bad           what is seen of it: carrier and others, or neither
    T NAME reads on|off             the peer's BMC, also `sent`, `accepted`, `refused`, `session N`
    T operator says off
    T passes                        nothing but time

Of our beats those are shown that say something else than the last one.
"""

from collections.abc import Iterator

from haconn.core import role
from haconn.core.actions import Abandon, Hurry, Perform, Remark, StopRestore
from haconn.core.beat import (
    NOBODY,
    Beat,
    Claim,
    Echo,
    PairDatagram,
    PairMessage,
    PairRole,
    PairSession,
    Path,
    Release,
    Replica,
    Standing,
    Stopped,
)
from haconn.core.events import CommandAnswered, CommandSent, PowerRead, SessionOpened
from haconn.core.model import Instant, Power, PowerReading
from haconn.core.pair import next_due, step
from haconn.core.pair_state import (
    Action,
    Arrived,
    Event,
    Fenced,
    Keep,
    Pair,
    PairSettings,
    PeerIsOff,
    Saw,
    Speak,
    Superseded,
    Surroundings,
    TakeOver,
    Tick,
    new_pair,
)
from haconn.core.peer_power import Means
from haconn.core.takeover import Proved
from tests.transcripts.language import ANSWERS, Performed, Words, feed_of, split
from tests.transcripts.wording import worded

INDENT = "    "
OURS = PairSession(b"us".ljust(16))
BEAT_S = 0.2


class Member:
    """One transcript being played."""

    def __init__(self) -> None:
        self.pair: Pair | None = None
        self.now = Instant(0.0)
        self.said = Claim(PairRole.JOIN, 0)
        """By the peer, last."""
        self.session = _session("peer")
        self.numbers: dict[PairSession, int] = {}
        self.last = Performed()
        self.shown: Claim | None = None
        """The claim of ours that was shown last."""

    def play(self, text: str) -> str:
        """Give the transcript as it should be."""
        lines: list[str] = []
        for line in text.splitlines():
            if line.startswith(INDENT):
                continue
            lines.append(line)
            if line.strip() and not line.startswith("#"):
                lines += [f"{INDENT}{done}" for done in self._line(line)]
        return "\n".join(lines) + "\n"

    def _line(self, line: str) -> Iterator[str]:
        first, _, rest = line.partition(" ")
        words = split(rest)
        if not first[0].isdigit():
            self.pair = _set_up(words)
            return
        assert self.pair is not None
        until = Instant(float(first))
        match words.plain:
            case ("passes",):
                yield from self._ticks(self.pair, until)
            case ("peer", "beats"):
                yield from self._beats(self.pair, until, float(words.named["until"]))
            case _:
                yield from self._ticks(self.pair, until)
                yield from self._turn(self.pair, self._event(self.pair, words))

    def _ticks(self, pair: Pair, until: Instant) -> Iterator[str]:
        while (due := next_due(pair)) <= until:
            self.now = max(due, self.now)
            yield from [f"{self.now:.3f} {done}" for done in self._turn(pair, Tick())]
        self.now = until

    def _beats(self, pair: Pair, first: float, until: float) -> Iterator[str]:
        for index in range(round((until - first) / BEAT_S) + 1):
            yield from self._ticks(pair, Instant(first + index * BEAT_S))
            yield from [f"{self.now:.3f} {done}" for done in self._turn(pair, self._beat(pair))]

    def _turn(self, pair: Pair, event: Event) -> Iterator[str]:
        for action in step(pair, event, self.now):
            if isinstance(action, Perform):
                self.last = Performed(action.operation, action.stage)
            if not isinstance(action, Speak):
                yield from _worded(action, self.now)
            elif action.probe or action.claim != self.shown:
                self.shown = action.claim
                yield _spoken(action)

    def _event(self, pair: Pair, words: Words) -> Event:
        match words.plain:
            case ("peer", *_):
                return self._of_peer(pair, words)
            case ("reset", "path", state):
                good = state == "good"
                seen = Surroundings(True, Instant(self.now + 1e6), self.now)
                return Saw(seen if good else Surroundings())
            case ("operator", "says", "off"):
                return PeerIsOff()
            case (server, "reads", power):
                return PowerRead(server, PowerReading(Power(power), 1, self.now, self.now))
            case (server, "session", number):
                return SessionOpened(server, int(number))
            case (server, "sent"):
                return CommandSent(server, self.last.operation, self.last.stage)
            case (server, answer):
                operation, stage = self.last.operation, self.last.stage
                return CommandAnswered(server, operation, stage, ANSWERS[answer])
            case _:
                raise ValueError(f"no event: {words}")

    def _of_peer(self, pair: Pair, words: Words) -> Arrived:
        if "session" in words.named:
            self.session = _session(words.named["session"])
        match words.plain:
            case ("peer", "says", name, *flags):
                follows = OURS if "follows" in words.named else NOBODY
                epoch = int(words.named.get("epoch", self.said.epoch))
                self.said = Claim(PairRole(name), epoch, follows, "candidate" in flags)
                return self._beat(pair, probe="probe" in flags, heard="unheard" not in flags)
            case ("peer", "releases"):
                return self._arrived(Release(self.session))
            case ("peer", "stops"):
                return self._arrived(Stopped())
            case _:
                raise ValueError(f"no event: {words}")

    def _beat(self, pair: Pair, *, probe: bool = False, heard: bool = True) -> Arrived:
        echo = Echo(OURS, pair.hearing.sent) if heard else Echo(NOBODY, 0)
        hearing = frozenset({Path.DUPLEX}) if heard else frozenset()
        beat = Beat(self.said, echo, Replica(), Standing(), hearing, self.now, probe)
        return self._arrived(beat)

    def _arrived(self, message: PairMessage) -> Arrived:
        seq = self.numbers.get(self.session, 0) + 1
        self.numbers[self.session] = seq
        return Arrived(Path.DUPLEX, PairDatagram(self.session, seq, 0, message))


def _session(name: str) -> PairSession:
    return PairSession(name.encode().ljust(16))


def _set_up(words: Words) -> Pair:
    named = words.named
    feeds = tuple(feed_of(text) for text in named.get("feeds", "").split(",") if text)
    timeout_s = float(named.get("timeout", "10"))
    means = Means(named["peer"], bool(feeds), timeout_s, feeds)
    member = role.Member(OURS, int(named.get("rank", "0")), int(named.get("epoch", "0")))
    session, _, seq = named.get("record", "").partition("/")
    record = Echo(_session(session), int(seq)) if session else None
    return new_pair(PairSettings(means, Standing().service), member, record, Instant(0.0))


def _spoken(action: Speak) -> str:
    claim = action.claim
    follows = "" if claim.following == NOBODY else f" of {_name(claim.following)}"
    wish = ", candidate" if claim.candidate else ""
    what = "probe" if action.probe else "beat"
    return f"{what} {action.seq}: {claim.role.value}{follows}, epoch {claim.epoch}{wish}"


def _worded(action: Action, now: Instant) -> Iterator[str]:
    match action:
        case Superseded(session):
            yield f"session {_name(session)} is trusted"
        case TakeOver(epoch, proof):
            yield f"take over, epoch {epoch}: {proof.value}"
        case Fenced(end, operation):
            owed = ", power on is owed" if end.commanded else ""
            result = end.proof.value if isinstance(end, Proved) else f"failed, {end.reason}"
            yield f"{operation} ended: {result}{owed}"
        case role.Follow(session, epoch):
            yield f"follow {_name(session)}, epoch {epoch}"
        case Keep(echo):
            yield f"keep the record of its stop: {_name(echo.session)}/{echo.seq}"
        case role.DeleteRecord():
            yield "delete the record of its stop"
        case Perform() | Hurry() | Abandon() | StopRestore() | Remark():
            yield worded(action, now)
        case _:
            return


def _name(session: PairSession) -> str:
    return session.decode().strip()
