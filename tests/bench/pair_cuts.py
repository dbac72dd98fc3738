"""Cut links: what is taken over and how fast, and what an operator may and may not say.

Whoever is cut off and whose BMC can be asked is proved off first: that is most of the time.
"""

import random
from dataclasses import dataclass, replace

import trio

from fixtures.simulators.bmc_state import Faults
from fixtures.simulators.netns.asking import status
from fixtures.simulators.netns.cuts import every, other
from fixtures.simulators.netns.measuring import PATIENCE_S
from fixtures.simulators.netns.pair_room import FEEDS, PairRoom, PairSpec, Play
from fixtures.simulators.netns.stage import Lan, pdu_address
from fixtures.simulators.netns.truth import What
from fixtures.simulators.pdu_agent import Faults as PduFaults
from tests.bench.pair_figures import Finding, Row, Tally
from tests.bench.pair_rooms import Tries, repeated, seasoned, two_managed, whole

CABLE_S = 4.0
"""Longer than a silence that would be taken for death, and than a fencing after it."""
UNPROVED_S = 12.0
"""Longer than the BMC may take, and the cut of its outlets after it."""
INSIST_S = 30.0
"""Longer than an attempt to fence the peer by everything there is."""
PHASE_S = 0.5
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Operator:
    """What came of a pair that nobody could prove anything about."""

    heard: bool
    """Refused while the peer was heard."""
    says_on: bool
    """Refused while the peer's BMC said that it was on."""
    misnamed: bool
    """Refused for another host name than the peer's."""
    stayed: bool
    """The active kept the address all the while, and nobody else had it."""
    alarmed: bool
    accepted: bool
    """When its plug had been pulled and its BMC was silent."""
    served_after_s: float
    """From the first such order until the standby answered a client."""


async def measure(runs: int, rare: int, theirs: str, notes: list[str]) -> list[Finding]:
    """Everything. Raises InvalidRunError."""
    spec = PairSpec(managed=two_managed())
    moved = await repeated(runs, spec, _cable)
    alone = await repeated(runs, spec, _cut_off)
    parted = await repeated(runs, spec, _parted)
    told = await repeated(rare, spec, _operator)
    for tries in (moved, alone, parted, told):
        notes += tries.notes
    doubles = sum(tries.doubles for tries in (moved, alone, parted, told))
    count = sum(tries.count for tries in (moved, alone, parted, told))
    return [
        Tally("dedicated link cut: two holders", moved.doubles, moved.count, 0, theirs),
        Tally("dedicated link cut: the address moved", sum(moved.found), moved.count, 0),
        Row("active cut off from all LANs -> the other answers", _times(alone)),
        Row("all links between the two cut -> the other answers", _times(parted)),
        *_told(told),
        Tally("two powered holders", doubles, count, 0),
    ]


def _times(tries: Tries[float]) -> tuple[float, ...]:
    return (*tries.found, *((NEVER,) * tries.lost))


def _told(tries: Tries[Operator]) -> list[Finding]:
    found, count = tries.found, tries.count
    keeps = "links cut, BMC and PDUs prove nothing: the active keeps the address"
    facts = {
        keeps: [one.stayed for one in found],
        "  the standby shows an alarm": [one.alarmed for one in found],
        "takeover --peer-is-off refused: the peer is heard": [one.heard for one in found],
        "  refused: its BMC says on": [one.says_on for one in found],
        "  refused: another host name": [one.misnamed for one in found],
        "  accepted: plug pulled, BMC silent": [one.accepted for one in found],
    }
    rows = [Tally(what, sum(held), count, count) for what, held in facts.items()]
    served = tuple(one.served_after_s for one in found)
    return [*rows, Row("  the first such order -> the standby answers", served)]


async def _cable(play: Play) -> bool:
    """Cut the dedicated link alone; whether the address moved."""
    await _anywhere(play)
    now = trio.current_time()
    play.room.cuts.make(every((Lan.DUPLEX,)))
    await trio.sleep(CABLE_S)
    play.room.cuts.mend()
    return _has_moved(play.room, now)


async def _cut_off(play: Play) -> float:
    """Cut the active off from everything; its BMC can be reached."""
    active = await _anywhere(play)
    now = trio.current_time()
    play.room.cuts.make(every(members=[active]))
    return await _taken_over(play, active, now)


async def _parted(play: Play) -> float:
    """Cut what the two say to each other; everybody else hears both."""
    active = await _anywhere(play)
    now = trio.current_time()
    play.room.cuts.part()
    return await _taken_over(play, active, now)


async def _anywhere(play: Play) -> str:
    active = await seasoned(play)
    await trio.sleep(random.uniform(0, PHASE_S))
    return active


async def _taken_over(play: Play, active: str, now: float) -> float:
    with trio.fail_after(PATIENCE_S):
        answered = await play.probe.answered(by=other(active), since=now)
    play.room.cuts.mend()
    play.room.members[active].power_on()
    return answered.at - now


def _has_moved(room: PairRoom, since: float) -> bool:
    return any(one.what in {What.HELD, What.GONE} and one.at >= since for one in room.truth.log)


async def _operator(play: Play) -> Operator:
    """Nothing can be proved: what the pair does by itself, and what it does on an order."""
    room, active = play.room, await whole(play)
    standby = other(active)
    heard = not await _order(play, standby, active)
    since = trio.current_time()
    board = room.boards[active]
    board.bmc.faults = Faults(lies=frozenset({"accept-only"}))
    for index in range(FEEDS):
        room.devices.rack[pdu_address(index)].agent.faults.silent = "all"
    room.cuts.part()
    await trio.sleep(UNPROVED_S)
    report = await status(room.members[standby])
    alarmed = report is not None and bool(report.alarms)
    says_on = not await _order(play, standby, active)
    board.bmc.faults = replace(board.bmc.faults, silent=True)
    await trio.sleep(UNPROVED_S)
    misnamed = not await _order(play, standby, "elsewhere")
    stayed = not _has_moved(room, since) and room.truth.holders() == (active,)
    room.members[active].power_off("its plug was pulled")
    now = trio.current_time()
    accepted = await _insist(play, standby, active)
    served = await _served(play, standby, now)
    _heal(play, active)
    return Operator(heard, says_on, misnamed, stayed, alarmed, accepted, served)


async def _order(play: Play, standby: str, name: str) -> bool:
    """Say that the peer is off; whether the word is taken."""
    words = ("haconnact", "takeover", "--peer-is-off", name)
    return (await play.room.members[standby].haconn(*words)).status == 0


async def _insist(play: Play, standby: str, name: str) -> bool:
    """Say it again and again: it is not taken while an attempt to fence the peer is under way."""
    until = trio.current_time() + INSIST_S
    while trio.current_time() < until:
        if await _order(play, standby, name):
            return True
    return False


async def _served(play: Play, standby: str, now: float) -> float:
    with trio.move_on_after(PATIENCE_S):
        return (await play.probe.answered(by=standby, since=now)).at - now
    return NEVER


def _heal(play: Play, active: str) -> None:
    room = play.room
    for index in range(FEEDS):
        room.devices.rack[pdu_address(index)].agent.faults = PduFaults()
    room.boards[active].bmc.faults = Faults()
    room.cuts.mend()
    room.members[active].power_on()
