"""What `haconnshow` shows of a pair, on either server."""

from dataclasses import replace
from pathlib import Path

import trio

from haconn.core.model import Instant, Power
from haconn.core.pair_times import TIMES
from haconn.core.power import BmcWatch
from haconn.core.report import (
    Fed,
    Link,
    ManagementRow,
    ManagementStatus,
    MonitorReport,
    PduReport,
    Role,
    StatusReport,
    SystemStatus,
)
from haconn.wire.control import Monitors, Pdus, RestartActive, ShutdownStandby, Status
from tests.daemon.pair.members import PATIENCE_S, PDU, Member, two_members


async def status(member: Member) -> StatusReport:
    report = await member.ask(Status())
    assert isinstance(report, StatusReport)
    return report


def rows(report: StatusReport) -> dict[str, ManagementRow]:
    return {row.name: row for row in report.management}


async def heard_both_ways(member: Member) -> StatusReport:
    """Wait until both have said that they hear each other, and that they are in step."""
    with trio.fail_after(PATIENCE_S):
        while True:
            report = await status(member)
            links = {link for path in report.paths for link in (path.heard, path.hears_us)}
            if links == {Link.OK} and report.synchronised:
                return report


def set_watch(member: Member, **known: object) -> None:
    """What the BMC of the peer has told."""
    power = member.parts.pair.power
    watch = replace(BmcWatch(), **known)  # type: ignore[arg-type]
    member.parts.pair.power = replace(power, server=replace(power.server, watch=watch))


async def test_both_show_the_same_roles_in_the_same_order(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        for member in (active, standby):
            report = await heard_both_ways(member)
            assert (report.mode, report.link, report.epoch) == ("pair", Link.OK, 1)
            assert [row.name for row in report.management] == ["m1", "m2"]
            shown = rows(report)
            assert shown[active.name].role is Role.ACTIVE
            assert shown[standby.name].role is Role.STANDBY
            assert [path.name for path in report.paths] == [
                "duplex LAN",
                "management LAN",
                "reset path",
            ]
            assert [row.name for row in report.servers] == ["server1", "server2", "server3"]


async def test_a_standby_shows_nothing_of_the_managed_servers(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        active.write(1)
        for member, knows in ((active, True), (standby, False)):
            report = await member.ask(Monitors())
            assert isinstance(report, MonitorReport)
            first = report.rows[0]
            assert (first.status is not SystemStatus.UNREGISTERED) == knows
            assert all(row.server not in {"m1", "m2"} for row in report.rows)


async def test_outlets_of_the_management_servers_are_shown_on_both(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        for member in await members.in_step():
            report = await member.ask(Pdus())
            assert isinstance(report, PduReport)
            fed = {row.con: (row.feeds, row.server) for row in report.outlets if row.pdu == PDU}
            assert (fed["1"], fed["2"]) == ((Fed.MANAGEMENT, "m1"), (Fed.MANAGEMENT, "m2"))
            assert fed["3"] == (Fed.NOTHING, None)


async def test_before_the_peer_was_ever_heard_nothing_is_claimed(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        await members.start(members.one)
        report = await status(members.one)
        assert (report.link, report.synchronised) == (Link.NONE, None)
        mine, theirs = report.management
        assert (mine.role, mine.status) == (Role.UNDECIDED, ManagementStatus.NORMAL)
        assert (theirs.role, theirs.status) == (Role.UNDECIDED, ManagementStatus.UNKNOWN)
        assert {(path.heard, path.hears_us) for path in report.paths} == {(Link.NONE, Link.NONE)}


async def test_a_peer_that_is_silent_is_shown_by_what_its_bmc_says(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        await heard_both_ways(active)
        standby.kill()
        pair = active.parts.pair
        await active.until(
            lambda: pair.hearing.silent_for(Instant(trio.current_time())) > TIMES.dead_s
        )
        report = await status(active)
        assert report.link is Link.NG
        assert (report.synchronised, rows(report)[standby.name].role) == (None, Role.UNDECIDED)
        assert {path.hears_us for path in report.paths} == {Link.NONE}
        for power, shown in (
            (Power.ON, ManagementStatus.ERROR),
            (Power.OFF, ManagementStatus.POFF),
            (None, ManagementStatus.UNKNOWN),
        ):
            set_watch(active, power=power, reachable=True)
            row = rows(await status(active))[standby.name]
            assert (row.status, row.bmc) == (shown, Link.OK)
        assert f"degraded: {standby.name} is not heard" in (await status(active)).notes


async def test_drift_is_shown_and_is_no_reason_against_a_takeover(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        await heard_both_ways(active)
        there = standby.parts.membership
        there.standing = replace(there.standing, configuration=b"another!", peer_fenceable=True)

        def shown() -> bool:
            beat = active.parts.membership.heard_of.beat
            return beat is not None and beat.standing.configuration == b"another!"

        await active.until(shown)
        notes = (await status(active)).notes
        assert "degraded: its settings differ" in notes
        assert not any(note.startswith("no takeover") for note in notes)
        assert not any(note.startswith("degraded") for note in (await status(standby)).notes)


async def test_pdus_of_the_management_servers_are_shown_as_far_as_they_are_asked(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        core = active.service.activation.active
        assert core is not None
        known = core.parts.owner.world.pdus
        for reached, link in ((True, Link.OK), (False, Link.NG)):
            known[PDU] = reached
            assert {row.ipdu for row in (await status(active)).management} == {link}
        assert {row.ipdu for row in (await status(standby)).management} == {Link.NONE}
        power = standby.parts.pair.power
        standby.parts.pair.power = replace(power, pdus=frozenset({PDU}))
        assert {row.ipdu for row in (await status(standby)).management} == {Link.OK}


async def test_own_bmc_and_outlets_are_shown_apart_as_the_peer_reaches_them(
    tmp_path: Path,
) -> None:
    """B2: own BMC dead and PDUs good was shown as OK."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        await heard_both_ways(active)
        set_watch(standby, reachable=False)
        power = standby.parts.pair.power
        standby.parts.pair.power = replace(power, pdus=frozenset({PDU}), lost=frozenset())

        def shown() -> bool:
            beat = active.parts.membership.heard_of.beat
            assert beat is not None
            return (beat.standing.peer_bmc, beat.standing.peer_outlets) == (False, True)

        await active.until(shown)
        own = rows(await status(active))[active.name]
        assert (own.bmc, own.ipdu) == (Link.NG, Link.OK)


async def test_a_standby_that_has_stopped_in_order_is_no_error(tmp_path: Path) -> None:
    """B2; and F5: one that starts anew is shown as `reset`, and never as a second active."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        await heard_both_ways(active)
        await active.ask(ShutdownStandby())
        await active.until(lambda: active.parts.pair.record is not None)
        set_watch(active, power=Power.ON, reachable=True)
        row = rows(await status(active))[standby.name]
        assert row.status is ManagementStatus.NORMAL
        assert "degraded: m" in (await status(active)).notes[0]


async def test_after_a_restart_the_other_is_shown_as_reset_and_there_is_one_active(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        await heard_both_ways(active)
        await active.ask(RestartActive(force=True))
        await standby.until(lambda: standby.serves)
        set_watch(standby, power=Power.ON, reachable=True)
        shown = rows(await status(standby))
        assert shown[standby.name].role is Role.ACTIVE
        assert shown[active.name].role is Role.UNDECIDED
        await standby.until(lambda: standby.parts.pair.record is not None)
        set_watch(standby, power=Power.ON, reachable=True)
        assert rows(await status(standby))[active.name].status is ManagementStatus.RESET
