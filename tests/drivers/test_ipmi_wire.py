"""The facts about the kernel on which the word "unsent" rests."""

import socket
from contextlib import closing

import pytest
import trio

from haconn.drivers.ipmi.wire import Wire
from tests.drivers.ipmi_peers import free_port


def bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setblocking(False)
    listener.bind(("127.0.0.1", port))
    return listener


def test_a_send_that_raises_has_sent_nothing() -> None:
    port = free_port()
    with closing(Wire("127.0.0.1", port)) as wire:
        wire.send(b"one")  # to a closed port: taken, and ICMP answers
        with bound(port) as listener:
            with pytest.raises(ConnectionRefusedError):
                wire.send(b"two")  # the error of "one"
            with pytest.raises(BlockingIOError):
                listener.recv(100)
            wire.send(b"three")
            assert listener.recv(100) == b"three"


async def test_an_icmp_error_is_received_once_and_the_socket_goes_on() -> None:
    port = free_port()
    with closing(Wire("127.0.0.1", port)) as wire:
        wire.send(b"one")
        with pytest.raises(ConnectionRefusedError):
            await wire.receive()
        with bound(port) as listener:
            wire.send(b"two")
            datagram, sender = listener.recvfrom(100)
            listener.sendto(datagram, sender)
            with trio.fail_after(30):
                assert await wire.receive() == b"two"


async def test_datagrams_of_others_are_not_received() -> None:
    port = free_port()
    with bound(port) as listener, closing(Wire("127.0.0.1", port)) as wire:
        wire.send(b"hello")
        _, address = listener.recvfrom(100)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"forged", address)
        listener.sendto(b"answer", address)
        with trio.fail_after(30):
            assert await wire.receive() == b"answer"


def test_a_wire_without_a_route_leaves_no_socket() -> None:
    with pytest.raises(OSError, match=r"."):  # -W error would name a socket left open
        Wire("255.255.255.255", 623)
