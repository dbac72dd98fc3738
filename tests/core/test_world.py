"""The container: what the journal has to hear of."""

from dataclasses import replace

from haconn.core.actions import Remark
from haconn.core.model import Power, Secret, SystemKey
from haconn.core.power import BmcWatch
from haconn.core.request_table import Asked
from haconn.core.server import FeedReading, Owed, Restore
from haconn.core.system import Status
from haconn.core.world import Settings, World, identity, new_world, remark
from tests.core.parts import FEED_A, FEED_B, ONE, PLAIN, THREE, TWO, WITH_OUTLETS, at, registered


def fresh() -> World:
    world = new_world(Settings({"db1": PLAIN}), {ONE: "db1", TWO: "nowhere"})
    assert world.take_changes() == []
    return world


def test_systems_are_made_of_bindings_to_known_servers() -> None:
    world = fresh()
    assert list(world.systems) == [ONE]
    assert list(world.servers) == ["db1"]


def test_a_change_of_a_system_is_journalled_once_with_its_latest_state() -> None:
    world = fresh()
    system = world.systems[ONE]
    world.put_system(replace(system, status=Status.NORMAL))
    world.put_system(replace(system, status=Status.ERROR))
    assert world.take_changes() == [replace(system, status=Status.ERROR)]
    assert world.take_changes() == []
    world.put_system(replace(system, status=Status.ERROR))
    assert world.take_changes() == []


def test_readings_are_not_journalled_and_promises_are() -> None:
    world = fresh()
    server = world.servers["db1"]
    watched = replace(
        server,
        watch=BmcWatch(power=Power.ON),
        feeds=((FEED_A, FeedReading(Power.ON, at(1.0), at(1.0))),),
    )
    world.put_server(watched)
    assert world.take_changes() == []
    assert world.servers["db1"] == watched
    owing = replace(watched, owed=(Owed(Restore.FEEDS, "r-1", at(1.0), at(2.0)),))
    world.put_server(owing)
    assert world.take_changes() == [owing]
    dark = replace(owing, left_dark=True)
    world.put_server(dark)
    assert world.take_changes() == [dark]
    world.put_server(replace(server, name="db9"))
    assert world.take_changes() == [replace(server, name="db9")]


def test_records_of_different_kinds_are_different_records() -> None:
    world = fresh()
    asked = Asked(TWO, "a1", ONE, at(1.0))
    world.put_asked(asked)
    world.put_system(replace(world.systems[ONE], status=Status.NORMAL))
    assert len(world.take_changes()) == 2
    assert world.asked == {(TWO, "a1"): asked}
    assert identity(asked) == (TWO, "a1")
    assert identity(world.systems[ONE]) == ONE
    assert identity(world.servers["db1"]) == "db1"


def test_operations_have_names_of_their_own() -> None:
    world = new_world(Settings({}, run_name="ab12"), {})
    assert [world.begin_operation(), world.begin_operation()] == ["ab12-1", "ab12-2"]


def test_off_is_as_stale_as_the_polls_are_slow() -> None:
    site = registered(WITH_OUTLETS)
    site.reads_off(20.0)
    site.feeds(21.0, Power.OFF, FEED_A, FEED_B)
    world = site.world
    assert world.off_at("db1", at(22.0)) == 20.0
    assert world.off_at("db1", at(22.1)) == 21.0
    assert world.off_at("db1", at(31.0)) == 21.0
    assert world.off_at("db1", at(31.1)) is None
    world.settings = replace(world.settings, bmc_poll_s=2.0, pdu_poll_s=6.0)
    assert world.off_at("db1", at(24.0)) == 20.0
    assert world.off_at("db1", at(33.0)) == 21.0


def test_nothing_is_held_back_without_a_reason() -> None:
    assert not fresh().is_conservative(at(0.0))
    world = new_world(Settings({}, conservative_until=at(15.0)), {})
    assert world.is_conservative(at(14.9))
    assert not world.is_conservative(at(15.0))


def test_a_remark_carries_texts() -> None:
    assert remark("left", system=THREE, times=2) == Remark(
        "left", (("system", "6001/3"), ("times", "2"))
    )


def test_a_secret_is_shown_nowhere() -> None:
    secret = Secret("pass")
    assert (repr(secret), str(secret), f"{secret}") == ("Secret('***')",) * 3
    assert secret.reveal() == "pass"
    assert secret == Secret("pass")
    assert secret != Secret("word")
    assert secret != "pass"
    assert hash(secret) == hash(Secret("pass"))


def test_names_are_shown_as_an_operator_writes_them() -> None:
    assert str(SystemKey(6001, 1)) == "6001/1"
    assert str(FEED_A) == "10.1.0.1#1"
