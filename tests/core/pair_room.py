"""Two management servers in one room, on one virtual clock: the loops of their daemons."""

from haconn.core import role
from haconn.core.actions import Hurry, Perform
from haconn.core.beat import (
    Beat,
    PairDatagram,
    PairMessage,
    PairRole,
    PairSession,
    Release,
    Replica,
    Standing,
    Stopped,
    StoppedHeard,
)
from haconn.core.events import (
    SessionOpened,
)
from haconn.core.model import Instant
from haconn.core.pair import knows_peer, next_due, number, refusal, step
from haconn.core.pair_state import (
    Action,
    Arrived,
    Drain,
    Drained,
    Event,
    Fenced,
    Heard,
    Keep,
    PairSettings,
    PeerIsOff,
    Speak,
    TakeOver,
    Tick,
    new_pair,
)
from haconn.core.pair_times import TIMES
from haconn.core.peer_power import Means
from haconn.core.role import Member
from tests.core.pair_together import SERVICE, Clock, Devices, Machine, Network, Process, Weather

BOOT_S = 3.0
TOLD_TIMES = 10


class Room:
    """Everything, and the clock."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = Clock()
        self.machines = (Machine(0), Machine(1))
        self.weather = Weather()
        self.takeovers: list[tuple[float, int, role.Proof]] = []
        self.network = Network(self.clock, self.weather, self.machines, seed, self.take)
        self._devices = Devices(self.clock, self.weather, self.machines, self.take)
        self._sessions = 0
        for machine in self.machines:
            self.start(machine)

    def passes(self, seconds: float) -> None:
        """Let time go by; at no moment of it two of them have the address."""
        self.clock.passes(seconds, self._look_at_holders)

    def _look_at_holders(self) -> None:
        assert len(self.holders()) <= 1, self.takeovers

    def holders(self) -> list[Machine]:
        """Whose kernel answers for the address."""
        return [one for one in self.machines if one.powered and one.lease_until > self.clock.now]

    def actives(self) -> list[Machine]:
        """Who serves."""
        return [one for one in self.holders() if role_of(one) is PairRole.ACTIVE]

    def cut_power(self, machine: Machine) -> None:
        """At once everything on it is gone, but its disk."""
        machine.powered = False
        machine.boot += 1
        machine.process, machine.lease_until, machine.record = None, -1.0, None

    def give_power(self, machine: Machine) -> None:
        """It boots, if it had none."""
        if not machine.powered:
            machine.powered = True
            self._start_in(machine, BOOT_S)

    def _start_in(self, machine: Machine, seconds: float) -> None:
        boot = machine.boot

        def begin() -> None:
            if machine.boot == boot and machine.enabled:
                self.start(machine)

        self.clock.at(self.clock.now + seconds, begin)

    def start(self, machine: Machine) -> None:
        """A new process strips the address, and begins to speak."""
        if machine.process is not None or not machine.powered:
            return
        machine.boot += 1
        machine.lease_until = -1.0
        self._sessions += 1
        session = PairSession(self._sessions.to_bytes(16, "big"))
        member = Member(session, machine.rank, machine.epoch)
        settings = PairSettings(Means("peer"), SERVICE)
        pair = new_pair(settings, member, machine.record, Instant(self.clock.now))
        process = machine.process = Process(pair)
        self.take(machine, SessionOpened("peer", 1))
        self._look(machine, process)
        self._devices.poll(machine, process)
        self._refresh(machine, process)

    def end(self, machine: Machine, *, release: bool) -> None:
        """A process ends; the release program drops what it has left, and says so."""
        process = machine.process
        if process is None:
            return
        machine.process = None
        machine.boot += 1
        self._start_in(machine, TIMES.restart_s)
        if release:
            machine.lease_until = -1.0
            session = process.pair.hearing.session
            self.network.send(machine, PairDatagram(session, 0, machine.epoch, Release(session)))

    def stand_still(self, machine: Machine, seconds: float) -> None:
        """A process is stopped, and goes on later."""
        process = machine.process
        if process is not None and self.clock.now >= process.stands_until:
            process.stands_until = self.clock.now + seconds
            self.clock.at(process.stands_until, lambda: self._goes_on(machine, process))

    def _goes_on(self, machine: Machine, process: Process) -> None:
        """What devices said comes first, and then the clock, and the sockets last."""
        if machine.process is not process or self.clock.now < process.stands_until:
            return
        arrived = [one for one in process.waiting if isinstance(one, Arrived)]
        first = [one for one in process.waiting if not isinstance(one, Arrived)]
        process.waiting[:] = arrived
        for said in (*first, Tick()):
            self.take(machine, said)
        unread = list(process.waiting)
        process.waiting.clear()
        for event in unread:
            self.take(machine, event)

    def stop(self, machine: Machine) -> None:
        """Stop in order: the address goes, then the peer is told, and nothing is started again."""
        process = machine.process
        machine.enabled = False
        if process is None or self.clock.now < process.stands_until:
            return
        tells = knows_peer(process.pair, Instant(self.clock.now))
        session = process.pair.hearing.session
        was_active = process.pair.member.role is PairRole.ACTIVE
        machine.process = None
        machine.boot += 1
        machine.lease_until = -1.0
        if was_active:
            self.network.send(machine, PairDatagram(session, 0, machine.epoch, Release(session)))
        if tells:
            machine.record = None
            for attempt in range(TOLD_TIMES):
                self.clock.at(self.clock.now + 0.1 * attempt, lambda: self._tell(machine, process))

    def _tell(self, machine: Machine, process: Process) -> None:
        if machine.process is None:
            self._say(machine, process, Stopped())

    def take(self, machine: Machine, event: Event) -> None:
        """Let a process have an event, unless it stands still."""
        process = machine.process
        if process is None:
            return
        if self.clock.now < process.stands_until:
            process.waiting.append(event)
            return
        process.turns.append(event)
        if process.stepping:
            return
        process.stepping = True
        while process.turns and machine.process is process:
            for action in step(process.pair, process.turns.popleft(), Instant(self.clock.now)):
                self._carry_out(machine, process, action)
        process.stepping = False

    def _look(self, machine: Machine, process: Process) -> None:
        """Look at the clock whenever something is due."""
        if machine.process is not process:
            return
        if self.clock.now >= max(process.stands_until, next_due(process.pair)):
            self.take(machine, Tick())
        due = max(next_due(process.pair), process.stands_until)
        self.clock.at(min(due, self.clock.now + 0.05), lambda: self._look(machine, process))

    def _refresh(self, machine: Machine, process: Process) -> None:
        if machine.process is not process:
            return
        runs = self.clock.now >= process.stands_until and process.pair.rhythm.drained
        if runs and process.pair.member.role is PairRole.ACTIVE:
            machine.lease_until = self.clock.now + TIMES.lease_s
        self.clock.at(self.clock.now + TIMES.refresh_s, lambda: self._refresh(machine, process))

    def _carry_out(self, machine: Machine, process: Process, action: Action) -> None:
        match action:
            case Speak():
                self._speak(machine, process, action)
            case Drain():
                process.turns.extend((*process.waiting, Drained()))
                process.waiting.clear()
            case Heard(datagram) if isinstance(datagram.message, Stopped):
                self._say(machine, process, StoppedHeard())
            case Fenced() | Perform() | Hurry():
                self._touch(machine, process, action)
            case _:
                _role(self, machine, action)

    def _touch(self, machine: Machine, process: Process, action: Fenced | Perform | Hurry) -> None:
        match action:
            case Perform():
                self._devices.perform(machine, action, self.cut_power)
            case Hurry(_, on):
                process.hurried = on
            case Fenced(end):
                peer = self.machines[1 - machine.rank]
                if end.commanded:
                    self.clock.at(self.clock.now + TIMES.repower_s, lambda: self.give_power(peer))

    def _speak(self, machine: Machine, process: Process, action: Speak) -> None:
        beat = beat_of(action, self.clock.now)
        session = process.pair.hearing.session
        self.network.send(machine, PairDatagram(session, action.seq, machine.epoch, beat))

    def _say(self, machine: Machine, process: Process, message: PairMessage) -> None:
        seq = number(process.pair, Instant(self.clock.now))
        session = process.pair.hearing.session
        self.network.send(machine, PairDatagram(session, seq, machine.epoch, message))


def role_of(machine: Machine) -> PairRole | None:
    """What its process is, if one runs."""
    return None if machine.process is None else machine.process.pair.member.role


def operator_says_off(room: Room, machine: Machine) -> None:
    """The operator, who is right, gives the word."""
    process = machine.process
    peer = room.machines[1 - machine.rank]
    truly = not peer.powered or (peer.process is None and not peer.enabled)
    if process is None or not truly or peer.lease_until > room.clock.now:
        return
    if refusal(process.pair, Instant(room.clock.now)) is None:
        room.take(machine, PeerIsOff())


def beat_of(action: Speak, clock: float) -> Beat:
    """What is sent."""
    standing = Standing(service=SERVICE)
    return Beat(action.claim, action.echo, Replica(), standing, action.hearing, clock, action.probe)


def _role(room: Room, machine: Machine, action: Action) -> None:
    match action:
        case TakeOver(epoch, proof):
            machine.epoch = epoch
            machine.lease_until = room.clock.now + TIMES.lease_s
            room.takeovers.append((room.clock.now, machine.rank, proof))
        case role.Follow(_, epoch):
            machine.epoch = epoch
        case role.Yield():
            machine.lease_until = -1.0
            room.end(machine, release=True)
        case Keep(echo):
            machine.record = echo
        case role.DeleteRecord():
            machine.record = None
        case _:
            pass
