"""fence_kdump datagrams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.wire.kdump import ByteOrder, encode, parse


def test_bytes_of_the_real_sender_are_read() -> None:
    assert parse(bytes.fromhex("402a301b01000000")) is ByteOrder.LITTLE
    assert parse(bytes.fromhex("1b302a4000000001")) is ByteOrder.BIG


@given(st.sampled_from(ByteOrder), st.binary(max_size=64))
def test_either_byte_order_is_read_and_more_bytes_are_ignored(
    order: ByteOrder, more: bytes
) -> None:
    assert parse(encode(order) + more) is order


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "402a301b",
        "402a301b01",
        "402a301b010000",
        "402a301b02000000",
        "402a301b00000001",
        "1b302a4001000000",
        "412a301b01000000",
    ],
)
def test_short_mixed_and_later_versions_are_refused(wrong: str) -> None:
    assert parse(bytes.fromhex(wrong)) is None


@given(st.binary(max_size=80))
def test_noise_raises_nothing(noise: bytes) -> None:
    expected = noise[:8] in {encode(order) for order in ByteOrder}
    assert (parse(noise) is not None) == expected
