"""The bench of a pair: what it counts of a play, and that each count can find a fault."""

import subprocess
import sys

import trio

from fixtures.simulators import pdu_ber as ber
from fixtures.simulators.netns.looks import LOOK, Touch, blind
from fixtures.simulators.netns.truth import What
from fixtures.simulators.pdu_agent import READ_WRITE, Agent
from fixtures.simulators.pdu_ber import Message, Typed, encode
from fixtures.simulators.pdu_layouts import LAYOUTS
from tests.bench.pair_gate import Gate, Sample
from tests.bench.pair_gate import findings as of_gate
from tests.bench.pair_resets import second
from tests.bench.pair_schedules import holdings, judged
from tests.bench.pair_watched import CUT, RESTORE, WatchedAgent
from tests.netns.performance import Played

AS_NOBODY = """
import os, sys
from tests.bench import pair
if os.geteuid() == 0:
    os.setuid(65534)
sys.exit(pair.main([]))
"""
HELD = What.HELD.value


def test_without_root_it_says_one_line_and_ends_with_2() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", AS_NOBODY], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "bench pair: needs root, for network namespaces\n"


def test_a_takeover_is_counted_when_the_address_comes_to_the_other() -> None:
    timeline = (
        f"  -15.741 m1 {HELD}",
        f"    1.000 m1 {What.GONE.value}",
        f"    1.500 m1 {HELD}",
        f"    9.250 m2 {HELD}",
        "m1 eventlog: [2026/11/22 17:42:13:972] HACN401 info now active, epoch 1",
    )
    assert list(holdings(timeline)) == ["m1", "m1", "m2"]
    assert judged(7, Played((), timeline)).takeovers == 1


def test_two_holders_are_counted_among_the_faults_of_a_schedule() -> None:
    faults = ("m1 and m2 hold the address, 3.000 to 3.500", "S01 got a second nmi at 4.000")
    chance = judged(7, Played(faults, ()))
    assert (chance.doubles, chance.faults) == (1, faults)


def test_what_is_done_twice_is_found() -> None:
    touches = [Touch(1.0, "S1", "nmi"), Touch(2.0, "S1", LOOK), Touch(3.0, "S1", "nmi")]
    assert list(second(touches, [])) == ["S1: a second NMI"]
    resets = [Touch(1.0, "S1", "reset"), Touch(3.0, "S1", "reset")]
    assert list(second(resets, [])) == ["S1: a second reset (reset) without a look"]
    assert not list(second([resets[0], Touch(2.0, "S1", LOOK), resets[1]], []))
    cuts = [Touch(1.0, "10.2.0.203#1", CUT), Touch(2.0, "10.2.0.203#1", CUT)]
    assert list(second([], cuts)) == ["10.2.0.203#1: a second cut without a look"]


async def test_a_watched_pdu_notes_cuts_looks_and_restores_but_no_repetition() -> None:
    log: list[Touch] = []
    objects = LAYOUTS["apc-rpdu2"]("pdu", 2)
    agent = WatchedAgent(Agent("10.2.0.203", objects), log)
    control = next(oid for oid, outlet in objects.controls.items() if outlet == 1)
    state = next(oid for oid, outlet in objects.states.items() if outlet == 1)
    orders = {on: number for number, on in objects.orders.items()}

    def say(pdu: int, request_id: int, oid: ber.Oid, typed: Typed) -> None:
        message = Message(1, READ_WRITE, pdu, request_id, 0, 0, ((oid, typed),))
        assert agent.answer(encode(message))

    off, on = Typed(ber.INTEGER, orders[False]), Typed(ber.INTEGER, orders[True])
    say(ber.SET, 1, control, off)
    say(ber.SET, 1, control, off)
    say(ber.GET, 2, state, Typed(ber.NULL))
    say(ber.SET, 3, control, on)
    assert [one.what for one in log] == [CUT, LOOK, RESTORE]
    say(ber.SET, 4, control, off)
    say(ber.SET, 5, control, off)
    assert [one.server for one in blind(log, CUT)] == ["10.2.0.203#1"]
    await trio.lowlevel.checkpoint()


def test_the_gate_is_judged_by_what_a_request_takes_more_than_usual() -> None:
    usual = [Sample(float(at), 0.010) for at in range(10)]
    slow, stuck = Sample(11.0, 0.070), Sample(2.0, 3.9)
    gate = Gate(usual, usual, [*usual, slow], usual, [[stuck, Sample(8.0, 0.010)]], 2000)
    found = {one.what.strip(): one for one in of_gate(gate)}
    assert found["extra while the standby restarts"].met is False
    assert found["extra while a joiner gets a record with 2000 ids"].met
    assert found["a silent standby: longest wait"].met
    late = Gate(usual, usual, usual, usual, [[stuck, Sample(8.0, 3.0)]])
    assert [one.met for one in of_gate(late)][-1] is False
