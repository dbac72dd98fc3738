"""Payloads: whatever arrives is read or refused, and later versions may add fields."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.model import SystemKey
from haconn.wire.codes import Doubt, NoticeState, Proof, Status, Type, Verdict
from haconn.wire.fields import encode_age
from haconn.wire.frame import PAYLOAD_MAX, WireError
from haconn.wire.payloads import (
    NOTICES_MAX,
    TARGETS_MAX,
    Ack,
    BootOnly,
    Challenge,
    Check,
    CheckAnswer,
    Checkup,
    Hello,
    Notice,
    NoticeRef,
    Notify,
    Register,
    ResetRequest,
    Result,
)
from tests.wire.parts import BOOT, Payload

sixteen = st.binary(min_size=16, max_size=16)
boots = st.uuids().filter(lambda one: one.int != 0).map(str)
machines = st.none() | boots
u16, u32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
systems = st.builds(SystemKey, u16, u32)
ages = st.none() | st.integers(0, 2**32 - 2).map(lambda age_ms: age_ms / 1000)
names = st.text(max_size=60)
doubts = st.integers(0, 7).map(Doubt)
checkups = st.builds(Checkup, systems, doubts, ages)
notices = st.builds(
    Notice, systems, u64, st.sampled_from(NoticeState), st.sampled_from(Proof), ages
)
refs = st.lists(st.builds(NoticeRef, systems, u64), max_size=NOTICES_MAX).map(tuple)
PAYLOADS: st.SearchStrategy[Payload] = st.one_of(
    st.builds(Hello, sixteen, sixteen, boots, u16, machines),
    st.builds(Challenge, sixteen, sixteen),
    st.builds(Register, boots, u32, u16, names, names, machines),
    st.builds(Check, u64, st.lists(systems, min_size=1, max_size=TARGETS_MAX).map(tuple)),
    st.builds(CheckAnswer, u64, st.lists(checkups, max_size=TARGETS_MAX).map(tuple)),
    st.builds(ResetRequest, sixteen, systems),
    st.builds(
        Ack, st.sampled_from([1, 3, 5, 7, 9, 10, 200]), st.sampled_from(Status), u64, sixteen
    ),
    st.builds(Ack, st.just(Type.NOTIFY), st.sampled_from(Status), u64, sixteen, refs),
    st.builds(
        Result, sixteen, systems, st.sampled_from(Verdict), st.sampled_from(Proof), ages, names
    ),
    st.builds(Notify, st.lists(notices, min_size=1, max_size=NOTICES_MAX).map(tuple)),
    st.builds(BootOnly, boots),
)
READERS: tuple[type[Payload], ...] = (
    Hello,
    Challenge,
    Register,
    Check,
    CheckAnswer,
    ResetRequest,
    Ack,
    Result,
    Notify,
    BootOnly,
)


@given(PAYLOADS)
def test_what_was_encoded_is_read_back(said: Payload) -> None:
    assert type(said).parse(said.encode()) == said


@given(PAYLOADS, st.binary(max_size=40))
def test_unknown_bytes_at_the_end_are_ignored(said: Payload, more: bytes) -> None:
    if isinstance(said, Hello | Register) and said.uuid is None:
        more = bytes(len(more))  # what follows the known fields of a client of old is its UUID
    assert type(said).parse(said.encode() + more) == said


NONCES = bytes(16), bytes(16)
MACHINE = "4c4c4544-004d-3510-805a-c7c04f4e3332"
OLD_HELLO = Hello(*NONCES, BOOT, 30001).encode()


def test_machine_of_a_hello_stands_at_offset_50_in_the_order_of_the_text() -> None:
    said = Hello(*NONCES, BOOT, 30001, MACHINE).encode()
    assert said == OLD_HELLO + bytes.fromhex(MACHINE.replace("-", ""))
    assert len(OLD_HELLO) == 50


@given(names, names, st.binary(max_size=40))
def test_machine_of_a_register_follows_the_names_wherever_the_payload_ends(
    server: str, vm: str, more: bytes
) -> None:
    said = Register(BOOT, 1, 30001, server, vm, MACHINE).encode()
    at = 26 + len(server.encode()) + len(vm.encode())
    assert said[at : at + 16] == bytes.fromhex(MACHINE.replace("-", ""))
    assert Register.parse(said + more).uuid == MACHINE


@given(names, names, st.integers(0, 40))
def test_padding_and_names_are_no_machine(server: str, vm: str, padding: int) -> None:
    said = Register(BOOT, 1, 30001, server, vm).encode() + bytes(padding)
    assert Register.parse(said) == Register(BOOT, 1, 30001, server, vm)


@pytest.mark.parametrize("tail", [b"", bytes(16), b"x" * 15, bytes(40)])
def test_hello_without_a_whole_machine_has_none(tail: bytes) -> None:
    assert Hello.parse(OLD_HELLO + tail).uuid is None


@given(PAYLOADS)
def test_every_payload_fits_into_a_datagram(said: Payload) -> None:
    assert len(said.encode()) <= PAYLOAD_MAX


@given(st.sampled_from(READERS), st.binary(max_size=PAYLOAD_MAX))
def test_noise_is_read_or_refused_with_the_codecs_own_error(
    reader: type[Payload], noise: bytes
) -> None:
    try:
        reader.parse(noise)
    except WireError:
        return


UNPADDED: tuple[Payload, ...] = (
    Hello(bytes(16), bytes(16), BOOT, 1),
    Challenge(bytes(16)),
    CheckAnswer(1, (Checkup(SystemKey(1, 1), Doubt.NONE, None),)),
    Ack(Type.HELLO, Status.DONE, 1, bytes(16)),
    Ack(Type.NOTIFY, Status.DONE, 1, bytes(16), (NoticeRef(SystemKey(1, 1), 1),)),
    Result(bytes(16), SystemKey(1, 1), Verdict.FAIL, Proof.NONE, None, "why"),
    Notify((Notice(SystemKey(1, 1), 1, NoticeState.DUMP, Proof.STOP_NOTICE, 0.0),)),
)


@pytest.mark.parametrize("said", UNPADDED, ids=lambda said: type(said).__name__)
def test_no_cut_payload_is_read(said: Payload) -> None:
    whole = said.encode()
    for kept in range(len(whole)):
        with pytest.raises(WireError):
            type(said).parse(whole[:kept])


SYSTEM = SystemKey(1, 1)
NOTICE = Notice(SYSTEM, 1, NoticeState.DUMP, Proof.NONE, None)


@pytest.mark.parametrize(
    "encode",
    [
        Hello(b"short", bytes(16), BOOT, 1).encode,
        Hello(bytes(16), bytes(17), BOOT, 1).encode,
        Hello(bytes(16), bytes(16), BOOT, 65536).encode,
        Challenge(b"").encode,
        BootOnly("00000000-0000-0000-0000-000000000000").encode,
        BootOnly("not a boot id").encode,
        Register(BOOT, 1, 1, "x" * 256, "").encode,
        Hello(bytes(16), bytes(16), BOOT, 1, "no UUID").encode,
        Check(1, ()).encode,
        Check(1, (SYSTEM,) * 65).encode,
        Check(2**64, (SYSTEM,)).encode,
        ResetRequest(b"short", SYSTEM).encode,
        ResetRequest(bytes(16), SystemKey(1, 2**32)).encode,
        Ack(Type.HELLO, Status.DONE, 1, b"").encode,
        Notify(()).encode,
        Notify((NOTICE,) * 60).encode,
        Result(b"", SYSTEM, Verdict.FAIL, Proof.NONE, None).encode,
    ],
)
def test_what_does_not_fit_is_not_encoded(encode: Callable[[], bytes]) -> None:
    with pytest.raises(WireError):
        encode()


def test_ages_are_kept_within_their_field() -> None:
    old = Result(bytes(16), SYSTEM, Verdict.DUMP, Proof.STOP_NOTICE, 1e9)
    assert Result.parse(old.encode()).proof_age_s == (2**32 - 2) / 1000
    early = Result(bytes(16), SYSTEM, Verdict.DUMP, Proof.STOP_NOTICE, -0.1)
    assert Result.parse(early.encode()).proof_age_s == 0


def test_long_reason_is_cut_at_a_character() -> None:
    told = Result(bytes(16), SYSTEM, Verdict.FAIL, Proof.NONE, None, "電" * 100)
    assert Result.parse(told.encode()).reason == "電" * 85


def test_unknown_check_flags_are_ignored() -> None:
    raw = bytearray(CheckAnswer(1, (Checkup(SYSTEM, Doubt.REDUNDANCY, None),)).encode())
    raw[16:18] = b"\xff\xf9"
    assert CheckAnswer.parse(bytes(raw)).checkups[0].doubt is Doubt.REDUNDANCY


@pytest.mark.parametrize(
    ("reader", "whole", "at", "wrong"),
    [
        (Register, Register(BOOT, 1, 1, "name", ""), 25, 0xFF),
        (Ack, UNPADDED[3], 1, 9),
        (Result, UNPADDED[5], 22, 0),
        (Result, UNPADDED[5], 23, 99),
        (Notify, UNPADDED[6], 16, 0),
        (Notify, UNPADDED[6], 17, 99),
        (Notify, UNPADDED[6], 0, 1),
        (Check, Check(1, (SYSTEM,)), 9, 0),
        (Check, Check(1, (SYSTEM,)), 9, 65),
    ],
)
def test_codes_that_nobody_knows_are_refused(
    reader: type[Payload], whole: Payload, at: int, wrong: int
) -> None:
    raw = bytearray(whole.encode())
    raw[at] = wrong
    with pytest.raises(WireError):
        reader.parse(bytes(raw))


@pytest.mark.parametrize(
    ("age_s", "age_ms"),
    [(math.inf, 0xFFFFFFFE), (1e300, 0xFFFFFFFE), (-math.inf, 0), (math.nan, 0), (1.5, 1500)],
)
def test_every_number_is_an_age(age_s: float, age_ms: int) -> None:
    assert encode_age(age_s) == age_ms
