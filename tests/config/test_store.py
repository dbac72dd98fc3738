"""Half a change is never on disk, secrets are nobody's, and two changes do not meet."""

import fcntl
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn.config import edits, pair_edits
from haconn.config.documents import FILES, PSERVERS, SECRETS
from haconn.config.errors import ConfigError, RefusedError
from haconn.config.files import replace_text
from haconn.config.keys import Owner, fresh_key, new_key
from haconn.config.schema import Configuration, ManagedServer
from haconn.config.secretfile import secret_rows
from haconn.config.store import Stored, _steps, change, load, look
from haconn.core.model import Feed, Secret
from tests.config.samples import SERVER, SERVERS, configuration, stored

NEW = replace(SERVER, name="PSERVER3", addr="192.168.1.53")
LOGIN = {"account": "root", "addr": "192.168.1.99", "password": Secret("newpassword")}
EDITS: dict[str, Callable[[Configuration], Configuration]] = {
    "add": lambda old: edits.add_server(old, NEW).configuration,
    "delete": lambda old: edits.delete_server(old, "PSERVER1").configuration,
    "rename": lambda old: edits.modify_server(old, "PSERVER1", {"name": "A"}).configuration,
    "login": lambda old: edits.modify_server(old, "PSERVER1", LOGIN).configuration,
    "rename and login": lambda old: (
        edits.modify_server(old, "PSERVER2", {"name": "A", **LOGIN}).configuration
    ),
    "key": lambda old: new_key(old, Owner("PSERVER1", None), None, None, fresh_key())[0],
    "community": lambda old: edits.set_community(old, Secret("other")).configuration,
    "management server": lambda old: pair_edits.modify_mserver(old, "HACON1", LOGIN).configuration,
    "no management server": lambda old: pair_edits.delete_mserver(old, "HACON2").configuration,
    "peer key": lambda old: pair_edits.retire_peer_key(old, None)[0].configuration,
    "mode": lambda old: edits.set_mode(old, "pair").configuration,
}


def texts_of(etc: Path) -> dict[str, str]:
    return {
        file: (etc / file).read_text(encoding="utf-8") for file in FILES if (etc / file).exists()
    }


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_crash_between_two_files_leaves_the_old_or_the_new_configuration(
    tmp_path: Path, edit: Callable[[Configuration], Configuration]
) -> None:
    old = stored(tmp_path)
    new = edit(old)
    assert new != old
    steps = _steps(Stored(texts_of(tmp_path), old, secret_rows(old)), new)
    found = []
    for file, text in steps:
        replace_text(tmp_path / file, text, 0o600)
        found.append(load(tmp_path))  # a crash here
    assert all(one in (old, new) for one in found)
    assert found[-1] == new
    first_new = found.index(new)
    assert all(one == new for one in found[first_new:])


def test_what_a_crash_left_behind_is_dropped_by_the_next_change(tmp_path: Path) -> None:
    old = stored(tmp_path)
    new = EDITS["rename and login"](old)
    steps = _steps(Stored(texts_of(tmp_path), old, secret_rows(old)), new)
    assert [file for file, _ in steps] == [SECRETS, PSERVERS, SECRETS]
    for file, text in steps[:2]:
        replace_text(tmp_path / file, text, 0o600)
    (tmp_path / ".pservers.toml.1234.part").write_text("half", encoding="utf-8")
    configuration, _ = look(tmp_path)
    assert len(configuration.notes) == 1
    change(tmp_path, EDITS["mode"])
    assert look(tmp_path)[0].notes == ()
    assert "PSERVER2" not in (tmp_path / SECRETS).read_text(encoding="utf-8")
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


@settings(deadline=None, max_examples=25)
@given(st.lists(SERVERS, max_size=6, unique_by=(lambda s: s.name, lambda s: s.addr)), st.randoms())
def test_any_servers_come_back_as_they_were_stored(
    tmp_path_factory: pytest.TempPathFactory, servers: list[ManagedServer], random: st.DrawFn
) -> None:
    etc = tmp_path_factory.mktemp("etc")
    change(etc, lambda old: replace(old, pservers=tuple(servers)))
    assert load(etc).pservers == tuple(servers)
    random.shuffle(servers)  # type: ignore[attr-defined]
    kept = servers[: len(servers) // 2]
    order = [server for server in load(etc).pservers if server in kept]
    change(etc, lambda old: replace(old, pservers=tuple(order)))
    assert load(etc).pservers == tuple(order)


def test_the_sample_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    assert stored(tmp_path) == load(tmp_path)


def test_only_the_owner_can_read_secrets(tmp_path: Path) -> None:
    stored(tmp_path)
    assert (tmp_path / SECRETS).stat().st_mode & 0o777 == 0o600
    for mode in (0o640, 0o604, 0o620):
        (tmp_path / SECRETS).chmod(mode)
        with pytest.raises(ConfigError, match=f"mode is 0{mode:o}, others could use it"):
            load(tmp_path)


def test_secrets_behind_a_link_are_refused(tmp_path: Path) -> None:
    stored(tmp_path)
    (tmp_path / SECRETS).rename(tmp_path / "elsewhere")
    (tmp_path / SECRETS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"secrets.toml: a link"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_secrets_of_a_stranger_are_refused(tmp_path: Path) -> None:
    stored(tmp_path)
    os.chown(tmp_path / SECRETS, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to uid 12345"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_belongs_to_whom_it_belonged_or_to_the_owner_of_the_directory(
    tmp_path: Path,
) -> None:
    os.chown(tmp_path, 4242, 4242)
    stored(tmp_path)
    assert {path.stat().st_uid for path in tmp_path.iterdir()} == {4242}
    os.chown(tmp_path / PSERVERS, 4243, 4243)
    (tmp_path / PSERVERS).chmod(0o640)
    change(tmp_path, EDITS["add"])
    status = (tmp_path / PSERVERS).stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (4243, 4243, 0o640)


def test_a_link_of_the_operator_stays_a_link(tmp_path: Path) -> None:
    stored(tmp_path)
    (tmp_path / PSERVERS).rename(tmp_path / "mine.toml")
    (tmp_path / PSERVERS).symlink_to("mine.toml")
    change(tmp_path, EDITS["add"])
    assert (tmp_path / PSERVERS).is_symlink()
    assert load(tmp_path).server("PSERVER3") is not None


def test_a_second_change_at_the_same_time_is_refused(tmp_path: Path) -> None:
    stored(tmp_path)
    with (tmp_path / ".lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="in use by another setting command"):
            change(tmp_path, EDITS["add"])
    change(tmp_path, EDITS["add"])


def test_who_reads_during_changes_sees_whole_configurations(tmp_path: Path) -> None:
    stored(tmp_path)
    names = ("PSERVER1", "WEST")

    def rename_to_and_fro() -> None:
        for n in range(40):
            old, new = names[n % 2], names[(n + 1) % 2]
            given = {"name": new, "addr": f"192.168.1.{60 + n}"}
            change(tmp_path, partial(modified, name=old, given=given))

    writer = threading.Thread(target=rename_to_and_fro, daemon=True)
    writer.start()
    reads = 0
    while writer.is_alive():
        configuration = load(tmp_path)  # would miss a password, or a key, of half a change
        assert len(configuration.keys) == 2
        reads += 1
    assert reads


def modified(old: Configuration, name: str, given: dict[str, str]) -> Configuration:
    return edits.modify_server(old, name, given).configuration


def test_a_refused_change_writes_nothing(tmp_path: Path) -> None:
    stored(tmp_path)
    before = texts_of(tmp_path)
    taken = Feed("192.168.1.103", "2")
    with pytest.raises(RefusedError):
        change(tmp_path, lambda old: edits.add_feed(old, "PSERVER1", taken).configuration)
    assert texts_of(tmp_path) == before


def test_lost_passwords_are_mended_one_by_one(tmp_path: Path) -> None:
    stored(tmp_path)
    (tmp_path / SECRETS).unlink()
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert len(caught.value.faults) == 4
    given = {"account": "hitachi", "password": Secret("mended-pw")}
    edit, mend = edits.modify_server, pair_edits.modify_mserver
    assert len(change(tmp_path, lambda old: edit(old, "PSERVER1", given).configuration)) == 3
    assert len(change(tmp_path, lambda old: edit(old, "PSERVER2", given).configuration)) == 2
    assert len(change(tmp_path, lambda old: mend(old, "HACON1", given).configuration)) == 1
    assert change(tmp_path, lambda old: mend(old, "HACON2", given).configuration) == ()
    load(tmp_path)


def test_a_directory_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "missing", tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError) as caught:
            load(place)
        assert len(caught.value.faults) == 1


def test_a_file_that_is_no_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / PSERVERS).mkdir()
    with pytest.raises(ConfigError, match="no regular file"):
        load(tmp_path)
    (tmp_path / PSERVERS).rmdir()
    os.mkfifo(tmp_path / PSERVERS)
    with pytest.raises(ConfigError, match="no regular file"):
        load(tmp_path)


def test_a_broken_pdu_model_of_the_site_is_named(tmp_path: Path) -> None:
    (tmp_path / "pdu-models").mkdir()
    (tmp_path / "pdu-models" / "MINE.toml").write_text("x = 1", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert all(fault.startswith("pdu-models/MINE.toml: ") for fault in caught.value.faults)


def test_nothing_of_a_configuration_shows_a_secret() -> None:
    text = f"{configuration()!r}"
    assert "canary" not in text
    assert configuration().keys[0].key.reveal() not in text
