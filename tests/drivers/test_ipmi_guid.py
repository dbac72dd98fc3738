"""The system GUID: as it was sent, and the same machine to us as to clients of other people."""

import uuid
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import pytest
import trio

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc
from fixtures.simulators.bmc_state import Faults, Identity
from haconn.core.machine_id import uuid_matches
from haconn.drivers.base import DeviceFault, DeviceSilent
from tests.drivers.ipmi_lab import lab
from tests.drivers.ipmi_peers import ipmi_sim
from tests.drivers.test_ipmi_contract import logged_in
from tests.drivers.test_ipmi_referees import run

GUID = bytes.fromhex("33221100554477668899aabbccddeeff")
GUID_OF_IPMI_SIM = bytes.fromhex("a123456789abcdefa123456789abcdef")
"""As in tests/peers/ipmi_sim/lan.conf."""
Peer = Callable[[str], str]


async def test_the_guid_is_given_as_it_was_sent() -> None:
    async with lab(SimulatedBmc(Identity(guid=GUID))) as here:
        assert await here.session.system_guid() == GUID
        assert here.bmc.counts.guid_reads == 1


async def test_a_guid_of_another_length_is_a_fault() -> None:
    async with lab(SimulatedBmc(Identity(guid=GUID))) as here:
        here.bmc.protocol.commands.identity = Identity(guid=GUID[:15])
        with pytest.raises(DeviceFault, match="15 bytes"):
            await here.session.system_guid()


async def test_a_bmc_without_a_guid_says_so_in_a_sentence() -> None:
    async with lab(SimulatedBmc()) as here:
        here.bmc.faults = Faults(refuse=MappingProxyType({"guid": 0xC1}))
        with pytest.raises(DeviceFault, match="does not know this command"):
            await here.session.system_guid()


async def test_a_silent_bmc_is_asked_three_times() -> None:
    async with lab(SimulatedBmc()) as here:
        here.bmc.faults = Faults(silent=True)
        before = len(here.relay.sent)
        with pytest.raises(DeviceSilent):
            await here.session.system_guid()
        assert len(here.relay.sent) - before == 3


async def test_ipmi_sim_gives_the_guid_that_it_was_configured_with(
    tmp_path: Path, peer: Peer
) -> None:
    with ipmi_sim(peer("ipmi_sim"), tmp_path) as bmc:
        async with logged_in(bmc) as session:
            assert await session.system_guid() == GUID_OF_IPMI_SIM


@pytest.mark.parametrize("order", ["smbios", "ipmi"])
async def test_what_ipmitool_prints_in_either_order_is_the_same_machine(
    order: str, peer: Peer, nursery: trio.Nursery
) -> None:
    """Its `smbios` is the order of SMBIOS 2.6, its `ipmi` the order of IPMI 2.0."""
    host, port = await nursery.start(serve_bmc, SimulatedBmc(Identity(guid=GUID)))
    ipmitool = [peer("ipmitool"), "-I", "lanplus", "-C", "17", "-H", host, "-p", str(port)]
    code, said = await run(*ipmitool, "-U", "admin", "-P", "password", "mc", "guid", order)
    assert code == 0, said
    printed = uuid.UUID(said.splitlines()[0].partition(":")[2].strip())
    assert uuid_matches(printed.bytes_le, GUID) is True
    assert uuid_matches(printed.bytes, GUID) is True, "as older firmware stores it"
    assert uuid_matches(uuid.uuid4().bytes_le, GUID) is False
