"""`python -m tests.bench`: measure haconnr2 and programs of others, and print one table.

Exit status 0: there is a table, whatever it says. 1: the run is worth nothing; the reason stands on
the standard error, and no figure is printed. `python -m tests.bench pair` is the bench of a pair,
`python -m tests.bench flood` that of BMCs which send authentic nonsense.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import trio
from rich.console import Console

from tests.bench import deeds, flood, pair, peers
from tests.bench.errors import InvalidRunError
from tests.bench.figures import Ours
from tests.bench.members import run_members
from tests.bench.service import run_service
from tests.bench.simulators import run_simulator
from tests.bench.site import BMC_PORT, PDU_PORT, set_up
from tests.bench.table import WIDTH, Run, as_json, draw


@dataclass(frozen=True, slots=True)
class Size:
    """How many samples."""

    ours: int
    theirs: int
    slow: int
    """Of programs that sleep for seconds."""


FULL, QUICK = Size(240, 20, 10), Size(40, 5, 2)


def main() -> int:
    """Run the bench, or another one if its name is the first word."""
    if sys.argv[1:2] == ["pair"]:
        return pair.main(sys.argv[2:])
    if sys.argv[1:2] == ["flood"]:
        return flood.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--json", action="store_true", help="for programs")
    chosen = parser.parse_args()
    size = QUICK if chosen.quick else FULL
    faults: list[str] = []
    try:
        peers.require_all_in_ci(os.environ)
        with tempfile.TemporaryDirectory(prefix="haconn-bench-") as home:
            run = trio.run(_measure, Path(home), size)
    except* InvalidRunError as group:
        faults = [str(fault) for fault in _leaves(group)]
    if faults:
        sys.stderr.write(f"bench: no figures: {'; '.join(faults)}\n")
        return 1
    if chosen.json:
        sys.stdout.write(as_json(run) + "\n")
    else:
        draw(run, Console(width=None if sys.stdout.isatty() else WIDTH))
    return 0


def _leaves(group: BaseExceptionGroup[InvalidRunError]) -> list[InvalidRunError]:
    leaves: list[InvalidRunError] = []
    for inner in group.exceptions:
        leaves += _leaves(inner) if isinstance(inner, BaseExceptionGroup) else [inner]
    return leaves


async def _measure(home: Path, size: Size) -> Run:
    site = set_up(home)
    before = _loadavg()
    bmcs = [server.bmc for server in site.servers]
    async with (
        run_simulator("bmc_process", BMC_PORT, bmcs) as bmc_farm,
        run_simulator("pdu_process", PDU_PORT, site.pdus) as rack,
    ):
        ours = Ours()
        async with run_service(site) as service, run_members(site) as members:
            room = deeds.Room(bmc_farm, rack, service, members)
            load = await deeds.measure(room, size.ours, ours)
            await service.stop()
        theirs = await peers.measure(bmc_farm, rack, site.servers, size.theirs, size.slow)
    return Run(ours, load, theirs, (before, _loadavg()))


def _loadavg() -> str:
    return " ".join(Path("/proc/loadavg").read_text(encoding="ascii").split()[:3])


if __name__ == "__main__":
    sys.exit(main())
