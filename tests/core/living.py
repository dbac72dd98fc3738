"""A site whose target lives: it speaks each second and acknowledges every ask."""

from haconn.core import events
from haconn.core.actions import Action, Ask, Remark
from haconn.core.model import Power, PowerReading, SystemKey
from haconn.core.reset import Outcome
from haconn.core.step import next_due
from tests.core.parts import FEED_A, FEED_B, ONE, REFUSED, TWO, Site, at, of, speaker

ANSWER_S = 0.001


class Living:
    """One system of a site that runs, whatever its devices read."""

    def __init__(self, site: Site, key: SystemKey = ONE) -> None:
        self.site, self.key = site, key
        self.session_at = site.now
        self.speaks_at = site.now + 1.0
        self.asked = 0
        self.done: list[Action] = []

    def take(self, event: events.Event, now: float) -> list[Action]:
        """Let the core have an event; what it asks of the system is answered."""
        actions = self.site.take(event, now)
        answered = list(actions)
        for ask in of(Ask, actions):
            if ask.key == self.key:
                self.asked += 1
                by = speaker(self.key, session_at=self.session_at, answers_at=now)
                answered += self.take(events.Spoke(by), now + ANSWER_S)
        self.done += actions
        return answered

    def passes(self, until: float) -> list[Action]:
        """Time passes: what is due is done, and the system says something each second."""
        done: list[Action] = []
        while True:
            due = next_due(self.site.world)
            time = min(self.speaks_at, until if due is None else due)
            if time > until or (due is None and self.speaks_at > until):
                break
            time = max(time, self.site.now)
            if self.speaks_at <= time:
                self.speaks_at = at(time + 1.0)
                by = speaker(self.key, session_at=self.session_at, answers_at=self.session_at)
                done += self.take(events.Spoke(by), time)
            else:
                done += self.take(events.Tick(), time)
                after = next_due(self.site.world)
                assert after is None or after > time, "the core would be busy for ever"
        self.site.now = max(at(until), self.site.now)
        return done

    def reads(self, power: Power, *times: float) -> list[Action]:
        """Its BMC is read at these times, and time passes in between."""
        done: list[Action] = []
        for time in times:
            done += self.passes(time)
            reading = PowerReading(power, 1, self.site.now, self.site.now)
            done += self.take(events.PowerRead("db1", reading), self.site.now)
        return done


def notes(actions: list[object]) -> list[str]:
    """The messages of the event log."""
    return [action.message for action in actions if isinstance(action, Remark)]


def outcome(site: Site, name: str = "a1", who: SystemKey = TWO) -> Outcome | None:
    """What a request for ONE was told."""
    return site.world.asked[who, name].outcome


def cutting(site: Site, now: float = 10.0, name: str = "a1") -> Site:
    """A request for ONE has come to its cut, and both outlets were ordered off."""
    site.asks(now, name)
    site.answers(REFUSED, now)
    site.answers(REFUSED, now, stage=1)
    site.orders(FEED_A, now + 0.01)
    site.orders(FEED_B, now + 0.01)
    return site
