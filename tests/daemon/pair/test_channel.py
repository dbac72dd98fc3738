"""Full syncs and handed settings between two daemons, whatever happens to the connections."""

import fcntl
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from haconn.config.copying import bundle
from haconn.config.store import load
from haconn.core.beat import PairRole, PairSession
from haconn.core.gate import InStep
from haconn.core.model import Secret
from haconn.core.report import CopyReport
from haconn.core.system import System
from haconn.daemon.pair.copy import StandbyCopy
from haconn.daemon.pair.stream import SealedStreamLost, connect
from haconn.daemon.pair.syncing import (
    AT_ONCE,
    Declined,
    Everything,
    Exchange,
    Identity,
    Loaded,
    Message,
    Obeyed,
    Order,
    Settings,
    Talk,
    WantSync,
)
from haconn.wire.control import CopyConfiguration
from haconn.wire.pair.keys import PairKey
from tests.daemon.files import store
from tests.daemon.pair.members import (
    PAIR_KEY,
    Member,
    Members,
    configuration,
    key_entry,
    two_members,
)
from tests.wire.parts import BETA, GAMMA

KEYS = (PairKey(1, Secret(PAIR_KEY)),)
DEAD = PairSession(b"an ended process")


@asynccontextmanager
async def posing_as(member: Member, towards: Member) -> AsyncIterator[Talk]:
    """Talk as one of the two talks, in a process that is not its daemon."""
    port = towards.parts.two.me.lan_port
    assert port is not None
    names = member.name, towards.name
    async with await connect(str(towards.parts.two.me.lan_addr), port, KEYS, *names) as stream:
        yield Talk(stream)


async def asked(member: Member, towards: Member, question: Message) -> Message | None:
    async with posing_as(member, towards) as talk:
        await talk.say(question)
        answer = await talk.hear()
        await talk.end()
        return answer


async def in_step_again(active: Member, standby: Member) -> None:
    """What is written now arrives, and is waited for."""
    await active.until(lambda: active.has_in_step(standby))
    active.write(7777)
    await standby.until(lambda: standby.written() == 7777)


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
                assert isinstance(await talk.hear(), Everything)
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
            assert isinstance(await talk.hear(), Everything)
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
        core.parts.journal._lines[BETA.system] = b"a record of another version\n"
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


# ---- orders


async def test_an_order_is_done_after_it_has_been_answered(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        assert await asked(active, standby, Order("shutdown")) == Obeyed()
        await standby.ended.wait()
        assert standby.codes == [0]
        await active.until(lambda: active.parts.pair.record is not None)


async def test_an_active_obeys_nobody(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        assert await asked(standby, active, Order("restart")) == Declined("it is active")
        settings = Settings(bundle(standby.trees.etc))
        assert await asked(standby, active, settings) == Declined("it is active")
        assert not active.ending.ordered.is_set()


async def test_whoever_has_answered_and_gone_has_been_heard() -> None:
    """A server that was told to stop may be gone before the conversation has its end."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    heard: list[Message | None] = []

    async def obey_and_die(talk: Talk) -> None:
        await talk.hear()
        await talk.say(Obeyed())
        raise SealedStreamLost("the process has ended")

    async def order(talk: Talk) -> None:
        await talk.say(Order("shutdown"))
        heard.append(await talk.hear())

    one, other = (Exchange(_identity(*names), port) for names in (("m1", "m2"), ("m2", "m1")))

    async def take_call(stream: trio.SocketStream) -> None:
        await other.answer(stream, obey_and_die, ())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, take_call, [listener])
        await one.ask(["127.0.0.1"], order)
        nursery.cancel_scope.cancel(reason="the test has ended")
    assert heard == [Obeyed()]


def _identity(me: str, peer: str) -> Identity:
    return Identity(me, peer, KEYS)


# ---- settings


def with_another_key(members: Members) -> None:
    """The operator makes a key on one of the two."""
    wanted = members.one.wanted
    keys = (*wanted.keys, key_entry(3, "server3", GAMMA.master))
    for member in (members.one, members.other):
        if member.serves:
            store(member.trees.etc, replace(wanted, keys=keys, next_system=4))


async def test_a_standby_that_is_handed_settings_has_their_keys_and_says_their_hash(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        with_another_key(members)
        assert await active.ask(CopyConfiguration()) == CopyReport(("secrets.toml",))
        assert load(standby.trees.etc).keys == load(active.trees.etc).keys
        assert {key.id for key in standby.service.activation.configuration.keys} == {1, 2, 3}
        before = standby.parts.membership.standing.configuration

        def agree() -> bool:
            beat = active.parts.membership.heard_of.beat
            mine = active.parts.membership.standing.configuration
            return beat is not None and beat.standing.configuration == mine != before

        await active.until(agree)


async def test_settings_that_cannot_be_used_change_nothing_and_are_named(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        before = load(standby.trees.etc)
        for data in (b"nonsense", b"\xff", b'{"files": {}, "models": {}}'):
            said = await asked(active, standby, Settings(data))
            assert isinstance(said, Declined)
            assert "\n" not in said.reason
        assert load(standby.trees.etc) == before
        (active.trees.etc / "pservers.toml").write_text("nonsense = ")
        assert "pservers.toml" in await active.refuses(CopyConfiguration())


async def test_a_standby_whose_files_somebody_changes_declines(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        with_another_key(members)
        lock = standby.trees.etc / ".lock"
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            assert "in use by another setting command" in await active.refuses(CopyConfiguration())
        assert await active.ask(CopyConfiguration()) == CopyReport(("secrets.toml",))


async def test_a_process_that_ends_while_settings_are_installed_leaves_them_whole(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        with_another_key(members)
        wanted, before = load(active.trees.etc), load(standby.trees.etc)
        async with posing_as(active, standby) as talk:
            await talk.say(Settings(bundle(active.trees.etc)))
            standby.kill()
            await standby.ended.wait()
        assert load(standby.trees.etc).keys in (wanted.keys, before.keys)
        assert configuration().peer_newest == load(standby.trees.etc).peer_newest
