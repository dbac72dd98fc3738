"""The simulators' processes stamp what really arrives, by the clock of this process."""

import os

import pytest

from fixtures.simulators.pdu_agent import Agent
from fixtures.simulators.pdu_layouts import ibm_old
from haconn.config.pdu_models import load_pdu_models
from haconn.core.model import Accepted, Chassis, Power, Refused, Secret
from haconn.drivers.ipmi.login import BmcAddress
from haconn.drivers.ipmi.session import open_session
from haconn.drivers.snmp import Pdu, PduAddress
from haconn.drivers.snmp.boundary import Kind, accept, build
from tests.bench import peers
from tests.bench.clock import now_s
from tests.bench.errors import InvalidRunError
from tests.bench.pdu_process import respelled
from tests.bench.simulators import run_simulator
from tests.bench.site import ACCOUNT, COMMUNITY, PASSWORD

NETWORK = f"127.{64 + os.getpid() % 128}.9"
BMC, PDU = f"{NETWORK}.1", f"{NETWORK}.2"


def left() -> None:
    """Stand where nobody asks when the datagram left."""


async def test_a_chassis_command_is_stamped_between_sending_and_answer() -> None:
    address = BmcAddress(BMC, 6230, ACCOUNT, Secret(PASSWORD), (17,))
    async with run_simulator("bmc_process", 6230, [BMC]) as farm, open_session(address, 1) as bmc:
        reads = await farm.counts()
        await bmc.read_power()
        assert await farm.counts() == {BMC: reads[BMC] + 1}
        began = now_s()
        assert isinstance(await bmc.command(Chassis.NMI, left), Accepted)
        mark = await farm.mark(BMC, frozenset({"nmi"}), began)
        assert began <= mark.at <= now_s()


async def test_a_refused_command_is_stamped_too_and_not_carried_out() -> None:
    address = BmcAddress(BMC, 6230, ACCOUNT, Secret(PASSWORD), (17,))
    async with run_simulator("bmc_process", 6230, [BMC]) as farm, open_session(address, 1) as bmc:
        await farm.ask(f"refuse {BMC} power-off")
        began = now_s()
        assert isinstance(await bmc.command(Chassis.POWER_OFF, left), Refused)
        await farm.mark(BMC, frozenset({"power-off"}), began)
        assert (await bmc.read_power()).power is Power.ON


async def test_orders_and_reads_of_outlets_are_stamped_in_their_order() -> None:
    address = PduAddress(PDU, 16161, Secret(COMMUNITY), "2c")
    pdu = Pdu(address, load_pdu_models()["IBM_PDU"])
    async with run_simulator("pdu_process", 16161, [PDU]) as rack:
        layout = await pdu.probe()
        began = now_s()
        assert isinstance(await pdu.switch(layout, "3", Power.OFF, left), Accepted)
        assert (await pdu.read(layout, ("3",)))["3"].power is Power.OFF
        order = await rack.mark(PDU, frozenset({"set"}), began)
        read = await rack.mark(PDU, frozenset({"get"}), order.at)
        assert began <= order.at <= order.until <= read.at <= read.until <= now_s()
        assert await rack.ask("off") == {PDU: [3]}


def test_answers_are_spelled_in_many_ways_and_say_the_same() -> None:
    oids = (
        (1, 3, 6, 1, 4, 1, 2, 6, 223, 7, 3, 0),
        (1, 3, 6, 1, 4, 1, 2, 6, 223, 8, 2, 2, 1, 11, 3),
    )
    request = build(Kind.GET, "2c", Secret(COMMUNITY), oids)
    (answer,) = Agent(PDU, ibm_old("pdu", 12)).answer(request.wire)
    plain = accept(request, answer)
    assert plain is not None
    spelled = [respelled(answer, number) for number in range(125)]
    assert len(set(spelled)) == 125
    assert all(accept(request, one) == plain for one in spelled)


async def test_a_line_that_is_not_understood_makes_the_run_invalid() -> None:
    async with run_simulator("bmc_process", 6230, [BMC]) as farm:
        with pytest.raises(InvalidRunError, match="not understood"):
            await farm.ask("counts of what")


def test_a_missing_program_fails_in_ci_only() -> None:
    nowhere = "/nonexistent"
    peers.require_all_in_ci({}, nowhere)
    with pytest.raises(InvalidRunError, match="ipmitool, ipmipower, fence_ipmilan, fence_ipdu"):
        peers.require_all_in_ci({"CI": "true"}, nowhere)
