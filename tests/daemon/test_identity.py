"""Machines and BMCs, with real monitors and simulated BMCs: who is where, and what follows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import pytest
import trio

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc
from fixtures.simulators.bmc_state import Faults, Identity
from haconn.core.events import BmcIdentified, PowerRead
from haconn.core.model import Secret
from haconn.daemon.bmcs import BmcKeeper
from haconn.drivers.ipmi.login import BmcAddress
from haconn.wire.client_events import CheckAnswered
from haconn.wire.codes import Doubt, Verdict
from tests.daemon.parts import Listener
from tests.daemon.site import NETWORK, PATIENCE_S, Site, site
from tests.wire.parts import ALPHA, BETA

A, B = UUID("4c4c4544-004d-3510-805a-c7c04f4e3332"), UUID("4c4c4544-0057-4210-8035-b3c04f4c4d32")


@asynccontextmanager
async def room(directory: Path, guids: dict[str, bytes]) -> AsyncIterator[Site]:
    """A daemon whose commands go to memory, and whose BMCs are logged in to for real."""
    async with site(directory) as here:
        for name, guid in guids.items():
            bmc = SimulatedBmc(Identity(guid=guid))
            host, port = await here.nursery.start(serve_bmc, bmc)
            address = BmcAddress(host, port, "admin", Secret("password"), (17,))
            here.nursery.start_soon(BmcKeeper(name, address, 0.2, here.owner.take).serve)
        yield here


async def told(here: Site, *names: str) -> None:
    """Wait until the BMCs of these servers have told their GUIDs."""
    with trio.fail_after(PATIENCE_S):
        while any(here.owner.world.servers[name].guid is None for name in names):  # noqa: ASYNC110
            await trio.sleep(0.02)


SWAPPED = {"server1": B.bytes_le, "server2": A.bytes[::-1]}
RIGHT = {"server1": A.bytes[::-1], "server2": B.bytes_le}


async def test_swapped_bmcs_are_sent_nothing_and_both_servers_are_named(tmp_path: Path) -> None:
    async with room(tmp_path, SWAPPED) as here:
        await here.monitor(ALPHA, f"{NETWORK}.1", uuid=str(A))
        beta = await here.monitor(BETA, f"{NETWORK}.2", uuid=str(B))
        await told(here, *SWAPPED)
        alarms = "\n".join(here.chronicle.alarms.values())
        assert "server1" in alarms
        assert "server2" in alarms
        assert "HACN231" in alarms
        answer = await beta.check([ALPHA.system])
        assert isinstance(answer, CheckAnswered)
        assert Doubt.UNRESETTABLE in answer.checkups[0].doubt
        with trio.fail_after(40):
            heard = await beta.request_reset(ALPHA.system)
        assert heard.result.verdict is Verdict.FAIL
        assert here.bmcs["server1"].performed == []


@pytest.mark.parametrize(
    ("guids", "uuid"),
    [(RIGHT, str(A)), (SWAPPED, None), ({}, str(A))],
    ids=["right", "a client of old", "BMCs that tell nothing"],
)
async def test_without_a_contradiction_a_reset_is_as_ever(
    tmp_path: Path, guids: dict[str, bytes], uuid: str | None
) -> None:
    async with room(tmp_path, guids) as here:
        await here.monitor(ALPHA, f"{NETWORK}.1", uuid=uuid)
        beta = await here.monitor(BETA, f"{NETWORK}.2")
        await told(here, *guids)
        with trio.fail_after(PATIENCE_S):
            heard = await beta.request_reset(ALPHA.system)
        assert heard.result.verdict is Verdict.DUMP
        assert not here.chronicle.alarms


async def test_clone_of_the_target_makes_no_dump_of_it(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        alpha = await here.monitor(ALPHA, f"{NETWORK}.1", uuid=str(A))
        beta = await here.monitor(BETA, f"{NETWORK}.2", uuid=str(B))
        key = ALPHA.system
        before = here.owner.world.systems[key].boot_id
        async with trio.open_nursery() as asking:
            asking.start_soon(beta.request_reset, key)
            with trio.fail_after(PATIENCE_S):
                while here.owner.world.systems[key].reset is None:  # noqa: ASYNC110
                    await trio.sleep(0.005)
            alpha.uuid = str(UUID(int=A.int + 1))
            alpha.boot()
            with trio.fail_after(PATIENCE_S):
                while not any("HACN235" in one for one in here.chronicle.alarms.values()):  # noqa: ASYNC110
                    await trio.sleep(0.005)
            assert here.owner.world.systems[key].boot_id == before
            asking.cancel_scope.cancel(reason="seen")


async def test_guid_that_is_refused_is_unknown_and_comes_after_the_first_read() -> None:
    events = Listener()
    bmc = SimulatedBmc()
    bmc.faults = Faults(refuse=MappingProxyType({"guid": 0xC1}))
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve_bmc, bmc)
        address = BmcAddress(host, port, "admin", Secret("password"), (17,))
        keeper = BmcKeeper("alpha", address, 0.2, events.take)
        nursery.start_soon(keeper.serve)
        await events.first(PowerRead, 3)
        identified = await events.first(BmcIdentified)
        assert identified.guid is None
        kinds = [type(event) for _, event in events.heard]
        assert kinds.index(PowerRead) < kinds.index(BmcIdentified)
        nursery.cancel_scope.cancel(reason="seen")
