"""The sealed channel's two sides: full sync of a standby, settings, and orders.

A standby that is not in step dials its active and gets the whole record; what is written meanwhile
comes as datagrams. An active that is asked for it begins a sync of the gate in the same turn in
which it takes the record's lines, so that nothing falls between the two.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path as File

import trio

from haconn.config.copying import bundle, install
from haconn.config.errors import ConfigError
from haconn.core.beat import PairRole, PairSession, Path
from haconn.core.model import Instant
from haconn.daemon.pair.activation import Activation
from haconn.daemon.pair.copy import DamagedEntryError, Snapshot
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
    everything,
)

AGAIN_S = 0.1
"""From a full sync that failed to the next."""
ORDER_OF_PATHS = (Path.DUPLEX, Path.MANAGEMENT, Path.RESET)


class Channel:
    """Dials, and answers who dials."""

    def __init__(
        self,
        etc: File,
        parts: PairParts,
        owner: PairOwner,
        activation: Activation,
        obey: Callable[[Order], str | None],
    ) -> None:
        """`obey` carries an order of the active out, or says why not."""
        self._etc = etc
        self._parts = parts
        self._owner = owner
        self._activation = activation
        self._obey = obey

    def _peer(self) -> list[str]:
        known = self._parts.paths.peer
        return [known[path] for path in ORDER_OF_PATHS if path in known]

    async def follow(self) -> None:
        """Get the whole record whenever the active says that we lack it; for ever."""
        membership = self._parts.membership
        while True:
            await membership.wakes.sync.wait()
            if self._owner.pair.member.role is not PairRole.STANDBY:
                continue
            with suppress(NotReachedError):
                await self._parts.exchange.ask(self._peer(), self._get_everything)
            await trio.sleep(AGAIN_S)

    async def _get_everything(self, talk: Talk) -> None:
        await talk.say(WantSync(self._parts.session))
        said = await talk.hear()
        if not isinstance(said, Everything):
            return  # it is no longer the active: its beats say so
        member = self._owner.pair.member
        log = PairSession(said.log)
        if member.role is not PairRole.STANDBY or member.following != log:
            return
        offset_s = self._owner.pair.hearing.offset_s
        snapshot = Snapshot(log, said.index, said.lines.encode())
        try:
            self._parts.membership.copy.load(snapshot, offset_s, Instant(trio.current_time()))
        except DamagedEntryError as exc:
            raise NotReachedError(str(exc)) from exc
        await talk.say(Loaded(said.index))

    async def serve(self, listeners: list[trio.SocketListener]) -> None:
        """Answer who dials; for ever."""
        await trio.serve_listeners(self._take_call, listeners)

    async def _take_call(self, stream: trio.SocketStream) -> None:
        await self._parts.exchange.answer(stream, self._answer)

    async def _answer(self, talk: Talk) -> None:
        match await talk.hear():
            case WantSync(standby):
                await self._give_everything(talk, PairSession(standby))
            case Settings(data):
                await talk.say(await self._install(data))
            case Order() as order:
                refusal = self._obey(order)
                await talk.say(Obeyed() if refusal is None else Declined(refusal))
            case _:
                return

    async def _give_everything(self, talk: Talk, standby: PairSession) -> None:
        active, log = self._activation.active, self._parts.membership.log
        if active is None or log is None or self._owner.mute:
            await talk.say(Declined("not active"))
            return
        log.followed_by(standby)
        index = log.begin_sync()
        lines = active.parts.journal.whole(active.parts.owner.world)
        synced = False
        try:
            await talk.say(everything(self._parts.session, index, lines))
            said = await talk.hear()
            if isinstance(said, Loaded) and said.index == index:
                log.end_sync(standby, index)
                synced = True
        finally:
            if not synced:
                log.drop_sync()

    async def _install(self, data: bytes) -> Message:
        try:
            changed = await trio.to_thread.run_sync(partial(install, self._etc, data))
        except ConfigError as exc:
            return Declined(str(exc).splitlines()[0])
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
