"""Random traffic of clients with right keys, at the real core and the real server's end.

Systems of two ports, with every kind of policy, say anything that their keys let them say, in any
order, from anywhere, over hours of a clock that is moved by hand: handshakes, requests with new and
with old ids, checks, stop notices in a session and under the ticket, good-byes, acknowledgements
of anything, payloads that are none, recordings of all of it, in windows up to the greatest seq.
Devices take, refuse, lose and lie. Keys are retired and come back. In between the process is
replaced: by one that reads the record (restart), by one of another boot, by a standby that has
followed the record entry by entry (takeover), exact or conservative.

What holds: nothing raises; no id begins two resets; no table grows beyond what the number of keys
allows; one event causes no more records and actions than that either.

Run it longer, and see what it costs:  python -m tests.daemon.traffic --seed 1 --seconds 600
"""

import argparse
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import trio
import trio.testing

from haconn.core import actions as act
from haconn.core import events
from haconn.core.actions import Action
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
from haconn.core.outbox import RequestName
from haconn.core.plan import Policy
from haconn.core.request_table import ASKED_FOR_S, OTHERS_MAX
from haconn.core.reset import Command
from haconn.core.server import FeedReading
from haconn.core.step import next_due
from haconn.core.world import Settings, World, new_world
from haconn.daemon.datagrams import Place
from haconn.daemon.owner import Owner
from haconn.daemon.recovery import recovered
from haconn.daemon.resetpath import QUESTIONS_MAX, ResetPath
from haconn.wire.codes import Type
from haconn.wire.fields import encode_boot
from haconn.wire.frame import SEQ_MAX, Frame, WireError, parse, seal
from haconn.wire.keys import derive
from haconn.wire.payloads import (
    Hello,
    NoticeRef,
    Result,
)
from haconn.wire.server import ServerEnd
from haconn.wire.ticket import dump_notice, ticket_for
from tests.daemon.traffic_record import Air, Memory
from tests.daemon.traffic_words import BOOTS, KEYS, Client, Words

FEEDS = (Feed("10.1.0.1", "1"), Feed("10.1.0.2", "1"))
POLICIES = (
    Policy("server1", soft_s=1.0, cluster=True),
    Policy("server2", soft_s=5.0, outlets=True, hard_s=8.0, recovery_s=5.0, feeds=FEEDS),
    Policy("server3", soft_s=2.0, fence_kdump=True, kdump_from=frozenset({"10.8.0.1"})),
    Policy("server4", soft_s=2.0, cluster=True, outlets=True, hard_s=5.0, feeds=FEEDS[:1]),
    Policy("server5", soft_s=1.0),
    Policy("server6", soft_s=1.0, fence_kdump=True),
    Policy("server7", soft_s=1.0, cluster=True),
)
ANSWERS: tuple[Answer, ...] = (Accepted(), Refused("0xc0"), Unsent("none"), InDoubt("none"))
RECORDED_MAX = 200
TICKS_MAX = 3000
TURN_RECORDS_MAX = 4 * len(KEYS) + len(KEYS) * OTHERS_MAX
TURN_ACTIONS_MAX = 8 * TURN_RECORDS_MAX
"""A verdict is told to all ids that wait for it; everything else is far below."""


class Room:
    """One process after the other, what it says, and what is counted of it."""

    def __init__(self, seed: int, clock: trio.testing.MockClock) -> None:
        self.chance = random.Random(seed)
        self.words = Words(self.chance)
        self.clock = clock
        self.clients = [Client(one) for one in KEYS]
        self.keys = set(KEYS)
        self.recorded: list[bytes] = []
        self.waiting: list[events.Event] = []
        self.begun: Counter[tuple[SystemKey, str, str]] = Counter()
        self.begun_at: dict[RequestName, Instant] = {}
        self.took: list[float] = []
        self.most_actions = 0
        self.resets = 0
        self.deeds: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.memory = Memory()
        self.settings = Settings({one.server: one for one in POLICIES}, gated=False)
        self._begin(new_world(self.settings, self.bindings))

    @property
    def bindings(self) -> dict[SystemKey, str]:
        return {one.system: one.server for one in self.keys}

    @property
    def now(self) -> Instant:
        return Instant(trio.current_time())

    @property
    def world(self) -> World:
        return self.owner.world

    def _begin(self, world: World) -> None:
        """A process begins."""
        self.owner = Owner(world, self.memory)
        self.owner.attach(self)
        self.air = Air()
        keys = sorted(self.keys, key=lambda one: one.key_id)
        self.end = ServerEnd(keys, self.chance.randbytes, epoch=1)
        self.path = ResetPath(self.end, self.owner, self.air)
        self.waiting.clear()

    def perform(self, action: Action) -> None:
        """Carry out, or let a device answer some time."""
        self.most_actions += 1
        match action:
            case act.Perform():
                self._command(action)
            case act.BeginRestore(server, what, operation, feeds):
                failure = self.chance.choice([None, None, "no answer"])
                for feed in feeds:
                    self.waiting.append(events.OutletSent(server, operation, None, feed, on=True))
                self.waiting.append(events.RestoreTried(server, what, operation, failure))
            case act.Acknowledge():
                self.path.acknowledge(action)
            case act.TellResult(outcome=outcome, reason=reason):
                self.outcomes[f"{outcome.name} {reason}"] += 1
                self.path.tell_result(action)
            case act.TellNotices():
                self.path.tell_notices(action)
            case act.TellCheck():
                self.path.tell_check(action)
            case _:
                pass

    def _command(self, action: act.Perform) -> None:
        system = next(one for one in self.world.systems.values() if one.server == action.server)
        if system.reset is not None and system.reset.asked_by is not None and not action.stage:
            self._count_begun(action.operation)
        if action.command is Command.OUTLETS_OFF:
            for feed in action.feeds:
                self.waiting.append(
                    events.OutletSent(action.server, action.operation, action.stage, feed, on=False)
                )
            return
        self.waiting.append(events.CommandSent(action.server, action.operation, action.stage))
        if self.chance.random() < 0.7:
            answer = self.chance.choice(ANSWERS)
            self.waiting.append(
                events.CommandAnswered(action.server, action.operation, action.stage, answer)
            )

    def _count_begun(self, operation: str) -> None:
        """Rule: one id, one reset."""
        self.resets += 1
        for asked in self.world.asked.waiting(operation):
            self.begun[*asked.name, operation] += 1
            self.begun_at[asked.name] = self.now

    def _forget_begun(self, wanted: Callable[[RequestName], bool]) -> None:
        for requester, request_id, operation in list(self.begun):
            if wanted((requester, request_id)):
                del self.begun[requester, request_id, operation]

    def hear(self, datagram: bytes, source: Place) -> None:
        self.recorded.append(datagram)
        if len(self.recorded) > RECORDED_MAX:
            self.recorded.pop(self.chance.randrange(RECORDED_MAX))
        self.most_actions, began = 0, time.perf_counter()
        self.path.hear(datagram, source)
        self.dropped.update(one.value for one in self.end.dropped.elements())
        self.end.dropped.clear()
        self.took.append(time.perf_counter() - began)
        assert self.most_actions <= TURN_ACTIONS_MAX
        said, self.air.said = self.air.said, []
        for answer, _ in said:
            self._note(answer)

    def _note(self, answer: bytes) -> None:
        """A client takes from an answer what it can use."""
        try:
            frame = parse(answer)
            client = next(one for one in self.clients if one.key.key_id == frame.key_id)
            if frame.type == Type.CHALLENGE:
                client.nonce = frame.payload[:16]
            elif frame.type == Type.RESULT:
                Result.parse(frame.payload)
            elif frame.type == Type.NOTIFY:
                count = int.from_bytes(frame.payload[:2], "big")
                rows = [frame.payload[2 + 20 * n : 22 + 20 * n] for n in range(count)]
                client.notices = [
                    NoticeRef(
                        SystemKey(int.from_bytes(row[:2], "big"), int.from_bytes(row[2:6], "big")),
                        int.from_bytes(row[6:14], "big"),
                    )
                    for row in rows
                ]
        except WireError as exc:
            raise AssertionError("the server says what is none") from exc


class Traffic(Room):
    """What clients do."""

    def a_client_speaks(self) -> None:
        client = self.chance.choice(self.clients)
        if self.chance.random() < 0.2 or not self.end.in_session(client.key.system):
            self._greet(client)
        else:
            self._say(client, *self.words.words(client))

    def a_recording_is_sent(self) -> None:
        if self.recorded:
            datagram = self.chance.choice(self.recorded)
            if self.chance.random() < 0.2:
                place = self.chance.randrange(len(datagram))
                datagram = datagram[:place] + self.chance.randbytes(1) + datagram[place + 1 :]
            self.hear(datagram, self.words.source())

    def a_flood(self) -> None:
        client = self.chance.choice(self.clients)
        kind, payload = self.words.words(client)
        for _ in range(self.chance.randrange(50)):
            if self.chance.random() < 0.7:
                kind, payload = self.words.words(client)
            self._say(client, kind, payload)

    def _greet(self, client: Client) -> None:
        """Either step of the handshake, with a nonce that may be right."""
        if self.chance.random() < 0.3:
            client.boot = self.chance.choice(BOOTS)
        if client.nonce == bytes(16) or self.chance.random() < 0.2:
            client.session, client.seq = self.chance.randbytes(16), 0
            client.nonce = bytes(16)
        mine = client.session[::-1]
        port = client.key.port if self.chance.random() < 0.95 else 1
        self._say(client, Type.HELLO, Hello(mine, client.nonce, client.boot, port).encode())

    def _say(self, client: Client, kind: int, payload: bytes) -> None:
        owner = client.key
        if kind == Type.DUMP_NOTIFY and self.chance.random() < 0.5:
            ticket = ticket_for(owner, client.boot)
            self.hear(dump_notice(owner.key_id, ticket, client.boot), self.words.source())
            return
        step = self.chance.choices([1, -5, 70, SEQ_MAX], [96, 2, 1, 0.02])[0]
        client.seq = min(max(client.seq + step, 0), SEQ_MAX)
        session = client.session if self.chance.random() < 0.98 else encode_boot(client.boot)
        frame = Frame(kind, owner.key_id, owner.id, session, client.seq, 0, payload)
        self.hear(seal(derive(owner.master).to_server, frame), self.words.source())


class Stage(Traffic):
    """Everything, and the chance that moves it."""

    def happen(self) -> None:
        """One thing, whatever it is."""
        deeds: list[tuple[float, Callable[[], None]]] = [
            (60, self.a_client_speaks),
            (12, self.a_recording_is_sent),
            (6, self.a_flood),
            (10, self.a_device_answers),
            (8, self.a_device_is_read),
            (2, self.a_capture_kernel_speaks),
            (1, self.an_operator_acts),
            (0.5, self.keys_change),
            (25, self.time_passes),
            (0.7, self.the_process_is_replaced),
        ]
        (deed,) = self.chance.choices([one for _, one in deeds], [one for one, _ in deeds])
        self.deeds[deed.__name__] += 1
        deed()

    def a_device_answers(self) -> None:
        if self.waiting:
            self.owner.take(self.waiting.pop(self.chance.randrange(len(self.waiting))))

    def a_device_is_read(self) -> None:
        policy = self.chance.choice(POLICIES)
        power = self.chance.choice(list(Power))
        choice = self.chance.randrange(6)
        if choice == 0:
            self.owner.take(events.SessionOpened(policy.server, self.chance.randrange(1, 9)))
        elif choice == 1:
            self.owner.take(events.BmcUnanswered(policy.server, Instant(self.now - 3.0)))
        elif choice == 2:
            self.owner.take(events.PduSeen(FEEDS[0].pdu, self.chance.random() < 0.8))
        elif choice == 3:
            reading = FeedReading(power, self.now, self.now)
            self.owner.take(events.FeedsRead(dict.fromkeys(FEEDS, reading)))
        else:
            session = self.world.servers[policy.server].watch.session
            reading_of = PowerReading(power, session, self.now, self.now)
            self.owner.take(events.PowerRead(policy.server, reading_of))

    def a_capture_kernel_speaks(self) -> None:
        for _ in range(self.chance.randrange(20)):
            self.owner.take(events.KdumpHeard(self.words.source()[0]))

    def an_operator_acts(self) -> None:
        operation = self.world.begin_operation()
        client = self.chance.choice(self.clients)
        if self.chance.random() < 0.5:
            self.owner.take(events.TestAsked(client.key.system, operation))
        else:
            self.owner.take(events.RecoveryAsked(client.key.server, operation))

    def keys_change(self) -> None:
        away = [one for one in KEYS if one not in self.keys]
        one = self.chance.choice(away if away and self.chance.random() < 0.7 else KEYS)
        if one in self.keys and len(self.keys) > 3:
            self.keys.remove(one)
            self._forget_begun(lambda name: name[0] == one.system)
            self.path.exchange_keys([one.key_id], [])
        elif one not in self.keys:
            self.keys.add(one)
            self.path.exchange_keys([], [one])
        self.owner.take(events.BindingsChanged(self.bindings))

    def time_passes(self) -> None:
        """From a millisecond to hours; whatever is due happens at its time."""
        until = self.now + math.exp(self.chance.uniform(math.log(0.001), math.log(10_000.0)))
        still, last = 0, Instant(0.0)
        for _ in range(TICKS_MAX):
            due = next_due(self.world)
            if due is None or due > until:
                break
            if due > self.now:
                self.clock.jump(due - self.now)
            still = still + 1 if due == last else 0
            last = due
            assert still < 5, "it would be busy for ever"
            self.owner.take(events.Tick())
        else:
            raise AssertionError("more ticks than anything needs")
        self.clock.jump(max(0.0, until - self.now))
        self.air.said.clear()

    def the_process_is_replaced(self) -> None:
        how = self.chance.choice(["restart", "reboot", "exact", "conservative"])
        if how in {"restart", "reboot"}:
            if self.chance.random() < 0.5:
                self.memory.forget(self.world)
            found = self.memory.found(same_boot=how == "restart")
        else:
            found = self.memory.standby
        name = f"{self.chance.randrange(1 << 16):04x}"
        until = Instant(self.now + 15.0) if how == "conservative" else None
        settings = replace(self.settings, run_name=name, conservative_until=until)
        if until is not None:  # what is under way is not taken up: it is to be asked for again
            still_open = {one.name for one in found.asked.values() if one.outcome is None}
            self._forget_begun(lambda name: name in still_open)
        # a target without a key is no target any more, and what asked for it is nothing
        known = {one.name for one in found.asked.values() if one.target in self.bindings}
        self._forget_begun(lambda name: name not in known)
        world = recovered(settings, self.bindings, found, self.now)
        memory = Memory()
        memory.append(
            [*world.servers.values(), *world.systems.values(), *world.asked.values()], world
        )
        self.memory = memory
        self._begin(world)
        self.owner.take(events.Resumed())

    def check(self) -> None:
        """Nothing grows with what was said."""
        world, systems = self.world, len(KEYS)
        of_each = Counter(name[0] for name in world.asked)
        assert all(count <= OTHERS_MAX + systems for count in of_each.values()), of_each
        assert len(of_each) <= systems
        standby = Counter(name[0] for name in self.memory.standby.asked)
        assert all(count <= OTHERS_MAX + systems for count in standby.values()), standby
        assert len(world.outbox.boxes) <= systems
        assert all(len(box.of) <= systems for box in world.outbox.boxes.values())
        assert len(world._kdump_places) <= 2 * systems
        assert len(world.asked._told._heap) <= 8 * systems * OTHERS_MAX
        assert not world.changed
        assert len(self.end._handshakes.sessions) <= systems
        assert len(self.end._admission._of_keys) <= 4 * systems
        questions = self.path._questions._kept
        assert all(len(mine) <= QUESTIONS_MAX for mine in questions.values())
        assert self.memory.most <= TURN_RECORDS_MAX
        young = {name for name, at in self.begun_at.items() if self.now - at <= ASKED_FOR_S}
        gone = {one[:2] for one in self.begun if one[:2] not in world.asked}
        assert not gone & young, "an id is forgotten within ten minutes"
        self._forget_begun(lambda name: name in gone)
        resets = Counter((requester, request_id) for requester, request_id, _ in self.begun)
        again = [one for one in self.begun if resets[one[:2]] > 1]
        assert not again, f"one id, two resets: {again}"


def figures(stage: Stage, seconds: float) -> str:
    """What it cost, for people."""
    took = sorted(stage.took)
    quarter = len(stage.took) // 4 or 1
    first, last = (
        sorted(part)[quarter * 99 // 100] for part in (stage.took[:quarter], stage.took[-quarter:])
    )
    lines = [
        f"{len(took)} datagrams, {sum(stage.deeds.values())} events in {seconds:.0f} s, "
        f"{stage.now / 3600:.0f} h of virtual time",
        f"a datagram: p50 {took[len(took) // 2] * 1e6:.0f} us, "
        f"p99 {took[len(took) * 99 // 100] * 1e6:.0f} us, max {took[-1] * 1e3:.1f} ms; "
        f"p99 of the first quarter {first * 1e6:.0f} us, of the last {last * 1e6:.0f} us",
        f"ids in the table {len(stage.world.asked)}, "
        f"in the standby's {len(stage.memory.standby.asked)}",
        f"most of one turn: {stage.memory.most} records, {stage.memory.most_bytes} bytes",
        f"resets begun {stage.resets}; {dict(stage.deeds)}",
        f"results {dict(stage.outcomes)}",
        f"dropped {dict(stage.dropped)}",
    ]
    return "\n".join(lines)


async def play(seed: int, clock: trio.testing.MockClock, *, count: int, seconds: float) -> str:
    """Let so many things happen, or as many as there is time for."""
    stage = Stage(seed, clock)
    await trio.lowlevel.checkpoint()
    began = time.perf_counter()
    for number in range(count):
        stage.happen()
        if number % 50 == 0:
            stage.check()
            if time.perf_counter() - began > seconds:
                break
    stage.check()
    return figures(stage, time.perf_counter() - began)


def main() -> None:
    """Play one seed for so long."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    clock = trio.testing.MockClock()

    async def run() -> str:
        return await play(asked.seed, clock, count=1 << 60, seconds=asked.seconds)

    sys.stdout.write(trio.run(run, clock=clock) + "\n")


if __name__ == "__main__":
    main()
