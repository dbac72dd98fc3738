"""Two small tasks of a member: the gate's clock, and the epoch of the active on the disk."""

import trio

from haconn.core.world import remark
from haconn.daemon.pair.membership import Membership
from haconn.daemon.pair.parts import PairParts

GATE_S = 0.05
"""How often the gate's clock is looked at, at least."""


async def serve_log(membership: Membership) -> None:
    """Let go, and send again, what the gate says; for ever."""
    while True:
        log = membership.log
        until = trio.current_time() + GATE_S
        if log is not None:
            log.tick()
            due = log.next_due()
            until = until if due is None else min(until, due)
        await trio.sleep_until(until)


async def keep_epoch(parts: PairParts) -> None:
    """A standby puts the epoch of its active on the disk; for ever."""
    wakes = parts.membership.wakes
    while True:
        await wakes.epoch_is_another.wait()
        await put_epoch(parts, wakes.epoch)


async def put_epoch(parts: PairParts, epoch: int) -> None:
    """Put an epoch on the disk, which takes half a second at most; a failure is an alarm."""
    alarm = await parts.epochs.write(epoch)
    if alarm is not None:
        parts.chronicle.remark(remark("pair-epoch", reason=alarm))
    else:
        parts.chronicle.remark(remark("pair-epoch-kept", epoch=parts.epochs.known))
