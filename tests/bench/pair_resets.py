"""Resets in flight when the active is killed: is every verdict told, and is anything done twice?

32 managed servers. 30 are asked for, 10 of each kind, at times which make all three stages meet
the kill; the requests come from the other two, since a dead member hears no verdict. Two of the 30
are asked for by both, so there are 32 requests.

- soft: it takes the NMI and says nothing; asked less than T-soft before the kill.
- hard: the same with proof=power-off; its power-off falls around the kill.
- cut: its BMC is silent; soft and hard run out, and its two outlets, on PDUs that take their time,
  are cut around the kill.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

import trio

from fixtures.simulators.netns.looks import Touch, blind, repeated
from fixtures.simulators.netns.measuring import BLOWS, Blow
from fixtures.simulators.netns.pair_room import PairRoom, PairSpec, Play
from fixtures.simulators.netns.settings import HISPEED_MS
from fixtures.simulators.room_machine import Machine, MachineSpec
from fixtures.simulators.room_os import OsSpec
from tests.bench.pair_figures import Finding, Row, Tally
from tests.bench.pair_rooms import MONITOR_PORT, LostError, Tries, ripe, whole
from tests.bench.pair_rooms import repeated as tried
from tests.bench.pair_watched import CUT, watch_outlets
from tests.netns.invariants import Asked, Ledger, broken_promises

EACH = 10
"""Servers of a kind."""
TIMEOUT_S = 5.0
"""Of a hard reset before outlets are cut: the smallest that can be set."""
SOFT_S = HISPEED_MS / 1000
PDU_DELAY_MS = 150
"""Below what makes anybody ask again."""
CLOSED_WITHIN_S = 60.0


class Kind(Enum):
    """What a server does when it is reset; the value is when it is asked before the kill."""

    SOFT = (0.0, SOFT_S)
    HARD = (SOFT_S, SOFT_S + 0.6)
    CUT = (SOFT_S + TIMEOUT_S, SOFT_S + TIMEOUT_S + 0.6)


LEAD_S = max(one.value[1] for one in Kind) + 0.2
OPTIONS: dict[Kind, tuple[str, ...]] = {
    Kind.SOFT: (),
    Kind.HARD: ("proof=power-off",),
    Kind.CUT: ("ipdusd=on", f"timeout={TIMEOUT_S:.0f}", "recoverytime=0"),
}


@dataclass(frozen=True, slots=True)
class Incident:
    """What came of one kill."""

    requests: int
    told: int
    open_at_kill: int
    stages: Counter[str]
    """Requests without a verdict at the kill, by the last stage that had been commanded."""
    faults: tuple[str, ...]
    """Second NMIs, and second resets and cuts that nobody looked before."""
    broken: tuple[str, ...]
    """Verdicts that the truth breaks."""
    verdicts: Counter[str]
    late_s: float
    """From the kill to the last verdict."""


@dataclass(slots=True)
class Watched:
    """What PDUs were told, for all incidents of one room."""

    outlets: list[Touch] = field(default_factory=list)
    room: PairRoom | None = None


def site() -> PairSpec:
    """32 managed servers: 10 of each kind, and two that ask."""
    kinds = [kind for kind in Kind for _ in range(EACH)]
    targets = tuple(
        MachineSpec(
            name=f"{kind.name}{number:02d}",
            number=number,
            port=MONITOR_PORT,
            feeds=2 if kind is Kind.CUT else 0,
            options=OPTIONS[kind],
            system=OsSpec(boot_s=0.5),
        )
        for number, kind in enumerate(kinds, 1)
    )
    asking = tuple(
        MachineSpec(name=f"ASKS{number}", number=number, port=MONITOR_PORT)
        for number in (len(kinds) + 1, len(kinds) + 2)
    )
    return PairSpec(managed=(*targets, *asking))


async def measure(runs: int, notes: list[str]) -> list[Finding]:
    """Kill so often. Raises InvalidRunError."""
    watched = Watched()

    async def once(play: Play) -> Incident:
        return await _incident(play, watched)

    tries = await tried(runs, site(), once)
    notes += tries.notes
    for number, one in enumerate(tries.found, 1):
        notes.append(
            f"kill {number}: open {one.open_at_kill} of {one.requests} "
            f"({_listed(one.stages)}); verdicts {_listed(one.verdicts)}"
        )
        notes += [f"  {fault}" for fault in (*one.faults, *one.broken)]
    return findings(tries)


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{what} {count}" for what, count in sorted(counted.items()))


def findings(tries: Tries[Incident]) -> list[Finding]:
    """Sums over all kills."""
    found = tries.found
    requests = sum(one.requests for one in found)
    told = sum(one.told for one in found)
    in_flight = sum(one.open_at_kill for one in found)
    stages = sum((one.stages for one in found), Counter[str]())
    faults = [fault for one in found for fault in one.faults]
    broken = sum(len(one.broken) for one in found)
    by_word = {word: sum(word in fault for fault in faults) for word in ("NMI", "reset", "cut")}
    late = tuple(one.late_s for one in found)
    return [
        Tally("requests whose verdict was told", told, requests, requests),
        Tally("in flight at the kill", in_flight, requests),
        *(Tally(f"  after {stage}", count, in_flight) for stage, count in sorted(stages.items())),
        Tally("second NMIs", by_word["NMI"], requests, 0),
        Tally("second resets or power-offs without a look", by_word["reset"], requests, 0),
        Tally("second cuts without a look", by_word["cut"], requests, 0),
        Tally("verdicts that are not true", broken, told, 0),
        Tally("pairs that were lost", tries.lost, tries.count, 0),
        Tally("two powered holders", tries.doubles, tries.count, 0),
        Row("kill -> the last verdict", late),
    ]


async def _incident(play: Play, watched: Watched) -> Incident:
    room = play.room
    if watched.room is not room:
        watched.room, watched.outlets = room, []
        watch_outlets(room.devices.rack, room.devices.addresses, watched.outlets)
    active = await ripe(play)
    since = len(room.touches), len(watched.outlets)
    ledger = Ledger()
    _break(room)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for requester, target, at in _orders(room):
            nursery.start_soon(_ask_at, ledger, requester, target, began + at)
        await trio.sleep_until(began + LEAD_S)
        still = {one.target for one in ledger.asked if one.heard is None}
        open_at_kill = len(ledger.lost())
        touches, cuts = room.touches[since[0] :], watched.outlets[since[1] :]
        stages = Counter(_stage(room.servers[name], touches, cuts) for name in sorted(still))
        await BLOWS[Blow.KILL](room.members[active])
        killed = trio.current_time()
        with trio.move_on_after(CLOSED_WITHIN_S):
            await ledger.closed()
        late_s = trio.current_time() - killed
        nursery.cancel_scope.cancel(reason="who has no verdict now gets none")
    touches, cuts = room.touches[since[0] :], watched.outlets[since[1] :]
    broken = tuple(broken_promises(room.servers_truth, ledger))
    incident = Incident(
        len(ledger.asked),
        len(ledger.asked) - len(ledger.lost()),
        open_at_kill,
        stages,
        tuple(second(touches, cuts)),
        broken,
        Counter(_verdict(one) for one in ledger.asked),
        late_s,
    )
    await _heal(play)
    return incident


def _orders(room: PairRoom) -> Iterator[tuple[Machine, Machine, float]]:
    """Who asks for whom, and when."""
    *targets, first, second_one = room.servers.values()
    for index, target in enumerate(targets):
        kind = next(kind for kind in Kind if target.name.startswith(kind.name))
        at = LEAD_S - random.uniform(*kind.value)
        yield (first, second_one)[index % 2], target, at
        if index < 2:
            yield (second_one, first)[index % 2], target, at


async def _ask_at(ledger: Ledger, requester: Machine, target: Machine, at: float) -> None:
    await trio.sleep_until(at)
    await ledger.ask(requester, target)


def _stage(target: Machine, touches: Iterable[Touch], cuts: Iterable[Touch]) -> str:
    """What the devices of a server had been told last."""
    feeds = {f"{pdu}#{outlet}" for pdu, outlet in target.feeds}
    if any(one.server in feeds and one.what == CUT for one in cuts):
        return "the cut of an outlet"
    told = {one.what for one in touches if one.server == target.name}
    if told & {"reset", "power-off", "power-cycle"}:
        return "the hard reset"
    if "nmi" in told:
        return "the NMI"
    return "nothing yet, or its BMC is silent"


def second(touches: list[Touch], cuts: list[Touch]) -> Iterator[str]:
    """What was done twice and must not have been, a line each."""
    for touch in repeated(touches, "nmi"):
        yield f"{touch.server}: a second NMI"
    for command in ("reset", "power-off", "power-cycle"):
        for touch in blind(touches, command):
            yield f"{touch.server}: a second reset ({command}) without a look"
    for touch in blind(cuts, CUT):
        yield f"{touch.server}: a second cut without a look"


def _verdict(one: Asked) -> str:
    return "none" if one.heard is None else f"{one.target[:-2]} {one.heard.words}"


def _break(room: PairRoom) -> None:
    """Silence the BMCs of those that are to be cut, and make their PDUs slow."""
    for server in room.servers.values():
        if server.name.startswith(Kind.CUT.name):
            server.hang_bmc()
            for pdu, _ in server.feeds:
                room.devices.rack[pdu].agent.faults.delay_ms = PDU_DELAY_MS


async def _heal(play: Play) -> None:
    """Let every server boot anew, and wait until all is well. Raises LostError."""
    room = play.room
    boots = {name: server.os.boot_id for name, server in room.servers.items()}
    for server in room.servers.values():
        for pdu, outlet in server.feeds:
            room.devices.rack[pdu].agent.faults.delay_ms = 0
            room.devices.rack[pdu].agent.switch(outlet, on=True)
        server.hang_bmc(False)
        if not server.name.startswith("ASKS"):
            server.switch(on=True)
            server.os.reset()
    with trio.move_on_after(CLOSED_WITHIN_S):
        for name, server in room.servers.items():
            if not name.startswith("ASKS"):
                await server.os.registered(not_boot=boots[name])
        await whole(play)
        return
    raise LostError("the pair does not recover from resets in flight")
