"""The shell's device tasks in virtual time: polls, commands, cuts and restores, as the daemon's."""

from functools import partial
from math import inf
from typing import TYPE_CHECKING

from haconn.core import events
from haconn.core.actions import BeginRestore, Perform
from haconn.core.model import (
    SHORTEST_TIMEOUT_S,
    Accepted,
    Answer,
    Feed,
    InDoubt,
    Instant,
    Power,
    PowerReading,
    Refused,
    Unsent,
)
from haconn.core.power import patience_s
from haconn.core.reset import Command
from haconn.core.server import FeedReading, Restore
from tests.core.contradiction.oracle import Read

if TYPE_CHECKING:
    from tests.core.contradiction.play import Play

HURRY_S = 0.2
JITTER = 0.1
SILENT_S = 1.0
"""A read or a login without an answer is overdue after so long."""
READ_EACH_S = 0.1
REPEAT_S = 0.4
RESTORE_S = 0.2


class BmcTask:
    """The sole user of one BMC, in one process of the daemon."""

    def __init__(self, play: "Play", server: str) -> None:
        self.play, self.server = play, server
        self.bmc = play.scene.bmcs[server]
        self.session = 0
        self.open = False
        self.hurried = self.reading = False
        self.turn = 0
        self.silent_since = inf
        self.timeout_s = max(SHORTEST_TIMEOUT_S, 2 * self.bmc.rtt_s)
        play.after(play.random.random() * JITTER, self._log_in)

    def _log_in(self) -> None:
        if self.bmc.answers(self.play.now):
            self.play.after(4 * self.bmc.rtt_s, self._logged_in)
        else:
            self._overdue(self.play.now, SILENT_S)

    def _logged_in(self) -> None:
        self.session += 1
        self.open, self.silent_since = True, inf
        self.play.oracle.bmcs[self.server].append(Read(self.play.now, self.play.now, None))
        self.play.take(events.SessionOpened(self.server, self.session))
        self._read(self.turn)

    def _overdue(self, asked_at: float, wait_s: float) -> None:
        self.silent_since = min(self.silent_since, asked_at)

        def passed() -> None:
            self.reading = False
            since, timeout_s = Instant(self.silent_since), self.timeout_s
            self.play.take(events.BmcUnanswered(self.server, since, timeout_s))
            if self.play.now - since >= patience_s(self.play.scene.bmc_poll_s, timeout_s):
                self.open = False
            again = self._log_in if not self.open else partial(self._read, self.turn)
            self.play.after(HURRY_S, again)

        self.play.after(wait_s, passed)

    def _read(self, turn: int) -> None:
        if turn != self.turn:
            return
        self.turn += 1
        self.reading = True  # one is outstanding at a time, as in the driver
        asked_at, rtt_s = self.play.now, self.bmc.rtt_s
        if not self.bmc.answers(asked_at):
            self._overdue(asked_at, SILENT_S)
            return
        while self.play.random.random() < self.play.scene.device_loss:
            rtt_s += max(HURRY_S, 2 * self.bmc.rtt_s)
        self.play.after(rtt_s, partial(self._was_read, asked_at))

    def _was_read(self, asked_at: float) -> None:
        now = self.play.now
        self.reading = False
        power = self.bmc.reads(now - 0.1 * self.bmc.rtt_s)
        self.silent_since = inf
        self.play.oracle.bmcs[self.server].append(Read(asked_at, now, power))
        reading = PowerReading(power, self.session, asked_at, now, self.timeout_s)
        turn = self.turn
        self.play.take(events.PowerRead(self.server, reading))
        period = HURRY_S if self.hurried else self.play.scene.bmc_poll_s
        if turn == self.turn:
            self.play.after(
                period * self.play.random.uniform(1 - JITTER, 1 + JITTER),
                partial(self._read, self.turn),
            )

    def hurry(self, on: bool) -> None:
        """Poll often, or as usual."""
        if on and not self.hurried and self.open and not self.reading:
            self.play.after(HURRY_S, partial(self._read, self.turn))
        self.hurried = on

    def perform(self, action: Perform) -> None:
        """Send a stage's command, one datagram, and report its answer."""
        names = (self.server, action.operation, action.stage)
        now = self.play.now

        def answer(what: Answer) -> None:
            self.play.take(events.CommandAnswered(*names, what))

        if not self.open:
            self.play.after(0.0, partial(answer, Unsent("no session")))
            return
        self.play.after(0.0, lambda: self.play.take(events.CommandSent(*names)))
        if not self.bmc.answers(now):
            self.play.after(max(action.deadline - now, 0.0), partial(answer, InDoubt("silent")))
            return
        if self.bmc.refuses:
            self.play.after(self.bmc.rtt_s, partial(answer, Refused("no")))
            return
        self.play.world_does(self.bmc.rtt_s / 2, partial(self._carry_out, action.command))
        self.play.after(self.bmc.rtt_s, partial(answer, Accepted()))

    def _carry_out(self, command: Command) -> None:
        if command is Command.POWER_OFF:
            self.bmc.switches_off(self.play.now)
        elif command is Command.HARD_RESET:
            self.bmc.resets(self.play.now)

    def restore(self, action: BeginRestore) -> None:
        """Switch power on."""
        if not self.open:
            self.play.after(RESTORE_S, partial(self._restored, action, "no session"))
            return
        self.bmc.switches_on(self.play.now)
        self.play.after(RESTORE_S, partial(self._restored, action, None))

    def _restored(self, action: BeginRestore, failure: str | None) -> None:
        self.play.take(
            events.RestoreTried(self.server, Restore.POWER_ON, action.operation, failure)
        )


class OutletTask:
    """All outlets that the settings name, in one process of the daemon."""

    def __init__(self, play: "Play") -> None:
        self.play = play
        self.pdus = play.scene.pdus
        self.writer: dict[str, int] = {}
        self.named = sorted({f for one in play.scene.policies.values() for f in one.feeds})
        if self.named:
            play.after(play.random.random() * 0.3, self._poll)

    def _poll(self) -> None:
        self._read(self.named)
        for pdu in sorted({feed.pdu for feed in self.named}):
            seen = events.PduSeen(pdu, not self.pdus.silent)
            self.play.after(self.play.scene.pdu_rtt_s, partial(self.play.take, seen))
        period = self.play.scene.pdu_poll_s * self.play.random.uniform(1 - JITTER, 1 + JITTER)
        self.play.after(period, self._poll)

    def _read(self, feeds: list[Feed]) -> None:
        if self.pdus.silent:
            return
        for pdu in sorted({feed.pdu for feed in feeds}):
            mine = [feed for feed in feeds if feed.pdu == pdu]
            rtt_s = self.play.scene.pdu_rtt_s
            if self.play.random.random() < self.play.scene.device_loss:
                rtt_s += HURRY_S
            self.play.after(rtt_s, partial(self._was_read, mine, self.play.now))

    def _was_read(self, feeds: list[Feed], asked_at: float) -> None:
        now = self.play.now
        uptime_s = self.pdus.uptime_s(now)
        readings = {}
        for feed in feeds:
            power = self.pdus.reads(feed, now)
            self.play.oracle.feeds[feed].append(Read(asked_at, now, power))
            readings[feed] = FeedReading(power, Instant(asked_at), Instant(now), uptime_s)
        self.play.take(events.FeedsRead(readings))

    def cut(self, action: Perform) -> None:
        """Order every feed off and read it off."""
        turn = self.writer[action.server] = self.writer.get(action.server, 0) + 1
        for feed in action.feeds:
            self.play.after(0.001, partial(self._order, action, feed, turn))

    def _order(self, action: Perform, feed: Feed, turn: int) -> None:
        now = self.play.now
        if now >= action.deadline or turn != self.writer[action.server]:
            return
        names = (action.server, action.operation)
        self.play.take(events.OutletSent(*names, action.stage, feed, False))
        lost = self.pdus.silent or self.play.random.random() < self.play.scene.device_loss
        if lost:
            self.play.after(REPEAT_S, partial(self._order, action, feed, turn))
            return
        rtt_s = self.play.scene.pdu_rtt_s
        self.play.world_does(rtt_s / 2, lambda: self.pdus.switch(feed, False, self.play.now))
        taken = events.OutletAnswered(*names, feed, False)
        self.play.after(rtt_s, partial(self.play.take, taken))
        self.play.after(rtt_s, partial(self._read_back, action, feed, turn))

    def _read_back(self, action: Perform, feed: Feed, turn: int) -> None:
        if self.play.now >= action.deadline or turn != self.writer[action.server]:
            return
        self._read([feed])
        if self.pdus.reads(feed, self.play.now) is not Power.OFF:
            self.play.after(READ_EACH_S, partial(self._read_back, action, feed, turn))

    def restore(self, action: BeginRestore) -> None:
        """Switch outlets on, read them on, and say so."""
        turn = self.writer[action.server] = self.writer.get(action.server, 0) + 1
        for feed in action.feeds:
            sent = events.OutletSent(action.server, action.operation, None, feed, True)
            self.play.after(0.0, partial(self.play.take, sent))
            if not self.pdus.silent:
                self.play.world_does(0.002, partial(self._switch_on, feed))
        self.play.after(RESTORE_S, partial(self._restored, action, turn))

    def _switch_on(self, feed: Feed) -> None:
        self.pdus.switch(feed, True, self.play.now)

    def _restored(self, action: BeginRestore, turn: int) -> None:
        if turn != self.writer[action.server]:
            return
        self._read(list(action.feeds))
        failure = "not read on" if self.pdus.silent else None
        tried = events.RestoreTried(action.server, Restore.FEEDS, action.operation, failure)
        self.play.after(self.play.scene.pdu_rtt_s + 0.001, partial(self.play.take, tried))
