"""One request and its answer over UDP. Every request has a connected socket of its own.

The kernel of a connected socket drops what other addresses and ports send and reports ICMP errors
(0.02 ms, so sharing one saves nothing). No deadline is made here: the caller's cancel scope is the
limit, and after it nothing is left behind, neither a socket nor a further datagram. When a read is
asked again follows the PDU's measured answer time.
"""

import socket
from collections.abc import Callable
from contextlib import ExitStack

import trio

from haconn.core.model import InDoubt, Unsent
from haconn.drivers.answer_times import ASKINGS, AnswerTimes
from haconn.drivers.base import DeviceSilent, DeviceUnreachable
from haconn.drivers.snmp.boundary import Reply, Request, accept

DATAGRAM_MAX = 4096
"""A longer datagram is cut off, and so is no answer: decoding is slow, and its time bounded."""


async def ask(host: str, port: int, request: Request, times: AnswerTimes) -> Reply:
    """Send a request that changes nothing, again after each interval, until its answer comes.

    The bytes are the same each time, so that any answer is the answer. `times` is what was
    measured of this PDU, and is added to.

    Raises:
        DeviceSilent: no answer to the last sending either.
        DeviceUnreachable: the network refused every sending.
    """
    refusals: list[OSError] = []
    try:
        sock = trio.socket.from_stdlib_socket(_connected(host, port))
    except OSError as error:
        raise DeviceUnreachable(f"PDU {host}: {_reason(error)}") from error
    with sock:
        began = trio.current_time()
        for askings, interval_s in zip(range(1, ASKINGS + 1), times.intervals(), strict=False):
            with trio.move_on_after(interval_s):
                reply = await _attempt(sock, request, refusals)
                times.answered(trio.current_time() - began, askings)
                return reply
    if len(refusals) >= ASKINGS:
        raise DeviceUnreachable(f"PDU {host}: port {port}: {_reason(refusals[-1])}")
    raise DeviceSilent(f"PDU {host}: no answer; a wrong SNMP community looks the same")


async def order(
    host: str,
    port: int,
    request: Request,
    sent: Callable[[], None],
    withheld: Callable[[], str | None] = lambda: None,
) -> Reply | Unsent | InDoubt:
    """Send a request that changes something, once, and wait for its answer without end.

    Whether it may be sent, its sending and `sent` are one turn: no other task runs between them.
    (The `send` of a Trio socket lets others run after the kernel has taken the datagram.)

    Args:
        sent: called when the kernel has taken the datagram.
        withheld: why it must not be sent any more; None if it may.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    try:
        plain = _connected(host, port)
    except OSError as error:
        return Unsent(f"PDU {host}: {_reason(error)}")
    with trio.socket.from_stdlib_socket(plain) as sock:
        reason = withheld()
        if reason is not None:
            return Unsent(reason)
        try:
            plain.send(request.wire)
        except OSError as error:
            return Unsent(f"PDU {host}: {_reason(error)}")
        sent()
        try:
            return await _answer(sock, request)
        except OSError as error:
            return InDoubt(f"PDU {host}: port {port}: {_reason(error)}")


def _connected(host: str, port: int) -> socket.socket:
    """Raises OSError, also when this process or the machine has no descriptor left."""
    with ExitStack() as unless_connected:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        unless_connected.callback(sock.close)
        sock.setblocking(False)
        sock.connect((host, port))
        unless_connected.pop_all()
        return sock


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
