"""Keys: never the same id twice, shown once, bound to one system."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn.config.errors import ConfigError, RefusedError
from haconn.config.keyfiles import issue_key, withdraw_key
from haconn.config.keys import Owner, fingerprint, fresh_key, key_line, new_key, retire_key
from haconn.config.schema import GENERATION_MAX, KEY_ID_MAX, Configuration
from haconn.config.store import load
from haconn.core.model import Secret, SystemKey
from tests.config.samples import configuration, stored

FIRST = Owner("PSERVER1", None)
SECOND = Owner("PSERVER2", None)
BARE = replace(configuration(), keys=(), next_system=1)


def test_a_key_line_is_name_key_id_and_key() -> None:
    key = Secret("ab" * 32)
    _, entry, _ = new_key(replace(BARE, next_system=0x0102), FIRST, 6001, 1, key)
    assert key_line(entry).reveal() == f"haconn1:00010201:{'ab' * 32}"


def test_a_fingerprint_is_the_first_8_bytes_of_the_sha256_of_the_key() -> None:
    assert fingerprint(Secret("ab" * 32)) == hashlib.sha256(b"\xab" * 32).hexdigest()[:16]


def test_a_server_that_has_a_key_gets_the_next_generation_with_the_same_binding() -> None:
    now, first, _ = new_key(BARE, FIRST, 6001, 7, fresh_key())
    now, second, told = new_key(now, FIRST, None, None, fresh_key())
    assert (second.id, second.generation, second.system) == (1, 2, SystemKey(6001, 7))
    assert first.key != second.key
    assert told == ()
    assert now.next_system == 2


def test_a_new_binding_holds_for_every_generation_and_is_told() -> None:
    now, _, _ = new_key(BARE, FIRST, 6001, 7, fresh_key())
    now, _, told = new_key(now, FIRST, None, 8, fresh_key())
    assert [entry.system for entry in now.keys] == [SystemKey(6001, 8)] * 2
    assert told == ("its older keys are bound to 6001/8 too, no longer to 6001/7",)


def test_a_retired_generation_is_not_made_again_while_the_system_lives() -> None:
    now, _, _ = new_key(BARE, FIRST, 6001, 7, fresh_key())
    now, _, _ = new_key(now, FIRST, None, None, fresh_key())
    now = retire_key(now, 1, 2)[0].configuration
    _, third, _ = new_key(now, FIRST, None, None, fresh_key())
    assert (third.id, third.generation) == (1, 3)


def test_a_system_whose_last_key_was_retired_gets_a_new_id() -> None:
    now, _, _ = new_key(BARE, FIRST, 6001, 7, fresh_key())
    change, _ = retire_key(now, 1, 1)
    assert change.told == ("PSERVER1 has no key any more: it can neither request nor be reset",)
    _, entry, _ = new_key(change.configuration, FIRST, 6001, 7, fresh_key())
    assert (entry.id, entry.generation) == (2, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from((FIRST, SECOND)), st.booleans()), max_size=40))
def test_no_key_id_is_ever_made_twice(steps: list[tuple[Owner, bool]]) -> None:
    now, made = BARE, []
    for owner, retire in steps:
        own = [entry for entry in now.keys if entry.server == owner.server]
        if retire and own:
            now = retire_key(now, own[-1].id, own[-1].generation)[0].configuration
        else:
            number = 1 if owner == FIRST else 2
            now, entry, _ = new_key(now, owner, 6001, number, fresh_key())
            made.append(entry.key_id)
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(
    ("owner", "port", "number", "words"),
    [
        (FIRST, None, 1, "port and address are needed with its first key"),
        (Owner("NONE", None), 1, 1, "no such managed server; known: PSERVER1, PSERVER2"),
        (Owner("peer", None), 1, 1, "peer: the key of the pair"),
        (Owner("PSERVER1", "guest"), 1, 1, "a guest needs VMware=Enable on PSERVER1"),
    ],
)
def test_these_get_no_key(owner: Owner, port: int | None, number: int, words: str) -> None:
    with pytest.raises(RefusedError) as caught:
        new_key(BARE, owner, port, number, fresh_key())
    assert words in str(caught.value)


def test_ids_and_generations_end_in_a_refusal() -> None:
    full = replace(BARE, next_system=KEY_ID_MAX + 1)
    with pytest.raises(RefusedError):
        new_key(full, FIRST, 1, 1, fresh_key())
    now, entry, _ = new_key(BARE, FIRST, 1, 1, fresh_key())
    last = replace(now, keys=(replace(entry, newest=GENERATION_MAX),))
    with pytest.raises(RefusedError, match="generation 255 was the last"):
        new_key(last, FIRST, None, None, fresh_key())


def test_a_taken_port_and_number_get_no_key_and_leave_no_file(tmp_path: Path) -> None:
    stored(tmp_path)
    with pytest.raises(ConfigError, match="port=6001 address=2 is PSERVER2 already"):
        issue_key(tmp_path, FIRST, None, 2)
    assert not (tmp_path / "keys").exists() or not list((tmp_path / "keys").iterdir())


def test_the_clients_copy_is_its_owners_alone_and_goes_with_the_key(tmp_path: Path) -> None:
    stored(tmp_path)
    issued = issue_key(tmp_path, FIRST, None, None)
    assert issued.file == tmp_path / "keys" / "1.2.key"
    assert issued.file.stat().st_mode & 0o777 == 0o600
    assert issued.file.parent.stat().st_mode & 0o777 == 0o700
    assert issued.file.read_text(encoding="ascii") == f"{key_line(issued.entry).reveal()}\n"
    assert issued.entry in load(tmp_path).keys
    withdraw_key(tmp_path, 1, 2)
    assert not issued.file.exists()
    assert issued.entry not in load(tmp_path).keys


def test_a_copy_that_cannot_be_written_makes_no_key(tmp_path: Path) -> None:
    before = stored(tmp_path)
    (tmp_path / "keys").write_text("not a directory", encoding="utf-8")
    with pytest.raises(ConfigError, match="no directory"):
        issue_key(tmp_path, FIRST, None, None)
    assert load(tmp_path) == before


def test_no_key_is_in_a_repr() -> None:
    _, entry, _ = new_key(BARE, FIRST, 1, 1, fresh_key())
    assert entry.key.reveal() not in f"{entry!r} {key_line(entry)!r} {Configuration()!r}"


def test_an_older_file_of_a_key_gives_the_new_one_neither_its_mode_nor_its_place(
    tmp_path: Path,
) -> None:
    stored(tmp_path)
    (tmp_path / "keys").mkdir(mode=0o700)
    older = tmp_path / "keys" / "1.2.key"
    older.touch()
    older.chmod(0o666)
    issued = issue_key(tmp_path, FIRST, None, None)
    assert issued.file == older
    assert older.stat().st_mode & 0o777 == 0o600


def test_a_link_of_the_name_of_a_key_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    stored(tmp_path)
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "elsewhere").write_text("mine", encoding="ascii")
    (tmp_path / "keys" / "1.2.key").symlink_to(tmp_path / "elsewhere")
    issued = issue_key(tmp_path, FIRST, None, None)
    assert not issued.file.is_symlink()
    assert (tmp_path / "elsewhere").read_text(encoding="ascii") == "mine"
    assert issued.file.read_text(encoding="ascii") == f"{key_line(issued.entry).reveal()}\n"
