"""Small worlds, and the loop that a daemon would run on them."""

from collections import deque
from dataclasses import replace
from typing import TypeAlias, TypeVar

from haconn.core import events
from haconn.core.actions import Action, Perform, Record
from haconn.core.model import (
    Accepted,
    Answer,
    Feed,
    InDoubt,
    Instant,
    Power,
    PowerReading,
    Refused,
    SystemKey,
    Unsent,
)
from haconn.core.plan import Policy
from haconn.core.server import FeedReading, Server
from haconn.core.step import next_due, step
from haconn.core.system import Status, System
from haconn.core.world import Settings, new_world

A = TypeVar("A")
Actions: TypeAlias = list[Action]
SILENT_S = 0.31
"""An ask is over by then."""
ACCEPTED, REFUSED, UNSENT, IN_DOUBT = Accepted(), Refused("no"), Unsent("no"), InDoubt("no")
FEED_A, FEED_B = Feed("10.1.0.1", "1"), Feed("10.1.0.2", "1")
ONE, TWO, THREE = SystemKey(6001, 1), SystemKey(6001, 2), SystemKey(6001, 3)
OLD, NEW = "boot1", "boot2"
PLAIN = Policy("db1", soft_s=2.0)
WITH_OUTLETS = Policy(
    "db1", soft_s=2.0, outlets=True, hard_s=8.0, recovery_s=5.0, feeds=(FEED_A, FEED_B)
)


def at(seconds: float) -> Instant:
    """A point in time."""
    return Instant(seconds)


def speaker(
    key: SystemKey, boot: str = OLD, session_at: float = 0.0, answers_at: float | None = None
) -> events.Speaker:
    """Who speaks."""
    answers = None if answers_at is None else Instant(answers_at)
    place = (f"10.0.0.{key.number}", 7000 + key.number)
    return events.Speaker(key, boot, Instant(session_at), *place, answers_at=answers)


class Site:
    """Three systems on three servers, and the loop of the daemon."""

    def __init__(
        self,
        policy: Policy = PLAIN,
        *,
        gated: bool = False,
        conservative_until: float | None = None,
    ) -> None:
        policies = {name: replace(policy, server=name) for name in ("db1", "db2", "db3")}
        self.bindings = {ONE: "db1", TWO: "db2", THREE: "db3"}
        until = None if conservative_until is None else Instant(conservative_until)
        settings = Settings(policies, gated=gated, conservative_until=until)
        self.world = new_world(settings, self.bindings)
        self.now = Instant(0.0)
        self.recording: list[events.RecordedEvent] = []
        """What waits for the standby, where the site is gated."""

    def take(self, event: events.Event, now: float | None = None) -> list[Action]:
        """Let the core have an event, and answer its records at once, unless it is gated."""
        self.now = self.now if now is None else Instant(now)
        waiting: deque[events.Event] = deque([event])
        done: list[Action] = []
        while waiting:
            actions = step(self.world, waiting.popleft(), self.now)
            self.world.take_changes()
            for action in actions:
                done.append(action)
                if isinstance(action, Record) and self.world.settings.gated:
                    self.recording.append(action.then)
                elif isinstance(action, Record):
                    waiting.append(action.then)
        return done

    def record(self, now: float | None = None) -> list[Action]:
        """The standby acknowledges everything that waits for it."""
        waiting, self.recording = self.recording, []
        return [action for event in waiting for action in self.take(event, now)]

    def passes(self, until: float) -> list[Action]:
        """Give the core every Tick that is due until then."""
        done: list[Action] = []
        while (due := next_due(self.world)) is not None and due <= until:
            done += self.take(events.Tick(), max(due, self.now))
        self.now = Instant(until)
        return done

    def system(self, key: SystemKey = ONE) -> System:
        """A system as it is."""
        return self.world.systems[key]

    def server(self, name: str = "db1") -> Server:
        """A server as it is."""
        return self.world.servers[name]

    def status(self, key: SystemKey = ONE) -> Status:
        """What is shown of a system."""
        return self.system(key).status

    def speaks(self, key: SystemKey, now: float, boot: str = OLD, since: float = 0.0) -> None:
        """A system says anything at all."""
        self.take(events.Spoke(speaker(key, boot, since)), now)

    def answers_ask(self, now: float, asked: float | None = None, key: SystemKey = ONE) -> Actions:
        """A system acknowledges an ask, which left when it arrived unless said otherwise."""
        by = speaker(key, answers_at=now if asked is None else asked)
        return self.take(events.Spoke(by), now)

    def asks(
        self, now: float, name: str = "a1", who: SystemKey = TWO, whom: SystemKey = ONE
    ) -> list[Action]:
        """One system asks for another."""
        return self.take(events.Requested(speaker(who), name, whom), now)

    def sent(self, now: float, stage: int = 0, server: str = "db1") -> list[Action]:
        """The command of a stage has left."""
        return self.take(events.CommandSent(server, self.operation(server), stage), now)

    def answers(
        self, answer: Answer, now: float, stage: int = 0, server: str = "db1"
    ) -> list[Action]:
        """A BMC answers the command of a stage."""
        event = events.CommandAnswered(server, self.operation(server), stage, answer)
        return self.take(event, now)

    def operation(self, server: str = "db1") -> str:
        """The name of the reset that is in progress on a server."""
        found = [one.reset for one in self.world.systems.values() if one.server == server]
        return found[0].operation if found and found[0] else "none"

    def stops(self, key: SystemKey, now: float, boot: str = OLD) -> list[Action]:
        """A kernel says that it stops."""
        return self.take(events.Stopped(key, boot, "10.0.0.1", 7001), now)

    def reads(
        self, power: Power, now: float, server: str = "db1", session: int = 1
    ) -> list[Action]:
        """A BMC is read."""
        return self.take(events.PowerRead(server, PowerReading(power, session, now, now)), now)

    def reads_off(self, now: float, server: str = "db1") -> list[Action]:
        """A BMC is read off long enough, the last time at `now`, and its system is silent when
        it is asked: it is proved off 0.3 s later."""
        first = self.reads(Power.OFF, now - 0.5, server)
        last = self.reads(Power.OFF, now, server)
        return first + last + self.passes(now + SILENT_S)

    def feeds(self, now: float, power: Power, *feeds: Feed) -> list[Action]:
        """Outlets are read."""
        reading = FeedReading(power, Instant(now), Instant(now))
        return self.take(events.FeedsRead(dict.fromkeys(feeds, reading)), now)

    def orders(self, feed: Feed, now: float, stage: int | None = 2, server: str = "db1") -> None:
        """An outlet command leaves: off as part of a cut, on as part of a restore."""
        operation = self.operation(server)
        event = events.OutletSent(server, operation, stage, feed, on=stage is None)
        self.take(event, now)


def of(kind: type[A], actions: list[Action]) -> list[A]:
    """Pick the actions of one kind."""
    return [action for action in actions if isinstance(action, kind)]


def commands(actions: list[Action]) -> list[str]:
    """Which commands go to devices."""
    return [action.command.name for action in of(Perform, actions)]


def registered(policy: Policy = PLAIN, *, gated: bool = False) -> Site:
    """A site whose three systems have registered, with sessions to all BMCs."""
    site = Site(policy, gated=gated)
    for key, server in site.bindings.items():
        site.take(events.Registered(speaker(key), f"10.0.0.{key.number}", 7000 + key.number), 0.0)
        site.take(events.SessionOpened(server, 1), 0.0)
    return site
