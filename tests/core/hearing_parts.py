"""One server that listens to the other."""

from haconn.core.beat import (
    Echo,
    PairDatagram,
    PairMessage,
    PairSession,
    Path,
)
from haconn.core.hearing import (
    Hearing,
    Judged,
    hear,
    next_echo,
    next_seq,
)
from tests.core.pair_parts import ME, PEER, at, beat

STRANGE = Judged(stranger=True)
TRUSTED = Judged(new=True, answers=True, superseded=True, stranger=True)
ANSWER = Judged(new=True, answers=True)


class Ear:
    """What one server hears, and says."""

    def __init__(self) -> None:
        self.hearing = Hearing(ME, at(0.0))
        self.now = 0.0

    def send(self, now: float | None = None) -> int:
        """One datagram of ours leaves, a beat."""
        self.now = self.now if now is None else now
        self.hearing = next_echo(next_seq(self.hearing, at(self.now)))
        return self.hearing.sent

    def take(
        self,
        seq: int,
        message: PairMessage,
        session: PairSession = PEER,
        path: Path = Path.DUPLEX,
        now: float | None = None,
    ) -> Judged:
        """Anything arrives."""
        self.now = self.now if now is None else now
        datagram = PairDatagram(session, seq, 0, message)
        self.hearing, judged = hear(self.hearing, path, datagram, at(self.now))
        return judged

    def beat(
        self,
        seq: int,
        echoes: int | None = None,
        session: PairSession = PEER,
        path: Path = Path.DUPLEX,
        now: float | None = None,
        clock: float = 0.0,
    ) -> Judged:
        """A beat arrives; it echoes a datagram of ours, or none."""
        echo = None if echoes is None else Echo(ME, echoes)
        return self.take(seq, beat(echo=echo, clock=clock), session, path, now)


def trusting(session: PairSession = PEER) -> Ear:
    """It has heard datagrams 1 and 2 of the peer, and sent one."""
    ear = Ear()
    ear.beat(1, None, session)
    ear.send()
    assert ear.beat(2, 1, session) == TRUSTED
    return ear
