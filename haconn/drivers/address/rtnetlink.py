"""Messages of rtnetlink(7), as far as an IPv4 address and a carrier need them. Pure.

Rule 1. Numbers stand in the machine's own byte order, addresses in the network's; everything is
        padded to four octets (netlink(7), rtnetlink(7), linux/if_addr.h, linux/if_link.h).
Rule 2. What does not fit together raises AddressError. Attributes that are not asked for are
        skipped: kernels add some each year.

A library would bring 370 modules for these two kinds of message, and the program that releases the
address after a crash has to be quicker than its import.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from haconn.drivers.address.errors import AddressError

ERROR, DONE = 2, 3
NEW_LINK, DELETED_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DELETE_ADDRESS, GET_ADDRESS = 20, 21, 22
REQUEST, ACKNOWLEDGE, DUMP = 0x001, 0x004, 0x300
REPLACE, CREATE = 0x100, 0x400
INTERRUPTED = 0x010
"""Of a dump: something changed meanwhile, and it may hold neither what was nor what is."""
SECONDARY = 0x01
"""Of an address: it goes when the primary address of its network goes (IFA_F_SECONDARY)."""
LOOPBACK, LOWER_UP = 0x8, 0x10000
"""Of a link. LOWER_UP: it is switched on and has a carrier (netdevice(7))."""

_HEADER = struct.Struct("=IHHII")
_CODE = struct.Struct("=i")
_ATTRIBUTE = struct.Struct("=HH")
_LIFETIME = struct.Struct("=IIII")
_ADDRESS = struct.Struct("=BBBBI")
_LINK = struct.Struct("=BxHiII")
_ADDRESS_OF_PEER, _ADDRESS_LOCAL, _ADDRESS_LIFETIME = 1, 2, 6
_LINK_NAME = 3
_KIND_MASK = 0x3FFF
"""The two bits above are flags (NLA_F_NESTED, NLA_F_NET_BYTEORDER)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message and its header."""

    kind: int
    flags: int
    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Address:
    """An IPv4 address of an interface."""

    index: int
    """Of the interface."""
    local: str
    prefix: int
    remote: str
    """The other end of a point-to-point link, else the address itself."""
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as the kernel sees it."""

    index: int
    name: str
    flags: int

    @property
    def carrier(self) -> bool:
        """Whether frames can pass: switched on, and the other end is there."""
        return bool(self.flags & LOWER_UP)


def encode(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """Put the header before a body."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body


def split(datagram: bytes) -> Iterator[Message]:
    """Take a datagram apart. Raises AddressError if it does not fit together."""
    place = 0
    while place < len(datagram):
        if len(datagram) - place < _HEADER.size:
            raise AddressError("netlink: half a header")
        length, kind, flags, sequence, _ = _HEADER.unpack_from(datagram, place)
        if not _HEADER.size <= length <= len(datagram) - place:
            raise AddressError("netlink: a message longer than its datagram")
        yield Message(kind, flags, sequence, datagram[place + _HEADER.size : place + length])
        place += _padded(length)


def parse_code(body: bytes) -> int:
    """Read the error of ERROR or DONE: a number of errno(3), or 0."""
    if len(body) < _CODE.size:
        raise AddressError("netlink: an answer without its code")
    (code,) = _CODE.unpack_from(body)
    return -int(code)


def encode_address(address: Address, lease_s: int | None = None) -> bytes:
    """Make the body of NEW_ADDRESS and DELETE_ADDRESS.

    Args:
        lease_s: valid and preferred for so many seconds; None names no lifetime.
    """
    body = _ADDRESS.pack(socket.AF_INET, address.prefix, 0, 0, address.index)
    body += _attribute(_ADDRESS_LOCAL, socket.inet_aton(address.local))
    body += _attribute(_ADDRESS_OF_PEER, socket.inet_aton(address.remote))
    if lease_s is not None:
        body += _attribute(_ADDRESS_LIFETIME, _LIFETIME.pack(lease_s, lease_s, 0, 0))
    return body


def ask_addresses() -> bytes:
    """Make the body of GET_ADDRESS for all IPv4 addresses."""
    return _ADDRESS.pack(socket.AF_INET, 0, 0, 0, 0)


def parse_address(body: bytes) -> Address | None:
    """Read the body of NEW_ADDRESS; None if it is not IPv4."""
    if len(body) < _ADDRESS.size:
        raise AddressError("netlink: half an address")
    family, prefix, flags, _, index = _ADDRESS.unpack_from(body)
    found = _attributes(body[_ADDRESS.size :])
    remote = found.get(_ADDRESS_OF_PEER, b"")
    local = found.get(_ADDRESS_LOCAL, remote)
    if family != socket.AF_INET or len(local) != 4 or len(remote) != 4:
        return None
    return Address(index, socket.inet_ntoa(local), prefix, socket.inet_ntoa(remote), flags)


def ask_link(index: int = 0) -> bytes:
    """Make the body of GET_LINK; 0 is for a dump of all."""
    return _LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0)


def parse_link(body: bytes) -> Link | None:
    """Read the body of NEW_LINK and DELETED_LINK; None if it is about a port of a bridge.

    A port that leaves its bridge is told as a DELETED_LINK of family AF_BRIDGE, and lives on.
    """
    if len(body) < _LINK.size:
        raise AddressError("netlink: half a link")
    family, _, index, flags, _ = _LINK.unpack_from(body)
    if family != socket.AF_UNSPEC:
        return None
    name = _attributes(body[_LINK.size :]).get(_LINK_NAME, b"").rstrip(b"\0")
    return Link(index, name.decode(errors="replace"), flags)


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_padded(length) - length)


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place = 0
    while place + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, place)
        if not _ATTRIBUTE.size <= length <= len(data) - place:
            raise AddressError("netlink: an attribute longer than its message")
        found[kind & _KIND_MASK] = data[place + _ATTRIBUTE.size : place + length]
        place += _padded(length)
    return found


def _padded(length: int) -> int:
    return (length + 3) & ~3
