"""One play: the real core, a journal, and everything around it on a heap of (time, what to do).

No trio and no sleeping: a play of a minute takes milliseconds. What belongs to the daemon's
process is void when that process ends; what happens to machines is not.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import assert_never

from haconn.core import events
from haconn.core.actions import (
    Action,
    BeginRestore,
    Hurry,
    Perform,
    Record,
    StopRestore,
    TellNotices,
    TellResult,
)
from haconn.core.model import Instant, SystemKey
from haconn.core.request_table import Asked as Recorded
from haconn.core.reset import Command, Outcome
from haconn.core.server import Restore, Server
from haconn.core.step import next_due, step
from haconn.core.system import System
from haconn.core.world import Durable, Settings, identity, new_world
from haconn.daemon.journal_reading import Found
from haconn.daemon.recovery import recovered
from tests.core.contradiction.client import Client, Link, Word, is_ask
from tests.core.contradiction.devices import BmcTask, OutletTask
from tests.core.contradiction.hardware import Machine
from tests.core.contradiction.oracle import Counts, Oracle
from tests.core.contradiction.scene import ASKER, SERVERS, Restart, Scene

START = 1000.0
SETTLE_S = 6.0
"""From the start until everything is logged in and read: times of a scene count from there."""
REPEATS_S = 1.0
LATEST_S = 110.0
"""No plan of the scenes is longer, gates, restarts and repetitions included."""
GOOD = {Outcome.DUMP, Outcome.POFF}


@dataclass
class Asked:
    """One request and what it was told first."""

    who: SystemKey
    whom: SystemKey
    name: str
    at: float
    outcome: Outcome | None = None
    after_s: float = 0.0
    evidence: str = ""
    heard: int = 0


@dataclass
class Outcomes:
    """How a play ended."""

    counts: Counts
    asked: list[Asked]
    lines: list[str] = field(default_factory=list)


class Play:
    """The loop around the core."""

    def __init__(self, scene: Scene, random: Random, *, verbose: bool = False) -> None:
        self.scene, self.random = scene, random
        self.now = START
        self.lines: list[str] | None = [] if verbose else None
        self._heap: list[tuple[float, int, int | None, Callable[[], None]]] = []
        self._order = count()
        self._life = 0
        self._up = True
        self._tick_at = self._done_at = float("inf")
        self._busy: deque[events.Event] = deque()
        self._journal: dict[object, Durable] = {}
        bindings = {key: name for key, name in SERVERS.items() if name in scene.policies}
        self.bindings = bindings
        self.oracle = Oracle(bindings, scene.policies, scene.machines)
        self.asked: dict[str, Asked] = {}
        self.clients = {key: self._client(machine) for key, machine in scene.machines.items()}
        self.world = new_world(self._settings(), bindings)
        self._tasks()
        for client in self.clients.values():
            if client.machine.key != ASKER:
                client.begin()
            self.take(Word(client.machine, 1, START, START, 0, registers=True).event())
        self._schedule()

    def _schedule(self) -> None:
        for at, who, whom in self.scene.requests:
            name = f"q{len(self.asked) + 1}"
            self.asked[name] = Asked(who, whom, name, START + SETTLE_S + at)
            self.world_does(SETTLE_S + at, partial(self._request, name))
        for restart in self.scene.restarts:
            self.world_does(SETTLE_S + restart.at, partial(self._ends, restart))
        for at, happens in self.scene.happens:
            self.world_does(SETTLE_S + at, partial(happens, START + SETTLE_S + at))

    def _settings(self, conservative_until: float | None = None) -> Settings:
        until = None if conservative_until is None else Instant(conservative_until)
        return Settings(
            self.scene.policies,
            self.scene.bmc_poll_s,
            self.scene.pdu_poll_s,
            gated=self.scene.gated_s is not None,
            conservative_until=until,
            run_name=f"r{self._life}",
        )

    def _client(self, machine: Machine) -> Client:
        loss = 0.0 if machine.key == ASKER else self.scene.loss
        link = Link(self.random, self.scene.lag, loss)
        return Client(
            machine,
            link,
            self.world_does,
            lambda: self.now,
            lambda: self._life if self._up else -1,
            self._hear,
        )

    def _tasks(self) -> None:
        self.bmcs = {name: BmcTask(self, name) for name in self.scene.bmcs}
        self.outlets = OutletTask(self)

    def world_does(self, wait_s: float, what: Callable[[], None]) -> None:
        """Something happens outside the daemon so many seconds from now."""
        heappush(self._heap, (self.now + wait_s, next(self._order), None, what))

    def after(self, wait_s: float, what: Callable[[], None]) -> None:
        """The same inside this process of the daemon; void when it ends."""
        heappush(self._heap, (self.now + wait_s, next(self._order), self._life, what))

    def run(self) -> Outcomes:
        """Play until everything that was asked is told and some time has passed, or too long."""
        end = START + SETTLE_S + LATEST_S
        while self._heap:
            at, _, life, what = heappop(self._heap)
            if at > end or at > self._done_at:
                break
            if life is None or (life == self._life and self._up):
                self.now = at
                what()
        return Outcomes(self.oracle.counts, list(self.asked.values()), self.lines or [])

    def _note_done(self) -> None:
        """Note when there is nothing more to be seen, once everything that was asked is told."""
        if all(one.outcome is not None for one in self.asked.values()):
            self._done_at = self.now + self.scene.linger_s

    def say(self, what: object) -> None:
        """Write one line of the transcript."""
        if self.lines is not None:
            self.lines.append(f"{self.now - START - SETTLE_S:8.3f} {what}")

    def take(self, event: events.Event) -> None:
        """Let the core have an event, as the daemon's owner of it does."""
        self._busy.append(event)
        if len(self._busy) > 1:
            return
        while self._busy:
            event = self._busy[0]
            if self.lines is not None and not isinstance(event, events.Tick):
                self.say(event)
            actions = step(self.world, event, Instant(self.now))
            for record in self.world.take_changes():
                self._journal[type(record), identity(record)] = record
            for action in actions:
                self._perform(action)
            self._busy.popleft()
        due = next_due(self.world)
        if due is not None and (due < self._tick_at or self._tick_at <= self.now):
            self._tick_at = max(due, self.now)
            self.after(self._tick_at - self.now, self._tick)

    def _tick(self) -> None:
        if self._tick_at <= self.now:
            self._tick_at = float("inf")
            self.take(events.Tick())

    def _perform(self, action: Action) -> None:
        if self.lines is not None:
            self.say(f"    {action}")
        match action:
            case Record():
                if self.scene.gated_s is None:
                    self._busy.append(action.then)
                else:
                    then = action.then
                    self.after(self.scene.gated_s, lambda: self.take(then))
            case Perform(command=Command.OUTLETS_OFF):
                self.outlets.cut(action)
            case Perform() if action.server in self.bmcs:
                self.bmcs[action.server].perform(action)
            case Hurry() if action.server in self.bmcs:
                self.bmcs[action.server].hurry(action.on)
            case BeginRestore():
                self.oracle.ordered_on.setdefault(action.server, self.now)
                feeds = action.what is Restore.FEEDS
                (self.outlets if feeds else self.bmcs[action.server]).restore(action)
            case StopRestore():
                self.outlets.writer[action.server] = self.outlets.writer.get(action.server, 0) + 1
            case TellResult():
                self.oracle.result(action, self.now)
                self._told(action)
            case TellNotices():
                self.oracle.notices(action, self.now)
            case _ if is_ask(action):
                self.clients[action.key].asked()  # type: ignore[union-attr]
            case _:
                pass

    def _told(self, action: TellResult) -> None:
        asked = self.asked[action.request_id]
        asked.heard += 1
        if asked.outcome is None:
            asked.outcome, asked.after_s = action.outcome, self.now - asked.at
            self._note_done()
            asked.evidence = action.evidence.name if action.evidence else action.reason
        if asked.heard == 3:  # until then it is told again and again, and has to stay true
            heard = events.ResultHeard(self._speaker(asked.who), asked.name)
            self.after(0.001, lambda: self.take(heard))

    def _speaker(self, key: SystemKey) -> events.Speaker:
        client = self.clients[key]
        word = Word(client.machine, client.machine.boot, self.now, START, self._life)
        event = word.event()
        assert isinstance(event, events.Spoke)
        return event.speaker

    def _request(self, name: str) -> None:
        """A requester repeats its request until it has an outcome."""
        asked = self.asked[name]
        if asked.outcome is not None:
            return
        if self._up:
            self.take(events.Requested(self._speaker(asked.who), name, asked.whom))
        self.world_does(REPEATS_S, lambda: self._request(name))

    def _hear(self, word: Word) -> None:
        """A word is read from the daemon's socket."""
        self.oracle.word(word, self.now)
        self.take(word.event())

    def _ends(self, restart: Restart) -> None:
        self.say(f"the process ends; {restart}")
        self._up = False
        self.world_does(restart.away_s, lambda: self._begins(restart))

    def _begins(self, restart: Restart) -> None:
        self._life += 1
        self._up, self._tick_at = True, float("inf")
        found = found_in(self._journal.values())
        until = None if restart.exact else self.now + 15.0
        self.oracle.boots.clear()
        self.oracle.boots.update({k: m.boot for k, m in self.scene.machines.items()})
        self.world = recovered(self._settings(until), self.bindings, found, Instant(self.now))
        self._tasks()
        self.take(events.Resumed())


def found_in(journal: Iterable[Durable]) -> Found:
    """Read the journal as the next process does."""
    found = Found()
    for record in journal:
        match record:
            case System():
                found.systems[record.key] = record
            case Server():
                found.servers[record.name] = record
            case Recorded():
                found.asked.put(record)
            case _:
                assert_never(record)
    return found
