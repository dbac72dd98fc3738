"""Who checks whom is a pair, where cluster management is on."""

from dataclasses import replace

from haconn.core import events
from haconn.core.model import SystemKey
from haconn.core.step import step
from haconn.core.world import Settings, new_world
from tests.core.parts import NEW, ONE, PLAIN, THREE, TWO, Site, at, registered, speaker

CLUSTER = replace(PLAIN, cluster=True)


def pairs(site: Site) -> list[SystemKey | None]:
    return [site.system(key).pair for key in (ONE, TWO, THREE)]


def check(site: Site, who: SystemKey, *targets: SystemKey) -> None:
    site.take(events.Checked(speaker(who), "t", targets), 1.0)


def test_a_check_makes_a_pair_both_ways() -> None:
    site = registered(CLUSTER)
    check(site, TWO, ONE)
    assert pairs(site) == [TWO, ONE, None]


def test_the_latest_check_wins_and_the_former_partner_has_nobody() -> None:
    site = registered(CLUSTER)
    check(site, TWO, ONE)
    check(site, THREE, ONE)
    assert pairs(site) == [THREE, None, ONE]
    check(site, THREE, TWO)
    assert pairs(site) == [None, THREE, TWO]


def test_a_partner_that_has_another_one_by_now_keeps_it() -> None:
    site = registered(CLUSTER)
    check(site, TWO, ONE)
    site.speaks(ONE, 2.0, NEW)
    assert pairs(site) == [None, ONE, None]
    site.take(events.Checked(speaker(THREE), "t", (ONE,)), 3.0)
    assert pairs(site) == [THREE, ONE, ONE]
    site.world.put_system(replace(site.system(THREE), pair=ONE))
    site.take(events.Checked(speaker(THREE), "t", (TWO,)), 4.0)
    assert pairs(site) == [None, THREE, TWO]


def test_nobody_is_a_pair_with_itself_or_with_nobody() -> None:
    site = registered(CLUSTER)
    check(site, TWO, TWO, SystemKey(6001, 9))
    assert pairs(site) == [None, None, None]


def test_both_servers_have_to_be_under_cluster_management() -> None:
    policies = {"db1": replace(CLUSTER, server="db1"), "db2": replace(PLAIN, server="db2")}
    for first, second in ((ONE, TWO), (TWO, ONE)):
        site = registered()
        site.world = new_world(Settings(policies), {ONE: "db1", TWO: "db2", THREE: "db1"})
        check(site, first, second)
        assert pairs(site) == [None, None, None]


def test_of_several_targets_the_last_is_the_partner_and_is_written_down_once() -> None:
    site = registered(CLUSTER)
    checked = events.Checked(speaker(ONE), "t", (TWO, THREE, ONE))
    step(site.world, checked, at(1.0))
    assert pairs(site) == [THREE, None, ONE]
    assert len(site.world.take_changes()) == 2
    step(site.world, checked, at(2.0))
    assert site.world.take_changes() == []
