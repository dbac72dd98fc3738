"""What haconn's IPMI driver needs of any BMC, tested on every BMC we can run."""

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from haconn.core.model import Accepted, Answer, Chassis, Power, Refused, Secret
from haconn.drivers.base import DeviceFault, DeviceUnreachable, LoginRefused
from haconn.drivers.ipmi.session import BmcAddress, Session, open_session, ping
from tests.drivers.ipmi_peers import BmcPeer, ipmi_sim, pyghmi, simulated, virtualbmc

PATIENCE_S = 60  # a test's, not the program's
TRIES = 500
SUITES_ASKED = pytest.mark.parametrize("suites", [(17,), (3,), (17, 3)], ids=["17", "3", "auto"])


@pytest.fixture(params=["simulated", "pyghmi", "ipmi_sim", "virtualbmc"])
def bmc(
    request: pytest.FixtureRequest, tmp_path: Path, peer: Callable[[str], str]
) -> Iterator[BmcPeer]:
    makers = {
        "simulated": lambda: simulated(tmp_path),
        "pyghmi": pyghmi,
        "ipmi_sim": lambda: ipmi_sim(peer("ipmi_sim"), tmp_path),
        "virtualbmc": virtualbmc,
    }
    with makers[request.param]() as running:
        yield running


def address(bmc: BmcPeer, suites: tuple[int, ...] = (17, 3), word: str = "password") -> BmcAddress:
    return BmcAddress("127.0.0.1", bmc.port, "admin", Secret(word), suites)


async def wait_until_up(bmc: BmcPeer) -> None:
    for _ in range(TRIES):
        if await ping("127.0.0.1", bmc.port):
            return
        await trio.sleep(0.02)


@asynccontextmanager
async def logged_in(bmc: BmcPeer) -> AsyncIterator[Session]:
    with trio.fail_after(PATIENCE_S):
        await wait_until_up(bmc)
        async with open_session(address(bmc), 1) as session:
            yield session


async def order(session: Session, command: Chassis) -> Answer:
    return await session.command(command, lambda: None)


async def executed(bmc: BmcPeer, name: str, times: int) -> bool:
    """Tell whether the peer has carried it out so often; some say so a moment after answering."""
    for _ in range(TRIES):
        if bmc.executed()[name] >= times:
            break
        await trio.sleep(0.02)
    return bmc.executed()[name] == times


async def test_power_on_and_the_device_are_read(bmc: BmcPeer) -> None:
    async with logged_in(bmc) as session:
        reading = await session.read_power()
        assert reading.power is Power.ON
        assert reading.session == 1
        assert reading.asked_at <= reading.answered_at
        assert len(await session.device_id()) >= 11
        assert not session.ignored


@SUITES_ASKED
async def test_the_suite_in_use_is_one_that_was_allowed(
    bmc: BmcPeer, suites: tuple[int, ...]
) -> None:
    with trio.fail_after(PATIENCE_S):
        await wait_until_up(bmc)
        if not set(suites) & set(bmc.suites):
            with pytest.raises(LoginRefused, match="17"):
                async with open_session(address(bmc, suites), 1):
                    pytest.fail("logged in with a suite that the BMC does not have")
            return
        async with open_session(address(bmc, suites), 1) as session:
            assert session.suite == next(suite for suite in suites if suite in bmc.suites)
            assert (await session.read_power()).power is Power.ON


async def test_one_reset_is_carried_out_once(bmc: BmcPeer) -> None:
    async with logged_in(bmc) as session:
        assert await order(session, Chassis.RESET) == Accepted()
        assert await executed(bmc, "reset", 1)


async def test_an_nmi_is_carried_out_or_definitely_refused(bmc: BmcPeer) -> None:
    async with logged_in(bmc) as session:
        answer = await order(session, Chassis.NMI)
        if bmc.has_nmi:
            assert answer == Accepted()
            assert await executed(bmc, "nmi", 1)
        else:
            assert isinstance(answer, Refused)
            assert answer.reason.startswith("0xCC ")


async def test_power_off_and_on_are_seen_in_the_reading(bmc: BmcPeer) -> None:
    async with logged_in(bmc) as session:
        for command, power in ((Chassis.POWER_OFF, Power.OFF), (Chassis.POWER_ON, Power.ON)):
            assert await order(session, command) == Accepted()
            assert await executed(bmc, command.value, 1)
            if bmc.keeps_power:
                assert (await session.read_power()).power is power


async def test_the_guid_is_read_or_the_fault_is_named(bmc: BmcPeer) -> None:
    async with logged_in(bmc) as session:
        if bmc.has_guid:
            assert len(await session.system_guid()) == 16
        else:
            with pytest.raises(DeviceFault, match="0xC1"):
                await session.system_guid()


async def test_a_wrong_password_is_named_as_such(bmc: BmcPeer) -> None:
    with trio.fail_after(PATIENCE_S):
        await wait_until_up(bmc)
        with pytest.raises(LoginRefused, match="wrong password"):
            async with open_session(address(bmc, (3,), "guess"), 1):
                pytest.fail("logged in with a wrong password")


async def test_one_session_follows_another(bmc: BmcPeer) -> None:
    for _ in range(6):
        async with logged_in(bmc) as session:
            assert (await session.read_power()).power is Power.ON


async def test_many_requests_at_once_are_all_answered(bmc: BmcPeer) -> None:
    async with logged_in(bmc) as session, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(session.read_power)
        assert await order(session, Chassis.RESET) == Accepted()
    assert await executed(bmc, "reset", 1)


async def test_a_reset_sent_to_a_bmc_frozen_for_3_s_is_carried_out_once(bmc: BmcPeer) -> None:
    async with logged_in(bmc) as session, trio.open_nursery() as nursery:
        os.kill(bmc.process.pid, signal.SIGSTOP)
        nursery.start_soon(thaw, bmc, 3.0)
        assert await order(session, Chassis.RESET) == Accepted()
        assert (await session.read_power()).power is Power.ON  # what piled up is answered by now
        assert await executed(bmc, "reset", 1)


async def test_a_late_reading_is_not_the_answer_of_a_command(bmc: BmcPeer) -> None:
    async with logged_in(bmc) as session, trio.open_nursery() as nursery:
        os.kill(bmc.process.pid, signal.SIGSTOP)
        with trio.move_on_after(0.1):
            await session.read_power()
        nursery.start_soon(thaw, bmc, 0.2)
        answer = await order(session, Chassis.NMI)
        assert isinstance(answer, Accepted if bmc.has_nmi else Refused)
        # the abandoned reading's answer came first, and found nobody
        assert session.ignored["answer that nobody waits for"] >= 1


async def test_a_bmc_that_is_gone_is_unreachable_at_once(bmc: BmcPeer) -> None:
    async with logged_in(bmc) as session:
        bmc.process.kill()
        bmc.process.wait()
        with pytest.raises(DeviceUnreachable):
            await session.read_power()


async def thaw(bmc: BmcPeer, seconds: float) -> None:
    await trio.sleep(seconds)
    os.kill(bmc.process.pid, signal.SIGCONT)
