"""What a client may say in its session, and how it is answered."""

from dataclasses import replace

import pytest

from haconn.core.model import SystemKey
from haconn.wire.codes import Doubt, NoticeState, Proof, Status, Type, Verdict
from haconn.wire.events import (
    Bye,
    Checked,
    Drop,
    Heard,
    NoticeAcknowledged,
    Registered,
    ResetRefused,
    ResetRequested,
    ResultAcknowledged,
    SessionBegun,
    Spoke,
    StopNotice,
)
from haconn.wire.fields import encode_boot
from haconn.wire.frame import PAYLOAD_MAX, SIZE_MIN, parse
from haconn.wire.keys import BadKeyError
from haconn.wire.payloads import (
    Ack,
    BootOnly,
    Check,
    CheckAnswer,
    Checkup,
    Notice,
    NoticeRef,
    Notify,
    Register,
    ResetRequest,
    Result,
)
from haconn.wire.server import ServerEnd
from haconn.wire.ticket import dump_notice, ticket_for
from tests.wire.parts import (
    ALPHA,
    ALPHA_SYSTEM,
    BETA_SYSTEM,
    BOOT,
    ELSEWHERE,
    FOREIGN,
    GAMMA_SYSTEM,
    NEXT_BOOT,
    NOBODY,
    SOURCE,
    challenge_in,
    handshake,
    hello,
    key,
    nonces,
    sealed,
    server,
)


def say(end: ServerEnd, kind: Type, payload: bytes, *, seq: int = 3, now: float = 1.0) -> Heard:
    return end.receive(sealed(ALPHA, kind, payload, seq=seq), SOURCE, now)


def in_session() -> ServerEnd:
    end = server()
    handshake(end)
    return end


def ack_in(heard: Heard) -> Ack:
    (datagram,) = heard.datagrams
    assert parse(datagram).type == Type.ACK
    return Ack.parse(parse(datagram).payload)


def test_registration_that_matches_is_the_daemons_to_acknowledge() -> None:
    end = in_session()
    heard = say(end, Type.REGISTER, Register(BOOT, 1, 30001, "server1", "").encode())
    assert isinstance(heard.event, Registered)
    assert not heard.datagrams
    assert heard.event.session_begun_at == 0.0
    answer = end.ack(heard.event)
    assert answer is not None
    assert Ack.parse(parse(answer).payload) == Ack(Type.REGISTER, Status.DONE, 3, encode_boot(BOOT))


MACHINE = "4c4c4544-004d-3510-805a-c7c04f4e3332"


def test_machine_of_a_hello_is_that_of_all_its_session_says() -> None:
    end = server()
    nonce = challenge_in(end.receive(hello(ALPHA), SOURCE, 0.0))
    begun = end.receive(hello(ALPHA, nonce, seq=2, uuid=MACHINE), SOURCE, 0.0).event
    assert isinstance(begun, SessionBegun)
    assert begun.by.uuid == MACHINE
    later = say(end, Type.CHECK, Check(1, (BETA_SYSTEM,)).encode()).event
    assert isinstance(later, Checked)
    assert later.by.uuid == MACHINE


def test_registration_tells_the_machine_that_hello_did_not() -> None:
    end = in_session()
    said = Register(BOOT, 1, 30001, "server1", "", MACHINE).encode()
    heard = say(end, Type.REGISTER, said)
    assert isinstance(heard.event, Registered)
    assert heard.event.by.uuid == MACHINE


def test_daemon_can_refuse_a_registration() -> None:
    end = in_session()
    heard = say(end, Type.REGISTER, Register(BOOT, 1, 30001, "server1", "").encode())
    assert isinstance(heard.event, Spoke)
    answer = end.ack(heard.event, Status.REFUSED)
    assert answer is not None
    assert Ack.parse(parse(answer).payload).status is Status.REFUSED


@pytest.mark.parametrize(
    ("register", "status"),
    [
        (Register(BOOT, 2, 30001, "server1", ""), Status.BINDING),
        (Register(BOOT, 1, 30002, "server1", ""), Status.BINDING),
        (Register(BOOT, 1, 30001, "server2", ""), Status.BINDING),
        (Register(BOOT, 1, 30001, "server1", "guest"), Status.BINDING),
        (Register(NEXT_BOOT, 1, 30001, "server1", ""), Status.BOOT),
    ],
)
def test_registration_that_differs_from_the_binding_is_refused(
    register: Register, status: Status
) -> None:
    heard = say(in_session(), Type.REGISTER, register.encode())
    assert type(heard.event) is Spoke
    assert ack_in(heard).status is status


def test_refused_registration_does_not_move_home() -> None:
    end = in_session()
    wrong = sealed(ALPHA, Type.REGISTER, Register(BOOT, 2, 30001, "server1", "").encode(), seq=3)
    end.receive(wrong, ELSEWHERE, 0.0)
    for _ in range(100):
        end.receive(b"x" * SIZE_MIN, ELSEWHERE, 0.0)
    assert end.dropped[Drop.SOURCE_RATE] > 0


def test_check_is_answered_in_its_order_and_of_its_own_port_only() -> None:
    end = in_session()
    asked = Check(77, (FOREIGN.system, BETA_SYSTEM, NOBODY, GAMMA_SYSTEM))
    event = say(end, Type.CHECK, asked.encode()).event
    assert isinstance(event, Checked)
    assert event.targets == (BETA_SYSTEM, GAMMA_SYSTEM)
    good = Checkup(BETA_SYSTEM, Doubt.REDUNDANCY, 1.5)
    leak = Checkup(FOREIGN.system, Doubt.NONE, 0.0)
    answer = end.check_reply(event, [good, leak])
    assert answer is not None
    unknown = [Checkup(one, Doubt.UNKNOWN, None) for one in (FOREIGN.system, NOBODY, GAMMA_SYSTEM)]
    assert CheckAnswer.parse(parse(answer).payload) == CheckAnswer(
        77, (unknown[0], good, unknown[1], unknown[2])
    )


def test_largest_check_is_answered_in_one_datagram() -> None:
    end = in_session()
    targets = tuple(SystemKey(30001, number) for number in range(64))
    event = say(end, Type.CHECK, Check(1, targets).encode()).event
    assert isinstance(event, Checked)
    answer = end.check_reply(event, [])
    assert answer is not None
    assert len(CheckAnswer.parse(parse(answer).payload).checkups) == 64


def test_request_for_a_member_of_the_port_is_the_daemons() -> None:
    end = in_session()
    heard = say(end, Type.RESET_REQ, ResetRequest(b"R" * 16, BETA_SYSTEM).encode())
    assert isinstance(heard.event, ResetRequested)
    assert (heard.event.key, heard.event.target) == (ALPHA_SYSTEM, BETA_SYSTEM)
    assert not heard.datagrams
    answer = end.ack(heard.event)
    assert answer is not None
    assert Ack.parse(parse(answer).payload).reference == b"R" * 16


@pytest.mark.parametrize("target", [ALPHA_SYSTEM, NOBODY, FOREIGN.system, SystemKey(30001, 9)])
def test_request_that_the_key_may_not_make_is_an_error_at_once(target: SystemKey) -> None:
    heard = say(in_session(), Type.RESET_REQ, ResetRequest(b"R" * 16, target).encode())
    assert isinstance(heard.event, ResetRefused)
    assert heard.event.target == target
    result = Result.parse(parse(heard.datagrams[0]).payload)
    assert (result.verdict, result.proof, result.proof_age_s) == (Verdict.ERROR, Proof.NONE, None)
    assert (result.request_id, result.target) == (b"R" * 16, target)


def test_forged_request_is_silence() -> None:
    end = in_session()
    request = ResetRequest(b"R" * 16, BETA_SYSTEM).encode()
    forged = bytearray(sealed(ALPHA, Type.RESET_REQ, request, seq=3))
    forged[-1] ^= 1
    assert end.receive(bytes(forged), SOURCE, 0.0) == Heard()
    under_another = sealed(key(1, generation=7), Type.RESET_REQ, request, seq=3)
    assert end.receive(under_another, SOURCE, 0.0) == Heard()
    for_another = sealed(ALPHA, Type.RESET_REQ, request, seq=3, sender=2)
    assert end.receive(for_another, SOURCE, 0.0) == Heard()
    assert end.dropped == {Drop.TAG: 1, Drop.KEY: 2}


def test_target_whose_key_was_retired_is_unknown() -> None:
    end = in_session()
    end.retire(key(2).key_id)
    heard = say(end, Type.RESET_REQ, ResetRequest(b"R" * 16, BETA_SYSTEM).encode())
    assert isinstance(heard.event, ResetRefused)


@pytest.mark.parametrize("kind", [Type.REGISTER, Type.CHECK, Type.RESET_REQ, Type.BYE])
def test_payload_that_cannot_be_read_is_refused_in_session(kind: Type) -> None:
    end = in_session()
    heard = say(end, kind, b"\xff" * 3)
    assert ack_in(heard) == Ack(kind, Status.MALFORMED, 3, bytes(16))
    assert type(heard.event) is Spoke
    assert end.dropped == {Drop.PAYLOAD: 1}


def test_unreadable_acknowledgement_is_not_answered() -> None:
    end = in_session()
    assert not say(end, Type.ACK, b"\xff" * 40).datagrams
    assert end.dropped == {Drop.PAYLOAD: 1}


def test_acknowledgements_are_told() -> None:
    end = in_session()
    result = say(end, Type.ACK, Ack(Type.RESULT, Status.DONE, 9, b"R" * 16).encode())
    assert isinstance(result.event, ResultAcknowledged)
    assert result.event.request_id == b"R" * 16
    refs = (NoticeRef(BETA_SYSTEM, 4), NoticeRef(GAMMA_SYSTEM, 5))
    notice = say(end, Type.ACK, Ack(Type.NOTIFY, Status.DONE, 9, bytes(16), refs).encode(), seq=4)
    assert isinstance(notice.event, NoticeAcknowledged)
    assert notice.event.notices == refs
    other = say(end, Type.ACK, Ack(Type.HELLO, Status.DONE, 9, bytes(16)).encode(), seq=5)
    assert type(other.event) is Spoke


def test_many_notices_come_in_several_datagrams() -> None:
    end = in_session()
    notices = [
        Notice(SystemKey(30001, number), number, NoticeState.DUMP, Proof.STOP_NOTICE, 0.5)
        for number in range(130)
    ]
    said = [parse(one) for one in end.notify(ALPHA_SYSTEM, notices)]
    assert [len(Notify.parse(frame.payload).notices) for frame in said] == [59, 59, 12]
    assert all(len(frame.payload) <= PAYLOAD_MAX for frame in said)
    assert [notice for frame in said for notice in Notify.parse(frame.payload).notices] == notices


def test_nothing_is_said_to_a_system_without_a_session() -> None:
    end = server()
    verdict = (Verdict.FAIL, Proof.NONE, None)
    assert end.result(ALPHA_SYSTEM, bytes(16), BETA_SYSTEM, *verdict) is None
    notice = Notice(BETA_SYSTEM, 1, NoticeState.POFF, Proof.POWER_OFF, 0.0)
    assert end.notify(ALPHA_SYSTEM, [notice]) == ()
    assert end.notify(ALPHA_SYSTEM, []) == ()
    assert end.challenge(NOBODY, 0.0) == ()


def test_every_repetition_of_a_result_is_a_new_datagram() -> None:
    end = in_session()
    verdict = (Verdict.DUMP, Proof.STOP_NOTICE, 1.0)
    said = [end.result(ALPHA_SYSTEM, b"R" * 16, BETA_SYSTEM, *verdict) for _ in range(3)]
    assert [parse(one).seq for one in said if one] == [2, 3, 4]


def test_bye_is_acknowledged_and_told() -> None:
    heard = say(in_session(), Type.BYE, BootOnly(BOOT).encode())
    assert isinstance(heard.event, Bye)
    assert ack_in(heard) == Ack(Type.BYE, Status.DONE, 3, encode_boot(BOOT))


@pytest.mark.parametrize("kind", [Type.BYE, Type.DUMP_NOTIFY])
def test_farewell_of_another_boot_is_refused(kind: Type) -> None:
    heard = say(in_session(), kind, BootOnly(NEXT_BOOT).encode())
    assert type(heard.event) is Spoke
    assert ack_in(heard).status is Status.BOOT


def test_stop_notice_of_the_session_is_acknowledged_and_is_no_sign_of_life() -> None:
    heard = say(in_session(), Type.DUMP_NOTIFY, BootOnly(BOOT).encode())
    assert not issubclass(StopNotice, Spoke)
    assert heard.event == StopNotice(ALPHA_SYSTEM, BOOT, first=True, source=SOURCE)
    assert ack_in(heard).type == Type.DUMP_NOTIFY


def notice_of(boot_id: str) -> bytes:
    return dump_notice(ALPHA.key_id, ticket_for(ALPHA, boot_id), boot_id)


def test_stop_notice_under_the_ticket_may_be_repeated_but_is_first_once() -> None:
    end = in_session()
    first, second = (end.receive(notice_of(BOOT), ELSEWHERE, now) for now in (1.0, 2.0))
    assert first == Heard((), StopNotice(ALPHA_SYSTEM, BOOT, first=True, source=ELSEWHERE))
    assert second == Heard((), StopNotice(ALPHA_SYSTEM, BOOT, first=False, source=ELSEWHERE))


def test_ticket_and_session_share_the_first_notice_of_a_boot() -> None:
    end = in_session()
    end.receive(notice_of(BOOT), SOURCE, 1.0)
    heard = say(end, Type.DUMP_NOTIFY, BootOnly(BOOT).encode())
    assert heard.event == StopNotice(ALPHA_SYSTEM, BOOT, first=False, source=SOURCE)


def test_ticket_outlives_a_restart_and_moves_no_window() -> None:
    end = server()
    assert isinstance(end.receive(notice_of(BOOT), SOURCE, 0.0).event, StopNotice)
    handshake(end)
    end.receive(notice_of(BOOT), SOURCE, 0.0)
    assert isinstance(say(end, Type.ACK, bytes(32)).event, Spoke)


def test_notice_of_an_earlier_boot_is_dropped() -> None:
    end = server()
    handshake(end, boot_id=NEXT_BOOT)
    assert end.receive(notice_of(BOOT), SOURCE, 0.0) == Heard()
    assert end.dropped == {Drop.BOOT: 1}


def test_ticket_of_one_system_is_none_for_another() -> None:
    forged = dump_notice(key(2).key_id, ticket_for(ALPHA, BOOT), BOOT)
    assert server().receive(forged, SOURCE, 0.0) == Heard()


def test_ticket_of_one_boot_is_none_for_another() -> None:
    forged = dump_notice(ALPHA.key_id, ticket_for(ALPHA, BOOT), NEXT_BOOT)
    assert server().receive(forged, SOURCE, 0.0) == Heard()


def test_taken_places_are_refused() -> None:
    for taken in (
        key(1),
        key(1, generation=2, port=30003),
        key(1, generation=2, vm="guest"),
    ):
        with pytest.raises(BadKeyError):
            server().add(taken)


def test_system_with_a_key_takes_no_second_system_id() -> None:
    with pytest.raises(BadKeyError):
        ServerEnd([ALPHA, replace(key(2), number=1)], nonces())
