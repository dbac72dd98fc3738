"""The sealed channel's two sides: full sync of a standby, settings, and orders.

A standby that is not in step dials its active and gets the whole record, in excerpts (excerpts.py);
what is written after the last of them was taken comes as datagrams. An active begins the sync of
the gate in the same turn in which it takes these last lines, so that nothing falls between the two.

What is said here is said by a process that lives now: the connection proves that much. That it is
the process whose beats count, is asked besides: a full sync of another would move the gate.
"""

import gc
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path as File

import trio

from haconn.config.copying import bundle, install
from haconn.config.errors import ConfigError
from haconn.core.beat import PairRole, PairSession, Path
from haconn.core.model import Instant
from haconn.core.pair_times import TIMES
from haconn.core.world import remark
from haconn.daemon.journal import clock_shift
from haconn.daemon.pair.activation import Activation
from haconn.daemon.pair.copy import DamagedEntryError, Incoming, Snapshot
from haconn.daemon.pair.excerpts import Giving, read_all
from haconn.daemon.pair.owner import PairOwner
from haconn.daemon.pair.parts import PairParts
from haconn.daemon.pair.syncing import (
    Declined,
    Everything,
    Installed,
    Loaded,
    Message,
    NotReachedError,
    Obeyed,
    Order,
    Settings,
    Talk,
    WantSync,
)

AGAIN_S = 0.1
"""From one full sync to the next, where one is wanted."""
AGAIN_MAX_S = 2.0
"""From one that failed, like those before it."""
ORDER_OF_PATHS = (Path.DUPLEX, Path.MANAGEMENT, Path.RESET)


class Channel:
    """Dials, and answers who dials."""

    def __init__(
        self,
        etc: File,
        parts: PairParts,
        owner: PairOwner,
        activation: Activation,
        obey: Callable[[Order], None],
        installed: Callable[[], Awaitable[object]],
    ) -> None:
        """Make both sides.

        Args:
            obey: carries an order of the active out, after it has been told so.
            installed: the active's settings lie in our files now.
        """
        self._etc = etc
        self._parts = parts
        self._owner = owner
        self._activation = activation
        self._obey = obey
        self._installed = installed
        self._unreadable = ""
        """Why the last full sync could not be read."""
        self._settled = False
        """There was a full sync."""

    def _peer(self) -> list[str]:
        known = self._parts.paths.peer
        return [known[path] for path in ORDER_OF_PATHS if path in known]

    async def follow(self) -> None:
        """Get the whole record whenever the active says that we lack it; for ever."""
        membership, again_s = self._parts.membership, AGAIN_S
        while True:
            await membership.wakes.sync.wait()
            if not self._lacks_something():
                continue
            try:
                await self._parts.exchange.ask(self._peer(), self._get_everything)
                again_s = AGAIN_S
                await trio.sleep(TIMES.beat_s)  # what the beats said before is over
            except NotReachedError:
                again_s = min(2 * again_s, AGAIN_MAX_S)
            await trio.sleep(again_s)

    def _lacks_something(self) -> bool:
        """Whether this is a standby that its active calls unsynchronised, or that knows better."""
        member, membership = self._owner.pair.member, self._parts.membership
        beat, copy = membership.heard_of.beat, membership.copy
        if member.role is not PairRole.STANDBY:
            return False
        called = beat is None or not beat.replica.synchronised
        return called or copy.unreadable or copy.log != member.following

    async def _get_everything(self, talk: Talk) -> None:
        log, incoming = self._owner.pair.member.following, Incoming()

        def offset_s() -> float | None:
            return self._owner.pair.hearing.offset_s if self._follows(log) else None

        await talk.say(WantSync(self._parts.session))
        try:
            said = await read_all(talk, incoming, offset_s)
            if not isinstance(said, Everything) or said.log != log or not self._follows(log):
                return  # it is no longer the active, or not ours: its beats say so
            self._load(said, incoming)
        except (DamagedEntryError, UnicodeEncodeError) as exc:
            self._complain(str(exc))
            raise NotReachedError(str(exc)) from exc
        await talk.say(Loaded(said.index))

    def _load(self, said: Everything, incoming: Incoming) -> None:
        """Let what was read be the copy. Raises DamagedEntryError."""
        membership, offset_s = self._parts.membership, self._owner.pair.hearing.offset_s
        snapshot = Snapshot(PairSession(said.log), said.index, incoming.found)
        membership.copy.load(snapshot, offset_s, Instant(trio.current_time()))
        self._unreadable = ""
        hold = said.hold_until
        membership.heard_of.hold_until = None if hold is None else Instant(hold + offset_s)
        if not self._settled:
            # from now on resets wait for us: let no collection look at all of this again. Once, and
            # without one before it: what happens to be garbage now is kept, and that is not much
            self._settled = True
            gc.freeze()

    def _follows(self, log: PairSession) -> bool:
        """Whether it is our active's, and what we know of a clock is known of its clock."""
        pair = self._owner.pair
        is_standby = pair.member.role is PairRole.STANDBY and pair.member.following == log
        return is_standby and pair.hearing.trusted == log

    def _complain(self, reason: str) -> None:
        if reason != self._unreadable:
            self._unreadable = reason
            peer = self._parts.two.peer.name
            self._parts.chronicle.remark(
                remark("pair-record", reason=f"what {peer} sends cannot be read: {reason}")
            )

    async def serve(self, listeners: list[trio.SocketListener]) -> None:
        """Answer who dials; for ever."""
        await trio.serve_listeners(self._take_call, listeners)

    async def _take_call(self, stream: trio.SocketStream) -> None:
        homes = frozenset(self._parts.paths.peer.values())
        await self._parts.exchange.answer(stream, self._answer, homes)

    async def _answer(self, talk: Talk) -> None:
        match await talk.hear():
            case WantSync(standby):
                await self._give_everything(talk, PairSession(standby))
            case Settings(data):
                await talk.say(await self._install(data))
            case Order() as order:
                await self._be_ordered(talk, order)
            case _:
                return

    async def _be_ordered(self, talk: Talk, order: Order) -> None:
        """Say that it will be done, and do it: this process may end at once."""
        if self._is_active():
            await talk.say(Declined("it is active"))
            return
        await talk.say(Obeyed())
        self._obey(order)

    def _is_active(self) -> bool:
        return self._owner.pair.member.role is PairRole.ACTIVE

    async def _give_everything(self, talk: Talk, standby: PairSession) -> None:
        active, log = self._activation.active, self._parts.membership.log
        if active is None or log is None or self._owner.mute:
            await talk.say(Declined("not active"))
            return
        if standby != self._owner.pair.hearing.trusted:
            await talk.say(Declined("another process is heard"))
            return
        log.followed_by(standby)
        world = active.parts.owner.world
        giving = Giving(talk, partial(active.parts.journal.whole, world))
        left = await giving.all_but_few()
        # in this very turn: what is written after `left` was taken is an entry after the sync
        if self._owner.mute or log.gate.standby != standby:
            await talk.say(Declined("not active, or another process is heard"))
            return
        sync, hold = log.begin_sync(), world.settings.conservative_until
        until = None if hold is None else hold + clock_shift()
        try:
            await giving.give(left)
            await talk.say(Everything(self._parts.session, sync.index, until))
            said = await talk.hear()
            if isinstance(said, Loaded) and said.index == sync.index:
                log.end_sync(standby, sync)
        finally:
            log.drop_sync(sync)

    async def _install(self, data: bytes) -> Message:
        if self._is_active():
            return Declined("it is active")
        try:
            changed = await trio.to_thread.run_sync(partial(install, self._etc, data))
        except ConfigError as exc:
            return Declined(str(exc).splitlines()[0])
        await self._installed()
        return Installed(changed)

    async def copy_settings(self) -> tuple[str, ...]:
        """Hand our settings to the peer; give what changed there. Raises NotReachedError."""
        try:
            data = await trio.to_thread.run_sync(bundle, self._etc)
        except ConfigError as exc:
            raise NotReachedError(str(exc).splitlines()[0]) from exc
        said = await self._ask(Settings(data))
        if isinstance(said, Installed):
            return said.changed
        raise NotReachedError(said.reason if isinstance(said, Declined) else "no answer")

    async def order(self, order: Order) -> None:
        """Have the peer stop or start anew. Raises NotReachedError."""
        said = await self._ask(order)
        if not isinstance(said, Obeyed):
            raise NotReachedError(said.reason if isinstance(said, Declined) else "no answer")

    async def _ask(self, message: Message) -> Message | None:
        answers: list[Message | None] = []

        async def converse(talk: Talk) -> None:
            await talk.say(message)
            answers.append(await talk.hear())

        await self._parts.exchange.ask(self._peer(), converse)
        return answers[0] if answers else None
