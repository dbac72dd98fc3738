"""Fencing the peer by its outlets: when they are cut, and what proves that it is dark."""

import pytest

from haconn.core.actions import Perform
from haconn.core.events import BmcRefused, OutletSent, SessionOpened
from haconn.core.model import Accepted, Instant, Power, Refused, Unsent
from haconn.core.peer_power import heard, identified, observe
from haconn.core.reset import Command
from haconn.core.role import Proof
from haconn.core.takeover import (
    ANOTHER_MACHINE,
    HEARD,
    NOT_CUT,
    STILL_ON,
    Failed,
    Heard,
    Look,
    Looked,
    TimePassed,
    next_due,
)
from tests.core.fencing_parts import (
    LEFT,
    OLD,
    RIGHT,
    WITH_OUTLETS,
    Attempt,
    at,
    feeds_read,
    known_on,
    power_read,
)

BOTH = [Command.POWER_OFF, Command.OUTLETS_OFF]


def cutting() -> Attempt:
    """An attempt whose BMC was taken for dead at 2 s, so that the cut began then."""
    attempt = Attempt()
    attempt.sent()
    attempt.silent(0.0, 2.0)
    assert attempt.ordered == BOTH
    return attempt


def test_the_cut_begins_when_the_timeout_is_over_and_the_bmc_has_proved_nothing() -> None:
    attempt = Attempt()
    attempt.answered(Accepted(), 0.1)
    attempt.read(Power.ON, 1.0, 4.9)
    assert next_due(attempt.plan, attempt.going) == at(5.0)
    assert attempt.ordered == [Command.POWER_OFF]
    (cut,) = attempt.tell(TimePassed(), 5.0)
    assert cut == Perform("m1", "f-1", 1, Command.OUTLETS_OFF, at(15.0), (LEFT, RIGHT))


def test_the_cut_begins_at_once_when_the_bmc_refuses() -> None:
    attempt = Attempt()
    attempt.answered(Refused("no"), 0.1)
    assert attempt.ordered == BOTH


def test_a_refusal_of_a_bmc_that_reads_off_is_no_reason_to_cut() -> None:
    attempt = Attempt()
    attempt.read(Power.OFF, 0.05)
    attempt.answered(Refused("0xD5 not supported in the present state"), 0.1)
    assert attempt.ordered == [Command.POWER_OFF]
    attempt.read(Power.OFF, 0.3, 0.6)
    assert attempt.proved.proof is Proof.POWER_OFF


def test_the_cut_begins_at_once_when_the_bmc_is_known_dead() -> None:
    known = observe(known_on(), power_read(Power.ON, -0.5), at(-0.5))
    attempt = Attempt(known=known)
    attempt.sent()
    attempt.silent(0.0, 1.9)
    assert attempt.ordered == [Command.POWER_OFF]
    attempt.silent(0.0, 2.0)
    assert attempt.ordered == BOTH


def test_a_bmc_that_was_dead_before_gets_no_time_at_all() -> None:
    attempt = cutting()
    again = Attempt(known=attempt.known)
    assert again.ordered == [Command.OUTLETS_OFF]


def test_the_cut_begins_at_once_when_the_bmc_refuses_the_login() -> None:
    attempt = Attempt()
    attempt.answered(Unsent("no session"), 0.0)
    attempt.tell(BmcRefused("m1", "wrong password"), 0.3)
    assert attempt.ordered == BOTH


def test_a_bmc_without_a_session_that_is_silent_gets_the_time_until_it_is_dead() -> None:
    attempt = Attempt()
    attempt.answered(Unsent("no session"), 0.0)
    attempt.silent(0.0, 1.0)
    assert attempt.ordered == [Command.POWER_OFF]


def test_a_read_that_is_refused_after_the_command_left_does_not_begin_the_cut() -> None:
    attempt = Attempt()
    attempt.sent()
    attempt.tell(BmcRefused("m1", "busy"), 0.3)
    assert attempt.ordered == [Command.POWER_OFF]


def test_the_cut_begins_at_once_when_the_bmc_read_off_while_the_peer_spoke() -> None:
    known = observe(known_on(), power_read(Power.OFF, -8.0), at(-8.0))
    attempt = Attempt(known=heard(known, OLD, at(-1.5)))
    assert attempt.ordered == [Command.OUTLETS_OFF]


def test_an_attempt_after_one_that_cut_cuts_at_once_beside_the_power_off() -> None:
    attempt = Attempt(cut_before=True)
    assert set(attempt.ordered) == set(BOTH)
    assert attempt.going.until == at(11.0)


def test_all_outlets_read_off_and_a_bmc_that_is_silent_for_a_second_are_proof() -> None:
    attempt = cutting()
    for feed in (LEFT, RIGHT):
        attempt.tell(OutletSent("m1", "f-1", 1, feed, on=False), 2.01)
    assert attempt.tell(feeds_read(Power.OFF, 2.1), 2.15) == (Look("m1"),)
    attempt.tell(TimePassed(), 3.3)
    assert not attempt.over, "silence is the look's to report, not the clock's"
    attempt.looked(2.15, 3.2)
    assert attempt.proved.proof is Proof.OUTLETS_OFF
    assert attempt.proved.at == at(2.15)
    assert (attempt.proved.commanded, attempt.proved.cut) == (True, True)


def test_a_bmc_that_agrees_after_the_cut_is_proof_at_once() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.read(Power.OFF, 2.3)
    assert attempt.proved.proof is Proof.OUTLETS_OFF


def test_a_bmc_that_is_not_believed_does_not_agree_but_may_contradict() -> None:
    known = observe(known_on(), power_read(Power.OFF, -8.0), at(-8.0))
    attempt = Attempt(known=heard(known, OLD, at(-1.5)))
    attempt.outlets(Power.OFF, 0.1, 0.2)
    attempt.read(Power.OFF, 0.3)
    assert attempt.going.dark_at == at(0.2)
    attempt.read(Power.ON, 0.5)
    assert attempt.going.dark_at is None


def test_a_bmc_that_turns_out_to_be_in_another_machine_cannot_be_asked_about_a_cut() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.known = identified(attempt.known, bytes(range(16)), bytes(range(2, 18)))
    attempt.looked(2.1, 3.1)
    assert attempt.failed.reason == ANOTHER_MACHINE


def test_a_read_begun_at_the_moment_when_all_was_off_counts() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.read(Power.ON, 2.1)
    assert attempt.going.dark_at is None


def test_a_session_that_opens_during_the_look_neither_proves_nor_contradicts() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.tell(SessionOpened("m1", 2), 2.3)
    assert attempt.going.dark_at == at(2.1)


def test_a_bmc_that_reads_neither_on_nor_off_has_power_and_voids_that_all_were_off() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.read(Power.UNKNOWN, 2.3)
    attempt.looked(2.1, 3.1)
    assert attempt.going.cut_again_at == at(3.3)


def test_an_answer_to_a_read_from_before_all_outlets_were_off_contradicts_nothing() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.tell(power_read(Power.ON, 2.05), 2.3)
    assert attempt.going.dark_at == at(2.1)


def test_a_bmc_that_reads_on_after_all_outlets_were_off_voids_that() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.read(Power.ON, 2.2)
    attempt.looked(2.1, 3.1)
    assert not attempt.over, "the look was contradicted"


def test_after_a_contradiction_everything_is_cut_and_read_anew() -> None:
    attempt = cutting()
    attempt.answered(Accepted(), 2.0)
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.read(Power.ON, 2.2)
    assert next_due(attempt.plan, attempt.going) == at(3.2)
    attempt.tell(feeds_read(Power.OFF, 3.0), 3.0)
    assert attempt.ordered == BOTH
    attempt.tell(TimePassed(), 3.2)
    assert attempt.ordered == [*BOTH, Command.OUTLETS_OFF]
    assert attempt.going.until == at(13.0), "the time of the attempt is the same"
    assert attempt.going.dark_at is None, "what was read before the last order is void"
    attempt.outlets(Power.OFF, 3.21, 3.3)
    attempt.looked(3.3, 4.3)
    assert attempt.proved.at == at(3.3)


def test_a_bmc_that_answers_anything_else_after_all_outlets_were_off_voids_that() -> None:
    for word in (BmcRefused("m1", "wrong password"), Looked("m1", at(2.1), alive=True)):
        attempt = cutting()
        attempt.outlets(Power.OFF, 2.01, 2.1)
        attempt.tell(word, 2.5)
        attempt.looked(2.1, 3.1)
        assert attempt.going.cut_again_at == at(3.5), "it has power: some feed is not known"


def test_the_orders_of_before_a_contradiction_prove_nothing_after_it() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.read(Power.ON, 2.2)
    attempt.tell(TimePassed(), 3.2)
    attempt.tell(feeds_read(Power.OFF, 3.25), 3.25)
    assert attempt.going.dark_at is None, "no order of the second cut has left yet"
    attempt.looked(3.25, 4.25)
    assert not attempt.over


def test_a_bmc_that_reads_on_for_ever_after_the_cut_fails_the_attempt() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.read(Power.ON, 2.2)
    attempt.tell(TimePassed(), 13.0)
    assert attempt.failed.reason == STILL_ON
    assert (attempt.failed.commanded, attempt.failed.cut) == (True, True)


@pytest.mark.parametrize(("on_at", "again_at"), [(10.9, 11.9), (11.1, 13.0)])
def test_nothing_is_cut_anew_without_the_time_to_look_afterwards(
    on_at: float, again_at: float
) -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.read(Power.ON, on_at)
    assert attempt.going.cut_again_at == at(again_at)
    attempt.tell(TimePassed(), 11.9)
    assert attempt.ordered.count(Command.OUTLETS_OFF) == (2 if again_at < 12.0 else 1)
    attempt.tell(TimePassed(), 13.0)
    assert attempt.failed.reason == (NOT_CUT if again_at < 12.0 else STILL_ON)


def test_an_outlet_that_reads_on_again_voids_that_all_were_off() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.tell(feeds_read(Power.ON, 2.5, RIGHT), 2.5)
    attempt.tell(feeds_read(Power.OFF, 2.7, RIGHT), 2.7)
    attempt.looked(2.1, 3.1)
    assert attempt.going.cut_again_at == at(3.5)


def test_an_order_that_leaves_again_voids_that_all_were_off() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.tell(OutletSent("m1", "f-1", 1, LEFT, on=False), 2.5)
    attempt.looked(2.1, 3.1)
    assert not attempt.over


def test_a_look_that_never_comes_back_proves_nothing() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.tell(TimePassed(), 13.0)
    assert attempt.failed.reason == STILL_ON


def test_a_look_from_before_all_outlets_were_off_proves_nothing() -> None:
    attempt = cutting()
    attempt.looked(2.0, 2.05)
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.looked(2.05, 3.05)
    assert not attempt.over


@pytest.mark.parametrize("power", [Power.ON, Power.UNKNOWN])
def test_one_feed_that_does_not_read_off_keeps_the_proof_away(power: Power) -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1, LEFT)
    attempt.outlets(power, 2.01, 2.1, RIGHT)
    assert attempt.going.dark_at is None
    attempt.tell(TimePassed(), 13.0)
    assert attempt.failed.reason == NOT_CUT


def test_outlets_that_read_off_before_their_order_left_prove_nothing() -> None:
    """The order may be behind a restore that is on its way."""
    attempt = cutting()
    attempt.tell(feeds_read(Power.OFF, 2.05), 2.06)
    assert attempt.going.dark_at is None


def test_a_reading_from_before_the_order_is_void_when_the_order_leaves() -> None:
    attempt = cutting()
    attempt.tell(feeds_read(Power.OFF, 2.05), 2.06)
    attempt.tell(OutletSent("m1", "f-1", 1, LEFT, on=False), 2.1)
    attempt.tell(OutletSent("m1", "f-1", 1, RIGHT, on=False), 2.1)
    assert attempt.going.dark_at is None


def test_orders_of_a_restore_are_no_part_of_the_cut() -> None:
    attempt = cutting()
    attempt.tell(OutletSent("m1", "f-1", None, LEFT, on=True), 2.01)
    attempt.tell(OutletSent("m1", "f-0", 1, RIGHT, on=False), 2.01)
    assert not attempt.going.cut_feeds


def test_a_peer_that_is_heard_after_all_outlets_were_off_voids_that() -> None:
    attempt = cutting()
    attempt.outlets(Power.OFF, 2.01, 2.1)
    attempt.tell(Heard(), 2.5)
    attempt.looked(2.1, 3.1)
    assert attempt.going.cut_again_at == at(3.5)


def test_a_peer_that_is_heard_during_the_cut_does_not_end_it() -> None:
    attempt = Attempt(known=cutting().known)
    attempt.tell(OutletSent("m1", "f-1", 1, LEFT, on=False), 0.01)
    attempt.tell(Heard(), 0.05)
    attempt.outlets(Power.OFF, 0.1, 0.2)
    attempt.looked(0.2, 1.2)
    assert attempt.proved.proof is Proof.OUTLETS_OFF


def test_a_cut_of_which_nothing_has_left_is_withheld_from_a_peer_that_is_heard() -> None:
    """As while the cable to BMC and PDU is cut. It is owed all the same."""
    again = Attempt(known=cutting().known)
    assert again.ordered == [Command.OUTLETS_OFF]
    again.tell(Heard(), 0.1)
    assert again.failed == Failed(HEARD, at(0.1), commanded=True, cut=True)


def test_off_by_the_bmc_is_proof_during_the_cut_too() -> None:
    attempt = Attempt()
    attempt.answered(Refused("busy"), 0.1)
    attempt.read(Power.OFF, 0.3, 0.5, 0.8)
    assert attempt.proved.proof is Proof.POWER_OFF
    assert attempt.proved.cut


def test_a_bmc_that_comes_back_during_the_cut_is_commanded_beside_it() -> None:
    attempt = cutting()
    attempt.read(Power.ON, 4.0)
    assert attempt.ordered == [*BOTH, Command.POWER_OFF]


def test_a_refused_cut_proves_nothing_and_ends_with_the_attempt() -> None:
    attempt = cutting()
    attempt.answered(Refused("no PDU is registered"), 2.0, stage=1)
    assert attempt.going.shot.name == "DUE"
    attempt.tell(TimePassed(), 13.0)
    assert attempt.failed.reason == NOT_CUT


def test_both_dead_means_no_proof() -> None:
    attempt = cutting()
    moment = attempt.going
    while next_due(attempt.plan, moment) < moment.until:
        attempt.tell(TimePassed(), next_due(attempt.plan, moment) - at(0))
        moment = attempt.going
    attempt.tell(TimePassed(), moment.until - at(0))
    assert attempt.failed.reason == NOT_CUT
    assert attempt.failed.at == Instant(at(0) + 2.0 + 11.0)


def test_the_time_of_the_plan_is_timeout_then_eleven_seconds() -> None:
    first, last = Attempt(WITH_OUTLETS).plan.stages
    assert (first.due, first.budget_s) == (at(0.0), 5.0)
    assert (last.due, last.budget_s) == (at(5.0), 11.0)


@pytest.mark.parametrize("before_s", [0.01, 1.0, 4.99])
def test_what_was_read_off_before_the_cut_proves_nothing(before_s: float) -> None:
    """An outlet may have been off, and be on since: only a read after the order is of it."""
    attempt = cutting()
    for feed in (LEFT, RIGHT):
        attempt.tell(OutletSent("m1", "f-1", 1, feed, on=False), 2.1)
    attempt.tell(feeds_read(Power.OFF, 2.0 - before_s, LEFT, RIGHT), 2.2)
    assert attempt.going.dark_at is None
    attempt.tell(feeds_read(Power.OFF, 2.3, LEFT, RIGHT), 2.4)
    assert attempt.going.dark_at is not None
