"""This server as a member of the pair: carries out what haconn/core/pair.py wants done.

Nothing here waits: what takes time (an activation, a full sync) is a task of the service, woken by
the events of this file. A standby has a copy of the record of resets, an active has a log; who is
neither has none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import trio

from haconn.core import role
from haconn.core.actions import Remark
from haconn.core.beat import (
    NOBODY,
    Beat,
    Intent,
    IntentHeard,
    PairDatagram,
    PairRole,
    PairSession,
    Replica,
    Standing,
    Stopped,
    StoppedHeard,
)
from haconn.core.model import Instant
from haconn.core.pair_state import Fenced, Keep, TakeOver
from haconn.core.peer_power import BELATED_S
from haconn.core.repower import owed_after
from haconn.core.server import Owed, Restore
from haconn.core.takeover import Proved
from haconn.core.world import remark
from haconn.daemon.pair.bell import Bell
from haconn.daemon.pair.copy import DamagedEntryError, StandbyCopy
from haconn.daemon.pair.fencing import PeerAction, PeerDevices
from haconn.daemon.pair.log import ActiveLog
from haconn.daemon.pair.owner import PairOwner
from haconn.daemon.pair.records import PeerStopped
from haconn.daemon.pair.repowers import Repowers
from haconn.daemon.pair.voice import Voice


@dataclass(frozen=True, slots=True)
class Taken:
    """A takeover that is to be carried out."""

    action: TakeOver
    was_standby_of: PairSession
    """Whose standby this server was; NOBODY if it was none."""


class Membership:
    """Implements haconn.daemon.pair.owner.Hands."""

    def __init__(
        self,
        peer: str,
        voice: Voice,
        record: PeerStopped,
        say: Callable[[Remark], None],
        repowers: Repowers | None = None,
    ) -> None:
        self.standing = Standing()
        """What our beats say; replaced by whoever knows better."""
        self.copy = StandbyCopy()
        self.log: ActiveLog | None = None
        self.wakes = Wakes()
        self.heard_of = HeardOf()
        self._fencings = Fencings(peer, repowers)
        if repowers is not None:
            self._fencings.repowers = repowers.load(
                Instant(trio.current_time()), lambda path: say(remark("state-damaged", path=path))
            )
        self._tools = Tools(voice, record, say, peer)

    def attach(self, owner: PairOwner, devices: PeerDevices) -> None:
        """Name the owner and the peer's devices; before the first event."""
        self._tools.owner = owner
        self._tools.devices = devices

    def begin_log(self, log: ActiveLog) -> None:
        """Be active from now on: what is written goes to a standby."""
        self.log = log

    @property
    def fenced_at(self) -> Instant | None:
        """When the peer was last switched off by us, to be switched on again."""
        return max(self._fencings.repowers, default=None)

    @property
    def owed(self) -> tuple[Owed, ...]:
        """What is owed to the peer after a fencing."""
        return self._fencings.owed

    def replica(self) -> Replica:
        """What the next beat says of the record of resets."""
        return self.copy.replica() if self.log is None else self.log.replica()

    def standing_now(self) -> Standing:
        """What the next beat says besides."""
        return self.standing

    def said(self) -> None:
        """A beat has left."""
        if self.log is not None:
            self.log.said()

    def heard(self, datagram: PairDatagram, left_after: Instant | None) -> None:
        """Take notice of a new datagram of the trusted session."""
        self.heard_of.session = datagram.session
        self._fencings.heard(Instant(trio.current_time()))
        if self.log is not None:
            self.log.heard()
        match datagram.message:
            case Beat():
                self._beat(datagram.session, datagram.message, left_after)
            case Intent():
                self._intent(datagram.session, datagram.message)
            case IntentHeard(log, applied):
                if self.log is not None:
                    self.log.acknowledged(log, applied)
            case Stopped():
                self._tools.say_to_peer(StoppedHeard())
                self._peer_stopped()
            case StoppedHeard():
                self.wakes.stop_heard.set()
            case _:
                pass

    def _beat(self, session: PairSession, beat: Beat, left_after: Instant | None) -> None:
        self.heard_of.beat = beat
        if beat.standing.restarting:
            self.heard_of.restarting_at = Instant(trio.current_time())
        self._tools.voice.learn(beat)
        if self.log is not None:
            mine = beat.claim.following == self.log.gate.log
            follows = beat.claim.role is PairRole.STANDBY and mine
            self.log.followed_by(session if follows else NOBODY)
            if follows and beat.replica.log == self.log.gate.log:
                self.log.acknowledged(beat.replica.log, beat.replica.applied)
        elif beat.claim.role is PairRole.ACTIVE:
            self.copy.hear(session, beat, left_after)
            if self.copy.log != session or not beat.replica.synchronised:
                self.wakes.sync.set()

    def _intent(self, session: PairSession, intent: Intent) -> None:
        """Take a part of the log in; what cannot be read is a reason for a new full sync."""
        if self.log is not None:
            return
        try:
            theirs = self.copy.take(session, intent, self._tools.offset_s())
        except DamagedEntryError:
            self.wakes.sync.set()  # what was applied before stays, for a takeover meanwhile
            return
        if theirs:
            self._tools.say_to_peer(IntentHeard(session, self.copy.applied))

    def superseded(self, session: PairSession) -> None:
        """Another process of the peer is the trusted one: this one has no copy of ours."""
        self.heard_of.session = session
        self.heard_of.beat = None
        if self.log is not None:
            self.log.followed_by(NOBODY)

    def _peer_stopped(self) -> None:
        for owed in self._fencings.stopped():
            self._tools.say(
                remark(
                    "restore-failed",
                    operation=owed.operation,
                    what=owed.what.value,
                    server=self._tools.peer,
                    reason="it has stopped in order since: not done",
                )
            )
        if self.log is not None:
            self.log.followed_by(NOBODY)

    def take_over(self, action: TakeOver) -> None:
        """Wake whoever makes this server active."""
        was_standby = self.heard_of.following != NOBODY
        self._tools.say(
            remark(
                # who follows nobody takes nothing over: the peer may never have been active
                "pair-takeover" if was_standby else "pair-begins",
                server=self._tools.peer,
                epoch=action.epoch,
                proof=action.proof.value,
            )
        )
        self.wakes.taken = Taken(action, self.heard_of.following)
        self.wakes.activation.set()

    def follow(self, action: role.Follow) -> None:
        """Be a standby: get the record, and put the epoch on the disk."""
        self.heard_of.following = action.session
        self.wakes.epoch = action.epoch
        self.wakes.epoch_is_another.set()
        self.wakes.sync.set()

    def give_way(self, action: role.Yield) -> None:
        """Wake whoever ends this process; the address goes first."""
        self._tools.say(remark("pair-yield", epoch=action.epoch))
        self.wakes.end()

    def keep_record(self, action: Keep) -> None:
        """The peer has stopped in order."""
        self._tools.say(remark("pair-stopped", server=self._tools.peer))
        self._complain(self._tools.record.keep(action.echo))

    def delete_record(self) -> None:
        """It runs again."""
        failure = self._tools.record.delete()
        # whoever cannot delete it must not be started on the strength of it
        self.heard_of.record_stays = failure is not None
        self._complain(failure)

    def _complain(self, failure: str | None) -> None:
        if failure is not None:
            self._tools.say(remark("pair-record", reason=failure))

    def fenced(self, action: Fenced) -> None:
        """What was switched off is to be on again."""
        if isinstance(action.end, Proved):
            self._tools.say(
                remark(
                    "pair-fenced",
                    operation=action.operation,
                    server=self._tools.peer,
                    proof=action.end.proof.value,
                )
            )
        self._complain(self._fencings.ended(action, Instant(trio.current_time())))

    def device(self, action: PeerAction) -> None:
        """Touch a device of the peer."""
        assert self._tools.devices is not None
        self._tools.devices.perform(action)

    def remark(self, action: Remark) -> None:
        """Say something to the operator."""
        self._tools.say(action)


class Wakes:
    """What the tasks of the service wait for."""

    def __init__(self) -> None:
        self.activation = trio.Event()
        self.taken: Taken | None = None
        self.epoch = 0
        self.epoch_is_another = Bell()
        self.sync = Bell()
        self.stop_heard = trio.Event()
        self.end: Callable[[], None] = _nobody_yet


def _nobody_yet() -> None:
    raise AssertionError("the service names who ends the process before the first event")


@dataclass
class HeardOf:
    """What is known of the peer from its own words."""

    session: PairSession = NOBODY
    beat: Beat | None = None
    """The last of its trusted session."""
    following: PairSession = NOBODY
    """Whose standby this server is."""
    hold_until: Instant | None = None
    """Until then the active commands nothing, and neither may who takes over from it."""
    restarting_at: Instant | None = None
    """When it last said that it stops in order to start anew."""
    record_stays: bool = False
    """The record of the peer's stop could not be deleted."""


@dataclass
class Fencings:
    """What attempts to fence the peer have left to be done."""

    peer: str
    file: Repowers | None = None
    """Where the repowers outlive this process."""
    owed: tuple[Owed, ...] = ()
    ended_at: Instant | None = None
    """The last attempt."""
    repowers: tuple[Instant, ...] = ()

    def ended(self, action: Fenced, now: Instant) -> str | None:
        """Note what is owed after it; what an earlier attempt has left stays owed.

        Gives why it could not be written down.
        """
        fresh = owed_after(action.end, action.operation, self.repowers, now)
        self.ended_at = now
        self._owe(fresh)
        if not isinstance(action.end, Proved) or not self.owed:
            return None
        # however many attempts it took, it is switched on once
        self.repowers = (*self.repowers, now)
        return None if self.file is None else self.file.keep(self.repowers, now)

    def _owe(self, fresh: tuple[Owed, ...]) -> None:
        if not fresh:
            return
        kinds = {one.what for one in fresh}
        kept = tuple(one for one in self.owed if one.what not in kinds)
        self.owed = (*fresh, *kept)

    def heard(self, now: Instant) -> None:
        """It speaks, so it has power: when it has none later, that is not our doing."""
        if self.owed and self.ended_at is not None and now - self.ended_at > BELATED_S:
            self.owed = tuple(one for one in self.owed if one.what is not Restore.POWER_ON)

    def stopped(self) -> tuple[Owed, ...]:
        """It has stopped in order, and may be in repair: nothing of it is switched on any more.

        Gives what was still owed.
        """
        left, self.owed = self.owed, ()
        return left


@dataclass
class Tools:
    """What a member acts with."""

    voice: Voice
    record: PeerStopped
    say: Callable[[Remark], None]
    peer: str
    owner: PairOwner | None = None
    devices: PeerDevices | None = None

    def say_to_peer(self, message: StoppedHeard | IntentHeard) -> None:
        """Answer on all paths."""
        assert self.owner is not None
        self.owner.say(message)

    def offset_s(self) -> float:
        """What makes a stamp of the peer's clock an instant of ours."""
        assert self.owner is not None
        return self.owner.pair.hearing.offset_s
