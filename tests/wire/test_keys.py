"""Keys: their lines, their limits, and that nobody sees them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.model import Secret
from haconn.wire.keys import BadKeyError, Key, fingerprint, format_key_line, new_key, parse_key_line
from tests.wire.parts import ALPHA, nonces


def read(line: str) -> Key:
    return parse_key_line(line, server="server1", vm="", port=30001, number=1)


def test_line_is_read_back() -> None:
    assert read(format_key_line(ALPHA)) == ALPHA
    assert read(f"  {format_key_line(ALPHA).upper().replace('HACONN', 'haconn')}\n") == ALPHA


def test_new_key_is_a_line() -> None:
    key = read(new_key(0x00000102, lambda size: b"\x5a" * size))
    assert (key.id, key.generation, key.key_id) == (1, 2, 0x102)
    assert key.master == Secret("5a" * 32)


@given(st.text(max_size=120))
def test_noise_is_refused_without_being_quoted(noise: str) -> None:
    with pytest.raises(BadKeyError) as refusal:
        read(noise)
    assert str(refusal.value) == "not a key: haconn1:<key id, 8 hex digits>:<64 hex digits>"


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 0},
        {"id": 2**24},
        {"generation": 0},
        {"generation": 256},
        {"port": 0},
        {"port": 65536},
        {"number": -1},
        {"number": 2**32},
        {"master": Secret("00" * 31)},
        {"master": Secret("zz" * 32)},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadKeyError):
        replace(ALPHA, **wrong)  # type: ignore[arg-type]


def test_key_is_not_shown_and_its_fingerprint_is_not_the_key() -> None:
    secret = ALPHA.master.reveal()
    assert secret not in repr(ALPHA)
    assert len(fingerprint(ALPHA.master)) == 16
    assert fingerprint(ALPHA.master) not in secret


def test_source_of_nonces_in_these_tests_does_not_repeat() -> None:
    nonce = nonces()
    assert len({nonce(16) for _ in range(100)}) == 100
