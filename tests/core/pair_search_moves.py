"""What can happen next in the world of tests/core/pair_search_world.py.

Everything befalls one server. What it means for the other, or for what is under way, is an
`Effect`: it rests on no more of the one server than the ages of its claims under way, and on no
more of the other than the age of the session that it trusts. That is why the search need not take
each pair of servers apart.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from haconn.core import role
from haconn.core.beat import NOBODY, Claim, PairRole, PairSession
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
    Process,
    StepFunction,
    Words,
    age_of,
    claim_of,
    ear_of,
    of_age,
    take,
    wants_proof,
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
        yield Move("power on", host._replace(powered=True))
        return
    dark = host._replace(process=None, holds=False, powered=False, record=False, was_active=False)
    yield Move("power lost", dark, (DEAF,))
    if host.process is None:
        yield from _dead(host, limits)
        return
    member = host.process.member
    yield Move("dies", host._replace(process=None), (DEAF,))
    yield Move("stops", _stop(host, limits), (DEAF, SAID))
    if not member.silent or member.role is PairRole.STANDBY:
        yield Move("silence", take(host, role.Silent(), step, limits))
    yield Move("waited", take(host, role.WaitedAlone(), step, limits))
    proof = role.Proved(role.Proof.POWER_OFF)
    if member.fencing:
        yield Move("gives up", take(host, role.FencingFailed(), step, limits))
        if not limits.proof_is_read:
            yield Move("power-off accepted", take(host, proof, step, limits))
    if host.process.reading:
        told = host._replace(process=host.process._replace(reading=False))
        yield Move("proof", take(told, proof, step, limits))
    if limits.operator_lies:
        yield Move("operator", take(host, role.OperatorTakesOver(), step, limits))


def _stop(host: Host, limits: Limits) -> Host:
    """An orderly stop: the address goes, then RELEASE, then STOPPED if somebody can be told."""
    member = host.member
    assert member is not None
    told = (member.peer is not None and not member.silent) or not limits.stopped_is_mutual
    after = _say_released(host, limits) if member.role is PairRole.ACTIVE else host
    if told:
        after = after._replace(words=after.words._replace(stopped=after.words.stopped | {0}))
    return after._replace(
        process=None,
        holds=False,
        was_active=False,
        record=host.record and not (told and limits.stopped_is_mutual),
    )


def _say_released(host: Host, limits: Limits) -> Host:
    words = host.words
    if limits.release_is_of_session:
        return host._replace(words=words._replace(released=words.released | {0}))
    return host._replace(words=words._replace(epochs=words.epochs | {host.epoch}))


def _dead(host: Host, limits: Limits) -> Iterator[Move]:
    """The kernel runs, the process does not."""
    if host.was_active:
        freed = host._replace(holds=False, was_active=False)
        yield Move("release program", _say_released(freed, limits), (SAID,))
    begun = host._replace(holds=host.holds and not limits.strips, was_active=False)
    for epoch in (host.epoch, *(range(host.epoch) if limits.lost_epochs else ())):
        process = Process(Member(OWN, host.rank, epoch, stopped=host.record))
        name = "starts" if epoch == host.epoch else "starts without its epoch"
        yield Move(name, begun._replace(process=process, epoch=epoch), (STARTED,))


def offers(host: Host, limits: Limits) -> Iterator[Offer]:
    """What the other server may hear of this one, or read of it."""
    yield Offer("speaks", Spoke(PRESENT))
    yield Offer("old word", Spoke(BYGONE))
    if host.process is not None:
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
    for place, late in enumerate(host.words.late):
        claimed = Claimed(of_age(late.age), late.claim)
        yield Offer("late beat", claimed, Effect("late", place))
    for age in sorted(host.words.released):
        yield Offer("release", Released(of_age(age)))
    for age in sorted(host.words.stopped):
        yield Offer("stopped", PeerStopped(of_age(age)), Effect("ended", age))
    for epoch in sorted(host.words.epochs):
        yield Offer("release of an epoch", Released(PairSession(b"epoch" + bytes((epoch,)))))


def hear(host: Host, offer: Offer, limits: Limits, step: StepFunction) -> Move | None:
    """Take in what the other offers; None if it does not count."""
    process = host.process
    if process is None or not _counts(ear_of(host), offer, limits):
        return None
    effects = () if offer.effect is None else (offer.effect,)
    match offer.event:
        case Spoke(session):
            return Move(offer.name, *_overhear(host, session, limits, step))
        case Claimed() if offer.effect == KEPT:
            return Move(offer.name, host, effects)
        case role.Proved() if limits.late_proofs:
            reading = process._replace(reading=wants_proof(process.member))
            return Move(offer.name, host._replace(process=reading))
        case Claimed(session) if age_of(session) != ear_of(host).trusted:
            host = host._replace(process=process._replace(asked=frozenset()))
        case _:
            pass
    after = take(host, offer.event, step, limits)
    return Move(offer.name, after, (*effects, DEAF) if after.process is None else effects)


def _counts(ear: Ear, offer: Offer, limits: Limits) -> bool:
    """Whether hearing.py lets it pass."""
    match offer.event:
        case Claimed() if not limits.answered:
            return True
        case Claimed(session) if offer.effect != ANSWERED and session != SECOND:
            return ear.hears(session[0])
        case PeerStopped(session):
            mutual = ear.trusted is not None or limits.stopped_is_mutual
            return age_of(session) == ear.trusted or not mutual
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
    process = after.process
    assert process is not None
    asks = after._replace(process=process._replace(asked=process.asked | {age}))
    return asks, (ASKED,) if limits.doubt_voids else ()


def affected(
    host: Host, effect: Effect, ages: tuple[int, ...], limits: Limits, step: StepFunction
) -> Host:
    """Let the other server bear an effect; `ages` are of the claims that the one has under way."""
    match effect.name:
        case KEPT.name:
            return _keep_back(_overhear(host, PRESENT, limits, step)[0], limits)
        case ANSWERED.name:
            heard, _ = _overhear(host, PRESENT, limits, step)
            return _trusted(_without_claims(heard), 0)
        case "late":
            late = host.words.late[effect.age :]
            return _trusted(host._replace(words=host.words._replace(late=late)), late[0].age)
        case "ended":
            late = tuple(one for one in host.words.late if one.age < effect.age)
            return host._replace(words=host.words._replace(late=late))
        case ASKED.name:
            return _without_claims(host)
        case STARTED.name:
            return _with_older_peer(_unheard(host, limits), ages)
        case DEAF.name:
            return _unheard(host, limits)
        case _:
            return host


def affected_too(host: Host, effect: Effect, ear: Ear, limits: Limits) -> Host:
    """Let the one server bear its own effect; the ear is the other's."""
    match effect.name:
        case KEPT.name | ANSWERED.name if limits.doubt_voids and not ear.hears(0):
            return _without_claims(host)
        case STARTED.name:
            return _older(host, ear.trusted)
        case SAID.name if limits.stopped_is_mutual and _concerns_nobody(host, ear):
            return _last_words(host, lambda age: age or None)
        case _:
            return host


def _concerns_nobody(host: Host, ear: Ear) -> bool:
    return ear.trusted != 0 and 0 not in ages_under_way(host)


def ages_under_way(host: Host) -> tuple[int, ...]:
    """How old the processes are of which claims are under way."""
    return tuple(sorted({late.age for late in host.words.late}))


def _unheard(host: Host, limits: Limits) -> Host:
    if not limits.answered:
        late = tuple(Late(x.age, replace(x.claim, following=NOBODY)) for x in host.words.late)
        return host._replace(words=Words(late=late))
    return host._replace(words=Words(epochs=host.words.epochs))


def _without_claims(host: Host) -> Host:
    return host._replace(words=host.words._replace(late=()))


def _keep_back(host: Host, limits: Limits) -> Host:
    """Put the claim of this moment under way; if there are too many, the oldest is lost."""
    late, now = host.words.late, Late(0, claim_of(host))
    if late and late[-1] == now:
        return host
    return host._replace(words=host.words._replace(late=(*late, now)[-limits.late :]))


def _last_words(host: Host, renamed: Callable[[int], int | None]) -> Host:
    """Rename the ages of RELEASE and STOPPED, or forget them."""
    released, stopped = (
        frozenset(age for age in map(renamed, ages) if age is not None)
        for ages in (host.words.released, host.words.stopped)
    )
    return host._replace(words=host.words._replace(released=released, stopped=stopped))


def _trusted(host: Host, age: int) -> Host:
    """Forget the words of processes before that one."""
    return _last_words(host, lambda one: one if one <= age else None)


def _aged(ages: tuple[int, ...], trusted: int | None) -> dict[int, int]:
    """Make the ages that somebody may yet hear one process older, without gaps."""
    kept = set(ages) | (set() if trusted is None else {trusted})
    return {age: place for place, age in enumerate(sorted(kept), 1)}


def _older(host: Host, trusted: int | None) -> Host:
    """Make what the processes before this new one have said so much older."""
    aged = _aged(ages_under_way(host), trusted)
    late = tuple(Late(aged[late.age], late.claim) for late in host.words.late)
    return _last_words(host._replace(words=host.words._replace(late=late)), aged.get)


def _with_older_peer(host: Host, ages: tuple[int, ...]) -> Host:
    """Make the sessions older that a process knows of a peer that has started anew."""
    process = host.process
    if process is None:
        return host
    trusted = ear_of(host).trusted
    aged = _aged(ages, trusted)
    asked = frozenset(aged[age] for age in process.asked if age in aged)
    member = process.member
    if trusted is None or member.peer is None:
        return host._replace(process=process._replace(asked=asked))
    was, now = of_age(trusted), of_age(aged[trusted])
    renamed = replace(
        member,
        peer=replace(member.peer, session=now),
        following=now if member.following == was else member.following,
        active_heard=now if member.active_heard == was else member.active_heard,
    )
    return host._replace(process=process._replace(member=renamed, asked=asked))
