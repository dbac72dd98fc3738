"""No wrong answer of a PDU is ever read as off, and every fault of it has its own name."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
import trio.testing

from fixtures.simulators import pdu_ber as ber
from fixtures.simulators.pdu import Rack, SimulatedPdu
from fixtures.simulators.pdu_agent import Agent
from fixtures.simulators.pdu_ber import Typed
from fixtures.simulators.pdu_layouts import IBM, IBM_ROW, LAYOUTS, UPTIME
from fixtures.simulators.pdu_lies import LIES
from haconn.config.pdu_model import Version
from haconn.core.model import Accepted, InDoubt, Power, Refused, Unsent
from haconn.drivers.base import DeviceError, DeviceFault, DeviceSilent, DeviceUnreachable
from haconn.drivers.snmp import FirmwareChanged, NotUsable, Pdu
from tests.drivers.pdu_bench import MODEL_OF, MODELS, driver, never, states_of, whenever

HOST = "127.0.3.2"
Start = Callable[[str], Awaitable[SimulatedPdu]]
HONEST = {"off", "garbage-first", "only-v1", "no-index"}
VALUES = ["6000", "gauge", "counter", "ticks", "text", "null", "missing"]
HEADS = ["no-octets", "other-community", "other-version", "other-pdu", "other-id", "other-source"]
BINDINGS = ["gen-err", "no-bindings", "one-binding-less", "other-objects"]


@pytest.fixture
def start(nursery: trio.Nursery) -> Start:
    """Start a simulated PDU of a layout."""

    async def start(layout: str) -> SimulatedPdu:
        rack = Rack.of(layout, [HOST])
        await nursery.start(rack.serve)
        return rack[HOST]

    return start


def driver_of(pdu: SimulatedPdu, layout: str, version: Version | None = "2c") -> Pdu:
    return driver(HOST, pdu.port, MODEL_OF[layout], version)


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_lies_are_never_off(nursery: trio.Nursery, layout: str) -> None:
    """The lie `off` itself is not here: a PDU that says off in every respect is believed."""
    lies = VALUES + HEADS + BINDINGS
    rack = Rack.of(layout, [f"127.0.3.{100 + place}" for place in range(len(lies))])
    await nursery.start(rack.serve)
    read: dict[str, set[Power]] = {}

    async def look(lie: str, pdu: SimulatedPdu) -> None:
        device = driver(pdu.address, pdu.port, MODEL_OF[layout])
        found = await device.probe()
        pdu.agent.faults.lie = lie
        with contextlib.suppress(DeviceError):
            read[lie] = set((await states_of(device, found, found.outlets)).values())

    async with trio.open_nursery() as looks:
        for lie, pdu in zip(lies, rack, strict=True):
            looks.start_soon(look, lie, pdu)
    assert read == {lie: {Power.UNKNOWN} for lie in VALUES}


def test_every_lie_is_among_those_above() -> None:
    assert {*HONEST, *VALUES, *HEADS, *BINDINGS} == LIES.keys()


@pytest.mark.parametrize("lie", BINDINGS[1:])
async def test_answer_for_other_objects_is_a_fault_and_an_order_is_in_doubt(
    start: Start, lie: str
) -> None:
    pdu = await start("ibm-old")
    device = driver_of(pdu, "ibm-old")
    found = await device.probe()
    pdu.agent.faults.lie = lie
    with pytest.raises(DeviceFault, match="other objects"):
        await states_of(device, found, ["1"])
    assert isinstance(await device.switch(found, "1", Power.OFF, whenever), InDoubt)


@pytest.mark.parametrize("lie", HEADS)
async def test_answer_of_another_conversation_is_no_answer(start: Start, lie: str) -> None:
    pdu = await start("ibm-old")
    device = driver_of(pdu, "ibm-old")
    found = await device.probe()
    pdu.agent.faults.lie = lie
    with trio.move_on_after(0.5) as waited:
        await device.switch(found, "1", Power.OFF, whenever)
    assert waited.cancelled_caught


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_garbage_before_the_answer_changes_nothing(start: Start, layout: str) -> None:
    pdu = await start(layout)
    pdu.agent.faults.lie = "garbage-first"
    device = driver_of(pdu, layout)
    found = await device.probe()
    assert await states_of(device, found, ["1"]) == {"1": Power.ON}
    assert await device.switch(found, "1", Power.OFF, whenever) == Accepted()
    assert await states_of(device, found, ["1"]) == {"1": Power.OFF}


async def test_stuck_outlet_takes_the_order_and_reads_on(start: Start) -> None:
    pdu = await start("ibm-new")
    pdu.agent.faults.stuck = (4,)
    device = driver_of(pdu, "ibm-new")
    found = await device.probe()
    assert await device.switch(found, "4", Power.OFF, whenever) == Accepted()
    assert await states_of(device, found, ["4"]) == {"4": Power.ON}


@pytest.mark.parametrize("status", [*range(1, 19), 99])
async def test_every_error_status_is_refused_or_in_doubt_and_says_why(
    start: Start, status: int
) -> None:
    pdu = await start("ibm-old")
    device = driver_of(pdu, "ibm-old")
    found = await device.probe()
    pdu.agent.faults.status = status
    answer = await device.switch(found, "1", Power.OFF, whenever)
    assert isinstance(answer, InDoubt if status in {5, 15, 99} else Refused)
    assert answer.reason
    assert pdu.agent.counts.sets == 1
    assert await states_of(device, found, ["1"]) == {"1": Power.ON}


async def test_closed_port_is_unreachable_and_an_order_in_doubt(start: Start) -> None:
    pdu = await start("ibm-old")
    device = driver_of(pdu, "ibm-old")
    found = await device.probe()
    pdu.close()
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(DeviceUnreachable, match="refused"):
        await states_of(device, found, ["1"])
    left: list[int] = []
    answer = await device.switch(found, "1", Power.OFF, lambda: left.append(1))
    assert isinstance(answer, InDoubt)
    assert left == [1]
    pdu.close(closed=False)
    await trio.testing.wait_all_tasks_blocked()
    assert await states_of(device, found, ["1"]) == {"1": Power.ON}


async def test_port_that_opens_and_does_not_answer_is_silent_and_not_unreachable(
    start: Start,
) -> None:
    pdu = await start("ibm-old")
    device = driver_of(pdu, "ibm-old")
    found = await device.probe()
    pdu.close()
    pdu.agent.faults.silent = "all"
    await trio.testing.wait_all_tasks_blocked()

    async def open_before_the_second_sending() -> None:
        await trio.sleep(0.1)
        pdu.close(closed=False)

    async with trio.open_nursery() as both:
        both.start_soon(open_before_the_second_sending)
        with pytest.raises(DeviceSilent):
            await states_of(device, found, ["1"])


async def test_order_that_the_kernel_does_not_take_is_unsent(start: Start) -> None:
    pdu = await start("ibm-old")
    found = await driver_of(pdu, "ibm-old").probe()
    nowhere = driver("255.255.255.255", pdu.port)  # a broadcast needs SO_BROADCAST
    assert isinstance(await nowhere.switch(found, "1", Power.OFF, never), Unsent)
    with pytest.raises(DeviceUnreachable):
        await states_of(nowhere, found, ["1"])


async def test_order_whose_answer_is_lost_was_carried_out_all_the_same(start: Start) -> None:
    pdu = await start("ibm-old")
    device = driver_of(pdu, "ibm-old")
    found = await device.probe()
    pdu.agent.faults.silent = "answers"
    left: list[int] = []
    with trio.move_on_after(0.3) as waited:
        await device.switch(found, "1", Power.OFF, lambda: left.append(1))
    assert waited.cancelled_caught
    assert left == [1]
    pdu.agent.faults.silent = ""
    assert await states_of(device, found, ["1"]) == {"1": Power.OFF}
    assert pdu.agent.counts.sets_of_outlet == {1: 1}


async def test_silent_pdu_is_asked_three_times_and_then_called_silent(start: Start) -> None:
    pdu = await start("ibm-old")
    device = driver_of(pdu, "ibm-old")
    found = await device.probe()
    pdu.agent.faults.silent = "all"
    before = pdu.agent.counts.gets
    with pytest.raises(DeviceSilent):
        await states_of(device, found, ["1"])
    assert pdu.agent.counts.gets - before == 3


async def test_old_agent_that_drops_v2c_is_probed_with_v1(start: Start) -> None:
    pdu = await start("ibm-old")
    pdu.agent.faults.lie = "only-v1"
    found = await driver_of(pdu, "ibm-old", version=None).probe()
    assert found.version == "1"


async def test_firmware_that_changed_makes_every_read_ask_for_a_new_probe(start: Start) -> None:
    pdu = await start("ibm-old")
    device = driver_of(pdu, "ibm-old")
    found = await device.probe()
    pdu.agent.objects.fixed[(*IBM, 7, 3, 0)] = Typed(ber.OCTETS, b"OPDP_sIBM_v01.3_1")
    with pytest.raises(FirmwareChanged, match=r"v01\.3"):
        await states_of(device, found, ["1"])
    assert (await device.probe()).firmware == "OPDP_sIBM_v01.3_1"


async def test_layout_of_the_older_firmware_proves_nothing_on_the_newer(start: Start) -> None:
    """Column 11 of the newer layout is a threshold: it takes 0, reads 0, and all stays on."""
    pdu = await start("ibm-new")
    old = MODELS["IBM_PDU"].variant("old")
    pinned = replace(MODELS["IBM_PDU"], variants=(replace(old, absent=(), firmware_not=""),))
    device = driver(HOST, pdu.port, pinned)
    with pytest.raises(NotUsable, match="outlet 1 is INTEGER 8000"):
        await device.probe()
    device = driver_of(pdu, "ibm-new")
    found = replace(await device.probe(), variant="old")
    assert await device.switch(found, "4", Power.OFF, whenever) == Accepted()
    assert set((await states_of(device, found, found.outlets)).values()) == {Power.UNKNOWN}
    assert pdu.agent.on[4]


async def test_layout_of_the_newer_firmware_proves_nothing_on_the_older(start: Start) -> None:
    """Column 13 of the older layout is the last power: 0 W on an idle outlet, and on that only."""
    pdu = await start("ibm-old")
    pdu.agent.objects.fixed[(*IBM_ROW, 13, 2)] = Typed(ber.INTEGER, 217)
    found = replace(await driver_of(pdu, "ibm-old").probe(), variant="new")
    device = driver_of(pdu, "ibm-old")
    assert set((await states_of(device, found, found.outlets)).values()) == {Power.UNKNOWN}
    assert isinstance(await device.switch(found, "4", Power.OFF, whenever), Refused)
    assert pdu.agent.on[4]


def change_firmware(agent: Agent) -> None:
    agent.objects.fixed[(*IBM, 7, 3, 0)] = Typed(ber.OCTETS, b"OPDP_sLEN_v02.0_1")


def forget_firmware(agent: Agent) -> None:
    del agent.objects.fixed[(*IBM, 7, 3, 0)]


def grow_a_column(agent: Agent) -> None:
    agent.objects.fixed[(*IBM_ROW, 14, 1)] = Typed(ber.INTEGER, 0)


def grow_two_columns(agent: Agent) -> None:
    grow_a_column(agent)
    agent.objects.fixed[(*IBM_ROW, 15, 1)] = Typed(ber.INTEGER, 0)


def count_6000(agent: Agent) -> None:
    agent.objects.fixed[(*IBM, 8, 2, 1, 0)] = Typed(ber.INTEGER, 6000)


def count_none(agent: Agent) -> None:
    del agent.objects.fixed[(*IBM, 8, 2, 1, 0)]


def state_6000(agent: Agent) -> None:
    agent.faults.lie = "6000"


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (change_firmware, "firmware"),
        (forget_firmware, "does not tell its firmware"),
        (grow_a_column, "fit none of the layouts"),
        (grow_two_columns, "firmware"),
        (count_6000, "outlets is 6000"),
        (count_none, "outlets is no number"),
        (state_6000, "INTEGER 6000"),
    ],
)
async def test_pdu_whose_marks_do_not_agree_is_not_usable(
    start: Start, version: Version, spoil: Callable[[Agent], None], why: str
) -> None:
    pdu = await start("ibm-old")
    spoil(pdu.agent)
    with pytest.raises(NotUsable, match=f"not usable for fencing as IBM_PDU: .*{why}") as caught:
        await driver_of(pdu, "ibm-old", version).probe()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize("most", [1, 2, 5])
async def test_agent_that_takes_few_objects_at_once_is_asked_in_parts(
    start: Start, version: Version, most: int
) -> None:
    pdu = await start("ibm-new")
    pdu.agent.faults.varbinds_max = most
    pdu.agent.switch(7, on=False)
    device = driver_of(pdu, "ibm-new", version)
    found = await device.probe()
    states = await states_of(device, found, found.outlets)
    assert states == dict.fromkeys(found.outlets, Power.ON) | {"7": Power.OFF}


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize("most", [0, 2, 5])
async def test_each_outlet_bears_the_uptime_that_its_own_answer_tells(
    start: Start, version: Version, most: int
) -> None:
    """A PDU that restarts between two parts of a read does not vouch for the first part."""
    pdu = await start("ibm-new")
    pdu.agent.faults.varbinds_max = most
    device = driver_of(pdu, "ibm-new", version)
    found = await device.probe()
    before = trio.current_time()
    read = await device.read(found, found.outlets)
    assert all(1000 <= (one.uptime_s or 0) < 1060 for one in read.values())
    assert all(before <= one.answered_at <= trio.current_time() for one in read.values())
    assert (len({one.answered_at for one in read.values()}) > 1) is (most > 0)


async def test_a_pdu_that_restarts_tells_so_in_the_very_answer_that_reads_off(start: Start) -> None:
    pdu = await start("ibm-old")
    device = driver_of(pdu, "ibm-old")
    found = await device.probe()
    before = await device.read(found, ["1"])
    pdu.agent.restart(0.5)
    after = await device.read(found, ["1"])
    assert (before["1"].power, after["1"].power) == (Power.ON, Power.OFF)
    assert (before["1"].uptime_s or 0) > 900 > 1 > (after["1"].uptime_s or 0)
    await trio.sleep(0.5)
    assert await states_of(device, found, ["1"]) == {"1": Power.ON}


@pytest.mark.parametrize("version", ["1", "2c"])
@pytest.mark.parametrize("most", [0, 1])
async def test_agent_without_an_uptime_is_read_all_the_same(
    start: Start, version: Version, most: int
) -> None:
    pdu = await start("ibm-old")
    del pdu.agent.objects.fixed[UPTIME]
    pdu.agent.faults.varbinds_max = most
    device = driver_of(pdu, "ibm-old", version)
    found = await device.probe()
    read = await device.read(found, ["1", "2"])
    assert {(one.power, one.uptime_s) for one in read.values()} == {(Power.ON, None)}


async def test_v1_agent_that_does_not_say_which_object_is_missing_is_probed_all_the_same(
    start: Start,
) -> None:
    pdu = await start("ibm-old")
    pdu.agent.faults.lie = "no-index"
    found = await driver_of(pdu, "ibm-old", "1").probe()
    assert (found.variant, len(found.outlets)) == ("old", 12)


async def test_read_that_the_agent_refuses_is_a_fault_with_its_name(start: Start) -> None:
    pdu = await start("ibm-old")
    device = driver_of(pdu, "ibm-old")
    found = await device.probe()
    pdu.agent.faults.lie = "gen-err"
    with pytest.raises(DeviceFault, match="genErr"):
        await states_of(device, found, ["1"])


async def test_model_without_firmware_and_with_a_fixed_number_of_outlets(start: Start) -> None:
    pdu = await start("apc-rpdu")
    device = driver(HOST, pdu.port, replace(MODELS["APC_RPDU"], firmware=None, outlets=2))
    found = await device.probe()
    assert (found.firmware, found.outlets) == ("", ("1", "2"))
    assert await device.switch(found, "2", Power.OFF, whenever) == Accepted()
    assert await states_of(device, found, found.outlets) == {"1": Power.ON, "2": Power.OFF}
    assert await device.read_firmware(found) == ""


async def test_model_of_another_family_is_not_usable(start: Start) -> None:
    pdu = await start("apc-rpdu")
    for model in ("IBM_PDU", "APC_RPDU2", "EATON_G3", "RARITAN_PX2"):
        with pytest.raises(NotUsable):
            await driver(HOST, pdu.port, model).probe()
