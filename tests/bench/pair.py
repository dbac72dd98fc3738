"""`python -m tests.bench pair`: measure two haconnr2 as a pair, and keepalived beside them.

Needs root, for network namespaces. Exit status 0: there is a table, whatever it says; an aim that
is missed is marked. 1: the run is worth nothing; the reason stands on the standard error, and no
figure is printed. 2: it could not begin.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import trio
from rich.console import Console

from tests.bench import pair_cuts, pair_gate, pair_peers, pair_resets, pair_schedules
from tests.bench import pair_takeovers as takeovers
from tests.bench.errors import InvalidRunError
from tests.bench.pair_figures import Findings
from tests.bench.pair_rooms import BMC_EFFECT_S
from tests.bench.pair_table import WIDTH, About, as_json, draw

PARTS = ("takeovers", "resets", "cuts", "gate", "schedules")
RUNS, SCHEDULES = 20, 20
LONG = 4
"""What takes a minute a time is done so many times less often, five times at least."""
LONG_MIN = 5


def main(arguments: Sequence[str]) -> int:
    """Run the bench of the pair."""
    chosen = _parser().parse_args(arguments)
    if os.geteuid() != 0:
        sys.stderr.write("bench pair: needs root, for network namespaces\n")
        return 2
    before = _loadavg()
    findings = Findings()
    try:
        pair_peers.require_in_ci(os.environ)
        _measure(chosen, findings)
    except* InvalidRunError as group:
        faults = _leaves(group)
    else:
        faults = []
    if faults:
        sys.stderr.write(f"bench pair: no figures: {'; '.join(faults)}\n")
        return 1
    about = About(BMC_EFFECT_S, (before, _loadavg()))
    if chosen.json:
        sys.stdout.write(as_json(findings, about) + "\n")
    else:
        draw(findings, about, Console(width=None if sys.stdout.isatty() else WIDTH))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench pair",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=_count, default=RUNS, help=f"of each blow ({RUNS})")
    parser.add_argument(
        "--schedules", type=int, default=SCHEDULES, help=f"by chance, a minute each ({SCHEDULES})"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the first schedule (0)")
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="leave the other parts out; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _measure(chosen: argparse.Namespace, findings: Findings) -> None:
    """Run the parts, each in Trio runs of its own. Raises InvalidRunError, also in groups."""
    runs, parts = chosen.runs, chosen.only or PARTS
    rare = min(runs, max(LONG_MIN, runs // LONG))
    if "takeovers" in parts:
        for struck in takeovers.STRUCK:
            _say(f"takeovers: {struck.what}")
            theirs = trio.run(pair_peers.measure, struck.blow, runs)
            found = trio.run(takeovers.measure, struck, runs, theirs, findings.notes)
            findings.add("takeovers", *found)
    if "resets" in parts:
        _say("resets in flight at the kill")
        findings.add("resets", *trio.run(pair_resets.measure, rare, findings.notes))
    if "cuts" in parts:
        _say("cuts")
        theirs_cut = trio.run(pair_peers.measure_cut, runs)
        found = trio.run(pair_cuts.measure, runs, rare, theirs_cut, findings.notes)
        findings.add("cuts", *found)
    if "gate" in parts:
        _say("the gate")
        findings.add("gate", *trio.run(pair_gate.measure, runs, rare, findings.notes))
    if "schedules" in parts and chosen.schedules:
        seeds = range(chosen.seed, chosen.seed + chosen.schedules)
        _say(f"schedules {seeds[0]} to {seeds[-1]}")
        findings.add("schedules", *pair_schedules.measure(seeds, findings.notes))


def _say(what: str) -> None:
    """Progress: some parts take many minutes."""
    sys.stderr.write(f"bench pair: {what}\n")


def _leaves(group: BaseExceptionGroup[InvalidRunError]) -> list[str]:
    leaves: list[str] = []
    for inner in group.exceptions:
        leaves += _leaves(inner) if isinstance(inner, BaseExceptionGroup) else [str(inner)]
    return leaves


def _loadavg() -> str:
    return " ".join(Path("/proc/loadavg").read_text(encoding="ascii").split()[:3])
