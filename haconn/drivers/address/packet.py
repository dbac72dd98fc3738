"""Packet sockets (packet(7)) and the filters that the kernel runs on them.

The sockets leave the Ethernet header to the kernel, which fills it with the interface's present
hardware address, and filters see a frame from its network header on. A socket is bound after its
filter is attached: nothing that was not asked for ever waits in it. To close one takes the kernel
some 12 ms, in which the loop stands still: hold them open.
"""

import ctypes
import errno
import socket
import struct
from collections.abc import Sequence
from typing import Final, TypeAlias

ETHERTYPE_IPV4, ETHERTYPE_ARP = 0x0800, 0x0806
BROADCAST: Final = b"\xff" * 6

Instruction: TypeAlias = tuple[int, int, int, int]
"""Operation, jump if true, jump if false, operand (linux/filter.h)."""
ANY_MAX: Final = 200
"""A jump of a filter goes at most 255 instructions far."""

_WORD_AT, _EQUALS, _RETURN = 0x20, 0x15, 0x06
_PACKET_TYPE = 0xFFFFF004  # SKF_AD_OFF + SKF_AD_PKTTYPE
_TO_US = 0  # PACKET_HOST
_ATTACH_FILTER: Final = 26
_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("@HP")
_SOURCE_OF = {ETHERTYPE_ARP: 14, ETHERTYPE_IPV4: 12}
"""Where the sender's IPv4 address stands (RFC 826; RFC 791, 3.1)."""


def only_from(ethertype: int, source: str) -> list[Instruction]:
    """Let frames of this sender's IPv4 address pass, whole."""
    return [
        (_WORD_AT, 0, 0, _SOURCE_OF[ethertype]),
        (_EQUALS, 0, 1, _number(source)),
        (_RETURN, 0, 0, 0xFFFF),
        (_RETURN, 0, 0, 0),
    ]


def not_from(ethertype: int, sources: Sequence[str]) -> list[Instruction]:
    """Let the first octet of what all other senders send to us alone pass.

    Raises:
        ValueError: more than ANY_MAX sources.
    """
    if len(sources) > ANY_MAX:
        raise ValueError(f"a filter excludes at most {ANY_MAX} addresses")
    program = [
        (_WORD_AT, 0, 0, _PACKET_TYPE),
        (_EQUALS, 0, len(sources) + 2, _TO_US),
        (_WORD_AT, 0, 0, _SOURCE_OF[ethertype]),
    ]
    for place, source in enumerate(sources):
        program.append((_EQUALS, len(sources) - place, 0, _number(source)))
    return [*program, (_RETURN, 0, 0, 1), (_RETURN, 0, 0, 0)]


def open_sender(interface: str) -> socket.socket:
    """Open a socket that sends ARP on an interface, never waits and receives nothing.

    Raises OSError: no such interface, or EPERM without CAP_NET_RAW.
    """
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    sock.setblocking(False)
    try:
        sock.bind((interface, 0))
    except OSError:
        sock.close()
        raise
    return sock


def open_receiver(
    interface: str, ethertype: int, program: Sequence[Instruction], octets: int | None = None
) -> socket.socket:
    """Open a socket that receives on an interface what its filter lets pass, and never waits.

    Args:
        octets: room for what was received; the kernel rounds up to its least.

    Raises OSError: no such interface, or EPERM without CAP_NET_RAW.
    """
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    sock.setblocking(False)
    try:
        if octets is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)
        instructions = b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)
        kept = ctypes.create_string_buffer(instructions, len(instructions))
        pointer = _PROGRAM.pack(len(program), ctypes.addressof(kept))
        sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, pointer)
        sock.bind((interface, ethertype))
    except OSError:
        sock.close()
        raise
    return sock


def hardware_address(sock: socket.socket) -> bytes:
    """Give the present one of the socket's interface, which may change (bonding).

    Raises OSError with ENODEV if the interface the socket was bound to is gone.
    """
    name, _, _, _, address = sock.getsockname()
    if not name or len(address) != len(BROADCAST):
        raise OSError(errno.ENODEV, "no such Ethernet interface any more")
    return bytes(address)


def _number(address: str) -> int:
    return int.from_bytes(socket.inet_aton(address), "big")
