"""fence_kdump datagrams: unauthenticated, of one dump, and cheap however many come."""

from dataclasses import replace
from time import perf_counter

from haconn.core import events
from haconn.core.actions import Action, Line, LineKind
from haconn.core.model import Instant, SystemKey
from haconn.core.plan import Policy
from haconn.core.reset import Evidence, Outcome
from haconn.core.step import step
from haconn.core.system import KDUMP_AFTER_BOOT_S, Status
from haconn.core.world import Settings, new_world
from tests.core.parts import NEW, ONE, PLAIN, TWO, Site, commands, of, registered, speaker

WAITS = replace(PLAIN, fence_kdump=True)


def dumps(site: Site, now: float, address: str = "10.0.0.1") -> None:
    site.take(events.KdumpHeard(address), now)


def test_a_datagram_of_the_dump_before_a_boot_is_no_evidence_against_the_boot() -> None:
    site = registered(WAITS)
    dumps(site, 20.0)
    site.speaks(ONE, 30.0, NEW)
    dumps(site, 31.0)
    assert commands(site.asks(32.0)) == ["SOFT_RESET"]
    dumps(site, 33.0)
    assert site.world.asked[TWO, "a1"].outcome is None


def test_a_dump_of_that_boot_itself_is_evidence() -> None:
    site = registered(WAITS)
    site.speaks(ONE, 30.0, NEW)
    dumps(site, 30.1 + KDUMP_AFTER_BOOT_S)
    assert not commands(site.asks(31.0 + KDUMP_AFTER_BOOT_S))
    asked = site.world.asked[TWO, "a1"]
    assert (asked.outcome, asked.evidence) == (Outcome.DUMP, Evidence.KDUMP_NOTICE)


def test_a_flood_of_datagrams_is_written_down_once_a_second() -> None:
    site = registered(WAITS)
    written = 0
    for number in range(1000):
        step(site.world, events.KdumpHeard("10.0.0.1"), Instant(20.0 + number / 500))
        written += len(site.world.take_changes())
    assert written == 2


def test_the_datagram_that_a_reset_waits_for_counts_in_a_flood_too() -> None:
    site = registered(WAITS)
    site.asks(1.0)
    for number in range(50):
        dumps(site, 1.1 + number / 100)
    assert site.status() is Status.DUMP


def test_an_address_that_a_system_has_left_is_not_remembered() -> None:
    site = registered(replace(WAITS, kdump_from=frozenset({"10.8.0.1"})))
    places = len(site.world._kdump_places)
    for number in range(100):
        place = (f"10.9.0.{number}", 1)
        site.take(events.Registered(speaker(ONE), *place), 2.0 + number)
    assert len(site.world._kdump_places) == places
    site.take(events.Registered(speaker(ONE), "10.8.0.1", 1), 200.0)
    site.take(events.Registered(speaker(ONE), "10.0.0.1", 1), 201.0)
    dumps(site, 202.0, "10.8.0.1")
    assert site.system(ONE).kdump_at == 202.0


def test_an_address_that_two_systems_share_stays_that_of_the_other() -> None:
    site = registered(WAITS)
    for key in (ONE, TWO):
        site.take(events.Registered(speaker(key), "10.9.0.1", 1), 2.0)
    site.take(events.Registered(speaker(ONE), "10.0.0.1", 1), 3.0)
    dumps(site, 4.0, "10.9.0.1")
    assert (site.system(ONE).kdump_at, site.system(TWO).kdump_at) == (None, 4.0)


def test_a_datagram_of_an_address_costs_nothing_for_other_systems() -> None:
    policies = {f"s{number}": Policy(f"s{number}", soft_s=2.0) for number in range(5000)}
    policies["s0"] = replace(policies["s0"], fence_kdump=True)
    bindings = {SystemKey(6001, number): f"s{number}" for number in range(5000)}
    world = new_world(Settings(policies), bindings)
    began = perf_counter()
    for _ in range(10_000):
        assert world.waits_for_kdump_from("10.0.0.1") == []
    assert perf_counter() - began < 0.5


def received(actions: list[Action]) -> list[Line]:
    return [one for one in of(Line, actions) if one.kind is LineKind.ATTENTION and not one.sent]


def test_the_datagram_that_concludes_a_reset_is_in_the_reset_log() -> None:
    site = registered(WAITS)
    site.asks(1.0)
    actions = site.take(events.KdumpHeard("10.0.0.1"), 2.0)
    fields = ("P", "DUMP")
    line = Line(LineKind.ATTENTION, "db1", 1, False, "10.0.0.1", None, 1, fields)
    assert received(actions) == [line]


def test_datagrams_that_no_reset_waits_for_are_logged_once_until_they_pause() -> None:
    site = registered(WAITS)
    heard = [
        now
        for now in (20.0, 25.0, 35.0, 50.0, 65.1)
        if received(site.take(events.KdumpHeard("10.0.0.1"), now))
    ]
    assert heard == [20.0, 65.1]
