"""Rules that look good enough, and are not: for each the search finds two holders of the address.

A weakened rule stands before the real ones, or changes what comes of them; or a wall of the world
is taken down (`Limits`). Each is here because somebody may one day think that it does as well.
"""

from dataclasses import dataclass, field, replace

from haconn.core import role
from haconn.core.beat import PairRole
from haconn.core.role import (
    Claimed,
    Fence,
    KeepRecord,
    Member,
    Peer,
    PeerStopped,
    Proof,
    Released,
    Silent,
    Spoke,
    Step,
    outranks,
)
from tests.core.pair_search_world import Limits, StepFunction


@dataclass(frozen=True, slots=True)
class Weak:
    """A way to have it wrong."""

    why: str
    limits: Limits = field(default_factory=Limits)
    step: StepFunction = role.step
    holders: bool = True
    """Two hold the address; else two fence each other."""

    @property
    def searched(self) -> Limits:
        """What is searched: only for what this is about."""
        return replace(self.limits, one_fences=not self.holders)


def _now_active(member: Member, event: Claimed) -> Step:
    known = replace(member, peer=Peer(event.session, event.claim), silent=False, doubted=False)
    return role._activate(known, Proof.PROMISED)


def _hears(member: Member, event: role.Event, mine: PairRole, its: PairRole) -> Claimed | None:
    """Give the claim if it is between these two roles."""
    if isinstance(event, Claimed) and (member.role, event.claim.role) == (mine, its):
        return event
    return None


def _join_is_proof(member: Member, event: role.Event) -> Step:
    claimed = _hears(member, event, PairRole.STANDBY, PairRole.JOIN)
    return _now_active(member, claimed) if claimed else role.step(member, event)


def _elects_itself(member: Member, event: role.Event) -> Step:
    claimed = _hears(member, event, PairRole.JOIN, PairRole.JOIN)
    if claimed and outranks(member, claimed.claim):
        return _now_active(member, claimed)
    return role.step(member, event)


def _any_standby_will_do(member: Member, event: role.Event) -> Step:
    claimed = _hears(member, event, PairRole.JOIN, PairRole.STANDBY)
    return _now_active(member, claimed) if claimed else role.step(member, event)


def _release_of_an_epoch(member: Member, event: role.Event) -> Step:
    if not isinstance(event, Released):
        return role.step(member, event)
    if member.role is PairRole.STANDBY and event.session[-1] == member.epoch:
        return role._activate(member, Proof.RELEASED)
    return member, ()


def _release_of_any_session(member: Member, event: role.Event) -> Step:
    if not isinstance(event, Released):
        return role.step(member, event)
    if member.role is PairRole.STANDBY:
        return role._activate(member, Proof.RELEASED)
    return member, ()


def _never_doubts(member: Member, event: role.Event) -> Step:
    after, actions = role.step(member, event)
    return replace(after, doubted=False), actions


def _takes_crossed_promises(member: Member, event: role.Event) -> Step:
    claimed = _hears(member, event, PairRole.STANDBY, PairRole.STANDBY)
    if claimed and claimed.claim.following == member.session:
        return _now_active(member, claimed)
    return role.step(member, event)


def _promise_not_kept(member: Member, event: role.Event) -> Step:
    after, actions = _takes_crossed_promises(member, event)
    proposes = _hears(member, event, PairRole.STANDBY, PairRole.JOIN) is not None
    return (replace(after, candidate=True) if proposes else after), actions


def _standbys_promise(member: Member, event: role.Event) -> Step:
    claimed = _hears(member, event, PairRole.STANDBY, PairRole.STANDBY)
    if claimed is None:
        return role.step(member, event)
    known = replace(member, peer=Peer(claimed.session, claimed.claim), silent=False, doubted=False)
    if claimed.claim.candidate:
        return role._follow(known, claimed.session, claimed.claim)
    if claimed.claim.following == member.session:
        return _now_active(member, claimed)
    return replace(known, candidate=True), ()


def _believes_strangers(member: Member, event: role.Event) -> Step:
    if isinstance(event, PeerStopped) and member.peer is None:
        return replace(member, stopped=True), (KeepRecord(),)
    return role.step(member, event)


def _fences_on_a_promise(member: Member, event: role.Event) -> Step:
    after, actions = role.step(member, event)
    silent = isinstance(event, Silent) and event.may_fence and member.suits
    if silent and member.role is PairRole.STANDBY and not after.fencing:
        return replace(after, fencing=True), (*actions, Fence())
    return after, actions


def _record_outlives_words(member: Member, event: role.Event) -> Step:
    if isinstance(event, Spoke):
        return replace(role.step(member, event)[0], stopped=member.stopped), ()
    return role.step(member, event)


LATE = Limits(epochs=2, late=1)
REPLAYED = replace(LATE, answered=False)
WEAK = {
    "no verify": Weak("a power-off that a BMC accepted is not off", Limits(proof_is_read=False)),
    "stale reading": Weak(
        "what was read for an earlier wish was true then",
        Limits(late_proofs=True, proof_is_dropped=False),
    ),
    "no strip": Weak("a killed process leaves the address in its kernel", Limits(strips=False)),
    "one-way JOIN": Weak("who says JOIN may be active by now", LATE, _join_is_proof),
    "election from a heartbeat": Weak(
        "a replay of the other's first word elects once more", REPLAYED, _elects_itself
    ),
    "joiner and standby": Weak("a standby may have taken over", REPLAYED, _any_standby_will_do),
    "RELEASE by epoch": Weak(
        "epochs get lost, and sessions do not",
        Limits(release_is_of_session=False, lost_epochs=True),
        _release_of_an_epoch,
    ),
    "RELEASE of any session": Weak(
        "an old RELEASE is a replay",
        Limits(release_is_of_session=False),
        _release_of_any_session,
    ),
    "one-way STOPPED": Weak(
        "both may hold a record of the other's stop",
        Limits(stopped_is_mutual=False),
        _believes_strangers,
    ),
    "claims without answer": Weak("they may be replays", REPLAYED),
    "record outlives words": Weak(
        "who speaks after his stop has started", LATE, _record_outlives_words
    ),
    "second process": Weak("its word is not the first one's", Limits(exclusive=False)),
    "no doubt": Weak("a later session may have become active since", LATE, _never_doubts),
    "late word ends doubt": Weak(
        "what the trusted session said before another spoke proves nothing",
        replace(LATE, doubt_voids=False),
    ),
    "promise not kept": Weak("two promises cross", LATE, _promise_not_kept),
    "STANDBY that promises": Weak("so does the other", LATE, _standbys_promise),
    "fences on a promise": Weak(
        "whether the promise has arrived is not known: the other fences, too",
        Limits(epochs=2),
        _fences_on_a_promise,
        holders=False,
    ),
    "operator errs": Weak("the peer is not off", Limits(operator_lies=True)),
}
