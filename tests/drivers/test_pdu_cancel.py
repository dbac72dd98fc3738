"""After a cancelled call nothing of it is left: no datagram, no socket."""

import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
import trio.testing

from fixtures.simulators.pdu import Rack, SimulatedPdu
from haconn.core.model import Accepted, Power
from haconn.drivers.snmp import Layout, Pdu
from tests.drivers.pdu_bench import driver, never, states_of, whenever

HOST = "127.0.3.3"
LATE_S = 4.0
"""pysnmp's own dispatcher sent a cancelled SET again up to 3.1 s later."""
Call = Callable[[Pdu, Layout], Awaitable[object]]


async def probe(device: Pdu, found: Layout) -> object:
    return await device.probe()


async def read(device: Pdu, found: Layout) -> object:
    return await states_of(device, found, found.outlets)


async def switch(device: Pdu, found: Layout) -> object:
    return await device.switch(found, "1", Power.OFF, whenever)


@pytest.fixture
async def pdu(nursery: trio.Nursery) -> SimulatedPdu:
    rack = Rack.of("ibm-old", [HOST])
    await nursery.start(rack.serve)
    return rack[HOST]


def sockets() -> list[str]:
    """List the open sockets of this process."""
    found: list[str] = []
    for entry in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(FileNotFoundError):  # the one that the listing had open
            found.append(str(entry.readlink()))
    return sorted(target for target in found if target.startswith("socket:"))


async def test_no_datagram_follows_a_cancelled_call(pdu: SimulatedPdu) -> None:
    device = driver(HOST, pdu.port)
    found = await device.probe()
    pdu.agent.faults.silent = "all"
    before = sockets()
    for call in (probe, read, switch):
        with trio.move_on_after(0.3):
            await call(device, found)
    await trio.testing.wait_all_tasks_blocked()
    assert sockets() == before
    sent = pdu.agent.counts.datagrams
    await trio.sleep(LATE_S)
    assert pdu.agent.counts.datagrams == sent
    assert pdu.agent.counts.sets == 1


@pytest.mark.parametrize("call", [probe, read, switch])
async def test_cancelled_at_every_await_it_leaves_no_socket(pdu: SimulatedPdu, call: Call) -> None:
    device = driver(HOST, pdu.port)
    found = await device.probe()
    before = sockets()
    for passes in range(12):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call, device, found)
                for _ in range(passes):
                    await trio.lowlevel.checkpoint()
                scope.cancel(reason="the test says so")
        assert sockets() == before
    assert await device.switch(found, "1", Power.OFF, whenever) == Accepted()
    assert await states_of(device, found, ["1"]) == {"1": Power.OFF}


async def test_order_cancelled_before_it_began_was_not_sent(pdu: SimulatedPdu) -> None:
    device = driver(HOST, pdu.port)
    found = await device.probe()
    with trio.CancelScope() as scope:
        scope.cancel(reason="too late")
        await device.switch(found, "1", Power.OFF, never)
    assert scope.cancelled_caught
    await trio.testing.wait_all_tasks_blocked()
    assert pdu.agent.counts.sets == 0


async def test_late_answer_of_a_cancelled_order_is_not_the_answer_of_the_next(
    pdu: SimulatedPdu,
) -> None:
    device = driver(HOST, pdu.port)
    found = await device.probe()
    pdu.agent.faults.delay_ms = 300
    with trio.move_on_after(0.05):
        await device.switch(found, "1", Power.OFF, whenever)
    pdu.agent.faults.silent = "all"
    with trio.move_on_after(0.6) as waited:
        await device.switch(found, "1", Power.ON, whenever)
    assert waited.cancelled_caught


async def test_late_answer_to_the_first_sending_of_a_read_counts(pdu: SimulatedPdu) -> None:
    """The same bytes were sent again, so it answers them too."""
    device = driver(HOST, pdu.port)
    found = await device.probe()
    pdu.agent.faults.delay_ms = 600
    assert await states_of(device, found, ["1"]) == {"1": Power.ON}


async def test_ready_is_told_when_the_datagram_left_and_not_before(pdu: SimulatedPdu) -> None:
    device = driver(HOST, pdu.port)
    found = await device.probe()
    pdu.agent.faults.silent = "answers"
    left = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(device.switch, found, "1", Power.OFF, left.set)
        await left.wait()
        while pdu.agent.on[1]:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel(reason="seen")
    assert pdu.agent.counts.sets_of_outlet == {1: 1}
