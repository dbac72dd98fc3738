"""A whole site at once: 132 PDUs, lossy networks, and the machines that live on the outlets."""

from collections import Counter

import pytest
import trio

from fixtures.simulators.pdu import Rack
from haconn.core.model import Power
from haconn.drivers.base import DeviceSilent
from haconn.drivers.snmp import Layout, Pdu
from tests.drivers.pdu_bench import driver, states_of, whenever

SITE = [f"127.0.4.{n}" for n in range(1, 133)]
PATIENCE_S = 60.0
"""How long a test waits on a loaded machine; the program has no part in it."""


class Machines:
    """A stand-in for simulated machines: what was told about outlets."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, bool]] = []

    def outlet_changed(self, pdu: str, outlet: int, on: bool) -> None:
        self.told.append((pdu, outlet, on))


async def cut(device: Pdu, found: Layout, outlet: str) -> None:
    """Order off until a read shows it, as whoever fences does."""
    while True:
        with trio.move_on_after(0.5):
            await device.switch(found, outlet, Power.OFF, whenever)
        try:
            if await states_of(device, found, [outlet]) == {outlet: Power.OFF}:
                return
        except DeviceSilent:
            continue


@pytest.mark.parametrize("drop_percent", [0, 50])
async def test_132_outlets_are_cut_and_read_off_together(
    nursery: trio.Nursery, drop_percent: int
) -> None:
    machines = Machines()
    rack = Rack.of("ibm-new", SITE, truth=machines)
    await nursery.start(rack.serve)
    devices = {pdu.address: driver(pdu.address, pdu.port) for pdu in rack}
    layouts: dict[str, Layout] = {}

    async def probe(address: str) -> None:
        layouts[address] = await devices[address].probe()

    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as probes:
            for address in devices:
                probes.start_soon(probe, address)
        for pdu in rack:
            pdu.agent.faults.drop_percent = drop_percent
        async with trio.open_nursery() as cuts:
            for address, device in devices.items():
                cuts.start_soon(cut, device, layouts[address], "7")
    assert Counter(machines.told) == Counter((address, 7, False) for address in SITE)
    for pdu in rack:
        assert [n for n, on in pdu.agent.on.items() if not on] == [7]
        assert pdu.agent.counts.sets_of_outlet.keys() == {7}
        assert drop_percent or pdu.agent.counts.sets == 1


async def test_four_feeds_of_a_server_are_cut_at_once(nursery: trio.Nursery) -> None:
    rack = Rack.of("apc-rpdu2", SITE[:4])
    await nursery.start(rack.serve)
    devices = [driver(pdu.address, pdu.port, "APC_RPDU2") for pdu in rack]
    layouts = [await device.probe() for device in devices]
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as cuts:
            for device, found in zip(devices, layouts, strict=True):
                cuts.start_soon(cut, device, found, "2")
    assert [pdu.agent.on[2] for pdu in rack] == [False] * 4
