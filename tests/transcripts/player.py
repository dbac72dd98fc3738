"""Plays a transcript: the loop of the daemon, without a daemon.

What changed goes into a journal before the actions are carried out, and a record is answered when
its turn comes, as the daemon does.
"""

import json
from collections import deque
from collections.abc import Iterator

from haconn.core import events
from haconn.core.actions import Action, BeginRestore, Perform, Record
from haconn.core.model import Instant, Power, PowerReading, SystemKey
from haconn.core.outbox import last_serial_before
from haconn.core.request_table import Asked
from haconn.core.server import Server
from haconn.core.step import next_due, step
from haconn.core.system import System, is_barred
from haconn.core.world import Durable, World, identity, new_world
from haconn.daemon.journal_reading import Found
from haconn.daemon.recovery import recovered
from haconn.wire.plain import from_plain, to_plain
from tests.transcripts import language
from tests.transcripts.language import Performed, Words, key_of
from tests.transcripts.wording import worded

INDENT = "    "
TICKS_MAX = 200
KINDS: dict[str, type[Durable]] = {"System": System, "Server": Server, "Asked": Asked}


class Player:
    """One transcript being played."""

    def __init__(self) -> None:
        self.setting = language.Setting()
        self.world: World | None = None
        self.now = Instant(0.0)
        self.journal: dict[object, tuple[str, str]] = {}
        self.waiting: deque[events.Event] = deque()
        self.held: list[events.Event] = []
        """What waits for the standby's acknowledgement."""
        self.last: dict[str, Performed] = {}
        self.speakers: dict[SystemKey, events.Speaker] = {}

    def play(self, text: str) -> str:
        """Give the transcript as it should be."""
        lines: list[str] = []
        for line in text.splitlines():
            if line.startswith(INDENT):
                continue
            lines.append(line)
            if line.strip() and not line.startswith("#"):
                lines += [f"{INDENT}{done}" for done in self._line(line)]
        return "\n".join(lines) + "\n"

    def _line(self, line: str) -> Iterator[str]:
        first, _, rest = line.partition(" ")
        if first[0].isdigit():
            yield from self._command(language.split(rest), Instant(float(first)))
            self.now = Instant(float(first))
        else:
            self.setting.take(language.split(line))

    def _command(self, words: Words, now: Instant) -> Iterator[str]:
        if self.world is None:
            self.world = new_world(self.setting.settings("r"), self.setting.bindings)
        match words.plain:
            case ("passes",):
                yield from self._ticks(self.world, now)
            case ("recorded",):
                self.waiting.extend(self.held)
                self.held.clear()
                yield from self._turns(self.world, now)
            case ("restart", *how):
                self.world = self._another_process(now, same_boot=not how)
                self.waiting.append(events.Resumed())
                yield from self._turns(self.world, now)
            case _:
                self.waiting.append(self._event(words, now))
                yield from self._turns(self.world, now)

    def _event(self, words: Words, now: Instant) -> events.Event:
        match words.plain:
            case ("keys", *pairs):
                return events.BindingsChanged(self.setting.bind(pairs))
            case (server, "reads", power):
                return self._reading(server, power, words, now)
            case (who, "heard", "notices", *serials):
                speaker = self._speaker(key_of(who), words, now)
                return events.NoticeHeard(speaker, self._serials(serials))
            case (who, *_) if "/" in who:
                return language.system_event(self._speaker(key_of(who), words, now), words)
            case (server, *_) if server in self.setting.policies:
                last = self.last.get(server, Performed())
                return language.device_event(server, words, last, now)
            case _:
                return language.other_event(words, now)

    def _reading(self, server: str, power: str, words: Words, now: Instant) -> events.PowerRead:
        assert self.world is not None
        session = int(words.named.get("session", self.world.servers[server].watch.session))
        asked = words.time("asked", now)
        return events.PowerRead(server, PowerReading(Power(power), session, asked, now))

    def _speaker(self, key: SystemKey, words: Words, now: Instant) -> events.Speaker:
        known = self.speakers.get(key)
        boot_id = words.named.get("boot", known.boot_id if known else "boot1")
        new = known is None or known.boot_id != boot_id
        began = words.time("session", now if new or known is None else known.session_at)
        address = words.named.get("from", f"10.0.0.{key.number}")
        machine = words.named.get("machine", known.uuid if known else None)
        answers = words.time("answers", began)
        speaker = events.Speaker(
            key, boot_id, began, address, key.port, uuid=machine, answers_at=answers
        )
        if words.plain[1] != "stop-notice":
            self.speakers[key] = speaker
        return speaker

    def _serials(self, texts: list[str]) -> tuple[int, ...]:
        assert self.world is not None
        before = last_serial_before(self.world.settings.run_name)
        return tuple(before + int(text) for text in texts)

    def _ticks(self, world: World, until: Instant) -> Iterator[str]:
        for _ in range(TICKS_MAX):
            due = next_due(world)
            if due is None or due > until:
                return
            self.waiting.append(events.Tick())
            self.now = max(due, self.now)
            yield from [f"{self.now:.3f} {done}" for done in self._turns(world, self.now)]
            after = next_due(world)
            assert after is None or after > self.now, "the core would be busy for ever"
        raise AssertionError("more ticks than anybody wants to read")

    def _turns(self, world: World, now: Instant) -> Iterator[str]:
        """Step, write down, act, until nothing waits."""
        while self.waiting:
            before = shown(world, now)
            actions = step(world, self.waiting.popleft(), now)
            self._write_down(world)
            for action in actions:
                yield worded(action, now)
                self._note(action, world)
            yield from [change for change in shown(world, now) if change not in before]

    def _note(self, action: Action, world: World) -> None:
        match action:
            case Record(then):
                (self.held if world.settings.gated else self.waiting).append(then)
            case Perform(server, operation, stage):
                self.last[server] = Performed(operation, stage)
            case BeginRestore(server, _, operation):
                self.last[server] = Performed(operation)
            case _:
                pass

    def _write_down(self, world: World) -> None:
        for record in world.take_changes():
            text = json.dumps(to_plain(record, shift=1000.0))
            self.journal[type(record), identity(record)] = (type(record).__name__, text)

    def _another_process(self, now: Instant, *, same_boot: bool) -> World:
        found = Found(same_boot=same_boot)
        for kind, text in self.journal.values():
            record = from_plain(KINDS[kind], json.loads(text), shift=-1000.0)
            match record:
                case System():
                    found.systems[record.key] = record
                case Server():
                    found.servers[record.name] = record
                case Asked():
                    found.asked.put(record)
        self.waiting.clear()
        self.held.clear()
        self.last.clear()
        assert self.world is not None
        run_name = chr(ord(self.world.settings.run_name) + 1)
        return recovered(self.setting.settings(run_name), self.setting.bindings, found, now)


def shown(world: World, now: Instant) -> list[str]:
    """What an operator is shown of the systems and of what is owed."""
    systems = [
        f"= {system.key} {system.status.value}{', barred' if is_barred(system, now) else ''}"
        for system in world.systems.values()
    ]
    pairs = [
        f"= {system.key} and {system.pair} watch each other, as the latest check says"
        for system in world.systems.values()
        if system.pair is not None
    ]
    owed = [
        f"= {server.name} is owed {owed.what.value}, due {owed.due:.3f}"
        for server in world.servers.values()
        for owed in server.owed
    ]
    return systems + pairs + owed
