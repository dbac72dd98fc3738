"""Asking a link whether somebody has an address, before this machine takes it (RFC 5227, 2.1)."""

import socket
from typing import Final

import trio

from haconn.drivers.address import frame
from haconn.drivers.address.errors import CAPABILITY_OF_FRAMES, translated
from haconn.drivers.address.packet import (
    BROADCAST,
    ETHERTYPE_ARP,
    hardware_address,
    only_from,
    open_receiver,
)

REPEAT_S: Final = 0.25
"""Between two probes: one may be lost. (RFC 5227 takes seconds over three; here one answer of the
standby's link is worth more than the quiet of the network.)"""
FRAME_MAX: Final = 256


async def probe(interface: str, address: str) -> str:
    """Ask until somebody else says that the address is his; give his hardware address.

    The caller's cancel scope is the limit: to have waited for it is to have heard no answer, which
    means something only on a link with a carrier. Nothing that is said here changes a cache.
    The end of it holds up the loop, by some 12 ms: the kernel waits for all its processors before
    it lets go of a packet socket. So it is for the start, not for a takeover.

    Raises:
        AddressError: the probe cannot be sent, so silence would prove nothing.
    """
    with (
        translated(f"raw frames on {interface}", CAPABILITY_OF_FRAMES),
        open_receiver(interface, ETHERTYPE_ARP, only_from(ETHERTYPE_ARP, address)) as sock,
    ):
        own = hardware_address(sock)
        to_all = (interface, ETHERTYPE_ARP, socket.PACKET_BROADCAST, 1, BROADCAST)
        while True:
            sock.sendto(frame.probe(own, address), to_all)
            with trio.move_on_after(REPEAT_S):
                return (await _answer(sock, own)).hex(":")


async def _answer(sock: socket.socket, own: bytes) -> bytes:
    """Wait for ARP of the address that is not our own come back, be it request or reply."""
    while True:
        await trio.lowlevel.wait_readable(sock)
        heard = frame.parse(sock.recv(FRAME_MAX))
        if heard is not None and heard.sender_hardware != own:
            return heard.sender_hardware
