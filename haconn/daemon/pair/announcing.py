"""What this server announces of itself, in its beats and to the program that runs after its end."""

from collections.abc import Callable
from dataclasses import replace

import trio

from haconn.config.paths import Paths as Trees
from haconn.core import peer_power
from haconn.core.actions import Remark
from haconn.core.beat import PairRole, Path
from haconn.core.world import remark
from haconn.daemon.boot import boot_id
from haconn.daemon.pair.parts import PairParts
from haconn.daemon.pair.records import PairState, store_state

LOOK_S = 0.5


class Announcing:
    """Keeps both true."""

    def __init__(self, trees: Trees, parts: PairParts, say: Callable[[Remark], None]) -> None:
        self._run = trees.run
        self._parts = parts
        self._say = say
        self._stored: PairState | None = None
        self._failure: str | None = None
        """Why it could not be stored the last time."""
        self._boot = boot_id()

    async def serve(self) -> None:
        """Look what has changed, twice a second; for ever."""
        while True:
            self.note()
            await trio.sleep(LOOK_S)

    def note(self) -> None:
        """Put what is true now into the beats and into HACONN_RUN."""
        parts = self._parts
        own = parts.paths.own()
        parts.membership.standing = replace(
            parts.membership.standing,
            peer_fenceable=peer_power.fenceable(parts.pair.power),
            peer_bmc=peer_power.bmc_reached(parts.pair.power),
            peer_outlets=peer_power.outlets_reached(parts.pair.power),
            management=own.get(Path.MANAGEMENT, ""),
            reset=own.get(Path.RESET, ""),
        )
        state = self._state(own)
        if state != self._stored:
            failure = store_state(self._run, state)
            self._stored = state if failure is None else None
            if failure is not None and failure != self._failure:
                self._say(remark("pair-record", reason=failure))
            self._failure = failure

    def _state(self, own: dict[Path, str]) -> PairState:
        parts, two = self._parts, self._parts.two
        assert two.me.lan_port is not None
        assert two.peer.lan_port is not None
        return PairState(
            boot=self._boot,
            me=two.me.name,
            peer_name=two.peer.name,
            session=parts.session,
            epoch=parts.pair.member.epoch,
            was_active=parts.pair.member.role is PairRole.ACTIVE,
            virtual_address=parts.virtual.address,
            prefix=parts.prefix,
            own=own,
            own_port=two.me.lan_port,
            peer=dict(parts.paths.peer),
            peer_port=two.peer.lan_port,
        )
