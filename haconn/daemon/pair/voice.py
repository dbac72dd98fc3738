"""What this server says to its peer, and hears of it: datagrams on all paths.

One datagram goes out on every path with one number. What arrives is opened, and given on with the
path it came by; whether it counts is the core's to say.
"""

from collections.abc import Callable, Sequence

import trio

from haconn.core.beat import Beat, PairDatagram, PairMessage, PairSession, Path, Release
from haconn.daemon.pair.paths import Paths
from haconn.wire.events import Drop
from haconn.wire.frame import WireError
from haconn.wire.pair.end import PairEnd
from haconn.wire.pair.keys import PairKey

Heard = Callable[[Path, PairDatagram], None]


class Voice:
    """The pair's datagrams."""

    def __init__(self, end: PairEnd, paths: Paths, session: PairSession) -> None:
        self._end = end
        self._paths = paths
        self._session = session
        self.unsendable: str | None = None
        """Why the last message could not be put into a datagram; None if it could."""
        end.know(paths.peer.values())

    def rekey(self, keys: Sequence[PairKey]) -> None:
        """Open and seal with these generations from now on. Raises BadKeyError."""
        self._end.rekey(keys)

    async def serve(self, heard: Heard) -> None:
        """Give on what arrives; for ever."""
        while True:
            path, data, source = await self._paths.receive()
            self._open(path, data, source[0], heard)

    def drain(self, heard: Heard) -> None:
        """Give on everything that waits already."""
        for path, data, source in self._paths.waiting():
            self._open(path, data, source[0], heard)

    def _open(self, path: Path, data: bytes, source: str, heard: Heard) -> None:
        datagram = self._end.open(data, source, trio.current_time())
        if not isinstance(datagram, Drop):
            heard(path, datagram)

    def say(self, seq: int, epoch: int, message: PairMessage) -> None:
        """Send one message on every path."""
        self._send(PairDatagram(self._session, seq, epoch, message))

    def release(self, epoch: int) -> None:
        """Say that this session holds the address no longer, and never will."""
        self._send(PairDatagram(self._session, 0, epoch, Release(self._session)))

    def _send(self, datagram: PairDatagram) -> None:
        try:
            sealed = self._end.seal(datagram)
        except WireError as exc:
            self.unsendable = str(exc)
            return
        self.unsendable = None
        for path in Path:
            self._paths.send(path, sealed)

    def learn(self, beat: Beat) -> bool:
        """Send where a trusted beat says that the peer is; give whether that is news."""
        announced = {Path.MANAGEMENT: beat.standing.management, Path.RESET: beat.standing.reset}
        news = {
            path: address
            for path, address in announced.items()
            if address and self._paths.peer.get(path) != address
        }
        self._paths.peer.update(news)
        if news:
            self._end.know(self._paths.peer.values())
        return bool(news)
