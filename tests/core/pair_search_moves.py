"""What can happen next in the world of tests/core/pair_search_world.py.

Everything befalls one server. What it means for the other, or for what is under way, is an
`Effect`: it rests on no more of the one server than the ages of its claims under way, and on no
more of the other than the age of the session that it trusts. That is why the search need not take
each pair of servers apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from haconn.core import role
from haconn.core.beat import Claim, PairRole, PairSession
from haconn.core.role import Claimed, Member, PeerStopped, Released, Spoke
from tests.core.pair_search_world import (
    BYGONE,
    OWN,
    PRESENT,
    SECOND,
    Ear,
    Host,
    Late,
    Limits,
    StepFunction,
    age_of,
    claim_of,
    ear_of,
    of_age,
    take,
    wants_proof,
    without_process,
)


@dataclass(frozen=True, slots=True)
class Effect:
    """What something means for the other server, or for what it has under way."""

    name: str
    age: int = 0


ANSWERED = Effect("answered")
"""Its claim of this moment was heard; so it has heard the other's session."""
KEPT = Effect("kept")
"""Its claim of this moment is under way; so it has heard the other's session."""
DEAF = Effect("deaf")
"""The process that it spoke to has ended."""
STARTED = Effect("started")
"""A new process of the other has started."""
SAID = Effect("said")
"""The other has said its last word: is there anybody whom it concerns?"""
ASKED = Effect("asked")
"""A session that is new to the other was heard: only what answers to what is sent now counts."""
# and by age: "late" (the claim at that place was heard), "ended" (STOPPED of that age was heard:
# its claims are older)


Effects: TypeAlias = tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """Something that befalls one server."""

    name: str
    host: Host
    effects: Effects = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that the other server may hear, or read, of this one."""

    name: str
    event: role.Event
    effect: Effect | None = None
    """On the one that it comes from, if it is heard."""


def fate(host: Host, limits: Limits, step: StepFunction) -> Iterator[Move]:
    """What befalls a server, or what it concludes by itself."""
    if not host.powered:
        yield Move("power on", host.but(powered=True))
        return
    dark = without_process(host).but(holds=False, powered=False, record=False, was_active=False)
    yield Move("power lost", dark, (DEAF,))
    if host.member is None:
        yield from _dead(host, limits)
        return
    yield Move("dies", without_process(host), (DEAF,))
    yield Move("stops", _stop(host, limits), (DEAF, SAID))
    if not host.member.silent or host.member.role is PairRole.STANDBY:
        yield Move("silence", take(host, role.Silent(), step, limits))
    yield Move("waited", take(host, role.WaitedAlone(), step, limits))
    proof = role.Proved(role.Proof.POWER_OFF)
    if host.member.fencing:
        yield Move("gives up", take(host, role.FencingFailed(), step, limits))
        if not limits.proof_is_read:
            yield Move("power-off accepted", take(host, proof, step, limits))
    if host.reading:
        yield Move("proof", take(host.but(reading=False), proof, step, limits))
    if limits.operator_lies:
        yield Move("operator", take(host, role.OperatorTakesOver(), step, limits))


def _stop(host: Host, limits: Limits) -> Host:
    """An orderly stop: the address goes, then RELEASE, then STOPPED if somebody can be told."""
    member = host.member
    assert member is not None
    active = member.role is PairRole.ACTIVE
    told = member.peer is not None and not member.silent
    by_epoch = active and not limits.release_is_of_session
    return without_process(host).but(
        holds=False,
        was_active=False,
        released=host.released | {0} if active else host.released,
        released_epochs=host.released_epochs | ({host.epoch} if by_epoch else frozenset()),
        stopped=host.stopped | {0} if told else host.stopped,
        record=host.record and not (told and limits.stopped_is_mutual),
    )


def _dead(host: Host, limits: Limits) -> Iterator[Move]:
    """The kernel runs, the process does not."""
    if host.was_active:
        freed = host.but(holds=False, was_active=False, released=host.released | {0})
        if not limits.release_is_of_session:
            freed = freed.but(released_epochs=host.released_epochs | {host.epoch})
        yield Move("release program", freed, (SAID,))
    begun = host.but(holds=host.holds and not limits.strips, was_active=False)
    for epoch in (host.epoch, *(range(host.epoch) if limits.lost_epochs else ())):
        member = Member(OWN, host.rank, epoch, stopped=host.record)
        name = "starts" if epoch == host.epoch else "starts without its epoch"
        yield Move(name, begun.but(member=member, epoch=epoch), (STARTED,))


def offers(host: Host, limits: Limits) -> Iterator[Offer]:
    """What the other server may hear of this one, or read of it."""
    yield Offer("speaks", Spoke(PRESENT))
    yield Offer("old word", Spoke(BYGONE))
    if host.runs:
        yield from _said_now(host, limits)
    yield from _under_way(host)
    if not host.powered:
        yield Offer("read off", role.Proved(role.Proof.POWER_OFF))
        if limits.operator:
            yield Offer("operator", role.OperatorTakesOver())


def _said_now(host: Host, limits: Limits) -> Iterator[Offer]:
    claim = claim_of(host)
    for suits in (True, False) if limits.misfits else (True,):
        yield Offer("beat", Claimed(PRESENT, claim, suits), ANSWERED)
    if limits.late:
        yield Offer("keeps back", Claimed(PRESENT, claim), KEPT)
    if not limits.exclusive:
        begins = Claim(PairRole.JOIN, host.epoch)
        promises = Claim(PairRole.STANDBY, host.epoch, OWN)
        yield Offer("second process begins", Claimed(SECOND, begins))
        yield Offer("second process promises", Claimed(SECOND, promises))


def _under_way(host: Host) -> Iterator[Offer]:
    for place, late in enumerate(host.late):
        claimed = Claimed(of_age(late.age), late.claim)
        yield Offer("late beat", claimed, Effect("late", place))
    for age in sorted(host.released):
        yield Offer("release", Released(of_age(age)))
    for age in sorted(host.stopped):
        yield Offer("stopped", PeerStopped(of_age(age)), Effect("ended", age))
    for epoch in sorted(host.released_epochs):
        yield Offer("release of an epoch", Released(PairSession(b"epoch" + bytes((epoch,)))))


def hear(host: Host, offer: Offer, limits: Limits, step: StepFunction) -> Move | None:
    """Take in what the other offers; None if it does not count."""
    if host.member is None or not _counts(ear_of(host), offer):
        return None
    effects = () if offer.effect is None else (offer.effect,)
    match offer.event:
        case Spoke(session):
            return Move(offer.name, *_overhear(host, session, limits, step))
        case Claimed() if offer.effect == KEPT:
            return Move(offer.name, host, effects)
        case role.Proved() if limits.late_proofs:
            return Move(offer.name, host.but(reading=wants_proof(host.member)))
        case Claimed(session) if age_of(session) != ear_of(host).trusted:
            host = host.but(asked=frozenset())
        case _:
            pass
    after = take(host, offer.event, step, limits)
    return Move(offer.name, after, effects if after.runs else (*effects, DEAF))


def _counts(ear: Ear, offer: Offer) -> bool:
    """Whether hearing.py lets it pass."""
    match offer.event:
        case Claimed(session) if offer.effect != ANSWERED and session != SECOND:
            return ear.hears(session[0])
        case PeerStopped(session):
            return age_of(session) == ear.trusted
        case _:
            return True


def _overhear(
    host: Host, session: PairSession, limits: Limits, step: StepFunction
) -> tuple[Host, Effects]:
    """Hear that the other has spoken; in a session that was not heard before, it has to prove that
    it lives, and by the same token all others have.

    Old words may be of a session that was heard before: they void nothing.
    """
    after = take(host, Spoke(session), step, limits)
    age = age_of(session)
    if age is None or ear_of(host).hears(age):
        return after, ()
    return after.but(asked=host.asked | {age}), (ASKED,) if limits.doubt_voids else ()


def affected(
    host: Host, effect: Effect, ages: tuple[int, ...], limits: Limits, step: StepFunction
) -> Host:
    """Let the other server bear an effect; `ages` are of the claims that the one has under way."""
    match effect.name:
        case KEPT.name:
            return _keep_back(_overhear(host, PRESENT, limits, step)[0], limits)
        case ANSWERED.name:
            heard, _ = _overhear(host, PRESENT, limits, step)
            return _trusted(heard.but(late=()), 0)
        case "late":
            heard = host.but(late=host.late[effect.age :])
            return _trusted(heard, heard.late[0].age)
        case "ended":
            return host.but(late=tuple(late for late in host.late if late.age < effect.age))
        case ASKED.name:
            return host.but(late=())
        case STARTED.name:
            return _with_older_peer(_unheard(host), ages)
        case DEAF.name:
            return _unheard(host)
        case _:
            return host


def affected_too(host: Host, effect: Effect, ear: Ear, limits: Limits) -> Host:
    """Let the one server bear its own effect; the ear is the other's."""
    match effect.name:
        case KEPT.name | ANSWERED.name if limits.doubt_voids and not ear.hears(0):
            return host.but(late=())
        case STARTED.name:
            return _older(host, ear.trusted)
        case SAID.name if ear.trusted != 0 and 0 not in ages_under_way(host):
            return host.but(released=host.released - {0}, stopped=host.stopped - {0})
        case _:
            return host


def ages_under_way(host: Host) -> tuple[int, ...]:
    """How old the processes are of which claims are under way."""
    return tuple(sorted({late.age for late in host.late}))


def _unheard(host: Host) -> Host:
    return host.but(released=frozenset(), stopped=frozenset(), late=())


def _keep_back(host: Host, limits: Limits) -> Host:
    """Put the claim of this moment under way; if there are too many, the oldest is lost."""
    late = Late(0, claim_of(host))
    if host.late and host.late[-1] == late:
        return host
    return host.but(late=(*host.late, late)[-limits.late :])


def _trusted(host: Host, age: int) -> Host:
    """Forget the words of processes before that one."""
    return host.but(
        released=frozenset(one for one in host.released if one <= age),
        stopped=frozenset(one for one in host.stopped if one <= age),
    )


def _aged(ages: tuple[int, ...], trusted: int | None) -> dict[int, int]:
    """Make the ages that somebody may yet hear one process older, without gaps."""
    kept = set(ages) | (set() if trusted is None else {trusted})
    return {age: place for place, age in enumerate(sorted(kept), 1)}


def _older(host: Host, trusted: int | None) -> Host:
    """Make what the processes before this new one have said so much older."""
    aged = _aged(ages_under_way(host), trusted)
    return host.but(
        late=tuple(replace(late, age=aged[late.age]) for late in host.late),
        released=frozenset(aged[age] for age in host.released if age in aged),
        stopped=frozenset(aged[age] for age in host.stopped if age in aged),
    )


def _with_older_peer(host: Host, ages: tuple[int, ...]) -> Host:
    """Make the sessions older that a process knows of a peer that has started anew."""
    trusted = ear_of(host).trusted
    aged = _aged(ages, trusted)
    host = host.but(asked=frozenset(aged[age] for age in host.asked if age in aged))
    if trusted is None:
        return host
    member = host.member
    assert member is not None
    assert member.peer is not None
    was, now = of_age(trusted), of_age(aged[trusted])
    renamed = replace(
        member,
        peer=replace(member.peer, session=now),
        following=now if member.following == was else member.following,
        active_heard=now if member.active_heard == was else member.active_heard,
    )
    return host.but(member=renamed)
