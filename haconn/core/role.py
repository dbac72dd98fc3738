"""Who of the pair is active: the rules, as a machine without a clock.

Pure: events in, actions out. Times are judged in haconn/core/pair.py, which turns silence, waits
and device readings into the events of this file; so every interleaving of these events can be
searched (tests/core/pair_search.py), and no rule here is safe only because something is fast.

Rule 1. An active needs nobody's leave to stay active. Only a standby fences.
Rule 2. Nobody becomes active without proof that the peer is not: its power off, its RELEASE, its
        promise to follow, its orderly stop on record, or an operator's word.
Rule 3. A promise is kept: who has promised to follow a session is a standby, and proposes itself
        to that session no more. Only an undecided server promises. So a promise holds as long as
        both sessions last, even if its receiver has ceased to ask for it, as in a silence.
Rule 4. A claim counts only in a session that is trusted, and if it answers to something of ours
        (haconn/core/hearing.py). A session once superseded is never heard again.
Rule 5. A new epoch is greater than any that was ever heard of. On hearing a greater one an active
        yields.
Rule 6. A standby fences only if it has heard the session that it follows be active. One that has
        promised and heard no more cannot know whether its promise has arrived; the other may be a
        standby still, and would fence as well. It waits like an undecided server: for words, for
        a reading of off that it has not ordered, or for the operator.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias, assert_never

from haconn.core.beat import NOBODY, Claim, PairRole, PairSession


class Proof(Enum):
    """Why the peer cannot be active. The value is what the log says."""

    POWER_OFF = "its power was read off"
    OUTLETS_OFF = "all outlets that feed it were read off"
    RELEASED = "it released the address"
    PROMISED = "it promised to follow"
    STOPPED = "it stopped in order"
    OPERATOR = "the operator's word"


FROM_DEVICES = frozenset({Proof.POWER_OFF, Proof.OUTLETS_OFF})


@dataclass(frozen=True, slots=True)
class Peer:
    """What the peer said last, in the one session that is trusted."""

    session: PairSession
    claim: Claim


@dataclass(frozen=True, slots=True)
class Member:
    """State: this management server as a member of the pair."""

    session: PairSession
    rank: int
    """Its place in the list of management servers; 0 wins a tie."""
    epoch: int
    """The greatest on record."""
    role: PairRole = PairRole.JOIN
    following: PairSession = NOBODY
    candidate: bool = False
    fencing: bool = False
    peer: Peer | None = None
    silent: bool = True
    """Nothing was heard for too long, or nothing ever."""
    active_heard: PairSession = NOBODY
    """The session of the last beat heard that said active."""
    stopped: bool = False
    """The record: the peer has stopped in order, and nothing was heard of it since."""
    doubted: bool = False
    """Something came of another session than the peer's trusted one, which may have ended: its
    RELEASE and STOPPED count no longer, until it has answered anew."""
    suits: bool = True
    """The peer serves the same address and port; if not, there is no standby."""

    @property
    def claim(self) -> Claim:
        """What the next beat says."""
        return Claim(self.role, self.epoch, self.following, self.candidate)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Event: a beat of the trusted session, and it answers to us."""

    session: PairSession
    claim: Claim
    suits: bool = True


@dataclass(frozen=True, slots=True)
class Spoke:
    """Event: the peer sent something, trusted or not, after what the record of its stop says."""

    session: PairSession


@dataclass(frozen=True, slots=True)
class Silent:
    """Event: nothing on any path for so long that the peer is called dead, and not by our fault.

    Given again when a standby may try anew to fence.
    """

    may_fence: bool = True
    """Whether a standby may fence now: its own reset path must not be what has failed."""


@dataclass(frozen=True, slots=True)
class WaitedAlone:
    """Event: nothing was heard of the peer during the boot wait, and until now."""


@dataclass(frozen=True, slots=True)
class Proved:
    """Event: devices prove the peer to be without power."""

    proof: Proof


@dataclass(frozen=True, slots=True)
class FencingFailed:
    """Event: no proof came, or the peer was heard before anything was commanded."""


@dataclass(frozen=True, slots=True)
class Released:
    """Event: a RELEASE; it may be late, or a replay."""

    session: PairSession


@dataclass(frozen=True, slots=True)
class PeerStopped:
    """Event: STOPPED in the trusted session, later than anything heard of it."""

    session: PairSession


@dataclass(frozen=True, slots=True)
class OperatorTakesOver:
    """Event: the operator has typed the name of the peer and says that it is off."""


@dataclass(frozen=True, slots=True)
class Activate:
    """Action: put the epoch on record, take the address, serve."""

    epoch: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class Follow:
    """Action: put the epoch on record, and be a standby of that session."""

    session: PairSession
    epoch: int


@dataclass(frozen=True, slots=True)
class Fence:
    """Action: begin to prove that the peer is off."""


@dataclass(frozen=True, slots=True)
class StopFencing:
    """Action: the peer is heard; what has not been commanded is not."""


@dataclass(frozen=True, slots=True)
class KeepRecord:
    """Action: the peer's orderly stop goes on record."""


@dataclass(frozen=True, slots=True)
class DeleteRecord:
    """Action: the record of a stop is void."""


@dataclass(frozen=True, slots=True)
class Yield:
    """Action: drop the address at once, and end."""

    epoch: int
    """The greater one that was heard."""


@dataclass(frozen=True, slots=True)
class SpeakNow:
    """Action: the claim is another; the peer waits for it."""


Event: TypeAlias = (
    Claimed
    | Spoke
    | Silent
    | WaitedAlone
    | Proved
    | FencingFailed
    | Released
    | PeerStopped
    | OperatorTakesOver
)
Action: TypeAlias = (
    Activate | Follow | Fence | StopFencing | KeepRecord | DeleteRecord | Yield | SpeakNow
)
Step: TypeAlias = tuple[Member, tuple[Action, ...]]


def step(member: Member, event: Event) -> Step:
    """Take one event in; give the member after it and what is to be done."""
    match event:
        case Claimed():
            return _claimed(member, event)
        case Spoke(session):
            other = member.peer is not None and member.peer.session != session
            return _without_record(replace(member, doubted=member.doubted or other))
        case Released(session):
            return _released(member, session)
        case PeerStopped(session):
            return _peer_stopped(member, session)
        case _:
            return _unheard(member, event)


def _unheard(
    member: Member,
    event: Silent | WaitedAlone | Proved | FencingFailed | OperatorTakesOver,
) -> Step:
    """Take in what does not come from the peer."""
    match event:
        case Silent(may_fence):
            return _silent(member, may_fence=may_fence)
        case WaitedAlone():
            alone = member.role is PairRole.JOIN and member.silent and member.stopped
            return _activate(member, Proof.STOPPED) if alone else (member, ())
        case Proved(proof):
            return _proved(member, proof)
        case FencingFailed():
            return replace(member, fencing=False), ()
        case OperatorTakesOver():
            may = member.role is not PairRole.ACTIVE and member.silent
            return _activate(member, Proof.OPERATOR) if may else (member, ())
        case _:
            assert_never(event)


def outranks(member: Member, claim: Claim) -> bool:
    """Whether of two undecided servers this one is to be active: greater epoch, then name."""
    return (member.epoch, -member.rank) > (claim.epoch, member.rank - 1)


def fences_when_silent(member: Member) -> bool:
    """Tell whether a silent peer may be fenced: only by who heard it be active (rule 6)."""
    heard_active = member.following != NOBODY and member.active_heard == member.following
    return member.role is PairRole.STANDBY and heard_active


def waits_for_power_off(member: Member) -> bool:
    """Tell whether a reading of off makes this server active though it has commanded nothing."""
    promised = member.role is PairRole.STANDBY and not fences_when_silent(member)
    return member.role is PairRole.JOIN or (promised and member.suits)


def _without_record(member: Member) -> Step:
    if not member.stopped:
        return member, ()
    return replace(member, stopped=False), (DeleteRecord(),)


def _claimed(member: Member, event: Claimed) -> Step:
    member, record = _without_record(member)
    claim = event.claim
    active = event.session if claim.role is PairRole.ACTIVE else member.active_heard
    known = replace(
        member,
        peer=Peer(event.session, claim),
        silent=False,
        doubted=False,
        active_heard=active,
        suits=event.suits,
    )
    match member.role:
        case PairRole.JOIN:
            after, actions = _join_hears(known, event.session, claim)
        case PairRole.STANDBY:
            after, actions = _standby_hears(known, event.session, claim)
        case PairRole.ACTIVE:
            after, actions = known, _active_hears(known, claim)
        case _:
            assert_never(member.role)
    changed: tuple[Action, ...] = () if after.claim == member.claim else (SpeakNow(),)
    return after, record + actions + changed


def _join_hears(member: Member, session: PairSession, claim: Claim) -> Step:
    if claim.role is PairRole.ACTIVE or _is_to_be_promised(member, claim):
        return _follow(member, session, claim)
    if claim.following == member.session:
        return _activate(member, Proof.PROMISED)
    wins = claim.role is PairRole.JOIN and outranks(member, claim)
    return replace(member, candidate=wins), ()


def _is_to_be_promised(member: Member, claim: Claim) -> bool:
    """A standby has the record of resets, so it goes before whoever has just begun."""
    if not claim.candidate:
        return False
    return claim.role is PairRole.STANDBY or not outranks(member, claim)


def _follow(member: Member, session: PairSession, claim: Claim) -> Step:
    epoch = max(member.epoch, claim.epoch)
    after = replace(member, role=PairRole.STANDBY, following=session, epoch=epoch, candidate=False)
    return after, (Follow(session, epoch),)


def _standby_hears(member: Member, session: PairSession, claim: Claim) -> Step:
    stop: tuple[Action, ...] = (StopFencing(),) if member.fencing else ()
    if claim.role is PairRole.ACTIVE:
        known = claim.epoch <= member.epoch and session == member.following
        after, actions = (member, ()) if known else _follow(member, session, claim)
        return replace(after, candidate=False), stop + actions
    if member.suits and claim.following == member.session and session != member.following:
        return _activate(member, Proof.PROMISED)
    proposes = claim.role is PairRole.JOIN and session != member.following and member.suits
    return replace(member, candidate=proposes), stop


def _active_hears(member: Member, claim: Claim) -> tuple[Action, ...]:
    if claim.role is PairRole.ACTIVE and not outranks(member, claim):
        return (Yield(claim.epoch),)
    return ()


def _silent(member: Member, *, may_fence: bool) -> Step:
    gone = replace(member, silent=True, candidate=False)
    fences = fences_when_silent(member) and not member.fencing and member.suits
    if not (fences and may_fence):
        return gone, ()
    return replace(gone, fencing=True), (Fence(),)


def _proved(member: Member, proof: Proof) -> Step:
    """Who fences, finishes: the peer was made powerless, whatever it said before."""
    alone = waits_for_power_off(member) and member.silent
    if alone or (member.role is PairRole.STANDBY and member.fencing):
        return _activate(member, proof)
    return member, ()


def _released(member: Member, session: PairSession) -> Step:
    last = member.active_heard == session and _is_last(member, session)
    if member.role is PairRole.STANDBY and last and member.suits:
        return _activate(member, Proof.RELEASED)
    return member, ()


def _is_last(member: Member, session: PairSession) -> bool:
    """Whether nothing was heard of any later process of the peer."""
    known = member.peer is not None and member.peer.session == session
    return known and not member.doubted


def _peer_stopped(member: Member, session: PairSession) -> Step:
    """It has dropped the address before it said so; only its next process deletes the record."""
    if not _is_last(member, session):
        return member, ()
    known = replace(member, stopped=True, silent=True, candidate=False)
    if member.role is PairRole.STANDBY and member.suits:
        after, actions = _activate(known, Proof.STOPPED)
        return after, (KeepRecord(), *actions)
    return known, (KeepRecord(),)


def _activate(member: Member, proof: Proof) -> Step:
    heard = 0 if member.peer is None else member.peer.claim.epoch
    epoch = max(member.epoch, heard) + 1
    stop: tuple[Action, ...] = (
        (StopFencing(),) if member.fencing and proof not in FROM_DEVICES else ()
    )
    after = replace(
        member,
        role=PairRole.ACTIVE,
        epoch=epoch,
        following=NOBODY,
        candidate=False,
        fencing=False,
    )
    return after, (*stop, Activate(epoch, proof))
