"""Small records: whatever a disk makes of one is noticed, or is the same record."""

import os
import random
from pathlib import Path

import pytest

from haconn.core.beat import Echo, PairSession
from haconn.core.beat import Path as Way
from haconn.core.model import Instant
from haconn.daemon.pair.records import (
    PAIR_STATE,
    PEER_STOPPED,
    PairState,
    PeerStopped,
    load_state,
    store_state,
)
from haconn.daemon.pair.repowers import NAME, Repowers
from haconn.daemon.small_files import load, store
from tests.daemon.mutations import every_byte, random_mutations

BOOT = "0d5a6bd3-4b4e-4a53-9df0-5a4b3f2f8b11"
ECHO = Echo(PairSession(bytes(range(16))), 77)
STATE = PairState(
    boot=BOOT,
    me="alpha",
    peer_name="beta",
    session=PairSession(bytes(range(16))),
    epoch=5,
    was_active=True,
    virtual_address="10.1.0.3",
    prefix=24,
    own={Way.DUPLEX: "10.3.0.1", Way.RESET: "10.1.0.1"},
    own_port=7400,
    peer={Way.DUPLEX: "10.3.0.2", Way.MANAGEMENT: "10.2.0.2"},
    peer_port=7401,
)
RANDOM = 2_000


def write_all(directory: Path) -> None:
    assert store_state(directory, STATE) is None
    assert PeerStopped(directory, BOOT).keep(ECHO) is None
    assert Repowers(directory).keep((Instant(400.0), Instant(990.0)), Instant(1000.0)) is None


@pytest.mark.parametrize("name", [PAIR_STATE, PEER_STOPPED, NAME])
def test_every_mutation_of_a_small_record_is_noticed(tmp_path: Path, name: str) -> None:
    write_all(tmp_path)
    path = tmp_path / name
    good = path.read_bytes()
    stored = load(path)
    mutations = [*every_byte(good), *random_mutations(good, RANDOM, random.Random(name))]
    assert len(mutations) > 8 * len(good)
    unnoticed = []
    for data in mutations:
        path.write_bytes(data)
        told: list[Path] = []
        if load(path, told.append) != stored and not told:
            unnoticed.append(data)
    assert not unnoticed


def test_a_record_is_not_taken_for_that_of_another_name(tmp_path: Path) -> None:
    write_all(tmp_path)
    (tmp_path / PAIR_STATE).replace(tmp_path / PEER_STOPPED)
    told: list[Path] = []
    assert load(tmp_path / PEER_STOPPED, told.append) is None
    assert told == [tmp_path / PEER_STOPPED]


def test_a_record_without_a_checksum_is_one_of_another_version_and_is_told(tmp_path: Path) -> None:
    (tmp_path / PAIR_STATE).write_text('{"boot": "x"}\n')
    told: list[Path] = []
    assert load_state(tmp_path, "x", told.append) is None
    assert told


def test_what_is_not_there_is_no_damage(tmp_path: Path) -> None:
    told: list[Path] = []
    assert load(tmp_path / "nothing", told.append) is None
    assert not told


def test_links_are_neither_read_nor_written_through(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    path = tmp_path / "record"
    path.with_suffix(".part").symlink_to(elsewhere)
    assert store(path, {"a": 1}) is None
    assert elsewhere.read_text() == "mine"
    assert load(path) == {"a": 1}
    path.replace(elsewhere)
    path.symlink_to(elsewhere)
    told: list[Path] = []
    assert load(path, told.append) is None
    assert told
    assert store(path, {"a": 2}) is None
    assert not path.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_pipe_in_the_place_of_a_record_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "record")
    told: list[Path] = []
    assert load(tmp_path / "record", told.append) is None
    assert told
