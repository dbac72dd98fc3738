"""The messages of the pair, on anything that may arrive under a right tag."""

import math
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.beat import (
    INTENT_BODY_MAX,
    NOBODY,
    Beat,
    Intent,
    PairDatagram,
    PairSession,
    Release,
    Standing,
    Stopped,
)
from haconn.wire.frame import PAYLOAD_MAX, Frame, WireError
from haconn.wire.pair.codec import PairType, decode, encode
from tests.wire.pair.parts import BEAT, SESSION, beat, datagrams

INTENT = Intent(1, 0, 1, b"body", 0.0)


def said(datagram: PairDatagram) -> Frame:
    return encode(datagram, 1)


def sealed(message: Intent) -> Frame:
    return said(PairDatagram(SESSION, 1, 0, message))


@given(datagrams())
def test_what_was_said_is_heard(datagram: PairDatagram) -> None:
    frame = said(datagram)
    assert decode(frame) == datagram
    assert (frame.key_id, frame.sender, frame.epoch) == (1, 0, datagram.epoch)
    assert len(frame.payload) <= PAYLOAD_MAX


@given(datagrams(), st.binary(max_size=40))
def test_bytes_of_a_later_version_at_the_end_are_ignored(
    datagram: PairDatagram, more: bytes
) -> None:
    frame = said(datagram)
    assert decode(frame._replace(payload=frame.payload + more)) == datagram


def older_end(datagram: PairDatagram, frame: Frame) -> int | None:
    """Where the BEAT of an older version ends, before generations and devices."""
    if not isinstance(datagram.message, Beat):
        return None
    return len(frame.payload) - 3 - len(datagram.message.standing.generations)


@given(datagrams(), st.data())
def test_a_payload_that_ends_too_early_is_refused(
    datagram: PairDatagram, data: st.DataObject
) -> None:
    frame = said(datagram)
    if frame.payload:
        cut = st.integers(0, len(frame.payload) - 1)
        kept = data.draw(cut.filter(lambda size: size != older_end(datagram, frame)))
        with pytest.raises(WireError):
            decode(frame._replace(payload=frame.payload[:kept]))


@given(st.integers(0, 255), st.binary(max_size=PAYLOAD_MAX), st.integers(0, 3))
def test_any_payload_is_a_message_or_the_codecs_own_error(
    kind: int, payload: bytes, seq: int
) -> None:
    frame = Frame(kind, 1, 0, SESSION, seq, 0, payload)
    try:
        heard = decode(frame)
    except WireError:
        return
    assert decode(encode(heard, 1)) == heard


@given(st.binary(min_size=122, max_size=140), st.integers(1, 3))
def test_a_beat_of_noise_is_a_beat_or_the_codecs_own_error(noise: bytes, role: int) -> None:
    frame = Frame(PairType.BEAT, 1, 0, SESSION, 1, 0, bytes([role]) + noise)
    try:
        heard = decode(frame)
    except WireError:
        return
    assert decode(encode(heard, 1)) == heard


@pytest.mark.parametrize("clock", [math.nan, math.inf, -math.inf])
def test_a_clock_that_is_no_number_is_neither_said_nor_heard(clock: float) -> None:
    for message in (replace(BEAT, clock=clock), replace(INTENT, clock=clock)):
        with pytest.raises(WireError):
            said(PairDatagram(SESSION, 1, 0, message))
    beat_, intent = said(beat()).payload, sealed(INTENT).payload
    wrong = _double(clock)
    at = beat_.index(_double(BEAT.clock))
    with pytest.raises(WireError):
        decode(said(beat())._replace(payload=beat_[:at] + wrong + beat_[at + 8 :]))
    with pytest.raises(WireError):
        decode(sealed(INTENT)._replace(payload=intent[:12] + wrong + intent[20:]))


def _double(value: float) -> bytes:
    return struct.pack(">d", value)


@pytest.mark.parametrize("role", [0, 4, 255])
def test_a_role_of_a_later_version_is_refused(role: int) -> None:
    frame = said(beat())
    with pytest.raises(WireError):
        decode(frame._replace(payload=bytes([role]) + frame.payload[1:]))


def test_flags_and_paths_of_a_later_version_are_ignored() -> None:
    frame = said(beat())
    later = bytes([frame.payload[0], frame.payload[1] | 0xC0, frame.payload[2] | 0xF8, 9])
    assert decode(frame._replace(payload=later + frame.payload[4:])) == beat()


@pytest.mark.parametrize("text", ["peer.example", "192.0.2.300", "::1", "192.0.2.1:1", " "])
def test_an_address_that_would_have_to_be_looked_up_is_refused(text: str) -> None:
    good = BEAT.standing
    for wrong in (replace(good, management=text), replace(good, reset=text)):
        with pytest.raises(WireError):
            said(PairDatagram(SESSION, 1, 0, replace(BEAT, standing=wrong)))
    payload = said(beat()).payload
    for raw in (good.management.encode(), good.reset.encode()):
        heard = payload.replace(bytes([len(raw)]) + raw, bytes([len(text)]) + text.encode())
        assert heard != payload
        with pytest.raises(WireError):
            decode(said(beat())._replace(payload=heard))


@pytest.mark.parametrize(
    "wrong",
    [
        PairDatagram(NOBODY, 1, 0, Stopped()),
        PairDatagram(NOBODY, 0, 0, Release(NOBODY)),
        PairDatagram(SESSION, 0, 0, Stopped()),
        PairDatagram(SESSION, 1, 0, Release(SESSION)),
        PairDatagram(SESSION, 0, 0, Release(PairSession(b"T" * 16))),
        PairDatagram(SESSION, 1, 0, replace(INTENT, body=bytes(INTENT_BODY_MAX + 1))),
        PairDatagram(SESSION, 1, 0, replace(INTENT, index=0)),
        PairDatagram(SESSION, 1, 0, replace(INTENT, parts=0)),
        PairDatagram(SESSION, 1, 0, replace(INTENT, part=1)),
        PairDatagram(SESSION, 1, 0, replace(INTENT, parts=2**16)),
        PairDatagram(SESSION, 1, 0, replace(BEAT, standing=Standing(machine=b"short"))),
        PairDatagram(SESSION, 1, 0, replace(BEAT, standing=Standing(service=bytes(9)))),
        PairDatagram(SESSION, 1, 0, replace(BEAT, standing=Standing(bmcs_reached=2**16))),
    ],
)
def test_what_does_not_fit_is_not_said(wrong: PairDatagram) -> None:
    with pytest.raises(WireError):
        said(wrong)


def test_an_envelope_that_no_message_has_is_refused() -> None:
    good = said(beat())
    release = good._replace(type=PairType.RELEASE)
    wrong = [good._replace(session=bytes(16)), good._replace(seq=0), release]
    wrong += [good._replace(type=kind) for kind in (0, 1, 15, 22, 255)]
    for frame in wrong:
        with pytest.raises(WireError):
            decode(frame)


@pytest.mark.parametrize(
    ("at", "wrong"),
    [(0, bytes(8)), (8, b"\0\1"), (10, bytes(2)), (20, b"\xff\xff")],
    ids=["index 0", "part 1 of 1", "no parts", "a body that is not there"],
)
def test_an_intent_that_is_no_part_of_an_entry_is_refused(at: int, wrong: bytes) -> None:
    payload = sealed(INTENT).payload
    with pytest.raises(WireError):
        decode(sealed(INTENT)._replace(payload=payload[:at] + wrong + payload[at + len(wrong) :]))


def test_an_intent_that_is_too_long_for_one_datagram_of_ours_is_refused() -> None:
    body = bytes(INTENT_BODY_MAX + 1)
    payload = sealed(INTENT).payload[:20] + len(body).to_bytes(2, "big") + body
    with pytest.raises(WireError):
        decode(sealed(INTENT)._replace(payload=payload))


def test_the_longest_intent_fits_with_room_for_a_later_version() -> None:
    longest = replace(INTENT, body=bytes(INTENT_BODY_MAX))
    assert PAYLOAD_MAX - len(sealed(longest).payload) >= 64
