"""What of the peer's words counts, and whether it is silent: trust, order and time.

A session is trusted when it has answered: the first datagram of a session that is not known
notes the number that our next datagram will bear, and a beat of that session that echoes this
number, or a greater one, was sent by a process that lives now. A replay cannot do that. The
session that was trusted before is superseded then, and nothing of it counts any more.

Within the trusted session numbers only go up. A copy of the same datagram on another path counts
for that path, and is not heard twice.

Silence is measured from the last new datagram of the trusted session on any path. If our own loop
was late, the silence was ours: the measuring begins anew.
"""

from dataclasses import dataclass, replace

from haconn.core.beat import Beat, Echo, PairDatagram, PairSession, Path
from haconn.core.model import Instant
from haconn.core.pair_times import PairTimes

OFFSETS_KEPT = 64
"""Some 13 s of beats: long enough to meet an undelayed one, short enough for clocks that drift."""
SENDS_KEPT = 64
ASKED_MAX = 8
"""Recordings of so many old sessions, played at once, still leave room for the one that lives."""
COPY_WITHIN = 64
"""A copy of a datagram on a slower path comes so many numbers later at most."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A session that is to prove that it lives now."""

    session: PairSession
    seq: int
    """Of ours: an echo of this or a later one proves it."""


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
    asked: tuple[Asked, ...] = ()
    """Sessions that are not trusted, the latest last."""
    sends: tuple[tuple[int, Instant], ...] = ()
    """When our last datagrams left, by number."""
    newest: Echo | None = None
    """What our next beat echoes."""
    heard_at: Instant | None = None
    """The last new datagram of the trusted session."""
    spoken_at: Instant | None = None
    """The last authentic datagram of any session."""
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

    def alone_for(self, now: Instant) -> float:
        """How long nothing authentic has come, whatever its session."""
        return now - (self.began if self.spoken_at is None else self.spoken_at)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a datagram counts for."""

    new: bool = False
    """It is of the trusted session and later than all before: it is to be heard."""
    answers: bool = False
    """It is a beat that echoes a datagram of this very process."""
    superseded: bool = False
    """With it its session became the trusted one."""
    stranger: bool = False
    """It is of another session than the trusted one."""


def next_seq(hearing: Hearing, now: Instant) -> Hearing:
    """Count one more datagram of ours, which leaves now."""
    seq = hearing.sent + 1
    return replace(hearing, sent=seq, sends=(*hearing.sends[-SENDS_KEPT + 1 :], (seq, now)))


def sent_at(hearing: Hearing, echo: Echo) -> Instant | None:
    """When the datagram of ours left that is echoed; None if it is not ours, or too old."""
    if echo.session != hearing.session:
        return None
    return dict(hearing.sends).get(echo.seq)


def hear(
    hearing: Hearing, path: Path, datagram: PairDatagram, now: Instant
) -> tuple[Hearing, Judged]:
    """Take in an authentic datagram that has a session (RELEASE has none)."""
    known = replace(hearing, spoken_at=now)
    beat = datagram.message if isinstance(datagram.message, Beat) else None
    if datagram.session != hearing.trusted:
        return _stranger(known, path, datagram, beat, now)
    if datagram.seq > hearing.last - COPY_WITHIN:
        known = _on_path(known, path, now)
    if datagram.seq <= hearing.last:
        return known, Judged()
    known = _in_session(known, datagram, beat, now)
    return known, Judged(new=True, answers=_answers(hearing, beat))


def _answers(hearing: Hearing, beat: Beat | None) -> bool:
    return beat is not None and beat.echo.session == hearing.session


def _stranger(
    hearing: Hearing, path: Path, datagram: PairDatagram, beat: Beat | None, now: Instant
) -> tuple[Hearing, Judged]:
    asked = next((one for one in hearing.asked if one.session == datagram.session), None)
    if asked is None:
        # what it echoes so far may be a replay: only what we send from now on proves it alive
        asked = Asked(datagram.session, hearing.sent + 1)
        hearing = replace(hearing, asked=(*hearing.asked[-ASKED_MAX + 1 :], asked))
    known = replace(hearing, newest=Echo(datagram.session, datagram.seq))
    proved = _answers(hearing, beat) and beat is not None and beat.echo.seq >= asked.seq
    if not proved:
        return known, Judged(stranger=True)
    fresh = replace(
        known, trusted=datagram.session, last=0, asked=(), offsets=(), hears_us=frozenset()
    )
    heard = _in_session(_on_path(fresh, path, now), datagram, beat, now)
    return heard, Judged(new=True, answers=True, superseded=True, stranger=True)


def _in_session(
    hearing: Hearing, datagram: PairDatagram, beat: Beat | None, now: Instant
) -> Hearing:
    known = replace(
        hearing,
        last=datagram.seq,
        newest=Echo(datagram.session, datagram.seq),
        heard_at=now,
        probed=0,
    )
    if beat is None:
        return known
    offsets = (*hearing.offsets[-OFFSETS_KEPT + 1 :], now - beat.clock)
    return replace(known, hears_us=beat.hearing, offsets=offsets)


def _on_path(hearing: Hearing, path: Path, now: Instant) -> Hearing:
    others = tuple(one for one in hearing.paths if one[0] is not path)
    return replace(hearing, paths=(*others, (path, now)))


def stalled(hearing: Hearing, now: Instant) -> Hearing:
    """Our own loop was late: the silence until now proves nothing."""
    if hearing.heard_at is None:
        return replace(hearing, began=now, probed=0)
    return replace(hearing, heard_at=now, probed=0)


def probe_due(hearing: Hearing, now: Instant, times: PairTimes) -> bool:
    """Whether the silence has come to the next probe."""
    if hearing.heard_at is None or hearing.probed >= len(times.probes_s):
        return False
    return hearing.silent_for(now) >= times.probes_s[hearing.probed]


def probed(hearing: Hearing) -> Hearing:
    """A probe leaves."""
    return replace(hearing, probed=hearing.probed + 1)


def next_due(hearing: Hearing, times: PairTimes) -> Instant | None:
    """When a probe is due, or the peer dead; None while that is past."""
    if hearing.heard_at is None:
        return None
    waits = (*times.probes_s[hearing.probed :], times.dead_s)
    return Instant(hearing.heard_at + waits[0])
