"""The table of a run, as text and as JSON."""

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from tests.bench.figures import (
    AIMS,
    CPU_AIM_PERCENT,
    MEMORY_AIM_MIB,
    Deed,
    Load,
    Ours,
    Theirs,
    quantile,
)

HEADINGS = ("what (ms)", "n", "ours p50", "ours p99", "aim", "peer", "n", "peer p50", "ratio")
WIDTH = 168


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that one run measured."""

    ours: Ours
    load: Load
    theirs: Sequence[Theirs]
    loadavg: tuple[str, str]
    """Of the machine, before and after."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a deed of ours, beside one of somebody else's where there is one."""

    what: str
    n: int
    ours_p50: float
    ours_p99: float
    aim: str
    met: bool | None
    """None: there is no aim."""
    peer: str = ""
    peer_n: int | None = None
    """None: there is no peer, or it is not installed."""
    peer_p50: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as long the peer takes."""
        return None if self.peer_p50 is None else self.peer_p50 / self.ours_p50


def rows(run: Run) -> Iterator[Row]:
    """Every deed, once for each peer that does it."""
    for deed in Deed:
        times, aim = run.ours.times[deed], AIMS.get(deed)
        p50, p99 = quantile(times, 0.5), quantile(times, 0.99)
        met = None if aim is None else aim.met(p50, p99)
        row = Row(deed.value, len(times), p50, p99, "" if aim is None else str(aim), met)
        peers = [one for one in run.theirs if one.deed is deed]
        if not peers:
            yield row
        yield from (_beside(row, peer) for peer in peers)


def _beside(row: Row, peer: Theirs) -> Row:
    ours = (row.what, row.n, row.ours_p50, row.ours_p99, row.aim, row.met)
    if peer.times is None:
        return Row(*ours, f"{peer.command}: not installed")
    return Row(*ours, peer.command, len(peer.times), quantile(peer.times, 0.5))


def as_json(run: Run) -> str:
    """The run for programs; ratios as in the table, aims as they are marked."""
    return json.dumps(
        {
            "rows": [asdict(row) | {"ratio": row.ratio} for row in rows(run)],
            "load": asdict(run.load),
            "waited_ms_per_s": run.ours.waits,
            "loadavg": run.loadavg,
            "python": platform.python_version(),
            "cores": os.cpu_count(),
        },
        indent=2,
    )


def draw(run: Run, console: Console) -> None:
    """Print the table and what has to be known beside it."""
    console.print(_table(run))
    for line in _beneath(run):
        console.print(line, highlight=False, soft_wrap=True)


def _table(run: Run) -> Table:
    table = Table()
    for index, heading in enumerate(HEADINGS):
        left = index in {0, 4, 5}
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    shown = ""
    for row in rows(run):
        ours = [row.what, str(row.n), _ms(row.ours_p50), _ms(row.ours_p99), _aim(row.aim, row.met)]
        cells = ours if row.what != shown else [""] * len(ours)
        table.add_row(*cells, *_peer_cells(row), end_section=False)
        shown = row.what
    load = run.load
    cpu, memory = load.cpu_percent, load.resident_mib
    met = cpu <= CPU_AIM_PERCENT
    aim = _aim(f"{CPU_AIM_PERCENT:g}", met)
    table.add_row(f"CPU, polls only, {load.over_s:.0f} s: % of a core", "", f"{cpu:.1f}", "", aim)
    aim = _aim(f"{MEMORY_AIM_MIB:g}", memory <= MEMORY_AIM_MIB)
    table.add_row("resident memory after all of it: MiB", "", f"{memory:.0f}", "", aim)
    return table


def _peer_cells(row: Row) -> list[str]:
    if row.peer_n is None or row.peer_p50 is None:
        return [row.peer, "", "", ""]
    return [row.peer, str(row.peer_n), _ms(row.peer_p50), f"{row.ratio:.3g}"]


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _aim(aim: str, met: bool | None) -> str:
    return aim if met is not False else f"{aim} MISSED"


def _beneath(run: Run) -> Iterator[str]:
    yield (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, all on loopback; "
        f"load average before {run.loadavg[0]}, after {run.loadavg[1]}"
    )
    waits = ", ".join(f"{part} {wait:.1f}" for part, wait in run.ours.waits.items())
    yield f"the daemon was ready to run and had no CPU, ms in each second: {waits}"
    yield "an aim is p99, or p50 and p99; ratio = peer p50 / ours p50; docs/bench.md says the rest"
