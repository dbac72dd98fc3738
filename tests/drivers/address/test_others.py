"""Hearing somebody other than the pair, on a real link."""

import socket

import pytest
import trio

from fixtures.simulators.namespaces import Namespace
from haconn.drivers.address import frame
from haconn.drivers.address.interface import Interface
from haconn.drivers.address.others import Others
from haconn.drivers.address.packet import (
    BROADCAST,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV4,
    hardware_address,
    not_from,
    open_sender,
)
from tests.drivers.address.conftest import RESET_PATH, VIRTUAL, Lan

PATIENCE_S = 15
PAIR = ("10.9.0.2", VIRTUAL)
SETTLE_S = 0.3
"""A frame on this link has arrived long before, if it arrives."""


def counting(lan: Lan) -> Others:
    with lan.server.inside():
        index = socket.if_nametoindex(RESET_PATH)
        return Others(Interface(RESET_PATH, index, "10.9.0.1"), PAIR)


def say(source: Namespace, *, broadcast: bool = False) -> None:
    """Send a UDP datagram to the server, or to everybody."""
    with source.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.sendto(b"x", ("10.9.0.255" if broadcast else "10.9.0.1", 9))


def say_arp(source: Namespace, sender: str, target: str, destination: bytes = BROADCAST) -> None:
    with source.inside(), open_sender(RESET_PATH) as sock:
        own = hardware_address(sock)
        octets = frame.encode(frame.Arp(frame.REQUEST, own, sender, frame.NOBODY, target))
        sock.sendto(octets, (RESET_PATH, ETHERTYPE_ARP, 0, 1, destination))


def hardware_of(machine: Namespace) -> bytes:
    with machine.inside(), open_sender(RESET_PATH) as sock:
        return hardware_address(sock)


async def until_heard(others: Others) -> float:
    with trio.fail_after(PATIENCE_S):
        while (at := others.sample()) is None:  # noqa: ASYNC110
            await trio.sleep(0.02)
    return at


async def until_heard_when_asked(others: Others) -> None:
    """A bridge forwards only a while after its port has come up."""
    with trio.fail_after(PATIENCE_S):
        while others.sample() is None:
            others.ask("10.9.0.11")
            await trio.sleep(0.05)


async def test_silence_is_nobody(lan: Lan) -> None:
    with counting(lan) as others:
        assert others.sample() is None


async def test_datagram_of_a_neighbour_is_somebody(lan: Lan) -> None:
    with counting(lan) as others:
        began = trio.current_time()
        say(lan.neighbour)
        assert await until_heard(others) <= trio.current_time()
        assert others.sample() != began


async def test_time_is_never_later_than_what_was_heard(lan: Lan) -> None:
    with counting(lan) as others:
        await trio.sleep(SETTLE_S)
        before = trio.current_time()
        say(lan.neighbour)
        assert await until_heard(others) <= before
        await trio.sleep(0.6 * SETTLE_S)
        at = others.sample()
        assert others.sample() == at


async def test_peer_is_nobody_whatever_it_says(lan: Lan) -> None:
    with counting(lan) as others:
        say(lan.peer)  # with the ARP before it
        say(lan.peer, broadcast=True)
        server = hardware_of(lan.server)
        say_arp(lan.peer, "10.9.0.2", "10.9.0.1", server)
        say_arp(lan.peer, VIRTUAL, VIRTUAL, server)
        say_arp(lan.peer, frame.NO_ADDRESS, VIRTUAL, server)
        lan.peer.give(RESET_PATH, f"{VIRTUAL}/32")
        with lan.peer.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((VIRTUAL, 0))
            sock.sendto(b"x", ("10.9.0.1", 9))
        await trio.sleep(SETTLE_S)
        assert others.sample() is None
        say_arp(lan.neighbour, "10.9.0.11", "10.9.0.12", server)
        await until_heard(others)


async def test_what_this_machine_sends_itself_is_nobody(lan: Lan) -> None:
    with counting(lan) as others:
        say_arp(lan.server, "10.9.0.77", "10.9.0.78")  # its sender is not even excluded
        assert others.ask("10.9.0.200")
        await trio.sleep(SETTLE_S)
        assert others.sample() is None


async def test_what_is_sent_to_everybody_is_not_enough(lan: Lan) -> None:
    with counting(lan) as others:
        say(lan.neighbour, broadcast=True)
        say_arp(lan.neighbour, "10.9.0.11", "10.9.0.99")
        await trio.sleep(SETTLE_S)
        assert others.sample() is None
        say_arp(lan.neighbour, "10.9.0.11", "10.9.0.1", hardware_of(lan.server))
        await until_heard(others)


async def test_server_that_its_switch_does_not_know_hears_nobody(lan: Lan) -> None:
    with counting(lan) as others:
        settings = ("learning", "off", "flood", "off", "fdb_flush")
        lan.switch.ip("link", "set", "server", "type", "bridge_slave", *settings)
        assert others.ask("10.9.0.11")
        say_arp(lan.neighbour, "10.9.0.11", "10.9.0.1")
        await trio.sleep(SETTLE_S)
        assert others.sample() is None
        lan.switch.ip("link", "set", "server", "type", "bridge_slave", "flood", "on")
        assert others.ask("10.9.0.11")
        await until_heard(others)


async def test_neighbour_that_is_asked_is_heard(lan: Lan) -> None:
    with counting(lan) as others:
        assert others.ask("10.9.0.11")
        await until_heard(others)


async def test_peer_that_is_asked_is_not_heard(lan: Lan) -> None:
    with counting(lan) as others:
        assert others.ask("10.9.0.2")
        await trio.sleep(SETTLE_S)
        assert others.sample() is None


async def test_full_sockets_go_on_counting(lan: Lan) -> None:
    with counting(lan) as others:
        for _ in range(200):
            say(lan.neighbour)
        at = await until_heard(others)
        await trio.sleep(SETTLE_S)
        others.sample()
        say(lan.neighbour)
        await trio.sleep(SETTLE_S)
        later = others.sample()
        assert later is not None
        assert later > at


async def test_others_are_heard_after_the_interface_was_down(lan: Lan) -> None:
    with counting(lan) as others:
        lan.server.down(RESET_PATH)
        assert not others.ask("10.9.0.11")
        lan.server.up(RESET_PATH)
        assert others.sample() is None
        await until_heard_when_asked(others)


async def test_others_are_heard_after_the_interface_was_made_anew(lan: Lan) -> None:
    with counting(lan) as others:
        lan.server.ip("link", "delete", RESET_PATH)
        assert others.sample() is None
        assert not others.ask("10.9.0.11")
        peer = ("peer", "name", "server", "netns", lan.switch.name)
        lan.server.ip("link", "add", RESET_PATH, "type", "veth", *peer)
        lan.switch.ip("link", "set", "server", "master", "bridge", "up")
        lan.server.give(RESET_PATH, "10.9.0.1/24")
        lan.server.up(RESET_PATH)
        others.sample()
        await until_heard_when_asked(others)


def test_filter_has_room_for_two_hundred_addresses() -> None:
    addresses = [f"10.1.{n // 250}.{n % 250}" for n in range(201)]
    for ethertype in (ETHERTYPE_ARP, ETHERTYPE_IPV4):
        program = not_from(ethertype, addresses[:200])
        assert all(0 <= jump <= 255 for _, *jumps, _ in program for jump in jumps)
        with pytest.raises(ValueError, match="200 addresses"):
            not_from(ethertype, addresses)
