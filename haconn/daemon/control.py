"""The control socket: one task per command that an operator runs.

Everybody who can open the socket is root or the daemon's own user: the file's mode says so, and
SO_PEERCRED is asked all the same before a change. An operator who goes away in the middle stops
nothing that has begun.
"""

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import trio

from haconn.core.actions import Remark
from haconn.core.report import MonitorReport, PduReport, StatusReport
from haconn.core.world import remark
from haconn.daemon.boundary import viewed
from haconn.wire.control import (
    CHANGES,
    Acrecovery,
    ControlError,
    Done,
    Monitors,
    PairRequest,
    Pdus,
    Progress,
    Refused,
    ReloadKeys,
    Reply,
    Request,
    Reset,
    Status,
    encode_reply,
    parse_request,
    request_frames,
)

CLIENTS_MAX = 8
LOOK_S = 0.5
"""How often the socket is looked for under its name; without it no command reaches the daemon."""
IDLE_S = 5.0
"""A command says what it wants at once."""
RECEIVE_BYTES = 65536
PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))

Say = Callable[[str], None]


class Operations(Protocol):
    """What commands can have done."""

    def status(self) -> StatusReport:
        """What `haconnshow status` shows."""

    def monitors(self) -> MonitorReport:
        """What `haconnshow hamonitor` shows."""

    def pdus(self) -> PduReport:
        """What `haconnshow ipdu` shows."""

    async def reload_keys(self) -> Reply:
        """Take the keys of secrets.toml."""

    async def test_reset(self, request: Reset, say: Say) -> Reply:
        """Test the soft reset of a system."""

    async def recover(self, request: Acrecovery, say: Say) -> Reply:
        """Switch the outlets of a server on."""

    async def operate_pair(self, request: PairRequest, say: Say) -> Reply:
        """Copy, restart, stop or take over; refused where the roles do not allow it."""

    def told(self, request: PairRequest) -> None:
        """The operator has been told that it is done: a process that is to end may end now."""


class ControlSocket:
    """Serves the commands."""

    def __init__(
        self,
        path: Path,
        operations: Operations,
        changers: frozenset[int] = frozenset({0}),
        tell: Callable[[Remark], None] = lambda _: None,
    ) -> None:
        """Open nothing yet.

        Args:
            changers: the users who may make changes.
            tell: takes what the event log is to say of the socket.
        """
        self._path = path
        self._operations = operations
        self._changers = changers
        self._tell = tell
        self._clients = 0
        self._inode = 0
        """Of the socket as it was made: another, or none, under its name is not ours."""

    async def listen(self) -> trio.SocketListener:
        """Open the socket, for its owner only. Raises OSError."""
        self._path.unlink(missing_ok=True)
        sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            await sock.bind(str(self._path))
        except OSError:
            sock.close()
            raise
        finally:
            os.umask(before)
        sock.listen(CLIENTS_MAX)
        self._inode = _inode(self._path)
        return trio.SocketListener(sock)

    async def serve(self, listener: trio.SocketListener) -> None:
        """Serve commands; for ever. A socket that was deleted or replaced is made again."""
        try:
            async with trio.open_nursery() as clients:
                while True:
                    async with trio.open_nursery() as accepting:
                        accepting.start_soon(self._accept, listener, clients)
                        await self._gone()
                        accepting.cancel_scope.cancel(reason="the socket has lost its name")
                    listener = await self._make_again()
        finally:
            if _inode(self._path) == self._inode:
                self._path.unlink(missing_ok=True)

    async def _accept(self, listener: trio.SocketListener, clients: trio.Nursery) -> None:
        """Take connections in; who is connected is served on when the listener has gone."""
        await trio.serve_listeners(self._serve_one, [listener], handler_nursery=clients)

    async def _gone(self) -> None:
        """Wait until the name is not that of our socket any more."""
        while True:  # no event tells of it
            await trio.sleep(LOOK_S)
            if _inode(self._path) != self._inode:
                return

    async def _make_again(self) -> trio.SocketListener:
        """Listen under the name again, as soon as that can be done."""
        failed = ""
        while True:
            try:
                listener = await self.listen()
            except OSError as exc:
                reason = exc.strerror or str(exc)
                if reason != failed:
                    self._tell(remark("socket-lost", path=self._path, reason=reason))
                failed = reason
                await trio.sleep(LOOK_S)
                continue
            self._tell(remark("socket-again", path=self._path))
            return listener

    async def _serve_one(self, stream: trio.SocketStream) -> None:
        self._clients += 1
        try:
            await self._converse(stream, one_too_many=self._clients > CLIENTS_MAX)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the operator has gone; what has begun goes on
        finally:
            self._clients -= 1
            await trio.aclose_forcefully(stream)

    async def _converse(self, stream: trio.SocketStream, *, one_too_many: bool) -> None:
        try:
            request = await _read_request(stream)
        except ControlError as exc:
            await _send(stream, Refused(str(exc)))
            return
        if request is None:
            return
        if one_too_many:  # said after it has spoken: a closed door would be all that it saw
            await _send(stream, Refused("too many commands at once"))
            return
        if type(request) in CHANGES and _user(stream) not in self._changers:
            await _send(stream, Refused("only root may do this"))
            return
        await self._answer(stream, request)

    async def _answer(self, stream: trio.SocketStream, request: Request) -> None:
        send, receive = trio.open_memory_channel[str](256)
        # a full channel drops progress lines: they are for eyes, and the logs have them all
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stream_progress, stream, receive)
            reply = await self._reply(request, lambda text: _put(send, text))
            send.close()
        try:
            await _send(stream, reply)
        finally:  # an operator who has gone changes nothing
            if isinstance(request, PairRequest) and isinstance(reply, Done):
                self._operations.told(request)

    async def _reply(self, request: Request, say: Say) -> Reply:
        match request:
            case Status():
                return viewed(self._operations.status)
            case Monitors():
                return viewed(self._operations.monitors)
            case Pdus():
                return viewed(self._operations.pdus)
            case ReloadKeys():
                return await self._operations.reload_keys()
            case Reset():
                return await self._operations.test_reset(request, say)
            case Acrecovery():
                return await self._operations.recover(request, say)
            case _:
                return await self._operations.operate_pair(request, say)


async def _read_request(stream: trio.SocketStream) -> Request | None:
    frames = request_frames()
    with trio.move_on_after(IDLE_S):
        while data := await stream.receive_some(RECEIVE_BYTES):
            for frame in frames.feed(data):
                return parse_request(frame)
    return None


def _inode(path: Path) -> int:
    """Which file has the name; 0 if none has."""
    try:
        return path.lstat().st_ino
    except OSError:
        return 0


def _user(stream: trio.SocketStream) -> int:
    credentials = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size)
    _, uid, _ = PEER.unpack(credentials)
    return int(uid)


def _put(channel: trio.MemorySendChannel[str], text: str) -> None:
    try:
        channel.send_nowait(text)
    except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
        return


async def _stream_progress(
    stream: trio.SocketStream, receive: trio.MemoryReceiveChannel[str]
) -> None:
    async for text in receive:
        try:
            await _send(stream, Progress(text))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return


async def _send(stream: trio.SocketStream, reply: Reply) -> None:
    """Send a reply; a command that does not read it for five seconds is given up."""
    with trio.move_on_after(IDLE_S) as scope:
        await stream.send_all(encode_reply(reply))
    if scope.cancelled_caught:
        await trio.aclose_forcefully(stream)  # nothing can follow half a frame
        raise trio.BrokenResourceError
