"""The virtual address in the hands of the daemon: held, announced, complained of once."""

import socket
from collections.abc import Awaitable, Callable

import trio
from trio.testing import MockClock

from haconn.core.actions import Remark
from haconn.daemon.pair.address import AddressKeeper
from haconn.drivers.address import frame
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.lease import VirtualAddress
from haconn.drivers.address.packet import ETHERTYPE_ARP, only_from, open_receiver
from tests.daemon.pair.members import AddressInMemory
from tests.drivers.address.conftest import PREFIX, RESET_PATH, VIRTUAL, Lan

PATIENCE_S = 20.0


class Failing(AddressInMemory):
    """A kernel that does not give the address as long as it is told not to."""

    def __init__(self) -> None:
        super().__init__("192.0.2.9")
        self.refuses = False

    def hold(self, lease_s: int) -> None:
        if self.refuses:
            raise AddressError("192.0.2.9: not permitted")
        super().hold(lease_s)


class Said(list[tuple[str, str]]):
    """Messages and their reasons."""

    def say(self, remark: Remark) -> None:
        self.append((remark.message, dict(remark.values).get("reason", "")))


async def test_what_cannot_be_announced_is_said_once_and_stands(autojump_clock: MockClock) -> None:
    said = Said()
    keeper = AddressKeeper(AddressInMemory("192.0.2.9"), said.say)
    keeper.take()
    with trio.move_on_after(60):
        await keeper.serve()
    assert said == [("pair-address", "no interface in memory")]


async def test_a_lease_that_fails_is_said_once_and_that_it_is_held_again_once(
    autojump_clock: MockClock,
) -> None:
    address, said = Failing(), Said()
    keeper = AddressKeeper(address, said.say)
    address.refuses = True
    with trio.move_on_after(10):
        await keeper.take_at_last()
    assert said == [("pair-address", "192.0.2.9: not permitted")]
    address.refuses = False
    await keeper.take_at_last()
    keeper.refresh()
    assert said[1:] == [("pair-address-held", "")]


async def test_the_alarm_that_is_left_is_of_what_still_fails(autojump_clock: MockClock) -> None:
    address, said = Failing(), Said()
    keeper = AddressKeeper(address, said.say)
    keeper.take()
    address.refuses = True
    with trio.move_on_after(5):
        await keeper.serve()
    address.refuses = False
    keeper.refresh()
    assert said[-1] == ("pair-address", "no interface in memory")
    assert ("pair-address-held", "") not in said


# ---- on a real link (root)


def ear(lan: Lan) -> socket.socket:
    """Hear the virtual address's ARP as the neighbour does."""
    with lan.neighbour.inside():
        return open_receiver(RESET_PATH, ETHERTYPE_ARP, only_from(ETHERTYPE_ARP, VIRTUAL))


async def announced(sock: socket.socket) -> None:
    """Wait until the neighbour is told who has the address."""
    with trio.fail_after(PATIENCE_S):
        while True:
            await trio.lowlevel.wait_readable(sock)
            if frame.parse(sock.recv(256)) is not None:
                return


def on(lan: Lan, play: Callable[[AddressKeeper], Awaitable[None]]) -> None:
    """Have the server serve its address while something is played."""

    async def run() -> None:
        with VirtualAddress(VIRTUAL, PREFIX) as address:
            keeper = AddressKeeper(address, Said().say)
            async with trio.open_nursery() as nursery:
                await keeper.take_at_last()
                nursery.start_soon(keeper.serve)
                await play(keeper)
                nursery.cancel_scope.cancel(reason="the play is over")
            assert keeper.drop()
            assert not address.held()

    with lan.server.inside():
        trio.run(run)


def test_the_neighbours_are_told_and_told_again_when_the_carrier_comes_back(lan: Lan) -> None:
    with ear(lan) as sock:

        async def play(keeper: AddressKeeper) -> None:
            await announced(sock)
            assert VIRTUAL in lan.server.ip("address", "show", RESET_PATH)
            lan.switch.down("server")
            await trio.sleep(0.3)
            lan.switch.up("server")
            await announced(sock)

        on(lan, play)


def test_the_lease_outlives_any_number_of_refreshes_and_not_the_process(lan: Lan) -> None:
    async def play(keeper: AddressKeeper) -> None:
        await trio.sleep(2.5)
        assert VIRTUAL in lan.server.ip("address", "show", RESET_PATH)

    on(lan, play)
    assert VIRTUAL not in lan.server.ip("address", "show", RESET_PATH)
