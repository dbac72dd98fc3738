"""The active's record of resets on its way to the standby.

What a turn of the core wrote to the journal is one entry of the log, sent on every path at once;
what the core wants done after it waits here until the gate (haconn/core/gate.py) lets it go.

Nothing here waits. An entry is compressed when it is first sent, and kept as long as the gate may
ask for it again.
"""

import zlib
from collections.abc import Callable

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
        self._waiting: dict[int, RecordedEvent] = {}
        self._tokens = 0
        self.moved = Bell()
        """Something was acknowledged, or is waited for no longer."""

    def record(self, lines: bytes, thens: list[RecordedEvent], /) -> list[RecordedEvent]:
        """Take an entry in, send it, and give what need not wait."""
        # without a standby an entry only counts: a later full sync carries it
        body = packed(lines) if self._has_reader() else b""
        tokens = []
        for then in thens:
            self._tokens += 1
            self._waiting[self._tokens] = then
            tokens.append(self._tokens)
        sendable = len(body) <= ENTRY_MAX
        self.gate, going = gate.append(self.gate, tuple(tokens), self._clock(), sendable=sendable)
        if sendable:
            self._bodies[self.gate.index] = body
        if self.gate.index in self.gate.sends:
            self._send_entry(self.gate.index)
        self._forget()
        return [self._waiting.pop(token) for token in going]

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

    def begin_sync(self) -> int:
        """A full sync begins: give the index up to which it is to carry everything."""
        self.gate = gate.begin_sync(self.gate)
        return self.gate.index

    def end_sync(self, standby: PairSession, snapshot: int) -> bool:
        """That process has loaded it; give whether it is in step now."""
        self._go(gate.end_sync(self.gate, standby, snapshot, self._clock()))
        self.tick()
        return not self.gate.calls_unsynchronised

    def drop_sync(self) -> None:
        """The full sync under way has failed."""
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
        for token in going:
            self._take(self._waiting.pop(token))

    def _forget(self) -> None:
        kept_from = self.gate.kept_from
        for index in [one for one in self._bodies if one < kept_from]:
            del self._bodies[index]

    def _send_entry(self, index: int) -> None:
        bodies = split(self._bodies[index])
        for part, body in enumerate(bodies):
            self._send(index, part, len(bodies), body)
