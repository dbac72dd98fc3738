"""The world around two members of a pair, for the search of tests/core/pair_search.py.

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
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

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
    """Who says STOPPED has deleted its own record of the other's stop."""
    release_is_of_session: bool = True
    """Else a RELEASE names an epoch, and is replayed whenever somebody is of that epoch."""
    doubt_voids: bool = True
    """Once another session was heard, what was said before counts no more."""


@dataclass(frozen=True, slots=True)
class Late:
    """A claim under way; it answers the receiver's present session, or it would be void."""

    age: int
    claim: Claim


@dataclass(frozen=True, slots=True)
class Host:
    """One management server: its process, its kernel, its disk, and what it has sent."""

    rank: int
    member: Member | None
    holds: bool = False
    """The address is in its kernel."""
    powered: bool = True
    epoch: int = 0
    record: bool = False
    was_active: bool = False
    """The last process was active: the release program has something to say."""
    asked: frozenset[int] = frozenset()
    """Ages of the sessions that were heard, are not trusted, and may yet prove that they live."""
    reading: bool = False
    """A reading that says off is under way to the process."""
    released: frozenset[int] = frozenset()
    stopped: frozenset[int] = frozenset()
    """Ages of the processes whose RELEASE or STOPPED is under way, for ever."""
    late: tuple[Late, ...] = ()
    """The oldest first."""
    released_epochs: frozenset[int] = frozenset()

    def but(self, **changes: object) -> "Host":
        """Give the same server after a change."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def runs(self) -> bool:
        """Whether a process runs."""
        return self.member is not None


def start() -> tuple[Host, Host]:
    """Both have just been started for the first time."""
    return Host(0, Member(OWN, 0, 0)), Host(1, Member(OWN, 1, 0))


def take(host: Host, event: role.Event, step: StepFunction, limits: Limits) -> Host:
    """Let the member take an event in, and carry out at once what it wants."""
    assert host.member is not None
    member, actions = step(host.member, event)
    after = host.but(member=_tidy(member))
    for action in actions:
        match action:
            case role.Activate(epoch):
                after = after.but(epoch=epoch, holds=True, was_active=True)
            case role.Follow(_, epoch):
                after = after.but(epoch=epoch)
            case role.KeepRecord() | role.DeleteRecord():
                after = after.but(record=isinstance(action, role.KeepRecord))
            case role.Yield():
                return without_process(after.but(holds=False, was_active=False))
            case _:
                pass
    wish_ends = isinstance(event, role.FencingFailed) or not wants_proof(member)
    if limits.proof_is_dropped and wish_ends:
        after = after.but(reading=False)
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
    if host.member is None or host.member.peer is None:
        return Ear(None, host.asked)
    return Ear(age_of(host.member.peer.session), host.asked)


def without_process(host: Host) -> Host:
    """End its process; the kernel stays as it is."""
    return host.but(member=None, reading=False, asked=frozenset())


def wants_proof(member: Member) -> bool:
    """Whether a reading of the peer's power is asked for."""
    return member.fencing or (member.role is PairRole.JOIN and member.silent)


def _tidy(member: Member) -> Member:
    """Forget what no rule looks at: of the peer's last claim only a greater epoch counts."""
    peer = member.peer
    if peer is None:
        return member
    epoch = peer.claim.epoch if peer.claim.epoch > member.epoch else 0
    standby = member.role is PairRole.STANDBY
    here = {NOBODY, peer.session}
    return replace(
        member,
        peer=Peer(peer.session, Claim(PairRole.JOIN, epoch)),
        following=member.following if member.following in here else BYGONE,
        active_heard=peer.session if standby and member.active_heard in here - {NOBODY} else NOBODY,
    )


def claim_of(host: Host) -> Claim:
    """What a host says, as its peer understands it: whom it follows is the peer, or is not."""
    assert host.member is not None
    claim = host.member.claim
    return replace(claim, following=OWN if claim.following == PRESENT else NOBODY)
