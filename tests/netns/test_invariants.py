"""The judges say so when something is wrong: each fault is planted once."""

from pathlib import Path

import pytest
import trio

from fixtures.simulators.lab.promise import Heard
from fixtures.simulators.netns.inside import within
from fixtures.simulators.netns.looks import LOOK, Touch
from fixtures.simulators.netns.pair_room import PairSpec, open_pair_room
from fixtures.simulators.netns.settings import RESET_PORT, configure
from fixtures.simulators.netns.stage import VIRTUAL, system_address
from fixtures.simulators.netns.truth import PairTruth, What
from fixtures.simulators.room_truth import Fact, Truth
from haconn.wire.codes import Proof
from tests.netns.deeds import LostPower, NobodyServes, Serves, Stays, Who
from tests.netns.expecting import fault_of, power_fault
from tests.netns.invariants import (
    Asked,
    Ledger,
    at_rest,
    broken_promises,
    double_holders,
    lost_verdicts,
    second_commands,
)
from tests.netns.performance import managed
from tests.netns.test_machine import HOLDER, IDLE, played
from tests.netns.units import pair_of


def touches(*facts: tuple[str, str]) -> list[Touch]:
    return [Touch(float(at), *fact) for at, fact in enumerate(facts)]


async def test_a_double_holder_is_told() -> None:
    truth = PairTruth()
    for member in ("m1", "m2"):
        truth.add(member, What.ON)
        truth.add(member, What.HELD)
    (fault,) = double_holders(truth)
    assert "m1 and m2 hold the address" in fault


async def test_a_lost_verdict_is_told(sockets: None, home: Path) -> None:
    """Nobody answers at the address, so the request that was made has no verdict."""
    spec = pair_of(IDLE, IDLE)
    spec = PairSpec(members=spec.members, managed=managed(2))
    async with open_pair_room(spec, home) as play:
        configure(play.room)
        target, requester = play.room.servers.values()
        ledger = Ledger()
        ledger.asked.append(Asked(requester.name, target.name, trio.current_time()))
        (fault,) = lost_verdicts(ledger)
        assert "S02 asked for S01" in fault
        with trio.move_on_after(0.2) as waiting:
            await ledger.closed()
        assert waiting.cancelled_caught


async def test_a_verdict_that_is_not_true_is_told(sockets: None, home: Path) -> None:
    spec = PairSpec(members=pair_of(IDLE, IDLE).members, managed=managed(2))
    async with open_pair_room(spec, home) as play:
        target = play.room.servers["S01"]
        truth = play.room.servers_truth
        await truth.until("S01", Fact.BOOT)
        now, kernel = trio.current_time(), target.os.boot_id
        ledger = Ledger()
        heard = Heard(target, "POFF", Proof.POWER_OFF, kernel, now, now)
        ledger.asked.append(Asked("S02", "S01", now, heard))
        (fault,) = broken_promises(truth, ledger)
        assert "it was never off" in fault


async def test_a_true_verdict_is_no_fault() -> None:
    assert list(lost_verdicts(Ledger())) == []
    assert list(broken_promises(Truth(), Ledger())) == []


async def test_a_pair_that_does_not_come_together_is_told(sockets: None, home: Path) -> None:
    async with played(pair_of(HOLDER, IDLE), home) as play:
        (fault,) = await at_rest(play, Ledger(), healed_within_s=0.3)
        assert "not one active with its standby" in fault


@pytest.mark.parametrize(
    ("facts", "faults"),
    [
        ([("S1", "nmi"), ("S2", "nmi"), ("S1", "reset")], []),
        ([("S1", "nmi"), ("S1", LOOK), ("S1", "nmi")], ["S1 got a second NMI at 2.000"]),
        ([("S1", "reset"), ("S1", LOOK), ("S1", "reset")], []),
        (
            [("S1", "reset"), ("S2", LOOK), ("S1", "reset")],
            ["S1 got a second reset at 2.000, unlooked for"],
        ),
        (
            [("S1", LOOK), ("S1", "power-off"), ("S1", "power-off")],
            ["S1 got a second power-off at 2.000, unlooked for"],
        ),
    ],
)
def test_second_commands_are_told(facts: list[tuple[str, str]], faults: list[str]) -> None:
    assert list(second_commands(touches(*facts))) == faults


async def test_the_bmcs_of_managed_servers_are_recorded(sockets: None, home: Path) -> None:
    async with open_pair_room(PairSpec(managed=managed(2)), home) as play:
        commands = play.room.servers["S01"].bmc.protocol.commands
        assert commands.chassis.power()
        assert commands.chassis.execute("nmi") == 0
        assert [(one.server, one.what) for one in play.room.touches] == [
            ("S01", LOOK),
            ("S01", "nmi"),
        ]


def first_is_active(who: Who) -> str:
    return "m1" if who is Who.ACTIVE else "m2"


async def test_expectations_that_are_not_met_are_faults(sockets: None, home: Path) -> None:
    async with played(pair_of(HOLDER, IDLE), home) as play:
        now = (await play.probe.answered()).at
        for wrong, words in (
            (Serves(Who.STANDBY, 0.3), "m2 does not answer"),
            (Stays(Who.STANDBY, 0.3), "m2 does not keep"),
            (NobodyServes(0.0, 0.3), "m1 answers"),
        ):
            fault = await fault_of(wrong, play, first_is_active, now)
            assert fault is not None
            assert words in fault
        for right in (Serves(Who.ACTIVE, 5.0), Stays(Who.ACTIVE, 0.3)):
            assert await fault_of(right, play, first_is_active, now) is None


async def test_an_address_that_went_and_came_back_did_not_stay(sockets: None, home: Path) -> None:
    async with played(pair_of(HOLDER, IDLE), home) as play:
        machine, now = play.room.members["m1"], trio.current_time()
        for verb in ("del", "add"):
            await machine.run("ip", "addr", verb, "10.1.0.3/32", "dev", "rst")
        assert play.room.truth.holders() == ("m1",)
        assert await fault_of(Stays(Who.ACTIVE, 0.1), play, first_is_active, now) is not None


async def test_power_that_was_or_was_not_lost_is_judged(sockets: None, home: Path) -> None:
    async with played(pair_of(IDLE, IDLE), home) as play:
        since = trio.current_time()
        play.room.members["m2"].power_off("the test says so")
        for who, lost, fault in (
            (Who.STANDBY, False, "m2 lost its power"),
            (Who.ACTIVE, True, "m1 kept its power"),
            (Who.STANDBY, True, None),
            (Who.ACTIVE, False, None),
        ):
            assert power_fault(LostPower(who, lost), play, first_is_active, since) == fault


async def test_monitors_ask_at_the_address_from_their_own(sockets: None, home: Path) -> None:
    spec = PairSpec(members=pair_of(HOLDER, IDLE).members, managed=managed(2))
    async with played(spec, home) as play:
        configure(play.room)
        with within(play.room.stage.namespace("m1")):
            daemon = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
        with daemon:
            await daemon.bind((VIRTUAL, RESET_PORT))
            heard = {(await daemon.recvfrom(2048))[1][0] for _ in range(10)}
        assert heard == {system_address(0), system_address(1)}
