"""Fencing the peer by its BMC: what is commanded, and what proves that it is off."""

import pytest

from haconn.core.actions import Abandon, Hurry, Perform, StopRestore
from haconn.core.events import BmcRefused, SessionOpened
from haconn.core.model import Accepted, Answer, InDoubt, Instant, Power, Refused, Unsent
from haconn.core.peer_power import Means, heard, identified, known_of, observe
from haconn.core.reset import Command
from haconn.core.role import Proof
from haconn.core.takeover import (
    ANOTHER_MACHINE,
    HEARD,
    NOT_OFF,
    Heard,
    Plan,
    Stage,
    TimePassed,
    next_due,
)
from tests.core.fencing_parts import (
    BY_BMC,
    HEARD_AT,
    LEFT,
    OLD,
    WITH_OUTLETS,
    Attempt,
    at,
    known_on,
    power_read,
)

GUID, ANOTHER = bytes(range(16)), bytes(range(2, 18))


def test_an_attempt_begins_with_power_off_and_frequent_reads_and_stops_what_switches_on() -> None:
    attempt = Attempt()
    assert attempt.begun == (
        StopRestore("m1"),
        Hurry("m1", on=True),
        Perform("m1", "f-1", 0, Command.POWER_OFF, at(2.0)),
    )
    assert attempt.going.until == at(5.0 + 11.0)


def test_a_run_of_off_half_a_second_long_is_proof() -> None:
    attempt = Attempt()
    attempt.sent()
    attempt.answered(Accepted(), 0.01)
    attempt.read(Power.ON, 0.02, 0.2)
    attempt.read(Power.OFF, 0.4, 0.6, 0.8)
    assert not attempt.over
    actions = attempt.tell(power_read(Power.OFF, 0.95), 0.95)
    assert attempt.proved.proof is Proof.POWER_OFF
    assert attempt.proved.at == at(0.95)
    assert (attempt.proved.commanded, attempt.proved.cut) == (True, False)
    reason = "its power was read off"
    assert actions == (Abandon("m1", "f-1", reason), Hurry("m1", on=False))
    assert attempt.ordered == [Command.POWER_OFF]


@pytest.mark.parametrize("breaks", [Power.ON, Power.UNKNOWN])
def test_a_run_that_is_broken_begins_anew(breaks: Power) -> None:
    attempt = Attempt()
    attempt.read(Power.OFF, 0.1, 0.3)
    attempt.read(breaks, 0.5)
    attempt.read(Power.OFF, 0.7, 1.1)
    assert not attempt.over
    attempt.read(Power.OFF, 1.2)
    assert attempt.proved.at == at(1.2)


def test_a_run_over_two_sessions_is_none() -> None:
    attempt = Attempt()
    attempt.read(Power.OFF, 0.1, 0.3)
    attempt.read(Power.OFF, 0.5, 0.7, session=2)
    assert not attempt.over


def test_an_acceptance_proves_nothing() -> None:
    attempt = Attempt(BY_BMC)
    attempt.sent()
    attempt.answered(Accepted(), 0.01)
    attempt.read(Power.ON, *(0.2 * n for n in range(1, 50)))
    attempt.tell(TimePassed(), 10.0)
    assert attempt.failed.reason == NOT_OFF
    assert (attempt.failed.at, attempt.failed.commanded) == (at(10.0), True)
    assert attempt.ordered == [Command.POWER_OFF]


def test_a_bmc_that_has_just_come_up_needs_a_run_of_ten_seconds() -> None:
    attempt = Attempt()
    attempt.tell(SessionOpened("m1", 2), 0.1)
    attempt.read(Power.OFF, *(0.2 + n for n in range(10)), session=2)
    assert not attempt.over
    attempt.read(Power.OFF, 10.2, session=2)
    assert attempt.proved.proof is Proof.POWER_OFF


def test_a_peer_that_reads_off_before_anybody_commands_it_is_off() -> None:
    known = known_on()
    for seconds in (-0.4, -0.2, 0.0):
        known = observe(known, power_read(Power.OFF, seconds - 0.2), at(seconds - 0.2))
    known = observe(known, power_read(Power.OFF, 0.15), at(0.15))
    attempt = Attempt(known=known)
    assert attempt.proved.proof is Proof.POWER_OFF
    assert attempt.begun == ()
    assert not attempt.proved.commanded


def test_a_run_that_is_stale_is_not_taken_for_proof() -> None:
    known = known_on()
    for seconds in (-0.4, -0.2, 0.15):
        known = observe(known, power_read(Power.OFF, seconds - 5.0), at(seconds - 5.0))
    assert not Attempt(known=known).over


def test_a_peer_that_reads_off_gets_no_power_off_while_its_run_lasts() -> None:
    known = observe(known_on(), power_read(Power.OFF, -0.1), at(-0.1))
    attempt = Attempt(known=known)
    assert attempt.ordered == []
    assert not attempt.going.commanded
    attempt.read(Power.ON, 0.1)
    assert attempt.ordered == [Command.POWER_OFF]


def test_reads_of_off_from_before_the_peer_was_last_heard_prove_nothing() -> None:
    known = known_on()
    for seconds in (-0.9, -0.5):
        known = observe(known, power_read(Power.OFF, seconds), at(seconds))
    known = heard(known, OLD, at(-0.1))
    attempt = Attempt(known=known)
    attempt.read(Power.OFF, 0.1)
    assert not attempt.over
    attempt.read(Power.OFF, 0.6)
    assert attempt.proved.at == at(0.6)


def test_an_unsent_power_off_is_sent_when_the_bmc_has_a_session() -> None:
    attempt = Attempt()
    attempt.answered(Unsent("no session"), 0.0)
    assert not attempt.going.commanded
    attempt.tell(TimePassed(), 3.0)
    assert attempt.ordered == [Command.POWER_OFF]
    attempt.tell(SessionOpened("m1", 2), 4.0)
    assert attempt.ordered == [Command.POWER_OFF] * 2
    assert attempt.going.commanded


def test_a_power_off_without_an_answer_is_sent_again_after_two_seconds() -> None:
    attempt = Attempt()
    attempt.sent()
    attempt.answered(InDoubt("ICMP"), 0.5)
    assert next_due(attempt.plan, attempt.going) == at(2.0)
    attempt.tell(TimePassed(), 1.9)
    assert attempt.ordered == [Command.POWER_OFF]
    attempt.tell(TimePassed(), 2.0)
    assert attempt.ordered == [Command.POWER_OFF] * 2
    assert next_due(attempt.plan, attempt.going) == at(4.0)


def test_a_power_off_that_was_taken_is_not_sent_again() -> None:
    attempt = Attempt(BY_BMC)
    attempt.answered(Accepted(), 0.1)
    attempt.tell(TimePassed(), 2.0)
    attempt.read(Power.ON, 4.0)
    assert attempt.ordered == [Command.POWER_OFF]


def test_without_outlets_a_refused_power_off_is_sent_again_after_two_seconds() -> None:
    attempt = Attempt(BY_BMC)
    attempt.answered(Refused("busy"), 1.0)
    assert next_due(attempt.plan, attempt.going) == at(3.0)
    attempt.read(Power.ON, 1.1)
    assert attempt.ordered == [Command.POWER_OFF]
    attempt.tell(TimePassed(), 3.0)
    assert attempt.ordered == [Command.POWER_OFF] * 2


def test_a_dead_bmc_is_not_commanded_until_it_answers() -> None:
    attempt = Attempt(BY_BMC)
    attempt.sent()
    attempt.silent(0.0, 2.0)
    attempt.tell(TimePassed(), 2.5)
    assert attempt.ordered == [Command.POWER_OFF]
    assert next_due(attempt.plan, attempt.going) == at(10.0), "nothing to wake up for"
    attempt.tell(SessionOpened("m1", 2), 3.0)
    assert attempt.ordered == [Command.POWER_OFF] * 2


def test_a_peer_that_is_heard_before_anything_was_commanded_ends_the_attempt() -> None:
    attempt = Attempt()
    attempt.answered(Unsent("no session"), 0.0)
    actions = attempt.tell(Heard(), 0.1)
    assert attempt.failed.reason == HEARD
    assert not attempt.failed.commanded
    assert actions == (Abandon("m1", "f-1", HEARD), Hurry("m1", on=False))


def test_a_power_off_that_the_driver_could_not_send_yet_is_withheld_from_a_peer_that_is_heard() -> (
    None
):
    """As while the cable to the BMC is cut. It is owed all the same: too much rather than none."""
    attempt = Attempt()
    attempt.tell(TimePassed(), 2.0)
    actions = attempt.tell(Heard(), 2.1)
    assert attempt.failed.reason == HEARD
    assert attempt.failed.commanded
    assert actions[0] == Abandon("m1", "f-1", HEARD)


def test_a_peer_that_is_heard_after_the_command_is_fenced_all_the_same() -> None:
    attempt = Attempt()
    attempt.sent()
    attempt.answered(Accepted(), 0.1)
    attempt.tell(Heard(), 0.2)
    attempt.read(Power.OFF, 0.4, 0.6, 0.8, 1.0)
    assert attempt.proved.proof is Proof.POWER_OFF


def test_what_has_left_once_stays_commanded_even_if_the_next_is_unsent() -> None:
    attempt = Attempt()
    attempt.sent()
    attempt.tell(TimePassed(), 2.0)
    attempt.answered(Unsent("no session"), 2.1)
    attempt.tell(Heard(), 2.2)
    assert attempt.going.commanded


def test_a_power_off_that_was_unsent_for_two_seconds_has_not_left() -> None:
    attempt = Attempt(BY_BMC)
    attempt.tell(TimePassed(), 2.0)
    attempt.answered(Unsent("no session"), 2.1)
    assert not attempt.going.commanded


def test_what_has_left_once_is_not_forgotten_by_any_later_shot() -> None:
    attempt = Attempt(BY_BMC)
    attempt.sent()
    attempt.answered(Accepted(), 0.1)
    attempt.answered(Unsent("no session"), 0.2)
    attempt.tell(SessionOpened("m1", 2), 0.3)
    attempt.answered(Unsent("no session"), 0.4)
    assert attempt.going.commanded


@pytest.mark.parametrize("answer", [Accepted(), Refused("busy"), InDoubt("ICMP")])
def test_what_was_answered_has_left(answer: Answer) -> None:
    attempt = Attempt(BY_BMC)
    attempt.answered(answer, 0.1)
    assert attempt.going.left


def test_what_the_driver_has_sent_has_left() -> None:
    attempt = Attempt(BY_BMC)
    assert not attempt.going.left
    attempt.sent()
    assert attempt.going.left


def test_events_of_another_operation_are_not_those_of_the_attempt() -> None:
    attempt = Attempt()
    attempt.plan = Plan("f-2", "m1", attempt.plan.feeds, attempt.plan.stages)
    attempt.sent()
    assert not attempt.going.left
    attempt.answered(Refused("no"), 0.1)
    assert Command.OUTLETS_OFF not in attempt.ordered


def test_a_bmc_in_another_machine_is_neither_commanded_nor_believed() -> None:
    known = identified(known_on(), GUID, ANOTHER)
    attempt = Attempt(known=known)
    assert attempt.failed.reason == ANOTHER_MACHINE
    assert attempt.begun == ()


def test_a_bmc_that_turns_out_to_be_in_another_machine_ends_the_attempt() -> None:
    attempt = Attempt()
    attempt.sent()
    attempt.known = identified(attempt.known, GUID, ANOTHER)
    attempt.read(Power.OFF, 0.2)
    assert attempt.failed.reason == ANOTHER_MACHINE
    assert attempt.failed.commanded


def test_a_bmc_that_read_off_while_the_peer_spoke_is_neither_commanded_nor_believed() -> None:
    known = heard(known_of(BY_BMC), OLD, at(-9.0))
    known = observe(known, SessionOpened("m1", 1), Instant(0.0))
    for seconds in (-8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0):
        known = observe(known, power_read(Power.OFF, seconds), at(seconds))
        known = heard(known, OLD, at(seconds + 0.5))
    assert known.heard_at == HEARD_AT
    attempt = Attempt(BY_BMC, known)
    attempt.read(Power.OFF, *(0.2 * n for n in range(1, 49)))
    attempt.tell(TimePassed(), 10.0)
    assert attempt.failed.reason == NOT_OFF
    assert attempt.ordered == []


def test_a_refused_login_is_waited_out_without_outlets() -> None:
    attempt = Attempt(BY_BMC)
    attempt.answered(Unsent("no session"), 0.0)
    attempt.tell(BmcRefused("m1", "wrong password"), 0.5)
    attempt.tell(TimePassed(), 10.0)
    assert attempt.failed.reason == NOT_OFF


def test_a_plan_has_power_off_first_and_no_cut_of_nothing() -> None:
    by_bmc = Attempt(BY_BMC).plan.stages
    both = Attempt().plan.stages
    cut = Stage(Command.OUTLETS_OFF, at(0), 1.0)
    for stages, feeds in (((), ()), ((cut,), (LEFT,)), (by_bmc * 2, (LEFT,)), (both, ())):
        with pytest.raises(AssertionError):
            Plan("f-1", "m1", feeds, stages)


def test_outlets_without_feeds_or_feeds_without_outlets_are_not_cut() -> None:
    for means in (Means("m1", outlets=True), Means("m1", feeds=(LEFT,))):
        assert not means.cuts
        assert Attempt(means).plan.cut is None
    assert WITH_OUTLETS.cuts
