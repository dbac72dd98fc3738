"""What a BMC says, true or not, and what the caller is told about it."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from fixtures.simulators.bmc import SimulatedBmc
from fixtures.simulators.bmc_state import Faults, PlainChassis
from haconn.core.model import (
    Accepted,
    Chassis,
    InDoubt,
    Power,
    Refused,
)
from haconn.drivers.base import DeviceFault, DeviceSilent
from tests.drivers.ipmi_lab import lab


@pytest.fixture
def bmc() -> SimulatedBmc:
    return SimulatedBmc()


@pytest.mark.parametrize("command", list(Chassis))
async def test_a_refusal_carries_its_code_and_meaning(bmc: SimulatedBmc, command: Chassis) -> None:
    bmc.faults = Faults(refuse=MappingProxyType({command.value: 0xD4}))
    async with lab(bmc) as here:
        await here.order(command)
        assert here.answers == [Refused("0xD4 the privilege level of the session is too low")]
    assert bmc.counts.executed.total() == 0


@pytest.mark.parametrize("command", [Chassis.NMI, Chassis.RESET])
@pytest.mark.parametrize("code", [0x01, 0x80, 0xC3, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD7, 0xFF])
async def test_a_code_after_which_it_may_have_run_is_in_doubt(
    bmc: SimulatedBmc, code: int, command: Chassis
) -> None:
    bmc.faults = Faults(refuse=MappingProxyType({command.value: code}))
    async with lab(bmc) as here:
        await here.order(command)
        assert isinstance(here.answers[0], InDoubt)


async def test_an_answer_to_another_command_is_not_the_answer(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        bmc.faults = Faults(lies=frozenset({"mixed-up"}))
        with pytest.raises(DeviceSilent):
            await here.session.read_power()
        assert here.session.ignored == {"answer that nobody waits for": 3}
    assert bmc.counts.status_reads == 3


async def test_a_status_that_is_refused_is_a_fault_and_no_reading(bmc: SimulatedBmc) -> None:
    bmc.faults = Faults(refuse=MappingProxyType({"status": 0xC0}))
    async with lab(bmc) as here:
        with pytest.raises(DeviceFault, match="0xC0 the BMC is busy"):
            await here.session.read_power()


async def test_a_server_that_is_off_refuses_a_reset() -> None:
    bmc = SimulatedBmc(chassis=PlainChassis(on=False))
    async with lab(bmc) as here:
        await here.order(Chassis.RESET)
        assert isinstance(here.answers[0], Refused)
        assert (await here.session.read_power()).power is Power.OFF


async def test_a_bmc_that_lies_shows_it(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        bmc.faults = Faults(lies=frozenset({"accept-only"}))
        await here.order(Chassis.POWER_OFF)
        assert here.answers == [Accepted()]
        assert (await here.session.read_power()).power is Power.ON
        bmc.faults = replace(bmc.faults, lies=frozenset({"stale-off"}))
        await here.order(Chassis.RESET)
        readings = [(await here.session.read_power()).power for _ in range(3)]
        assert readings == [Power.OFF, Power.ON, Power.ON]
