"""One request and its answer over UDP. Every request has a connected socket of its own.

The kernel of a connected socket drops what other addresses and ports send and reports ICMP errors
(0.02 ms, so sharing one saves nothing). No deadline is made here: the caller's cancel scope is the
limit, and after it nothing is left behind, neither a socket nor a further datagram.
"""

import socket
from collections.abc import Callable

import trio

from haconn.core.model import InDoubt, Unsent
from haconn.drivers.base import DeviceSilent, DeviceUnreachable
from haconn.drivers.snmp.boundary import Reply, Request, accept

RETRANSMIT_S = (0.25, 0.5, 1.0)
"""How long a read waits after each sending of the same bytes."""
DATAGRAM_MAX = 4096
"""A longer datagram is cut off, and so is no answer: decoding is slow, and its time bounded."""


async def ask(host: str, port: int, request: Request) -> Reply:
    """Send a request that changes nothing, again after each interval, until its answer comes.

    The bytes are the same each time, so that any answer is the answer.

    Raises:
        DeviceSilent: no answer to the last sending either.
        DeviceUnreachable: the network refused every sending.
    """
    refusals: list[OSError] = []
    try:
        opened = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    except OSError as error:  # no descriptor is left
        raise DeviceUnreachable(f"PDU {host}: {_reason(error)}") from error
    with opened as sock:
        try:
            await sock.connect((host, port))
        except OSError as error:
            raise DeviceUnreachable(f"PDU {host}: {_reason(error)}") from error
        for interval_s in RETRANSMIT_S:
            with trio.move_on_after(interval_s):
                return await _attempt(sock, request, refusals)
    if len(refusals) >= len(RETRANSMIT_S):
        raise DeviceUnreachable(f"PDU {host}: port {port}: {_reason(refusals[-1])}")
    raise DeviceSilent(f"PDU {host}: no answer; a wrong SNMP community looks the same")


async def order(
    host: str, port: int, request: Request, sent: Callable[[], None]
) -> Reply | Unsent | InDoubt:
    """Send a request that changes something, once, and wait for its answer without end.

    Args:
        sent: called when the kernel has taken the datagram, before anything else can happen.
    """
    try:
        opened = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    except OSError as error:  # no descriptor is left
        return Unsent(f"PDU {host}: {_reason(error)}")
    with opened as sock:
        try:
            await sock.connect((host, port))
            await sock.send(request.wire)
        except OSError as error:
            return Unsent(f"PDU {host}: {_reason(error)}")
        sent()
        try:
            return await _answer(sock, request)
        except OSError as error:
            return InDoubt(f"PDU {host}: port {port}: {_reason(error)}")


async def _attempt(
    sock: trio.socket.SocketType, request: Request, refusals: list[OSError]
) -> Reply:
    """Send once and listen until cancelled. A refusal may concern an earlier sending: listen on."""
    try:
        await sock.send(request.wire)
    except OSError as error:
        refusals.append(error)
    while True:
        try:
            return await _answer(sock, request)
        except OSError as error:
            refusals.append(error)


async def _answer(sock: trio.socket.SocketType, request: Request) -> Reply:
    while True:
        reply = accept(request, await sock.recv(DATAGRAM_MAX))
        if reply is not None:
            return reply


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
