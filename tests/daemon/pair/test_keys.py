"""Keys that an operator makes reach a running daemon of the pair, whatever its role."""

from dataclasses import replace
from pathlib import Path

import pytest

from haconn.config.hashing import configuration_hash
from haconn.config.schema import Configuration, KeyEntry, PeerKey
from haconn.config.store import change, models_of
from haconn.core.beat import PairRole
from haconn.core.model import Secret
from haconn.core.report import KeysReport, RoleReport, StatusReport
from haconn.wire.control import MayRetirePeerKey, ReloadKeys, RestartActive, Status
from tests.daemon.files import store
from tests.daemon.pair.members import (
    NEXT_PAIR_KEY,
    PAIR_KEY,
    Member,
    Members,
    key_entry,
    two_members,
)
from tests.wire.parts import GAMMA

OLD, NEW = (
    PeerKey(generation=1, key=Secret(PAIR_KEY)),
    PeerKey(generation=2, key=Secret(NEXT_PAIR_KEY)),
)


async def give_peer_keys(member: Member, *keys: PeerKey) -> None:
    """What `key new peer`, `import peer` and `retire peer` do."""
    change(member.trees.etc, lambda old: replace(old, peer_keys=keys, peer_newest=2))
    await member.ask(ReloadKeys())


def generation(member: Member) -> int:
    return member.parts.voice._end.generation


async def until_synchronised_anew(active: Member, standby: Member) -> None:
    """A full sync over a connection of now."""
    log = active.parts.membership.log
    assert log is not None
    log.followed_by(active.parts.session)
    await active.until(lambda: active.has_in_step(standby))


async def test_the_key_of_the_pair_is_exchanged_while_both_run_and_nobody_falls_silent(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        for member in (standby, active):
            await give_peer_keys(member, OLD, NEW)
        assert {generation(active), generation(standby)} == {1}
        for member in (standby, active):
            await give_peer_keys(member, NEW)
            await active.until(lambda: generation(active) == generation(standby) == 2)
        await until_synchronised_anew(active, standby)
        assert "is silent on all paths" not in active.events() + standby.events()
        assert (active.role, standby.role) == (PairRole.ACTIVE, PairRole.STANDBY)


async def test_a_server_that_starts_alone_takes_the_key_of_its_peer_too(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        await members.start(members.one)
        change(members.other.trees.etc, lambda old: replace(old, peer_keys=(NEW,), peer_newest=2))
        await members.start(members.other)
        await give_peer_keys(members.one, NEW)
        await members.one.until(lambda: members.one.serves or members.other.serves)


@pytest.mark.parametrize("role", list(PairRole), ids=lambda role: role.value)
async def test_without_a_key_that_can_be_used_the_one_before_is_used_on(
    tmp_path: Path, role: PairRole
) -> None:
    async with two_members(tmp_path) as members:
        if role is PairRole.JOIN:
            await members.start(members.one)
            member = members.one
        else:
            active, standby = await members.in_step()
            member = active if role is PairRole.ACTIVE else standby
        secrets = member.trees.etc / "secrets.toml"
        good = secrets.read_text()
        secrets.write_text("nonsense = ")
        assert "secrets.toml" in await member.refuses(ReloadKeys())
        secrets.write_text(good)
        change(member.trees.etc, lambda old: replace(old, peer_keys=(), peer_newest=1))
        assert "the pair has no key" in await member.refuses(ReloadKeys())
        assert generation(member) == 1
        secrets.write_text(good)
        assert await member.ask(ReloadKeys()) == KeysReport(2, 2)


async def test_keys_that_were_read_are_no_difference_to_what_runs(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        for member in (active, standby):
            store(member.trees.etc, with_gamma(members))
            await give_peer_keys(member, OLD, NEW)
        await active.until(lambda: standing(active) == standing(standby) != before(members))
        said = *await notes(active), *await notes(standby)
        assert not any("the settings in the files" in note for note in said)


def with_gamma(members: Members) -> Configuration:
    wanted = members.one.wanted
    keys = (*wanted.keys, key_entry(3, "server3", GAMMA.master))
    return replace(wanted, keys=keys, next_system=4)


def standing(member: Member) -> bytes:
    return member.parts.membership.standing.configuration


def before(members: Members) -> bytes:
    return configuration_hash(members.one.wanted, models_of(members.one.trees.etc))


async def notes(member: Member) -> tuple[str, ...]:
    report = await member.ask(Status())
    assert isinstance(report, StatusReport)
    return report.notes


async def test_an_active_and_a_standby_that_takes_over_have_a_new_system(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        for member in (active, standby):
            store(member.trees.etc, with_gamma(members))
            assert await member.ask(ReloadKeys()) == KeysReport(3, 3)
        await active.ask(RestartActive(force=True))
        await standby.until(lambda: standby.serves)
        core = standby.service.activation.active
        assert core is not None
        assert GAMMA.system in core.parts.owner.world.systems


async def test_a_standby_keeps_the_systems_of_a_server_that_was_renamed_in_the_files(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        _, standby = await members.in_step()
        servers = tuple(
            replace(server, name="renamed") if server.name == "server2" else server
            for server in members.one.wanted.pservers
        )
        keys = tuple(moved(key) for key in members.one.wanted.keys)
        change(standby.trees.etc, lambda old: replace(old, pservers=servers, keys=keys))
        assert await standby.ask(ReloadKeys()) == KeysReport(2, 2)
        known = standby.service.activation.configuration.keys
        assert [key.server for key in known] == ["server1", "server2"]


def moved(key: KeyEntry) -> KeyEntry:
    return replace(key, server="renamed") if key.server == "server2" else key


async def test_a_key_that_is_retired_too_early_has_nobody_fenced(tmp_path: Path) -> None:
    """D5: the active says no word that its standby could open; that is not its death."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        await give_peer_keys(active, OLD, NEW)
        await standby.until(lambda: standby.parts.pair.seen.peer_keys == {1, 2})
        await give_peer_keys(active, NEW)
        await standby.until(
            lambda: "it has generation 2 of the key of the pair" in standby.events()
        )
        assert "HACN411" not in standby.events()
        await give_peer_keys(standby, OLD, NEW)
        await active.until(lambda: active.has_in_step(standby))
        assert "HACN411" not in standby.events()


async def test_a_key_is_not_retired_before_the_peer_has_another(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        assert "it is the only generation" in await active.refuses(MayRetirePeerKey(1))
        await give_peer_keys(active, OLD, NEW)
        refused = await active.refuses(MayRetirePeerKey(1))
        assert "the peer has no other generation of the key of the pair (its: 1)" in refused
        assert "or --force" in refused
        await give_peer_keys(standby, OLD, NEW)
        await active.until(lambda: active.parts.pair.seen.peer_keys == {1, 2})
        assert isinstance(await active.ask(MayRetirePeerKey(1)), RoleReport)
        standby.kill()
        await active.until(lambda: active.parts.pair.member.silent)
        assert "is not heard" in await active.refuses(MayRetirePeerKey(1))
