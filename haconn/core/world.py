"""All systems and servers together: the one state that the daemon's core task owns.

`World` is a container with bookkeeping: every record is a frozen value that is replaced as a
whole, and `put_*` notes what the journal has to write. The decisions stand in the files beside
it, one noun each: asking.py (requests), running.py (a reset's progress and its end), life.py
(what systems say), devices.py (what BMCs and PDUs say), telling.py (results and notices).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from haconn.core.actions import Remark
from haconn.core.model import Instant, SystemKey
from haconn.core.outbox import Outbox, last_serial_before
from haconn.core.plan import Policy
from haconn.core.request_table import Asked, RequestTable
from haconn.core.server import PduAge, Server, off_at
from haconn.core.system import Status, System
from haconn.core.words import Words


@dataclass(frozen=True, slots=True)
class Settings:
    """What the configuration fixes for the life of the process."""

    policies: Mapping[str, Policy]
    """By server name."""
    bmc_poll_s: float = 1.0
    pdu_poll_s: float = 5.0
    gated: bool = False
    """A standby is configured: stages may wait for its acknowledgement."""
    degraded: bool = True
    """No standby could take over now: CHECK's answers say so. Alone that is always so."""
    conservative_until: Instant | None = None
    """Until then requests are acknowledged and no device command starts: something may be under
    way that this process cannot know of (design 6, 8)."""
    run_name: str = "r"
    """Distinguishes the operations of this process from those of another."""


Durable: TypeAlias = System | Server | Asked
"""What the journal keeps."""


@dataclass
class World:
    """The state of everything; frozen records in dictionaries."""

    settings: Settings
    systems: dict[SystemKey, System] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    asked: RequestTable = field(default_factory=RequestTable)
    outbox: Outbox = field(default_factory=Outbox)
    changed: list[Durable] = field(default_factory=list)
    """What the journal has not taken yet; several states of one record may follow each other."""
    pdus: dict[str, bool] = field(default_factory=dict)
    """Whether each PDU answers; absent before the first try."""
    pdus_told: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each that does not answer, the reasons that were told."""
    pdu_ages: dict[str, PduAge] = field(default_factory=dict)
    words: dict[SystemKey, Words] = field(default_factory=dict)
    """What each system showed of its life, to this process."""
    watches: dict[SystemKey, Instant] = field(default_factory=dict)
    """When to look at a system again that is asked, or whose off is to be proved."""
    unconfirmed: set[SystemKey] = field(default_factory=set)
    """Systems whose off another process proved, and that are asked again before it is told."""
    operations: int = 0
    _kdump_places: dict[str, dict[SystemKey, None]] = field(default_factory=dict)
    """Which systems a fence_kdump datagram of an address may concern; also some of before."""

    def policy(self, server: str) -> Policy:
        """The policy of a server."""
        return self.settings.policies[server]

    def put_system(self, system: System) -> None:
        """Replace a system; the journal hears of everything that outlives a process."""
        before = self.systems.get(system.key)
        self.systems[system.key] = system
        if before != system:
            self.changed.append(system)
        if before is None or before.registration != system.registration:
            self._note_places(before, system)

    def waits_for_kdump_from(self, address: str) -> list[System]:
        """The systems that a fence_kdump datagram of this address is of."""
        found = [self.systems.get(key) for key in self._kdump_places.get(address, ())]
        return [system for system in found if system is not None and self._is_at(system, address)]

    def _is_at(self, system: System, address: str) -> bool:
        policy, place = self.policy(system.server), system.registration
        mine = place is not None and place.address == address
        return policy.fence_kdump and (mine or address in policy.kdump_from)

    def _note_places(self, before: System | None, system: System) -> None:
        policy, old = self.policy(system.server), before.registration if before else None
        there = self._kdump_places.get(old.address, {}) if old is not None else {}
        if old is not None and system.key in there and old.address not in policy.kdump_from:
            del there[system.key]
            if not there:
                del self._kdump_places[old.address]
        now = {system.registration.address} if system.registration else set[str]()
        for address in now | policy.kdump_from if policy.fence_kdump else ():
            self._kdump_places.setdefault(address, {})[system.key] = None

    def put_server(self, server: Server) -> None:
        """Replace a server. Readings do not outlive a process; what is owed does."""
        before = self.servers.get(server.name)
        self.servers[server.name] = server
        if before is None or _kept(before) != _kept(server):
            self.changed.append(server)

    def put_asked(self, asked: Asked) -> None:
        """Remember a request."""
        self.asked.put(asked)
        self.changed.append(asked)

    def take_changes(self) -> list[Durable]:
        """Hand over what the journal has to write, the latest state of each record."""
        latest: dict[object, Durable] = {}
        for record in self.changed:
            latest[identity(record)] = record
        self.changed.clear()
        return list(latest.values())

    def begin_operation(self) -> str:
        """Name a reset, a test or a restore."""
        self.operations += 1
        return f"{self.settings.run_name}-{self.operations}"

    def is_conservative(self, now: Instant) -> bool:
        """Whether requests are held back, and nothing is commanded."""
        until = self.settings.conservative_until
        return until is not None and now < until

    def off_at(self, server: str, now: Instant) -> Instant | None:
        """When a server was last proved off; None if the readings are stale."""
        settings = self.settings
        return off_at(
            self.servers[server],
            self.policy(server).feeds,
            now,
            bmc_poll_s=settings.bmc_poll_s,
            pdu_poll_s=settings.pdu_poll_s,
        )

    def rest_status(self, server: str) -> Status:
        """What a system is when it is neither reset nor stopped: error if its BMC is lost."""
        lost = self.servers[server].watch.reachable is False
        return Status.ERROR if lost else Status.NORMAL


def _kept(server: Server) -> tuple[object, ...]:
    """What outlives the process."""
    return server.owed, server.left_dark, server.guid, server.distrusts


def identity(record: Durable) -> object:
    """What makes two states of a record the same record."""
    match record:
        case System():
            return record.key
        case Server():
            return record.name
        case Asked():
            return record.name
        case _:
            assert_never(record)


def new_world(settings: Settings, bindings: Mapping[SystemKey, str]) -> World:
    """Make the table of servers and of the systems that keys bind to them."""
    world = World(settings, outbox=Outbox(last_serial_before(settings.run_name)))
    for name in settings.policies:
        world.servers[name] = Server(name)
    for key, server in bindings.items():
        if server in world.servers:
            world.put_system(System(key, server))
    world.take_changes()  # what nobody has said anything of yet need not be written down
    return world


def remark(message: str, **values: object) -> Remark:
    """Make one line of the event log."""
    return Remark(message, tuple((name, str(value)) for name, value in values.items()))
