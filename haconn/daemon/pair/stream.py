"""The sealed channel on a TCP connection (haconn/wire/pair/channel.py says what travels on it).

No deadline is kept here: the caller's cancel scope bounds each call. Whatever ends a call early,
a cancellation too, closes the socket, since half a record may be on its way and nothing can
follow it.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import trio

from haconn.wire.pair.channel import MESSAGE_BYTES_MAX, Channel, Stage
from haconn.wire.pair.greeting import NONCE_BYTES, Greeting, Side
from haconn.wire.pair.keys import PairKey
from haconn.wire.pair.records import ChannelError

PIECE_BYTES = 64 * 1024
"""So much is sealed, or opened, in one turn: some 100 microseconds, whatever a message's size."""


class SealedStreamLost(Exception):
    """The connection failed, was refused, cut or void; it is closed, and the text says why."""


class SealedStream:
    """A connection whose both ends are proved; `connect` and `accept` make one.

    One task may receive while others send.
    """

    def __init__(self, stream: trio.SocketStream, channel: Channel) -> None:
        self._stream = stream
        self._channel = channel
        self._received: deque[bytes] = deque()  # at most what one piece of the stream contains
        self._sending = trio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, without a word; messages that nobody took are gone."""
        self._received.clear()
        self._stream.socket.close()

    async def greet(self) -> None:
        """Exchange hellos and proofs. Raises SealedStreamLost."""
        with self._closed_unless_whole():
            while self._channel.stage in (Stage.GREETING, Stage.PROVING):
                await self._say_greeting()
                await self._receive_piece()
            await self._say_greeting()

    async def send(self, message: bytes) -> None:
        """Send a message of at most MESSAGE_BYTES_MAX bytes. Raises SealedStreamLost.

        It has left this process then; that it arrived, only an answer says.
        """
        with self._closed_unless_whole():
            async with self._sending:
                piece = bytearray()
                for record in self._channel.records(message):
                    piece += record
                    if len(piece) >= PIECE_BYTES:
                        await self._stream.send_all(piece)
                        piece = bytearray()
                await self._stream.send_all(piece)

    async def end(self) -> None:
        """Say that nothing follows. Raises SealedStreamLost.

        Close only when the peer has ended too (`receive` gave None): a connection that is closed
        while something lies unread may lose what was said last.
        """
        with self._closed_unless_whole():
            async with self._sending:
                await self._stream.send_all(self._channel.end())

    async def receive(self) -> bytes | None:
        """Wait for one message; None when the peer has said that nothing follows.

        Raises SealedStreamLost.
        """
        with self._closed_unless_whole():
            await trio.lowlevel.checkpoint()  # many short messages come in one piece
            while not self._received:
                if self._channel.stage is Stage.ENDED:
                    return None
                await self._receive_piece()
            return self._received.popleft()

    async def _say_greeting(self) -> None:
        unsent = self._channel.unsent()
        if unsent:
            await self._stream.send_all(unsent)

    async def _receive_piece(self) -> None:
        piece = await self._stream.receive_some(PIECE_BYTES)
        if not piece:
            raise ChannelError("the peer closed the connection before it had ended")
        self._received.extend(self._channel.receive(bytes(piece)))

    @contextmanager
    def _closed_unless_whole(self) -> Iterator[None]:
        whole = False
        try:
            yield
            whole = True
        except ChannelError as exc:
            raise SealedStreamLost(str(exc)) from exc
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise SealedStreamLost("the connection failed, or was closed") from exc
        finally:
            if not whole:
                self.close()


async def connect(
    address: str,
    port: int,
    keys: Sequence[PairKey],
    me: str,
    peer: str,
    *,
    message_bytes_max: int = MESSAGE_BYTES_MAX,
) -> SealedStream:
    """Dial the peer, and prove each other. Raises SealedStreamLost."""
    greeting = _greeting(Side.DIALLER, keys, me, peer)
    try:
        stream = await trio.open_tcp_stream(address, port)
    except OSError as exc:
        raise SealedStreamLost(f"{address} port {port}: {_why(exc)}") from exc
    return await _greeted(stream, Channel(greeting, message_bytes_max))


def _why(error: OSError) -> str:
    """Say what the kernel said: Trio puts it into a group below a sentence of its own."""
    inner = error.__cause__
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    found = inner if isinstance(inner, OSError) else error
    if isinstance(found, ConnectionRefusedError):
        return "no service runs there (connection refused)"
    return found.strerror or str(found)


async def accept(
    stream: trio.SocketStream,
    keys: Sequence[PairKey],
    me: str,
    peer: str,
    *,
    message_bytes_max: int = MESSAGE_BYTES_MAX,
) -> SealedStream:
    """Take a connection that somebody opened, and prove each other. Raises SealedStreamLost.

    Anybody can open one: how many at once, and for how long, is to be limited by the caller.
    """
    greeting = _greeting(Side.LISTENER, keys, me, peer)
    return await _greeted(stream, Channel(greeting, message_bytes_max))


def _greeting(side: Side, keys: Sequence[PairKey], me: str, peer: str) -> Greeting:
    return Greeting(side, tuple(keys), me, peer, os.urandom(NONCE_BYTES))


async def _greeted(stream: trio.SocketStream, channel: Channel) -> SealedStream:
    sealed = SealedStream(stream, channel)
    await sealed.greet()
    return sealed
