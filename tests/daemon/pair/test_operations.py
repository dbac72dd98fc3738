"""What commands are allowed on which role (R-260 to R-279), and what they do (real sockets)."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from haconn.core import pair
from haconn.core.beat import PairRole
from haconn.core.events import Requested, Speaker
from haconn.core.gate import InStep
from haconn.core.model import Instant
from haconn.core.report import CopyReport, MonitorReport, PduReport, RoleReport, StatusReport
from haconn.daemon.pair.operations import EXACT_AFTER_S
from haconn.wire.control import (
    Acrecovery,
    CopyConfiguration,
    Monitors,
    Pdus,
    ReloadKeys,
    Request,
    Reset,
    RestartActive,
    RestartStandby,
    ShutdownActive,
    ShutdownStandby,
    Status,
    Takeover,
)
from tests.daemon.pair.members import Member, two_members

ON_THE_ACTIVE_ONLY = (
    CopyConfiguration(),
    RestartActive(),
    RestartActive(force=True),
    ShutdownActive(),
    ShutdownActive(force=True),
    Acrecovery("server1"),
    Reset("server1", 1),
)
EVERYWHERE: dict[Request, type] = {
    Status(): StatusReport,
    Monitors(): MonitorReport,
    Pdus(): PduReport,
}


async def shows_and_reloads(member: Member) -> None:
    for request, kind in EVERYWHERE.items():
        assert isinstance(await member.ask(request), kind)
    await member.ask(ReloadKeys())


async def refuses_what_only_an_active_does(member: Member) -> None:
    for request in ON_THE_ACTIVE_ONLY:
        said = await member.refuses(request)
        assert said.endswith(f"is {member.role.value}; allowed on the active only")
    assert not member.ending.ordered.is_set()


async def test_a_standby_shows_and_reloads_and_refuses_the_rest(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        await shows_and_reloads(standby)
        await refuses_what_only_an_active_does(standby)
        assert active.serves


async def test_an_undecided_server_shows_and_reloads_and_refuses_the_rest(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        await members.start(members.one)
        await shows_and_reloads(members.one)
        await refuses_what_only_an_active_does(members.one)


async def test_an_active_does_what_it_is_told(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        await shows_and_reloads(active)
        said: list[str] = []
        assert await active.ask(CopyConfiguration(), said) == CopyReport(())
        assert said == [f"the settings go to {standby.name}"]
        assert "no system with address 9" in await active.refuses(Reset("server1", 9))
        assert "no such server" in await active.refuses(Acrecovery("nobody"))


# ---- restarts


async def test_restart_of_the_active_is_refused_if_the_standby_would_serve_worse(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        here = active.parts.membership
        here.standing = replace(here.standing, bmcs_reached=3)
        said = await refused_for("reaches", active, RestartActive())
        assert (
            said == f"{standby.name} reaches 0 BMCs, this server 3; --force restarts all the same"
        )
        log = here.log
        assert log is not None
        await trio.sleep(EXACT_AFTER_S)
        log.followed_by(active.parts.session)
        assert "is not synchronised" in await active.refuses(RestartActive())
        standby.kill()
        await active.until(lambda: not heard(active))
        assert "is not heard" in await active.refuses(RestartActive())
        assert not active.ending.ordered.is_set()


async def refused_for(
    reason: str, member: Member, request: Request, first: Callable[[], object] = bool
) -> str:
    """It may take until a silence is noticed; `first` is done each time before it is asked."""
    with trio.fail_after(10):
        while True:
            first()
            said = await member.refuses(request)
            if reason in said:
                return said
            await trio.sleep(0.1)


async def test_restart_of_the_active_hands_over_when_the_operator_has_been_told(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        await trio.sleep(EXACT_AFTER_S)
        active.write(4)
        report = await active.ask(RestartActive())
        assert report == RoleReport(
            f"{standby.name} takes over, and this server starts anew as its standby"
        )
        await active.ended.wait()
        assert active.codes == [75]
        await standby.until(lambda: standby.serves)
        assert "the record of resets is complete" in standby.events()
        assert not active.address.had
        await members.start(active)
        await standby.until(lambda: standby.has_in_step(active))
        assert active.written() == 4


async def test_restart_by_force_says_that_nobody_takes_over(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        standby.kill()
        await active.until(lambda: not heard(active))
        report = await active.ask(RestartActive(force=True))
        assert isinstance(report, RoleReport)
        assert "not heard to take over" in report.text
        await active.ended.wait()
        assert active.codes == [75]


@pytest.mark.parametrize("by", ["active", "standby"])
async def test_the_standby_starts_anew_and_stops_by_order_of_either(
    tmp_path: Path, by: str
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        asked = active if by == "active" else standby
        for request, code in ((RestartStandby(), 75), (ShutdownStandby(), 0)):
            report = await asked.ask(request)
            assert isinstance(report, RoleReport)
            assert report.text.startswith("this server" if asked is standby else standby.name)
            await standby.ended.wait()
            assert standby.codes[-1] == code
            await active.until(lambda: active.parts.pair.record is not None)
            if code:
                await members.start(standby)
                await active.until(lambda: active.has_in_step(standby))
        assert active.serves
        assert "takes over" not in standby.events()


async def test_an_undecided_server_can_be_stopped(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        await members.start(members.one)
        assert await members.one.ask(ShutdownStandby()) == RoleReport("this server stops")
        await members.one.ended.wait()
        assert members.one.codes == [0]


async def test_an_order_for_a_standby_that_is_gone_is_refused(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        standby.kill()
        await standby.ended.wait()
        assert await active.refuses(RestartStandby())
        assert await active.refuses(CopyConfiguration())
        assert active.serves


async def test_restart_waits_until_the_standby_has_heard_that_it_is_synchronised(
    tmp_path: Path,
) -> None:
    """Before that it would take over as one that may lack something, and command nothing."""
    async with two_members(tmp_path) as members:
        active, _ = await members.in_step()
        log = active.parts.membership.log
        assert log is not None
        assert isinstance(log.gate.standing, InStep)
        since = Instant(trio.current_time() + 100)
        log.gate = replace(log.gate, standing=replace(log.gate.standing, since=since))
        assert "not synchronised" in await active.refuses(RestartActive())


# ---- shutdown


async def test_shutdown_stops_the_standby_first_and_the_active_keeps_its_record(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        said: list[str] = []
        report = await active.ask(ShutdownActive(), said)
        assert standby.ended.is_set() or standby.ending.ordered.is_set()
        assert report == RoleReport("both management servers stop")
        assert said == [f"{standby.name} is to stop first"]
        await active.ended.wait()
        assert (active.codes, standby.codes) == ([0], [0])
        assert active.parts.record.load() is not None
        assert standby.parts.record.load() is None
        assert "takes over" not in standby.events()


async def test_shutdown_is_refused_if_the_standby_does_not_confirm(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        standby.kill()
        await standby.ended.wait()
        assert "--force" in await active.refuses(ShutdownActive())
        await refused_for("it is not heard, and may run", active, ShutdownActive())
        assert not active.ending.ordered.is_set()
        report = await active.ask(ShutdownActive(force=True))
        assert isinstance(report, RoleReport)
        assert report.text.startswith("this server stops")
        await active.ended.wait()
        assert active.codes == [0]


async def test_shutdown_in_the_middle_of_a_reset_is_refused_unless_forced(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        serving = active.service.activation.active
        assert serving is not None
        owner = serving.parts.owner
        target, requester = list(owner.world.systems)[:2]
        speaker = Speaker(requester, "boot", Instant(trio.current_time()), "127.0.0.1", 7001)
        # it is conservative for its first 15 s, and would hold the request back
        owner.world.settings = replace(owner.world.settings, conservative_until=None)
        owner.take(Requested(speaker, "a1", target))
        assert owner.world.systems[target].reset is not None
        refusal = await active.refuses(ShutdownActive())
        assert refusal.startswith("a reset is in progress; --force")
        assert not active.ending.ordered.is_set()
        assert not standby.ending.ordered.is_set(), "it was not told to stop either"
        await active.ask(ShutdownActive(force=True))
        await active.ended.wait()
        assert (active.codes, standby.codes) == ([0], [0])


async def test_shutdown_of_a_pair_whose_standby_has_stopped_needs_no_force(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        await standby.ask(ShutdownStandby())
        await standby.ended.wait()
        assert await active.ask(ShutdownActive()) == RoleReport("both management servers stop")
        await active.ended.wait()
        assert active.codes == [0]
        await members.start(active)  # the last to stop may be started alone
        await active.until(lambda: active.serves)
        assert active.parts.pair.member.epoch == 2


# ---- takeover on the operator's word


async def test_a_takeover_is_refused_while_the_peer_is_heard_or_another_name_is_typed(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        assert "active already" in await active.refuses(Takeover(standby.name))
        assert "the peer is heard" in await standby.refuses(Takeover(active.name))
        said = await standby.refuses(Takeover(standby.name))
        assert said == f"{standby.name}: the peer of this server is {active.name}"
        assert standby.role is PairRole.STANDBY


async def test_a_standby_takes_over_on_the_operators_word_and_is_conservative(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        active.kill()
        await standby.until(lambda: refusal(standby) is None)
        report = await standby.ask(Takeover(active.name))
        assert report == RoleReport(f"this server takes over from {active.name}")
        await standby.until(lambda: standby.serves)
        assert "takes no device command for 15 s" in standby.events()


def heard(member: Member) -> bool:
    return pair.knows_peer(member.parts.pair, Instant(trio.current_time()))


def refusal(member: Member) -> str | None:
    return pair.refusal(member.parts.pair, Instant(trio.current_time()))
