"""The world around two members of a pair, for tests/core/pair_search.py.

The members are the very code of haconn/core/role.py. All around them is asynchronous and hostile:
- a claim is heard now, late, or never; of those under way a later one makes an earlier one void
  (numbers only go up), and so does one of a later process (haconn/core/hearing.py). One that was
  heard may be heard again: it stands for all that say the same;
- a server hears that the other has spoken, now or long ago, without hearing what;
- processes die at any moment and leave the address in their kernel; the release program runs
  after that, later, or never; RELEASE and STOPPED are heard at any later time, any number of times;
- servers lose power at any moment, alone or both, commanded or not, and /run with it; a power-off
  that was accepted is just one that may come at any later time, or never;
- a reading of the peer's power arrives late.

Who restarts how often is not limited. A session is known by its age: 0 is of the peer's present
process, or of its last one if none runs; 1 is of an earlier one that still means something. What
means nothing to anybody any more is forgotten, so that worlds that differ in it are one. Epochs
are limited, since they only go up.

Not here: times; the record of resets; what lies between a decision and the address in the kernel,
or between the address gone and the word that it is (nothing that proves a server inactive can
come in between, but for the loss of its power); an active whose own BMC tells lies about being
off; somebody who knows the pair key; a kernel that goes on after its machine was read off.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from haconn.core import role
from haconn.core.beat import NOBODY, Claim, PairRole, PairSession
from haconn.core.role import Member, Peer

StepFunction: TypeAlias = Callable[[Member, role.Event], role.Step]

OWN = PairSession(b"own")
BYGONE = PairSession(b"bygone")
"""Any session of the peer that can never be heard in session again."""
SECOND = PairSession(b"second")
"""Of a process beside the one that counts."""


def of_age(age: int) -> PairSession:
    """Name the peer's process that many processes ago."""
    return PairSession(bytes((age,)))


def age_of(session: PairSession) -> int | None:
    """Tell how old a session of the peer is; None if it is none that means something."""
    return session[0] if len(session) == 1 else None


PRESENT = of_age(0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far is searched, and which walls are taken down."""

    epochs: int = 3
    late: int = 0
    """How many different claims may be under way in each direction, besides those of now."""
    lost_epochs: bool = False
    """A process may find a smaller epoch on record than the last one used, or none."""
    late_proofs: bool = False
    """Time passes between the reading of the peer's power and its being told."""
    misfits: bool = False
    """The two may at any time differ in what they serve."""
    operator: bool = False
    """The operator says that the peer is off, and it is."""
    operator_lies: bool = False
    proof_is_read: bool = True
    """Off is read back; else an accepted power-off is taken for off."""
    proof_is_dropped: bool = True
    """A reading is void once the wish it was begun for has ended."""
    strips: bool = True
    """The address is dropped before a process says its first word."""
    exclusive: bool = True
    """One process per server; else a second one may say that it has just begun."""
    stopped_is_mutual: bool = True
    """STOPPED counts only of a session that has answered, and then its sender has no record of the
    other's stop; else it is said to whoever hears it, and believed."""
    release_is_of_session: bool = True
    """Else a RELEASE names an epoch, and is replayed whenever somebody is of that epoch."""
    answered: bool = True
    """A claim counts only if it answers the receiver's present session, and is of no bygone one;
    else any heartbeat does, and may be replayed."""
    doubt_voids: bool = True
    """Once another session was heard, what was said before counts no more."""
    one_fences: bool = True
    """Two that fence each other are searched for, too, and not only two holders."""


@dataclass(frozen=True, slots=True)
class Late:
    """A claim under way; it answers the receiver's present session, or it would be void."""

    age: int
    claim: Claim


class Words(NamedTuple):
    """What a server has said that is under way."""

    released: frozenset[int] = frozenset()
    stopped: frozenset[int] = frozenset()
    """Ages of the processes whose RELEASE or STOPPED is under way, for ever."""
    late: tuple[Late, ...] = ()
    """The oldest first."""
    epochs: frozenset[int] = frozenset()
    """Of RELEASE, if it names epochs."""


class Process(NamedTuple):
    """The daemon on a server."""

    member: Member
    asked: frozenset[int] = frozenset()
    """Ages of the sessions that were heard, are not trusted, and may yet prove that they live."""
    reading: bool = False
    """A reading of the peer's power that says off is under way."""


class Host(NamedTuple):
    """One management server: its process, its kernel, its disk, and what it has sent."""

    rank: int
    process: Process | None
    holds: bool = False
    """The address is in its kernel."""
    powered: bool = True
    epoch: int = 0
    record: bool = False
    was_active: bool = False
    """The last process was active: the release program has something to say."""
    words: Words = Words()

    @property
    def member(self) -> Member | None:
        """The state of its process, if one runs."""
        return None if self.process is None else self.process.member


def start() -> tuple[Host, Host]:
    """Both have just been started for the first time."""
    return Host(0, Process(Member(OWN, 0, 0))), Host(1, Process(Member(OWN, 1, 0)))


def take(host: Host, event: role.Event, step: StepFunction, limits: Limits) -> Host:
    """Let the member take an event in, and carry out at once what it wants."""
    process = host.process
    assert process is not None
    member, actions = step(process.member, event)
    wish_ends = isinstance(event, role.FencingFailed) or not wants_proof(member)
    reading = process.reading and not (limits.proof_is_dropped and wish_ends)
    after = host._replace(process=Process(_tidy(member), process.asked, reading))
    for action in actions:
        match action:
            case role.Activate(epoch):
                after = after._replace(epoch=epoch, holds=True, was_active=True)
            case role.Follow(_, epoch):
                after = after._replace(epoch=epoch)
            case role.KeepRecord() | role.DeleteRecord():
                after = after._replace(record=isinstance(action, role.KeepRecord))
            case role.Yield():
                return after._replace(process=None, holds=False, was_active=False)
            case _:
                pass
    return after


@dataclass(frozen=True, slots=True)
class Ear:
    """Which sessions of the peer a process takes words of."""

    trusted: int | None = None
    asked: frozenset[int] = frozenset()

    def hears(self, age: int) -> bool:
        """Whether a claim of a session may count."""
        return age == self.trusted or age in self.asked


def ear_of(host: Host) -> Ear:
    """Tell whom a server listens to."""
    if host.process is None:
        return Ear()
    peer = host.process.member.peer
    return Ear(None if peer is None else age_of(peer.session), host.process.asked)


def wants_proof(member: Member) -> bool:
    """Whether a reading of the peer's power is asked for."""
    return member.fencing or (role.waits_for_power_off(member) and member.silent)


def _tidy(member: Member) -> Member:
    """Forget what no rule looks at: of the peer's last claim only a greater epoch counts."""
    peer = member.peer
    if peer is None:
        return member
    epoch = peer.claim.epoch if peer.claim.epoch > member.epoch else 0
    standby = member.role is PairRole.STANDBY
    here = {NOBODY, peer.session}
    following, heard = (
        session if session in here else BYGONE
        for session in (member.following, member.active_heard)
    )
    return replace(
        member,
        peer=Peer(peer.session, Claim(PairRole.JOIN, epoch)),
        following=following,
        active_heard=heard if standby else NOBODY,
    )


def claim_of(host: Host) -> Claim:
    """What a host says, as its peer understands it: whom it follows is the peer, or is not."""
    assert host.member is not None
    claim = host.member.claim
    return replace(claim, following=OWN if claim.following == PRESENT else NOBODY)
