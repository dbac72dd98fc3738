"""A copy is whole or nothing, and what is of one server stays on that server."""

import json
import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn.config import edits, pair_edits
from haconn.config.copying import COPIED, bundle, install
from haconn.config.documents import CONNECTOR, PSERVERS, SECRETS, parse_files
from haconn.config.errors import ConfigError
from haconn.config.files import replace_text
from haconn.config.hashing import configuration_hash
from haconn.config.keys import fresh_key
from haconn.config.schema import Configuration
from haconn.config.store import change, load, look, models_of
from haconn.config.texts import RECORD, Texts, finish, read_texts, sealed, write_texts
from tests.config.samples import CANARY, stored
from tests.config.test_pdu_models import GOOD
from tests.daemon.mutations import every_byte, random_mutations

Edit = Callable[[Configuration], Configuration]


def rename(old: Configuration) -> Configuration:
    given = {"name": "WEST", "addr": "192.168.1.99", "account": "root"}
    return edits.modify_server(old, "PSERVER1", given).configuration


def same_keys(old: Configuration) -> Configuration:
    return old


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """The active's settings and the standby's: those were copied before."""
    active, standby = tmp_path / "active", tmp_path / "standby"
    active.mkdir()
    stored(active)
    shutil.copytree(active, standby)
    return active, standby


def store_model(etc: Path, name: str) -> None:
    (etc / "pdu-models").mkdir(exist_ok=True)
    (etc / "pdu-models" / f"{name}.toml").write_text(GOOD, encoding="utf-8")


def contents(etc: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(etc)): path.read_bytes()
        for path in sorted(etc.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def hash_of(etc: Path) -> bytes:
    return configuration_hash(load(etc), models_of(etc))


def test_after_a_copy_both_work_with_the_same_settings(pair: tuple[Path, Path]) -> None:
    active, standby = pair
    change(active, rename)
    change(active, lambda old: edits.delete_pdus(old, "*").configuration)
    store_model(active, "SITE")
    store_model(standby, "OLD")
    assert hash_of(active) != hash_of(standby)
    assert install(standby, bundle(active)) == (
        "pservers.toml",
        "ipdus.toml",
        "secrets.toml",
        "pdu-models/OLD.toml",
        "pdu-models/SITE.toml",
    )
    assert hash_of(active) == hash_of(standby)
    assert load(standby) == load(active)
    assert (standby / SECRETS).stat().st_mode & 0o777 == 0o600
    assert not (standby / RECORD).exists()
    assert not (standby / "pdu-models" / "OLD.toml").exists()
    assert install(standby, bundle(active)) == ()


def test_comments_of_the_operator_travel_along(pair: tuple[Path, Path]) -> None:
    active, standby = pair
    text = "# west wing\n" + (active / PSERVERS).read_text(encoding="utf-8")
    (active / PSERVERS).write_text(text, encoding="utf-8")
    assert install(standby, bundle(active)) == ("pservers.toml",)
    assert (standby / PSERVERS).read_text(encoding="utf-8") == text


def test_reset_path_timers_mode_and_the_key_of_the_pair_stay(pair: tuple[Path, Path]) -> None:
    active, standby = pair
    change(active, lambda old: pair_edits.retire_peer_key(old, None)[0].configuration)
    change(active, lambda old: pair_edits.new_peer_key(old, fresh_key())[0])
    change(active, lambda old: edits.set_reset_path(old, {"port": 40000}).configuration)
    change(active, lambda old: edits.set_hispeed(old, 1000).configuration)
    change(active, rename)
    before = load(standby)
    sent = bundle(active)
    for entry in (*load(active).peer_keys, *before.peer_keys):
        assert entry.key.reveal().encode() not in sent
    assert CONNECTOR not in json.loads(sent)["files"]
    install(standby, sent)
    after = load(standby)
    assert after.server("WEST") is not None
    assert after.peer_keys == before.peer_keys
    assert (after.resetpath, after.timers, after.mode) == (
        before.resetpath,
        before.timers,
        before.mode,
    )


def test_a_peer_table_of_another_form_is_not_sent(pair: tuple[Path, Path]) -> None:
    active, _ = pair
    rows = json.dumps("ab" * 32)
    change(active, lambda old: pair_edits.retire_peer_key(old, None)[0].configuration)
    change(active, lambda old: pair_edits.retire_peer_key(old, 2)[0].configuration)
    text = (active / SECRETS).read_text(encoding="utf-8").replace("[peer]\nnewest = 2\n", "")
    assert "peer" not in text
    odd = f"peer = {{ keys = [{{ generation = 1, key = {rows} }}] }}\n{text}"
    (active / SECRETS).write_text(odd, encoding="utf-8")
    assert len(load(active).peer_keys) == 1
    with pytest.raises(ConfigError, match=r"\[peer\] is not written as a table of its own"):
        bundle(active)


def test_a_fault_of_the_active_is_not_copied(pair: tuple[Path, Path]) -> None:
    active, _ = pair
    (active / PSERVERS).write_text("[[pserver]]\nname = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="name: wrong value"):
        bundle(active)


def test_settings_that_do_not_fit_here_change_nothing(pair: tuple[Path, Path]) -> None:
    active, standby = pair
    change(active, rename)
    change(standby, lambda old: edits.set_reset_path(old, {"addr": "192.168.0.9"}).configuration)
    lans = {"raddr": "192.168.0.9"}
    change(active, lambda old: pair_edits.set_lans(old, "HACON1", lans).configuration)
    before = contents(standby)
    with pytest.raises(ConfigError, match=r"HACON1: 192\.168\.0\.9 is the virtual address"):
        install(standby, bundle(active))
    assert contents(standby) == before


def test_a_copy_mends_files_that_cannot_be_read(pair: tuple[Path, Path]) -> None:
    active, standby = pair
    (standby / PSERVERS).write_text("broken", encoding="utf-8")
    assert install(standby, bundle(active)) == ("pservers.toml",)
    assert load(standby) == load(active)


WRONG = [
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    b"null",
    b'{"files": {}, "models": {}}',
    b'{"files": [], "models": {}}',
    b'{"files": {"../passwd": "x"}, "models": {}}',
    json.dumps({"files": dict.fromkeys((*COPIED, CONNECTOR), ""), "models": {}}).encode(),
    json.dumps({"files": dict.fromkeys(COPIED, ""), "models": {}, "more": 1}).encode(),
    json.dumps({"files": dict.fromkeys(COPIED, 1), "models": {}}).encode(),
    json.dumps({"files": dict.fromkeys(COPIED, "#\ud800"), "models": {}}).encode(),
    json.dumps({"files": dict.fromkeys(COPIED, "#" * 2**21), "models": {}}).encode(),
    json.dumps({"files": dict.fromkeys(COPIED, ""), "models": {"../X": GOOD}}).encode(),
    json.dumps({"files": dict.fromkeys(COPIED, ""), "models": {"X": "x = 1"}}).encode(),
    json.dumps({"files": dict.fromkeys(COPIED, "[["), "models": {}}).encode(),
]


@pytest.mark.parametrize("data", WRONG)
def test_what_is_no_bundle_changes_nothing(pair: tuple[Path, Path], data: bytes) -> None:
    _, standby = pair
    before = contents(standby)
    with pytest.raises(ConfigError) as caught:
        install(standby, data)
    assert all("\n" not in fault for fault in caught.value.faults)
    assert contents(standby) == before


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=200), st.integers(min_value=0))
def test_arbitrary_damage_is_a_config_error_or_a_whole_configuration(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int
) -> None:
    etc = tmp_path_factory.mktemp("etc")
    stored(etc)
    whole = bundle(etc)
    at = place % len(whole)
    said = ""
    try:
        install(etc, whole[:at] + noise + whole[at + len(noise) :])
    except ConfigError as exc:
        said = str(exc)
    assert CANARY not in said
    load(etc)


def interrupted_after(standby: Path, texts: Texts, writes: int) -> None:
    """Do what `install` does, up to a crash after so many of its files."""
    replace_text(standby / RECORD, sealed(write_texts(texts)), 0o600)
    for file, text in list(texts.files.items())[:writes]:
        replace_text(standby / file, text, 0o600)


@pytest.mark.parametrize("writes", range(5))
def test_a_crash_at_any_file_leaves_the_new_settings_whole(
    pair: tuple[Path, Path], writes: int
) -> None:
    active, standby = pair
    change(active, rename)
    change(active, lambda old: edits.delete_pdus(old, "*").configuration)
    store_model(active, "SITE")
    wanted = load(active)
    texts = read_texts(active)
    new = Texts({file: texts.files[file] for file in COPIED}, texts.models)
    interrupted_after(standby, new, writes)
    found = load(standby)
    assert found == wanted
    assert "SITE" in models_of(standby)
    assert len(found.notes) == 1
    assert RECORD in found.notes[0]
    change(standby, lambda old: edits.set_mode(old, "pair").configuration)
    assert not (standby / RECORD).exists()
    assert (load(standby).pservers, load(standby).mode) == (wanted.pservers, "pair")
    assert load(standby).notes == ()
    finish(standby)


def test_a_crash_before_the_record_is_whole_leaves_the_old_settings(
    pair: tuple[Path, Path],
) -> None:
    _, standby = pair
    before = load(standby)
    (standby / ".record.1234.part").write_text('{"files": {', encoding="utf-8")
    assert load(standby) == before
    change(standby, same_keys)
    assert not list(standby.glob(".*.part"))


def test_the_record_is_for_its_owner_only(pair: tuple[Path, Path]) -> None:
    active, standby = pair
    interrupted_after(standby, read_texts(active), 0)
    assert (standby / RECORD).stat().st_mode & 0o777 == 0o600
    (standby / RECORD).chmod(0o644)
    with pytest.raises(ConfigError, match="others could use it"):
        load(standby)


def test_a_file_that_cannot_be_written_is_told_and_the_new_settings_hold(
    pair: tuple[Path, Path],
) -> None:
    active, standby = pair
    change(active, rename)
    store_model(active, "SITE")
    (standby / "pdu-models").write_text("no directory", encoding="utf-8")
    with pytest.raises(ConfigError, match="the new settings hold"):
        install(standby, bundle(active))
    assert look(standby)[0].server("WEST") is not None
    (standby / "pdu-models").unlink()
    change(standby, same_keys)
    assert (standby / "pdu-models" / "SITE.toml").exists()


def test_a_copy_and_a_setting_command_do_not_meet(pair: tuple[Path, Path]) -> None:
    active, standby = pair
    sent = bundle(active)

    def meanwhile(old: Configuration) -> Configuration:
        with pytest.raises(ConfigError, match="in use by another setting command"):
            install(standby, sent)
        return old

    change(standby, meanwhile)


def test_who_reads_during_copies_sees_whole_configurations(pair: tuple[Path, Path]) -> None:
    active, standby = pair
    sent = [bundle(active)]
    change(active, rename)
    change(active, lambda old: edits.delete_pdus(old, "*").configuration)
    store_model(active, "SITE")
    sent.append(bundle(active))
    wanted = [(("PSERVER1", "PSERVER2"), 1, False), (("WEST", "PSERVER2"), 0, True)]

    def copy_to_and_fro() -> None:
        for n in range(30):
            install(standby, sent[(n + 1) % 2])

    writer = threading.Thread(target=copy_to_and_fro, daemon=True)
    writer.start()
    reads = 0
    while writer.is_alive():
        texts = read_texts(standby)
        found, _ = parse_files(texts.files)
        names = tuple(server.name for server in found.pservers)
        assert (names, len(found.pdus), "SITE" in texts.models) in wanted
        assert all(server.password.reveal() for server in found.pservers)
        reads += 1
    assert reads


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_takes_in_belongs_to_the_owner_of_the_directory(
    pair: tuple[Path, Path],
) -> None:
    active, standby = pair
    store_model(active, "SITE")
    os.chown(standby, 4242, 4242)
    (standby / SECRETS).unlink()
    install(standby, bundle(active))
    for place in (SECRETS, "pdu-models", "pdu-models/SITE.toml"):
        assert (standby / place).stat().st_uid == 4242


def test_a_damaged_record_is_refused_and_no_settings_are_taken_from_it(tmp_path: Path) -> None:
    chance = random.Random(7)
    record = tmp_path / RECORD
    good = sealed(write_texts(Texts({"pservers.toml": "# none\n"}, {}))).encode()
    mutations = [*every_byte(good), *random_mutations(good, 2_000, chance)]
    for data in mutations:
        record.write_bytes(data)
        record.chmod(0o600)
        with pytest.raises(ConfigError, match=r"damaged|no UTF-8"):
            read_texts(tmp_path)
    record.write_bytes(good)
    assert read_texts(tmp_path).files["pservers.toml"] == "# none\n"
