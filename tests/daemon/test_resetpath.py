"""The reset path, with monitors on real sockets: who is answered, where, and when."""

import os
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import trio

from haconn.core.actions import TellNotices, TellResult
from haconn.core.events import Resumed
from haconn.core.model import Instant, SystemKey
from haconn.core.reset import Command, Evidence, Outcome
from haconn.core.system import Status
from haconn.daemon import translation
from haconn.daemon.datagrams import Datagrams
from haconn.daemon.journal_reading import read
from haconn.daemon.resetpath import QUESTIONS_MAX, Recent
from haconn.wire.client import ClientEnd
from haconn.wire.client_events import CheckAnswered, RegisterAnswered
from haconn.wire.codes import Doubt, NoticeState, Proof, Type, Verdict
from haconn.wire.frame import parse
from tests.daemon.parts import A, B
from tests.daemon.site import NETWORK, PATIENCE_S, site
from tests.wire.parts import ALPHA, BETA, BOOT, FOREIGN, GAMMA, hello, key

HOSTS = tuple(f"{NETWORK}.{n}" for n in (1, 2, 3))


async def test_a_request_is_carried_out_and_its_result_told(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        alpha = await s.monitor(ALPHA, HOSTS[0])
        await s.monitor(BETA, HOSTS[1])
        with trio.fail_after(PATIENCE_S):
            heard = await alpha.request_reset(BETA.system)
        assert (heard.result.verdict, heard.result.proof) == (Verdict.DUMP, Proof.RESET_ACCEPTED)
        assert s.bmcs["server2"].performed == [Command.SOFT_RESET, Command.HARD_RESET]
        with trio.fail_after(PATIENCE_S):
            while s.owner.world.asked.being_told():
                await s.owner.moved()


async def test_a_third_system_is_notified_where_it_registered(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        alpha = await s.monitor(ALPHA, HOSTS[0])
        gamma = await s.monitor(GAMMA, HOSTS[2])
        with trio.fail_after(PATIENCE_S):
            await alpha.request_reset(BETA.system)
            while not gamma.notices or s.owner.world.outbox.boxes:
                await s.owner.moved()
        notice = gamma.notices[0][1]
        assert (notice.system, notice.state) == (BETA.system, NoticeState.REBOOT)
        assert notice.proof is Proof.RESET_ACCEPTED


class Wanderer:
    """A monitor that registers at home and then speaks from elsewhere."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.client = ClientEnd(ALPHA, BOOT, os.urandom, trio.current_time())
        self.server = server
        self.home = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.home.bind((HOSTS[0], ALPHA.port))
        self.away = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.away.bind((HOSTS[1], 0))
        self.heard = {self.home: list[int](), self.away: list[int]()}
        self.registered = False

    async def speak(self, mouth: socket.socket, until: Callable[[], bool]) -> None:
        while not until():
            for datagram in self.client.due(trio.current_time()).datagrams:
                mouth.sendto(datagram, self.server)
            await trio.sleep(0.02)
            for ears in (self.home, self.away):
                self._listen(ears, mouth)

    def _listen(self, ears: socket.socket, mouth: socket.socket) -> None:
        try:
            datagram = ears.recv(2048, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        self.heard[ears].append(parse(datagram).type)
        if parse(datagram).type != Type.RESULT:
            told = self.client.receive(datagram, trio.current_time())
            self.registered |= any(isinstance(event, RegisterAnswered) for event in told.events)
            for answer in told.datagrams:
                mouth.sendto(answer, self.server)

    def close(self) -> None:
        self.home.close()
        self.away.close()


async def test_a_result_goes_to_the_source_of_the_request_and_to_the_registered_place(
    tmp_path: Path,
) -> None:
    """A requester whose address moved hears it all the same."""
    async with site(tmp_path) as s:
        wanderer = Wanderer(s.place)
        with closing(wanderer), trio.fail_after(PATIENCE_S):
            await wanderer.speak(wanderer.home, lambda: wanderer.registered)
            wanderer.client.request_reset(BETA.system, trio.current_time())
            home, away = wanderer.heard[wanderer.home], wanderer.heard[wanderer.away]
            home.clear()
            await wanderer.speak(wanderer.away, lambda: Type.RESULT in home)
            await wanderer.speak(wanderer.away, lambda: Type.RESULT in away)
        assert Type.ACK in away
        assert Type.ACK not in home, "an ACK goes to its source only"


async def test_without_a_session_a_result_becomes_a_challenge(tmp_path: Path) -> None:
    """As after a restart: one round trip later it can be told."""
    async with site(tmp_path) as s:
        ears = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ears.bind((HOSTS[0], ALPHA.port))
        ears.setblocking(False)
        alpha = s.owner.world.systems[ALPHA.system]
        place = TellNotices(ALPHA.system, HOSTS[0], ALPHA.port, ())
        assert alpha.registration is None
        s.reset_path.tell_notices(place)
        with trio.fail_after(PATIENCE_S):
            await trio.lowlevel.wait_readable(ears)
        assert parse(ears.recv(2048)).type == Type.CHALLENGE
        ears.close()


async def test_a_check_is_answered_target_by_target(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        alpha = await s.monitor(ALPHA, HOSTS[0])
        with trio.fail_after(PATIENCE_S):
            answer = await alpha.check([BETA.system, FOREIGN.system])
        assert isinstance(answer, CheckAnswered)
        known, unknown = answer.checkups
        assert not known.doubt & Doubt.UNRESETTABLE
        assert known.doubt & Doubt.REDUNDANCY, "a single management server is no redundancy"
        assert unknown.doubt & Doubt.UNKNOWN


async def test_a_request_that_the_key_may_not_make_is_told_error_and_resets_nothing(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as s:
        alpha = await s.monitor(ALPHA, HOSTS[0])
        for target in (ALPHA.system, FOREIGN.system):
            with trio.fail_after(PATIENCE_S):
                heard = await alpha.request_reset(target)
            assert heard.result.verdict is Verdict.ERROR
        assert not any(bmc.performed for bmc in s.bmcs.values())
        declined = [asked.outcome for asked in s.owner.world.asked.values()]
        assert declined == [Outcome.ERROR, Outcome.ERROR]


async def test_a_retired_key_is_silent_at_once_and_its_reset_goes_on(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        alpha = await s.monitor(ALPHA, HOSTS[0])
        beta = await s.monitor(BETA, HOSTS[1])
        s.nursery.start_soon(alpha.request_reset, BETA.system)
        with trio.fail_after(PATIENCE_S):
            while not s.bmcs["server2"].performed:
                await s.owner.moved()
        s.reset_path.exchange_keys([ALPHA.key_id], [])
        with trio.fail_after(PATIENCE_S):
            while s.owner.world.systems[BETA.system].reset is not None:
                await s.owner.moved()
        assert s.bmcs["server2"].performed[-1] is Command.HARD_RESET
        assert s.owner.world.systems[BETA.system].status is Status.DUMP
        before = len(alpha.events)
        await trio.sleep(0.5)
        assert len(alpha.events) == before
        assert beta.boot_id


async def test_a_new_key_is_heard_at_once(tmp_path: Path) -> None:
    async with site(tmp_path, (ALPHA, BETA)) as s:
        s.reset_path.exchange_keys([], [GAMMA])
        await s.monitor(GAMMA, HOSTS[2])
        assert s.reset_path._end.in_session(GAMMA.system)


async def test_a_new_generation_of_a_key_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        await s.monitor(ALPHA, HOSTS[0])
        newer = key(1, generation=2)
        s.reset_path.exchange_keys([ALPHA.key_id], [newer])
        assert not s.reset_path._end.in_session(ALPHA.system)
        await s.monitor(newer, HOSTS[1])
        assert s.reset_path._end.in_session(ALPHA.system)


async def test_a_result_for_a_system_that_is_gone_is_told_to_nobody(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        s.reset_path.exchange_keys([ALPHA.key_id], [])
        del s.owner.world.systems[ALPHA.system]
        s.reset_path.tell_result(
            TellResult(
                ALPHA.system,
                "ab" * 16,
                BETA.system,
                Outcome.DUMP,
                Evidence.STOP_NOTICE,
                Instant(0.0),
            )
        )


async def test_at_activation_registered_systems_are_asked_for_a_session(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        alpha = await s.monitor(ALPHA, HOSTS[0])
        s.reset_path._end.retire(ALPHA.key_id)
        s.reset_path._end.add(ALPHA)
        assert not s.reset_path._end.in_session(ALPHA.system)
        s.owner.take(Resumed())
        s.nursery.start_soon(s.reset_path.renew)
        with trio.fail_after(PATIENCE_S):
            while not s.reset_path._end.in_session(ALPHA.system):
                await s.owner.moved()
        assert alpha.boot_id


async def test_a_stop_notice_is_in_the_journal_when_it_is_acknowledged(tmp_path: Path) -> None:
    """Its sender does not say it again."""
    async with site(tmp_path) as s:
        beta = await s.monitor(BETA, HOSTS[1])
        order: list[str] = []
        send = s.reset_path._send

        class Ears(Datagrams):
            def send(self, datagram: bytes, place: tuple[str, int]) -> None:
                order.append(f"{read(tmp_path).systems[BETA.system].status.value}")
                s.reset_path._socket = socket_before
                send(datagram, place)

        socket_before = s.reset_path._socket
        listening = Ears("127.0.0.1", 0)
        with closing(listening), trio.fail_after(PATIENCE_S):
            s.reset_path._socket = listening
            await beta.dump_notify()
        assert order == ["dump"]


def test_what_is_remembered_of_questions_is_bounded_and_the_oldest_goes() -> None:
    recent = Recent[int]()
    recent.put((B, "another's"), 7)
    for n in range(3 * QUESTIONS_MAX):
        recent.put((A, f"{n}"), n)
        recent.put((A, "asked again and again"), n)
    assert len(recent._kept[A]) == QUESTIONS_MAX
    assert recent.get((B, "another's")) == 7
    assert recent.get((SystemKey(1, 1), "nobody's")) is None
    assert recent.get((A, "0")) is None
    assert recent.get((A, f"{3 * QUESTIONS_MAX - 1}")) == 3 * QUESTIONS_MAX - 1
    assert recent.get((A, "asked again and again")) is not None


async def test_what_the_kernel_does_not_take_is_counted_and_no_error() -> None:
    datagrams = Datagrams("127.0.0.1", 0)
    datagrams.send(b"x" * 70_000, ("127.0.0.1", 9))
    datagrams.send(b"x", ("127.0.0.1", 0))
    assert sum(datagrams.failed.values()) == 2
    datagrams.close()


async def test_icmp_about_what_was_sent_does_not_end_the_listening() -> None:
    datagrams = Datagrams("127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        gone = other.getsockname()
    datagrams.send(b"to nobody", gone)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hello", datagrams._socket.getsockname())
        with trio.fail_after(PATIENCE_S):
            assert (await datagrams.receive())[0] == b"hello"
    datagrams.close()


def test_every_word_of_the_core_has_one_of_the_wire() -> None:
    assert translation.VERDICT_OF.keys() == set(Outcome)
    assert translation.PROOF_OF.keys() == {None, *Evidence}
    assert len(set(translation.PROOF_OF.values())) == len(translation.PROOF_OF)


def test_a_record_may_hold_what_was_never_a_request_id() -> None:
    assert translation.request_id("ab" * 16) == b"\xab" * 16
    for text in ("", "a1", "zz" * 16, "ab" * 17):
        assert translation.request_id(text) is None


async def test_at_its_keys_limit_a_system_is_asked_at_its_registered_place(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        await s.monitor(ALPHA, HOSTS[0])
        sessions = s.reset_path._end._handshakes.sessions
        former = sessions[ALPHA.system].id
        recorded = hello(ALPHA, session=b"old session here")
        for number in range(400):
            s.reset_path.hear(recorded, (f"192.0.2.{number % 200}", 9))
        with trio.fail_after(PATIENCE_S):
            while sessions[ALPHA.system].id == former:
                await s.owner.moved()
