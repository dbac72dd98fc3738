"""One task per managed server: its session with the BMC, the polls, and the commands.

The session is kept open at all times, so that a reset pays no login. Polls are jittered, and
frequent while a reset of the server runs. A command never waits behind a poll, and never for a
login: without a session it is `Unsent` at once, and the core issues it anew when there is one.

A read is outstanding until it is answered: a slow BMC's answer is taken when it comes. A BMC that
is silent for two poll periods, or three times its own answer time (power.patience_s), is dead. Its
session is given up for a new login, but not before the deadline of a command that waits for its
answer: dropping the session then would turn a slow BMC's "taken" into "in doubt". After that
deadline the next stage needs a session more than the last one needs its answer.

Commands leave only while `may_send` says so (role_token.py); it is asked in the very turn in which
the datagram leaves.
"""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import trio

from haconn.core.actions import Perform
from haconn.core.events import (
    BmcIdentified,
    BmcRefused,
    BmcUnanswered,
    CommandAnswered,
    CommandSent,
    DeviceEvent,
    PowerRead,
    RestoreTried,
    SessionOpened,
)
from haconn.core.model import Accepted, Answer, Chassis, Instant, Power, Unsent
from haconn.core.power import patience_s
from haconn.core.reset import Command
from haconn.core.server import Restore
from haconn.daemon.role_token import NOT_OURS, MaySend, always
from haconn.drivers.answer_times import ASKINGS
from haconn.drivers.base import (
    DeviceError,
    DeviceFault,
    DeviceSilent,
    DeviceUnreachable,
    NoFreeSession,
)
from haconn.drivers.ipmi.login import BmcAddress, BmcTimes
from haconn.drivers.ipmi.session import Begun, Session, open_session

CHASSIS_OF = {
    Command.SOFT_RESET: Chassis.NMI,
    Command.HARD_RESET: Chassis.RESET,
    Command.POWER_OFF: Chassis.POWER_OFF,
}
NO_SESSION = "the BMC has no session"
HURRY_S = 0.2
"""Between two reads while a reset runs: OFF is proved about half a second after it is true."""
JITTER = 0.1
REFUSALS_MAX = 5
"""Logins refused in a row double the pause, up to 32 poll periods: each one fills the BMC's log."""
GUID_AGAIN_S = 10.0
"""From a read of the system GUID without an answer to the next."""
POWER_ON_WITHIN_S = 20.0
"""How long a power-on may take until it is read."""

Take = Callable[[DeviceEvent], None]


class BmcKeeper:
    """The sole user of one BMC."""

    def __init__(
        self,
        server: str,
        address: BmcAddress,
        poll_s: float,
        take: Take,
        may_send: MaySend = always,
        hurry_s: float = HURRY_S,
    ) -> None:
        self.server = server
        self._address = address
        self._take = take
        self._may_send = may_send
        self._session: Session | None = None
        self._times = BmcTimes()
        self._logins = 0
        self._deadlines: list[Instant] = []
        """Of the commands that wait for an answer: the session is not given up under them."""
        self._pace = Pace(poll_s, hurry_s)

    @property
    def suite(self) -> int | None:
        """The cipher suite in use; None without a session."""
        return None if self._session is None else self._session.suite

    def hurry(self, on: bool) -> None:
        """Poll often, or as usual."""
        self._pace.hurry(on)

    async def serve(self) -> None:
        """Log in, poll, and log in again; for ever."""
        await trio.sleep(random.uniform(0, self._pace.poll_s * JITTER))
        refusals = 0
        while True:
            asked_at = Instant(trio.current_time())
            try:
                async with open_session(self._address, self._logins + 1, self._times) as session:
                    self._logins += 1
                    await self._use(session)
            except (DeviceSilent, DeviceUnreachable):
                self._unanswered(asked_at)
            except NoFreeSession as exc:
                # it passes by itself: those that a killed process left end after about a minute
                self._take(BmcRefused(self.server, str(exc)))
            except DeviceError as exc:
                self._take(BmcRefused(self.server, str(exc)))
                refusals = min(refusals + 1, REFUSALS_MAX)
            else:
                refusals = 0
            await self._pace.pause(2**refusals)

    async def _use(self, session: Session) -> None:
        self._session = session
        self._take(SessionOpened(self.server, session.number))
        try:
            if await self._poll(session):
                async with _identifying(self.server, session, self._take):
                    await self._pace.pause()
                    while await self._poll(session):
                        await self._pace.pause()
        finally:
            self._session = None

    async def _poll(self, session: Session) -> bool:
        """Read until there is an answer; False when the session is to be given up."""
        asked_at = Instant(trio.current_time())

        def overdue(askings: int) -> None:
            if askings == ASKINGS:
                self._unanswered(_silent_since(session, asked_at))

        while True:
            try:
                with trio.move_on_at(self._given_up_at(session, asked_at)):
                    reading = await session.read_power(overdue)
                    self._session = session  # before the core hears that it can be used
                    self._take(PowerRead(self.server, reading))
                    return True
            except (DeviceSilent, DeviceUnreachable):
                pass
            except DeviceFault as exc:
                self._take(BmcRefused(self.server, str(exc)))
                return self._session is not None  # one that had been called dead is not revived
            if trio.current_time() >= self._dead_at(session, asked_at):
                self._session = None
            self._unanswered(_silent_since(session, asked_at))
            given_up_at = self._given_up_at(session, asked_at)
            if self._session is None and trio.current_time() >= given_up_at:
                return False
            await self._pace.pause()

    def _unanswered(self, since: Instant) -> None:
        self._take(BmcUnanswered(self.server, since, self._times.reads.timeout_s))

    def _dead_at(self, session: Session, asked_at: Instant) -> float:
        """The core's own formula: whatever is dead here has to be dead there, or it would wait."""
        since = _silent_since(session, asked_at)
        return since + patience_s(self._pace.poll_s, self._times.reads.timeout_s)

    def _given_up_at(self, session: Session, asked_at: Instant) -> float:
        """When a read is worth no more waiting: its session is to be called dead, or dropped."""
        dead_at = self._dead_at(session, asked_at)
        return dead_at if self._session else max(self._deadlines, default=dead_at)

    def begin(self, action: Perform) -> Begun | Unsent:
        """Send a stage's command, once, before any other task runs; `perform` has to follow."""
        if trio.current_time() >= action.deadline:
            return Unsent("its time was over before it could be sent")
        sent = partial(self._take, CommandSent(self.server, action.operation, action.stage))
        return self._begin(CHASSIS_OF[action.command], sent)

    def _begin(self, command: Chassis, sent: Callable[[], None]) -> Begun | Unsent:
        if self._session is None:
            return Unsent(NO_SESSION)
        return self._session.begin(command, sent) if self._may_send() else Unsent(NOT_OURS)

    async def perform(self, action: Perform, begun: Begun | Unsent) -> None:
        """Wait for the answer of a command that has begun, and report what came of it."""
        answer = await self._answer(begun, action.deadline)
        while (
            isinstance(answer, Unsent)
            and self._session is not None
            and self._may_send()
            and trio.current_time() < action.deadline
        ):
            # the kernel did not take it, or reported an older datagram's fate: nothing has left
            await trio.sleep(HURRY_S)
            answer = await self._answer(self.begin(action), action.deadline)
        if action.command is Command.POWER_OFF and isinstance(answer, Accepted):
            self._pace.now()  # the run of reads that proves it begins with the next one
        self._take(CommandAnswered(self.server, action.operation, action.stage, answer))

    async def _answer(self, begun: Begun | Unsent, deadline: Instant) -> Answer:
        if isinstance(begun, Unsent):
            return begun
        self._deadlines.append(deadline)
        try:
            return await begun.answer()
        finally:
            self._deadlines.remove(deadline)

    async def look(self) -> None:
        """Read power once and report it, beside the polls; without a session wait for one.

        The caller's scope is the limit: until it ends, a read that fails is begun anew.
        """
        while True:
            await self._session_comes()
            session = self._session
            try:
                if session is not None:
                    self._take(PowerRead(self.server, await session.read_power()))
                    return
            except (DeviceSilent, DeviceUnreachable):
                pass
            except DeviceError as exc:
                self._take(BmcRefused(self.server, str(exc)))
            await trio.sleep(HURRY_S)

    async def restore_power(self, operation: str) -> None:
        """Switch power on and read it on; report what came of it."""
        failure: str | None = "the BMC gave no session, or power was not read on in time"
        with trio.move_on_after(POWER_ON_WITHIN_S):
            failure = await self._power_on()
        self._take(RestoreTried(self.server, Restore.POWER_ON, operation, failure))

    async def _session_comes(self) -> None:
        """After a restart that is a moment; the caller's patience ends it."""
        while True:
            if self._session is not None:
                return
            await trio.sleep(HURRY_S)

    async def _power_on(self) -> str | None:
        await self._session_comes()
        await trio.lowlevel.checkpoint_if_cancelled()
        begun = self._begin(Chassis.POWER_ON, lambda: None)
        now = Instant(trio.current_time())  # not worth a dead session: it is tried again later
        answer = await self._answer(begun, now)
        if not isinstance(answer, Accepted):
            return answer.reason
        while True:
            session = self._session
            try:
                if session is not None:
                    reading = await session.read_power()
                    self._take(PowerRead(self.server, reading))
                    if reading.power is Power.ON:
                        return None
            except DeviceError as exc:
                return str(exc)
            await trio.sleep(HURRY_S)


def _silent_since(session: Session, asked_at: Instant) -> Instant:
    """Whatever authentic answer came, also one that is too late for its request, is life."""
    return Instant(max(asked_at, session.heard_at))


@asynccontextmanager
async def _identifying(server: str, session: Session, take: Take) -> AsyncIterator[None]:
    """Read the system GUID beside what the caller does; many a BMC does not tell it."""

    async def identify() -> None:
        while True:
            try:
                take(BmcIdentified(server, await session.system_guid()))
                return
            except (DeviceSilent, DeviceUnreachable):
                take(BmcIdentified(server, None))
                await trio.sleep(GUID_AGAIN_S)
            except DeviceFault:
                take(BmcIdentified(server, None))
                return

    async with trio.open_nursery() as beside:
        beside.start_soon(identify)
        yield
        beside.cancel_scope.cancel(reason="the session is given up")


class Pace:
    """How long a poll waits for the next, jittered, and cut short when there is a hurry."""

    def __init__(self, poll_s: float, hurry_s: float = HURRY_S) -> None:
        self.poll_s = poll_s
        self._hurry_s = hurry_s
        self._hurried = False
        self._changed = trio.Event()

    def hurry(self, on: bool) -> None:
        """Begin or end a hurry."""
        self._hurried = on
        self.now()

    def now(self) -> None:
        """End a pause."""
        self._changed.set()
        self._changed = trio.Event()

    async def pause(self, times: int = 1) -> None:
        """Wait for the time of the next poll, or of several; a change of pace ends it."""
        period = (self._hurry_s if self._hurried else self.poll_s) * times
        with trio.move_on_after(period * random.uniform(1 - JITTER, 1 + JITTER)):
            await self._changed.wait()
