"""Datagrams of the pair as they arrive: whose they are, and how many wrong ones are looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.beat import PairDatagram, Release
from haconn.wire.events import Drop
from haconn.wire.frame import PAYLOAD_MAX, SIZE_MAX, Frame, WireError, seal
from haconn.wire.keys import BadKeyError
from haconn.wire.pair.end import GENERATION_S, PairEnd
from haconn.wire.pair.keys import working_keys
from haconn.wire.pair.wrong_tags import LOUD_S
from tests.wire.pair.parts import ME, PEER, SESSION, THIRD, beat, datagrams, key

HOME, ELSEWHERE = "192.0.2.12", "198.51.100.99"
RELEASE = PairDatagram(SESSION, 0, 7, Release(SESSION))


def end(*generations: int, me: str = ME, peer: str = PEER) -> PairEnd:
    return PairEnd([key(generation) for generation in generations or (1,)], me, peer)


def peers(*generations: int) -> PairEnd:
    return end(*generations, me=PEER, peer=ME)


def under_the_peers_key(kind: int, payload: bytes, **header: int) -> bytes:
    fields = {"type": kind, "key_id": 1, "sender": 0, "seq": 1, "epoch": 0} | header
    frame = Frame(session=SESSION, payload=payload, **fields)
    return seal(working_keys(key(), PEER, ME).mine, frame)


@given(datagrams())
def test_what_the_peer_sealed_is_opened(datagram: PairDatagram) -> None:
    assert end().open(peers().seal(datagram), HOME, 0.0) == datagram


@given(datagrams(), st.data())
def test_no_flipped_bit_is_opened(datagram: PairDatagram, data: st.DataObject) -> None:
    sealed = bytearray(peers().seal(datagram))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    assert isinstance(end().open(bytes(sealed), HOME, 0.0), Drop)


@given(datagrams(), st.data())
def test_no_cut_or_lengthened_datagram_is_opened(
    datagram: PairDatagram, data: st.DataObject
) -> None:
    sealed = peers().seal(datagram)
    kept = data.draw(st.integers(0, len(sealed) - 1))
    assert isinstance(end().open(sealed[:kept], HOME, 0.0), Drop)
    more = data.draw(st.binary(min_size=1, max_size=40))
    assert isinstance(end().open(sealed + more, HOME, 0.0), Drop)


@given(st.integers(0, 255), st.binary(max_size=PAYLOAD_MAX), st.integers(0, 2))
def test_any_body_under_a_right_tag_is_a_message_or_counted(
    kind: int, payload: bytes, seq: int
) -> None:
    one = end()
    opened = one.open(under_the_peers_key(kind, payload, seq=seq), HOME, 0.0)
    if isinstance(opened, Drop):
        assert opened in (Drop.TYPE, Drop.PAYLOAD)
        assert one.dropped == {opened: 1}
    else:
        assert one.open(peers().seal(opened), HOME, 0.0) == opened


@given(st.binary(max_size=SIZE_MAX + 40))
def test_noise_is_dropped_and_counted(noise: bytes) -> None:
    one = end()
    opened = one.open(noise, HOME, 0.0)
    assert isinstance(opened, Drop)
    assert one.dropped == {opened: 1}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HR", Drop.SIZE),
        (bytes(SIZE_MAX + 1), Drop.SIZE),
        (bytes(100), Drop.MAGIC),
        (under_the_peers_key(16, b"", key_id=2), Drop.KEY),
        (under_the_peers_key(16, b"", key_id=1 << 8 | 1), Drop.KEY),
        (under_the_peers_key(16, b"", sender=1), Drop.KEY),
        (under_the_peers_key(22, b""), Drop.TYPE),
        (under_the_peers_key(1, b""), Drop.TYPE),
        (under_the_peers_key(16, b""), Drop.PAYLOAD),
    ],
)
def test_what_is_dropped_is_counted_by_the_first_check_that_fails(data: bytes, why: Drop) -> None:
    one = end()
    assert one.open(data, HOME, 0.0) is why
    assert one.dropped == {why: 1}


def test_what_we_said_ourselves_is_not_heard_as_the_peers() -> None:
    one = end()
    assert one.open(one.seal(beat()), HOME, 0.0) is Drop.TAG
    assert one.open(one.seal(RELEASE), HOME, 0.0) is Drop.TAG


def test_a_third_host_with_the_same_key_is_not_the_peer() -> None:
    for stranger in (end(me=THIRD, peer=ME), end(me=THIRD, peer=PEER)):
        assert end().open(stranger.seal(beat()), HOME, 0.0) is Drop.TAG


def test_a_message_that_does_not_fit_is_not_sealed() -> None:
    with pytest.raises(WireError):
        end().seal(PairDatagram(SESSION, 1, 2**32, beat().message))


# ---- generations


def exchange(one: PairEnd, other: PairEnd, now: float) -> tuple[bool, bool]:
    """Whether each hears a beat of the other that was sealed before it heard anything."""
    from_one, from_other = one.seal(beat()), other.seal(beat())
    heard = one.open(from_other, HOME, now), other.open(from_one, HOME, now)
    return not isinstance(heard[0], Drop), not isinstance(heard[1], Drop)


def test_an_exchange_of_the_key_costs_one_heartbeat_at_most() -> None:
    a, b = end(1), peers(1)
    assert exchange(a, b, 0.0) == (True, True)
    a.rekey([key(1), key(2)])  # made here, not brought over yet
    assert exchange(a, b, 0.2) == (True, True)
    b.rekey([key(1), key(2)])
    assert exchange(a, b, 0.4) == (True, True)
    assert (a.generation, b.generation) == (1, 1)
    a.rekey([key(2)])  # retired here first
    assert exchange(a, b, 0.6) == (False, True)
    assert exchange(a, b, 0.8) == (True, True)
    assert (a.generation, b.generation) == (2, 2)
    b.rekey([key(2)])
    assert exchange(a, b, 1.0) == (True, True)


@pytest.mark.parametrize("had", [((1, 2), (2,)), ((2,), (1, 2)), ((1, 2), (2, 3)), ((1, 2), (1,))])
def test_servers_with_one_generation_in_common_find_it(
    had: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    a, b = end(*had[0]), peers(*had[1])
    for beat_ in range(3):
        heard = exchange(a, b, beat_ * 0.2)
    assert heard == (True, True)


def test_a_recording_of_the_older_generation_does_not_bring_it_back() -> None:
    one, recorded = end(1, 2), peers(1).seal(beat())
    one.open(peers(2).seal(beat()), HOME, 0.0)
    one.open(recorded, HOME, GENERATION_S - 0.1)
    assert one.generation == 2
    one.open(peers(2).seal(beat()), HOME, GENERATION_S - 0.1)
    one.open(recorded, HOME, 2 * GENERATION_S - 0.2)
    assert one.generation == 2


def test_a_generation_that_was_made_since_changes_nothing_before_it_is_heard() -> None:
    one = end(1, 2)
    one.open(peers(2).seal(beat()), HOME, 0.0)
    one.rekey([key(1), key(2), key(3)])
    assert one.generation == 2


def test_an_older_generation_is_followed_at_once_if_the_newer_was_never_heard() -> None:
    one = end(2)
    one.rekey([key(1), key(2)])
    one.open(peers(1).seal(beat()), HOME, 0.1)
    assert one.generation == 1


def test_a_peer_that_lost_the_newer_generation_is_spoken_to_in_the_older_one() -> None:
    one = end(1, 2)
    one.open(peers(2).seal(beat()), HOME, 0.0)
    one.open(peers(1).seal(beat()), HOME, GENERATION_S)
    assert one.generation == 1


def test_a_wrong_tag_says_nothing_about_generations() -> None:
    one = end(1, 2)
    one.open(one.seal_under_each(beat())[1], HOME, 0.0)
    assert one.generation == 1


def test_a_program_that_hears_nobody_is_heard_whatever_generation_is_left() -> None:
    under_each = end(1, 2).seal_under_each(RELEASE)
    for generation in (1, 2):
        heard = [peers(generation).open(sealed, HOME, 0.0) for sealed in under_each]
        assert RELEASE in heard


def test_an_end_without_a_key_is_none() -> None:
    with pytest.raises(BadKeyError):
        PairEnd([], ME, PEER)
    one = end(1)
    with pytest.raises(BadKeyError):
        one.rekey([])
    assert one.open(peers(1).seal(beat()), HOME, 0.0) == beat()


# ---- wrong tags


WRONG = end(me=THIRD, peer=ME).seal(beat())
RIGHT = peers().seal(beat())


def flood(one: PairEnd, source: str, now: float, count: int = 100) -> None:
    for _ in range(count):
        one.open(WRONG, source, now)


def test_a_flood_of_wrong_tags_is_looked_at_no_more() -> None:
    one = end()
    flood(one, ELSEWHERE, 0.0)
    assert one.dropped == {Drop.TAG: 41, Drop.SOURCE_RATE: 59}
    assert one.open(RIGHT, ELSEWHERE, LOUD_S - 0.1) is Drop.SOURCE_RATE
    assert one.open(RIGHT, ELSEWHERE, LOUD_S) == beat()


def test_a_flood_from_one_address_does_not_make_us_deaf_to_another() -> None:
    one = end()
    flood(one, ELSEWHERE, 0.0)
    assert one.open(RIGHT, HOME, 0.0) == beat()


def test_a_flood_in_the_peers_own_name_does_not_make_us_deaf_to_it() -> None:
    one = end()
    one.know({HOME})
    flood(one, HOME, 0.0, 5000)
    assert one.open(RIGHT, HOME, 0.0) == beat()
    assert one.dropped == {Drop.TAG: 5000}


def test_many_strangers_are_together_no_more_than_many_and_the_peer_is_none() -> None:
    one = end()
    one.know({HOME})
    for number in range(3000):
        one.open(WRONG, f"10.0.{number >> 8}.{number & 255}", 0.0)
    assert one.dropped == {Drop.TAG: 2001, Drop.SOURCE_RATE: 999}
    assert one.open(RIGHT, ELSEWHERE, 0.0) is Drop.SOURCE_RATE
    assert one.open(RIGHT, HOME, 0.0) == beat()


def test_right_tags_from_an_unknown_address_are_not_limited() -> None:
    one = end()
    for _ in range(5000):
        assert one.open(RIGHT, ELSEWHERE, 0.0) == beat()


def test_noise_that_needs_no_tag_makes_nobody_loud() -> None:
    one = end()
    for _ in range(500):
        one.open(bytes(100), ELSEWHERE, 0.0)
    assert one.open(RIGHT, ELSEWHERE, 0.0) == beat()


def test_a_peer_that_has_moved_away_is_a_stranger_there() -> None:
    one = end()
    one.know({HOME})
    one.know({ELSEWHERE})
    flood(one, HOME, 0.0)
    assert one.dropped[Drop.SOURCE_RATE] == 59


def test_memory_of_strangers_is_bounded() -> None:
    one = end()
    for number in range(5000):
        one.open(WRONG, f"10.0.{number >> 8}.{number & 255}", float(number))
    assert one._wrong.remembered() == 1024
    flood(one, ELSEWHERE, 5000.0)
    assert one.dropped[Drop.SOURCE_RATE] == 59  # the latest are remembered
