"""The owner of the core's state: the only caller of `core.step`.

`take` is synchronous and never re-entered: an event that arises while actions are performed waits
for its turn. So the state has one owner, and all events have one order. Nothing waits in a turn;
commands are tasks that are ready when it ends.

The order inside one turn is the promise of the journal: step, write down what changed, then act.
"""

from collections import deque
from typing import Protocol

import trio

from haconn.core.actions import Action, Record
from haconn.core.events import Event, RecordedEvent, StageRecorded, Tick
from haconn.core.model import Instant
from haconn.core.step import next_due, step
from haconn.core.world import World, remark
from haconn.daemon.journal import Journal

JOURNAL = "the journal"
RUN_JOURNAL = "the journal in HACONN_RUN"


class Performer(Protocol):
    """Carries actions out; must not block, and must not raise."""

    def perform(self, action: Action) -> None:
        """Carry out, or begin to carry out, one action."""


class Recorder(Protocol):
    """Gets what was written to those who need it besides the disk."""

    def record(self, lines: bytes, thens: list[RecordedEvent], /) -> list[RecordedEvent]:
        """Take a turn's lines, and what is to follow; give of that what need not wait.

        The rest goes to `Owner.take` when it may go on.
        """


class NoStandby:
    """Alone, the journal is the record."""

    def record(self, _lines: bytes, thens: list[RecordedEvent], /) -> list[RecordedEvent]:
        """Nobody else needs it."""
        return thens


class Ledger:
    """Both places where it is written down: the journal, and the standby's copy."""

    def __init__(self, journal: Journal, recorder: Recorder) -> None:
        self._journal = journal
        self._recorder = recorder
        self._failing: dict[str, OSError] = {}
        """What was said of its files."""

    def write(self, world: World, thens: list[RecordedEvent]) -> list[RecordedEvent]:
        """Write down what has changed, and give what need not wait any longer."""
        lines = self._journal.append(world.take_changes(), world)
        return self._recorder.record(lines, thens) if lines or thens else []

    def news(self) -> list[Action]:
        """Say once that the journal fails, and once that it works again."""
        said: list[Action] = []
        failures = {JOURNAL: self._journal.failure, RUN_JOURNAL: self._journal.run_failure}
        for what, failure in failures.items():
            if failure is None and self._failing.pop(what, None) is not None:
                said.append(remark("journal", what="it can be written again", about=what))
            elif failure is not None and what not in self._failing:
                self._failing[what] = failure
                said.append(remark("disk", what=what, reason=failure.strerror or str(failure)))
        return said


class Owner:
    """Steps the core and hands its actions on."""

    def __init__(self, world: World, journal: Journal, recorder: Recorder | None = None) -> None:
        self.world = world
        self._ledger = Ledger(journal, recorder or NoStandby())
        self._performer: Performer | None = None
        self._waiting: deque[Event] = deque()
        self._stepping = False
        self._moved = trio.Event()
        self.stopping = False
        """Nothing new is begun; what is recorded is taken up by the next process."""

    def attach(self, performer: Performer) -> None:
        """Name who carries the actions out; before the first event."""
        self._performer = performer

    def take(self, event: Event) -> None:
        """Let the core have an event."""
        if self._is_held_back(event):
            return
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

    def _turn(self, event: Event) -> None:
        assert self._performer is not None
        actions = step(self.world, event, Instant(trio.current_time()))
        thens = [action.then for action in actions if isinstance(action, Record)]
        recorded = self._ledger.write(self.world, thens)
        for action in self._ledger.news() + actions:
            if not isinstance(action, Record):
                self._performer.perform(action)
        self._waiting.extend(then for then in recorded if not self._is_held_back(then))

    def _is_held_back(self, then: Event) -> bool:
        """Who stops begins no stage; the next process does."""
        return self.stopping and isinstance(then, StageRecorded)

    async def moved(self) -> None:
        """Wait until the core has had another event."""
        await self._moved.wait()

    async def serve(self) -> None:
        """Give the core a Tick whenever something is due; for ever."""
        while True:
            if self._moved.is_set():  # one that is not may have others waiting for it
                self._moved = trio.Event()
            due = next_due(self.world)
            if due is not None and due <= trio.current_time():
                self.take(Tick())
                await trio.lowlevel.checkpoint()
                continue
            with trio.move_on_at(float("inf") if due is None else due):
                await self._moved.wait()
