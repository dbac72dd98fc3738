"""One login with one BMC: reads that are repeated, commands that never are.

Rule 1. A command is one datagram. It is sent by one synchronous call, so it has either left or
        not, and no cancellation falls in between. Nothing here ever sends it a second time.
Rule 2. Every request has a number of its own (numbers.py). One task receives and hands each
        authentic answer to whoever waits for that number, network function and command; so a
        reset never waits behind a poll, and a late answer finds nobody.
Rule 3. There are no deadlines here. A read is asked again and again, as the BMC's measured answer
        time wants it, under one number: a late answer is an answer. It ends after its last
        repetition, or when the caller has had enough. Commands end when the caller's scope ends,
        the session is closed, or ICMP says that nothing is delivered.
Rule 4. A session is never mended. Whatever its caller does about silence is a new login.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import trio

from haconn.core.model import (
    Accepted,
    Answer,
    Chassis,
    InDoubt,
    PowerReading,
    Refused,
    Unsent,
)
from haconn.drivers.answer_times import ASKINGS, AnswerTimes
from haconn.drivers.base import DeviceFault, DeviceSilent, DeviceUnreachable, LoginRefused
from haconn.drivers.ipmi import meanings, message
from haconn.drivers.ipmi.channel import Channel
from haconn.drivers.ipmi.login import (
    FIRST_READ_S,
    BmcAddress,
    BmcTimes,
    ask_outside,
    connect,
    connect_wire,
)
from haconn.drivers.ipmi.message import Request, Response
from haconn.drivers.ipmi.numbers import COMMAND_RESERVE, Numbers
from haconn.drivers.ipmi.packet import CodecError
from haconn.drivers.ipmi.wire import Wire

__all__ = ["Begun", "BmcAddress", "Session", "open_session", "ping"]

CLOSED: Final = "the session was closed while it waited"
NUMBERS_USED_UP: Final = "too many requests of this session stayed unanswered"


@asynccontextmanager
async def open_session(
    bmc: BmcAddress, number: int, times: BmcTimes | None = None
) -> AsyncIterator["Session"]:
    """Log in as administrator, and receive while the block runs.

    Leaving the block, however, closes the session at once: at most one Close Session datagram,
    no waiting for its answer. Requests still waited for then end (reads: DeviceSilent, commands:
    InDoubt). `number` is the caller's count of logins and is copied to every reading. `times` is
    what earlier sessions measured of this BMC.

    Raises:
        DeviceSilent, DeviceUnreachable, LoginRefused, DeviceFault: see login.connect. An exception
            of the block itself leaves as it is, not in a group.
    """
    ignored = Counter[str]()
    times = times or BmcTimes()
    wire, channel = await connect(bmc, ignored, times)
    with closing(wire):
        session = Session(number, wire, channel, ignored, times.reads)
        # Entered and left by hand, so that an exception of the block is not wrapped in a group:
        # the nursery is told of none, and its only task raises none.
        receiving = trio.open_nursery()
        nursery = await receiving.__aenter__()
        try:
            nursery.start_soon(session.receive)
            await session.become_administrator()
            yield session
        finally:
            session.close()
            nursery.cancel_scope.cancel(reason="the session was closed")
            await receiving.__aexit__(None, None, None)


async def ping(host: str, port: int) -> bool:
    """Tell whether a BMC answers Get Channel Authentication Capabilities; no login, no trace."""
    try:
        with closing(connect_wire(host, port)) as wire:
            await ask_outside(wire, Counter(), AnswerTimes(FIRST_READ_S))
    except (DeviceSilent, DeviceUnreachable):
        return False
    except DeviceFault:
        return True  # an error is an answer
    return True


@dataclass(frozen=True, slots=True)
class _Lost:
    """No answer will come: the session ended, or ICMP spoke."""

    reason: str
    by_network: bool


class _Waiting:
    """Somebody waits for one answer."""

    def __init__(self, request: Request) -> None:
        self.request: Final = request
        self.outcome: Response | _Lost | None = None
        self.answered_at = 0.0
        self._settled: Final = trio.Event()

    def settle(self, outcome: Response | _Lost) -> None:
        if self.outcome is None:
            self.outcome, self.answered_at = outcome, trio.current_time()
            self._settled.set()

    async def result(self) -> Response | _Lost:
        await self._settled.wait()
        assert self.outcome is not None
        return self.outcome


class Begun:
    """A chassis command that has left."""

    def __init__(self, waiting: _Waiting, until_answered: ExitStack) -> None:
        self._waiting: Final = waiting
        self._until_answered: Final = until_answered

    async def answer(self) -> Answer:
        """Wait for the answer until the caller's scope ends; once."""
        with self._until_answered:
            return _answer(await self._waiting.result())


class Session:
    """A login. Made by open_session; several tasks may use it at once."""

    def __init__(
        self,
        number: int,
        wire: Wire,
        channel: Channel,
        ignored: Counter[str],
        times: AnswerTimes,
    ) -> None:
        self.number: Final = number
        """Which login with that BMC it is, by the caller's count."""
        self.suite: Final = channel.suite.number
        """The cipher suite that was really negotiated."""
        self.ignored: Final = ignored
        """What was received and not believed, or found nobody waiting, by reason."""
        self.heard_at = trio.current_time()
        """When something authentic of the BMC came last, whatever it was the answer to."""
        self._wire: Final = wire
        self._channel: Final = channel
        self._times: Final = times
        self._numbers: Final = Numbers()
        self._waiting: Final = dict[int, _Waiting]()
        self._closed = False

    async def read_power(self, silent: Callable[[int], None] | None = None) -> PowerReading:
        """Read the chassis power.

        Args:
            silent: called each time an answer is overdue, with how often was asked. It is asked
                again without end then: the caller's scope is the limit, and whatever answer comes
                before is taken. Without it the read is given up after the last of three askings.

        Raises:
            DeviceSilent: it was given up, or the session was closed.
            DeviceUnreachable: ICMP; some earlier datagram may have caused it.
            DeviceFault: a completion code, or an answer too short to be one.
        """
        asked_at = trio.current_time()
        response, answered_at = await self._read(message.CHASSIS_STATUS, silent)
        try:
            power = message.parse_power(response)
        except CodecError as exc:
            raise DeviceFault(f"chassis status: {exc}") from exc
        return PowerReading(power, self.number, asked_at, answered_at, self._times.timeout_s)

    async def command(self, command: Chassis, sent: Callable[[], None]) -> Answer:
        """Send one chassis command, once, and wait for its answer until the caller's scope ends.

        `sent` is called as soon as the kernel has the datagram. If the scope has ended before the
        call, nothing is sent. If it ends while waiting, the command may have been carried out:
        whoever cancels after `sent` was called must take it for in doubt.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        begun = self.begin(command, sent)
        return begun if isinstance(begun, Unsent) else await begun.answer()

    def begin(self, command: Chassis, sent: Callable[[], None]) -> "Begun | Unsent":
        """Send one chassis command, once, now: no other task runs before it has left.

        `sent` is called as soon as the kernel has the datagram. Whoever gets Begun has to wait for
        its answer, in a scope that may be cancelled.
        """
        request = message.CONTROL[command]
        number = None if self._closed else self._numbers.take(trio.current_time())
        if number is None:
            return Unsent("the session is closed" if self._closed else NUMBERS_USED_UP)
        with ExitStack() as stack:
            waiting = stack.enter_context(self._waiting_for(number, request))
            try:
                self._transmit(number, request)
            except OSError as exc:
                return Unsent(exc.strerror or str(exc))
            sent()
            return Begun(waiting, stack.pop_all())

    async def system_guid(self) -> bytes:
        """Read the system GUID, 16 bytes as sent; raises as read_power."""
        response, _ = await self._read(message.SYSTEM_GUID)
        if len(response.data) != 16:
            raise DeviceFault(f"a system GUID of {len(response.data)} bytes")
        return response.data

    async def device_id(self) -> bytes:
        """Read the device id as sent (IPMI 2.0, table 20-2); raises as read_power."""
        response, _ = await self._read(message.DEVICE_ID)
        return response.data

    async def become_administrator(self) -> None:
        """Raise the session to administrator; LoginRefused if the account may not."""
        response, _ = await self._exchange(message.BE_ADMINISTRATOR)
        if response.code:
            raise LoginRefused(meanings.privilege(response.code))
        if response.data[:1] != message.BE_ADMINISTRATOR.data:
            raise LoginRefused("the BMC left the session below administrator")

    async def receive(self) -> None:
        """Hand out answers until cancelled; open_session runs it."""
        while True:
            try:
                datagram = await self._wire.receive()
            except OSError as exc:
                self._lose(_Lost(exc.strerror or str(exc), by_network=True))
                continue
            try:
                answer = self._channel.unseal(datagram)
                self.heard_at = trio.current_time()
                self._hand_out(message.parse_response(answer))
            except CodecError as exc:
                self.ignored[str(exc)] += 1

    def close(self) -> None:
        """End every wait, and tell the BMC in one datagram; open_session calls it."""
        self._closed = True
        self._lose(_Lost(CLOSED, by_network=False))
        number = self._numbers.take(trio.current_time())
        if number is not None:
            with suppress(OSError):  # the BMC forgets an idle session by itself
                self._transmit(number, message.close_session(self._channel.bmc))

    async def _read(
        self, request: Request, silent: Callable[[int], None] | None = None
    ) -> tuple[Response, float]:
        """Ask until answered with success; give the answer and when it came."""
        response, answered_at = await self._exchange(request, silent)
        if response.code:
            raise DeviceFault(meanings.completion(response.code))
        return response, answered_at

    async def _exchange(
        self, request: Request, silent: Callable[[int], None] | None = None
    ) -> tuple[Response, float]:
        number = None if self._closed else self._numbers.take(trio.current_time(), COMMAND_RESERVE)
        if number is None:
            raise DeviceSilent(CLOSED if self._closed else NUMBERS_USED_UP)
        began = trio.current_time()
        with self._waiting_for(number, request) as waiting:
            for askings, interval in enumerate(self._times.intervals(), start=1):
                if waiting.outcome is None:
                    self._ask(number, request)
                with trio.move_on_after(interval):
                    response = _response(await waiting.result())
                    self._times.answered(waiting.answered_at - began, askings)
                    return response, waiting.answered_at
                if silent is not None:
                    silent(askings)
                elif askings >= ASKINGS:
                    break
        raise DeviceSilent(f"no answer within {trio.current_time() - began:.1f} s")

    def _ask(self, number: int, request: Request) -> None:
        try:
            self._transmit(number, request)
        except BlockingIOError:
            self.ignored["read not sent: the send buffer is full"] += 1  # as if it was lost
        except OSError as exc:
            raise DeviceUnreachable(exc.strerror or str(exc)) from exc

    def _transmit(self, number: int, request: Request) -> None:
        datagram = self._channel.seal(message.encode_request(request, number))
        try:
            self._wire.send(datagram)
        except BlockingIOError:
            raise  # the send buffer is full: this says nothing about earlier datagrams
        except OSError as exc:
            # The kernel reports here, once, what ICMP said about an earlier datagram, and does not
            # take this one: whoever waits for an answer must hear it now.
            self._lose(_Lost(exc.strerror or str(exc), by_network=True))
            raise
        self._numbers.note_sent(number, trio.current_time())

    @contextmanager
    def _waiting_for(self, number: int, request: Request) -> Iterator[_Waiting]:
        waiting = self._waiting[number] = _Waiting(request)
        try:
            yield waiting
        finally:
            del self._waiting[number]
            self._numbers.give_back(number)

    def _hand_out(self, response: Response) -> None:
        self._numbers.note_answered(response.number)
        waiting = self._waiting.get(response.number)
        if waiting is None or not message.answers(response, waiting.request):
            self.ignored["answer that nobody waits for"] += 1
        else:
            waiting.settle(response)

    def _lose(self, lost: _Lost) -> None:
        for waiting in self._waiting.values():
            waiting.settle(lost)


def _response(outcome: Response | _Lost) -> Response:
    if isinstance(outcome, _Lost):
        raise (DeviceUnreachable if outcome.by_network else DeviceSilent)(outcome.reason)
    return outcome


def _answer(outcome: Response | _Lost) -> Answer:
    if isinstance(outcome, _Lost):
        return InDoubt(outcome.reason)
    if not outcome.code:
        return Accepted()
    meaning = meanings.completion(outcome.code)
    return Refused(meaning) if outcome.code in meanings.REFUSALS else InDoubt(meaning)
