"""What operators' commands do in the daemon of a pair (R-260 to R-279)."""

from typing import assert_never

import trio

from haconn.core.beat import PairRole
from haconn.core.gate import InStep, Standing
from haconn.core.model import Instant
from haconn.core.pair import knows_peer, refusal
from haconn.core.pair_state import PeerIsOff
from haconn.core.report import CopyReport, MonitorReport, PduReport, RoleReport, StatusReport
from haconn.core.server import Restore
from haconn.core.world import remark
from haconn.daemon.control import Say
from haconn.daemon.pair.activation import Activation
from haconn.daemon.pair.channel import Channel
from haconn.daemon.pair.ending import EXIT_AGAIN, EXIT_OK, Ending
from haconn.daemon.pair.keys import KeysAtRest
from haconn.daemon.pair.owner import PairOwner
from haconn.daemon.pair.parts import PairParts
from haconn.daemon.pair.reports import PairReporter
from haconn.daemon.pair.syncing import NotReachedError, Order
from haconn.wire.control import (
    Acrecovery,
    CopyConfiguration,
    Done,
    MayRetirePeerKey,
    PairRequest,
    Refused,
    Reply,
    Reset,
    RestartActive,
    RestartStandby,
    ShutdownActive,
    ShutdownStandby,
    Takeover,
)

STOPS_WITHIN_S = 8.0
"""How long a standby may take from its word that it stops until it has stopped."""
EXACT_AFTER_S = 0.5
"""From its full sync until a standby has heard a beat that says so, and so is exact."""


class PairOperations:
    """Implements haconn.daemon.control.Operations."""

    def __init__(
        self,
        parts: PairParts,
        owner: PairOwner,
        activation: Activation,
        channel: Channel,
        ending: Ending,
        reporter: PairReporter,
        keys: KeysAtRest,
    ) -> None:
        self._parts = parts
        self._owner = owner
        self._activation = activation
        self._channel = channel
        self._ending = ending
        self._reporter = reporter
        self._keys = keys

    def status(self) -> StatusReport:
        """What `haconnshow status` shows."""
        return self._reporter.status()

    def monitors(self) -> MonitorReport:
        """What `haconnshow hamonitor` shows; on a standby nothing is known."""
        return self._reporter.monitors()

    def pdus(self) -> PduReport:
        """What `haconnshow ipdu` shows."""
        return self._reporter.pdus()

    async def reload_keys(self) -> Reply:
        """Take the keys of secrets.toml, the pair's too."""
        return await self._keys.reload()

    async def test_reset(self, request: Reset, say: Say) -> Reply:
        """Test the soft reset of a system."""
        commands = self._keys.commands()
        return self._only_active() if commands is None else await commands.test_reset(request, say)

    async def recover(self, request: Acrecovery, say: Say) -> Reply:
        """Switch the outlets of a server on."""
        commands = self._keys.commands()
        return self._only_active() if commands is None else await commands.recover(request, say)

    async def operate_pair(self, request: PairRequest, say: Say) -> Reply:
        """Copy, restart, stop or take over; refused where the roles do not allow it."""
        match request:
            case CopyConfiguration():
                return await self._copy(say)
            case RestartActive(force):
                return self._may_restart(force=force)
            case ShutdownActive(force):
                return await self._may_shut_down(say, force=force)
            case Takeover(peer):
                return self._take_over(peer)
            case RestartStandby():
                return await self._standby("restart")
            case ShutdownStandby():
                return await self._standby("shutdown")
            case MayRetirePeerKey(generation):
                return self._keys.may_retire(generation)
            case _:
                assert_never(request)

    def told(self, request: PairRequest) -> None:
        """The operator knows: what is to end may end."""
        match request:
            case RestartActive():
                self._ending.order(EXIT_AGAIN, "haconnact restart")
            case ShutdownActive():
                self._ending.order(EXIT_OK, "haconnact shutdown")
            case RestartStandby() if not self._is_active():
                self._ending.order(EXIT_AGAIN, "haconnsby restart")
            case ShutdownStandby() if not self._is_active():
                self._ending.order(EXIT_OK, "haconnsby shutdown")
            case CopyConfiguration() | Takeover() | MayRetirePeerKey():
                pass
            case RestartStandby() | ShutdownStandby():
                pass  # of the peer, which ends by our order
            case _:
                assert_never(request)

    def _is_active(self) -> bool:
        return self._owner.pair.member.role is PairRole.ACTIVE

    def _only_active(self) -> Refused:
        if self._is_active():
            return Refused("this management server is becoming active; try again")
        role = self._owner.pair.member.role.value
        return Refused(f"this management server is {role}; allowed on the active only")

    def _refuses_unless_active(self) -> Refused | None:
        active = self._activation.active is not None and self._is_active()
        return None if active else self._only_active()

    async def _copy(self, say: Say) -> Reply:
        refused = self._refuses_unless_active()
        if refused is not None:
            return refused
        peer = self._parts.two.peer.name
        say(f"the settings go to {peer}")
        try:
            changed = await self._channel.copy_settings()
        except NotReachedError as exc:
            return Refused(f"{peer}: {exc}")
        return Done(CopyReport(changed))

    def _may_restart(self, *, force: bool) -> Reply:
        refused = self._refuses_unless_active()
        if refused is not None:
            return refused
        why = self._standby_is_worse()
        if why is not None and not force:
            return Refused(f"{why}; --force restarts all the same")
        peer = self._parts.two.peer.name
        if not self._knows_peer():
            return Done(RoleReport(f"this server starts anew; {peer} is not heard to take over"))
        return Done(RoleReport(f"{peer} takes over, and this server starts anew as its standby"))

    def _standby_is_worse(self) -> str | None:
        """Why the standby would serve worse than this active; None if it would not."""
        log, beat = self._parts.membership.log, self._parts.membership.heard_of.beat
        peer = self._parts.two.peer.name
        if beat is None or not self._knows_peer():
            return f"{peer} is not heard"
        if log is None or not _is_exact(log.gate.standing):
            return f"{peer} is not synchronised"
        ours = self._parts.membership.standing.bmcs_reached
        if beat.standing.bmcs_reached < ours:
            return f"{peer} reaches {beat.standing.bmcs_reached} BMCs, this server {ours}"
        return None

    def _knows_peer(self) -> bool:
        return knows_peer(self._owner.pair, Instant(trio.current_time()))

    async def _may_shut_down(self, say: Say, *, force: bool) -> Reply:
        refused = self._refuses_unless_active()
        if refused is not None:
            return refused
        active = self._activation.active
        assert active is not None
        systems = active.parts.owner.world.systems.values()
        if not force and any(system.reset is not None for system in systems):
            return Refused("a reset is in progress; --force stops all the same")
        if self._owner.pair.record is None:
            peer = self._parts.two.peer.name
            say(f"{peer} is to stop first")
            failure = await self._stop_standby()
            if failure is not None and not force:
                return Refused(f"{peer}: {failure}; --force stops this server all the same")
            if failure is not None:
                return Done(RoleReport(f"this server stops; {peer}: {failure}"))
        return Done(RoleReport("both management servers stop"))

    async def _stop_standby(self) -> str | None:
        """Have it stop, and wait until it has said so; give why not."""
        if not self._knows_peer():
            return "it is not heard, and may run"
        try:
            await self._channel.order(Order("shutdown"))
        except NotReachedError as exc:
            return str(exc)
        with trio.move_on_after(STOPS_WITHIN_S):
            while self._owner.pair.record is None:
                await self._owner.moved()
            return None
        return "it did not say that it has stopped"

    def _take_over(self, typed: str) -> Reply:
        peer = self._parts.two.peer.name
        if typed != peer:
            return Refused(f"{typed}: the peer of this server is {peer}")
        why = refusal(self._owner.pair, Instant(trio.current_time()))
        if why is not None:
            return Refused(why)
        self._parts.chronicle.remark(remark("pair-operator", server=peer))
        self._owner.take(PeerIsOff())
        if not self._is_active():
            return Refused(f"{peer} is not called silent yet; try again in two seconds")
        owed = [one for one in self._parts.membership.owed if one.what is Restore.POWER_ON]
        again = ""
        if owed:  # of an attempt to fence it that came before
            due_s = max(0.0, min(one.due for one in owed) - trio.current_time())
            again = f"; {peer} is switched on again in {due_s:.0f} s"
        return Done(RoleReport(f"this server takes over from {peer}{again}"))

    async def _standby(self, what: str) -> Reply:
        """Of whichever of the two is the standby; an undecided one can order only itself."""
        done = {"restart": "starts anew", "shutdown": "stops"}[what]
        if not self._is_active():
            return Done(RoleReport(f"this server {done}"))
        peer = self._parts.two.peer.name
        try:
            await self._channel.order(Order("restart" if what == "restart" else "shutdown"))
        except NotReachedError as exc:
            return Refused(f"{peer}: {exc}")
        return Done(RoleReport(f"{peer} {done}"))


def _is_exact(standing: Standing) -> bool:
    return isinstance(standing, InStep) and trio.current_time() - standing.since >= EXACT_AFTER_S
