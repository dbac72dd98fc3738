"""Header and tag, on anything that may arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.wire.frame import PAYLOAD_MAX, SIZE_MIN, Frame, WireError, parse, seal, verified

KEY = b"k" * 32
FRAMES = st.builds(
    Frame,
    type=st.integers(0, 255),
    key_id=st.integers(0, 2**32 - 1),
    sender=st.integers(0, 2**32 - 1),
    session=st.binary(min_size=16, max_size=16),
    seq=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=PAYLOAD_MAX),
)


def accepted(datagram: bytes) -> bool:
    try:
        parse(datagram)
    except WireError:
        return False
    return verified(KEY, datagram)


@given(FRAMES)
def test_what_was_sealed_is_read_back(frame: Frame) -> None:
    datagram = seal(KEY, frame)
    assert len(datagram) == SIZE_MIN + len(frame.payload)
    assert parse(datagram) == frame
    assert verified(KEY, datagram)


@given(FRAMES, st.data())
def test_no_flipped_bit_is_accepted(frame: Frame, data: st.DataObject) -> None:
    datagram = bytearray(seal(KEY, frame))
    bit = data.draw(st.integers(0, len(datagram) * 8 - 1))
    datagram[bit // 8] ^= 1 << bit % 8
    assert not accepted(bytes(datagram))


@given(FRAMES, st.data())
def test_no_cut_or_lengthened_datagram_is_accepted(frame: Frame, data: st.DataObject) -> None:
    datagram = seal(KEY, frame)
    kept = data.draw(st.integers(0, len(datagram) - 1))
    assert not accepted(datagram[:kept])
    assert not accepted(datagram + data.draw(st.binary(min_size=1, max_size=40)))


@given(st.binary(max_size=1400))
def test_noise_is_refused_with_the_codecs_own_error(noise: bytes) -> None:
    assert not accepted(noise)


@given(FRAMES, st.binary(min_size=32, max_size=32).filter(lambda key: key != KEY))
def test_another_key_does_not_verify(frame: Frame, other: bytes) -> None:
    assert not verified(other, seal(KEY, frame))


GOOD = Frame(1, 1, 1, bytes(16), 1, 0, b"")


@pytest.mark.parametrize(
    "wrong",
    [
        GOOD._replace(payload=bytes(PAYLOAD_MAX + 1)),
        GOOD._replace(session=b"short"),
        GOOD._replace(session=bytes(17)),
        GOOD._replace(seq=2**64),
        GOOD._replace(seq=-1),
        GOOD._replace(type=256),
    ],
)
def test_what_does_not_fit_is_not_sealed(wrong: Frame) -> None:
    with pytest.raises(WireError):
        seal(KEY, wrong)
