"""The key of the pair: made once, carried once, two generations good at a time, never shown."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn.config.documents import SECRETS
from haconn.config.errors import ConfigError, RefusedError
from haconn.config.pair_edits import import_peer_key, new_peer_key, retire_peer_key
from haconn.config.peerfiles import (
    issue_peer_key,
    peer_key_line,
    read_peer_key,
    take_peer_key,
    withdraw_peer_key,
)
from haconn.config.schema import GENERATION_MAX, Configuration, PeerKey
from haconn.config.store import load
from haconn.core.model import Secret
from tests.config.samples import stored

KEY = Secret("ab" * 32)
OTHER = Secret("cd" * 32)


def key(generation: int, text: Secret = KEY) -> PeerKey:
    return PeerKey(generation=generation, key=text)


def generations(configuration: Configuration) -> list[int]:
    return [entry.generation for entry in configuration.peer_keys]


def carried(path: Path, line: str, mode: int = 0o600) -> Path:
    path.write_text(line, encoding="ascii")
    path.chmod(mode)
    return path


def test_generations_count_up_and_two_are_good_at_a_time() -> None:
    now, first = new_peer_key(Configuration(), KEY)
    now, second = new_peer_key(now, OTHER)
    assert (first.generation, second.generation) == (1, 2)
    with pytest.raises(RefusedError, match="generations 1 and 2 are good; allowed: 2"):
        new_peer_key(now, KEY)
    now = retire_peer_key(now, None)[0].configuration
    assert generations(now) == [2]
    now, third = new_peer_key(now, KEY)
    assert third.generation == 3


def test_a_retired_generation_is_not_made_again_even_if_it_was_the_last() -> None:
    now, _ = new_peer_key(Configuration(), KEY)
    change, entry = retire_peer_key(now, 1)
    assert entry.generation == 1
    assert change.told == ("the pair has no key any more: neither server can start as one of it",)
    assert new_peer_key(change.configuration, OTHER)[1].generation == 2


def test_the_only_key_is_retired_by_its_name_only() -> None:
    with pytest.raises(RefusedError, match="peer: there is no key; known: none"):
        retire_peer_key(Configuration(), None)
    now, _ = new_peer_key(Configuration(), KEY)
    with pytest.raises(RefusedError, match="generation 1 is the only one; to end it, name it"):
        retire_peer_key(now, None)
    with pytest.raises(RefusedError, match="peer: there is no generation 2; known: 1"):
        retire_peer_key(now, 2)


def test_a_key_of_the_other_server_is_taken_with_its_generation() -> None:
    now = import_peer_key(Configuration(), key(7))
    assert (generations(now), now.peer_newest) == ([7], 7)
    assert import_peer_key(now, key(7)) == now, "the same key again is the same"
    with pytest.raises(RefusedError, match="another key is generation 7 here"):
        import_peer_key(now, key(7, OTHER))
    now = import_peer_key(now, key(3, OTHER))
    assert (generations(now), now.peer_newest) == ([3, 7], 7)
    with pytest.raises(RefusedError, match="generations 3 and 7 are good"):
        import_peer_key(now, key(8))


def test_the_last_generation_is_the_last() -> None:
    now = import_peer_key(Configuration(), key(GENERATION_MAX))
    with pytest.raises(RefusedError, match="generation 255 was the last"):
        new_peer_key(now, OTHER)


def test_a_key_goes_to_the_other_server_by_a_file_and_stays_in_its_table(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for etc in (here, there):
        etc.mkdir()
        stored(etc)
        for generation in (1, 2):
            withdraw_peer_key(etc, generation)
    issued = issue_peer_key(here)
    assert issued.file == here / "keys" / "peer.3.key"
    assert issued.file.stat().st_mode & 0o777 == 0o600
    assert issued.file.read_text() == f"haconn1:peer.3:{issued.entry.key.reveal()}\n"
    assert take_peer_key(there, issued.file) == issued.entry
    assert load(there).peer_keys == load(here).peer_keys == (issued.entry,)
    assert (there / SECRETS).stat().st_mode & 0o777 == 0o600
    assert withdraw_peer_key(here, 3)[0] == issued.entry
    assert not issued.file.exists()
    assert load(here).peer_newest == 3


def test_a_copy_that_lay_there_for_everybody_is_replaced_by_one_for_its_owner(
    tmp_path: Path,
) -> None:
    (tmp_path / "keys").mkdir()
    carried(tmp_path / "keys" / "peer.1.key", "old", 0o644)
    assert issue_peer_key(tmp_path).file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read_is_not_taken(tmp_path: Path, mode: int) -> None:
    path = carried(tmp_path / "peer.1.key", peer_key_line(key(1)).reveal(), mode)
    with pytest.raises(ConfigError, match="others could use it"):
        take_peer_key(tmp_path / "etc", path)
    assert not (tmp_path / "etc").exists()


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=100),
        st.from_regex(r"\Ahaconn1:peer\.[0-9]{1,3}:[0-9a-f]{63,65}\n?\Z"),
    )
)
def test_any_file_is_a_key_or_one_line_that_does_not_quote_it(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("carried") / "file"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    path.chmod(0o600)
    try:
        entry = read_peer_key(path)
    except ConfigError as exc:
        said = str(exc)
    else:
        said = f"{entry}"
        assert 1 <= entry.generation <= GENERATION_MAX
        assert entry.key.reveal() in text
    assert "\n" not in said
    assert len(text.strip()) < 20 or text.strip() not in said


def test_a_key_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_peer_key(tmp_path / "missing")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="no regular file"):
        read_peer_key(tmp_path / "pipe")
