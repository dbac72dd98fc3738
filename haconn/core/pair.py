"""The pair on the clock: one event in, a list of actions out; the only entrance.

`step` puts together what the files beside it decide: what of the peer's words counts
(hearing.py), who is active (role.py), whether the peer is powerless (peer_power.py, takeover.py).
This file knows the times: when to speak, when the peer is called dead, when to try anew, and that
silence which our own loop has slept through is not the peer's.

The record of resets passes through gate.py and replica.py, beside this.
"""

from dataclasses import replace

from haconn.core import hearing, peer_power, role, takeover
from haconn.core.actions import Abandon, Hurry, Remark
from haconn.core.beat import (
    Beat,
    Echo,
    PairDatagram,
    PairRole,
    Path,
    Release,
    Stopped,
)
from haconn.core.hearing import Judged
from haconn.core.model import Instant
from haconn.core.pair_state import (
    Action,
    Arrived,
    Attempt,
    Drain,
    Drained,
    Event,
    Fenced,
    Heard,
    Held,
    Keep,
    KeysAre,
    Pair,
    PeerIsOff,
    Saw,
    Speak,
    Superseded,
    TakeOver,
    Tick,
)
from haconn.core.peer_power import Identified
from haconn.core.takeover import Fencing, Plan
from haconn.core.world import remark

ANSWER_APART_S = 0.02
"""Probes are answered at once, but not more often."""
BLIND_AGAIN_S = 10.0
"""Between two alarms that this standby cannot fence because it is blind itself."""


def step(pair: Pair, event: Event, now: Instant) -> list[Action]:
    """Take one event in."""
    actions = [*_stall(pair, now), *_take(pair, event, now)]
    pair.rhythm = replace(pair.rhythm, expected=max(now, next_due(pair)))
    return actions


def next_due(pair: Pair) -> Instant:
    """When `Tick` has something to do; never later than the next beat."""
    due = [pair.rhythm.beat_at]
    silence = hearing.next_due(pair.hearing, pair.settings.times)
    if silence is not None and silence > pair.rhythm.looked_at:
        due.append(silence)
    if pair.attempt is not None:
        due.append(takeover.next_due(pair.attempt.plan, pair.attempt.state))
    return min(due)


def number(pair: Pair, now: Instant) -> int:
    """Give the number of the next datagram of ours, which leaves now."""
    pair.hearing = hearing.next_seq(pair.hearing, now)
    return pair.hearing.sent


def refusal(pair: Pair, now: Instant) -> str | None:
    """Why the operator's word that the peer is off is not believed; None if it is."""
    if pair.member.role is PairRole.ACTIVE:
        return "this management server is active already"
    if pair.hearing.alone_for(now) < pair.settings.times.dead_s:
        return "the peer is heard: it is not off"
    if peer_power.says_on(pair.power, now):
        return (
            "the BMC of the peer says that it is on;"
            " start its service, or power it off and wait until its BMC reads off"
        )
    return None


def deafness(pair: Pair, left: frozenset[int], now: Instant) -> str | None:
    """Why the two could not talk any more if we had only these generations of the key; None if
    they could."""
    if not left:
        return "it is the only generation of the key of the pair"
    if not knows_peer(pair, now):
        return "the peer is not heard, and may have no other generation of the key of the pair"
    if pair.seen.peer_keys & left:
        return None
    known = ", ".join(map(str, sorted(pair.seen.peer_keys))) or "not known: an older version"
    return f"the peer has no other generation of the key of the pair (its: {known})"


def knows_peer(pair: Pair, now: Instant) -> bool:
    """Whether the peer is in session and heard, and has not stopped: it can be told something."""
    if pair.hearing.trusted is None or pair.record is not None:
        return False
    return pair.hearing.silent_for(now) < pair.settings.times.dead_s


def _take(pair: Pair, event: Event, now: Instant) -> list[Action]:
    match event:
        case Tick():
            return _tick(pair, now)
        case Arrived(path, datagram):
            return _arrived(pair, path, datagram, now)
        case Drained():
            return _drained(pair, now)
        case Saw(surroundings):
            pair.seen = replace(pair.seen, surroundings=surroundings)
            return []
        case KeysAre(generations):
            _has_keys(pair, generations, now)
            return []
        case Identified(_, guid):
            _is_machine(pair, pair.seen.machine, guid)
            return []
        case PeerIsOff() | takeover.Looked():
            pass
        case _:
            pair.power = peer_power.observe(pair.power, event, now)
    if not pair.rhythm.drained:
        pair.rhythm = replace(pair.rhythm, held=(*pair.rhythm.held, event))
        return []
    return _conclude(pair, event, now)


def _conclude(pair: Pair, event: Held, now: Instant) -> list[Action]:
    """Draw the conclusions; what devices say was taken in before."""
    if not isinstance(event, PeerIsOff):
        return _fencing(pair, event, now)
    return _role(pair, role.OperatorTakesOver(), now) if refusal(pair, now) is None else []


def _arrived(pair: Pair, path: Path, datagram: PairDatagram, now: Instant) -> list[Action]:
    if isinstance(datagram.message, Release):
        return _role(pair, role.Released(datagram.message.session), now)
    pair.hearing, judged = hearing.hear(pair.hearing, path, datagram, now)
    if not (judged.stranger or judged.new):
        return []
    actions = _peer_lives(pair, datagram, now)
    if judged.superseded:
        actions.append(Superseded(datagram.session))
    if judged.new:
        actions += _heard(pair, datagram, judged, now)
    return actions


def _peer_lives(pair: Pair, datagram: PairDatagram, now: Instant) -> list[Action]:
    """It spoke, so it had power; and a record of its stop is void, unless this is from before."""
    pair.power = peer_power.heard(pair.power, datagram.session, now)
    actions = _fencing(pair, takeover.Heard(), now)
    stop = pair.record
    if stop is None or datagram.session != stop.session or datagram.seq > stop.seq:
        actions += _role(pair, role.Spoke(datagram.session), now)
    return actions


def _heard(pair: Pair, datagram: PairDatagram, judged: Judged, now: Instant) -> list[Action]:
    message = datagram.message
    actions: list[Action] = []
    left_after = None
    if isinstance(message, Beat):
        left_after = hearing.sent_at(pair.hearing, message.echo)
        pair.seen = replace(pair.seen, peer_keys=frozenset(message.standing.generations))
        _is_machine(pair, message.standing.machine, pair.seen.guid)
        if judged.answers:
            # the silence is over: the next one is another, with attempts of its own
            pair.rhythm = replace(pair.rhythm, retry_at=None, cut_before=False)
            suits = message.standing.service == pair.settings.service
            claimed = role.Claimed(datagram.session, message.claim, suits)
            actions += _role(pair, claimed, now)
        if message.probe and now - pair.rhythm.answered_at >= ANSWER_APART_S:
            pair.rhythm = replace(pair.rhythm, answered_at=now)
            actions.append(_speak(pair, now))
    if isinstance(message, Stopped):
        stop = Echo(datagram.session, datagram.seq)
        actions += _role(pair, role.PeerStopped(datagram.session), now, stop)
    return [Heard(datagram, left_after), *actions]


def _is_machine(pair: Pair, machine: bytes, guid: bytes) -> None:
    """The peer says which machine it is, or the BMC in which machine that is."""
    known = replace(pair.seen, machine=machine, guid=guid)
    if known != pair.seen:
        pair.seen = known
        pair.power = peer_power.identified(pair.power, machine, guid)


def _has_keys(pair: Pair, generations: frozenset[int], now: Instant) -> None:
    """With a key that we lacked we may hear what we did not: the silence until now was ours."""
    lacked = pair.seen.lacking
    pair.seen = replace(pair.seen, keys=generations)
    if lacked and not pair.seen.lacking:
        pair.hearing = hearing.stalled(pair.hearing, now)


def _stall(pair: Pair, now: Instant) -> list[Action]:
    """Before anything is taken in: have we slept?"""
    times, late_s = pair.settings.times, now - pair.rhythm.expected
    if not pair.rhythm.drained or late_s <= times.stall_s:
        return []
    pair.hearing = hearing.stalled(pair.hearing, now)
    slept: list[Action] = [remark("pair-stall", late=f"{late_s:.1f}")]
    if late_s < times.long_stall_s:
        return slept
    pair.rhythm = replace(pair.rhythm, drained=False)
    return [*slept, Drain()]


def _drained(pair: Pair, now: Instant) -> list[Action]:
    held = pair.rhythm.held
    pair.rhythm = replace(pair.rhythm, drained=True, held=())
    pair.hearing = hearing.stalled(pair.hearing, now)  # emptying them has taken its time too
    actions: list[Action] = []
    for event in held:
        actions += _conclude(pair, event, now)
    return actions + _tick(pair, now)


def _tick(pair: Pair, now: Instant) -> list[Action]:
    if not pair.rhythm.drained:
        return []
    pair.rhythm = replace(pair.rhythm, looked_at=now)
    actions = _silence(pair, now)
    actions += _fencing(pair, takeover.TimePassed(), now)
    return actions + _voice(pair, now)


def _voice(pair: Pair, now: Instant) -> list[Action]:
    """Beat in time, and probe a peer that has become silent."""
    times = pair.settings.times
    if hearing.probe_due(pair.hearing, now, times):
        pair.hearing = hearing.probed(pair.hearing, now, times)
        return [_speak(pair, now, probe=True)]
    if now >= pair.rhythm.beat_at:
        return [_speak(pair, now)]
    return []


def _speak(pair: Pair, now: Instant, *, probe: bool = False) -> Speak:
    """A beat is due again one interval after the last, whatever the occasion of that was."""
    times = pair.settings.times
    pair.rhythm = replace(pair.rhythm, beat_at=Instant(now + times.beat_s))
    seq = number(pair, now)
    pair.hearing = hearing.next_echo(pair.hearing)
    heard_on = pair.hearing.heard_on(now, times)
    return Speak(seq, pair.member.claim, pair.hearing.echoed, heard_on, probe)


def _silence(pair: Pair, now: Instant) -> list[Action]:
    times, member = pair.settings.times, pair.member
    if not pair.hearing.is_silent(times.dead_s, now):
        return []
    actions: list[Action] = []
    again = pair.rhythm.retry_at is None or now >= pair.rhythm.retry_at
    fences = role.fences_when_silent(member) and not member.fencing and again
    if fences or not member.silent:
        blind = _doubt(pair, now)
        actions += _role(pair, role.Silent(may_fence=again and blind is None), now)
        if fences and member.suits and blind is not None:
            actions += _blind(pair, blind, now)
    if is_alone(pair, now):
        actions += _alone(pair, now)
    return actions


def _doubt(pair: Pair, now: Instant) -> str | None:
    """Why the silence of the peer may be our own doing; None if that is not to be feared."""
    if pair.seen.lacking:
        numbers = " and ".join(str(number) for number in pair.seen.lacking)
        return f"it has generation {numbers} of the key of the pair, and this server has not"
    surroundings, times = pair.seen.surroundings, pair.settings.times
    return surroundings.blindness(pair.hearing.heard_at, now, times)


def is_alone(pair: Pair, now: Instant) -> bool:
    """Whether this server waits for proof that it does not go for itself: no word has come for
    the boot wait, and it may not fence."""
    waits = role.waits_for_power_off(pair.member)
    return waits and pair.hearing.alone_for(now) >= pair.settings.times.boot_wait_s


def _alone(pair: Pair, now: Instant) -> list[Action]:
    """No word for the boot wait: the record, or the power that reads off, decides."""
    actions = _role(pair, role.WaitedAlone(), now)
    if peer_power.peer_off(pair.power, now) is not None:
        actions += _role(pair, role.Proved(role.Proof.POWER_OFF), now)
    return actions


def _blind(pair: Pair, why: str, now: Instant) -> list[Action]:
    said_at = pair.rhythm.blind_at
    if said_at is not None and now - said_at < BLIND_AGAIN_S:
        return []
    pair.rhythm = replace(pair.rhythm, blind_at=now)
    return [remark("pair-blind", server=pair.settings.means.server, reason=why)]


def _role(pair: Pair, event: role.Event, now: Instant, stop: Echo | None = None) -> list[Action]:
    """Let the roles take an event in, and carry their decisions on."""
    before = pair.member.role
    pair.member, decided = role.step(pair.member, event)
    # what is carried on may change the role again, and says so itself
    changed = pair.member.role is not before
    said: list[Action] = [_role_remark(pair)] if changed else []
    actions: list[Action] = []
    for action in decided:
        actions += _carry_on(pair, action, stop, now)
    return actions + said


def _carry_on(pair: Pair, action: role.Action, stop: Echo | None, now: Instant) -> list[Action]:
    match action:
        case role.Activate(epoch, proof):
            return [*_end_attempt(pair, proof, now), TakeOver(epoch, proof)]
        case role.Fence():
            return _begin_fencing(pair, now)
        case role.StopFencing():
            return []  # the attempt has heard the peer itself, or the activation ends it
        case role.SpeakNow():
            return [_speak(pair, now)]
        case role.KeepRecord():
            assert stop is not None
            pair.record = stop
            return [Keep(stop)]
        case role.DeleteRecord():
            pair.record = None
            return [action]
        case _:
            return [action]


def _role_remark(pair: Pair) -> Remark:
    return remark("pair-role", role=pair.member.role.value, epoch=pair.member.epoch)


def _begin_fencing(pair: Pair, now: Instant) -> list[Action]:
    count = pair.rhythm.attempts + 1
    pair.rhythm = replace(pair.rhythm, attempts=count)
    operation = f"{pair.settings.run_name}-fence-{count}"
    plan = takeover.fencing_plan(
        pair.settings.means, operation, now, cut_before=pair.rhythm.cut_before
    )
    begun = remark("pair-fencing", operation=operation, server=pair.settings.means.server)
    state, actions = takeover.begin(plan, pair.power, now)
    return [begun, *_fencing_is(pair, plan, state, actions, now)]


def _fencing(pair: Pair, event: takeover.Event, now: Instant) -> list[Action]:
    if pair.attempt is None:
        return []
    plan = pair.attempt.plan
    state, actions = takeover.step(plan, pair.attempt.state, pair.power, event, now)
    return _fencing_is(pair, plan, state, actions, now)


def _fencing_is(
    pair: Pair,
    plan: Plan,
    state: takeover.State,
    actions: tuple[takeover.Action, ...],
    now: Instant,
) -> list[Action]:
    if isinstance(state, Fencing):
        pair.attempt = Attempt(plan, state)
        return list(actions)
    pair.attempt = None
    pair.rhythm = replace(pair.rhythm, cut_before=pair.rhythm.cut_before or state.cut)
    ended: list[Action] = [*actions, Fenced(state, plan.operation)]
    if isinstance(state, takeover.Proved):
        return ended + _role(pair, role.Proved(state.proof), now)
    pair.rhythm = replace(pair.rhythm, retry_at=Instant(now + takeover.RETRY_S))
    failed = remark(
        "pair-fence-failed",
        operation=plan.operation,
        server=plan.server,
        reason=state.reason,
    )
    return [*ended, failed, *_role(pair, role.FencingFailed(), now)]


def _end_attempt(pair: Pair, proof: role.Proof, now: Instant) -> list[Action]:
    """Active by something other than the fencing that runs: what was commanded is owed all the
    same."""
    if pair.attempt is None:
        return []
    plan, state = pair.attempt.plan, pair.attempt.state
    pair.attempt = None
    end = takeover.Failed(proof.value, now, state.commanded, state.cut_at is not None)
    return [
        Abandon(plan.server, plan.operation, proof.value),
        Hurry(plan.server, on=False),
        Fenced(end, plan.operation),
    ]
