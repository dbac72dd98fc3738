"""Orders and settings that the active hands to its standby."""

import fcntl
from dataclasses import replace
from pathlib import Path

import trio

from haconn.config.copying import bundle
from haconn.config.store import load
from haconn.core.report import CopyReport
from haconn.daemon.pair.stream import SealedStreamLost
from haconn.daemon.pair.syncing import (
    Declined,
    Exchange,
    Identity,
    Message,
    Obeyed,
    Order,
    Settings,
    Talk,
)
from haconn.wire.control import CopyConfiguration
from tests.daemon.files import store
from tests.daemon.pair.members import (
    Members,
    configuration,
    key_entry,
    two_members,
)
from tests.daemon.pair.posing import KEYS, asked, posing_as
from tests.wire.parts import GAMMA

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
