"""Leaving the pair in order: hand over what is under way, drop the address, say so.

What runs may go on for two seconds, and less where waiting would only put off its next stage; the
rest is taken up by the new active, which has the record of it. The peer is told before this process
ends that it releases the address, and that it stops.
"""

from dataclasses import replace

import trio

from haconn.core.beat import PairRole, Stopped
from haconn.core.model import Instant
from haconn.core.pair import knows_peer
from haconn.core.pair_times import TIMES
from haconn.core.running import is_over
from haconn.core.taken_up import pass_on_at
from haconn.core.world import remark
from haconn.daemon.pair.activation import Activation
from haconn.daemon.pair.owner import PairOwner
from haconn.daemon.pair.parts import PairParts

RELEASES = 3
RELEASE_APART_S = 0.05
REPLICATE_S = 0.5
"""How long the standby is given to have everything, once nothing runs any more."""
DROP_APART_S = 0.05
GONE_S = 2 * TIMES.lease_s + 0.2
"""The kernel ends a lease a second late at most."""
TELL_S = 1.0
TELL_APART_S = 0.1


class Departure:
    """Leaves, once."""

    def __init__(self, parts: PairParts, owner: PairOwner, activation: Activation) -> None:
        self._parts = parts
        self._owner = owner
        self._activation = activation

    async def leave(
        self, reason: str, active_scope: trio.CancelScope, *, restarts: bool = False
    ) -> None:
        """Stop in order; afterwards this process holds nothing and may end."""
        parts = self._parts
        membership = parts.membership
        membership.standing = replace(membership.standing, stopping=True, restarting=restarts)
        self._owner.speak()
        parts.chronicle.remark(remark("stopping", reason=reason))
        was_active = self._owner.pair.member.role is PairRole.ACTIVE
        if was_active:
            await self._settle(reason)
        self._activation.commands = False
        active_scope.cancel(reason="stopped in order")
        gone = await self._drop()
        self._owner.mute = True
        if was_active and gone:
            await self._release()
        if gone:
            await self._tell()

    async def _settle(self, reason: str) -> None:
        """Begin nothing new, let what runs end, and let the standby have all of it."""
        active, log = self._activation.active, self._parts.membership.log
        if active is None:
            return
        active.parts.owner.stopping = True
        if self._knows_peer():
            peer = self._parts.two.peer.name
            self._parts.chronicle.remark(remark("pair-handover", server=peer, reason=reason))
        with trio.move_on_after(TIMES.handover_s) as grace:
            while systems := active.in_reset():
                resets = [one.reset for one in systems if one.reset is not None]
                ends = (pass_on_at(one.plan, one.state) for one in resets if not is_over(one))
                grace.deadline = min((grace.deadline, *ends))
                await active.parts.owner.moved()
        with trio.move_on_after(REPLICATE_S):
            while log is not None and log.gate.sends:
                await log.moved.wait()

    async def _drop(self) -> bool:
        """Let the address go; give whether it is gone, since the peer takes it on our word.

        If the kernel does not remove it, the lease ends by itself, and until then nothing is said.
        """
        gone = self._parts.address.drop()
        until = trio.current_time() + GONE_S
        while not gone and trio.current_time() < until:
            await trio.sleep(DROP_APART_S)
            gone = self._parts.address.drop()
        return gone

    def _knows_peer(self) -> bool:
        return knows_peer(self._owner.pair, Instant(trio.current_time()))

    async def _release(self) -> None:
        for _ in range(RELEASES):
            self._parts.voice.release(self._owner.pair.member.epoch)
            await trio.sleep(RELEASE_APART_S)

    async def _tell(self) -> None:
        """Say STOPPED until it is heard; with nobody to tell, our own record stays."""
        heard = self._parts.membership.wakes.stop_heard
        if not self._knows_peer() or self._parts.membership.heard_of.record_stays:
            return
        with trio.move_on_after(TELL_S):
            while not heard.is_set():
                self._owner.say(Stopped())
                with trio.move_on_after(TELL_APART_S):
                    await heard.wait()
