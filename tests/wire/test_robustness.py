"""Whatever arrives, even under a right tag, neither end raises anything or says too much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.wire.client import ClientEnd
from haconn.wire.client_events import SessionUp
from haconn.wire.codes import Status, Type
from haconn.wire.events import Drop, ResultAcknowledged, StopNotice
from haconn.wire.fields import encode_boot
from haconn.wire.frame import Frame, parse, seal
from haconn.wire.keys import derive
from haconn.wire.payloads import Ack, BootOnly, Register, ResetRequest
from haconn.wire.server import ServerEnd
from haconn.wire.ticket import dump_notice, ticket_for
from tests.wire.parts import (
    ALPHA,
    ALPHA_SYSTEM,
    BETA_SYSTEM,
    BOOT,
    ELSEWHERE,
    KEYS,
    SOURCE,
    handshake,
    line,
    nonces,
    sealed,
    server,
)

types, seqs = st.integers(0, 255), st.integers(0, 2**64 - 1)
sessions = st.sampled_from([b"S" * 16, bytes(16)]) | st.binary(min_size=16, max_size=16)
payloads = st.binary(max_size=200)
DATAGRAMS = st.builds(
    lambda kind, payload, session, seq: sealed(ALPHA, kind, payload, session=session, seq=seq),
    types,
    payloads,
    sessions,
    seqs,
)


@given(st.lists(DATAGRAMS | st.binary(max_size=1300), max_size=20), st.booleans())
def test_server_raises_nothing(datagrams: list[bytes], joined: bool) -> None:
    end = server()
    if joined:
        handshake(end)
    for now, datagram in enumerate(datagrams):
        heard = end.receive(datagram, SOURCE, float(now))
        for answer in heard.datagrams:
            assert len(answer) <= len(datagram) or parse(answer).seq > 0


@given(st.lists(st.tuples(types, payloads, sessions, seqs), max_size=20), st.binary(max_size=1300))
def test_client_raises_nothing(frames: list[tuple[int, bytes, bytes, int]], noise: bytes) -> None:
    alpha = line()
    alpha.run(0.0)
    own = parse(alpha.sent[-1]).session
    for now, (kind, payload, session, seq) in enumerate(frames):
        for place in (session, own):
            frame = Frame(kind, ALPHA.key_id, 0, place, seq, 0, payload)
            alpha.client.receive(seal(derive(ALPHA.master).to_client, frame), float(now))
    alpha.client.receive(noise, 100.0)
    alpha.client.due(100.0)


def from_server(kind: int, payload: bytes, *, session: bytes, seq: int, sender: int = 0) -> bytes:
    frame = Frame(kind, ALPHA.key_id, sender, session, seq, 0, payload)
    return seal(derive(ALPHA.master).to_client, frame)


def test_unreadable_datagram_can_still_be_the_first_of_a_session() -> None:
    client = ClientEnd(ALPHA, BOOT, nonces(), 0.0)
    (hello,) = client.due(0.0).datagrams
    told = client.receive(from_server(Type.RESULT, b"?", session=parse(hello).session, seq=1), 0.0)
    assert told.events == (SessionUp(0),)
    assert [parse(one).type for one in told.datagrams] == [Type.REGISTER]


@pytest.mark.parametrize(
    ("kind", "sender"), [(Type.HELLO, 0), (Type.BYE, 0), (200, 0), (Type.ACK, 1)]
)
def test_only_what_a_server_says_begins_a_session(kind: int, sender: int) -> None:
    client = ClientEnd(ALPHA, BOOT, nonces(), 0.0)
    session = parse(client.due(0.0).datagrams[0]).session
    said = from_server(kind, bytes(32), session=session, seq=1, sender=sender)
    assert not client.receive(said, 0.0).events
    assert not client.in_session
    good = from_server(Type.ACK, bytes(32), session=session, seq=1)
    assert client.receive(good, 0.0).events == (SessionUp(0),)


def test_refusal_of_nothing_is_ignored() -> None:
    alpha = line()
    alpha.run(0.0)
    refusal = Ack(Type.HELLO, Status.BINDING, 1, bytes(16)).encode()
    datagram = from_server(Type.ACK, refusal, session=b"?" * 16, seq=0)
    assert not alpha.client.receive(datagram, 1.0).events


def test_acknowledgement_of_what_nobody_waits_for_is_nothing() -> None:
    alpha = line()
    alpha.run(0.0)
    session = parse(alpha.sent[-1]).session
    for seq, kind in enumerate([Type.RESET_REQ, Type.REGISTER, Type.HELLO, 200], start=9):
        ack = Ack(kind, Status.DONE, 3, encode_boot(BOOT)).encode()
        told = alpha.client.receive(from_server(Type.ACK, ack, session=session, seq=seq), 1.0)
        assert not told.events


def test_unasked_challenge_helps_a_client_that_still_greets() -> None:
    client, end = ClientEnd(ALPHA, BOOT, nonces(), 0.0), server()
    client.due(0.0)
    (challenge,) = end.challenge(ALPHA_SYSTEM, 0.0)
    (proof,) = client.receive(challenge, 0.1).datagrams
    (ack,) = end.receive(proof, SOURCE, 0.1).datagrams
    assert client.receive(ack, 0.1).events == (SessionUp(5),)


def test_unasked_challenge_does_not_disturb_a_client_that_proves() -> None:
    client, end = ClientEnd(ALPHA, BOOT, nonces(), 0.0), server()
    (greeting,) = client.due(0.0).datagrams
    (challenge,) = end.receive(greeting, SOURCE, 0.0).datagrams
    client.receive(challenge, 0.0)
    (stale,) = server(salt=9).challenge(ALPHA_SYSTEM, 0.0)
    assert not client.receive(stale, 0.1).datagrams


def test_giving_up_what_was_answered_changes_nothing() -> None:
    alpha = line()
    alpha.run(0.0)
    alpha.client.give_up(b"R" * 16, 0.0)
    assert alpha.client.next_due() is None


def test_flood_of_stop_notices_is_limited_by_its_key() -> None:
    end = server()
    notice = dump_notice(ALPHA.key_id, ticket_for(ALPHA, BOOT), BOOT)
    hosts = [f"10.0.0.{number}" for number in range(150)]
    heard = [end.receive(notice, (host, 1), 0.0).event for host in hosts]
    assert sum(isinstance(event, StopNotice) for event in heard) == 100
    assert end.dropped == {Drop.KEY_RATE: 50}


def test_short_payloads_outside_a_session_are_silence() -> None:
    end = server()
    ticket = ticket_for(ALPHA, BOOT)
    short_notice = seal(
        ticket, Frame(Type.DUMP_NOTIFY, ALPHA.key_id, ALPHA.id, encode_boot(BOOT), 0, 0, b"")
    )
    assert not end.receive(short_notice, SOURCE, 0.0).datagrams
    assert not end.receive(sealed(ALPHA, Type.HELLO, b"short"), SOURCE, 0.0).datagrams
    assert end.dropped == {Drop.PAYLOAD: 1, Drop.SESSION: 1}


def test_repeated_hello_costs_the_session_a_token() -> None:
    end = server()
    handshake(end)
    for seq in range(3, 203):
        end.receive(sealed(ALPHA, Type.ACK, bytes(32), seq=seq), SOURCE, 0.0)
    again = sealed(ALPHA, Type.HELLO, b"C" * 16 + bytes(16) + b"B" * 16 + b"u1", seq=203)
    assert not end.receive(again, SOURCE, 0.0).datagrams
    assert end.dropped == {Drop.KEY_RATE: 1}


def test_many_keys_do_not_disturb_each_other() -> None:
    end = server()
    for owner in KEYS:
        handshake(end, owner, session=owner.number.to_bytes(16, "big"))
    for owner in KEYS:
        session = owner.number.to_bytes(16, "big")
        bye = sealed(owner, Type.BYE, BootOnly(BOOT).encode(), session=session, seq=3)
        event = end.receive(bye, ELSEWHERE, 0.0).event
        assert event is not None
        assert event.key == owner.system


def test_session_of_one_system_is_unknown_to_another() -> None:
    end = server()
    handshake(end)
    request = ResetRequest(b"R" * 16, ALPHA_SYSTEM).encode()
    other = next(key for key in KEYS if key.system == BETA_SYSTEM)
    heard = end.receive(sealed(other, Type.RESET_REQ, request, seq=3), SOURCE, 0.0)
    assert heard.event is None
    assert parse(heard.datagrams[0]).type == Type.CHALLENGE


def test_repeated_challenge_is_answered_once() -> None:
    client, end = ClientEnd(ALPHA, BOOT, nonces(), 0.0), server()
    (greeting,) = client.due(0.0).datagrams
    (challenge,) = end.receive(greeting, SOURCE, 0.0).datagrams
    assert len(client.receive(challenge, 0.0).datagrams) == 1
    assert not client.receive(challenge, 0.0).datagrams


def test_client_says_the_greatest_epoch_that_it_heard() -> None:
    alpha = line()
    alpha.run(0.0)
    alpha.end = ServerEnd(KEYS, nonces(8), epoch=4)
    alpha.now = 20.0
    for challenge in alpha.end.challenge(ALPHA_SYSTEM, 20.0):
        alpha.deliver(challenge)
    assert alpha.told.count(SessionUp(5)) == 2
    assert [parse(one).epoch for one in alpha.sent] == [0, 0, 5, 5, 5]


def test_client_that_said_bye_does_not_register_again() -> None:
    alpha = line()
    alpha.run(0.0)
    alpha.client.bye(0.0)
    alpha.run(0.0)
    said = len(alpha.sent)
    alpha.end = server(salt=8)
    for challenge in alpha.end.challenge(ALPHA_SYSTEM, 0.0):
        alpha.deliver(challenge)
    assert [parse(one).type for one in alpha.sent[said:]] == [Type.HELLO]


def test_refused_result_is_not_acknowledged() -> None:
    end = server()
    handshake(end)
    for seq, status in ((3, Status.MALFORMED), (4, Status.DONE)):
        ack = Ack(Type.RESULT, status, 2, b"R" * 16).encode()
        event = end.receive(sealed(ALPHA, Type.ACK, ack, seq=seq), SOURCE, 0.0).event
        assert isinstance(event, ResultAcknowledged) == (status is Status.DONE)


def test_register_moves_home_and_leaves_no_friend_at_the_old_place() -> None:
    end = server()
    handshake(end)
    register = Register(BOOT, 1, ALPHA.port, "server1", "").encode()
    end.receive(sealed(ALPHA, Type.REGISTER, register, seq=3), ELSEWHERE, 0.0)
    for _ in range(100):
        end.receive(bytes(58), ELSEWHERE, 0.0)
    assert end.dropped == {Drop.MAGIC: 100}
    for _ in range(100):
        end.receive(bytes(58), SOURCE, 0.0)
    assert end.dropped[Drop.SOURCE_RATE] > 0


def test_key_that_comes_back_has_no_past() -> None:
    end = server()
    notice = dump_notice(ALPHA.key_id, ticket_for(ALPHA, BOOT), BOOT)
    for number in range(150):
        end.receive(notice, (f"10.0.0.{number}", 1), 0.0)
    end.retire(ALPHA.key_id)
    end.add(ALPHA)
    event = end.receive(notice, SOURCE, 0.0).event
    assert event == StopNotice(ALPHA_SYSTEM, BOOT, first=True, source=SOURCE)
