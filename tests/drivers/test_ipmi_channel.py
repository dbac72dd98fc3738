"""The sealed channel, its window of sequence numbers, and the numbers of requests."""

import pickle
import struct
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from fixtures.simulators.bmc_crypto import BadDatagramError, Login, Seal
from haconn.drivers.ipmi import rakp
from haconn.drivers.ipmi.channel import WINDOW, Channel, Window
from haconn.drivers.ipmi.numbers import COUNT, REORDER_S, Numbers
from haconn.drivers.ipmi.packet import CodecError
from haconn.drivers.ipmi.suite import SUITES

CONSOLE, BMC = 0x11223344, 0x55667788
LAST = 2**32 - 1
suites = st.sampled_from([17, 3])


def handshake(suite: int) -> rakp.Handshake:
    return rakp.Handshake(
        suite=SUITES[suite],
        account=b"admin",
        password=b"password",
        console=CONSOLE,
        bmc=BMC,
        console_random=bytes(range(16)),
        bmc_random=bytes(range(16, 32)),
        guid=bytes(range(32, 48)),
    )


def bmc_login(suite: int) -> Login:
    """Give the same handshake as the simulated BMC computes it."""
    ours = handshake(suite)
    return Login(
        suite,
        ours.console,
        ours.bmc,
        ours.console_random,
        ours.bmc_random,
        ours.guid,
        rakp.ROLE,
        ours.account,
        ours.password,
    )


@given(suites)
def test_both_ends_compute_the_same_codes(suite: int) -> None:
    ours, theirs = handshake(suite), bmc_login(suite)
    assert ours.proof == theirs.rakp_3_code()
    assert ours.session_key == theirs.sik()
    assert ours.believes(rakp.Challenge(0, 0, CONSOLE, code=theirs.rakp_2_code()))
    assert ours.admits(rakp.Admission(0, 0, CONSOLE, theirs.rakp_4_check()))


@given(suites, st.integers(0, 255), st.booleans())
def test_a_code_with_one_changed_bit_is_not_believed(suite: int, bit: int, whole: bool) -> None:
    ours, theirs = handshake(suite), bmc_login(suite)
    code = bytearray(theirs.rakp_2_code() if whole else theirs.rakp_4_check())
    code[bit // 8 % len(code)] ^= 1 << bit % 8
    assert not ours.believes(rakp.Challenge(0, 0, CONSOLE, code=bytes(code)))
    assert not ours.admits(rakp.Admission(0, 0, CONSOLE, bytes(code)))
    assert not ours.believes(rakp.Challenge(0, 0, CONSOLE))
    assert not ours.admits(rakp.Admission(0, 0, CONSOLE))


def test_a_handshake_shows_no_password() -> None:
    assert "password'" not in repr(handshake(17))
    assert "b'password" not in repr(handshake(17))


@given(suites, st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=5))
def test_what_one_end_seals_the_other_reads(suite: int, messages: list[bytes]) -> None:
    ours, theirs = Channel(handshake(suite)), Seal(bmc_login(suite))
    assert [theirs.open(ours.seal(text)) for text in messages] == messages
    assert [ours.unseal(theirs.close(text)) for text in messages] == messages


@given(suites, st.binary(min_size=1, max_size=40), st.data())
def test_one_changed_bit_after_the_rmcp_header_is_never_believed(
    suite: int, text: bytes, data: st.DataObject
) -> None:
    ours, theirs = Channel(handshake(suite)), Seal(bmc_login(suite))
    datagram = bytearray(theirs.close(text))
    bit = data.draw(st.integers(4 * 8, len(datagram) * 8 - 1))
    datagram[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CodecError):
        ours.unseal(bytes(datagram))


@given(suites, st.binary(min_size=1, max_size=40), st.data())
def test_a_datagram_of_another_length_is_never_believed(
    suite: int, text: bytes, data: st.DataObject
) -> None:
    ours, theirs = Channel(handshake(suite)), Seal(bmc_login(suite))
    datagram = theirs.close(text)
    for damaged in (
        datagram[: data.draw(st.integers(0, len(datagram) - 1))],
        datagram + data.draw(st.binary(min_size=1, max_size=20)),
    ):
        with pytest.raises(CodecError):
            ours.unseal(damaged)


@given(st.binary(max_size=120))
def test_any_bytes_raise_the_codec_error(raw: bytes) -> None:
    with pytest.raises(CodecError):
        Channel(handshake(17)).unseal(raw)


@pytest.mark.parametrize(("place", "value"), [(-1, 0x08), (-2, 0), (-2, 3), (-2, 250)])
def test_an_authentic_datagram_with_a_wrong_trailer_is_not_read(place: int, value: int) -> None:
    theirs = Seal(bmc_login(17))
    covered = bytearray(theirs.close(b"text")[4:-16])
    assert covered[-2:] == b"\x02\x07"
    covered[place] = value
    datagram = b"\x06\x00\xff\x07" + covered + theirs._code(bytes(covered))
    with pytest.raises(CodecError, match="integrity trailer"):
        Channel(handshake(17)).unseal(datagram)


@pytest.mark.parametrize("plain", [b"\x01" * 15 + b"\x0f", b"\xff" * 16, bytes(15) + b"\x01"])
def test_authentic_blocks_with_wrong_padding_are_not_read(plain: bytes) -> None:
    theirs = Seal(bmc_login(17))
    encryptor = Cipher(theirs._aes, CBC(bytes(16))).encryptor()
    body = bytes(16) + encryptor.update(plain) + encryptor.finalize()
    covered = struct.pack("<BBLLH", 6, 0xC0, CONSOLE, 1, len(body)) + body + b"\xff\xff\x02\x07"
    datagram = b"\x06\x00\xff\x07" + covered + theirs._code(covered)
    with pytest.raises(CodecError, match="padding"):
        Channel(handshake(17)).unseal(datagram)


@pytest.mark.parametrize("length", [0, 16, 31, 40, 47])
def test_authentic_bytes_that_are_not_whole_blocks_are_not_read(length: int) -> None:
    theirs = Seal(bmc_login(17))
    body = bytes(length)
    pad = -(12 + length + 2) % 4
    covered = struct.pack("<BBLLH", 6, 0xC0, CONSOLE, 1, length) + body
    covered += b"\xff" * pad + bytes((pad, 7))
    datagram = b"\x06\x00\xff\x07" + covered + theirs._code(covered)
    with pytest.raises(CodecError, match="not whole blocks"):
        Channel(handshake(17)).unseal(datagram)


def test_another_session_and_another_password_are_not_believed() -> None:
    ours = Channel(handshake(17))
    for change in ({"sid_m": CONSOLE + 1}, {"k_uid": b"guess"}):
        with pytest.raises(CodecError):
            ours.unseal(Seal(replace(bmc_login(17), **change)).close(b"text"))


@given(suites)
def test_a_repeated_datagram_is_believed_once(suite: int) -> None:
    ours, theirs = Channel(handshake(suite)), Seal(bmc_login(suite))
    datagram = theirs.close(b"text")
    assert ours.unseal(datagram) == b"text"
    with pytest.raises(CodecError, match="seen before"):
        ours.unseal(datagram)
    sealed = ours.seal(b"text")
    theirs.open(sealed)
    with pytest.raises(BadDatagramError):
        theirs.open(sealed)


@given(
    st.sampled_from([1, 2**31, LAST - 20]),
    st.lists(st.integers(-30, 60), max_size=40),
)
def test_a_sequence_number_is_new_once_and_not_far_behind(start: int, steps: list[int]) -> None:
    """The model keeps everything it ever saw; numbers wrap from 2**32 - 1 to 1."""
    window, seen = Window(), set[int]()
    highest = start
    for step in [0, *steps]:
        position = max(start, highest + step)
        sequence = position % 2**32
        expected = bool(sequence) and position not in seen and position > highest - WINDOW
        assert window.is_new(sequence) == expected
        if expected:
            window.note(sequence)
            seen.add(position)
            highest = max(highest, position)
    assert not window.is_new(0)


EDGES = (0, WINDOW, 2**31, 2**32 - WINDOW, 2**32)
differences = st.one_of(
    st.sampled_from(EDGES).flatmap(lambda edge: st.integers(edge - WINDOW - 2, edge + WINDOW + 2)),
    st.integers(0, LAST),
)


@given(st.sampled_from([1, WINDOW, 2**31 - 1, 2**31, 2**31 + 1, LAST]), st.lists(differences))
def test_no_sequence_number_costs_memory_or_is_new_and_behind(first: int, jumps: list[int]) -> None:
    """A BMC that knows its password may send any number; one 2**31 away once cost 256 MB."""
    window = Window()
    window.note(first)
    highest, taken = first, {first}
    for jump in jumps:
        sequence = (highest + jump) % 2**32
        ahead = 0 < (sequence - highest) % 2**32 < 2**31
        near = (highest - sequence) % 2**32 < WINDOW
        new = window.is_new(sequence)
        assert new == (sequence != 0 and (ahead or (near and sequence not in taken)))
        window.note(sequence)  # also of what is not new: it is bounded by itself
        assert len(pickle.dumps(window)) < 200
        if ahead:
            taken = {one for one in taken if (sequence - one) % 2**32 < WINDOW}
            highest = sequence
        if ahead or near:
            taken.add(sequence)


def test_the_number_exactly_half_the_circle_away_is_behind() -> None:
    window = Window()
    window.note(1)
    assert not window.is_new(1 + 2**31)
    assert window.is_new(2**31)


class NumbersMachine(RuleBasedStateMachine):
    """A BMC that answers in order, late or never, and a caller that gives up when it likes."""

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.numbers = Numbers()
        self.queue: list[tuple[int, int]] = []  # (number, request) at the BMC, in order
        self.owner: dict[int, int] = {}  # number -> the last request that had it
        self.waiting: dict[int, int] = {}
        self.requests = 0

    @rule(datagrams=st.integers(1, 3), requests=st.sampled_from([1, 1, 2, 40]))
    def ask(self, datagrams: int, requests: int) -> None:
        for _ in range(requests):
            self._ask(datagrams)

    def _ask(self, datagrams: int) -> None:
        number = self.numbers.take(self.now)
        if number is None:
            return
        assert number not in self.waiting
        self.requests += 1
        self.owner[number] = self.waiting[number] = self.requests
        for _ in range(datagrams):
            self.numbers.note_sent(number, self.now)
            self.queue.append((number, self.requests))

    @rule(lost=st.booleans(), datagrams=st.sampled_from([1, 1, 2, 40]))
    def answer(self, lost: bool, datagrams: int) -> None:
        for _ in range(min(datagrams, len(self.queue))):
            self._answer(lost)

    def _answer(self, lost: bool) -> None:
        number, request = self.queue.pop(0)
        if not lost:
            assert self.owner[number] == request, "a late answer met a new owner"
            self.numbers.note_answered(number)
            if self.waiting.pop(number, None) is not None:
                self.numbers.give_back(number)

    @rule(index=st.integers(0, COUNT))
    def give_up(self, index: int) -> None:
        if self.waiting:
            number = sorted(self.waiting)[index % len(self.waiting)]
            del self.waiting[number]
            self.numbers.give_back(number)

    @rule(seconds=st.sampled_from([0.1, REORDER_S / 2, REORDER_S, 10 * REORDER_S]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds


TestNumbers = NumbersMachine.TestCase


def test_the_number_that_has_rested_longest_is_next() -> None:
    numbers, taken = Numbers(), list[int | None]()
    for _ in range(COUNT + 3):
        number = numbers.take(0.0)
        assert number is not None
        numbers.give_back(number)
        taken.append(number)
    assert taken == [*range(COUNT), 0, 1, 2]


def test_a_silent_bmc_uses_the_numbers_up_and_the_reserve_is_kept() -> None:
    numbers = Numbers()
    taken = []
    while (number := numbers.take(0.0, reserve=8)) is not None:
        numbers.note_sent(number, 0.0)
        numbers.give_back(number)
        taken.append(number)
    assert taken == list(range(COUNT - 8))
    assert [numbers.take(1e9) for _ in range(9)] == [*range(COUNT - 8, COUNT), None]


def test_lost_answers_give_their_numbers_back_once_a_later_request_is_answered() -> None:
    numbers = Numbers()
    for now in range(50):
        lost = numbers.take(float(now))
        assert lost is not None
        numbers.note_sent(lost, float(now))
        numbers.give_back(lost)
    heard = numbers.take(40 + REORDER_S)
    assert heard is not None
    numbers.note_sent(heard, 40 + REORDER_S)
    numbers.note_answered(heard)
    numbers.give_back(heard)
    free = 0
    while numbers.take(99.0) is not None:
        free += 1
    assert free == COUNT - 9  # those of 41 to 49 s may still be answered out of order
