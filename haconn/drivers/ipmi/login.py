"""Logging in to a BMC: six exchanges, each verified, ending with keys or one clear sentence.

  1. Get Channel Authentication Capabilities, outside any session. It shows that the BMC is alive
     and speaks IPMI 2.0; some BMCs answer no Open Session before it.
  2. Open Session with one suite. The suite in the answer must be the one we asked for.
  3. RAKP 1 and 2: the BMC proves that it knows the password.
  4. RAKP 3 and 4: we prove it, and the BMC proves that it made the same session key.
  (5. Set Session Privilege Level follows inside the session: session.py.)

Suites are tried in the caller's order. The next one is tried in two cases: the BMC says that it
does not offer the suite, or it answers with another suite that the caller allows too (pyghmi's BMC
answers every request with suite 3). An answer with a suite that is not allowed ends the login.
A BMC that answers outside a session and is silent to a login with one suite gets the next: some
drop what names algorithms they do not know.

Login messages are repeated, unchanged, while no answer comes; how soon follows the BMC's measured
answer time (haconn/drivers/answer_times.py). A BMC may take a repetition for a second login. If it
goes on to refuse the first, one more attempt with new ids and a new source port is made; if it
opened a second session for a repeated Open Session, that one is given back.

A login that fails or is cancelled gives its half-open session back and closes its socket: real
BMCs have about four slots, and hold such a one for half a minute or more.
"""

import ipaddress
import os
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, TypeVar

import trio

from haconn.core.model import Secret
from haconn.drivers.answer_times import ASKINGS, AnswerTimes
from haconn.drivers.base import (
    DeviceFault,
    DeviceSilent,
    DeviceUnreachable,
    LoginRefused,
    NoFreeSession,
)
from haconn.drivers.ipmi import meanings, message, packet, rakp
from haconn.drivers.ipmi.channel import Channel
from haconn.drivers.ipmi.packet import CodecError, Kind
from haconn.drivers.ipmi.suite import SUITES, Suite, suite_of
from haconn.drivers.ipmi.wire import Wire

FIRST_READ_S: Final = 0.25
"""How long a BMC that was never measured is given for a read."""
FIRST_LOGIN_S: Final = 0.5
"""Longer than for reads, and never less, however fast the BMC reads: a small BMC may compute for
half a second, and a repetition costs it more."""

T = TypeVar("T")
L = TypeVar("L", rakp.Opened, rakp.Challenge, rakp.Admission)


@dataclass(frozen=True, slots=True)
class BmcAddress:
    """Where a BMC is and how to log in to it. Raises ValueError for what can never be one."""

    host: str
    """IPv4 address in numbers: a name would be looked up, and that blocks."""
    port: int
    account: str
    password: Secret
    suites: tuple[int, ...]
    """Cipher suites in order of preference: (17,), (3,), or (17, 3) for auto."""

    def __post_init__(self) -> None:
        ipaddress.IPv4Address(self.host)
        if not self.suites or not set(self.suites) <= SUITES.keys():
            raise ValueError(f"cipher suites are 17 and 3, not {self.suites}")


class BmcTimes:
    """The answer times of one BMC; its logins are measured apart, since they are computed."""

    def __init__(self) -> None:
        self.reads: Final = AnswerTimes(FIRST_READ_S)
        self.logins: Final = AnswerTimes(FIRST_LOGIN_S, FIRST_LOGIN_S)


class _SuiteRefused(LoginRefused):
    """The BMC will not use this suite; it may have answered with another one of ours."""

    def __init__(self, sentence: str, instead: int | None) -> None:
        super().__init__(sentence)
        self.instead = instead


class _RefusedAfterRepetition(LoginRefused):
    """Perhaps the BMC refused our own repetition: worth one more attempt."""


class _SuiteSilent(DeviceSilent):
    """The BMC answers outside a session, and not to a login with this suite."""


async def connect(bmc: BmcAddress, ignored: Counter[str], times: BmcTimes) -> tuple[Wire, Channel]:
    """Log in; the caller owns the socket and closes it.

    `ignored` counts what was received and not believed, by reason. `times` is what was measured of
    this BMC so far, and is added to.

    Raises:
        DeviceSilent: no answer to the last repetition of a login message.
        DeviceUnreachable: ICMP, or no route.
        LoginRefused: with one sentence that says what is wrong.
        DeviceFault: an authentic answer that makes no sense.
    """
    untried, refusals, refused = list(bmc.suites), list[str](), False
    while untried:
        suite = SUITES[untried.pop(0)]
        try:
            return await _attempt_twice(bmc, suite, ignored, times)
        except _SuiteSilent as silence:
            refusals.append(str(silence))
        except _SuiteRefused as refusal:
            refusals.append(str(refusal))
            refused = True
            if refusal.instead is not None:
                untried = [refusal.instead] if refusal.instead in untried else []
    raise (LoginRefused if refused else DeviceSilent)("; ".join(refusals))


async def ask_outside(
    wire: Wire, ignored: Counter[str], times: AnswerTimes
) -> message.Capabilities:
    """Ask for the authentication capabilities of the BMC's channel: a read, outside any session.

    Raises DeviceSilent, DeviceUnreachable, and DeviceFault for a completion code.
    """
    number = os.urandom(1)[0] & 0x3F

    def read(datagram: bytes) -> message.Response | None:
        response = message.parse_response(packet.parse_outside(datagram))
        fits = response.number == number and message.answers(response, message.CAPABILITIES)
        return response if fits else None

    request = packet.encode_outside(message.encode_request(message.CAPABILITIES, number))
    response, _ = await _ask(wire, request, read, times, ignored)
    try:
        if response.code:
            raise CodecError(meanings.completion(response.code))
        return message.parse_capabilities(response)
    except CodecError as exc:
        raise DeviceFault(f"authentication capabilities: {exc}") from exc


def connect_wire(bmc_host: str, port: int) -> Wire:
    """Make the socket; DeviceUnreachable if this machine has no route to the BMC."""
    try:
        return Wire(bmc_host, port)
    except OSError as exc:
        raise DeviceUnreachable(exc.strerror or str(exc)) from exc


async def _attempt_twice(
    bmc: BmcAddress, suite: Suite, ignored: Counter[str], times: BmcTimes
) -> tuple[Wire, Channel]:
    try:
        return await _attempt(bmc, suite, ignored, times)
    except _RefusedAfterRepetition:
        return await _attempt(bmc, suite, ignored, times)


async def _attempt(
    bmc: BmcAddress, suite: Suite, ignored: Counter[str], times: BmcTimes
) -> tuple[Wire, Channel]:
    account, password = bmc.account.encode(), bmc.password.reveal().encode()
    if len(account) > rakp.ACCOUNT_BYTES_MAX or len(password) > rakp.PASSWORD_BYTES_MAX:
        raise LoginRefused("IPMI 2.0 has at most 16 bytes of account and 20 bytes of password")
    wire = connect_wire(bmc.host, bmc.port)
    with ExitStack() as unless_logged_in:
        unless_logged_in.callback(wire.close)
        capabilities = await ask_outside(wire, ignored, times.reads)
        if not capabilities.rmcp_plus:
            raise LoginRefused("the BMC does not offer IPMI 2.0 (RMCP+) on this channel")
        login = _Login(wire, suite, ignored, times)
        try:
            opened = await login.open()
            unless_logged_in.callback(login.give_up, opened.bmc)
            handshake = await login.challenge(opened.bmc, account, password)
            await login.admit(handshake, two_keys=capabilities.two_keys)
        except DeviceSilent as silence:
            raise _SuiteSilent(f"cipher suite {suite.number}: {silence}") from silence
        unless_logged_in.pop_all()
    return wire, Channel(handshake)


class _Login:
    """One attempt with one suite: its ids, and the three exchanges that make a session."""

    def __init__(self, wire: Wire, suite: Suite, ignored: Counter[str], times: BmcTimes) -> None:
        self._wire: Final = wire
        self._suite: Final = suite
        self._ignored: Final = ignored
        self._times: Final = times
        self._tag: Final = os.urandom(1)[0]
        self._console: Final = int.from_bytes(os.urandom(4), "little") | 1  # never 0
        self._repeated = False
        self._opened: int | None = None
        """The BMC's id of the session that this login goes on with."""

    async def open(self) -> rakp.Opened:
        """Open a session with our suite and no other."""
        request = rakp.encode_open(self._tag, self._console, self._suite)
        opened = await self._exchange(
            Kind.OPEN_REQUEST, request, Kind.OPEN_RESPONSE, rakp.parse_opened
        )
        if opened.status in meanings.NO_SUITE_MATCH:
            meaning = meanings.login_status(opened.status)
            raise _SuiteRefused(f"cipher suite {self._suite.number}: {meaning}", None)
        self._check_status(opened.status)
        if opened.algorithms != self._suite.algorithms:
            raise self._downgrade(opened)
        self._opened = opened.bmc
        return opened

    async def challenge(self, bmc: int, account: bytes, password: bytes) -> rakp.Handshake:
        """Name the account, and have the BMC prove that it knows the password."""
        console_random = os.urandom(16)
        challenge = await self._exchange(
            Kind.RAKP_1,
            rakp.encode_rakp_1(self._tag, bmc, console_random, account),
            Kind.RAKP_2,
            lambda payload: rakp.parse_rakp_2(payload, self._suite),
        )
        self._check_status(challenge.status)
        handshake = rakp.Handshake(
            suite=self._suite,
            account=account,
            password=password,
            console=self._console,
            bmc=bmc,
            console_random=console_random,
            bmc_random=challenge.random,
            guid=challenge.guid,
        )
        if not handshake.believes(challenge):
            raise self._refusal("wrong password, or not our BMC: the code of RAKP 2 does not match")
        return handshake

    async def admit(self, handshake: rakp.Handshake, *, two_keys: bool) -> None:
        """Prove the password, and have the BMC prove that it made the same key."""
        admission = await self._exchange(
            Kind.RAKP_3,
            rakp.encode_rakp_3(self._tag, 0, handshake.bmc, handshake.proof),
            Kind.RAKP_4,
            lambda payload: rakp.parse_rakp_4(payload, self._suite),
        )
        self._check_status(admission.status)
        if not handshake.admits(admission):
            raise self._refusal(
                "the BMC has a channel key (Kg) set, and haconn has none"
                if two_keys
                else "the BMC made another session key: the check value of RAKP 4 does not match"
            )

    async def _exchange(
        self, kind: Kind, request: bytes, answer: Kind, parse: Callable[[bytes], L]
    ) -> L:
        def read(datagram: bytes) -> L | None:
            self._give_second_back(datagram)
            parsed = parse(packet.parse_setup(datagram, answer))
            to_us = parsed.console in ((self._console, 0) if parsed.status else (self._console,))
            return parsed if to_us and parsed.tag == self._tag else None

        datagram = packet.encode_setup(kind, request)
        times = self._times
        at_least_s = times.reads.timeout_s
        parsed, sent = await _ask(
            self._wire, datagram, read, times.logins, self._ignored, at_least_s
        )
        self._repeated |= sent > 1
        return parsed

    def _give_second_back(self, datagram: bytes) -> None:
        """Give back what the BMC opened for a repetition of Open Session, ours or the network's."""
        if self._opened is None:
            return
        try:
            second = rakp.parse_opened(packet.parse_setup(datagram, Kind.OPEN_RESPONSE))
        except CodecError:
            return
        ours = (second.tag, second.console, second.status) == (self._tag, self._console, 0)
        if ours and second.bmc != self._opened:
            self.give_up(second.bmc)

    def _check_status(self, status: int) -> None:
        if status in meanings.NO_FREE_SESSION:
            raise NoFreeSession(meanings.login_status(status))
        if status:
            raise self._refusal(meanings.login_status(status))

    def _refusal(self, sentence: str) -> LoginRefused:
        return (_RefusedAfterRepetition if self._repeated else LoginRefused)(sentence)

    def _downgrade(self, opened: rakp.Opened) -> _SuiteRefused:
        instead = suite_of(opened.algorithms) if opened.algorithms else None
        named = f"suite {instead}" if instead else f"algorithms {opened.algorithms}"
        return _SuiteRefused(
            f"asked for cipher suite {self._suite.number}, the BMC answered with {named}",
            instead or 0,  # 0: it answered with something, and that is none of ours
        )

    def give_up(self, bmc: int) -> None:
        """Have the BMC free the slot now instead of after its timeout; one datagram, unanswered."""
        request = rakp.encode_rakp_3(self._tag, rakp.INVALID_CHECK_VALUE, bmc, b"")
        try:
            self._wire.send(packet.encode_setup(Kind.RAKP_3, request))
        except OSError:
            self._ignored["login given up: not sent"] += 1


async def _ask(
    wire: Wire,
    datagram: bytes,
    read: Callable[[bytes], T | None],
    times: AnswerTimes,
    ignored: Counter[str],
    at_least_s: float = 0.0,
) -> tuple[T, int]:
    """Send until `read` finds the answer; give it and how often was sent."""
    began = trio.current_time()
    for sent, interval in zip(range(1, ASKINGS + 1), times.intervals(at_least_s), strict=False):
        try:
            wire.send(datagram)
            with trio.move_on_after(interval):
                found = await _first(wire, read, ignored)
                times.answered(trio.current_time() - began, sent)
                return found, sent
        except BlockingIOError:
            await trio.sleep(interval)  # the send buffer is full: as if it was lost
        except OSError as exc:
            raise DeviceUnreachable(exc.strerror or str(exc)) from exc
    waited_s = trio.current_time() - began
    raise DeviceSilent(f"no answer within {waited_s:.1f} s, asked {ASKINGS} times")


async def _first(wire: Wire, read: Callable[[bytes], T | None], ignored: Counter[str]) -> T:
    while True:
        datagram = await wire.receive()
        try:
            found = read(datagram)
        except CodecError as exc:
            ignored[str(exc)] += 1
            continue
        if found is not None:
            return found
        ignored["answer to another request"] += 1
