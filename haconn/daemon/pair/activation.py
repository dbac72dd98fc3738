"""Becoming active: epoch, address, record of resets, service; in this order.

What a standby has copied is taken up as an earlier process's journal would be. It is exact if the
copy lacks nothing that was acted on (haconn/core/replica.py); else, and for whoever was no standby,
nothing is commanded for a while, since something may be under way that is not known here. There is
one exception: the last active of this boot, with its own journal and nobody active since. That is
so if the epochs follow each other and the peer itself is the witness; a peer that was found without
power may have been active meanwhile, and nobody would know.
"""

from dataclasses import dataclass, replace

import trio

from haconn.config.paths import Paths as Trees
from haconn.config.schema import Configuration
from haconn.core.beat import NOBODY, Intent
from haconn.core.events import RecordedEvent, RedundancyIs
from haconn.core.model import Instant
from haconn.core.pair_state import TakeOver
from haconn.core.pair_times import TIMES
from haconn.core.role import Proof
from haconn.core.server import owe
from haconn.core.world import World, remark
from haconn.daemon.active import Active
from haconn.daemon.journal import Found, clock_shift
from haconn.daemon.pair.clocks import put_epoch
from haconn.daemon.pair.fencing import PeerDevices
from haconn.daemon.pair.log import ActiveLog
from haconn.daemon.pair.membership import Taken
from haconn.daemon.pair.owner import PairOwner
from haconn.daemon.pair.parts import PairParts, pdus_of, policy_of
from haconn.daemon.parts import Heritage, build, open_journal, read_journal

WITNESSED = frozenset({Proof.PROMISED, Proof.STOPPED})
"""The peer says itself which epoch it has heard of, or has not run since it stopped."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of the resets, and how well."""

    found: Found
    conservative: str | None
    """Why nothing is to be commanded for a while; None if everything is known."""


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
        record = self._record(taken, now)
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
            self._say(record)

    def _record(self, taken: Taken, now: Instant) -> Record:
        copy, operator = self._parts.membership.copy, taken.action.proof is Proof.OPERATOR
        if taken.was_standby_of != NOBODY and copy.log == taken.was_standby_of:
            if copy.is_exact(now) and not operator:
                self._parts.chronicle.remark(remark("pair-exact", index=copy.applied))
                return Record(copy.found, None)
            return Record(copy.found, _what_is_lost(copy.found))
        found = read_journal(self._trees.var)
        if is_of_the_last_active(found, taken.action):
            return Record(found, None)
        if found.empty and not found.unreadable:
            return Record(found, "what another active has done is not known")
        return Record(replace(found, same_boot=False), "the journal is not of the last active")

    def _build(self, record: Record, epoch: int) -> Active:
        """Make the core with its record. Raises StartError."""
        parts, membership = self._parts, self._parts.membership
        log = ActiveLog(parts.session, _now, self._send_part, self._go_on)
        until = self._parts.membership.heard_of.hold_until
        if record.conservative is not None:
            until = Instant(trio.current_time() + TIMES.conservative_s)
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

    def _say(self, record: Record) -> None:
        if record.conservative is None:
            return
        hold = f"{TIMES.conservative_s:.0f}"
        self._parts.chronicle.remark(
            remark("pair-conservative", hold=hold, reason=record.conservative)
        )

    def degraded(self, is_so: bool, /) -> None:
        """Let CHECK's answers say whether there is a standby that could take over."""
        if self.active is not None:
            self.active.parts.owner.take(RedundancyIs(is_so))


def is_of_the_last_active(found: Found, action: TakeOver) -> bool:
    """Whether nobody has been active since this journal was written, and in this boot."""
    follows = found.epoch > 0 and action.epoch == found.epoch + 1
    return found.same_boot and follows and action.proof in WITNESSED


def _what_is_lost(found: Found) -> str:
    """Why a copy is not acted on, and which resets are not gone on with."""
    resets = [system.reset for system in found.systems.values() if system.reset is not None]
    names = ", ".join(sorted(reset.operation for reset in resets)) or "none"
    return f"the copy of the record may lack what was done last (resets under way: {names})"


def _now() -> Instant:
    return Instant(trio.current_time())
