"""Full sync, copy of the settings, and orders between the two, over the sealed channel (TCP).

The standby dials for its full sync; the active dials to hand settings or an order on. One question
a connection, and one answer, but for a full sync, whose excerpts are said and read one by one.
Everything is bounded: connections at once, the time of each, and the length of what is said. The
peer is dialled on the paths one after the other.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import trio

from haconn.daemon.pair.stream import SealedStream, SealedStreamLost, accept, connect
from haconn.wire.pair.keys import PairKey
from haconn.wire.plain import PlainError, from_plain, to_plain

GREETING_S = 3.0
"""From the connection to its first message: whoever is no peer is gone by then."""
TALK_S = 20.0
AT_ONCE = 4
"""Connections beyond this are closed. Those from where the peer is known to be are counted apart:
whoever can only dial must not keep the peer out."""
DIAL_S = 2.0
"""For each path: a cut one must not keep the others waiting."""


@dataclass(frozen=True, slots=True)
class WantSync:
    """The standby asks the active for everything."""

    standby: bytes


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some lines of the active's journal; stamps are of its clock. More follows when it is read."""

    lines: str


@dataclass(frozen=True, slots=True)
class ExcerptRead:
    """The standby has read it."""


@dataclass(frozen=True, slots=True)
class Everything:
    """The excerpts that were read are the active's record up to `index`."""

    log: bytes
    index: int
    hold_until: float | None
    """Until this stamp the active itself commands nothing, since it may lack what an earlier one
    did; who takes over from it may lack that too."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The standby has loaded it."""

    index: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that are to be installed."""

    bundle: bytes


@dataclass(frozen=True, slots=True)
class Installed:
    """They are; these files have changed."""

    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Stop, or start anew."""

    what: Literal["restart", "shutdown"]


@dataclass(frozen=True, slots=True)
class Obeyed:
    """It will be done now."""


@dataclass(frozen=True, slots=True)
class Declined:
    """It will not, and why: one line."""

    reason: str


Message: TypeAlias = (
    WantSync
    | Excerpt
    | ExcerptRead
    | Everything
    | Loaded
    | Settings
    | Installed
    | Order
    | Obeyed
    | Declined
)


class NotReachedError(Exception):
    """The peer could not be talked to on any path, or broke off. One line."""


class Talk:
    """One connection, in messages."""

    def __init__(self, stream: SealedStream) -> None:
        self._stream = stream

    async def say(self, message: Message) -> None:
        """Send a message. Raises SealedStreamLost."""
        await self._stream.send(json.dumps(to_plain(message, Message)).encode())

    async def hear(self) -> Message | None:
        """Wait for a message; None when the peer has said everything. Raises NotReachedError."""
        data = await self._stream.receive()
        if data is None:
            return None
        try:
            message: Message = from_plain(Message, json.loads(data))
        except (ValueError, RecursionError, PlainError) as exc:
            raise NotReachedError("the peer speaks another version") from exc
        return message

    async def end(self) -> None:
        """Say that this was all, and wait until the peer says so."""
        await self._stream.end()
        while await self._stream.receive() is not None:
            pass


@dataclass(frozen=True, slots=True)
class Identity:
    """Who talks: names as in the list that both share, and the keys."""

    me: str
    peer: str
    keys: tuple[PairKey, ...]


class Exchange:
    """Both ends."""

    def __init__(self, identity: Identity, peer_port: int) -> None:
        self._identity = identity
        self._peer_port = peer_port
        self._open: dict[bool, int] = {True: 0, False: 0}
        """Connections that were taken, of the peer's addresses and of others."""

    def rekey(self, keys: Sequence[PairKey]) -> None:
        """Use these from the next connection on; those that are open go on."""
        self._identity = replace(self._identity, keys=tuple(keys))

    async def ask(
        self,
        addresses: Iterable[str],
        converse: Callable[[Talk], Awaitable[None]],
    ) -> None:
        """Dial the peer at the first address that answers, and talk. Raises NotReachedError."""
        why = "no address of the peer is known"
        for address in addresses:
            stream: SealedStream | None = None
            try:
                with trio.move_on_after(DIAL_S):
                    stream = await self._dial(address)
                if stream is not None:
                    await self._converse(stream, converse)
                    return
                why = f"{address} did not answer"
            except SealedStreamLost as exc:
                why = str(exc)
        raise NotReachedError(why)

    async def _dial(self, address: str) -> SealedStream:
        who = self._identity
        return await connect(address, self._peer_port, who.keys, who.me, who.peer)

    async def _converse(
        self, stream: SealedStream, converse: Callable[[Talk], Awaitable[None]]
    ) -> None:
        talk = Talk(stream)
        async with stream:
            with trio.move_on_after(TALK_S) as scope:
                await converse(talk)
                with suppress(SealedStreamLost):  # all has been said: it may be gone by now
                    await talk.end()
            if scope.cancelled_caught:
                raise NotReachedError("the peer took too long to answer")

    async def answer(
        self,
        stream: trio.SocketStream,
        converse: Callable[[Talk], Awaitable[None]],
        homes: Collection[str],
    ) -> None:
        """Take one connection; whatever is wrong with it ends only it.

        Args:
            homes: where the peer is known to be.
        """
        at_home = _source(stream) in homes
        if self._open[at_home] >= AT_ONCE:
            await trio.aclose_forcefully(stream)
            return
        self._open[at_home] += 1
        try:
            await self._answer(stream, converse)
        except (SealedStreamLost, NotReachedError):
            return  # who dialled hears of it, and dials anew
        finally:
            self._open[at_home] -= 1

    async def _answer(
        self, stream: trio.SocketStream, converse: Callable[[Talk], Awaitable[None]]
    ) -> None:
        who = self._identity
        sealed: SealedStream | None = None
        with trio.move_on_after(GREETING_S):
            sealed = await accept(stream, who.keys, who.me, who.peer)
        if sealed is None:
            await trio.aclose_forcefully(stream)
            return
        async with sealed:
            with trio.move_on_after(TALK_S):
                await converse(Talk(sealed))
                await Talk(sealed).end()


def _source(stream: trio.SocketStream) -> str:
    """Where a connection comes from; empty if it is gone already."""
    try:
        address: str = stream.socket.getpeername()[0]
    except OSError:
        return ""
    return address
