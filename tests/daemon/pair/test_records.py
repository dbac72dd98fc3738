"""What is left in /run holds for this boot only, and damage is as if there were nothing."""

import os
import uuid
from dataclasses import replace
from pathlib import Path as File

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haconn.core.beat import NOBODY, Echo, PairSession, Path
from haconn.daemon.boot import boot_id
from haconn.daemon.pair.records import (
    NO_UUID,
    PAIR_STATE,
    PEER_STOPPED,
    PRODUCT_UUID,
    PairState,
    PeerStopped,
    forget_state,
    load_state,
    machine_uuid,
    store_state,
)
from haconn.daemon.small_files import load, store

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
    own={Path.DUPLEX: "10.3.0.1", Path.RESET: "10.1.0.1"},
    own_port=7400,
    peer={Path.DUPLEX: "10.3.0.2", Path.MANAGEMENT: "10.2.0.2"},
    peer_port=7401,
)
SMALL_FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_the_record_of_a_stopped_peer_is_kept_and_deleted(tmp_path: File) -> None:
    record = PeerStopped(tmp_path, BOOT)
    assert record.load() is None
    assert record.keep(ECHO) is None
    assert PeerStopped(tmp_path, BOOT).load() == ECHO
    assert record.keep(Echo(ECHO.session, 78)) is None
    assert record.load() == Echo(ECHO.session, 78)
    assert (tmp_path / PEER_STOPPED).stat().st_mode & 0o777 == 0o600
    assert record.delete() is None
    assert record.load() is None
    assert record.delete() is None, "what is not there is deleted"
    assert list(tmp_path.iterdir()) == []


def test_a_record_of_another_boot_does_not_hold(tmp_path: File) -> None:
    assert PeerStopped(tmp_path, BOOT).keep(ECHO) is None
    assert PeerStopped(tmp_path, "another boot").load() is None


def test_without_a_boot_id_no_record_holds(tmp_path: File) -> None:
    record = PeerStopped(tmp_path, "")
    assert record.keep(ECHO) is not None
    store(tmp_path / PEER_STOPPED, {"boot": "", "session": ECHO.session.hex(), "seq": 1})
    assert record.load() is None


@pytest.mark.parametrize(
    "damage",
    [
        {"seq": -1},
        {"seq": 2**64},
        {"seq": "1"},
        {"seq": True},
        {"seq": 1.0},
        {"session": "00" * 15},
        {"session": "00" * 16},
        {"session": "xy" * 16},
        {"session": None},
        {"boot": None},
    ],
)
def test_a_damaged_record_is_none(tmp_path: File, damage: dict[str, object]) -> None:
    row: dict[str, object] = {"boot": BOOT, "session": ECHO.session.hex(), "seq": 77}
    store(tmp_path / PEER_STOPPED, row)
    assert PeerStopped(tmp_path, BOOT).load() == ECHO
    store(tmp_path / PEER_STOPPED, row | damage)
    assert PeerStopped(tmp_path, BOOT).load() is None


@SMALL_FILES
@given(data=st.binary(max_size=300))
def test_chance_makes_no_record(tmp_path: File, data: bytes) -> None:
    (tmp_path / PEER_STOPPED).write_bytes(data)
    (tmp_path / PAIR_STATE).write_bytes(data)
    assert PeerStopped(tmp_path, BOOT).load() is None
    assert load_state(tmp_path, BOOT) is None


def test_a_record_that_is_cut_off_anywhere_is_none(tmp_path: File) -> None:
    store_state(tmp_path, STATE)
    PeerStopped(tmp_path, BOOT).keep(ECHO)
    for name in (PAIR_STATE, PEER_STOPPED):
        whole = (tmp_path / name).read_bytes().rstrip()
        for cut in range(len(whole)):
            (tmp_path / name).write_bytes(whole[:cut])
            assert load_state(tmp_path, BOOT) is None or name != PAIR_STATE
            assert PeerStopped(tmp_path, BOOT).load() is None or name != PEER_STOPPED


def test_a_directory_that_is_not_there_is_told_and_nothing_raises(tmp_path: File) -> None:
    record = PeerStopped(tmp_path / "missing", BOOT)
    told = record.keep(ECHO)
    assert told is not None
    assert "No such file" in told
    assert record.delete() is None
    assert store_state(tmp_path / "missing", STATE) is not None


def test_a_record_that_cannot_be_deleted_is_told(tmp_path: File) -> None:
    (tmp_path / PEER_STOPPED).mkdir()
    assert PeerStopped(tmp_path, BOOT).delete() is not None
    assert PeerStopped(tmp_path, BOOT).load() is None


def test_the_state_of_the_pair_is_what_was_stored(tmp_path: File) -> None:
    assert store_state(tmp_path, STATE) is None
    assert load_state(tmp_path, BOOT) == STATE
    standby = replace(STATE, was_active=False, peer={})
    assert store_state(tmp_path, standby) is None
    assert load_state(tmp_path, BOOT) == standby
    assert load_state(tmp_path, "another boot") is None
    assert load_state(tmp_path, "") is None
    assert forget_state(tmp_path) is None
    assert load_state(tmp_path, BOOT) is None
    assert forget_state(tmp_path) is None


@pytest.mark.parametrize(
    "damage",
    [
        {"was_active": 1},
        {"me": 1},
        {"peer_name": None},
        {"own": None},
        {"own": []},
        {"peer": {"DUPLEX": 1}},
        {"peer": {"DUPLEX": "peer.example"}},
        {"peer": {"DUPLEX": "10.3.0.256"}},
        {"virtual_address": "localhost"},
        {"prefix": "24"},
        {"prefix": 33},
        {"epoch": -1},
        {"own_port": 65536},
        {"peer_port": None},
        {"virtual_address": None},
        {"session": NOBODY.hex()},
    ],
)
def test_a_damaged_state_is_none(tmp_path: File, damage: dict[str, object]) -> None:
    store_state(tmp_path, STATE)
    row = load(tmp_path / PAIR_STATE)
    assert isinstance(row, dict)
    store(tmp_path / PAIR_STATE, row | damage)
    assert load_state(tmp_path, BOOT) is None


def test_the_boot_id_is_the_kernels() -> None:
    assert str(uuid.UUID(boot_id())) == boot_id()


def test_the_machine_is_told_in_the_order_of_the_text(tmp_path: File) -> None:
    (tmp_path / PRODUCT_UUID).write_text("4C4C4544-0042-3510-8051-B4C04F4D3732\n")
    assert machine_uuid(tmp_path).hex() == "4c4c4544004235108051b4c04f4d3732"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Not Settable",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "4c4c4544-0042-3510-8051-b4c04f4d37",
        "4c4c4544004235108051b4c04f4d3732",
        "\u00e9",
    ],
)
def test_a_machine_that_does_not_tell_is_zeros(tmp_path: File, text: str) -> None:
    assert machine_uuid(tmp_path) == NO_UUID
    (tmp_path / PRODUCT_UUID).write_text(text, encoding="utf-8")
    assert machine_uuid(tmp_path) == NO_UUID


def test_files_of_a_world_readable_umask_stay_private(tmp_path: File) -> None:
    old = os.umask(0)
    try:
        store_state(tmp_path, STATE)
    finally:
        os.umask(old)
    assert (tmp_path / PAIR_STATE).stat().st_mode & 0o777 == 0o600
