"""`python -m tests.bench flood`: BMCs that send authentic nonsense, and what it costs the daemon.

Some BMCs of a site of full size send any sequence number, any length and any content under the
right keys, so many datagrams a second each. Meanwhile the daemon is asked for its status by its
control socket, again and again; from asking to the answer is an upper bound of the lag of its
loop, since it holds the work of the answer too. The same without the flood stands beside it.

Exit status 0: within the limits. 1: outside, or the run is worth nothing.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from haconn.cli.client import ANSWER_S, ask
from haconn.wire.control import Status
from tests.bench.clock import now_s
from tests.bench.errors import InvalidRunError
from tests.bench.service import Service, run_service
from tests.bench.simulators import run_simulator
from tests.bench.site import BMC_PORT, PDU_PORT, Site, set_up

EACH_S = 0.01
P99_S, WORST_S = 0.020, 0.100
GROWTH_MIB = 8.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured over one stretch of time."""

    times_s: Sequence[float]
    """Of each question, sorted."""
    cpu_share: float
    grown_mib: float

    def at(self, share: float) -> float:
        """A quantile of the times."""
        return self.times_s[min(int(len(self.times_s) * share), len(self.times_s) - 1)]

    @property
    def line(self) -> str:
        p50, p99, worst = (1000 * self.at(share) for share in (0.5, 0.99, 1.0))
        return (
            f"{len(self.times_s)} questions: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {worst:.1f}"
            f" ms; CPU {100 * self.cpu_share:.0f} %; memory {self.grown_mib:+.1f} MiB"
        )


def main(words: Sequence[str]) -> int:
    """Measure, print both stretches, and judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--bmcs", type=int, default=8)
    parser.add_argument("--per-second", type=float, default=200.0, help="datagrams of each (200)")
    chosen = parser.parse_args(words)
    faults: tuple[object, ...] = ()
    try:
        with tempfile.TemporaryDirectory(prefix="haconn-flood-") as home:
            quiet, flooded = trio.run(
                _measure, Path(home), chosen.seconds, chosen.bmcs, chosen.per_second
            )
    except* InvalidRunError as group:
        faults = group.exceptions
    if faults:
        sys.stderr.write(f"flood: no figures: {faults}\n")
        return 1
    sys.stdout.write(f"without: {quiet.line}\nflooded: {flooded.line}\n")
    good = flooded.at(0.99) < P99_S and flooded.at(1.0) < WORST_S
    return 0 if good and flooded.grown_mib < GROWTH_MIB else 1


async def _measure(
    home: Path, seconds: float, floods: int, per_s: float
) -> tuple[Figures, Figures]:
    site = set_up(home)
    bmcs = [server.bmc for server in site.servers]
    async with (
        run_simulator("bmc_process", BMC_PORT, bmcs) as farm,
        run_simulator("pdu_process", PDU_PORT, site.pdus),
        run_service(site) as service,
    ):
        quiet = await _ask_for(site, service, seconds / 4)
        for bmc in bmcs[:floods]:
            await farm.ask(f"flood {bmc} {per_s}")
        await trio.sleep(2.0)  # what is made once, such as buffers, is no growth
        flooded = await _ask_for(site, service, seconds)
        await service.stop()
    return quiet, flooded


async def _ask_for(site: Site, service: Service, seconds: float) -> Figures:
    control = site.home / "run" / "control.sock"
    before, began = service.weigh(), now_s()
    times_s: list[float] = []
    while now_s() - began < seconds:
        times_s.append(await trio.to_thread.run_sync(_ask, control))
        await trio.sleep(EACH_S)
    after, took_s = service.weigh(), now_s() - began
    cpu_share = (after.cpu_s - before.cpu_s) / took_s
    return Figures(sorted(times_s), cpu_share, after.resident_mib - before.resident_mib)


def _ask(control: Path) -> float:
    asked = now_s()
    ask(control, Status(), ANSWER_S, lambda _: None)
    return now_s() - asked
