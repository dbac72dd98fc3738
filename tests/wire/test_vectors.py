"""The vectors of docs/protocol.md: computed independently, and met by the codec."""

import hashlib
from uuid import UUID

import pytest

from haconn.core.model import Secret, SystemKey
from haconn.wire.codes import Doubt, NoticeState, Proof, Status, Type, Verdict
from haconn.wire.events import Drop
from haconn.wire.fields import decode_age
from haconn.wire.frame import parse, seal, verified
from haconn.wire.keys import Key, derive, dump_ticket, fingerprint, format_key_line, parse_key_line
from haconn.wire.payloads import (
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
from haconn.wire.server import ServerEnd
from tests.wire import independent
from tests.wire.independent import Record, number, octets
from tests.wire.parts import SOURCE, Payload, nonces

KEYS = independent.records("keys.txt")
CLIENT = independent.records("client.txt")
SERVER = independent.records("server.txt")
REFUSED = independent.records("refused.txt")


def named(record: Record) -> str:
    return record["name"][0]


def system(text: str) -> SystemKey:
    port, _, subsystem = text.partition("/")
    return SystemKey(int(port), int(subsystem))


def boot(record: Record) -> str:
    return str(UUID(record["boot-id"][0]))


def machine(record: Record) -> str | None:
    return str(UUID(record["uuid"][0])) if "uuid" in record else None


@pytest.mark.parametrize("record", KEYS, ids=lambda record: record["key-id"][0])
def test_derived_keys_are_those_of_hkdf(record: Record) -> None:
    prk, c2s, s2c = independent.derive(octets(record, "master"))
    assert (prk, c2s, s2c) == tuple(octets(record, one) for one in ("prk", "c2s", "s2c"))
    assert independent.ticket(c2s, octets(record, "boot-id")) == octets(record, "ticket")
    shown = hashlib.sha256(octets(record, "master")).hexdigest()[:16]
    assert record["fingerprint"] == [shown]


@pytest.mark.parametrize("record", KEYS, ids=lambda record: record["key-id"][0])
def test_codec_derives_what_the_vectors_say(record: Record) -> None:
    line = record["line"][0]
    key = parse_key_line(line, server="alpha", vm="", port=30001, number=1)
    derived = derive(key.master)
    assert key.key_id == number(record, "key-id")
    assert format_key_line(key) == line
    assert derived.to_server == octets(record, "c2s")
    assert derived.to_client == octets(record, "s2c")
    assert dump_ticket(derived, octets(record, "boot-id")) == octets(record, "ticket")
    assert fingerprint(key.master) == record["fingerprint"][0]


@pytest.mark.parametrize("record", CLIENT + SERVER, ids=named)
def test_vector_is_what_an_independent_computation_gives(record: Record) -> None:
    assert independent.payload(record) == octets(record, "payload")
    assert independent.datagram(record) == octets(record, "datagram")


@pytest.mark.parametrize("record", CLIENT + SERVER, ids=named)
def test_frame_codec_meets_the_vector(record: Record) -> None:
    datagram = octets(record, "datagram")
    derived = derive(Secret(record["master"][0]))
    tag_key = derived.to_client if number(record, "sender") == 0 else derived.to_server
    if "ticket" in named(record):
        tag_key = dump_ticket(derived, octets(record, "session"))
    frame = parse(datagram)
    assert frame == (
        *(number(record, one) for one in ("type", "key-id", "sender")),
        octets(record, "session"),
        *(number(record, one) for one in ("seq", "epoch")),
        octets(record, "payload"),
    )
    assert verified(tag_key, datagram)
    assert seal(tag_key, frame) == datagram


def said_by_client(record: Record) -> Payload:
    match number(record, "type"):
        case Type.HELLO:
            nonces_ = octets(record, "client-nonce"), octets(record, "server-nonce")
            return Hello(*nonces_, boot(record), number(record, "port"), machine(record))
        case Type.REGISTER:
            rest = record["server"][0], record["vm"][0], machine(record)
            return Register(boot(record), number(record, "number"), number(record, "port"), *rest)
        case Type.CHECK:
            return Check(number(record, "token"), tuple(map(system, record["target"])))
        case Type.RESET_REQ:
            return ResetRequest(octets(record, "request-id"), system(record["target"][0]))
        case Type.ACK:
            return acknowledged(record)
        case _:
            return BootOnly(boot(record))


def acknowledged(record: Record) -> Ack:
    notices = tuple(
        NoticeRef(system(about), int(serial))
        for about, serial in (line.split() for line in record.get("notice", []))
    )
    kinds = number(record, "acked-type"), Status(number(record, "status"))
    return Ack(*kinds, number(record, "acked-seq"), octets(record, "reference"), notices)


def said_by_server(record: Record) -> Payload:
    match number(record, "type"):
        case Type.CHALLENGE:
            return Challenge(octets(record, "server-nonce"), octets(record, "client-nonce"))
        case Type.ACK:
            return acknowledged(record)
        case Type.CHECK:
            return CheckAnswer(number(record, "token"), tuple(map(checkup, record["checkup"])))
        case Type.RESULT:
            return Result(
                octets(record, "request-id"),
                system(record["target"][0]),
                Verdict(number(record, "outcome")),
                Proof(number(record, "evidence")),
                decode_age(number(record, "age")),
                record["reason"][0],
            )
        case _:
            return Notify(tuple(map(notice, record["notice"])))


def checkup(line: str) -> Checkup:
    target, flags, age = line.split()
    return Checkup(system(target), Doubt(int(flags)), decode_age(int(age)))


def notice(line: str) -> Notice:
    about, serial, state, proof, age = line.split()
    codes = NoticeState(int(state)), Proof(int(proof))
    return Notice(system(about), int(serial), *codes, decode_age(int(age)))


@pytest.mark.parametrize("record", CLIENT, ids=named)
def test_client_payload_codec_meets_the_vector(record: Record) -> None:
    meant = said_by_client(record)
    assert meant.encode().ljust(32, b"\0") == octets(record, "payload")
    assert type(meant).parse(octets(record, "payload")) == meant


@pytest.mark.parametrize("record", SERVER, ids=named)
def test_server_payload_codec_meets_the_vector(record: Record) -> None:
    meant = said_by_server(record)
    assert meant.encode() == octets(record, "payload")
    assert type(meant).parse(octets(record, "payload")) == meant


REASONS = {
    "size": Drop.SIZE,
    "magic": Drop.MAGIC,
    "key": Drop.KEY,
    "tag": Drop.TAG,
    "type": Drop.TYPE,
    "session": Drop.SESSION,
    "payload": Drop.PAYLOAD,
}


@pytest.mark.parametrize("record", REFUSED, ids=named)
def test_bad_datagram_is_refused_for_the_reason_in_the_vector(record: Record) -> None:
    master = Secret(CLIENT[0]["master"][0])
    key = Key(id=7, generation=1, master=master, server="alpha", vm="", port=30001, number=1)
    end = ServerEnd([key], nonces())
    datagram = octets(record, "datagram")
    heard = end.receive(datagram, SOURCE, 0.0)
    why = record["why"][0]
    assert heard.event is None
    if why in REASONS:
        assert not heard.datagrams
        assert end.dropped == {REASONS[why]: 1}
    else:
        (answer,) = heard.datagrams
        assert len(answer) <= len(datagram)
        assert parse(answer).type == (Type.CHALLENGE if why == "challenge" else Type.ACK)
        assert parse(answer).seq == 0
