"""Carriers of real interfaces."""

import pytest
import trio

from haconn.drivers.address.carrier import CarrierChange, Carriers
from haconn.drivers.address.lease import VirtualAddress
from tests.drivers.address.conftest import PREFIX, RESET_PATH, VIRTUAL, Lan

PATIENCE_S = 15
SETTLE_S = 1.5
"""The kernel tells of a carrier at most a second late."""


def followed(lan: Lan) -> tuple[Carriers, int]:
    with lan.server.inside(), VirtualAddress(VIRTUAL, PREFIX) as virtual:
        return Carriers(), virtual.find().index


async def following(carriers: Carriers) -> CarrierChange:
    with trio.fail_after(PATIENCE_S):
        return await anext(carriers)


async def test_cable_that_is_pulled_and_put_back_is_told(lan: Lan) -> None:
    carriers, index = followed(lan)
    with carriers:
        assert carriers.carrier(index)
        lan.switch.down("server")
        assert await following(carriers) == CarrierChange(index, RESET_PATH, carrier=False)
        assert not carriers.carrier(index)
        lan.switch.up("server")
        assert await following(carriers) == CarrierChange(index, RESET_PATH, carrier=True)
        assert carriers.carrier(index)


async def test_interface_that_is_switched_off_has_no_carrier(lan: Lan) -> None:
    carriers, index = followed(lan)
    with carriers:
        lan.server.down(RESET_PATH)
        assert await following(carriers) == CarrierChange(index, RESET_PATH, carrier=False)
        lan.server.up(RESET_PATH)
        async for change in carriers:
            assert change == CarrierChange(index, RESET_PATH, carrier=True)
            break


async def test_interface_that_is_removed_has_lost_its_carrier(lan: Lan) -> None:
    carriers, index = followed(lan)
    with carriers:
        lan.server.ip("link", "delete", RESET_PATH)
        assert await following(carriers) == CarrierChange(index, RESET_PATH, carrier=False)
        assert not carriers.carrier(index)


async def test_port_that_leaves_its_bridge_keeps_its_carrier(lan: Lan) -> None:
    with lan.switch.inside():
        carriers = Carriers()
    with carriers:
        lan.switch.ip("link", "set", "server", "nomaster")
        lan.peer.down(RESET_PATH)
        assert (await following(carriers)).name == "peer"


async def test_change_that_nobody_waited_for_is_told_later(lan: Lan) -> None:
    carriers, _ = followed(lan)
    with carriers:
        with trio.move_on_after(0.01):
            await anext(carriers)
        lan.server.down(RESET_PATH)
        lan.server.up(RESET_PATH)
        assert [(await following(carriers)).carrier for _ in range(2)] == [False, True]


async def test_what_is_older_than_what_the_kernel_dropped_is_not_told(lan: Lan) -> None:
    """There is room for the first loss of the carrier, and none for its return."""
    carriers, _ = followed(lan)
    with carriers:
        carriers._socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 1)
        for _ in range(5):
            lan.server.down(RESET_PATH)
            lan.server.up(RESET_PATH)
        with trio.move_on_after(SETTLE_S) as nothing_told:
            await anext(carriers)
        assert nothing_told.cancelled_caught
        lan.server.down(RESET_PATH)
        assert not (await following(carriers)).carrier


async def test_change_that_the_kernel_dropped_is_told(lan: Lan) -> None:
    carriers, _ = followed(lan)
    with carriers:
        lan.server.down(RESET_PATH)
        assert not (await following(carriers)).carrier
        carriers._socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 1)
        for mtu in ("1400", "1300", "1200"):
            lan.server.ip("link", "set", RESET_PATH, "mtu", mtu)
        lan.server.up(RESET_PATH)
        assert (await following(carriers)).carrier


async def test_interface_that_went_unheard_has_lost_its_carrier(lan: Lan) -> None:
    carriers, index = followed(lan)
    with carriers:
        carriers._socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 1)
        for mtu in ("1400", "1300", "1200"):
            lan.server.ip("link", "set", RESET_PATH, "mtu", mtu)
        lan.server.ip("link", "delete", RESET_PATH)
        assert await following(carriers) == CarrierChange(index, RESET_PATH, carrier=False)


async def test_who_waits_is_told_of_the_closing(lan: Lan) -> None:
    carriers, _ = followed(lan)

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await anext(carriers)

    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            carriers.close()
            carriers.close()
