"""The loop of a daemon around the core, and what always holds of its state."""

from collections import deque
from dataclasses import replace

from hypothesis.stateful import RuleBasedStateMachine, invariant

from haconn.core import events
from haconn.core.actions import Record
from haconn.core.model import Feed, Instant, SystemKey
from haconn.core.plan import Policy, Proof
from haconn.core.request_table import Asked
from haconn.core.reset import Command, Phase
from haconn.core.running import is_over
from haconn.core.server import Restore, Server
from haconn.core.step import next_due, step
from haconn.core.system import Status, System
from haconn.core.world import Durable, Settings, World, new_world
from haconn.wire.plain import from_plain, to_plain
from tests.core.observer import Observer
from tests.core.parts import ONE, THREE, TWO

FEEDS = {"db2": (Feed("10.1.0.1", "2"), Feed("10.1.0.2", "2")), "db3": (Feed("10.1.0.1", "3"),)}
SETTINGS = Settings(
    {
        "db1": Policy("db1", soft_s=2.0, fence_kdump=True),
        "db2": Policy("db2", soft_s=1.0, outlets=True, recovery_s=5.0, feeds=FEEDS["db2"]),
        "db3": Policy(
            "db3",
            soft_s=2.0,
            outlets=True,
            hard_s=5.0,
            recovery_s=7.0,
            feeds=FEEDS["db3"],
            proof=Proof.POWER_OFF,
            hedge=True,
        ),
    }
)
BINDINGS = {ONE: "db1", TWO: "db2", THREE: "db3"}


class Machinery(RuleBasedStateMachine):
    """The core with a journal, as a daemon would run it; a standby may be slow."""

    gated = False

    def __init__(self) -> None:
        super().__init__()
        self.settings = replace(SETTINGS, gated=self.gated)
        self.world = new_world(self.settings, BINDINGS)
        self.now = Instant(1000.0)
        self.observer = Observer()
        self.journal: dict[tuple[type, object], Durable] = {}
        self.held: list[events.Event] = []
        self.boots = dict.fromkeys(BINDINGS, ("boot0", Instant(1000.0)))
        self.names = 0

    def take(self, event: events.Event) -> None:
        """The loop of the daemon."""
        waiting = deque([event])
        while waiting:
            for action in step(self.world, waiting.popleft(), self.now):
                self.observer.sees(action, self.world, self.now)
                if isinstance(action, Record):
                    (self.held if self.gated else waiting).append(action.then)
            for record in self.world.take_changes():
                self.journal[type(record), name_of(record)] = record

    def name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    def speaker(self, key: SystemKey) -> events.Speaker:
        boot, since = self.boots[key]
        return events.Speaker(key, boot, since, f"10.0.0.{key.number}", key.port)

    def speaks(self, key: SystemKey, how: str) -> events.Speaker:
        """A system is about to speak, perhaps in a new session, perhaps after a boot."""
        boot, _ = self.boots[key]
        if how == "new boot":
            boot = f"boot{int(boot[4:]) + 1}"
        if how != "as before":
            self.boots[key] = (boot, self.now)
        new = how == "new boot" and self.world.systems[key].boot_id is not None
        self.observer.hears(key, self.now, new_boot=new)
        return self.speaker(key)

    def tick(self) -> None:
        self.take(events.Tick())
        due = next_due(self.world)
        assert due is None or due > self.now, "the core would be busy for ever"

    def resumed_cut(self, server: str) -> bool:
        """A cut that is taken up promises its restore anew."""
        return any(
            system.reset is not None
            and system.server == server
            and system.reset.plan.stages[system.reset.state.stage].command is Command.OUTLETS_OFF
            for system in self.world.systems.values()
        )

    @invariant()
    def pairs_never_reset_each_other(self) -> None:
        waits = {
            (waiter.requester, system.key)
            for system in self.world.systems.values()
            if system.reset is not None and not is_over(system.reset)
            for waiter in self.world.asked.waiting(system.reset.operation)
        }
        assert not any((target, requester) in waits for requester, target in waits)

    @invariant()
    def states_are_what_they_say(self) -> None:
        for system in self.world.systems.values():
            running = system.reset is not None and not is_over(system.reset)
            assert running == (system.status is Status.RESET)
            if system.reset is not None and system.reset.ended is not None:
                ended, plan = system.reset.ended, system.reset.plan
                state = system.reset.state
                assert ended.at >= plan.began or state.phase is Phase.CONFIRMING
                stages = plan.stages[: system.reset.state.stage + 1]
                assert state.phase is Phase.CONFIRMING or any(
                    ended.evidence in stage.proved_by for stage in stages
                )
            if running and system.reset is not None:
                assert system.reset.state.until <= system.reset.plan.deadline
                assert system.reset.state.phase is not Phase.RECORDING or self.gated

    @invariant()
    def the_journal_knows_everything(self) -> None:
        for record in durable(self.world):
            plain = to_plain(record)
            assert from_plain(type(record), plain) == record
        for key, system in self.world.systems.items():
            assert self.journal.get((System, key), System(key, BINDINGS[key])) == system
        for name, server in self.world.servers.items():
            journalled = self.journal.get((Server, name), Server(name))
            assert isinstance(journalled, Server)
            assert journalled.owed == server.owed
            assert journalled.left_dark == server.left_dark


def name_of(record: Durable) -> object:
    match record:
        case System():
            return record.key
        case Server():
            return record.name
        case Asked():
            return record.name


def put(world: World, record: Durable) -> None:
    match record:
        case System():
            world.put_system(record)
        case Server():
            world.put_server(
                Server(
                    record.name,
                    owed=record.owed,
                    ordered_on_at=record.ordered_on_at,
                    left_dark=record.left_dark,
                )
            )
        case Asked():
            world.put_asked(record)


def promises(server: Server) -> set[tuple[Restore, str, Instant, bool]]:
    return {(owed.what, owed.operation, owed.due, owed.kept) for owed in server.owed}


def durable(world: World) -> list[Durable]:
    return [*world.systems.values(), *world.servers.values(), *world.asked.values()]
