"""No secret of a pair leaves it but sealed, or in the files that are for it (canaries)."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from haconn.config.schema import PeerKey
from haconn.config.store import change
from haconn.core.model import Secret
from haconn.wire.control import (
    CopyConfiguration,
    Monitors,
    Pdus,
    ReloadKeys,
    RestartActive,
    Status,
    as_json,
)
from tests.daemon.pair.members import (
    NEXT_PAIR_KEY,
    PAIR_KEY,
    SECRETS,
    Member,
    Members,
    two_members,
)

OF_SECRETS = {"secrets.toml"}
"""For these files only the mode counts."""


def texts_of(base: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(base.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()


def found_in(data: bytes) -> list[str]:
    forms = {secret: (secret.encode(), _raw(secret)) for secret in SECRETS}
    return [name for name, kinds in forms.items() if any(kind in data for kind in kinds)]


def _raw(secret: str) -> bytes:
    try:
        return bytes.fromhex(secret)
    except ValueError:
        return secret.encode()


async def everything_is_done(members: Members, said: list[str]) -> None:
    """Everything that a pair says and writes: roles, copies, keys, faults, a handover."""
    active, standby = await members.in_step()
    active.write(1)
    for member in (active, standby):
        said += [as_json(await member.ask(request)) for request in (Status(), Monitors(), Pdus())]
    keys = tuple(
        PeerKey(generation=n, key=Secret(key)) for n, key in ((1, PAIR_KEY), (2, NEXT_PAIR_KEY))
    )
    for member in (standby, active):
        change(member.trees.etc, lambda old: replace(old, peer_keys=keys, peer_newest=2))
        said.append(as_json(await member.ask(ReloadKeys())))
    said.append(as_json(await active.ask(CopyConfiguration(), said)))
    await a_fault_in_the_secrets(active, said)
    await trio.sleep(0.6)
    said.append(as_json(await active.ask(RestartActive(force=True), said)))
    await active.ended.wait()
    await standby.until(lambda: standby.serves)
    said += [repr(active.parts), repr(standby.service.__dict__), repr(standby.parts.exchange)]
    said += [repr(standby.parts.exchange.__dict__), repr(standby.parts.voice.__dict__)]
    standby.events()


async def a_fault_in_the_secrets(member: Member, said: list[str]) -> None:
    secrets = member.trees.etc / "secrets.toml"
    good = secrets.read_text()
    for bad in (good.replace('key = "', 'key = "x'), good + "\nnonsense = "):
        secrets.write_text(bad)
        said.append(await member.refuses(ReloadKeys()))
        said.append(await member.refuses(CopyConfiguration()))
    secrets.write_text(good)


async def test_logs_records_replies_and_representations_hold_no_secret(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    async with two_members(tmp_path) as members:
        await everything_is_done(members, said)
    for path, data in texts_of(tmp_path):
        if path.name in OF_SECRETS:
            assert path.stat().st_mode & 0o077 == 0
        else:
            assert not found_in(data), path
    printed = capfd.readouterr()
    for text in (*said, printed.out, printed.err, caplog.text):
        assert not found_in(text.encode())


def test_a_canary_that_is_there_is_found() -> None:
    assert found_in(f"password {SECRETS[0]}".encode()) == [SECRETS[0]]
    assert found_in(b"\0" + bytes.fromhex(PAIR_KEY)) == [PAIR_KEY]
