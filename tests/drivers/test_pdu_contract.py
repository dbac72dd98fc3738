"""What holds for every PDU: the simulated ones and net-snmp's agent pass the same tests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import trio

from fixtures.simulators.pdu import Rack
from haconn.config.pdu_model import Version
from haconn.core.model import Accepted, Power, Refused, Unsent
from haconn.drivers.base import DeviceSilent
from haconn.drivers.snmp import Layout, Pdu
from tests.drivers.pdu_bench import MODEL_OF, driver, never, states_of, whenever
from tests.peers.snmpd.farm import Farm

CASES = [
    (peer, layout, version)
    for peer in ("simulated", "snmpd")
    for layout in MODEL_OF
    for version in ("1", "2c")
]
TWELVE = tuple(str(n) for n in range(1, 13))


@dataclass(frozen=True, slots=True)
class Bench:
    """A PDU and how to reach it."""

    layout_name: str
    version: Version
    host: str
    port: int

    def driver(self, community: str = "private") -> Pdu:
        return driver(
            self.host, self.port, MODEL_OF[self.layout_name], self.version, community=community
        )


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("snmpd"))
    yield farm
    farm.end()


@pytest.fixture(params=CASES, ids="-".join)
async def bench(
    request: pytest.FixtureRequest,
    farm: Farm,
    peer: Callable[[str], str],
    nursery: trio.Nursery,
) -> Bench:
    kind, layout, version = request.param
    if kind == "snmpd":
        return Bench(layout, version, "127.0.0.1", farm.port(peer("snmpd"), layout))
    rack = Rack.of(layout, ["127.0.3.1"])
    await nursery.start(rack.serve)
    return Bench(layout, version, "127.0.3.1", rack["127.0.3.1"].port)


async def all_on(bench: Bench) -> tuple[Pdu, Layout]:
    """Bring the PDU to the state that every test begins with."""
    pdu = bench.driver()
    layout = await pdu.probe()
    for outlet, power in (await states_of(pdu, layout, layout.outlets)).items():
        if power is not Power.ON:
            assert await pdu.switch(layout, outlet, Power.ON, whenever) == Accepted()
    return pdu, layout


async def test_probe_finds_the_layout_its_firmware_and_twelve_outlets(bench: Bench) -> None:
    layout = await bench.driver().probe()
    variant = {"ibm-old": "old", "ibm-new": "new"}.get(bench.layout_name, "only")
    assert (layout.model, layout.variant) == (MODEL_OF[bench.layout_name], variant)
    assert (layout.version, layout.outlets) == (bench.version, TWELVE)
    assert layout.firmware
    assert layout.name == ("pdu000" if layout.model == "IBM_PDU" else "")


async def test_outlet_ordered_off_reads_off_and_no_other_does(bench: Bench) -> None:
    pdu, layout = await all_on(bench)
    left: list[str] = []
    answer = await pdu.switch(layout, "4", Power.OFF, lambda: left.append("4"))
    assert (answer, left) == (Accepted(), ["4"])
    states = await states_of(pdu, layout, layout.outlets)
    assert states == dict.fromkeys(TWELVE, Power.ON) | {"4": Power.OFF}


async def test_off_and_on_may_be_ordered_again(bench: Bench) -> None:
    pdu, layout = await all_on(bench)
    for power in (Power.OFF, Power.OFF, Power.ON, Power.ON):
        assert await pdu.switch(layout, "12", power, whenever) == Accepted()
        assert await states_of(pdu, layout, ["12"]) == {"12": power}


async def test_outlets_that_do_not_exist_are_unknown_and_cannot_be_switched(bench: Bench) -> None:
    pdu, layout = await all_on(bench)
    odd = ["0", "13", "99", "1.1", "-1", "", "01", "x", "1 "]
    assert await states_of(pdu, layout, odd) == dict.fromkeys(odd, Power.UNKNOWN)
    assert (await states_of(pdu, layout, ["99", "1"]))["99"] is Power.UNKNOWN
    for outlet in odd:
        assert isinstance(await pdu.switch(layout, outlet, Power.OFF, never), Unsent)


async def test_community_that_may_only_read_is_refused_a_switch(bench: Bench) -> None:
    pdu, layout = await all_on(bench)
    reader = bench.driver("public")
    answer = await reader.switch(layout, "1", Power.OFF, whenever)
    assert isinstance(answer, Refused)
    assert "may not switch outlets" in answer.reason
    assert await states_of(pdu, layout, ["1"]) == {"1": Power.ON}


@pytest.mark.parametrize(
    "bench", [case for case in CASES if case[1] == "ibm-new"], ids="-".join, indirect=True
)
async def test_wrong_community_looks_silent_and_is_not_shown(bench: Bench) -> None:
    with pytest.raises(DeviceSilent, match="community") as caught:
        await bench.driver("hidden-word").probe()
    assert "hidden-word" not in str(caught.value)


async def test_firmware_can_be_read_alone(bench: Bench) -> None:
    pdu, layout = await all_on(bench)
    assert await pdu.read_firmware(layout) == layout.firmware
