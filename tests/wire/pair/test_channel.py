"""The sealed channel: who is let in, and what an attacker on the way can do to what is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.model import Secret
from haconn.wire.pair.channel import Channel, Stage
from haconn.wire.pair.greeting import Greeting, Side
from haconn.wire.pair.keys import PairKey
from haconn.wire.pair.records import (
    BODY_BYTES_MAX,
    HEADER,
    HELLO_BYTES,
    PLAIN_BYTES_MAX,
    ChannelError,
    RecordType,
)
from tests.wire.pair.parts import ME, PEER, THIRD, channel, greeted, key, open_pair

MESSAGES = st.lists(
    st.binary(max_size=50)
    | st.sampled_from([b"x" * size for size in (PLAIN_BYTES_MAX - 1, PLAIN_BYTES_MAX, 40000)]),
    max_size=4,
)
LONG = b"secret " * 5000


def records(stream: bytes) -> list[bytes]:
    """Cut a stream as anybody on the way can."""
    found = []
    while stream:
        _, length = HEADER.unpack_from(stream)
        found.append(stream[: HEADER.size + length])
        stream = stream[HEADER.size + length :]
    return found


def refuses(one: Channel, data: bytes) -> None:
    """It gives nothing, and is of no more use."""
    with pytest.raises(ChannelError):
        one.receive(data)
    assert one.stage is Stage.VOID
    with pytest.raises(ChannelError):
        one.receive(b"")
    with pytest.raises(ChannelError):
        one.send(b"m")
    with pytest.raises(ChannelError):
        one.end()
    assert one.unsent() == b""


@given(MESSAGES, MESSAGES)
def test_messages_arrive_as_they_were_given(to_listener: list[bytes], back: list[bytes]) -> None:
    dialler, listener = open_pair()
    assert listener.receive(b"".join(map(dialler.send, to_listener))) == to_listener
    assert dialler.receive(b"".join(map(listener.send, back))) == back


@given(MESSAGES, st.lists(st.integers(1, 20000), min_size=1, max_size=20))
def test_it_does_not_matter_how_the_stream_is_cut(messages: list[bytes], cuts: list[int]) -> None:
    dialler, listener = open_pair()
    stream, heard = b"".join(map(dialler.send, messages)) + dialler.end(), []
    for size in cuts:
        heard += listener.receive(stream[:size])
        stream = stream[size:]
    heard += listener.receive(stream)
    assert heard == messages
    assert listener.stage is Stage.ENDED


def test_a_handshake_in_single_bytes_is_a_handshake() -> None:
    dialler, listener = channel(Side.DIALLER), channel(Side.LISTENER)
    for one, other in ((dialler, listener), (listener, dialler), (dialler, listener)):
        for byte in one.unsent():
            other.receive(bytes([byte]))
    assert (dialler.stage, listener.stage) == (Stage.OPEN, Stage.OPEN)


def test_a_message_can_follow_the_proof_in_one_piece() -> None:
    dialler, listener = channel(Side.DIALLER), channel(Side.LISTENER)
    listener.receive(dialler.unsent())
    dialler.receive(listener.unsent())
    assert listener.receive(dialler.unsent() + dialler.send(b"at once")) == [b"at once"]


def test_a_listener_says_nothing_before_it_has_heard_a_hello() -> None:
    listener = channel(Side.LISTENER)
    assert listener.unsent() == b""
    listener.receive(channel(Side.DIALLER).unsent()[:-1])
    assert listener.unsent() == b""


def test_nothing_is_said_to_one_that_has_not_proved_itself() -> None:
    dialler, listener = channel(Side.DIALLER), channel(Side.LISTENER)
    listener.receive(dialler.unsent())
    assert listener.stage is Stage.PROVING
    with pytest.raises(ChannelError):
        listener.send(b"passwords")
    with pytest.raises(ChannelError):
        listener.end()
    dialler.receive(listener.unsent())
    listener.receive(dialler.unsent())
    assert dialler.receive(listener.send(b"passwords")) == [b"passwords"]


def test_what_is_on_the_way_cannot_be_read() -> None:
    dialler, _ = open_pair()
    assert b"secret" not in dialler.send(LONG)


def test_one_message_under_two_connections_does_not_look_the_same() -> None:
    first, _ = open_pair()
    second, third = channel(Side.DIALLER, nonce=b"n" * 32), channel(Side.LISTENER)
    greeted(second, third)
    assert len({one.send(LONG)[:40] for one in (first, second, third)}) == 3


# ---- who is let in


@pytest.mark.parametrize(
    "stranger",
    [
        channel(Side.LISTENER, keys=(PairKey(1, Secret("5c" * 32)),)),
        channel(Side.LISTENER, me=THIRD),
        channel(Side.LISTENER, peer=THIRD),
    ],
    ids=["another key", "another name", "wants somebody else"],
)
def test_a_stranger_is_not_let_in(stranger: Channel) -> None:
    dialler = channel(Side.DIALLER)
    stranger.receive(dialler.unsent())
    refuses(dialler, stranger.unsent())


def test_a_stranger_that_dials_is_not_let_in() -> None:
    listener = channel(Side.LISTENER)
    stranger = channel(Side.DIALLER, keys=(PairKey(1, Secret("5c" * 32)),))
    listener.receive(stranger.unsent())
    with pytest.raises(ChannelError):
        stranger.receive(listener.unsent())
    refuses(listener, HEADER.pack(RecordType.PROOF, 16) + bytes(16))


def test_the_newest_generation_that_both_have_is_taken() -> None:
    both = channel(Side.DIALLER, keys=(key(1), key(2), key(3)))
    older = channel(Side.LISTENER, keys=(key(2), key(1)))
    greeted(both, older)
    only = channel(Side.LISTENER, keys=(key(2),))
    again = channel(Side.DIALLER, keys=(key(1), key(2), key(3)))
    greeted(again, only)
    assert older.stage is only.stage is Stage.OPEN
    assert both.send(b"m") == again.send(b"m")  # the nonces are the same, so the keys are


def test_without_a_common_generation_there_is_no_channel() -> None:
    refuses(channel(Side.LISTENER, keys=(key(2),)), channel(Side.DIALLER).unsent())


def test_nobody_on_the_way_can_bring_the_older_generation_back() -> None:
    keys = (key(1), key(2))
    dialler, listener = channel(Side.DIALLER, keys=keys), channel(Side.LISTENER, keys=keys)
    only_older = bytes(31) + bytes([1 << 1])
    hello = bytearray(dialler.unsent())
    hello[4:36] = only_older
    listener.receive(bytes(hello))
    answer = bytearray(listener.unsent())
    answer[4:36] = only_older
    refuses(dialler, bytes(answer))


def test_our_own_words_are_not_the_peers() -> None:
    dialler = channel(Side.DIALLER)
    refuses(dialler, dialler.unsent())
    dialler, _ = open_pair()
    refuses(dialler, dialler.send(b"to myself"))


def test_two_diallers_are_not_joined() -> None:
    one = channel(Side.DIALLER)
    other = Channel(Greeting(Side.DIALLER, (key(),), PEER, ME, b"o" * 32))
    hellos = one.unsent(), other.unsent()
    one.receive(hellos[1])
    other.receive(hellos[0])
    proofs = one.unsent(), other.unsent()
    refuses(one, proofs[1])
    refuses(other, proofs[0])


def test_a_recorded_dialler_is_not_let_in_again() -> None:
    dialler, listener = channel(Side.DIALLER), channel(Side.LISTENER)
    recorded = [dialler.unsent()]
    listener.receive(recorded[0])
    dialler.receive(listener.unsent())
    recorded += [dialler.unsent(), dialler.send(b"forget everything")]
    assert listener.receive(b"".join(recorded[1:])) == [b"forget everything"]
    later = channel(Side.LISTENER, nonce=b"later" + bytes(27))
    later.receive(recorded[0])
    refuses(later, b"".join(recorded[1:]))


def test_a_recorded_listener_is_not_believed_again() -> None:
    dialler, listener = channel(Side.DIALLER), channel(Side.LISTENER)
    listener.receive(dialler.unsent())
    recorded = listener.unsent()
    dialler.receive(recorded)
    refuses(channel(Side.DIALLER, nonce=b"later" + bytes(27)), recorded)


@given(st.integers(0, HELLO_BYTES * 8 - 1), st.booleans())
def test_a_hello_that_was_changed_on_the_way_makes_no_channel(bit: int, dialled: bool) -> None:
    dialler, listener = channel(Side.DIALLER), channel(Side.LISTENER)
    first = bytearray(dialler.unsent())
    if dialled:
        first[3 + bit // 8] ^= 1 << bit % 8
    try:
        listener.receive(bytes(first))
        answer = bytearray(listener.unsent())
        if not dialled:
            answer[3 + bit // 8] ^= 1 << bit % 8
        dialler.receive(bytes(answer))
    except ChannelError:
        return
    pytest.fail("the dialler believed a changed handshake")


# ---- what an attacker on the way can do


@given(st.data())
def test_a_flipped_bit_ends_the_channel_and_gives_nothing(data: st.DataObject) -> None:
    dialler, listener = open_pair()
    stream = bytearray(dialler.send(b"one") + dialler.send(b"two") + dialler.end())
    bit = data.draw(st.integers(0, len(stream) * 8 - 1))
    stream[bit // 8] ^= 1 << bit % 8
    heard, first = [], len(open_pair()[0].send(b"one"))
    try:
        heard += listener.receive(bytes(stream[:first]))
        heard += listener.receive(bytes(stream[first:]))
    except ChannelError:
        assert heard in ([], [b"one"])
        refuses(listener, b"")
    else:  # it waits for the rest of a record that is longer now
        assert listener.stage is Stage.OPEN
        assert heard in ([], [b"one"])


@given(st.permutations(range(6)), st.integers(1, 6))
def test_records_that_were_moved_repeated_or_left_out_do_not_open(
    order: list[int], count: int
) -> None:
    dialler, listener = open_pair()
    sent = records(dialler.send(LONG) + dialler.send(b"two") + dialler.send(b"three"))
    assert len(sent) == 5
    sent.append(sent[0])  # and one that comes twice
    chosen = order[:count]
    heard: list[bytes] = []
    honest = 0
    try:
        for place in chosen:
            heard += listener.receive(sent[place])
            honest += 1
    except ChannelError:
        refuses(listener, b"")
    assert [0 if place == 5 else place for place in chosen[:honest]] == list(range(honest))
    assert heard == [LONG, b"two", b"three"][: max(0, honest - 2)]


def test_nothing_is_opened_after_a_record_that_did_not_open() -> None:
    dialler, listener = open_pair()
    bad = bytearray(dialler.send(b"one"))
    good = dialler.send(b"two")
    bad[-1] ^= 1
    refuses(listener, bytes(bad))
    with pytest.raises(ChannelError):
        listener.receive(good)


def test_records_of_another_connection_do_not_open() -> None:
    first, _ = open_pair()
    second = channel(Side.DIALLER), channel(Side.LISTENER, nonce=b"2" * 32)
    greeted(*second)
    refuses(second[1], first.send(b"elsewhere"))


@pytest.mark.parametrize("kind", [RecordType.PART, RecordType.LAST, RecordType.END])
def test_a_record_cannot_be_taken_for_another_kind(kind: RecordType) -> None:
    dialler, listener = open_pair()
    sealed = dialler.send(b"") if kind is not RecordType.LAST else dialler.end()
    refuses(listener, bytes([kind]) + sealed[1:])


def test_a_stream_that_was_cut_short_does_not_look_whole() -> None:
    dialler, listener = open_pair()
    sent = records(dialler.send(b"one") + dialler.send(LONG))
    assert listener.receive(b"".join(sent[:-1])) == [b"one"]
    assert listener.stage is Stage.OPEN


def test_nothing_follows_an_end() -> None:
    dialler, listener = open_pair()
    listener.receive(dialler.end())
    assert listener.stage is Stage.ENDED
    with pytest.raises(ChannelError):
        dialler.send(b"one more thing")
    assert dialler.receive(listener.send(b"an answer")) == [b"an answer"]
    refuses(listener, b"more")


def test_an_end_within_a_message_is_refused() -> None:
    dialler, listener = open_pair()
    parts = dialler.records(LONG)
    listener.receive(next(parts))
    refuses(listener, dialler.end())


@pytest.mark.parametrize(
    ("kind", "length"),
    [
        (RecordType.HELLO, HELLO_BYTES),
        (RecordType.PROOF, 16),
        (RecordType.PART, BODY_BYTES_MAX - 1),
        (RecordType.LAST, 15),
        (RecordType.LAST, BODY_BYTES_MAX + 1),
        (RecordType.END, 17),
        (0, 16),
        (6, 16),
        (255, 65535),
    ],
)
def test_a_header_that_has_no_place_is_refused_before_its_body_comes(
    kind: int, length: int
) -> None:
    _, listener = open_pair()
    refuses(listener, HEADER.pack(kind, length))


@given(st.binary(min_size=3, max_size=200))
def test_noise_makes_no_channel(noise: bytes) -> None:
    for side in Side:
        one = channel(side)
        try:
            one.receive(noise)
        except ChannelError:
            continue
        assert one.stage is not Stage.OPEN


def test_a_hello_of_another_version_is_refused() -> None:
    hello = bytearray(channel(Side.DIALLER).unsent())
    hello[3] = 2
    refuses(channel(Side.LISTENER), bytes(hello))


# ---- limits


def test_a_message_that_is_too_long_is_neither_given_nor_taken() -> None:
    dialler = channel(Side.DIALLER, limit=40000)
    listener = channel(Side.LISTENER, limit=39999)
    greeted(dialler, listener)
    with pytest.raises(ChannelError):
        dialler.send(bytes(40001))
    assert listener.receive(dialler.send(bytes(39999))) == [bytes(39999)]
    refuses(listener, dialler.send(bytes(40000)))


@pytest.mark.parametrize(
    ("size", "count"),
    [
        (0, 1),
        (1, 1),
        (PLAIN_BYTES_MAX, 1),
        (PLAIN_BYTES_MAX + 1, 2),
        (3 * PLAIN_BYTES_MAX, 3),
    ],
)
def test_a_message_takes_no_more_records_than_it_needs(size: int, count: int) -> None:
    dialler, _ = open_pair()
    sent = records(dialler.send(bytes(size)))
    assert len(sent) == count
    assert max(map(len, sent)) <= HEADER.size + BODY_BYTES_MAX


def test_a_nonce_has_32_bytes() -> None:
    for size in (0, 31, 33):
        with pytest.raises(ChannelError):
            channel(Side.DIALLER, nonce=bytes(size))
