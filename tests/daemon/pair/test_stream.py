"""The sealed channel on real sockets: peers, strangers, cuts, cancellations."""

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from haconn.core.model import Secret
from haconn.daemon.pair.stream import PIECE_BYTES, SealedStream, SealedStreamLost, accept, connect
from haconn.wire.keys import BadKeyError
from haconn.wire.pair.channel import MESSAGE_BYTES_MAX
from haconn.wire.pair.keys import PairKey
from tests.daemon.parts import descriptors

PATIENCE_S = 20.0
ME, PEER = "mserver1", "mserver2"
KEYS = (PairKey(1, Secret("a5" * 32)),)
OTHER_KEYS = (PairKey(1, Secret("5c" * 32)),)
SOCKET_BYTES = 16 * 1024
LONG = os.urandom(1000) * 1500  # 1.5 MB: far more than such sockets hold
Talk = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[int]:
    """Somebody who listens on loopback; gives the port."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, talk, [listener])
            yield port
            nursery.cancel_scope.cancel(reason="the test has ended")


@asynccontextmanager
async def two_ends() -> AsyncIterator[tuple[SealedStream, SealedStream]]:
    """A dialler and a listener that have proved each other."""
    send, receive = trio.open_memory_channel[SealedStream](1)

    async def talk(stream: trio.SocketStream) -> None:
        await send.send(await accept(stream, KEYS, PEER, ME))
        await trio.sleep_forever()

    async with (
        listening(talk) as port,
        await connect("127.0.0.1", port, KEYS, ME, PEER) as mine,
        await receive.receive() as theirs,
    ):
        for end in (mine, theirs):
            for side in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                end._stream.setsockopt(socket.SOL_SOCKET, side, SOCKET_BYTES)
        yield mine, theirs


async def echo(stream: trio.SocketStream) -> None:
    """Say everything again, and end when the other ends."""
    async with await accept(stream, KEYS, PEER, ME) as sealed:
        while (message := await sealed.receive()) is not None:
            await sealed.send(message)
        await sealed.end()


async def lost(use: Callable[[], Awaitable[object]]) -> str:
    with pytest.raises(SealedStreamLost) as loss:
        await use()
    return str(loss.value)


async def test_messages_come_back_whole_and_the_end_is_an_end() -> None:
    messages = [b"", b"short", os.urandom(PIECE_BYTES), LONG[:100_000]]
    async with listening(echo) as port, await connect("127.0.0.1", port, KEYS, ME, PEER) as sealed:
        for message in messages:
            await sealed.send(message)
            assert await sealed.receive() == message
        await sealed.end()
        assert await sealed.receive() is None
        assert await sealed.receive() is None


async def test_a_message_that_the_sockets_do_not_hold_arrives() -> None:
    async with two_ends() as (mine, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(mine.send, LONG)
        assert await theirs.receive() == LONG


async def test_both_can_send_at_once() -> None:
    async with two_ends() as (mine, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(mine.send, LONG)
        nursery.start_soon(theirs.send, LONG[::-1])
        heard = await mine.receive(), await theirs.receive()
    assert heard == (LONG[::-1], LONG)


async def test_messages_of_two_tasks_do_not_mix() -> None:
    async with two_ends() as (mine, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(mine.send, LONG)
        nursery.start_soon(mine.send, LONG[::-1])
        assert {await theirs.receive(), await theirs.receive()} == {LONG, LONG[::-1]}


async def test_many_short_messages_arrive_in_order() -> None:
    async with two_ends() as (mine, theirs), trio.open_nursery() as nursery:
        nursery.start_soon(send_numbers, mine)
        assert [await theirs.receive() for _ in range(500)] == [b"%d" % n for n in range(500)]


async def send_numbers(sealed: SealedStream) -> None:
    for n in range(500):
        await sealed.send(b"%d" % n)


# ---- strangers


async def test_who_has_another_key_is_not_let_in_and_leaves_nothing_open() -> None:
    refused = trio.Event()

    async def talk(stream: trio.SocketStream) -> None:
        await lost(lambda: accept(stream, OTHER_KEYS, PEER, ME))
        assert stream.socket.fileno() == -1
        refused.set()

    async with listening(talk) as port:
        before = descriptors()
        await lost(lambda: connect("127.0.0.1", port, KEYS, ME, PEER))
        await refused.wait()
        assert descriptors() == before


async def test_who_speaks_something_else_is_dropped_at_once() -> None:
    refused = trio.Event()

    async def talk(stream: trio.SocketStream) -> None:
        await lost(lambda: accept(stream, KEYS, PEER, ME))
        refused.set()

    async with (
        listening(talk) as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stranger,
    ):
        await stranger.send_all(b"GET / HTTP/1.1\r\n")
        await refused.wait()
        assert await hear_the_end(stranger) == b""


async def hear_the_end(stream: trio.SocketStream) -> bytes:
    """What was said until the connection ended, in whatever way."""
    heard = b""
    try:
        async for data in stream:
            heard += data
    except trio.BrokenResourceError:
        pass
    return heard


async def test_a_refused_connection_is_told_in_the_words_of_an_operator() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SealedStreamLost) as caught:
        await connect("127.0.0.1", port, KEYS, ME, PEER)
    assert str(caught.value) == (
        f"127.0.0.1 port {port}: no service runs there (connection refused)"
    )


async def test_an_address_that_cannot_be_reached_is_told_as_the_kernel_says_it() -> None:
    with pytest.raises(SealedStreamLost) as caught:
        await connect("255.255.255.255", 5002, KEYS, ME, PEER)
    assert str(caught.value).startswith("255.255.255.255 port 5002: ")
    assert "all attempts" not in str(caught.value)


async def test_a_port_where_nobody_listens_is_a_loss() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    assert str(port) in await lost(lambda: connect("127.0.0.1", port, KEYS, ME, PEER))


async def test_without_a_key_nothing_is_dialled() -> None:
    with pytest.raises(BadKeyError):
        await connect("127.0.0.1", 1, (), ME, PEER)


# ---- cuts


async def test_a_connection_that_was_cut_is_a_loss_and_no_end() -> None:
    async with two_ends() as (mine, theirs):
        await theirs.send(b"one")
        theirs.close()
        assert await mine.receive() == b"one"
        await lost(mine.receive)
        await lost(mine.receive)
        await lost(lambda: mine.send(b"two"))


async def test_half_a_message_is_no_message() -> None:
    async with two_ends() as (mine, theirs):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(mine.send, LONG)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel(reason="half of it has left")
        await lost(theirs.receive)


async def test_who_ends_can_still_hear() -> None:
    async with two_ends() as (mine, theirs):
        await mine.end()
        assert await theirs.receive() is None
        await theirs.send(b"an answer")
        await theirs.end()
        assert [await mine.receive(), await mine.receive()] == [b"an answer", None]
        await lost(lambda: mine.send(b"after the end"))


async def test_a_message_that_is_too_long_closes_before_anything_of_it_left() -> None:
    async with two_ends() as (mine, theirs):
        assert "limit" in await lost(lambda: mine.send(bytes(MESSAGE_BYTES_MAX + 1)))
        await lost(theirs.receive)


async def test_a_stream_that_is_closed_here_ends_who_waits_on_it() -> None:
    async with two_ends() as (mine, _), trio.open_nursery() as nursery:
        nursery.start_soon(lost, mine.receive)
        await trio.testing.wait_all_tasks_blocked()
        mine.close()


# ---- cancellations


async def cancelled(use: Callable[[], Awaitable[object]]) -> None:
    """Begin something that waits, and cancel it."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(swallow, use)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel(reason="the caller's time is over")
    assert scope.cancelled_caught


async def swallow(use: Callable[[], Awaitable[object]]) -> None:
    await use()


async def test_a_cancelled_call_leaves_the_socket_closed() -> None:
    for name in ("receive", "send"):
        async with two_ends() as (mine, theirs):
            await cancelled(mine.receive if name == "receive" else lambda: mine.send(LONG))
            assert mine._stream.socket.fileno() == -1
            await lost(mine.receive)
            await lost(lambda: mine.send(b"more"))
            await lost(theirs.receive)


async def test_a_cancelled_dialler_leaves_no_socket() -> None:
    gone = trio.Event()

    async def talk(stream: trio.SocketStream) -> None:
        await hear_the_end(stream)
        await stream.aclose()
        gone.set()

    async with listening(talk) as port:
        before = descriptors()
        await cancelled(lambda: connect("127.0.0.1", port, KEYS, ME, PEER))
        await gone.wait()
        assert descriptors() == before


async def test_a_cancelled_listener_leaves_no_socket() -> None:
    gone = trio.Event()

    async def talk(stream: trio.SocketStream) -> None:
        await cancelled(lambda: accept(stream, KEYS, PEER, ME))
        assert stream.socket.fileno() == -1
        gone.set()

    async with listening(talk) as port, await trio.open_tcp_stream("127.0.0.1", port):
        await gone.wait()
