"""The active's record of resets on its way to the standby.

What a turn of the core wrote to the journal is one entry of the log, sent on every path at once;
what the core wants done after it waits here until the gate (haconn/core/gate.py) lets it go.

Nothing here waits. An entry is compressed when it is first sent, and kept as long as the gate may
ask for it again. While there is no standby, and none is being synchronised, an entry is only
counted: the gate is alone then, keeps no entry, and so never asks for one of that time.
"""

import zlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from haconn.core import gate
from haconn.core.beat import PairSession, Replica
from haconn.core.events import RecordedEvent
from haconn.core.gate import Alone, Gate
from haconn.core.model import Instant
from haconn.core.replica import ENTRY_MAX, split
from haconn.daemon.pair.bell import Bell

QUICKLY = 1
"""Compression level: a record of 2 kB becomes 0.6 kB in some 40 us."""

Send = Callable[[int, int, int, bytes], None]
"""Sends one part: index, part, parts, body."""


def packed(lines: bytes) -> bytes:
    """Make an entry of journal lines."""
    return zlib.compress(lines, QUICKLY)


@dataclass(frozen=True, slots=True, eq=False)
class FullSync:
    """A full sync that has begun; one that begins later takes its place."""

    index: int
    """Up to here it is to carry everything."""


class HeldBack:
    """What waits for the gate, by token; each comes back once, in the order of the gate."""

    def __init__(self) -> None:
        self._waiting: dict[int, RecordedEvent] = {}
        self._due: deque[RecordedEvent] = deque()
        self._count = 0
        self._handing_on = False

    def put(self, then: RecordedEvent) -> int:
        """Hold something back; give its token."""
        self._count += 1
        self._waiting[self._count] = then
        return self._count

    def release(self, tokens: Iterable[int]) -> None:
        """Let these go on."""
        self._due.extend(self._waiting.pop(token) for token in tokens)

    def take(self) -> list[RecordedEvent]:
        """Give what may go on now; nothing while `hand_on` is at it, which has an older one."""
        if self._handing_on:
            return []
        going = list(self._due)
        self._due.clear()
        return going

    def hand_on(self, take: Callable[[RecordedEvent], None]) -> None:
        """Hand everything on that may go on; what that makes go on comes after it."""
        if self._handing_on:
            return
        self._handing_on = True
        try:
            while self._due:
                take(self._due.popleft())
        finally:
            self._handing_on = False


class ActiveLog:
    """Implements haconn.daemon.owner.Recorder."""

    def __init__(
        self,
        session: PairSession,
        clock: Callable[[], Instant],
        send: Send,
        take: Callable[[RecordedEvent], None],
    ) -> None:
        """Begin an empty log.

        Args:
            take: gets what was held back and may go on now.
        """
        self.gate = Gate(session)
        self._clock = clock
        self._send = send
        self._take = take
        self._bodies: dict[int, bytes] = {}
        self._held_back = HeldBack()
        self._sync: FullSync | None = None
        """The last that has begun."""
        self.moved = Bell()
        """Something was acknowledged, or is waited for no longer."""

    def record(self, lines: bytes, thens: list[RecordedEvent], /) -> list[RecordedEvent]:
        """Take an entry in, send it, and give what need not wait."""
        # without a standby an entry only counts: a later full sync carries it
        body = packed(lines) if self._has_reader() else b""
        tokens = tuple(self._held_back.put(then) for then in thens)
        sendable = len(body) <= ENTRY_MAX
        self.gate, going = gate.append(self.gate, tokens, self._clock(), sendable=sendable)
        if sendable:
            self._bodies[self.gate.index] = body
        if self.gate.index in self.gate.sends:
            self._send_entry(self.gate.index)
        self._forget()
        self._held_back.release(going)
        return self._held_back.take()

    def _has_reader(self) -> bool:
        return not isinstance(self.gate.standing, Alone) or self.gate.snapshot is not None

    def replica(self) -> Replica:
        """What a beat says of the log; `said` is to follow when it has left."""
        return Replica(
            self.gate.log,
            announced=self.gate.index,
            synchronised=not self.gate.calls_unsynchronised,
        )

    def said(self) -> None:
        """A beat has left."""
        self.gate = gate.beat_sent(self.gate, self._clock())

    def heard(self) -> None:
        """Something of the standby came."""
        self.gate = gate.heard(self.gate, self._clock())

    def followed_by(self, standby: PairSession) -> None:
        """Whose log this is, by the peer's own word; NOBODY if it says that it has none."""
        self._go(gate.followed_by(self.gate, standby, self._clock()))

    def acknowledged(self, log: PairSession, applied: int) -> None:
        """The standby has everything up to there."""
        self._go(gate.acknowledged(self.gate, log, applied, self._clock()))

    def begin_sync(self) -> FullSync:
        """A full sync begins; one that is under way counts no longer."""
        self.gate = gate.begin_sync(self.gate)
        self._sync = FullSync(self.gate.index)
        return self._sync

    def end_sync(self, standby: PairSession, sync: FullSync) -> bool:
        """That process has loaded it; give whether it is in step now."""
        self._go(gate.end_sync(self.gate, standby, sync.index, self._clock()))
        self.tick()
        return not self.gate.calls_unsynchronised

    def drop_sync(self, sync: FullSync) -> None:
        """It has failed, or has ended; a later one goes on."""
        if sync is self._sync:
            self._sync = None
            self.gate = gate.drop_sync(self.gate)

    def tick(self) -> None:
        """Look at the clock: let go, and send again."""
        now = self._clock()
        self._go(gate.tick(self.gate, now))
        self.gate, again = gate.resend(self.gate, now)
        for index in again:
            self._send_entry(index)

    def next_due(self) -> Instant | None:
        """When `tick` has something to do."""
        return gate.next_due(self.gate)

    def _go(self, step: gate.Step) -> None:
        self.gate, going = step
        self.moved.set()
        self._forget()
        self._held_back.release(going)
        self._held_back.hand_on(self._take)

    def _forget(self) -> None:
        kept_from = self.gate.kept_from
        for index in [one for one in self._bodies if one < kept_from]:
            del self._bodies[index]

    def _send_entry(self, index: int) -> None:
        bodies = split(self._bodies[index])
        for part, body in enumerate(bodies):
            self._send(index, part, len(bodies), body)
