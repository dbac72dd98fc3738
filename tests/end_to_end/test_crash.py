"""The daemon is killed fifty times, at whatever stage, and every request still gets its verdict.

Machines of four kinds are reset again and again by one requester while the daemon dies: targets
that say that they have stopped, silent ones behind a slow BMC, ones with `proof=power-off`, and
ones whose BMC is silent, so that their outlets are cut. Nothing in it is timed; the machine room
says afterwards what was carried out, and the journals say at which stages the kills fell.
"""

import faulthandler
import json
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import trio

from fixtures.simulators.room import MONITOR_PORT, Room, open_room
from fixtures.simulators.room_machine import Machine, MachineSpec
from fixtures.simulators.room_os import OsSpec, StopNotice
from fixtures.simulators.room_site import Daemon, Site, run_daemon, set_up
from fixtures.simulators.room_truth import Fact
from haconn.daemon.journal_lines import BODY_AT
from haconn.wire.client_events import ResultHeard
from haconn.wire.codes import Verdict

ROUNDS = 5
KILLS_EACH = 10
"""A BMC keeps a session for a minute after its client was killed, and has sixteen."""
OFF_TAKES_S = 6.0
"""After a login OFF is proved by five seconds of reads: no kill may fall into them."""
SLOW_BMC_S = 0.15
SLOW_PDU_S = 0.2
"""Slow enough for a kill to fall between a command and its answer now and then."""
LOOK_S = 1.0
WIRED = ("ipdusd=on", "timeout=5", "recoverytime=5")


def machine(name: str, number: int, *options: str, **more: object) -> MachineSpec:
    notice = more.pop("notice", StopNotice.NOTHING)
    assert isinstance(notice, StopNotice)
    dump_s = None if notice is StopNotice.NOTHING else 0.3
    system = OsSpec(boot_s=0.5, notice=notice, notice_after_s=0.2, dump_s=dump_s)
    feeds = 2 if "ipdusd=on" in options else 0
    return MachineSpec(
        name=name, number=number, port=MONITOR_PORT, options=options, system=system, feeds=feeds
    )


SPECS = (
    machine("REQ", 1),
    machine("SOFT1", 11, notice=StopNotice.TICKET),
    machine("SOFT2", 12, notice=StopNotice.TICKET),
    machine("HARD1", 21),
    machine("HARD2", 22),
    machine("POFF1", 31, "proof=power-off"),
    machine("CUT1", 41, *WIRED),
    machine("CUT2", 42, *WIRED),
)


@dataclass
class Told:
    """One request and what came of it."""

    target: str
    began: float
    heard: ResultHeard
    ended: float


@dataclass
class Run:
    """What the requests were told, when the daemon died, and what its journals said then."""

    told: list[Told] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    stages: Counter[str] = field(default_factory=Counter)
    over: bool = False


def open_stages(journal: Path) -> list[str]:
    """At which stage each open reset was when the journal was last written."""
    latest: dict[str, str | None] = {}
    for line in journal.read_text(encoding="utf-8").rstrip("\0").splitlines():
        try:
            system = json.loads(line[BODY_AT:]).get("system")
        except ValueError:
            continue
        if system is None:
            continue
        reset = system["reset"]
        stage = None
        if reset is not None and reset["ended"] is None and reset["failed_at"] is None:
            state = reset["state"]
            command = reset["plan"]["stages"][state["stage"]]["command"]
            sent = "sent" if state["stage"] in state["sent"] else "not sent"
            stage = f"{command} {sent}"
        elif reset is not None:
            stage = "verdict untold"
        latest[system["server"]] = stage
    return [stage for stage in latest.values() if stage is not None]


async def reset_again_and_again(room: Room, target: Machine, run: Run) -> None:
    """Ask for one target until the run is over, each time when it has booted again."""
    requester = await room["REQ"].os.registered()
    boot: str | None = None
    while not run.over:
        monitor = await target.os.registered(not_boot=boot)
        target.hang_bmc(target.name.startswith("CUT"))
        began = trio.current_time()
        heard = await requester.request_reset(target.os.system)
        run.told.append(Told(target.name, began, heard, trio.current_time()))
        boot = None if heard.result.verdict is Verdict.FAIL else monitor.boot_id


async def kill_now_and_then(daemon: Daemon, site: Site, run: Run) -> None:
    """Kill the daemon, and start it again."""
    for _ in range(KILLS_EACH):
        await trio.sleep(random.uniform(0.1, 1.6))
        await daemon.kill()
        run.kills.append(trio.current_time())
        run.stages.update(open_stages(site.home / "var" / "journal"))
        await daemon.start()
        run.starts.append(trio.current_time())
    run.over = True


def second_reset_was_due(run: Run, first: float, second: float) -> bool:
    """A kill fell between the first reset's journal entry and its answer, and it was looked for."""
    killed = [kill for kill in run.kills if first - SLOW_BMC_S - 0.2 <= kill <= first + 0.5]
    return bool(killed) and second >= killed[0] + LOOK_S


def commands_between(room: Room, told: Told, fact: Fact, until: float) -> list[float]:
    return [one.at for one in room.truth.of(told.target, fact, since=told.began) if one.at < until]


async def one_round(home: Path) -> Run:
    run = Run()
    async with open_room(*SPECS) as room:
        for name in ("HARD1", "HARD2", "POFF1"):
            room[name].bmc.faults = replace(room[name].bmc.faults, delay_s=SLOW_BMC_S)
        for pdu, _ in room.pdus:
            pdu.agent.faults.delay_ms = SLOW_PDU_S * 1000
        site = await set_up(room, home, hispeed_ms=1000, periods={"pdu_poll_ms": 1000})
        async with run_daemon(site) as daemon:
            await daemon.devices_known()
            async with trio.open_nursery() as nursery:
                for target in room:
                    if target.name != "REQ":
                        nursery.start_soon(reset_again_and_again, room, target, run)
                nursery.start_soon(kill_now_and_then, daemon, site, run)
            await everything_is_restored(daemon)
    check(room, run)
    assert all(outlets_are_on(room, target) for target in room)
    return run


async def test_fifty_kills_lose_no_request_and_repeat_no_nmi(tmp_path: Path) -> None:
    faulthandler.cancel_dump_traceback_later()  # minutes are what this test takes
    runs = [await one_round(tmp_path / f"{number}") for number in range(ROUNDS)]
    assert sum(len(run.kills) for run in runs) == ROUNDS * KILLS_EACH
    told = {one.target for run in runs for one in run.told}
    assert told == {spec.name for spec in SPECS} - {"REQ"}
    stages = sum((run.stages for run in runs), Counter[str]())
    reached = {stage.split()[0] for stage in stages}
    assert reached >= {"SOFT_RESET", "HARD_RESET", "POWER_OFF", "OUTLETS_OFF"}, stages


async def everything_is_restored(daemon: Daemon) -> None:
    """Wait until nothing that a cut or a power-off left off is owed any more."""
    while True:
        report = await daemon.status()
        if report is not None and not report.owed:
            return
        await trio.sleep(0.1)


def outlets_are_on(room: Room, target: Machine) -> bool:
    switched = {
        one.detail: one.fact for one in room.truth.of(target.name, Fact.OUTLET_ON, Fact.OUTLET_OFF)
    }
    return Fact.OUTLET_OFF not in switched.values()


def check(room: Room, run: Run) -> None:
    for index, told in enumerate(run.told):
        later = [one.began for one in run.told[index + 1 :] if one.target == told.target]
        until = min(later, default=float("inf"))
        assert verdict_is_due(run, told), (told, run.kills)
        assert len(commands_between(room, told, Fact.NMI, until)) <= 1, told
        resets = commands_between(room, told, Fact.RESET, until)
        assert len(resets) <= 2, told
        if len(resets) == 2:
            assert second_reset_was_due(run, *resets), (told, resets, run.kills)


def verdict_is_due(run: Run, told: Told) -> bool:
    """Something was proved; or OFF never had the time that it needs after a login."""
    if told.heard.result.verdict in {Verdict.DUMP, Verdict.POFF}:
        return True
    inside = [kill for kill in run.kills if told.began < kill < told.ended]
    moments = [told.began, *inside, told.ended]
    quiet = max(after - before for before, after in pairwise(moments))
    return told.target == "POFF1" and quiet < OFF_TAKES_S
