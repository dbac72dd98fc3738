"""The one entrance: when it is to be called again, and which systems there are."""

from dataclasses import replace

from haconn.core import events
from haconn.core.actions import Remark, TellResult
from haconn.core.model import SystemKey
from haconn.core.reset import Outcome
from haconn.core.server import Owed, Restore
from haconn.core.step import next_due
from haconn.core.system import Status, System
from tests.core.parts import NEW, ONE, THREE, TWO, Site, at, of, registered

FOUR = SystemKey(6001, 4)


def test_nothing_is_due_while_nothing_waits() -> None:
    assert next_due(registered().world) is None


def test_a_reset_is_due_at_the_end_of_its_stage() -> None:
    site = registered()
    site.asks(1.0)
    assert next_due(site.world) == 3.0
    site.sent(1.5)
    assert next_due(site.world) == 3.5


def test_a_verdict_that_is_being_recorded_is_not_due() -> None:
    site = registered(gated=True)
    site.asks(1.0)
    reset = site.system().reset
    assert reset is not None
    assert next_due(site.world) == reset.plan.deadline
    site.speaks(ONE, 1.5, NEW)
    assert next_due(site.world) is None


def test_the_earliest_of_all_is_due() -> None:
    site = registered()
    site.asks(1.0)
    owed = Owed(Restore.POWER_ON, "r-9", at(0.0), at(2.5))
    site.world.put_server(replace(site.server("db2"), owed=(owed,)))
    assert next_due(site.world) == 2.5


def test_held_requests_are_due_at_the_end_of_the_wait() -> None:
    site = Site(conservative_until=15.0)
    assert next_due(site.world) is None
    site.asks(1.0)
    assert next_due(site.world) == 15.0


def test_nothing_is_due_after_a_tick_however_late() -> None:
    site = registered()
    site.asks(1.0)
    site.stops(ONE, 1.5)
    for now in (1.5, 60.0, 61.0, 500.0, 5000.0):
        site.take(events.Tick(), now)
        due = next_due(site.world)
        assert due is None or due > now


def test_new_keys_make_systems_and_retired_ones_go() -> None:
    site = registered()
    site.stops(ONE, 1.0)
    site.take(events.BindingsChanged({TWO: "db2", FOUR: "db3", ONE: "nowhere"}), 1.5)
    assert set(site.world.systems) == {TWO, FOUR}
    assert site.system(FOUR) == System(FOUR, "db3")
    assert site.status(TWO) is Status.NORMAL
    assert not site.system(TWO).retired
    assert site.world.outbox.boxes == {}


def test_what_a_retired_system_was_to_be_told_goes_with_it() -> None:
    site = registered()
    site.asks(1.0, "a1", TWO, TWO)
    site.stops(ONE, 1.0)
    site.take(events.BindingsChanged({ONE: "db1", THREE: "db3"}), 1.1)
    assert not site.world.asked.being_told()
    assert not [name for name in site.world.asked if name[0] == TWO]
    assert list(site.world.outbox.boxes) == [THREE]


def test_a_retired_system_goes_when_its_reset_has_ended() -> None:
    site = registered()
    site.asks(1.0)
    site.take(events.BindingsChanged({TWO: "db2", THREE: "db3"}), 1.5)
    assert site.system().retired
    site.stops(ONE, 2.0)
    assert site.world.asked[TWO, "a1"].outcome is Outcome.DUMP
    assert next_due(site.world) == 2.0
    site.take(events.Tick(), 2.0)
    assert ONE not in site.world.systems


def test_a_retired_system_stays_while_its_verdict_is_being_recorded() -> None:
    site = registered(gated=True)
    site.asks(1.0)
    site.record(1.0)
    site.take(events.BindingsChanged({TWO: "db2"}), 1.5)
    site.stops(ONE, 2.0)
    site.take(events.Tick(), 3.0)
    site.record(3.5)
    assert site.world.asked[TWO, "a1"].outcome is Outcome.DUMP


def test_a_key_that_moves_during_a_reset_is_another_system_afterwards() -> None:
    site = registered()
    site.asks(1.0)
    site.take(events.BindingsChanged({ONE: "db3", TWO: "db2"}), 1.5)
    assert site.system().server == "db1"
    site.stops(ONE, 2.0)
    site.passes(2.0)
    assert site.system() == System(ONE, "db3")


def test_a_key_that_moves_without_a_reset_is_another_system_at_once() -> None:
    site = registered()
    site.take(events.BindingsChanged({ONE: "db3", TWO: "db2"}), 1.5)
    assert site.system() == System(ONE, "db3")


def test_a_key_that_comes_back_during_a_reset_is_not_retired() -> None:
    site = registered()
    site.asks(1.0)
    site.take(events.BindingsChanged({TWO: "db2"}), 1.5)
    site.take(events.BindingsChanged(site.bindings), 1.6)
    assert (site.system().retired, site.system().moves_to) == (False, None)


def test_results_are_looked_up_at_each_sending() -> None:
    site = registered()
    site.asks(1.0)
    site.stops(ONE, 1.5)
    site.speaks(ONE, 1.6, NEW)
    (again,) = of(TellResult, site.passes(1.7))
    assert (again.outcome, again.reason) == (Outcome.FAIL, "verdict over")


def test_two_resets_are_taken_up_again() -> None:
    site = registered()
    site.asks(1.0, "c1", THREE, ONE)
    site.asks(1.0, "c2", THREE, TWO)
    notes = of(Remark, site.take(events.Resumed(), 1.5))
    assert [dict(note.values)["operation"] for note in notes] == ["r-1", "r-2"]
