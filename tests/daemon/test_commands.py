"""Operators' commands in the running daemon: keys read again, the test of a reset, displays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from haconn.config.schema import Configuration, KeyEntry, ManagedServer, ResetPath
from haconn.core.actions import RecoveryEnded
from haconn.core.events import BmcRefused, PduSeen
from haconn.core.model import Secret
from haconn.core.report import KeysReport, Link, MonitorReport, ResetTestReport, SystemStatus
from haconn.core.system import Status
from haconn.daemon.commands import Commands, KeyTable
from haconn.daemon.journal import host_name
from haconn.daemon.reports import Reporter
from haconn.wire.control import Acrecovery, Done, Refused, Reset, encode_reply
from haconn.wire.keys import Key
from tests.daemon.files import store
from tests.daemon.site import NETWORK, PATIENCE_S, Site, site
from tests.wire.parts import ALPHA, BETA, GAMMA, key

HOST = f"{NETWORK}.9"
SERVERS = tuple(
    ManagedServer(name=name, addr=f"192.0.2.{n}", account="admin", password=Secret("password1"))
    for n, name in enumerate(("server1", "server2", "server3"), 1)
)


def entry(made: Key, newest: int) -> KeyEntry:
    return KeyEntry(
        id=made.id,
        generation=made.generation,
        server=made.server,
        vm=None,
        port=made.port,
        number=made.number,
        key=made.master,
        newest=newest,
    )


def configuration(*keys: Key) -> Configuration:
    newest = {made.id: made.generation for made in sorted(keys, key=lambda made: made.generation)}
    return Configuration(
        mode="single",
        resetpath=ResetPath(addr="127.0.0.1", mask="255.0.0.0", port=30000),
        pservers=SERVERS,
        keys=tuple(entry(made, newest[made.id]) for made in keys),
        next_system=100,
    )


class Office:
    """The commands of a site, and its files."""

    def __init__(self, site: Site, etc: Path, *keys: Key) -> None:
        self.site, self.etc = site, etc
        self.store(*keys)
        now = configuration(*keys)
        reporter = Reporter(now, site.owner.world, site.bmcs, {}, site.chronicle.alarms)
        table = KeyTable(etc, now, site.owner, site.reset_path)
        self.commands = Commands(site.owner, reporter, site.spokesman, site.chronicle, table, {})
        self.said: list[str] = []

    def store(self, *keys: Key) -> None:
        store(self.etc, configuration(*keys))

    async def reload(self) -> Done | Refused:
        reply = await self.commands.reload_keys()
        assert isinstance(reply, Done | Refused)
        return reply


@asynccontextmanager
async def office(directory: Path, *keys: Key) -> AsyncIterator[Office]:
    state, etc = directory / "var", directory / "etc"
    state.mkdir()
    etc.mkdir()
    async with site(state, keys) as s:
        yield Office(s, etc, *keys)


async def test_a_new_key_can_speak_when_the_keys_were_read_again(tmp_path: Path) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        o.store(ALPHA, BETA, GAMMA)
        assert await o.reload() == Done(KeysReport(3, 3))
        await o.site.monitor(GAMMA, HOST)
        assert o.site.owner.world.systems[GAMMA.system].status is Status.NORMAL


async def test_a_retired_key_and_its_system_are_gone(tmp_path: Path) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        await o.site.monitor(ALPHA, HOST)
        o.store(BETA)
        assert await o.reload() == Done(KeysReport(1, 1))
        assert ALPHA.system not in o.site.owner.world.systems
        assert not o.site.reset_path._end.in_session(ALPHA.system)


async def test_a_system_in_reset_stays_until_its_reset_has_ended(tmp_path: Path) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        alpha = await o.site.monitor(ALPHA, HOST)
        o.site.nursery.start_soon(alpha.request_reset, BETA.system)
        with trio.fail_after(PATIENCE_S):
            while not o.site.bmcs["server2"].performed:
                await o.site.owner.moved()
        o.store(ALPHA)
        assert await o.reload() == Done(KeysReport(1, 1))
        systems = o.site.owner.world.systems
        assert systems[BETA.system].retired
        with trio.fail_after(PATIENCE_S):
            while BETA.system in systems and systems[BETA.system].reset is not None:
                await o.site.owner.moved()


async def test_two_generations_live_side_by_side_and_the_old_one_can_go(tmp_path: Path) -> None:
    newer = key(1, generation=2)
    async with office(tmp_path, ALPHA, BETA) as o:
        o.store(ALPHA, newer, BETA)
        assert await o.reload() == Done(KeysReport(2, 3))
        monitor = await o.site.monitor(newer, HOST)
        o.store(newer, BETA)
        assert await o.reload() == Done(KeysReport(2, 2))
        assert o.site.reset_path._end.in_session(ALPHA.system)
        assert monitor.boot_id


async def test_files_that_cannot_be_used_change_nothing_and_are_named_in_one_line(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        secrets = o.etc / "secrets.toml"
        before = secrets.read_text()
        secrets.write_text(before + "\nnonsense = ")
        reply = await o.reload()
        assert isinstance(reply, Refused)
        assert "secrets.toml" in reply.reason
        assert "\n" not in reply.reason
        assert ALPHA.master.reveal() not in reply.reason
        secrets.write_text(before)
        secrets.chmod(0o644)
        assert isinstance(await o.reload(), Refused)
        assert set(o.site.owner.world.systems) == {ALPHA.system, BETA.system}
        await o.site.monitor(ALPHA, HOST)


async def test_readings_of_the_files_are_taken_one_after_the_other(tmp_path: Path) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        o.store(ALPHA, BETA, GAMMA)
        replies: list[Done | Refused] = []

        async def reload() -> None:
            replies.append(await o.reload())

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(reload)
        assert replies == [Done(KeysReport(3, 3))] * 5


async def test_the_files_are_read_beside_the_loop_and_not_in_it(tmp_path: Path) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            await o.reload()
            nursery.cancel_scope.cancel(reason="the test has ended")
        assert turns > 1


async def test_the_operators_test_ends_with_the_stop_notice_of_its_target(tmp_path: Path) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        beta = await o.site.monitor(BETA, HOST)
        replies: list[object] = []

        async def test() -> None:
            replies.append(await o.commands.test_reset(Reset("server2", 2), o.said.append))

        o.site.nursery.start_soon(test)
        with trio.fail_after(PATIENCE_S):
            while not o.site.bmcs["server2"].performed:
                await o.site.owner.moved()
            await beta.dump_notify()
            while not replies:
                await o.site.owner.moved()
        (reply,) = replies
        assert isinstance(reply, Done)
        assert isinstance(reply.report, ResetTestReport)
        assert reply.report.stopped
        assert any("SOFT_RESET" in line for line in o.said)
        assert not o.site.spokesman._waiting
        assert not o.site.chronicle._listeners


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Reset("NOPE", 2), "NOPE: no such server; known: server1, server2, server3"),
        (
            Reset("server2", 9),
            "server2: no system with address 9 is bound to it; known: address=2 port=30001",
        ),
        (
            Reset("server2", 2, 30009),
            "server2: no system with address 2 and port 30009 is bound to it;"
            " known: address=2 port=30001",
        ),
        (
            Reset("server3", 3),
            "server3: no system with address 3 is bound to it;"
            " known: none: haconnsetup key new binds one",
        ),
        (
            Reset("server2", 2),
            "30001/2 on server2: its monitor has not registered, or has stopped in order;"
            " start it first",
        ),
    ],
)
async def test_a_reset_that_cannot_be_tested_is_refused_with_what_can(
    tmp_path: Path, request_: Reset, why: str
) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        assert await o.commands.test_reset(request_, o.said.append) == Refused(why)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (Status.RESET, "a reset of it is in progress; wait for its end"),
        (Status.DUMP, "its state is dump; it is tested when it runs again"),
        (Status.POFF, "its state is poff; it is tested when it runs again"),
    ],
)
async def test_a_system_that_is_not_at_rest_is_not_tested(
    tmp_path: Path, status: Status, why: str
) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        systems = o.site.owner.world.systems
        systems[BETA.system] = replace(systems[BETA.system], status=status)
        reply = await o.commands.test_reset(Reset("server2", 2), o.said.append)
        assert reply == Refused(f"30001/2 on server2: {why}")


async def test_a_system_in_error_may_be_tested(tmp_path: Path) -> None:
    """SM-1b; the operator wants to know what is wrong with its BMC."""
    async with office(tmp_path, ALPHA, BETA) as o:
        await o.site.monitor(BETA, HOST)
        o.site.owner.take(BmcRefused("server2", "no"))
        assert o.site.owner.world.systems[BETA.system].status is Status.ERROR
        o.site.nursery.start_soon(o.commands.test_reset, Reset("server2", 2), o.said.append)
        with trio.fail_after(PATIENCE_S):
            while not any("SOFT_RESET" in line for line in o.said):
                await o.site.owner.moved()


async def test_the_outlets_of_this_server_itself_are_the_other_ones_to_switch(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, ALPHA) as o:
        reply = await o.commands.recover(Acrecovery(host_name()), o.said.append)
        assert isinstance(reply, Refused)
        assert "its outlets are switched on from the other one" in reply.reason


async def test_a_command_that_is_cancelled_waits_for_nothing_any_more(tmp_path: Path) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        await o.site.monitor(BETA, HOST)
        with trio.move_on_after(0.05):
            await o.commands.test_reset(Reset("server2", 2), o.said.append)
        assert not o.site.spokesman._waiting
        assert not o.site.chronicle._listeners


async def test_outlets_of_an_unknown_server_or_of_none_cannot_be_restored(tmp_path: Path) -> None:
    async with office(tmp_path, ALPHA) as o:
        unknown = await o.commands.recover(Acrecovery("nobody"), o.said.append)
        assert unknown == Refused("nobody: no such server; known: server1, server2, server3")
        dark = await o.commands.recover(Acrecovery("server1"), o.said.append)
        assert dark == Refused(
            "server1: it has no outlets; haconnsetup pserver ipduadd registers one"
        )


async def test_who_went_away_is_not_told(tmp_path: Path) -> None:
    async with office(tmp_path, ALPHA) as o:
        o.site.spokesman.tell(RecoveryEnded("r-77", None))


async def test_displays_show_what_the_core_knows(tmp_path: Path) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        await o.site.monitor(ALPHA, HOST)
        monitors: MonitorReport = o.commands.monitors()
        rows = {row.server: row for row in monitors.rows}
        assert rows["server1"].status is SystemStatus.NORMAL
        assert (rows["server1"].ip, rows["server1"].port) == (HOST, ALPHA.port)
        assert rows["server2"].status is SystemStatus.UNREGISTERED
        assert (rows["server3"].address, rows["server3"].ip) == (None, None)
        o.site.owner.take(PduSeen("192.0.2.9", reachable=False))
        report = o.commands.status()
        assert [row.name for row in report.servers] == ["server1", "server2", "server3"]
        assert {row.bmc for row in report.servers} == {Link.OK}
        assert o.commands.pdus().pdus == ()


ODD_NUMBERS = (0, -1, 2**64, 10**4000)
ODD_NAMES = ("", "\ud800", "\0", "\n\n", "{}", "x" * 60_000, "server1\x1b[2J")


@pytest.mark.parametrize("number", ODD_NUMBERS)
@pytest.mark.parametrize("name", [*ODD_NAMES, "server1"])
async def test_whatever_a_local_command_says_is_answered(
    tmp_path: Path, name: str, number: int
) -> None:
    async with office(tmp_path, ALPHA, BETA) as o:
        for request in (Reset(name, number), Reset(name, number, number)):
            reply = await o.commands.test_reset(request, o.said.append)
            assert isinstance(reply, Refused)
            assert encode_reply(reply)
        if name != "server1":
            reply = await o.commands.recover(Acrecovery(name), o.said.append)
            assert isinstance(reply, Refused)
            assert encode_reply(reply)
