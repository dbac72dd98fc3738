"""The table of a run with a pair, as text and as JSON."""

import json
import math
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from tests.bench.pair_figures import Finding, Findings, Row, Tally, median, worst

Plain: TypeAlias = dict[str, str | int | float | bool | None]
HEADINGS = ("what", "n", "median", "worst", "aim", "peer", "n", "median", "worst")
WIDTH = 190
STOOD_IN = (
    "systemd: fixtures/simulators/netns/supervisor.py stood in for it (Type=notify, WatchdogSec=1, "
    "RestartSec=2, TimeoutStopSec=15, ExecStopPost, Restart=on-failure)",
    "BMCs and PDUs: simulated, in the process of the bench, answering at once but for what a row "
    "says; network: namespaces on one machine, a client asks each 2 ms from a third",
    "an aim is worst, or median and worst; 'never' did not happen within its patience",
)


@dataclass(frozen=True, slots=True)
class About:
    """What has to be known of a run beside its figures."""

    bmc_effect_s: float
    loadavg: tuple[str, str]
    """Of the machine, before and after."""


def as_json(findings: Findings, about: About) -> str:
    """The run for programs; aims as they are marked."""
    return json.dumps(
        {
            "findings": [{"part": part} | _plain(one) for part, one in findings.parts],
            "notes": findings.notes,
            "supervisor": STOOD_IN[0],
            "bmc_effect_s": about.bmc_effect_s,
            "loadavg": about.loadavg,
            "python": platform.python_version(),
            "cores": os.cpu_count(),
        },
        indent=2,
    )


def _plain(one: Finding) -> Plain:
    if isinstance(one, Tally):
        said: Plain = {"found": one.found, "of": one.of, "wanted": one.wanted}
        return {"what": one.what, **said, "met": one.met, "peer": one.theirs}
    times = None if one.theirs is None else one.theirs.times
    return {
        "what": one.what,
        "unit": one.unit,
        "n": len(one.times),
        "median": _number(median(one.times)),
        "worst": _number(worst(one.times)),
        "aim": None if one.aim is None else str(one.aim),
        "met": one.met,
        "peer": "" if one.theirs is None else one.theirs.command,
        "peer_median": None if times is None else _number(median(times)),
        "peer_worst": None if times is None else _number(worst(times)),
    }


def _number(value: float) -> float | None:
    """JSON has no infinity: null is never."""
    return value if math.isfinite(value) else None


def draw(findings: Findings, about: About, console: Console) -> None:
    """Print the table and what has to be known beside it."""
    table = Table()
    for index, heading in enumerate(HEADINGS):
        left = index in {0, 4, 5}
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    shown = ""
    for part, one in findings.parts:
        if part != shown:
            table.add_section()
            table.add_row(f"[bold]{part}[/bold]")
        shown = part
        table.add_row(*_cells(one))
    console.print(table)
    for line in _beneath(findings, about):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _cells(one: Finding) -> tuple[str, ...]:
    if isinstance(one, Tally):
        aim = "" if one.wanted is None else _marked(str(one.wanted), one.met)
        return f"  {one.what}", str(one.of), "", str(one.found), aim, one.theirs
    aim = "" if one.aim is None else _marked(f"{one.aim} {one.unit}", one.met)
    ours = (f"  {one.what}", str(len(one.times)), *_figures(one, one.times), aim)
    theirs = one.theirs
    if theirs is None:
        return ours
    if theirs.times is None:
        return (*ours, f"{theirs.command}: not installed")
    return (*ours, theirs.command, str(len(theirs.times)), *_figures(one, theirs.times))


def _figures(row: Row, times: tuple[float, ...]) -> tuple[str, str]:
    return _time(median(times), row.unit), _time(worst(times), row.unit)


def _time(value: float, unit: str) -> str:
    if math.isnan(value):
        return "--"
    if math.isinf(value):
        return "never"
    return f"{value:.3f} {unit}" if unit == "s" else f"{value:.1f} {unit}".rstrip()


def _marked(aim: str, met: bool | None) -> str:
    return aim.rstrip() if met is not False else f"{aim.rstrip()} MISSED"


def _beneath(findings: Findings, about: About) -> Iterator[str]:
    before, after = about.loadavg
    yield from STOOD_IN
    yield (
        f"BMCs of the management servers: a command has its effect {about.bmc_effect_s:g} s after "
        "its acceptance (simulated)"
    )
    yield (
        f"Python {platform.python_version()}, {os.cpu_count()} cores; load average before "
        f"{before}, after {after}; docs/bench.md says the rest"
    )
    yield from findings.notes
