"""Exhaustive search of the pair: every interleaving of two members and the world around them.

The members are the very code of haconn/core/role.py. The world around them is asynchronous: a
claim is heard now, late, or never; processes die at any moment and leave the address in their
kernel; servers lose power, come back, and may have lost their epoch; RELEASE and STOPPED are
heard at any later time and any number of times; a power-off that a BMC accepted takes effect at
once, later, or never; BMCs go and come.

What is heard of a claim: the one of this moment, or one that was kept back (one per direction:
more add nothing, since a later one of the same session makes an earlier one void). A claim that
was kept back is heard only in the session of the receiver for which it was sent, and not after
anything of a later session or anything later of its own (haconn/core/hearing.py).
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from haconn.core import role
from haconn.core.beat import PairRole, PairSession
from haconn.core.role import (
    Activate,
    Claimed,
    DeleteRecord,
    Fence,
    FencingFailed,
    Follow,
    KeepRecord,
    Member,
    PeerStopped,
    Proof,
    Proved,
    Released,
    Silent,
    WaitedAlone,
    Yield,
)

StepFunction = Callable[[Member, role.Event], role.Step]


@dataclass(frozen=True, slots=True)
class Late:
    """A claim that the network keeps back, and the session that it answers to."""

    claimed: Claimed
    answers: PairSession


@dataclass(frozen=True, slots=True)
class Host:
    """One management server: its process, its kernel, its disk, and what it has sent."""

    member: Member | None
    process: int
    """Counts the processes; the session of each is made of it."""
    holds: bool = False
    """The address is in its kernel."""
    powered: bool = True
    epoch: int = 0
    record: bool = False
    released: frozenset[PairSession] = frozenset()
    stopped: tuple[PairSession, PairSession] | None = None
    """STOPPED is on its way: its session, and the one that it was said to."""
    late: Late | None = None
    ordered_off: bool = False
    """Its BMC took a power-off, or outlets were ordered off."""
    was_active: bool = False
    """The last process was active: the release program has something to say."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far is searched, and which walls are taken down."""

    processes: int = 2
    epochs: int = 3
    lost_epochs: int = 0
    late: bool = True
    proof_is_read: bool = True
    """Off is read back; else an accepted power-off is taken for off."""
    strips: bool = True
    """The address is dropped before a process says its first word."""
    exclusive: bool = True
    """One process per server; else a second one may say that it has just begun."""
    stopped_is_mutual: bool = True
    """STOPPED is said only in session, and the sender's own record is gone by then."""


@dataclass(frozen=True, slots=True)
class World:
    """Both servers, and how many epoch files may still be lost."""

    hosts: tuple[Host, Host]
    losable: int = 0


Named = tuple[str, World]


def start(limits: Limits) -> World:
    """Both have just been started for the first time."""
    hosts = [Host(Member(_session(i, 1), i, 0), 1) for i in (0, 1)]
    return World((hosts[0], hosts[1]), limits.lost_epochs)


def _session(host: int, process: int) -> PairSession:
    return PairSession(bytes((host + 1, process)))


@dataclass(frozen=True)
class Search:
    """All that can happen next."""

    limits: Limits
    step: StepFunction

    def successors(self, world: World) -> Iterator[Named]:
        """Every next world, with the name of what happened."""
        for i in (0, 1):
            for name, next_world in (*self._heard(world, i), *self._lives(world, i)):
                if max(host.epoch for host in next_world.hosts) <= self.limits.epochs:
                    yield f"{name} {i + 1}", next_world

    def _take(self, world: World, i: int, event: role.Event, *, spend: bool = False) -> World:
        """Let a member take an event in, and carry out at once what it wants."""
        host = world.hosts[i]
        assert host.member is not None
        member, actions = self.step(host.member, event)
        other = world.hosts[1 - i]
        if Fence() in actions:
            other = replace(other, ordered_off=True)
        host = _carried_out(replace(host, member=member), actions)
        if spend:
            other = replace(other, late=None)
        return _put(_put(world, i, host), 1 - i, other)

    def _answers(self, world: World, i: int) -> World:
        """What answers has heard something: a record of the other's stop is void by that."""
        other = world.hosts[1 - i].member
        assert other is not None
        return self._take(world, i, role.Spoke(other.session))

    def _heard(self, world: World, i: int) -> Iterator[Named]:
        """What a process hears of the other, or concludes from hearing nothing."""
        host, other = world.hosts[i], world.hosts[1 - i]
        if host.member is None or not host.powered:
            return
        if _runs(other):
            heard = self._answers(world, 1 - i)
            yield "beat", self._take(heard, i, _claim_of(other), spend=True)
        if other.late is not None and _may_hear(host.member, other.late):
            yield "late beat", self._take(world, i, other.late.claimed)
        if not host.member.silent or host.member.role is PairRole.STANDBY:
            yield "silence", self._take(world, i, Silent())
        yield "waited", self._take(world, i, WaitedAlone())
        yield from self._proofs(world, i)
        if host.member.fencing:
            yield "gives up", self._take(world, i, FencingFailed())
        for session in other.released:
            yield "release", self._take(world, i, Released(session))
        if other.stopped is not None and self._hears_stop(host.member, other.stopped):
            yield "stopped", self._take(world, i, PeerStopped(other.stopped[0]))

    def _hears_stop(self, member: Member, stopped: tuple[PairSession, PairSession]) -> bool:
        return stopped[1] == member.session or not self.limits.stopped_is_mutual

    def _proofs(self, world: World, i: int) -> Iterator[Named]:
        other = world.hosts[1 - i]
        off = not other.powered if self.limits.proof_is_read else other.ordered_off
        if off:
            yield "read off", self._take(world, i, Proved(Proof.POWER_OFF))

    def _lives(self, world: World, i: int) -> Iterator[Named]:
        """What befalls a server."""
        host = world.hosts[i]
        if host.ordered_off:
            dark = replace(
                host, member=None, holds=False, powered=False, record=False, ordered_off=False
            )
            yield "goes off", _put(world, i, replace(dark, was_active=False))
            yield "order lost", _put(world, i, replace(host, ordered_off=False))
        if not host.powered:
            yield "power on", _put(world, i, replace(host, powered=True))
            return
        if host.member is None:
            yield from self._dead(world, i)
            return
        yield "dies", _put(world, i, replace(host, member=None))
        yield "stops", self._stop(world, i)
        other = world.hosts[1 - i].member
        if self.limits.late and other is not None and host.late is None:
            late = Late(_claim_of(host), other.session)
            heard = self._answers(world, i)
            yield "keeps back", _put(heard, i, replace(heard.hosts[i], late=late))
        if not self.limits.exclusive and host.process < self.limits.processes:
            second = _session(i, host.process + 1)
            claimed = Claimed(second, Member(second, i, host.epoch).claim)
            if other is not None:
                late = Late(claimed, other.session)
                yield "second process", _put(world, i, replace(host, late=late))

    def _stop(self, world: World, i: int) -> World:
        """An orderly stop: the address goes, then RELEASE, then STOPPED if somebody hears."""
        host, other = world.hosts[i], world.hosts[1 - i]
        member = host.member
        assert member is not None
        released = host.released
        if member.role is PairRole.ACTIVE:
            released |= {member.session}
        down = replace(
            host, member=None, holds=False, released=released, late=None, was_active=False
        )
        told = member.peer is not None and not member.silent
        if other.member is None or (self.limits.stopped_is_mutual and not told):
            return _put(world, i, down)
        peer = other.member.session if member.peer is None else member.peer.session
        record = False if self.limits.stopped_is_mutual else host.record
        return _put(world, i, replace(down, stopped=(member.session, peer), record=record))

    def _dead(self, world: World, i: int) -> Iterator[Named]:
        """The kernel runs, the process does not."""
        host = world.hosts[i]
        session = _session(i, host.process)
        if host.was_active and session not in host.released:
            freed = replace(host, holds=False, released=host.released | {session})
            yield "release program", _put(world, i, freed)
        if host.process >= self.limits.processes:
            return
        process = host.process + 1
        member = Member(_session(i, process), i, host.epoch, stopped=host.record)
        begun = replace(
            host,
            member=member,
            process=process,
            holds=host.holds and not self.limits.strips,
            was_active=False,
        )
        yield "starts", _put(world, i, begun)
        if world.losable and host.epoch:
            forgot = replace(begun, member=replace(member, epoch=0), epoch=0)
            hosts = _put(world, i, forgot).hosts
            yield "starts without its epoch", World(hosts, world.losable - 1)


def _carried_out(host: Host, actions: tuple[role.Action, ...]) -> Host:
    for action in actions:
        match action:
            case Activate(epoch):
                host = replace(host, epoch=epoch, holds=True, was_active=True)
            case Follow(_, epoch):
                host = replace(host, epoch=epoch)
            case KeepRecord() | DeleteRecord():
                host = replace(host, record=isinstance(action, KeepRecord))
            case Yield():
                host = replace(host, member=None, holds=False)
            case _:
                pass
    return host


def _runs(host: Host) -> bool:
    return host.member is not None and host.powered


def _claim_of(host: Host) -> Claimed:
    assert host.member is not None
    return Claimed(host.member.session, host.member.claim)


def _may_hear(member: Member, late: Late) -> bool:
    """Whether a claim that was kept back passes for a new one (haconn/core/hearing.py)."""
    trusted = member.peer.session if member.peer else late.claimed.session
    later = late.claimed.session > trusted or not member.doubted
    return late.answers == member.session and late.claimed.session >= trusted and later


def _put(world: World, i: int, host: Host) -> World:
    hosts = (host, world.hosts[1]) if i == 0 else (world.hosts[0], host)
    return World(hosts, world.losable)


def two_holders(world: World) -> bool:
    """Whether two servers with power have the address in their kernel."""
    return all(host.holds and host.powered for host in world.hosts)


@dataclass
class Found:
    """What a search came to."""

    worlds: int
    path: tuple[str, ...] | None
    """How two came to hold the address; None if there is no way."""
    complete: bool
    stuck: tuple[str, ...] | None = None
    """A way to where no active can ever come; None if there is none, or it was not asked."""


def search(
    limits: Limits, step: StepFunction = role.step, *, most: int = 2_000_000, lively: bool = False
) -> Found:
    """Search every world that can come to be, until two hold the address."""
    space = Search(limits, lru_cache(maxsize=None)(step))
    first = start(limits)
    came: dict[World, tuple[str, World] | None] = {first: None}
    before: dict[World, list[World]] = {}
    waiting = deque([first])
    while waiting:
        world = waiting.popleft()
        for name, after in space.successors(world):
            if lively:
                before.setdefault(after, []).append(world)
            if after in came:
                continue
            came[after] = (name, world)
            if two_holders(after):
                return Found(len(came), _way(came, after), True)
            if len(came) >= most:
                return Found(len(came), None, False)
            waiting.append(after)
    stuck = _stuck(came, before, limits) if lively else None
    return Found(len(came), None, True, stuck)


def _way(came: dict[World, tuple[str, World] | None], world: World) -> tuple[str, ...]:
    names: list[str] = []
    while (step := came[world]) is not None:
        names.append(step[0])
        world = step[1]
    return tuple(reversed(names))


def _serves(world: World) -> bool:
    return any(
        host.member is not None and host.powered and host.member.role is PairRole.ACTIVE
        for host in world.hosts
    )


def _stuck(
    came: dict[World, tuple[str, World] | None],
    before: dict[World, list[World]],
    limits: Limits,
) -> tuple[str, ...] | None:
    """A way to a world that may still start processes and raise epochs, and never serves."""
    live = {world for world in came if _serves(world)}
    waiting = deque(live)
    while waiting:
        for earlier in before.get(waiting.popleft(), ()):
            if earlier not in live:
                live.add(earlier)
                waiting.append(earlier)
    for world in came:
        room = all(
            host.epoch < limits.epochs
            and (host.member is not None or host.process < limits.processes)
            for host in world.hosts
        )
        if room and world not in live:
            return _way(came, world)
    return None
