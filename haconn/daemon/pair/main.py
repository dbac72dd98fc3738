"""From the start of a pair's process to its exit status.

The order at start: the pair port and the lock are taken, the address is stripped, and only then is
anything said or written. At the end the address goes first. It ends as well when its lock has
become another file: whatever then takes the new one is not kept away by the old one any more.
"""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from haconn.config.paths import Paths as Trees
from haconn.config.pdu_model import PduModel
from haconn.config.schema import Configuration
from haconn.core.world import remark
from haconn.daemon.pair.ending import EXIT_FAILED, EXIT_OK, Ending
from haconn.daemon.pair.exclusivity import Lock
from haconn.daemon.pair.parts import PairParts, Two, build_pair
from haconn.daemon.pair.paths import Paths
from haconn.daemon.pair.service import PairService, leave
from haconn.daemon.parts import StartError
from haconn.daemon.supervision import Supervisor

LOOK_AT_LOCK_S = 1.0


@dataclass(frozen=True, slots=True)
class Sole:
    """What shows that this process is the only one: the pair's port, taken, and the lock."""

    paths: Paths
    lock: Lock


async def serve_pair(
    trees: Trees,
    configuration: Configuration,
    models: dict[str, PduModel],
    two: Two,
    sole: Sole,
    signals: AsyncIterator[int],
) -> int:
    """Run until something ends this process; give its exit status. Raises StartError."""
    parts = build_pair(trees, configuration, models, two, sole.paths)
    ending = Ending()
    with _obituary(parts, ending):
        try:
            async with trio.open_nursery() as member:
                scope = trio.CancelScope()
                service = PairService(trees, configuration, parts, member, ending)
                member.start_soon(_await_signal, signals, ending)
                member.start_soon(_serve, service, member, scope, ending)
                member.start_soon(watch_lock, sole.lock, service, parts, ending)
                await ending.ordered.wait()
                await leave(service, parts, ending, scope)
                Supervisor(dict(os.environ)).tell("STOPPING=1")  # what follows feeds no watchdog
                member.cancel_scope.cancel(reason=ending.reason)
        finally:
            parts.address.drop()
    if service.activation.active is not None:
        service.activation.active.close()
    parts.virtual.close()
    with trio.move_on_after(1.0, shield=True):
        await parts.chronicle.finish()
    if ending.fault is not None:
        raise ending.fault
    return ending.code


async def _serve(
    service: PairService, member: trio.Nursery, scope: trio.CancelScope, ending: Ending
) -> None:
    """Run the service. What this machine lacks ends the process in one line, the address first."""
    try:
        await service.run(member, scope)
    except StartError as exc:
        ending.fail(exc)


async def watch_lock(lock: Lock, service: PairService, parts: PairParts, ending: Ending) -> None:
    """Leave once the lock is another file: the address first, and then in order.

    In order, so that the peer is told and need not fence. The look is one of the disk, and no
    other task waits for it.
    """
    lost = False
    while not lost:
        await trio.sleep(LOOK_AT_LOCK_S)
        lost = await trio.to_thread.run_sync(lock.lost, abandon_on_cancel=True)
    service.activation.commands = False
    parts.address.drop()
    parts.chronicle.remark(remark("pair-lock", path=str(lock.path)))
    ending.order(EXIT_FAILED, f"{lock.path} is not the file that this process has locked")


async def _await_signal(signals: AsyncIterator[int], ending: Ending) -> None:
    async for number in signals:
        ending.order(EXIT_OK, signal.Signals(number).name)


@contextmanager
def _obituary(parts: PairParts, ending: Ending) -> Iterator[None]:
    """Let syslog know of an end that nobody ordered."""
    reason = "an internal error; the traceback went to standard error"
    try:
        yield
        reason = str(ending.fault or "")
    finally:
        if reason:
            parts.chronicle.remark(remark("crashed", reason=reason))
            parts.chronicle.write_now()
