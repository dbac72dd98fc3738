"""What of the peer's words counts, and whether it is silent: trust, order and time.

A session is trusted when it has answered: the first datagram of a session that is not known
notes the number that our next datagram will bear, and a beat that echoes this number, or a greater
one, was sent by a process that lives now. A replay cannot do that. The session that was trusted
before is superseded then: its process has ended, and whatever comes of it is a recording, and is
not even noticed.

The number holds for all sessions, also for the one that is trusted: once another has spoken, what
it said before may be the last word of a process that has ended. It is an answer no more.

Within a session numbers only go up, trusted or not. A copy of the same datagram on another path
counts for that path, and is not heard twice. So a recording is noticed once at most.

Who speaks is echoed in turn, so that recordings do not keep the peer from being answered.

Silence is measured from the last new datagram of the trusted session on any path. If our own loop
was late, the silence was ours: the measuring begins anew.
"""

from dataclasses import dataclass, replace

from haconn.core.beat import NOBODY, Beat, Echo, PairDatagram, PairSession, Path
from haconn.core.model import Instant
from haconn.core.pair_times import PairTimes

OFFSETS_KEPT = 64
"""Some 13 s of beats: long enough to meet an undelayed one, short enough for clocks that drift."""
SENDS_KEPT = 64
SENDS_APART_S = 0.1
"""So that those that are kept reach back further than gate_s, however much is sent."""
ASKED_MAX = 9
"""Recordings of eight old sessions, played at once, leave room for the one that lives."""
BYGONE_KEPT = 64
"""How many ended sessions of the peer are known as such."""
COPY_WITHIN = 64
"""A copy of a datagram on a slower path comes so many numbers later at most."""


NOTHING = Echo(NOBODY, 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A session that is to prove that it lives now."""

    session: PairSession
    last: int
    """The greatest number heard in it."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was heard of the peer; replaced as a whole."""

    session: PairSession
    """Our own."""
    began: Instant
    sent: int = 0
    """The number of the last datagram of ours."""
    trusted: PairSession | None = None
    last: int = 0
    """The greatest number heard in the trusted session."""
    since: int = 0
    """Of ours: what echoes this or a later one was said after the last new session had spoken."""
    asked: tuple[Asked, ...] = ()
    """Sessions that are not trusted, the latest last."""
    bygone: tuple[PairSession, ...] = ()
    """Sessions that were superseded, the latest last."""
    sends: tuple[tuple[int, Instant], ...] = ()
    """When our last datagrams left, by number; of those that left together, the first."""
    echoed: Echo = NOTHING
    """What our last beat echoed."""
    unechoed: tuple[Echo, ...] = ()
    """The newest datagrams of those who have spoken since they were echoed; the first is next."""
    heard_at: Instant | None = None
    """The last new datagram of the trusted session."""
    spoken_at: Instant | None = None
    """The last datagram of any session that may be of a process that lives."""
    paths: tuple[tuple[Path, Instant], ...] = ()
    """When each path brought something of the peer."""
    hears_us: frozenset[Path] = frozenset()
    """On which paths the peer says that it hears us."""
    offsets: tuple[float, ...] = ()
    """Ours minus the peer's clock at the arrival of its last beats; the least is the best."""
    probed: int = 0
    """How many probes of this silence have been sent."""

    @property
    def offset_s(self) -> float:
        """What makes an instant of the peer's clock one of ours; too great by the least delay."""
        return min(self.offsets, default=0.0)

    def hears(self, path: Path, now: Instant, times: PairTimes) -> bool | None:
        """Whether a path brings the peer's datagrams; None if it never did."""
        at = dict(self.paths).get(path)
        return None if at is None else now - at < times.dead_s

    def heard_on(self, now: Instant, times: PairTimes) -> frozenset[Path]:
        """The paths that bring the peer's datagrams."""
        return frozenset(path for path, at in self.paths if now - at < times.dead_s)

    def silent_for(self, now: Instant) -> float:
        """How long nothing has come of the trusted session, or of anybody at all."""
        return now - (self.began if self.heard_at is None else self.heard_at)

    def is_silent(self, wait_s: float, now: Instant) -> bool:
        """Whether nothing has come for so long; true at the very instant that `next_due` gives."""
        return now >= (self.began if self.heard_at is None else self.heard_at) + wait_s

    def alone_for(self, now: Instant) -> float:
        """How long nobody has spoken, whatever the session."""
        return now - (self.began if self.spoken_at is None else self.spoken_at)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a datagram counts for."""

    new: bool = False
    """It is of the trusted session and later than all before: it is to be heard."""
    answers: bool = False
    """It is a beat that echoes a datagram of this very process, and of late enough."""
    superseded: bool = False
    """With it its session became the trusted one."""
    stranger: bool = False
    """It is of a session that was not trusted, and later than all that was heard of it."""


def next_seq(hearing: Hearing, now: Instant) -> Hearing:
    """Count one more datagram of ours, which leaves now."""
    seq, sends = hearing.sent + 1, hearing.sends
    if not sends or now >= sends[-1][1] + SENDS_APART_S:
        sends = (*sends[-SENDS_KEPT + 1 :], (seq, now))
    return replace(hearing, sent=seq, sends=sends)


def sent_at(hearing: Hearing, echo: Echo) -> Instant | None:
    """When the datagram of ours that is echoed left, or up to SENDS_APART_S before that.

    None if it is not ours, or left too long ago to be known.
    """
    if echo.session != hearing.session or echo.seq > hearing.sent:
        return None
    return max((at for seq, at in hearing.sends if seq <= echo.seq), default=None)


def next_echo(hearing: Hearing) -> Hearing:
    """Choose what our next beat echoes: `echoed` of what is given back."""
    if not hearing.unechoed:
        return hearing
    return replace(hearing, echoed=hearing.unechoed[0], unechoed=hearing.unechoed[1:])


def hear(
    hearing: Hearing, path: Path, datagram: PairDatagram, now: Instant
) -> tuple[Hearing, Judged]:
    """Take in an authentic datagram that has a session (RELEASE has none)."""
    if datagram.session in hearing.bygone:
        return hearing, Judged()
    beat = datagram.message if isinstance(datagram.message, Beat) else None
    if datagram.session != hearing.trusted:
        return _stranger(hearing, path, datagram, beat, now)
    if datagram.seq > hearing.last - COPY_WITHIN:
        hearing = _on_path(hearing, path, now)
    if datagram.seq <= hearing.last:
        return hearing, Judged()
    known = _in_session(_to_echo(hearing, datagram, now), datagram, beat, now)
    return known, Judged(new=True, answers=_answers(hearing, beat))


def _answers(hearing: Hearing, beat: Beat | None) -> bool:
    if beat is None or beat.echo.session != hearing.session:
        return False
    return beat.echo.seq >= hearing.since


def _stranger(
    hearing: Hearing, path: Path, datagram: PairDatagram, beat: Beat | None, now: Instant
) -> tuple[Hearing, Judged]:
    session = datagram.session
    last = next((one.last for one in hearing.asked if one.session == session), None)
    if last is None:
        # what is echoed so far may be a replay: only what we send from now on proves it alive
        hearing = replace(hearing, since=hearing.sent + 1)
    elif datagram.seq <= last:
        return hearing, Judged()
    known = _to_echo(hearing, datagram, now)
    if not _answers(hearing, beat):
        return _asked(known, Asked(session, datagram.seq)), Judged(stranger=True)
    fresh = _on_path(_superseded(known, session), path, now)
    heard = _in_session(fresh, datagram, beat, now)
    return heard, Judged(new=True, answers=True, superseded=True, stranger=True)


def _asked(hearing: Hearing, asked: Asked) -> Hearing:
    """Keep what is known of a session that is not trusted, in its place."""
    if any(one.session == asked.session for one in hearing.asked):
        known = (asked if one.session == asked.session else one for one in hearing.asked)
        return replace(hearing, asked=tuple(known))
    return replace(hearing, asked=(*hearing.asked[-ASKED_MAX + 1 :], asked))


def _superseded(hearing: Hearing, session: PairSession) -> Hearing:
    bygone = hearing.bygone
    if hearing.trusted is not None:
        bygone = (*bygone[-BYGONE_KEPT + 1 :], hearing.trusted)
    return replace(
        hearing,
        trusted=session,
        asked=tuple(one for one in hearing.asked if one.session != session),
        bygone=bygone,
        unechoed=tuple(one for one in hearing.unechoed if one.session not in bygone),
        offsets=(),
        hears_us=frozenset(),
    )


def _to_echo(hearing: Hearing, datagram: PairDatagram, now: Instant) -> Hearing:
    """Somebody speaks, and is to be echoed when its turn comes."""
    mine = Echo(datagram.session, datagram.seq)
    waiting = hearing.unechoed
    if any(one.session == mine.session for one in waiting):
        waiting = tuple(mine if one.session == mine.session else one for one in waiting)
    elif len(waiting) <= ASKED_MAX:
        waiting = (*waiting, mine)
    return replace(hearing, unechoed=waiting, spoken_at=now)


def _in_session(
    hearing: Hearing, datagram: PairDatagram, beat: Beat | None, now: Instant
) -> Hearing:
    known = replace(hearing, last=datagram.seq, heard_at=now, probed=0)
    if beat is None:
        return known
    offsets = (*hearing.offsets[-OFFSETS_KEPT + 1 :], now - beat.clock)
    return replace(known, hears_us=beat.hearing, offsets=offsets)


def _on_path(hearing: Hearing, path: Path, now: Instant) -> Hearing:
    others = tuple(one for one in hearing.paths if one[0] is not path)
    return replace(hearing, paths=(*others, (path, now)))


def stalled(hearing: Hearing, now: Instant) -> Hearing:
    """Our own loop was late: the silence until now proves nothing."""
    return replace(
        hearing,
        began=now if hearing.heard_at is None else hearing.began,
        heard_at=None if hearing.heard_at is None else now,
        spoken_at=None if hearing.spoken_at is None else now,
        probed=0,
    )


def probe_due(hearing: Hearing, now: Instant, times: PairTimes) -> bool:
    """Whether the silence has come to the next probe."""
    return hearing.heard_at is not None and hearing.probed < _probes_until(hearing, now, times)


def probed(hearing: Hearing, now: Instant, times: PairTimes) -> Hearing:
    """A probe leaves; if two are due, it stands for both."""
    return replace(hearing, probed=_probes_until(hearing, now, times))


def _probes_until(hearing: Hearing, now: Instant, times: PairTimes) -> int:
    return sum(hearing.is_silent(wait_s, now) for wait_s in times.probes_s)


def next_due(hearing: Hearing, times: PairTimes) -> Instant | None:
    """When a probe is due, or the peer dead, which may be past; None if nothing was heard."""
    if hearing.heard_at is None:
        return None
    waits = (*times.probes_s[hearing.probed :], times.dead_s)
    return Instant(hearing.heard_at + waits[0])
