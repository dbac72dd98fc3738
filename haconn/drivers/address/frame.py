"""ARP for IPv4 over Ethernet (RFC 826), as octets after the Ethernet header. Pure."""

import socket
import struct
from dataclasses import dataclass
from typing import Final

REQUEST: Final = 1
REPLY: Final = 2
NOBODY: Final = b"\0" * 6
EVERYBODY: Final = b"\xff" * 6
NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104

_ARP = struct.Struct(">HHBBH6s4s6s4s")
_KIND = (1, 0x0800, 6, 4)


@dataclass(frozen=True, slots=True)
class Arp:
    """One ARP packet."""

    operation: int
    sender_hardware: bytes
    sender: str
    target_hardware: bytes
    target: str


def encode(arp: Arp) -> bytes:
    """Give its octets."""
    return _ARP.pack(
        *_KIND,
        arp.operation,
        arp.sender_hardware,
        socket.inet_aton(arp.sender),
        arp.target_hardware,
        socket.inet_aton(arp.target),
    )


def parse(octets: bytes) -> Arp | None:
    """Read one; None if it is not ARP for IPv4 over Ethernet. Padding may follow it."""
    if len(octets) < _ARP.size:
        return None
    *kind, operation, source, sender, destination, target = _ARP.unpack_from(octets)
    if tuple(kind) != _KIND:
        return None
    return Arp(operation, source, socket.inet_ntoa(sender), destination, socket.inet_ntoa(target))


def announcement(hardware: bytes, address: str) -> tuple[bytes, bytes]:
    """Say whose the address is, as a request (RFC 5227, 2.3) and as a reply.

    Systems differ in which of the two they believe; both update a cache that has the address.
    """
    return (
        encode(Arp(REQUEST, hardware, address, NOBODY, address)),
        encode(Arp(REPLY, hardware, address, EVERYBODY, address)),
    )


def probe(hardware: bytes, address: str) -> bytes:
    """Ask who has an address, and change nobody's cache by asking (RFC 5227, 2.1.1)."""
    return encode(Arp(REQUEST, hardware, NO_ADDRESS, NOBODY, address))


def question(hardware: bytes, own: str, address: str) -> bytes:
    """Ask who has an address, to be answered at our own (RFC 826)."""
    return encode(Arp(REQUEST, hardware, own, NOBODY, address))
