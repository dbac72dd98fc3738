"""Fencing a simulated peer by its real protocols: a BMC, two outlets, and what may be wrong."""

from dataclasses import replace
from types import MappingProxyType

import pytest
import trio

from fixtures.simulators.bmc_state import Faults
from haconn.core.actions import BeginRestore
from haconn.core.events import (
    BmcUnanswered,
    CommandAnswered,
    OutletSent,
    PowerRead,
    RestoreTried,
    SessionOpened,
)
from haconn.core.model import Accepted, Power, Unsent
from haconn.core.peer_power import Identified, fenceable
from haconn.core.role import Proof
from haconn.core.server import Restore
from haconn.core.takeover import (
    ANOTHER_MACHINE,
    HEARD,
    NOT_CUT,
    STILL_ON,
    Failed,
    Fencing,
    Heard,
    Look,
    Looked,
    Proved,
)
from haconn.daemon.role_token import NOT_OURS
from tests.daemon.pair.standby import GUID, standby


async def test_a_peer_with_a_bmc_that_works_is_proved_off_by_one_power_off() -> None:
    async with standby(effect_s=0.2, timeout_s=25, poll_s=5) as s:
        end = await s.fence()
        assert isinstance(end, Proved)
        assert (end.proof, end.commanded, end.cut) == (Proof.POWER_OFF, True, False)
        assert s.world.bmc.counts.logins == 1, "the session was open before"
        assert not s.world.bmc.chassis.power()
        answers = [one.answer for one in s.all(CommandAnswered)]
        assert answers == [Accepted()]
        assert s.world.orders == 0


async def test_a_dead_machine_without_a_bmc_is_proved_dark_by_its_outlets() -> None:
    async with standby() as s:
        await s.ready()
        s.world.bmc.faults = Faults(silent=True)
        end = await s.fence()
        assert isinstance(end, Proved)
        assert (end.proof, end.commanded, end.cut) == (Proof.OUTLETS_OFF, True, True)
        assert len(s.world.supply.off) == 2
        assert s.all(BmcUnanswered)


async def test_a_lying_bmc_is_no_proof_and_its_outlets_are() -> None:
    async with standby() as s:
        s.world.bmc.faults = Faults(lies=frozenset({"accept-only"}))
        end = await s.fence()
        assert isinstance(end, Proved)
        assert end.proof is Proof.OUTLETS_OFF
        assert s.all(CommandAnswered)[0].answer == Accepted()
        assert not s.world.bmc.counts.executed["power-off"]


async def test_outlets_are_no_proof_while_the_bmc_reads_on() -> None:
    """Some feed is not registered, or the PDU lies."""
    async with standby() as s:
        s.world.supply.feeds_it = False
        s.world.bmc.faults = Faults(lies=frozenset({"accept-only"}))
        end = await s.fence()
        assert isinstance(end, Failed)
        assert end.reason == STILL_ON
        assert len(s.world.supply.off) == 2
        assert len([one for one in s.all(OutletSent) if not one.on]) >= 4, "it was cut anew"


@pytest.mark.parametrize("feeds_it", [True, False])
async def test_a_bmc_that_gives_no_session_and_answers_has_power(feeds_it: bool) -> None:
    """A feed that is not registered keeps it, and so maybe its machine, alive."""
    async with standby(faults=Faults(login="wrong-password")) as s:
        s.world.supply.feeds_it = feeds_it
        await s.until(lambda: len(s.known.server.feeds) == len(s.known.means.feeds))
        s.begin()
        end = await s.ended()
        assert len(s.world.supply.off) == 2
        if feeds_it:
            assert isinstance(end, Proved)
            assert end.proof is Proof.OUTLETS_OFF
        else:
            assert isinstance(end, Failed)
            assert end.reason == STILL_ON
            assert any(one.alive for one in s.all(Looked))


async def test_a_bmc_that_refuses_the_read_of_a_look_has_power() -> None:
    async with standby() as s:
        s.world.supply.feeds_it = False
        await s.ready()
        s.world.bmc.faults = Faults(refuse=MappingProxyType({"status": 0xC0, "power-off": 0xC0}))
        s.begin()
        end = await s.ended()
        assert isinstance(end, Failed)
        assert end.reason == STILL_ON


async def test_a_server_that_dies_a_moment_after_its_outlets_is_proved_dark() -> None:
    """What is left in the supplies keeps the BMC alive for a while."""
    async with standby() as s:
        s.world.supply.feeds_it = False
        s.world.bmc.faults = Faults(lies=frozenset({"accept-only"}))
        await s.ready()
        s.begin()
        await s.until(lambda: isinstance(s.state, Fencing) and s.state.cut_again_at is not None)
        s.world.bmc.faults = Faults(silent=True)
        end = await s.ended()
        assert isinstance(end, Proved)
        assert end.proof is Proof.OUTLETS_OFF


async def test_with_bmc_and_pdus_dead_nothing_is_proved() -> None:
    async with standby() as s:
        await s.ready()
        s.world.bmc.faults = Faults(silent=True)
        for pdu in s.world.rack:
            pdu.agent.faults.silent = "all"
        end = await s.fence()
        assert isinstance(end, Failed)
        assert (end.reason, end.cut) == (NOT_CUT, True)
        assert not s.world.supply.off


async def test_one_outlet_that_is_stuck_keeps_the_proof_away() -> None:
    async with standby() as s:
        await s.ready()
        s.world.bmc.restart(60.0)  # or it would answer again, with one outlet off, and prove it
        next(iter(s.world.rack)).agent.faults.stuck = (3,)
        end = await s.fence()
        assert isinstance(end, Failed)
        assert end.reason == NOT_CUT


async def test_a_peer_that_is_heard_before_a_command_left_is_left_alone() -> None:
    async with standby(outlets=False) as s:
        await s.ready()
        s.world.may_send = False
        s.begin()
        await s.until(lambda: bool(s.all(CommandAnswered)))
        s.take(Heard())
        end = await s.ended()
        assert isinstance(end, Failed)
        assert (end.reason, end.commanded) == (HEARD, False)
        assert s.world.bmc.chassis.power()
        assert not s.world.bmc.counts.executed


async def test_nothing_leaves_without_the_role_token() -> None:
    async with standby() as s:
        await s.ready()
        s.world.may_send = False
        end = await s.fence()
        assert isinstance(end, Failed)
        assert s.all(CommandAnswered)[0].answer == Unsent(NOT_OURS)
        assert not s.all(OutletSent)
        assert (s.world.orders, s.world.bmc.counts.executed.total()) == (0, 0)


async def test_a_bmc_that_refuses_is_followed_by_the_cut() -> None:
    async with standby() as s:
        s.world.bmc.faults = Faults(refuse=MappingProxyType({"power-off": 0xC0}))
        end = await s.fence()
        assert isinstance(end, Proved)
        assert end.proof is Proof.OUTLETS_OFF


async def test_the_guid_is_read_once_in_each_session() -> None:
    async with standby() as s:
        await s.until(lambda: bool(s.all(Identified)))
        assert s.all(Identified)[0].guid == GUID
        assert s.known.matches is True
        await s.until(lambda: len(s.all(PowerRead)) >= 4)
        assert s.world.bmc.counts.guid_reads == 1
        s.world.bmc.forget_sessions()
        await s.until(lambda: len(s.all(Identified)) == 2)
        assert len(s.all(SessionOpened)) == 2
        assert s.world.bmc.counts.guid_reads == 2


async def test_a_bmc_in_another_machine_is_not_switched_off() -> None:
    async with standby(guid=bytes(range(2, 18))) as s:
        await s.until(lambda: bool(s.all(Identified)))
        assert not fenceable(s.known)
        end = await s.fence()
        assert isinstance(end, Failed)
        assert end.reason == ANOTHER_MACHINE
        assert s.world.bmc.chassis.power()


async def test_a_bmc_that_knows_no_guid_is_asked_once_and_fenced_all_the_same() -> None:
    async with standby() as s:
        s.world.bmc.faults = Faults(refuse=MappingProxyType({"guid": 0xC1}))
        await s.until(lambda: len(s.all(PowerRead)) >= 4)
        assert s.world.bmc.counts.guid_reads == 1
        assert s.known.matches is None
        assert isinstance(await s.fence(), Proved)


async def test_outlets_and_power_come_on_again_when_that_is_ordered() -> None:
    async with standby() as s:
        s.world.bmc.faults = Faults(lies=frozenset({"accept-only"}))
        assert isinstance(await s.fence(), Proved)
        feeds = s.known.means.feeds
        s.devices.perform(BeginRestore("m1", Restore.FEEDS, "r-1", feeds))
        await s.until(lambda: bool(s.all(RestoreTried)))
        assert s.all(RestoreTried)[0].failure is None
        assert not s.world.supply.off
        s.world.bmc.faults = Faults()
        s.devices.perform(BeginRestore("m1", Restore.POWER_ON, "r-1", ()))
        await s.until(lambda: len(s.all(RestoreTried)) == 2)
        assert s.all(RestoreTried)[1].failure is None
        assert s.all(PowerRead)[-1].reading.power is Power.ON


async def test_a_look_reports_what_the_bmc_says_and_gives_it_a_second() -> None:
    async with standby() as s:
        await s.ready()
        asked_at = trio.current_time()
        s.devices.perform(Look("m1"))
        await s.until(lambda: bool(s.all(Looked)))
        reads = [one for one in s.all(PowerRead) if one.reading.asked_at >= asked_at]
        assert reads[0].reading.power is Power.ON
        s.world.bmc.faults = Faults(silent=True)
        began = trio.current_time()
        s.devices.perform(Look("m1"))
        await s.until(lambda: len(s.all(Looked)) == 2)
        assert s.all(Looked)[1].asked_at >= began
        assert trio.current_time() >= began + 1.0


async def test_an_answer_that_we_slept_through_is_not_taken_for_silence() -> None:
    async with standby() as s:
        await s.ready()
        s.world.bmc.faults = replace(Faults(), delay_s=0.05)
        asked_at = trio.current_time()
        s.devices.perform(Look("m1"))
        await trio.sleep(0.01)
        stalled_until = trio.current_time() + 1.5
        while trio.current_time() < stalled_until:
            pass  # as a process that is not scheduled
        await s.until(lambda: bool(s.all(Looked)))
        since = s.all(Looked)[0].asked_at
        assert since > asked_at, "the first look is worth nothing"
        assert [one for one in s.all(PowerRead) if one.reading.asked_at >= asked_at]


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.1, 0.5, 1.2, 1.5])
async def test_a_cancelled_fencing_leaves_nothing_behind(after_s: float) -> None:
    async with standby() as s:
        s.world.bmc.faults = Faults(lies=frozenset({"accept-only"}))
        await s.ready()
        s.begin()
        await trio.sleep(after_s)
        world = s.world
    met = (world.bmc.counts.datagrams, world.orders)
    await trio.sleep(0.1)
    assert (world.bmc.counts.datagrams, world.orders) == met
