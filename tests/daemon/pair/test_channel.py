"""Full syncs between two daemons, and who dials, whatever happens to the connections."""

import os
import socket
from pathlib import Path

import pytest
import trio

from haconn.core.beat import PairRole, PairSession
from haconn.core.gate import InStep
from haconn.core.system import System
from haconn.daemon.journal_lines import BODY_AT
from haconn.daemon.pair.copy import StandbyCopy
from haconn.daemon.pair.syncing import (
    AT_ONCE,
    Declined,
    Everything,
    Loaded,
    WantSync,
)
from tests.daemon.pair.members import (
    Member,
    two_members,
)
from tests.daemon.pair.posing import asked, heard_to_the_end, in_step_again, posing_as
from tests.wire.parts import BETA

DEAD = PairSession(b"an ended process")


# ---- full syncs


async def test_a_joiner_gets_what_was_written_before_during_and_after(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        standby.kill()
        active.write(1)
        await standby.ended.wait()
        written = 1
        async with trio.open_nursery() as nursery:

            async def go_on() -> None:
                nonlocal written
                while True:
                    written += 1
                    active.write(written)
                    await trio.sleep(0.002)

            nursery.start_soon(go_on)
            await members.start(standby)
            await active.until(lambda: active.has_in_step(standby))
            await trio.sleep(0.1)
            nursery.cancel_scope.cancel(reason="enough")
        log, copy = active.parts.membership.log, standby.parts.membership.copy
        assert log is not None
        await standby.until(lambda: copy.applied == log.gate.index)
        assert standby.written() == written
        await active.until(lambda: not log._bodies)


async def test_one_full_sync_is_enough(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        since = since_of(active)
        await trio.sleep(1.0)
        assert since_of(active) == since
        assert active.has_in_step(standby)


def since_of(active: Member) -> float:
    log = active.parts.membership.log
    assert log is not None
    assert isinstance(log.gate.standing, InStep)
    return log.gate.standing.since


async def test_a_standby_that_starts_anew_is_synchronised_anew(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        for number in (1, 2):
            before = standby.parts.session
            standby.kill()
            await standby.ended.wait()
            await members.start(standby)
            await active.until(lambda: active.has_in_step(standby))
            log = active.parts.membership.log
            assert log is not None
            assert log.gate.standby == standby.parts.session != before
            active.write(number)
            await standby.until(lambda number=number: standby.written() == number)  # type: ignore[misc]
        assert active.role is PairRole.ACTIVE


async def test_a_process_that_is_not_heard_gets_no_full_sync_and_moves_nothing(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        assert isinstance(await asked(standby, active, WantSync(DEAD)), Declined)
        assert active.has_in_step(standby)
        assert isinstance(await asked(active, standby, WantSync(active.parts.session)), Declined)


async def test_a_full_sync_that_breaks_off_does_not_end_the_next(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        log = active.parts.membership.log
        assert log is not None
        await trio.sleep(0.5)  # two beats have called it synchronised
        async with posing_as(standby, active) as broken, posing_as(standby, active) as whole:
            for talk in (broken, whole):
                await talk.say(WantSync(standby.parts.session))
                assert isinstance(await heard_to_the_end(talk), Everything)
            later = log.gate.snapshot
            broken._stream.close()
            await trio.sleep(0.2)
            assert log.gate.snapshot == later is not None
            await whole.say(Loaded(later))
            await active.until(lambda: log.gate.snapshot is None)
        await in_step_again(active, standby)


async def test_a_standby_that_breaks_off_its_full_sync_is_not_called_synchronised(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        log = active.parts.membership.log
        assert log is not None
        log.followed_by(DEAD)
        async with posing_as(standby, active) as talk:
            await talk.say(WantSync(standby.parts.session))
            assert isinstance(await heard_to_the_end(talk), Everything)
            await talk.end()
            assert await talk.hear() is None
        await in_step_again(active, standby)


async def test_what_the_standby_cannot_read_is_said_once_and_comes_with_a_full_sync(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        active.write(5)
        await standby.until(lambda: standby.written() == 5)
        log = active.parts.membership.log
        assert log is not None
        since = since_of(active)
        log.record(b"a record of another version\n", [])
        await active.until(lambda: active.has_in_step(standby) and since_of(active) != since)
        assert standby.written() == 5
        await in_step_again(active, standby)
        assert standby.role is PairRole.STANDBY


async def test_a_record_of_another_version_is_said_once_and_tried_ever_more_rarely(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        core = active.service.activation.active
        assert core is not None
        core.parts.owner.world.put_system(System(BETA.system, "server2"))
        line = bytes(BODY_AT) + b"a record of another version\n"
        core.parts.journal._lines._latest[BETA.system] = line
        standby.parts.membership.copy = StandbyCopy()
        complaint = "what " + active.name + " sends cannot be read"
        await standby.until(lambda: complaint in standby.events())
        await trio.sleep(1.0)
        assert standby.events().count(complaint) == 1
        core.parts.owner.world.put_system(System(BETA.system, "server2", barred=True))
        active.write(1)
        await in_step_again(active, standby)


# ---- who dials


async def test_strangers_who_hold_connections_do_not_keep_the_peer_out(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        standby.kill()
        await standby.ended.wait()
        two = active.parts.two
        assert two.me.lan_port is not None
        assert two.me.lan_addr is not None
        async with trio.open_nursery() as nursery:
            streams = [
                await trio.open_tcp_stream(two.me.lan_addr, two.me.lan_port)
                for _ in range(AT_ONCE + 3)
            ]
            open_now = len(streams)

            async def await_end(stream: trio.SocketStream) -> None:
                nonlocal open_now
                async with stream:
                    await stream.receive_some(1)
                    while await stream.receive_some(1000):
                        pass
                open_now -= 1

            for stream in streams:
                nursery.start_soon(await_end, stream)
            await active.until(lambda: open_now <= AT_ONCE)
            await members.start(standby)
            await in_step_again(active, standby)
            await active.until(lambda: not open_now)  # whoever proves nothing is closed in time


@pytest.mark.parametrize("data", [b"GET / HTTP/1.0\r\n\r\n", os.urandom(5000), bytes(70_000)])
async def test_what_is_no_greeting_ends_only_its_connection(tmp_path: Path, data: bytes) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        two = active.parts.two
        assert two.me.lan_port is not None
        async with await trio.open_tcp_stream(str(two.me.lan_addr), two.me.lan_port) as stream:
            try:
                await stream.send_all(data)
                while await stream.receive_some(1000):
                    pass
            except trio.BrokenResourceError:
                pass
        await in_step_again(active, standby)


async def test_a_connection_that_is_gone_before_it_is_taken_is_nobodys(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        two = active.parts.two
        assert two.me.lan_port is not None
        for _ in range(20):
            async with await trio.open_tcp_stream(str(two.me.lan_addr), two.me.lan_port) as stream:
                linger = b"\x01\0\0\0\0\0\0\0"  # the connection is reset at its end
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await in_step_again(active, standby)
