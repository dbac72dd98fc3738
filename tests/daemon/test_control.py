"""The control socket: clients that are many, idle, silent, gone or strange."""

import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from haconn.core.actions import Remark
from haconn.core.report import (
    KeysReport,
    Link,
    MonitorReport,
    PduReport,
    ResetTestReport,
    RestoreReport,
    RoleReport,
    StatusReport,
)
from haconn.daemon.control import CLIENTS_MAX, IDLE_S, ControlSocket, Say
from haconn.wire.control import (
    Acrecovery,
    Done,
    PairRequest,
    Progress,
    Refused,
    ReloadKeys,
    Reply,
    Request,
    Reset,
    ShutdownActive,
    Status,
    encode_request,
    parse_reply,
    reply_frames,
)
from tests.daemon.parts import A, descriptors

PATIENCE_S = 20.0
RESET = Reset("alpha", 1)


class Slow:
    """Operations that end when a test wants them to."""

    def __init__(self) -> None:
        self.may_end = trio.Event()
        self.begun = self.ended = 0
        self.lines = 3
        self.alarms: tuple[str, ...] = ("all is well",)
        self.role_reply: Done | Refused = Done(RoleReport("stopped"))
        self.told_of = list[PairRequest]()

    def status(self) -> StatusReport:
        return StatusReport("single", Link.NONE, (), (), self.alarms)

    def monitors(self) -> MonitorReport:
        return MonitorReport(())

    def pdus(self) -> PduReport:
        return PduReport((), ())

    async def reload_keys(self) -> Reply:
        return Done(KeysReport(2, 2))

    async def test_reset(self, request: Reset, say: Say) -> Reply:
        self.begun += 1
        for n in range(self.lines):
            say(f"line {n}")
        await self.may_end.wait()
        self.ended += 1
        return Done(ResetTestReport(request.server, A, True, 12, "a stop notice"))

    async def recover(self, request: Acrecovery, say: Say) -> Reply:
        say(f"{request.server}: on")
        return Done(RestoreReport(request.server, ()))

    async def operate_pair(self, request: PairRequest, say: Say) -> Reply:
        self.begun += 1
        say(f"{request} has begun")
        await self.may_end.wait()
        return self.role_reply

    def told(self, request: PairRequest) -> None:
        self.told_of.append(request)


@dataclass
class Desk:
    """A served socket."""

    path: Path
    operations: Slow
    control: ControlSocket
    said: list[Remark] = field(default_factory=list)

    async def call(self) -> trio.SocketStream:
        return await trio.open_unix_socket(str(self.path))

    async def ask(self, request: Request) -> list[Reply]:
        """Make a request, and hear everything until the connection ends."""
        with trio.fail_after(PATIENCE_S):
            async with await self.call() as stream:
                await stream.send_all(encode_request(request))
                return await hear(stream, request)


async def hear(stream: trio.SocketStream, request: Request) -> list[Reply]:
    frames, replies = reply_frames(), list[Reply]()
    async for data in stream:
        replies += [parse_reply(request, value) for value in frames.feed(bytes(data))]
    return replies


@asynccontextmanager
async def desk(directory: Path, changers: frozenset[int] | None = None) -> AsyncIterator[Desk]:
    path, operations = directory / "control.sock", Slow()
    mine = frozenset({os.getuid()}) if changers is None else changers
    said = list[Remark]()
    control = ControlSocket(path, operations, mine, said.append)
    listener = await control.listen()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(control.serve, listener)
        yield Desk(path, operations, control, said)
        nursery.cancel_scope.cancel(reason="the test has ended")


async def test_a_display_is_one_answer(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        (reply,) = await d.ask(Status())
        assert isinstance(reply, Done)
        assert isinstance(reply.report, StatusReport)


async def test_an_operation_tells_its_progress_and_then_its_end(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        d.operations.may_end.set()
        *progress, end = await d.ask(RESET)
        assert progress == [Progress(f"line {n}") for n in range(3)]
        assert isinstance(end, Done)


async def test_only_the_owner_can_open_the_socket_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with desk(tmp_path) as d:
            mode = d.path.stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o600
    finally:
        os.umask(before)
    assert not d.path.exists(), "it goes with the daemon"


async def test_a_socket_that_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "control.sock"))
    async with desk(tmp_path) as d:
        assert await d.ask(Status())


async def made_again(desk: Desk, times: int = 1) -> None:
    for _ in range(int(PATIENCE_S / 0.05)):
        if [one.message for one in desk.said].count("socket-again") == times:
            return
        await trio.sleep(0.05)
    raise AssertionError(desk.said)


async def test_a_socket_that_is_deleted_is_made_again_and_that_is_said(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        before = descriptors()
        for times in (1, 2, 3):
            d.path.unlink()
            began = trio.current_time()
            await made_again(d, times)
            assert trio.current_time() - began < 2.0
            assert stat.S_IMODE(d.path.stat().st_mode) == 0o600
            assert await d.ask(Status())
        assert [one.message for one in d.said] == ["socket-again"] * 3
        assert descriptors() == before
    assert not d.path.exists()


async def test_another_file_in_the_place_of_the_socket_is_replaced(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        d.path.unlink()
        d.path.write_text("not a socket")
        await made_again(d)
        assert await d.ask(Status())


async def test_a_command_that_has_begun_goes_on_when_the_socket_is_deleted(tmp_path: Path) -> None:
    async with desk(tmp_path) as d, await d.call() as stream:
        await stream.send_all(encode_request(RESET))
        with trio.fail_after(PATIENCE_S):
            assert await stream.receive_some(1), "its progress begins"
        d.path.unlink()
        await made_again(d)
        d.operations.may_end.set()
        with trio.fail_after(PATIENCE_S):
            rest = [bytes(data) async for data in stream]
        assert b"ResetTestReport" in b"".join(rest) or b"a stop notice" in b"".join(rest)


async def test_a_socket_that_cannot_be_made_again_is_said_once_and_tried_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        d.path.unlink()
        d.path.mkdir()
        await trio.sleep(1.6)
        assert [one.message for one in d.said] == ["socket-lost"]
        d.path.rmdir()
        await made_again(d)
        assert await d.ask(Status())


async def test_a_path_that_is_too_long_is_an_error_of_the_machine(tmp_path: Path) -> None:
    control = ControlSocket(tmp_path / ("x" * 120), Slow())
    with pytest.raises(OSError, match="too long"):
        await control.listen()


async def test_a_process_that_is_to_end_ends_after_its_answer(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        d.operations.may_end.set()
        assert (await d.ask(ShutdownActive()))[-1] == d.operations.role_reply
        assert d.operations.told_of == [ShutdownActive()]
        d.operations.role_reply = Refused("not now")
        assert (await d.ask(ShutdownActive(force=True)))[-1] == Refused("not now")
        assert d.operations.told_of == [ShutdownActive()]


async def test_an_operator_who_goes_away_keeps_no_process_from_its_end(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        async with await d.call() as stream:
            await stream.send_all(encode_request(ShutdownActive()))
            with trio.fail_after(PATIENCE_S):
                while not d.operations.begun:
                    await trio.lowlevel.checkpoint()
        d.operations.may_end.set()
        with trio.fail_after(PATIENCE_S):
            while d.control._clients:
                await trio.lowlevel.checkpoint()
        assert d.operations.told_of == [ShutdownActive()]


@pytest.mark.parametrize("request_", [RESET, Acrecovery("alpha"), ReloadKeys(), ShutdownActive()])
async def test_a_change_by_another_user_is_refused_and_not_begun(
    tmp_path: Path, request_: Request
) -> None:
    async with desk(tmp_path, frozenset({os.getuid() + 1})) as d:
        assert await d.ask(request_) == [Refused("only root may do this")]
        assert not d.operations.begun
        assert isinstance((await d.ask(Status()))[0], Done), "displays are for everybody"


async def test_one_command_too_many_is_told_so_and_the_others_are_served(tmp_path: Path) -> None:
    async with desk(tmp_path) as d, trio.open_nursery() as nursery:
        ends: list[Reply] = []

        async def operate() -> None:
            ends.append((await d.ask(RESET))[-1])

        for _ in range(CLIENTS_MAX):
            nursery.start_soon(operate)
        with trio.fail_after(PATIENCE_S):
            while d.operations.begun < CLIENTS_MAX:
                await trio.lowlevel.checkpoint()
        assert await d.ask(Status()) == [Refused("too many commands at once")]
        d.operations.may_end.set()
        with trio.fail_after(PATIENCE_S):
            while len(ends) < CLIENTS_MAX:
                await trio.lowlevel.checkpoint()
        assert isinstance((await d.ask(Status()))[0], Done)


async def test_who_says_nothing_is_let_go_after_a_while(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with desk(tmp_path) as d:
        async with await d.call() as stream:
            assert await stream.receive_some() == b""
            assert trio.current_time() >= IDLE_S
        async with await d.call() as stream:
            await stream.send_all(encode_request(Status())[:-3])
            assert await stream.receive_some() == b"", "half a request is none"
        assert d.control._clients == 0


GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x02{}",
    b"\x00\x00\x00\x04null",
    b"\x00\x00\x00\x03\xff\xfe\xfd",
    len(b"[" * 60_000).to_bytes(4, "big") + b"[" * 60_000,
    len(b'{"command":"halt"}').to_bytes(4, "big") + b'{"command":"halt"}',
    (lambda text: len(text).to_bytes(4, "big") + text)(
        json.dumps({"command": "reset", "arguments": {"server": "\ud800", "address": 10**30}})
        .encode()
        .replace(b"reset", b"unset")
    ),
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_is_refused_in_one_line_and_harms_nobody(
    tmp_path: Path, garbage: bytes
) -> None:
    async with desk(tmp_path) as d:
        with trio.fail_after(PATIENCE_S):
            async with await d.call() as stream:
                await stream.send_all(garbage)
                (reply,) = await hear(stream, Status())
        assert isinstance(reply, Refused)
        assert "\n" not in reply.reason
        assert isinstance((await d.ask(Status()))[0], Done)


async def test_a_client_that_goes_away_stops_nothing_that_has_begun(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        d.operations.lines = 1000
        stream = await d.call()
        await stream.send_all(encode_request(RESET))
        with trio.fail_after(PATIENCE_S):
            while not d.operations.begun:
                await trio.lowlevel.checkpoint()
        await stream.aclose()
        await trio.sleep(0.05)
        d.operations.may_end.set()
        with trio.fail_after(PATIENCE_S):
            while not d.operations.ended or d.control._clients:
                await trio.lowlevel.checkpoint()
        assert isinstance((await d.ask(Status()))[0], Done)


async def test_a_client_that_never_reads_is_given_up_and_delays_nobody(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with desk(tmp_path) as d:
        d.operations.alarms = ("x" * 2_000_000,)  # more than the kernel keeps for it
        deaf = await d.call()
        await deaf.send_all(encode_request(Status()))
        await trio.sleep(1)
        d.operations.alarms = ()
        assert isinstance((await d.ask(Status()))[0], Done)
        await trio.sleep(2 * IDLE_S)
        assert d.control._clients == 0
        await deaf.aclose()


async def test_no_descriptor_stays_open_after_clients_of_all_kinds(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.ask(Status())
        before = descriptors()
        for garbage in GARBAGE:
            async with await d.call() as stream:
                await stream.send_all(garbage)
                await hear(stream, Status())
        for _ in range(20):
            await (await d.call()).aclose()
        with trio.fail_after(PATIENCE_S):
            while d.control._clients or descriptors() > before:
                await trio.lowlevel.checkpoint()
