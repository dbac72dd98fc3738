"""How the server's end gets into session, and what it does to a past that comes back."""

import pytest

from haconn.wire.codes import Proof, Status, Type, Verdict
from haconn.wire.events import Drop, Registered, ResetRequested, SessionBegun, Spoke
from haconn.wire.frame import SIZE_MIN, parse
from haconn.wire.keys import derive
from haconn.wire.payloads import Ack, Challenge, Hello, Register, ResetRequest
from haconn.wire.server import ServerEnd
from tests.wire.parts import (
    ALPHA,
    ALPHA_SYSTEM,
    BETA,
    BETA_SYSTEM,
    BOOT,
    ELSEWHERE,
    NEXT_BOOT,
    SOURCE,
    challenge_in,
    handshake,
    hello,
    key,
    line,
    nonces,
    sealed,
    server,
)

VERDICT = (Verdict.DUMP, Proof.STOP_NOTICE, 0.0)
REQUEST = ResetRequest(b"R" * 16, BETA_SYSTEM).encode()
REGISTER = Register(BOOT, 1, ALPHA.port, "server1", "").encode()


def test_third_step_begins_a_session_and_is_acknowledged() -> None:
    heard = handshake(server(), now=7.0)
    assert isinstance(heard.event, SessionBegun)
    assert (heard.event.key, heard.event.boot_id, heard.event.at) == (ALPHA_SYSTEM, BOOT, 7.0)
    assert (heard.event.address, heard.event.port) == SOURCE
    frame = parse(heard.datagrams[0])
    assert (frame.session, frame.seq, frame.epoch, frame.sender) == (b"S" * 16, 1, 5, 0)
    assert Ack.parse(frame.payload) == Ack(Type.HELLO, Status.DONE, 2, b"C" * 16)


def test_first_step_alone_is_no_session() -> None:
    end = server()
    assert end.receive(hello(ALPHA), SOURCE, 0.0).event is None
    assert not end.in_session(ALPHA_SYSTEM)


def test_every_hello_gets_the_same_nonce_while_one_is_pending() -> None:
    end = server()
    first = challenge_in(end.receive(hello(ALPHA), SOURCE, 0.0))
    racing = hello(ALPHA, session=b"T" * 16)
    assert challenge_in(end.receive(racing, ELSEWHERE, 1.9)) == first
    assert challenge_in(end.receive(racing, ELSEWHERE, 2.0)) != first


def test_of_two_racing_handshakes_the_later_needs_another_nonce() -> None:
    end = server()
    nonce = challenge_in(end.receive(hello(ALPHA), SOURCE, 0.0))
    other = b"T" * 16
    assert challenge_in(end.receive(hello(ALPHA, session=other), SOURCE, 0.0)) == nonce
    assert isinstance(end.receive(hello(ALPHA, nonce, seq=2), SOURCE, 0.0).event, SessionBegun)
    late = end.receive(hello(ALPHA, nonce, session=other, seq=2), SOURCE, 0.0)
    assert late.event is None
    proof = hello(ALPHA, challenge_in(late), session=other, seq=3)
    assert isinstance(end.receive(proof, SOURCE, 0.0).event, SessionBegun)


def test_nonce_lives_two_seconds() -> None:
    end = server()
    nonce = challenge_in(end.receive(hello(ALPHA), SOURCE, 0.0))
    late = end.receive(hello(ALPHA, nonce, seq=2), SOURCE, 2.0)
    assert late.event is None
    assert challenge_in(late) != nonce


def test_nonce_of_one_key_is_none_for_another() -> None:
    end = server()
    nonce = challenge_in(end.receive(hello(ALPHA), SOURCE, 0.0))
    assert end.receive(hello(BETA, nonce, seq=2), SOURCE, 0.0).event is None


def test_hello_is_acknowledged_again_when_the_ack_was_lost() -> None:
    end = server()
    nonce = challenge_in(end.receive(hello(ALPHA), SOURCE, 0.0))
    end.receive(hello(ALPHA, nonce, seq=2), SOURCE, 0.0)
    again = end.receive(hello(ALPHA, nonce, seq=3), SOURCE, 0.2)
    assert type(again.event) is Spoke
    assert parse(again.datagrams[0]).type == Type.ACK
    assert not end.receive(hello(ALPHA, nonce, seq=3), SOURCE, 0.2).datagrams
    assert not end.receive(hello(ALPHA, b"?" * 16, seq=4), SOURCE, 0.2).datagrams
    changed = hello(ALPHA, nonce, seq=5, boot_id=NEXT_BOOT)
    assert not end.receive(changed, SOURCE, 0.2).datagrams
    assert end.dropped == {Drop.WINDOW: 1, Drop.SESSION: 2}


def test_new_session_retires_the_old_one_for_ever() -> None:
    end = server()
    handshake(end)
    handshake(end, session=b"T" * 16, boot_id=NEXT_BOOT)
    late = end.receive(sealed(ALPHA, Type.RESET_REQ, REQUEST, seq=3), SOURCE, 1.0)
    assert late.event is None
    assert parse(late.datagrams[0]).type == Type.CHALLENGE
    new = sealed(ALPHA, Type.RESET_REQ, REQUEST, session=b"T" * 16, seq=3)
    event = end.receive(new, SOURCE, 1.0).event
    assert isinstance(event, ResetRequested)
    assert event.boot_id == NEXT_BOOT


def test_restarted_server_challenges_and_takes_nothing_of_the_old_session() -> None:
    alpha = line()
    alpha.run(1.0)
    alpha.client.request_reset(BETA_SYSTEM, alpha.now)
    alpha.run(1.1)
    recorded = list(alpha.sent)
    alpha.end = server(salt=9)
    for datagram in recorded:
        assert alpha.end.receive(datagram, ELSEWHERE, 1.1).event is None
    requests = [event for event in alpha.heard if isinstance(event, ResetRequested)]
    alpha.run(3.0)
    again = [event for event in alpha.heard if isinstance(event, ResetRequested)]
    assert {event.request_id for event in again} == {requests[0].request_id}
    assert len(again) > len(requests)
    for datagram in recorded:
        assert alpha.end.receive(datagram, ELSEWHERE, 3.0).event is None


def test_recorded_past_does_nothing_even_in_the_same_session() -> None:
    alpha = line()
    alpha.run(1.0)
    alpha.client.request_reset(BETA_SYSTEM, alpha.now)
    alpha.run(1.5)
    for datagram in alpha.sent:
        assert alpha.end.receive(datagram, SOURCE, 1.5).event is None


@pytest.mark.parametrize("kind", [Type.REGISTER, Type.RESET_REQ, Type.BYE])
def test_what_was_held_back_is_void_once_something_later_arrived(kind: Type) -> None:
    end = server()
    handshake(end)
    payload = {Type.REGISTER: REGISTER, Type.RESET_REQ: REQUEST}.get(kind, REGISTER)
    held_back = sealed(ALPHA, kind, payload, seq=3)
    end.receive(sealed(ALPHA, Type.ACK, bytes(32), seq=4), SOURCE, 0.0)
    assert end.receive(held_back, SOURCE, 600.0).event is None
    assert end.dropped == {Drop.WINDOW: 1}


def test_unordered_acknowledgement_is_heard() -> None:
    end = server()
    handshake(end)
    end.receive(sealed(ALPHA, Type.ACK, bytes(32), seq=4), SOURCE, 0.0)
    late = end.receive(sealed(ALPHA, Type.ACK, bytes(32), seq=3), SOURCE, 0.0)
    assert isinstance(late.event, Spoke)


def test_repeated_request_has_a_new_seq_and_passes_the_window() -> None:
    end = server()
    handshake(end)
    for seq in (3, 4, 5):
        event = end.receive(sealed(ALPHA, Type.RESET_REQ, REQUEST, seq=seq), SOURCE, 0.0).event
        assert isinstance(event, ResetRequested)
        assert event.request_id == b"R" * 16


def test_what_the_server_says_never_verifies_when_it_comes_back() -> None:
    alpha = line()
    alpha.run(1.0)
    said = [
        *handshake(alpha.end, BETA).datagrams,
        *alpha.end.challenge(ALPHA_SYSTEM, 1.0),
        alpha.end.result(ALPHA_SYSTEM, bytes(16), BETA_SYSTEM, *VERDICT),
    ]
    for datagram in said:
        assert datagram is not None
        changed = bytearray(datagram)
        changed[8:12] = ALPHA.id.to_bytes(4, "big")
        for reflected in (datagram, bytes(changed)):
            assert alpha.end.receive(reflected, SOURCE, 1.0).event is None
    assert alpha.end.dropped[Drop.KEY] + alpha.end.dropped[Drop.TAG] == 2 * len(said)


def test_what_a_client_says_never_verifies_when_it_comes_back() -> None:
    alpha = line()
    alpha.run(1.0)
    for datagram in alpha.sent:
        changed = bytearray(datagram)
        changed[8:12] = bytes(4)
        for reflected in (datagram, bytes(changed)):
            told = alpha.client.receive(reflected, 1.0)
            assert not told.datagrams
            assert not told.events


def test_right_tag_from_elsewhere_is_served_there_and_only_register_moves_home() -> None:
    end = server()
    handshake(end)
    asked = end.receive(sealed(ALPHA, Type.RESET_REQ, REQUEST, seq=3), ELSEWHERE, 0.0)
    assert isinstance(asked.event, ResetRequested)
    assert asked.event.by.source == ELSEWHERE
    moved = end.receive(sealed(ALPHA, Type.REGISTER, REGISTER, seq=4), ELSEWHERE, 0.0)
    assert isinstance(moved.event, Registered)
    assert (moved.event.address, moved.event.port) == (ELSEWHERE[0], ALPHA.port)


def test_unasked_challenge_goes_out_under_every_generation_with_the_pending_nonce() -> None:
    old, new = key(1), key(1, generation=2)
    end = ServerEnd([old, new], nonces())
    first, second = (parse(one) for one in end.challenge(old.system, 0.0))
    assert (first.key_id, second.key_id) == (old.key_id, new.key_id)
    assert first.session == second.session == bytes(16)
    pending = Challenge.parse(first.payload).server_nonce
    assert challenge_in(end.receive(hello(old), SOURCE, 1.0)) == pending
    assert isinstance(end.receive(hello(old, pending), SOURCE, 1.0).event, SessionBegun)


def test_hello_with_another_port_is_refused_without_a_session() -> None:
    end = server()
    nonce = challenge_in(end.receive(hello(ALPHA), SOURCE, 0.0))
    wrong = Hello(b"C" * 16, nonce, BOOT, 30009).encode()
    heard = end.receive(sealed(ALPHA, Type.HELLO, wrong, seq=2), SOURCE, 0.0)
    frame = parse(heard.datagrams[0])
    assert (frame.type, frame.seq) == (Type.ACK, 0)
    assert Ack.parse(frame.payload).status is Status.BINDING
    assert heard.event is None
    assert not end.in_session(ALPHA_SYSTEM)


def test_outside_a_session_no_answer_is_larger_than_the_question() -> None:
    for kind in range(256):
        for size in (0, 31, 32, 50, 200):
            end = server()
            asked = sealed(ALPHA, kind, b"x" * size)
            for answer in end.receive(asked, SOURCE, 0.0).datagrams:
                assert len(answer) <= len(asked)
                assert len(answer) == SIZE_MIN + 32


def test_retired_key_is_forgotten_at_once_and_a_new_one_works_at_once() -> None:
    end = server()
    handshake(end)
    end.retire(ALPHA.key_id)
    assert not end.in_session(ALPHA_SYSTEM)
    assert not handshake_is_answered(end)
    end.retire(ALPHA.key_id)
    end.add(key(1, generation=2))
    assert isinstance(handshake(end, key(1, generation=2)).event, SessionBegun)


def handshake_is_answered(end: ServerEnd) -> bool:
    return bool(end.receive(hello(ALPHA), SOURCE, 0.0).datagrams)


def test_session_of_the_new_generation_ends_that_of_the_old_one() -> None:
    old, new = key(1), key(1, generation=2)
    end = ServerEnd([old, new, BETA], nonces())
    handshake(end, old)
    handshake(end, new, session=b"T" * 16)
    assert end.receive(sealed(old, Type.RESET_REQ, REQUEST, seq=3), SOURCE, 0.0).event is None
    end.retire(old.key_id)
    assert end.in_session(old.system)
    said = end.result(old.system, bytes(16), BETA_SYSTEM, *VERDICT)
    assert said is not None
    assert parse(said).key_id == new.key_id


def test_session_belongs_to_the_generation_that_began_it() -> None:
    old, new = key(1), key(1, generation=2)
    end = ServerEnd([old, new, BETA], nonces())
    handshake(end, old)
    other = sealed(new, Type.RESET_REQ, REQUEST, seq=3)
    assert parse(end.receive(other, SOURCE, 0.0).datagrams[0]).type == Type.CHALLENGE


def test_derived_keys_are_not_shown() -> None:
    assert ALPHA.master.reveal() not in repr(ALPHA)
    assert derive(ALPHA.master).to_server.hex() not in repr(derive(ALPHA.master))
