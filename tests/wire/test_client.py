"""A client's end: its handshake, its patience, and what it believes."""

from dataclasses import replace

import pytest

from haconn.core.model import SystemKey
from haconn.wire.client import ClientEnd
from haconn.wire.client_events import (
    CheckAnswered,
    CheckUnanswered,
    FarewellAcknowledged,
    NoticeHeard,
    RegisterAnswered,
    RequestAcknowledged,
    ResultHeard,
    SessionRefused,
    SessionUp,
)
from haconn.wire.codes import Doubt, NoticeState, Proof, Status, Type, Verdict
from haconn.wire.events import (
    Bye,
    Checked,
    NoticeAcknowledged,
    Registered,
    ResetRequested,
    ResultAcknowledged,
    SessionBegun,
    StopNotice,
)
from haconn.wire.frame import Frame, WireError, parse, seal
from haconn.wire.keys import derive
from haconn.wire.payloads import Challenge, Checkup, Hello, Notice
from haconn.wire.server import ServerEnd
from tests.wire.parts import (
    ALPHA,
    ALPHA_SYSTEM,
    BETA_SYSTEM,
    BOOT,
    GAMMA_SYSTEM,
    KEYS,
    Line,
    key,
    line,
    nonces,
    server,
)

DUMP = (Verdict.DUMP, Proof.STOP_NOTICE, 0.25)


def up() -> Line:
    alpha = line()
    alpha.run(0.0)
    return alpha


def alone(register: bool = True) -> ClientEnd:
    """A client that nobody answers."""
    return ClientEnd(ALPHA, BOOT, nonces(), 0.0, register=register)


def times(client: ClientEnd, until: float) -> list[float]:
    """When an unanswered client speaks."""
    found = []
    while (due := client.next_due()) is not None and due <= until:
        found += [round(due, 3)] * len(client.due(due).datagrams)
    return found


def test_client_greets_proves_and_registers_in_two_round_trips() -> None:
    alpha = up()
    kinds = [parse(datagram).type for datagram in alpha.sent]
    assert kinds == [Type.HELLO, Type.HELLO, Type.REGISTER]
    assert [type(one) for one in alpha.told] == [SessionUp, RegisterAnswered]
    assert [type(one) for one in alpha.heard] == [SessionBegun, Registered]
    assert alpha.client.next_due() is None


def test_every_datagram_has_the_next_seq_of_one_session() -> None:
    frames = [parse(datagram) for datagram in up().sent]
    assert [frame.seq for frame in frames] == [1, 2, 3]
    assert len({frame.session for frame in frames}) == 1


def test_every_payload_is_long_enough_to_be_answered() -> None:
    alpha = up()
    alpha.client.check([BETA_SYSTEM], 0.0)
    alpha.client.request_reset(BETA_SYSTEM, 0.0)
    alpha.client.bye(0.0)
    alpha.run(0.0)
    assert all(len(parse(datagram).payload) >= 32 for datagram in alpha.sent)


def test_unanswered_hello_is_repeated_ever_more_slowly() -> None:
    assert times(alone(), 13.0) == [0.0, 0.2, 0.6, 1.4, 3.0, 6.2, 9.4, 12.6]


def test_proof_that_is_never_acknowledged_ends_in_a_new_greeting() -> None:
    client, end = alone(), server()
    (greeting,) = client.due(0.0).datagrams
    (challenge,) = end.receive(greeting, ("192.0.2.1", 1), 0.0).datagrams
    (proof,) = client.receive(challenge, 0.0).datagrams
    assert Hello.parse(parse(proof).payload).server_nonce != bytes(16)
    sessions = []
    while (due := client.next_due()) is not None and due <= 6.3:
        sessions += [parse(one).session for one in client.due(due).datagrams]
    assert len(set(sessions)) == 2


def test_without_register_the_session_is_all() -> None:
    alpha = Line(server(), ClientEnd(ALPHA, BOOT, nonces(), 0.0, register=False))
    alpha.run(0.0)
    assert [parse(datagram).type for datagram in alpha.sent] == [Type.HELLO, Type.HELLO]


def test_refused_registration_is_told_and_not_repeated() -> None:
    renamed = replace(ALPHA, server="another")
    alpha = Line(server(), ClientEnd(renamed, BOOT, nonces(3), 0.0))
    alpha.run(10.0)
    assert RegisterAnswered(Status.BINDING) in alpha.told
    assert len(alpha.sent) == 3


def test_refused_hello_is_told() -> None:
    elsewhere = replace(ALPHA, port=30009)
    alpha = Line(server(), ClientEnd(elsewhere, BOOT, nonces(3), 0.0))
    alpha.run(0.0)
    assert SessionRefused(Status.BINDING) in alpha.told


def test_request_is_repeated_fast_until_acknowledged_then_slowly_until_the_result() -> None:
    alpha = up()
    lost = ClientEnd(ALPHA, BOOT, nonces(5), 0.0)
    quiet = Line(server(), lost)
    quiet.run(0.0)
    request_id = lost.request_reset(BETA_SYSTEM, 10.0)
    assert times(lost, 11.0) == [10.0, 10.2, 10.4, 10.6, 10.8, 11.0]
    request_id = alpha.client.request_reset(BETA_SYSTEM, 10.0)
    alpha.now = 10.0
    alpha.run(12.5)
    requests = [event for event in alpha.heard if isinstance(event, ResetRequested)]
    assert len(requests) == 3
    assert alpha.told.count(RequestAcknowledged(request_id)) == 1
    alpha.deliver(alpha.end.result(ALPHA_SYSTEM, request_id, BETA_SYSTEM, *DUMP))
    assert isinstance(alpha.heard[-1], ResultAcknowledged)
    assert alpha.client.next_due() is None


def test_result_is_told_once_and_acknowledged_each_time() -> None:
    alpha = up()
    request_id = alpha.client.request_reset(BETA_SYSTEM, 0.0)
    alpha.run(0.0)
    for _ in range(3):
        alpha.deliver(alpha.end.result(ALPHA_SYSTEM, request_id, BETA_SYSTEM, *DUMP))
    told = [event for event in alpha.told if isinstance(event, ResultHeard)]
    assert [one.result.proof_age_s for one in told] == [0.25]
    assert sum(isinstance(event, ResultAcknowledged) for event in alpha.heard) == 3


@pytest.mark.parametrize("target", [BETA_SYSTEM, GAMMA_SYSTEM])
def test_result_of_no_request_of_mine_is_acknowledged_and_not_believed(
    target: SystemKey,
) -> None:
    alpha = up()
    asked = alpha.client.request_reset(BETA_SYSTEM, 0.0)
    request_id = bytes(16) if target == BETA_SYSTEM else asked
    alpha.run(0.0)
    alpha.deliver(alpha.end.result(ALPHA_SYSTEM, request_id, target, *DUMP))
    assert not any(isinstance(event, ResultHeard) for event in alpha.told)
    assert isinstance(alpha.heard[-1], ResultAcknowledged)


def test_request_that_is_an_error_is_told_as_such() -> None:
    alpha = up()
    alpha.client.request_reset(ALPHA_SYSTEM, 0.0)
    alpha.run(0.0)
    (told,) = (event for event in alpha.told if isinstance(event, ResultHeard))
    assert told.result.verdict is Verdict.ERROR


def test_check_is_answered() -> None:
    alpha = up()
    token = alpha.client.check([BETA_SYSTEM], 0.0)
    alpha.run(0.0)
    checked = alpha.heard[-1]
    assert isinstance(checked, Checked)
    checkup = Checkup(BETA_SYSTEM, Doubt.UNRESETTABLE, 30.0)
    alpha.deliver(alpha.end.check_reply(checked, [checkup]))
    alpha.deliver(alpha.end.check_reply(checked, [checkup]))
    answers = [event for event in alpha.told if isinstance(event, CheckAnswered)]
    assert answers == [CheckAnswered(token, (checkup,))]


def test_unanswered_check_is_told_after_three_seconds() -> None:
    alpha = up()
    token = alpha.client.check([BETA_SYSTEM], 1.0)
    assert times(alpha.client, 3.9) == [1.0, 1.2, 1.6, 2.4]
    assert alpha.client.next_due() == 4.0
    assert alpha.client.due(4.0).events == (CheckUnanswered(token),)
    assert alpha.client.next_due() is None


def test_check_expires_without_any_session() -> None:
    client = alone()
    token = client.check([BETA_SYSTEM], 0.0)
    assert client.due(3.0).events == (CheckUnanswered(token),)


def notice(serial: int) -> Notice:
    return Notice(BETA_SYSTEM, serial, NoticeState.REBOOT, Proof.RESET_ACCEPTED, 1.0)


def test_notice_is_told_once_for_each_serial_and_acknowledged_each_time() -> None:
    alpha = up()
    for serial in (1, 1, 2):
        for datagram in alpha.end.notify(ALPHA_SYSTEM, [notice(serial)]):
            alpha.deliver(datagram)
    told = [event for event in alpha.told if isinstance(event, NoticeHeard)]
    assert [one.notice.serial for one in told] == [1, 2]
    acknowledged = [event for event in alpha.heard if isinstance(event, NoticeAcknowledged)]
    assert [one.notices[0].serial for one in acknowledged] == [1, 1, 2]


def test_repeated_datagram_of_the_server_is_nothing() -> None:
    alpha = up()
    (datagram,) = alpha.end.notify(ALPHA_SYSTEM, [notice(1)])
    alpha.deliver(datagram)
    again = alpha.client.receive(datagram, 0.0)
    assert not again.datagrams
    assert not again.events


def test_unasked_challenge_renews_session_and_registration() -> None:
    alpha = up()
    alpha.end = server(salt=4)
    alpha.now = 5.0
    for datagram in alpha.end.challenge(ALPHA_SYSTEM, 5.0):
        alpha.deliver(datagram)
    assert [type(one) for one in alpha.heard[-2:]] == [SessionBegun, Registered]
    assert sum(isinstance(event, SessionUp) for event in alpha.told) == 2


def test_recorded_challenge_costs_one_handshake_a_second_and_nothing_else() -> None:
    alpha = up()
    (recorded,) = alpha.end.challenge(ALPHA_SYSTEM, 0.0)
    alpha.now = 10.0
    for _ in range(50):
        alpha.deliver(recorded)
    assert sum(isinstance(event, SessionBegun) for event in alpha.heard) == 2
    assert alpha.client.in_session


def test_old_session_serves_until_the_new_one_is_acknowledged() -> None:
    alpha = up()
    (recorded,) = alpha.end.challenge(ALPHA_SYSTEM, 0.0)
    alpha.client.receive(recorded, 10.0)
    for datagram in alpha.end.notify(ALPHA_SYSTEM, [notice(1)]):
        alpha.deliver(datagram)
    assert isinstance(alpha.told[-1], NoticeHeard)


def test_challenge_of_a_smaller_epoch_is_ignored_for_ten_seconds() -> None:
    alpha = up()
    older = ServerEnd(KEYS, nonces(8), epoch=4)
    (challenge,) = older.challenge(ALPHA_SYSTEM, 9.9)
    assert not alpha.client.receive(challenge, 9.9).datagrams
    assert alpha.client.receive(challenge, 10.0).datagrams


def test_challenge_for_another_session_or_nonce_is_ignored() -> None:
    client = alone()
    (greeting,) = client.due(0.0).datagrams
    session = parse(greeting).session
    for place, client_nonce in ((session, b"?" * 16), (b"?" * 16, bytes(16))):
        payload = Challenge(b"N" * 16, client_nonce).encode()
        frame = Frame(Type.CHALLENGE, ALPHA.key_id, 0, place, 0, 0, payload)
        datagram = seal(derive(ALPHA.master).to_client, frame)
        assert not client.receive(datagram, 0.0).datagrams


def test_given_up_request_is_void_with_its_session() -> None:
    alpha = up()
    request_id = alpha.client.request_reset(BETA_SYSTEM, 0.0)
    on_its_way = alpha.client.due(0.0).datagrams
    alpha.client.give_up(request_id, 0.0)
    alpha.run(0.0)
    for datagram in on_its_way:
        assert alpha.end.receive(datagram, alpha.source, 1.0).event is None
    assert not any(isinstance(event, ResetRequested) for event in alpha.heard)


def test_bye_and_stop_notice_are_repeated_until_acknowledged() -> None:
    alpha = up()
    alpha.client.bye(0.0)
    alpha.client.dump_notify(0.0)
    alpha.run(0.0)
    assert [type(one) for one in alpha.heard[-2:]] == [StopNotice, Bye]
    assert FarewellAcknowledged(Type.BYE, Status.DONE) in alpha.told
    assert alpha.client.next_due() is None
    alpha.client.bye(5.0)
    assert times(alpha.client, 99.0) == [5.0, 5.2, 5.4, 5.6, 5.8, 6.0]


def test_requests_of_a_lost_server_are_said_again_to_the_new_one() -> None:
    alpha = up()
    alpha.client.request_reset(BETA_SYSTEM, 0.0)
    alpha.run(0.0)
    alpha.end = server(salt=4)
    alpha.run(1.0)
    last = alpha.heard[-1]
    assert isinstance(last, ResetRequested)
    assert last.session_begun_at == 1.0


def test_boot_id_that_is_none_is_refused() -> None:
    with pytest.raises(WireError):
        ClientEnd(key(1), "no boot id", nonces(), 0.0)
