"""fence_kdump datagrams: what a capture kernel says on UDP 7410.

Two unsigned integers of 32 bits, magic 0x1B302A40 and version 1, in the byte order of the
machine that crashed; more bytes may follow. There is no authentication: what one is worth is
core's affair. The program that comes with the fence agents takes 5 bytes for enough (it reads
a version that was not sent); this parser does not.
"""

import struct
from enum import Enum

MAGIC = 0x1B302A40
VERSION = 1
PORT = 7410


class ByteOrder(Enum):
    """Which machine spoke: LITTLE is x86 and arm64, BIG is s390x."""

    LITTLE = "<"
    BIG = ">"


def parse(datagram: bytes) -> ByteOrder | None:
    """The byte order of a fence_kdump datagram, or None if it is not one."""
    if len(datagram) < 8:
        return None
    for order in ByteOrder:
        if struct.unpack_from(f"{order.value}II", datagram) == (MAGIC, VERSION):
            return order
    return None


def encode(order: ByteOrder) -> bytes:
    """The datagram of a sender of this byte order."""
    return struct.pack(f"{order.value}II", MAGIC, VERSION)
