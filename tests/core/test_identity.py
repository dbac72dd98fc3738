"""Which machine speaks, in which machine a BMC is, and what follows where the two differ."""

from dataclasses import replace

import pytest

from haconn.core import events, identity
from haconn.core.actions import Action, Remark, TellCheck, TellResult
from haconn.core.machine_id import orders, uuid_bytes, uuid_matches
from haconn.core.model import Power, SystemKey
from haconn.core.reset import Evidence, Outcome
from haconn.core.server import Owed, Restore, owe
from haconn.core.system import Status
from tests.core.parts import (
    ACCEPTED,
    FEED_A,
    FEED_B,
    NEW,
    OLD,
    ONE,
    PLAIN,
    THREE,
    TWO,
    WITH_OUTLETS,
    Site,
    at,
    commands,
    of,
    registered,
    speaker,
)

U1 = "4c4c4544-004d-3510-805a-c7c04f4e3332"
U2 = "4c4c4544-0057-4210-8035-b3c04f4c4d32"
U3 = "11111111-2222-3333-4444-555555555556"
CLONE = "boot9"


def says(site: Site, key: SystemKey, now: float, uuid: str | None, boot: str = OLD) -> list[Action]:
    """A system tells its machine."""
    return site.take(events.Spoke(replace(speaker(key, boot, now), uuid=uuid)), now)


def tells(site: Site, server: str, uuid: str | None, now: float = 1.0) -> list[Action]:
    """A BMC tells the GUID of this machine, in the order of IPMI."""
    guid = None if uuid is None else uuid_bytes(uuid)[::-1]
    return site.take(events.BmcIdentified(server, guid), now)


def remarks(actions: list[Action]) -> list[str]:
    return [one.message for one in of(Remark, actions)]


def swapped(site: Site) -> list[Action]:
    """The BMC registered for db1 is that of db2, and the other way round."""
    says(site, ONE, 1.0, U1)
    says(site, TWO, 1.0, U2)
    return tells(site, "db1", U2) + tells(site, "db2", U1)


# ---- UUIDs


@pytest.mark.parametrize(
    "dummy",
    [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "01020304-0506-0708-090a-0b0c0d0e0f10",
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
    ],
)
def test_dummy_is_believed_in_no_order(dummy: str) -> None:
    for order in orders(uuid_bytes(dummy)):
        assert uuid_matches(order, order) is None
        assert uuid_matches(order, uuid_bytes(U1)) is None


def test_machine_is_known_in_every_order_of_bytes_and_no_other_is() -> None:
    for order in orders(uuid_bytes(U1)):
        assert uuid_matches(uuid_bytes(U1), order) is True
        assert uuid_matches(uuid_bytes(U2), order) is False
    assert uuid_matches(uuid_bytes(None), uuid_bytes(U1)) is None


# ---- BMCs


def test_bmc_in_its_own_machine_is_no_remark() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    assert remarks(tells(site, "db1", U1)) == []
    assert site.server().guid_matches is True


def test_bmc_of_another_server_is_an_alarm_that_names_both() -> None:
    site = registered()
    told = [one for one in of(Remark, swapped(site)) if one.message == "bmc-anothers"]
    named = {(dict(one.values)["server"], dict(one.values)["other"]) for one in told}
    assert named == {("db1", "db2"), ("db2", "db1")}


def test_order_in_which_uuids_and_guids_are_told_makes_no_difference() -> None:
    site = registered()
    tells(site, "db1", U2)
    tells(site, "db2", U1)
    assert "bmc-anothers" in remarks(says(site, ONE, 2.0, U1))
    assert identity.bmc_is_anothers(site.world, "db1") == "db2"


def test_nothing_is_sent_to_the_bmc_of_another_server_and_the_cut_follows_at_once() -> None:
    site = registered(WITH_OUTLETS)
    swapped(site)
    assert commands(site.asks(10.0)) == ["OUTLETS_OFF"]


def test_without_a_cut_nothing_is_sent_and_the_reset_fails_without_a_bar() -> None:
    site = registered()
    swapped(site)
    done = site.asks(10.0) + site.passes(100.0)
    assert commands(done) == []
    assert [one.outcome for one in of(TellResult, done)][:1] == [Outcome.FAIL]
    assert not site.system().barred


@pytest.mark.parametrize(("policy", "lost"), [(PLAIN, True), (WITH_OUTLETS, False)])
def test_check_says_cannot_be_reset_if_there_is_no_cut(policy: object, lost: bool) -> None:
    site = registered(policy)  # type: ignore[arg-type]
    for server in ("db1", "db2"):
        site.reads(Power.ON, 1.0, server)
    for feed in (FEED_A, FEED_B):
        site.take(events.PduSeen(feed.pdu, reachable=True), 1.0)
    swapped(site)
    (told,) = of(TellCheck, site.take(events.Checked(speaker(TWO), "1", (ONE,)), 2.0))
    assert told.targets[0].cannot_reset is lost


def test_off_of_another_machine_moves_no_system_to_poff() -> None:
    site = registered()
    swapped(site)
    site.reads_off(30.0)
    assert site.status() is Status.NORMAL
    assert site.world.off_at("db1", at(30.0)) is None


def test_acceptance_by_the_bmc_of_another_machine_is_in_doubt() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    says(site, TWO, 1.0, U2)
    site.asks(10.0)
    site.sent(10.0)
    site.passes(12.5)
    site.sent(12.5, stage=1)
    tells(site, "db1", U2, 12.6)
    tells(site, "db2", U1, 12.6)
    site.answers(ACCEPTED, 12.7, stage=1)
    assert site.status() is Status.RESET


def test_what_the_bmc_of_another_machine_has_proved_is_taken_back() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    site.reads_off(30.0)
    assert site.status() is Status.POFF
    tells(site, "db1", U2, 31.0)
    tells(site, "db2", U1, 31.0)
    assert (site.status(), site.system().verdict) == (Status.NORMAL, None)


def test_what_others_have_proved_is_not_taken_back() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    site.stops(ONE, 10.0)
    tells(site, "db1", U2, 11.0)
    tells(site, "db2", U1, 11.0)
    assert site.status() is Status.DUMP


def test_power_on_is_not_sent_to_the_bmc_of_another_machine() -> None:
    site = registered()
    swapped(site)
    owed = Owed(Restore.POWER_ON, "r-1", at(5.0), at(5.0))
    site.world.put_server(owe(site.server(), owed))
    site.passes(60.0)
    assert site.server().owed == (owed,)


def test_alarm_ends_when_the_bmcs_tell_the_right_machines() -> None:
    site = registered()
    swapped(site)
    again = tells(site, "db1", U1, 20.0) + tells(site, "db2", U2, 20.0)
    assert remarks(again).count("bmc-identified") == 2
    assert site.server().own_bmc is None
    assert commands(site.asks(30.0)) == ["SOFT_RESET"]


def test_any_other_difference_is_an_alarm_only() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    assert remarks(tells(site, "db1", U3)) == ["bmc-elsewhere"]
    assert commands(site.asks(10.0)) == ["SOFT_RESET"]


@pytest.mark.parametrize("who", ["db2", "db3"])
def test_guid_that_two_bmcs_tell_says_nothing(who: str) -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    tells(site, "db2", U1)
    tells(site, "db3" if who == "db2" else "db1", U1)
    assert site.server().own_bmc is None


def test_uuid_that_two_systems_tell_says_nothing() -> None:
    site = registered()
    swapped(site)
    says(site, THREE, 2.0, U1)
    assert site.server().own_bmc is None


def test_bmc_that_does_not_tell_its_guid_once_is_where_it_was() -> None:
    site = registered()
    swapped(site)
    tells(site, "db1", None, 5.0)
    assert site.server().own_bmc == "db2"


def test_guid_of_an_earlier_process_is_dropped_where_the_bmc_does_not_tell_it() -> None:
    site = registered()
    swapped(site)
    for name in ("db1", "db2"):
        site.world.put_server(replace(site.server(name), guid_inherited=True))
    tells(site, "db2", None, 5.0)
    assert site.server().own_bmc is None


# ---- clones


def test_boot_of_another_machine_is_no_new_boot_during_a_reset() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    site.asks(10.0)
    done = says(site, ONE, 10.5, U2, CLONE)
    assert "other-machine" in remarks(done)
    assert (site.status(), site.system().boot_id) == (Status.RESET, OLD)


def test_new_boot_of_the_same_machine_is_one_whatever_the_order_of_its_bytes() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    site.asks(10.0)
    reordered = "44454c4c-4d00-1035-805a-c7c04f4e3332"
    done = says(site, ONE, 10.5, reordered, NEW)
    assert [one.evidence for one in of(TellResult, done)] == [Evidence.NEW_BOOT]


def test_new_boot_that_does_not_tell_its_machine_is_one() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    site.asks(10.0)
    done = says(site, ONE, 10.5, None, NEW)
    assert [one.outcome for one in of(TellResult, done)] == [Outcome.DUMP]


def test_two_clones_without_machines_make_no_new_boot_again_and_again() -> None:
    site = registered()
    says(site, ONE, 1.0, None, CLONE)
    done = says(site, ONE, 2.0, None, OLD)
    assert remarks(done) == ["boot-superseded"]
    site.asks(10.0)
    for moment, boot in enumerate((CLONE, OLD, CLONE, OLD)):
        says(site, ONE, 10.1 + moment / 10, None, boot)
        assert site.status() is Status.RESET


def test_machine_that_was_replaced_is_put_on_record_while_nothing_depends_on_it() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    assert "other-machine" in remarks(says(site, ONE, 20.0, U2, NEW))
    assert (site.system().boot_id, site.system().uuid) == (NEW, U2)
    assert site.system().superseded == (OLD,)


def test_word_of_a_clone_contradicts_what_was_proved_and_lifts_no_bar() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    site.reads_off(30.0)
    assert site.status() is Status.POFF
    says(site, ONE, 40.0, U2, CLONE)
    assert (site.status(), site.system().boot_id) == (Status.NORMAL, OLD)
    assert commands(site.asks(50.0)) == ["SOFT_RESET"]


def test_clone_moves_no_registration_while_a_reset_runs() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    site.asks(10.0)
    by = replace(speaker(ONE, CLONE, 10.5), uuid=U2)
    before = site.system().registration
    site.take(events.Registered(by, "10.9.9.9", 9), 10.5)
    assert site.system().registration == before


def test_alarm_comes_once_a_minute_and_ends_after_ten() -> None:
    site = registered()
    says(site, ONE, 1.0, U1)
    site.asks(2.0)
    said = [says(site, ONE, float(now), U2, CLONE) for now in (10, 30, 69, 70, 71)]
    assert [remarks(one).count("other-machine") for one in said] == [1, 0, 0, 1, 0]
    assert "one-machine" not in remarks(says(site, ONE, 669.0, U1))
    assert "one-machine" in remarks(says(site, ONE, 671.0, U1))


def test_boot_ids_on_record_are_bounded() -> None:
    site = registered()
    for boot in range(20):
        says(site, ONE, 10.0 + boot, None, f"boot{boot + 20}")
    assert len(site.system().superseded) == identity.SUPERSEDED_MAX
