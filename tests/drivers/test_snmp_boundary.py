"""What is an answer to a request, and what is not: pysnmp's codec beside one of our own."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.simulators import pdu_ber as ber
from fixtures.simulators.pdu_ber import Message, Oid, Typed, decode, encode, encode_value
from haconn.config.pdu_model import Version
from haconn.core.model import Secret
from haconn.drivers.snmp import boundary
from haconn.drivers.snmp.boundary import UPTIME, Kind, Reply, Request, Value, accept, build
from haconn.drivers.snmp.exchange import DATAGRAM_MAX

STATE: Oid = (1, 3, 6, 1, 4, 1, 2, 6, 223, 8, 2, 2, 1, 11, 4)
COMMUNITY = Secret("private")
VERSIONS: st.SearchStrategy[Version] = st.sampled_from(["1", "2c"])
ARC = st.integers(0, 2**32 - 1)
OIDS = st.builds(lambda second, rest: (1, second, *rest), st.integers(0, 39), st.lists(ARC))
NUMBER = st.integers(-(2**31), 2**31 - 1)
UNSIGNED = st.integers(0, 2**32 - 1)
VALUES = st.one_of(
    st.builds(Typed, st.just(ber.INTEGER), NUMBER),
    st.builds(Typed, st.just(ber.OCTETS), st.binary(max_size=40)),
    st.builds(Typed, st.just(ber.OID), OIDS),
    st.builds(Typed, st.sampled_from([ber.COUNTER32, ber.GAUGE32, ber.TIME_TICKS]), UNSIGNED),
    st.just(Typed(ber.NULL)),
)
EXCEPTIONS = st.sampled_from([ber.NO_SUCH_OBJECT, ber.NO_SUCH_INSTANCE, ber.END_OF_MIB_VIEW])
TAGS = {
    "INTEGER": ber.INTEGER,
    "OCTET STRING": ber.OCTETS,
    "OBJECT IDENTIFIER": ber.OID,
    "NULL": ber.NULL,
    "IpAddress": ber.IP_ADDRESS,
    "Counter32": ber.COUNTER32,
    "Gauge32": ber.GAUGE32,
    "TimeTicks": ber.TIME_TICKS,
    "Opaque": ber.OPAQUE,
    "Counter64": ber.COUNTER64,
    "noSuchObject": ber.NO_SUCH_OBJECT,
    "noSuchInstance": ber.NO_SUCH_INSTANCE,
    "endOfMibView": ber.END_OF_MIB_VIEW,
}


def answer_to(request: Request, *values: Typed) -> Message:
    """Make the answer that an agent gives."""
    return Message(
        version=0 if request.version == "1" else 1,
        community=b"private",
        pdu=ber.RESPONSE,
        request_id=request.request_id,
        status=0,
        index=0,
        bindings=tuple(zip(request.oids, values, strict=True)),
    )


def same(value: Value, typed: Typed) -> bool:
    """Compare what the two codecs read."""
    if TAGS[value.asn1_type] != typed.tag:
        return False
    if isinstance(typed.value, int):
        return value.number == typed.value
    return typed.tag != ber.OCTETS or value.octets == typed.value


@given(VERSIONS, st.lists(OIDS, min_size=1, max_size=20))
def test_read_is_understood_by_another_decoder(version: Version, oids: list[Oid]) -> None:
    request = build(Kind.GET, version, COMMUNITY, tuple(oids))
    message = decode(request.wire)
    nulls = [Typed(ber.NULL)] * len(oids)
    assert message == replace(answer_to(request, *nulls), pdu=ber.GET)
    assert encode(message) == request.wire


@given(VERSIONS, st.lists(st.tuples(OIDS, NUMBER), min_size=1, max_size=3))
def test_order_is_understood_by_another_decoder(
    version: Version, orders: list[tuple[Oid, int]]
) -> None:
    oids, numbers = zip(*orders, strict=True)
    request = build(Kind.SET, version, COMMUNITY, oids, numbers)
    values = [Typed(ber.INTEGER, number) for number in numbers]
    assert decode(request.wire) == replace(answer_to(request, *values), pdu=ber.SET)
    assert encode(decode(request.wire)) == request.wire


def test_ids_differ_and_have_four_octets() -> None:
    requests = [build(Kind.GET, "2c", COMMUNITY, (STATE,)) for _ in range(1000)]
    ids = {request.request_id for request in requests}
    assert len(ids) > 990
    assert min(ids) >= 2**24
    assert max(ids) < 2**31
    assert len({len(request.wire) for request in requests}) == 1


def test_community_is_in_no_repr() -> None:
    request = build(Kind.SET, "2c", Secret("hidden-word"), (STATE,), (0,))
    assert b"hidden-word" in request.wire
    assert "hidden-word" not in repr(request)


@given(VERSIONS, st.lists(st.tuples(OIDS, VALUES), min_size=1, max_size=14), st.booleans())
def test_answer_is_read_as_the_other_decoder_reads_it(
    version: Version, bindings: list[tuple[Oid, Typed]], twice: bool
) -> None:
    oids, values = zip(*bindings, strict=True)
    for _ in range(1 + twice):  # the second time from what was kept
        request = build(Kind.GET, version, COMMUNITY, oids)
        reply = accept(request, encode(answer_to(request, *values)))
        assert reply is not None
        assert (reply.status, reply.index) == (0, 0)
        assert tuple(oid for oid, _ in reply.bindings) == oids
        read = [value for _, value in reply.bindings]
        assert all(same(value, typed) for value, typed in zip(read, values, strict=True))


TICKS = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 127, 128, 2**31, 2**32 - 1]))
UPTIME_INSIDE = bytes.fromhex("06082b0601020101030043040badcafe")
"""What a text may hold: the uptime's own octets."""


@given(VERSIONS, st.lists(st.tuples(TICKS, VALUES), min_size=1, max_size=4), st.booleans())
def test_an_uptime_beside_a_state_is_its_own_in_each_answer(
    version: Version, polls: list[tuple[int, Typed]], hidden: bool
) -> None:
    """It changes with each poll, and what is kept of the answer must not show an older one."""
    text = Typed(ber.OCTETS, UPTIME_INSIDE if hidden else b"v1.2")
    for ticks, state in polls:
        request = build(Kind.GET, version, COMMUNITY, (UPTIME, STATE, (1, 3, 9)))
        values = (Typed(ber.TIME_TICKS, ticks), state, text)
        reply = accept(request, encode(answer_to(request, *values)))
        assert reply is not None
        read = [value for _, value in reply.bindings]
        assert all(same(value, typed) for value, typed in zip(read, values, strict=True))


def test_a_text_that_holds_an_uptime_is_read_as_it_stands() -> None:
    request = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    reply = accept(request, encode(answer_to(request, Typed(ber.OCTETS, UPTIME_INSIDE))))
    assert reply is not None
    assert reply.bindings[0][1].octets == UPTIME_INSIDE


@given(EXCEPTIONS)
def test_missing_object_is_read_as_missing(tag: int) -> None:
    request = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    reply = accept(request, encode(answer_to(request, Typed(tag))))
    assert reply is not None
    assert reply.bindings[0][1].missing


@given(st.integers(0, 255), st.integers(0, 20))
def test_refusal_is_read_with_its_status_and_place(status: int, index: int) -> None:
    request = build(Kind.SET, "2c", COMMUNITY, (STATE,), (0,))
    message = replace(answer_to(request, Typed(ber.INTEGER, 0)), status=status, index=index)
    assert accept(request, encode(message)) == Reply(
        status, index, ((STATE, Value("INTEGER", number=0)),)
    )
    bare = accept(request, encode(replace(message, bindings=())))
    assert bare == Reply(status, index, ())


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 0},
        {"version": 3},
        {"community": b"Private"},
        {"community": b"private\0"},
        {"community": b""},
        {"pdu": ber.GET},
        {"pdu": ber.SET},
        {"pdu": 0xA4},
        {"pdu": 0xA6},
        {"pdu": 0xA7},
        {"pdu": 0xA8},
    ],
    ids=str,
)
def test_message_of_another_conversation_is_no_answer(changes: dict[str, Any]) -> None:
    request = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    right = answer_to(request, Typed(ber.INTEGER, 0))
    assert accept(request, encode(right)) is not None
    assert accept(request, encode(replace(right, **changes))) is None


def test_answer_to_an_earlier_request_is_no_answer_to_this_one() -> None:
    earlier = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    late = encode(answer_to(earlier, Typed(ber.INTEGER, 0)))
    assert accept(earlier, late) is not None
    assert accept(build(Kind.GET, "2c", COMMUNITY, (STATE,)), late) is None


def test_id_in_a_value_does_not_make_an_answer() -> None:
    """The id of the message is another one; ours, or the kept one, stands among its values."""
    request = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    own, other = request.request_id, int.from_bytes(boundary.ANY_ID, "big")
    for request_id, value in ((other, own), (own ^ 1, own)):
        message = replace(answer_to(request, Typed(ber.INTEGER, value)), request_id=request_id)
        assert accept(request, encode(message)) is None
    for value in (own, other):
        message = answer_to(request, Typed(ber.INTEGER, value))
        reply = accept(request, encode(message))
        assert reply is not None
        assert reply.bindings == ((STATE, Value("INTEGER", number=value)),)


@pytest.mark.parametrize("tag", [ber.INTEGER, ber.GAUGE32, ber.COUNTER64, ber.TIME_TICKS])
def test_number_without_octets_is_no_zero(tag: int) -> None:
    request = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    assert accept(request, encode(answer_to(request, Typed(tag, b"")))) is None
    assert accept(request, encode(answer_to(request, Typed(tag, 0)))) is not None


def test_indefinite_length_and_octets_left_over_are_no_answer() -> None:
    request = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    good = encode(answer_to(request, Typed(ber.INTEGER, 0)))
    assert accept(request, good + b"\0") is None
    assert accept(request, bytes((good[0], 0x80)) + good[2:] + b"\0\0") is None


def test_text_in_the_constructed_form_is_no_answer() -> None:
    request = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    parts = encode_value(Typed(ber.OCTETS, b"on"))
    assert accept(request, encode(answer_to(request, Typed(0x24, parts)))) is None


@given(st.binary(max_size=DATAGRAM_MAX))
def test_arbitrary_octets_are_no_answer(datagram: bytes) -> None:
    request = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    assert accept(request, datagram) is None
    assert accept(request, datagram + request.request_id.to_bytes(4, "big")) is None


@given(
    st.data(),
    st.lists(st.tuples(st.sampled_from(["set", "cut", "add"]), st.integers(0), st.binary())),
)
def test_spoilt_answer_is_read_as_the_strict_decoder_reads_it_or_not_at_all(
    data: st.DataObject, spoils: list[tuple[str, int, bytes]]
) -> None:
    request = build(Kind.GET, "2c", COMMUNITY, (STATE, (*STATE[:-1], 5)))
    typed = data.draw(st.tuples(VALUES, VALUES))
    datagram = encode(answer_to(request, *typed))
    for kind, where, octets in spoils:
        at = where % (len(datagram) + 1)
        after = {"set": at + len(octets), "cut": at + 1 + len(octets), "add": at}[kind]
        datagram = datagram[:at] + (b"" if kind == "cut" else octets) + datagram[after:]
    reply = accept(request, datagram)
    if reply is None:
        return
    message = decode(datagram)
    assert (message.request_id, message.community) == (request.request_id, b"private")
    assert (message.pdu, message.version) == (ber.RESPONSE, 1)
    assert (reply.status, reply.index) == (message.status, message.index)
    read = zip(reply.bindings, message.bindings, strict=True)
    assert all(name == oid and same(value, right) for (name, value), (oid, right) in read)


@pytest.mark.parametrize("number", [1, 6000])
def test_no_octet_spoilt_before_the_value_makes_it_an_off(number: int) -> None:
    request = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    good = encode(answer_to(request, Typed(ber.INTEGER, number)))
    head = len(encode(answer_to(request, Typed(ber.INTEGER, b""))))
    off = ((STATE, Value("INTEGER", number=0)),)
    for place in range(head):
        for octet in {0x00, 0xFF, *(good[place] ^ 1 << bit for bit in range(8))}:
            spoilt = good[:place] + bytes((octet,)) + good[place + 1 :]
            reply = accept(request, spoilt)
            assert reply is None or reply.bindings != off, f"octet {place} as {octet:#x}"
