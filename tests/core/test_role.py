"""The roles, rule by rule (haconn/core/role.py)."""

from dataclasses import replace

import pytest

from haconn.core import role
from haconn.core.beat import NOBODY, Claim, PairRole, PairSession
from haconn.core.role import (
    Activate,
    Claimed,
    DeleteRecord,
    Fence,
    FencingFailed,
    Follow,
    KeepRecord,
    Member,
    OperatorTakesOver,
    Peer,
    PeerStopped,
    Proof,
    Proved,
    Released,
    Silent,
    SpeakNow,
    Spoke,
    StopFencing,
    WaitedAlone,
    Yield,
)

OURS = PairSession(b"ours".ljust(16))
THEIRS = PairSession(b"theirs".ljust(16))
LATER = PairSession(b"theirs, later".ljust(16))

BEGUN = Member(OURS, 0, 4)
"""Undecided, first of the list."""
SECOND = replace(BEGUN, rank=1)
STANDBY = replace(
    BEGUN,
    role=PairRole.STANDBY,
    following=THEIRS,
    peer=Peer(THEIRS, Claim(PairRole.ACTIVE, 4)),
    silent=False,
    active_heard=THEIRS,
)
FENCING = replace(STANDBY, silent=True, fencing=True)
ACTIVE = replace(
    BEGUN,
    role=PairRole.ACTIVE,
    peer=Peer(THEIRS, Claim(PairRole.STANDBY, 4, OURS)),
    silent=False,
)
MISFIT = replace(STANDBY, suits=False)


def says(claim: Claim, session: PairSession = THEIRS, *, suits: bool = True) -> Claimed:
    return Claimed(session, claim, suits)


def joins(epoch: int = 4, *, candidate: bool = False) -> Claim:
    return Claim(PairRole.JOIN, epoch, candidate=candidate)


def follows_us(epoch: int = 4, *, candidate: bool = False) -> Claim:
    return Claim(PairRole.STANDBY, epoch, OURS, candidate)


def activates(step: role.Step, proof: Proof) -> bool:
    member, actions = step
    return member.role is PairRole.ACTIVE and Activate(member.epoch, proof) in actions


def test_first_of_two_undecided_is_the_candidate_and_says_so_at_once() -> None:
    member, actions = role.step(BEGUN, says(joins()))
    assert member.candidate
    assert member.role is PairRole.JOIN
    assert actions == (SpeakNow(),)


def test_second_of_two_undecided_waits_to_be_asked() -> None:
    member, actions = role.step(SECOND, says(joins()))
    assert not member.candidate
    assert member.role is PairRole.JOIN
    assert actions == ()


def test_greater_epoch_goes_before_the_place_in_the_list() -> None:
    assert not role.step(BEGUN, says(joins(epoch=5)))[0].candidate
    assert role.step(SECOND, says(joins(epoch=3)))[0].candidate


@pytest.mark.parametrize(("epoch", "other"), [(1, 1), (1, 2), (2, 1)])
def test_of_two_exactly_one_outranks_the_other(epoch: int, other: int) -> None:
    first, second = Member(OURS, 0, epoch), Member(THEIRS, 1, other)
    assert role.outranks(first, second.claim) != role.outranks(second, first.claim)


def test_undecided_promises_to_a_candidate_that_goes_before_it() -> None:
    member, actions = role.step(SECOND, says(joins(candidate=True)))
    assert member.claim == Claim(PairRole.STANDBY, 4, THEIRS)
    assert actions == (Follow(THEIRS, 4), SpeakNow())


def test_undecided_promises_nothing_to_a_candidate_that_it_goes_before() -> None:
    member, _ = role.step(BEGUN, says(joins(candidate=True)))
    assert member.role is PairRole.JOIN
    assert member.candidate


def test_undecided_promises_to_a_standby_that_asks_whatever_its_rank() -> None:
    asks = Claim(PairRole.STANDBY, 1, PairSession(b"long gone".ljust(16)), candidate=True)
    member, _ = role.step(BEGUN, says(asks))
    assert member.following == THEIRS
    assert member.epoch == 4


def test_undecided_does_not_become_active_on_hearing_a_standby() -> None:
    other = Claim(PairRole.STANDBY, 9, PairSession(b"long gone".ljust(16)))
    member, actions = role.step(BEGUN, says(other))
    assert member.role is PairRole.JOIN
    assert not member.candidate
    assert actions == ()


def test_undecided_follows_an_active_and_takes_its_epoch() -> None:
    member, actions = role.step(BEGUN, says(Claim(PairRole.ACTIVE, 7)))
    assert (member.role, member.following, member.epoch) == (PairRole.STANDBY, THEIRS, 7)
    assert member.active_heard == THEIRS
    assert Follow(THEIRS, 7) in actions


def test_promise_makes_active_with_an_epoch_above_both() -> None:
    candidate = replace(BEGUN, candidate=True, silent=False)
    member, actions = role.step(candidate, says(follows_us(epoch=6)))
    assert member.epoch == 7
    assert actions == (Activate(7, Proof.PROMISED), SpeakNow())


def test_promise_holds_although_a_silence_has_ended_the_candidature() -> None:
    candidate = replace(BEGUN, candidate=True, silent=False)
    alone, _ = role.step(candidate, Silent())
    assert not alone.candidate
    assert activates(role.step(alone, says(follows_us())), Proof.PROMISED)


def test_promise_to_an_earlier_process_of_ours_is_none() -> None:
    other = Claim(PairRole.STANDBY, 4, PairSession(b"ours, before".ljust(16)))
    assert role.step(replace(BEGUN, candidate=True), says(other))[0].role is PairRole.JOIN


def test_standby_proposes_itself_to_a_new_process_of_the_peer() -> None:
    member, actions = role.step(STANDBY, says(joins(), LATER))
    assert member.candidate
    assert member.following == THEIRS
    assert actions == (SpeakNow(),)


def test_standby_does_not_propose_itself_to_whom_it_has_promised() -> None:
    member, actions = role.step(STANDBY, says(joins(candidate=True)))
    assert not member.candidate
    assert member.following == THEIRS
    assert actions == ()


def test_standby_does_not_propose_itself_if_the_two_serve_different_things() -> None:
    member, _ = role.step(STANDBY, says(joins(), LATER, suits=False))
    assert not member.candidate
    assert not member.suits


def test_standby_becomes_active_on_the_promise_of_a_new_process() -> None:
    asks, _ = role.step(STANDBY, says(joins(), LATER))
    assert activates(role.step(asks, says(follows_us(), LATER)), Proof.PROMISED)


def test_standby_becomes_active_on_a_promise_that_it_hears_after_a_silence() -> None:
    asks, _ = role.step(STANDBY, says(joins(), LATER))
    silent, _ = role.step(asks, Silent(may_fence=False))
    assert not silent.candidate
    assert activates(role.step(silent, says(follows_us(), LATER)), Proof.PROMISED)


def test_crossed_promises_make_nobody_active() -> None:
    member, actions = role.step(STANDBY, says(follows_us()))
    assert member.role is PairRole.STANDBY
    assert actions == ()


def test_standby_promises_nothing_more() -> None:
    asks = Claim(PairRole.STANDBY, 9, NOBODY, candidate=True)
    member, _ = role.step(STANDBY, says(asks, LATER))
    assert member.following == THEIRS


def test_standby_follows_its_active_without_a_word() -> None:
    member, actions = role.step(STANDBY, says(Claim(PairRole.ACTIVE, 4)))
    assert member.following == THEIRS
    assert actions == ()


@pytest.mark.parametrize(
    ("session", "epoch"), [(THEIRS, 5), (LATER, 4)], ids=["greater epoch", "new process"]
)
def test_standby_puts_a_new_reign_on_record(session: PairSession, epoch: int) -> None:
    member, actions = role.step(STANDBY, says(Claim(PairRole.ACTIVE, epoch), session))
    assert (member.following, member.epoch) == (session, epoch)
    assert actions == (Follow(session, epoch), SpeakNow())


def test_active_needs_nobody_to_stay_active() -> None:
    assert role.step(ACTIVE, Silent()) == (replace(ACTIVE, silent=True), ())
    assert role.step(ACTIVE, WaitedAlone()) == (ACTIVE, ())
    assert role.step(ACTIVE, Released(THEIRS)) == (ACTIVE, ())
    assert role.step(ACTIVE, Proved(Proof.POWER_OFF)) == (ACTIVE, ())
    assert role.step(replace(ACTIVE, silent=True), OperatorTakesOver())[1] == ()


def test_active_yields_to_a_greater_epoch_and_to_no_smaller_one() -> None:
    assert role.step(ACTIVE, says(Claim(PairRole.ACTIVE, 5)))[1] == (Yield(5),)
    assert role.step(ACTIVE, says(Claim(PairRole.ACTIVE, 3)))[1] == ()
    assert role.step(ACTIVE, says(Claim(PairRole.JOIN, 9)))[1] == ()


def test_of_two_actives_of_one_epoch_the_second_of_the_list_yields() -> None:
    same = says(Claim(PairRole.ACTIVE, 4))
    assert role.step(ACTIVE, same)[1] == ()
    assert role.step(replace(ACTIVE, rank=1), same)[1] == (Yield(4),)


def test_silent_peer_is_fenced_by_a_standby_alone() -> None:
    member, actions = role.step(STANDBY, Silent())
    assert member.fencing
    assert actions == (Fence(),)
    assert role.step(member, Silent()) == (member, ())
    assert role.step(BEGUN, Silent())[1] == ()
    assert role.step(ACTIVE, Silent())[1] == ()


def test_standby_that_may_not_fence_knows_all_the_same_that_the_peer_is_silent() -> None:
    member, actions = role.step(STANDBY, Silent(may_fence=False))
    assert member.silent
    assert not member.fencing
    assert actions == ()


def test_standby_of_something_else_does_not_fence() -> None:
    member, actions = role.step(MISFIT, Silent())
    assert member.silent
    assert actions == ()


def test_fencing_may_be_tried_anew_after_it_has_failed() -> None:
    member, actions = role.step(FENCING, FencingFailed())
    assert not member.fencing
    assert actions == ()
    assert role.step(member, Silent())[1] == (Fence(),)


def test_heard_peer_stops_what_has_not_been_commanded_but_not_the_proof() -> None:
    member, actions = role.step(FENCING, says(Claim(PairRole.ACTIVE, 4)))
    assert actions == (StopFencing(),)
    assert activates(role.step(member, Proved(Proof.POWER_OFF)), Proof.POWER_OFF)


def test_promise_to_a_fencing_standby_ends_the_fencing_and_makes_it_active() -> None:
    heard, actions = role.step(FENCING, says(joins(), LATER))
    assert actions == (StopFencing(), SpeakNow())
    member, actions = role.step(heard, says(follows_us(), LATER))
    assert not member.fencing
    assert actions == (StopFencing(), Activate(5, Proof.PROMISED), SpeakNow())


def test_proof_ends_the_fencing_by_itself() -> None:
    member, actions = role.step(FENCING, Proved(Proof.OUTLETS_OFF))
    assert not member.fencing
    assert actions == (Activate(5, Proof.OUTLETS_OFF),)


def test_standby_that_does_not_fence_asked_for_no_proof() -> None:
    assert role.step(STANDBY, Proved(Proof.POWER_OFF)) == (STANDBY, ())


def test_undecided_becomes_active_if_the_silent_peer_reads_off() -> None:
    assert activates(role.step(BEGUN, Proved(Proof.POWER_OFF)), Proof.POWER_OFF)
    heard = replace(BEGUN, silent=False)
    assert role.step(heard, Proved(Proof.POWER_OFF)) == (heard, ())


def test_waiting_alone_is_enough_only_with_the_record_of_an_orderly_stop() -> None:
    assert role.step(BEGUN, WaitedAlone()) == (BEGUN, ())
    recorded = replace(BEGUN, stopped=True)
    assert activates(role.step(recorded, WaitedAlone()), Proof.STOPPED)
    heard = replace(recorded, silent=False)
    assert role.step(heard, WaitedAlone()) == (heard, ())
    standby = replace(STANDBY, silent=True, stopped=True)
    assert role.step(standby, WaitedAlone()) == (standby, ())


@pytest.mark.parametrize("event", [Spoke(LATER), says(joins())], ids=["word", "claim"])
def test_any_word_of_the_peer_voids_the_record_of_its_stop(event: role.Event) -> None:
    member, actions = role.step(replace(BEGUN, stopped=True), event)
    assert not member.stopped
    assert DeleteRecord() in actions
    assert DeleteRecord() not in role.step(member, event)[1]


def test_release_of_the_session_that_was_active_is_proof() -> None:
    assert activates(role.step(STANDBY, Released(THEIRS)), Proof.RELEASED)


def test_release_of_another_session_is_none() -> None:
    assert role.step(STANDBY, Released(LATER)) == (STANDBY, ())
    never = replace(STANDBY, active_heard=NOBODY)
    assert role.step(never, Released(THEIRS)) == (never, ())


def test_release_is_none_once_another_session_has_spoken() -> None:
    member, _ = role.step(STANDBY, Spoke(LATER))
    assert member.doubted
    assert role.step(member, Released(THEIRS)) == (member, ())
    assert role.step(member, PeerStopped(THEIRS)) == (member, ())


def test_release_is_none_once_another_session_is_trusted() -> None:
    member, _ = role.step(STANDBY, says(joins(), LATER))
    assert role.step(member, Released(THEIRS)) == (member, ())


def test_answer_of_the_trusted_session_ends_the_doubt() -> None:
    doubtful, _ = role.step(STANDBY, Spoke(LATER))
    member, _ = role.step(doubtful, says(Claim(PairRole.ACTIVE, 4)))
    assert not member.doubted
    assert activates(role.step(member, Released(THEIRS)), Proof.RELEASED)


def test_word_of_the_trusted_session_is_no_reason_to_doubt() -> None:
    assert role.step(STANDBY, Spoke(THEIRS)) == (STANDBY, ())
    assert role.step(BEGUN, Spoke(THEIRS)) == (BEGUN, ())


def test_release_is_none_for_the_undecided_and_the_misfit() -> None:
    known = replace(BEGUN, peer=STANDBY.peer, active_heard=THEIRS, silent=False)
    assert role.step(known, Released(THEIRS)) == (known, ())
    assert role.step(MISFIT, Released(THEIRS)) == (MISFIT, ())


def test_orderly_stop_makes_the_standby_active_and_goes_on_record() -> None:
    member, actions = role.step(STANDBY, PeerStopped(THEIRS))
    assert member.stopped
    assert member.silent
    assert actions == (KeepRecord(), Activate(5, Proof.STOPPED))


def test_orderly_stop_of_the_fenced_peer_ends_the_fencing() -> None:
    _, actions = role.step(FENCING, PeerStopped(THEIRS))
    assert actions == (KeepRecord(), StopFencing(), Activate(5, Proof.STOPPED))


@pytest.mark.parametrize(
    "member", [ACTIVE, MISFIT, replace(BEGUN, peer=STANDBY.peer, silent=False)]
)
def test_orderly_stop_is_only_put_on_record_by_who_cannot_follow_it(member: Member) -> None:
    after, actions = role.step(member, PeerStopped(THEIRS))
    assert after.role is member.role
    assert after.stopped
    assert actions == (KeepRecord(),)


def test_orderly_stop_of_an_unknown_session_is_none() -> None:
    assert role.step(BEGUN, PeerStopped(THEIRS)) == (BEGUN, ())
    assert role.step(STANDBY, PeerStopped(LATER)) == (STANDBY, ())


def test_operator_is_believed_while_the_peer_is_silent() -> None:
    assert activates(role.step(BEGUN, OperatorTakesOver()), Proof.OPERATOR)
    silent = replace(STANDBY, silent=True)
    assert activates(role.step(silent, OperatorTakesOver()), Proof.OPERATOR)
    assert role.step(STANDBY, OperatorTakesOver()) == (STANDBY, ())


def test_operator_ends_a_fencing() -> None:
    _, actions = role.step(FENCING, OperatorTakesOver())
    assert actions == (StopFencing(), Activate(5, Proof.OPERATOR))


def test_new_epoch_is_greater_than_any_that_was_heard_of() -> None:
    known = replace(STANDBY, peer=Peer(THEIRS, Claim(PairRole.ACTIVE, 11)))
    assert role.step(known, Released(THEIRS))[0].epoch == 12
    assert role.step(replace(known, epoch=20), Released(THEIRS))[0].epoch == 21
