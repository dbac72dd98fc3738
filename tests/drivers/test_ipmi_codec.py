"""The bytes of RMCP+: envelopes, messages and login payloads, and what is not believed."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.simulators.bmc_commands import Message
from haconn.core.model import Chassis, Power
from haconn.drivers.ipmi import meanings, message, packet, rakp
from haconn.drivers.ipmi.message import Request, Response
from haconn.drivers.ipmi.packet import CodecError, Kind
from haconn.drivers.ipmi.suite import SUITES, Suite, suite_of

numbers = st.integers(0, 63)
commands = st.integers(0, 255)
functions = st.integers(0, 31).map(lambda half: half * 2)
requests = st.builds(Request, functions, commands, st.binary(max_size=40))
suites = st.sampled_from(sorted(SUITES.values(), key=lambda suite: suite.number))
ids = st.integers(1, 2**32 - 1)

PARSERS: list[Callable[[bytes], object]] = [
    packet.parse_outside,
    packet.parse_header,
    lambda raw: packet.parse_setup(raw, Kind.RAKP_2),
    message.parse_response,
    rakp.parse_opened,
    lambda raw: rakp.parse_rakp_2(raw, SUITES[17]),
    lambda raw: rakp.parse_rakp_4(raw, SUITES[3]),
]


def answer(request: Request, number: int, code: int, data: bytes) -> bytes:
    """Have the simulated BMC's code answer a request of ours."""
    return Message.read(message.encode_request(request, number)).answer(code, data)


@given(requests, numbers, commands, st.binary(max_size=40))
def test_a_request_and_its_answer_survive_the_trip(
    request: Request, number: int, code: int, data: bytes
) -> None:
    read = Message.read(message.encode_request(request, number))
    assert (read.netfn, read.command, read.data) == (
        request.function,
        request.command,
        request.data,
    )
    assert read.sequence_lun == number << 2
    response = message.parse_response(read.answer(code, data))
    assert response == Response(request.function + 1, number, request.command, code, data)
    assert message.answers(response, request)


@given(requests, requests)
def test_an_answer_fits_only_its_own_function_and_command(asked: Request, other: Request) -> None:
    response = message.parse_response(answer(asked, 1, 0, b""))
    same = (asked.function, asked.command) == (other.function, other.command)
    assert message.answers(response, other) == same


@given(requests, numbers, st.data())
def test_one_changed_bit_in_an_answer_is_always_noticed(
    request: Request, number: int, data: st.DataObject
) -> None:
    raw = bytearray(answer(request, number, 0, b"\x01\x00\x40"))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CodecError):
        message.parse_response(bytes(raw))


@pytest.mark.parametrize(("place", "change"), [(1, 1), (4, 2), (0, 2), (3, 0x10)])
def test_an_answer_for_another_address_or_lun_is_not_ours(place: int, change: int) -> None:
    raw = bytearray(answer(message.DEVICE_ID, 5, 0, b"data"))
    raw[place] ^= change
    raw[2], raw[-1] = -sum(raw[:2]) & 0xFF, -sum(raw[3:-1]) & 0xFF
    with pytest.raises(CodecError, match=r"LUN|not from the BMC"):
        message.parse_response(bytes(raw))


@given(requests, numbers, st.data())
def test_a_shortened_answer_is_never_believed_as_it_was(
    request: Request, number: int, data: st.DataObject
) -> None:
    """A one-byte checksum can fit by chance; the answer is then another one, or an error."""
    raw = answer(request, number, 0, b"\x01\x00\x40")
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    try:
        response = message.parse_response(cut)
    except CodecError:
        return
    assert len(response.data) < 3


@pytest.mark.parametrize("parse", PARSERS)
@given(raw=st.binary(max_size=120))
def test_any_bytes_parse_or_raise_the_codec_error(
    parse: Callable[[bytes], object], raw: bytes
) -> None:
    try:
        parse(raw)
    except CodecError:
        return


@given(st.binary(max_size=60))
def test_an_envelope_outside_a_session_survives_and_is_whole(inner: bytes) -> None:
    datagram = packet.encode_outside(inner)
    assert packet.parse_outside(datagram) == inner
    assert packet.parse_outside(datagram + b"\x00") == inner  # the pad of IPMI 1.5
    for damaged in (datagram + b"\x00\x00", datagram[:13], b"\x07" + datagram[1:]):
        with pytest.raises(CodecError):
            packet.parse_outside(damaged)
    if inner:
        with pytest.raises(CodecError):
            packet.parse_outside(datagram[:-1])


@given(st.sampled_from(Kind), st.sampled_from(Kind), st.binary(max_size=60))
def test_a_login_payload_is_read_as_its_own_kind_only(kind: Kind, read: Kind, inner: bytes) -> None:
    datagram = packet.encode_setup(kind, inner)
    if kind == read:
        assert packet.parse_setup(datagram, read) == inner
    else:
        with pytest.raises(CodecError):
            packet.parse_setup(datagram, read)
    for damaged in (datagram + b"\x00", datagram[:15]):
        with pytest.raises(CodecError):
            packet.parse_setup(damaged, kind)


@given(st.integers(0, 255), ids, ids, suites)
def test_an_opened_session_names_ids_and_algorithms(
    tag: int, console: int, bmc: int, suite: Suite
) -> None:
    asked = rakp.encode_open(tag, console, suite)
    payload = bytes((tag, 0, 4, 0)) + struct.pack("<II", console, bmc) + asked[8:]
    opened = rakp.parse_opened(payload)
    assert opened == rakp.Opened(tag, 0, console, bmc, suite.algorithms)
    assert opened.algorithms is not None
    assert suite_of(opened.algorithms) == suite.number
    for damaged in (payload[:-1], payload + b"\x00", payload[:12] + b"\x01" + payload[13:]):
        with pytest.raises(CodecError):
            rakp.parse_opened(damaged)


@given(st.integers(0, 255), st.integers(1, 255), st.binary(max_size=8))
def test_a_refusal_may_be_as_short_as_its_status(tag: int, status: int, rest: bytes) -> None:
    payload = bytes((tag, status)) + rest
    for refused in (
        rakp.parse_opened(payload),
        rakp.parse_rakp_2(payload, SUITES[17]),
        rakp.parse_rakp_4(payload, SUITES[3]),
    ):
        assert (refused.tag, refused.status) == (tag, status)


def test_no_suite_without_a_password_is_known() -> None:
    assert suite_of((0, 0, 0)) is None
    assert sorted(SUITES) == [3, 17]


@pytest.mark.parametrize(
    ("state", "power"),
    [
        (0x01, Power.ON),
        (0x00, Power.OFF),
        (0x61, Power.ON),  # restore policy bits say nothing about now
        (0x60, Power.OFF),
        (0x08, Power.OFF),  # power fault: why it is off
        (0x06, Power.OFF),  # overload, interlock: why it is off
        (0x10, Power.UNKNOWN),  # switched, and it did not follow
        (0x11, Power.ON),
    ],
)
def test_the_power_bits_of_a_chassis_status(state: int, power: Power) -> None:
    assert message.parse_power(Response(1, 0, 1, 0, bytes((state, 0, 0)))) is power


@given(st.binary(max_size=2))
def test_a_short_chassis_status_is_no_reading(data: bytes) -> None:
    with pytest.raises(CodecError):
        message.parse_power(Response(1, 0, 1, 0, data))


@pytest.mark.parametrize(
    ("data", "rmcp_plus", "two_keys"),
    [
        ("0180040200000000", True, False),
        ("01803402000000ff", True, True),
        ("0180040100000000", False, False),  # IPMI 1.5 only
        ("0115040200000000", False, False),  # no extended data: the byte means nothing
    ],
)
def test_the_capabilities_that_decide_about_a_login(
    data: str, rmcp_plus: bool, two_keys: bool
) -> None:
    read = message.parse_capabilities(Response(7, 0, 0x38, 0, bytes.fromhex(data)))
    assert (read.rmcp_plus, read.two_keys) == (rmcp_plus, two_keys)
    with pytest.raises(CodecError):
        message.parse_capabilities(Response(7, 0, 0x38, 0, bytes.fromhex(data)[:7]))


def test_the_chassis_commands_are_those_of_table_28_4() -> None:
    data = {command: request.data for command, request in message.CONTROL.items()}
    assert data == {
        Chassis.POWER_OFF: b"\x00",
        Chassis.POWER_ON: b"\x01",
        Chassis.RESET: b"\x03",
        Chassis.NMI: b"\x04",
    }


@given(st.integers(1, 255))
def test_every_code_has_a_sentence_that_names_it(code: int) -> None:
    assert f"0x{code:02X}" in meanings.login_status(code)
    assert meanings.completion(code).startswith(f"0x{code:02X} ")
    assert meanings.privilege(code).startswith(f"0x{code:02X} ")
