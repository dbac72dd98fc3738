"""What every play must end with, and what must never have been: each gives its faults, a line each.

Pure but for `at_rest`, which asks the pair. test_invariants.py plants each fault once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import trio

from fixtures.simulators.lab.promise import Heard, broken
from fixtures.simulators.netns.asking import monitors, settled
from fixtures.simulators.netns.looks import Touch, blind, repeated
from fixtures.simulators.netns.pair_room import Play
from fixtures.simulators.netns.truth import PairTruth
from fixtures.simulators.room_machine import Machine
from fixtures.simulators.room_truth import Truth
from haconn.core.report import SystemStatus

HEALED_WITHIN_S = 90.0
"""From the repair of everything: a boot, a boot wait, a full sync, and once more."""
ANSWERED_WITHIN_S = 5.0
CLOSED_WITHIN_S = 90.0
"""The longest plan of a reset, with both stages and the outlets."""


@dataclass(slots=True)
class Asked:
    """A request for a reset, and its verdict if there is one."""

    requester: str
    target: str
    at: float
    heard: Heard | None = None


class Ledger:
    """Every request of a play."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    async def ask(self, requester: Machine, target: Machine) -> None:
        """Ask until there is a verdict."""
        monitor = await requester.os.registered()
        asked = Asked(requester.name, target.name, trio.current_time())
        self.asked.append(asked)
        kernel = target.os.boot_id
        result = (await monitor.request_reset(target.os.system)).result
        now = trio.current_time()
        asked.heard = Heard(target, result.verdict.name, result.proof, kernel, asked.at, now)

    def lost(self) -> list[Asked]:
        """What has no verdict yet."""
        return [one for one in self.asked if one.heard is None]

    async def closed(self) -> None:
        """Wait until every request has its verdict."""
        while True:
            if not self.lost():
                return
            await trio.sleep(0.05)


def double_holders(truth: PairTruth) -> Iterator[str]:
    """Never two powered holders of the virtual address."""
    for double in truth.doubles():
        until = "the end" if double.span.until is None else f"{double.span.until:.3f}"
        yield f"{' and '.join(double.members)} hold the address, {double.span.since:.3f} to {until}"


def lost_verdicts(ledger: Ledger) -> Iterator[str]:
    """Every request has its verdict."""
    for one in ledger.lost():
        yield f"{one.requester} asked for {one.target} at {one.at:.3f} and has no verdict"


def broken_promises(truth: Truth, ledger: Ledger) -> Iterator[str]:
    """What a verdict says is true."""
    for one in ledger.asked:
        fault = None if one.heard is None else broken(truth, one.heard)
        if fault is not None:
            yield f"broken promise: {fault}"


def second_commands(touches: Iterable[Touch]) -> Iterator[str]:
    """No second NMI in an incident, and no second reset or power-off without a look before it."""
    log = tuple(touches)
    for touch in repeated(log, "nmi"):
        yield f"{touch.server} got a second NMI at {touch.at:.3f}"
    for command in ("reset", "power-off"):
        for touch in blind(log, command):
            yield f"{touch.server} got a second {command} at {touch.at:.3f}, unlooked for"


async def at_rest(
    play: Play, ledger: Ledger, *, healed_within_s: float = HEALED_WITHIN_S
) -> list[str]:
    """One active, one standby, an address that answers, no open reset; all within their times."""
    with trio.move_on_after(healed_within_s) as healing:
        active = await settled(play.room)
    if healing.cancelled_caught:
        return [f"not one active with its standby {healed_within_s:.1f} s after all was healed"]
    faults: list[str] = []
    with trio.move_on_after(ANSWERED_WITHIN_S) as answering:
        await play.probe.answered(by=active, since=trio.current_time())
    if answering.cancelled_caught:
        faults.append(f"{active} is active, and does not answer at the address")
    with trio.move_on_after(CLOSED_WITHIN_S) as closing:
        await ledger.closed()
        await _no_open_reset(play, active)
    if closing.cancelled_caught and not ledger.lost():
        faults.append("a reset is open, and nobody waits for it")
    return faults


async def _no_open_reset(play: Play, active: str) -> None:
    while True:
        report = await monitors(play.room.members[active])
        if report is not None and all(row.status is not SystemStatus.RESET for row in report.rows):
            return
        await trio.sleep(0.1)
