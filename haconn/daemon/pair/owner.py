"""The owner of the pair's state: the only caller of `core.pair.step`.

As the owner of the world (haconn/daemon/owner.py) it is synchronous and never re-entered: what
arises while actions are carried out waits for its turn. One datagram is heard, answered and acted
upon before anything else happens.
"""

from collections import deque
from dataclasses import replace
from typing import Protocol

import trio

from haconn.core import role
from haconn.core.actions import Remark
from haconn.core.beat import (
    Beat,
    PairDatagram,
    PairMessage,
    PairSession,
    Path,
    Replica,
    Standing,
    Stopped,
)
from haconn.core.model import Instant
from haconn.core.pair import next_due, number, step
from haconn.core.pair_state import (
    Action,
    Arrived,
    Drain,
    Drained,
    Event,
    Fenced,
    Heard,
    Keep,
    Pair,
    Speak,
    Superseded,
    TakeOver,
    Tick,
)
from haconn.daemon.journal import clock_shift
from haconn.daemon.pair.fencing import PeerAction
from haconn.daemon.pair.voice import Voice


class Hands(Protocol):
    """Carries out what the pair wants done. Must not block, and must not raise."""

    def replica(self) -> Replica:
        """What the next beat says of the record of resets."""

    def standing_now(self) -> Standing:
        """What the next beat says besides."""

    def said(self) -> None:
        """A beat has left."""

    def heard(self, datagram: PairDatagram, left_after: Instant | None) -> None:
        """A new datagram of the trusted session."""

    def superseded(self, session: PairSession) -> None:
        """Another process of the peer is the trusted one."""

    def take_over(self, action: TakeOver) -> None:
        """Become active."""

    def follow(self, action: role.Follow) -> None:
        """Be a standby."""

    def give_way(self, action: role.Yield) -> None:
        """Drop the address, and end."""

    def keep_record(self, action: Keep) -> None:
        """The peer has stopped in order."""

    def delete_record(self) -> None:
        """It has not."""

    def fenced(self, action: Fenced) -> None:
        """An attempt to fence has ended."""

    def device(self, action: PeerAction) -> None:
        """Touch a device of the peer."""

    def remark(self, action: Remark) -> None:
        """Say something to the operator."""


class PairOwner:
    """Steps the pair and hands its actions on."""

    def __init__(self, pair: Pair, voice: Voice, hands: Hands) -> None:
        self.pair = pair
        self._voice = voice
        self._hands = hands
        self._waiting: deque[Event] = deque()
        self._stepping = False
        self._moved = trio.Event()
        self.mute = False
        """This process has left the pair: it claims nothing any more."""

    def take(self, event: Event) -> None:
        """Let the pair have an event."""
        self._waiting.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._waiting:
                self._turn(self._waiting.popleft())
        finally:
            self._stepping = False
        self._moved.set()

    def hear(self, path: Path, datagram: PairDatagram) -> None:
        """Take a datagram that has arrived."""
        self.take(Arrived(path, datagram))

    def say(self, message: PairMessage) -> None:
        """Send a message on all paths.

        Of a process that has left, STOPPED is the last word: whatever it said afterwards would
        void the record of it.
        """
        if self.mute and not isinstance(message, Stopped):
            return
        seq = number(self.pair, Instant(trio.current_time()))
        self._voice.say(seq, self.pair.member.epoch, message)

    def speak(self) -> None:
        """Send a beat now: something that it says has changed, and there may be no next one."""
        rhythm = self.pair.rhythm
        self.pair.rhythm = replace(rhythm, beat_at=Instant(trio.current_time()))
        self.take(Tick())

    def catch_up(self) -> None:
        """After a long stall, empty the sockets and yield if that is due, before anything is sent.

        Whoever commands a device may have its turn before the pair's clock has one.
        """
        late_s = trio.current_time() - self.pair.rhythm.expected
        if late_s >= self.pair.settings.times.long_stall_s:
            self.take(Tick())

    async def moved(self) -> None:
        """Wait until the pair has had another event."""
        await self._moved.wait()

    async def serve(self) -> None:
        """Give the pair a Tick whenever something is due; for ever."""
        while True:
            if self._moved.is_set():
                self._moved = trio.Event()
            with trio.move_on_at(next_due(self.pair)):
                await self._moved.wait()
            if next_due(self.pair) <= trio.current_time():
                self.take(Tick())
            await trio.lowlevel.checkpoint()

    def _turn(self, event: Event) -> None:
        for action in step(self.pair, event, Instant(trio.current_time())):
            # whoever has left plays no role, whatever it hears
            if not self.mute or isinstance(action, Heard):
                self._carry_out(action)

    def _carry_out(self, action: Action) -> None:
        match action:
            case Speak():
                self._speak(action)
            case Drain():
                self._voice.drain(self.hear)
                self.take(Drained())
            case Heard(datagram, left_after):
                self._hands.heard(datagram, left_after)
            case Superseded(session):
                self._hands.superseded(session)
            case Fenced():
                self._hands.fenced(action)
            case Remark():
                self._hands.remark(action)
            case TakeOver() | role.Follow() | role.Yield() | Keep() | role.DeleteRecord():
                self._role(action)
            case _:
                self._hands.device(action)

    def _role(self, action: TakeOver | role.Follow | role.Yield | Keep | role.DeleteRecord) -> None:
        match action:
            case TakeOver():
                self._hands.take_over(action)
            case role.Follow():
                self._hands.follow(action)
            case role.Yield():
                self._hands.give_way(action)
            case Keep():
                self._hands.keep_record(action)
            case role.DeleteRecord():
                self._hands.delete_record()

    def _speak(self, action: Speak) -> None:
        if self.mute:
            return
        clock = trio.current_time() + clock_shift()
        beat = Beat(
            action.claim,
            action.echo,
            self._hands.replica(),
            self._hands.standing_now(),
            action.hearing,
            clock,
            action.probe,
        )
        self._voice.say(action.seq, self.pair.member.epoch, beat)
        self._hands.said()
