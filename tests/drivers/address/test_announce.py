"""Gratuitous ARP on a real link."""

import socket

import pytest
import trio
from trio.testing import MockClock

from haconn.drivers.address import frame
from haconn.drivers.address.announce import SERIES_S, Announcer
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.lease import VirtualAddress
from haconn.drivers.address.packet import ETHERTYPE_ARP, only_from, open_receiver
from tests.drivers.address.conftest import PREFIX, RESET_PATH, VIRTUAL, Lan

PORT = 5000
UNMOVED_S = 0.3
"""A neighbour believes its cache for 15 s at least."""
MOVED_S = 2.0


def ear(lan: Lan) -> socket.socket:
    """Hear the virtual address's ARP as the neighbour does."""
    with lan.neighbour.inside():
        return open_receiver(RESET_PATH, ETHERTYPE_ARP, only_from(ETHERTYPE_ARP, VIRTUAL))


async def heard(sock: socket.socket) -> frame.Arp:
    with trio.fail_after(10):
        await trio.lowlevel.wait_readable(sock)
    arp = frame.parse(sock.recv(256))
    assert arp is not None
    return arp


def announcer(lan: Lan, *, held: bool = True) -> Announcer:
    with lan.server.inside():
        return Announcer(RESET_PATH, VIRTUAL, lambda: held)


async def test_both_forms_are_sent(lan: Lan) -> None:
    with ear(lan) as sock, announcer(lan) as ours:
        assert ours.announce_now()
        asked, answered = await heard(sock), await heard(sock)
        ours_at = ours._socket.getsockname()[4]
        assert asked == frame.Arp(frame.REQUEST, ours_at, VIRTUAL, frame.NOBODY, VIRTUAL)
        assert answered == frame.Arp(frame.REPLY, ours_at, VIRTUAL, frame.EVERYBODY, VIRTUAL)


async def test_nothing_is_announced_that_is_not_held(lan: Lan) -> None:
    with ear(lan) as sock, announcer(lan, held=False) as ours:
        assert not ours.announce_now()
        assert ours.failure is None
        with announcer(lan) as later:
            later.announce_now()
        await heard(sock)
        await heard(sock)
        with pytest.raises(BlockingIOError):
            sock.recv(256)


async def test_series_lasts_five_seconds_and_can_be_cancelled(
    lan: Lan, autojump_clock: MockClock
) -> None:
    times: list[float] = []

    def held() -> bool:
        times.append(trio.current_time())
        return True

    began = trio.current_time()
    with lan.server.inside():
        ours = Announcer(RESET_PATH, VIRTUAL, held)
    with ours:
        await ours.announce()
        assert times == [began + after_s for after_s in SERIES_S]
        times.clear()
        with trio.move_on_after(0.7):
            await ours.announce()
        assert len(times) == 4


async def test_socket_outlives_an_interface_that_goes_down_and_up(lan: Lan) -> None:
    with ear(lan) as sock, announcer(lan) as ours:
        lan.server.down(RESET_PATH)
        assert (ours.announce_now(), ours.failure) == (False, "rst: Network is down")
        lan.server.up(RESET_PATH)
        assert (ours.announce_now(), ours.failure) == (True, None)
        assert (await heard(sock)).sender == VIRTUAL


async def test_first_announcement_after_a_down_that_nobody_saw_is_sent(lan: Lan) -> None:
    with ear(lan) as sock, announcer(lan) as ours:
        lan.server.down(RESET_PATH)
        lan.server.up(RESET_PATH)
        assert ours.announce_now()
        assert (await heard(sock)).sender == VIRTUAL


async def test_socket_outlives_an_interface_that_is_made_anew(lan: Lan) -> None:
    with announcer(lan) as ours:
        lan.server.ip("link", "delete", RESET_PATH)
        assert not ours.announce_now()
        assert ours.failure == "rst: No such device"
        lan.server.ip("link", "add", RESET_PATH, "type", "veth", "peer", "name", "far")
        lan.server.up(RESET_PATH)
        assert ours.announce_now()


async def test_unknown_interface_is_one_line(lan: Lan) -> None:
    with lan.server.inside(), pytest.raises(AddressError) as caught:
        Announcer("nosuch", VIRTUAL, lambda: True)
    assert str(caught.value) == "raw frames on nosuch: No such device"


class Asker:
    """The neighbour, which asks the virtual address who it is."""

    def __init__(self, lan: Lan) -> None:
        with lan.neighbour.inside():
            self.sock = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    async def who(self) -> bytes:
        with trio.move_on_after(0.02):
            await self.sock.sendto(b"who", (VIRTUAL, PORT))
            return await self.sock.recv(100)
        return b""

    async def wait_for(self, name: bytes) -> None:
        while await self.who() != name:
            pass


async def serve(sock: trio.socket.SocketType, name: bytes) -> None:
    with sock:
        await sock.bind(("0.0.0.0", PORT))  # noqa: S104
        while True:
            _, source = await sock.recvfrom(100)
            await sock.sendto(name, source)


async def test_announcement_moves_the_neighbours_traffic_to_the_new_place(lan: Lan) -> None:
    async with trio.open_nursery() as nursery:
        for end, name in ((lan.server, b"server"), (lan.peer, b"peer")):
            with end.inside():
                sock = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            nursery.start_soon(serve, sock, name)
        with lan.server.inside():
            old = VirtualAddress(VIRTUAL, PREFIX)
        with lan.peer.inside():
            new = VirtualAddress(VIRTUAL, PREFIX)
            ours = Announcer(RESET_PATH, VIRTUAL, new.held)
        asker = Asker(lan)
        with old, new, ours, asker.sock:
            old.hold(60)
            with trio.fail_after(10):
                await asker.wait_for(b"server")
            old.drop()
            new.hold(60)
            with trio.move_on_after(UNMOVED_S) as unmoved:
                await asker.wait_for(b"peer")
            assert unmoved.cancelled_caught
            assert ours.announce_now()
            with trio.fail_after(MOVED_S):
                await asker.wait_for(b"peer")
        nursery.cancel_scope.cancel(reason="the neighbour has been answered")
