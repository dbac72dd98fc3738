"""Becoming active: epoch, address, record of resets, service; in this order.

What a standby has copied is taken up as an earlier process's journal would be; what it is worth is
the matter of inherited.py.
"""

import trio

from haconn.config.paths import Paths as Trees
from haconn.config.schema import Configuration
from haconn.core.beat import Intent
from haconn.core.events import RecordedEvent, RedundancyIs
from haconn.core.model import Instant
from haconn.core.pair_times import TIMES
from haconn.core.server import owe
from haconn.core.world import World, remark
from haconn.daemon.active import Active
from haconn.daemon.journal import clock_shift
from haconn.daemon.pair.clocks import put_epoch
from haconn.daemon.pair.fencing import PeerDevices
from haconn.daemon.pair.inherited import Record, inherited
from haconn.daemon.pair.log import ActiveLog
from haconn.daemon.pair.membership import Taken
from haconn.daemon.pair.owner import PairOwner
from haconn.daemon.pair.parts import PairParts, pdus_of, policy_of
from haconn.daemon.parts import Heritage, build, open_journal

EARLIER = "the active before did not know what was under way either"


class Activation:
    """Makes this process active, once."""

    def __init__(
        self,
        trees: Trees,
        configuration: Configuration,
        parts: PairParts,
        owner: PairOwner,
        devices: PeerDevices,
    ) -> None:
        self._trees = trees
        self.configuration = configuration
        self._parts = parts
        self._owner = owner
        self._devices = devices
        self.active: Active | None = None
        self.commands = False
        """The role token: whether managed servers may be touched."""

    def may_send(self) -> bool:
        """Whether this process may command managed servers at this very moment."""
        self._owner.catch_up()
        return self.commands and self._owner.pair.rhythm.drained and not self._owner.mute

    async def run(self, taken: Taken) -> None:
        """Become active, and be it until cancelled. Raises StartError."""
        parts = self._parts
        now = Instant(trio.current_time())
        record = inherited(parts.membership.copy, taken, self._trees, parts.chronicle.remark, now)
        await put_epoch(parts, taken.action.epoch)
        await parts.address.take_at_last()
        # from here to the last line in one turn: devices report to whoever owns the world
        active = self._build(record, taken.action.epoch)
        self._owe(active.parts.owner.world)
        open_journal(active.parts, self._trees.var)
        async with trio.open_nursery() as services:
            services.start_soon(parts.address.serve)
            self.active, self.commands = active, True
            active.begin(services)

    def _build(self, record: Record, epoch: int) -> Active:
        """Make the core with its record. Raises StartError."""
        parts, membership = self._parts, self._parts.membership
        log = ActiveLog(parts.session, _now, self._send_part, self._go_on)
        until = self._hold(record)
        heritage = Heritage(
            record.found,
            parts.pdus,
            parts.chronicle,
            epoch,
            until,
            log,
            self.may_send,
            policy_of(parts.two.peer),
            self._devices.bmc,
            self._devices.outlets,
            frozenset(pdu.address for pdu in pdus_of(parts.means.feeds, parts.pdus)),
        )
        active = Active(build(self._trees, self.configuration, heritage, parts.mailbox))
        membership.begin_log(log)
        return active

    def _owe(self, world: World) -> None:
        """What the fencing has switched off is owed."""
        for owed in reversed(self._parts.membership.owed):
            world.put_server(owe(world.servers[self._parts.two.peer.name], owed))

    def _send_part(self, index: int, part: int, parts: int, body: bytes) -> None:
        clock = trio.current_time() + clock_shift()
        self._owner.say(Intent(index, part, parts, body, clock))

    def _go_on(self, then: RecordedEvent) -> None:
        assert self.active is not None
        self.active.parts.owner.take(then)

    def _hold(self, record: Record) -> Instant | None:
        """Until when nothing is commanded: for our own ignorance, or that of the active before.

        Who takes over from an active that was cautious itself has no more than it had.
        """
        now = trio.current_time()
        until, reason = self._parts.membership.heard_of.hold_until, EARLIER
        if record.conservative is not None:
            until, reason = Instant(now + TIMES.conservative_s), record.conservative
        if until is None or until <= now:
            return None
        hold = f"{until - now:.0f}"
        self._parts.chronicle.remark(remark("pair-conservative", hold=hold, reason=reason))
        return until

    def degraded(self, is_so: bool, /) -> None:
        """Let CHECK's answers say whether there is a standby that could take over."""
        if self.active is not None:
            self.active.parts.owner.take(RedundancyIs(is_so))


def _now() -> Instant:
    return Instant(trio.current_time())
