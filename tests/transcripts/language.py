"""The language of the transcripts: one line, one event.

A file begins with the setting, then come lines with a time. Indented lines are what the core does
about the line before; they are written by `pytest tests/transcripts --rewrite`.

    server NAME [soft=S] [timeout=S] [recovery=S] [feeds=PDU#OUTLET,...] [proof=power-off]
                [hedge] [kdump] [kdump_from=ADDRESS] [cluster] [ipdusd=off]
    system PORT/NUMBER on NAME
    gated                            a standby exists: records wait for a line `recorded`

    T SYSTEM speaks|registers|leaves [boot=ID] [session=T] [from=ADDRESS] [machine=UUID]
    T SYSTEM requests SYSTEM id=ID
    T SYSTEM checks SYSTEM ...
    T SYSTEM heard result id=ID | heard notices N ...
    T SYSTEM stop-notice [boot=ID]
    T kdump from=ADDRESS
    T SERVER session N | silent since=T | refuses REASON | guid UUID|none
    T SERVER reads on|off|unknown [asked=T] [session=N]
    T SERVER sent | accepted | refused | unsent | in-doubt [stage=N]
    T SERVER outlet PDU#OUTLET on|off sent|taken
    T SERVER restored outlets|power | restore-failed outlets|power
    T feeds PDU#OUTLET=on|off|unknown ... [asked=T]
    T pdu ADDRESS answers|silent
    T operator tests SYSTEM | recovers SERVER
    T keys SYSTEM=SERVER ...
    T passes                         every Tick that is due until then
    T recorded                       what waits for the standby is acknowledged
    T restart [reboot]               another process reads the journal
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from haconn.core import events
from haconn.core.machine_id import uuid_bytes
from haconn.core.model import (
    Accepted,
    Answer,
    Feed,
    InDoubt,
    Instant,
    Power,
    Refused,
    SystemKey,
    Unsent,
)
from haconn.core.plan import Policy, Proof
from haconn.core.server import FeedReading, Restore
from haconn.core.world import Settings

ANSWERS: dict[str, Answer] = {
    "accepted": Accepted(),
    "refused": Refused("0xc0 busy"),
    "unsent": Unsent("no session"),
    "in-doubt": InDoubt("no answer"),
}
RESTORES = {"outlets": Restore.FEEDS, "power": Restore.POWER_ON}


@dataclass(frozen=True)
class Words:
    """A line, taken apart."""

    plain: tuple[str, ...]
    named: dict[str, str]

    def time(self, name: str, otherwise: Instant) -> Instant:
        """Give a time that may be left out."""
        return Instant(float(self.named[name])) if name in self.named else otherwise


def split(line: str) -> Words:
    """Take a line apart into words and name=value pairs; pairs of feeds and keys are words."""
    plain, named = [], {}
    for word in line.split():
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            named[name] = value
        else:
            plain.append(word)
    return Words(tuple(plain), named)


def key_of(text: str) -> SystemKey:
    """Read `6001/1`."""
    port, number = text.split("/")
    return SystemKey(int(port), int(number))


def feed_of(text: str) -> Feed:
    """Read `10.1.0.1#3`."""
    pdu, outlet = text.split("#")
    return Feed(pdu, outlet)


def policy_of(words: Words) -> Policy:
    """Read a server's line."""
    named = words.named
    feeds = tuple(feed_of(text) for text in named.get("feeds", "").split(",") if text)
    return Policy(
        words.plain[1],
        soft_s=float(named.get("soft", "5")),
        outlets=bool(feeds) and named.get("ipdusd") != "off",
        hard_s=float(named.get("timeout", "10")),
        recovery_s=float(named.get("recovery", "0")),
        feeds=feeds,
        proof=Proof(named.get("proof", "accepted")),
        hedge="hedge" in words.plain,
        fence_kdump="kdump" in words.plain,
        kdump_from=frozenset(filter(None, [named.get("kdump_from")])),
        cluster="cluster" in words.plain,
    )


@dataclass
class Setting:
    """What the first lines of a transcript say."""

    policies: dict[str, Policy] = field(default_factory=dict)
    bindings: dict[SystemKey, str] = field(default_factory=dict)
    gated: bool = False

    def take(self, words: Words) -> None:
        """Take one of these lines in."""
        match words.plain:
            case ("server", name, *_):
                self.policies[name] = policy_of(words)
            case ("system", key, "on", server):
                self.bindings[key_of(key)] = server
            case ("gated",):
                self.gated = True
            case _:
                raise ValueError(f"no setting: {words}")

    def settings(self, run_name: str) -> Settings:
        """Give what the core has to know."""
        return Settings(self.policies, gated=self.gated, run_name=run_name)

    def bind(self, pairs: Iterable[str]) -> dict[SystemKey, str]:
        """Read keys anew."""
        self.bindings = {key_of(key): server for key, server in (one.split("=") for one in pairs)}
        return self.bindings


@dataclass(frozen=True)
class Performed:
    """The last command of a server: what an answer belongs to."""

    operation: str = "r-0"
    stage: int = 0


def device_event(server: str, words: Words, last: Performed, now: Instant) -> events.Event:
    """Read what a BMC says of itself, or of the last command of its server."""
    what, named = words.plain[1], words.named
    stage = int(named.get("stage", last.stage))
    operation = named.get("operation", last.operation)
    match what:
        case "session":
            return events.SessionOpened(server, int(words.plain[2]))
        case "silent":
            return events.BmcUnanswered(server, words.time("since", now))
        case "guid":
            told = None if words.plain[2] == "none" else uuid_bytes(words.plain[2])
            return events.BmcIdentified(server, told)
        case "refuses":
            return events.BmcRefused(server, " ".join(words.plain[2:]))
        case "sent":
            return events.CommandSent(server, operation, stage)
        case "restored" | "restore-failed":
            failure = "no answer" if what == "restore-failed" else None
            return events.RestoreTried(server, RESTORES[words.plain[2]], operation, failure)
        case "outlet":
            return _outlet(server, words, Performed(operation, stage))
        case _:
            return events.CommandAnswered(server, operation, stage, ANSWERS[what])


def _outlet(server: str, words: Words, last: Performed) -> events.Event:
    feed, on, sent = feed_of(words.plain[2]), words.plain[3] == "on", words.plain[4] == "sent"
    if sent:
        stage = None if on else last.stage
        return events.OutletSent(server, last.operation, stage, feed, on)
    return events.OutletAnswered(server, last.operation, feed, on)


SAID: dict[str, Callable[[events.Speaker], events.Event]] = {
    "speaks": events.Spoke,
    "leaves": events.Left,
}


def system_event(speaker: events.Speaker, words: Words) -> events.Event:
    """Read what a system says."""
    what, rest = words.plain[1], words.plain[2:]
    match what:
        case "registers":
            return events.Registered(speaker, speaker.address, speaker.port)
        case "requests":
            return events.Requested(speaker, words.named["id"], key_of(rest[0]))
        case "checks":
            return events.Checked(speaker, "t", tuple(key_of(text) for text in rest))
        case "stop-notice":
            return events.Stopped(speaker.key, speaker.boot_id, speaker.address, speaker.port)
        case "heard":
            return events.ResultHeard(speaker, words.named["id"])
        case _:
            return SAID[what](speaker)


def other_event(words: Words, now: Instant) -> events.Event:
    """Read what outlets, PDUs, capture kernels and the operator do."""
    match words.plain:
        case ("kdump",):
            return events.KdumpHeard(words.named["from"])
        case ("feeds", *_):
            return feeds_event(words, now)
        case ("pdu", address, state):
            return events.PduSeen(address, state == "answers")
        case ("operator", "tests", key):
            return events.TestAsked(key_of(key), words.named.get("operation", "test"))
        case ("operator", "recovers", server):
            return events.RecoveryAsked(server, words.named.get("operation", "recovery"))
        case _:
            raise ValueError(f"no event: {words}")


def feeds_event(words: Words, now: Instant) -> events.FeedsRead:
    """Read what outlets are read as."""
    asked = words.time("asked", now)
    pairs = (word.split("=") for word in words.plain[1:])
    uptime_s = float(words.named["uptime"]) if "uptime" in words.named else None
    readings = {
        feed_of(feed): FeedReading(Power(power), asked, now, uptime_s) for feed, power in pairs
    }
    return events.FeedsRead(readings)
