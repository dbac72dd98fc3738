"""haconnr2 of the bench: its own process, asked by the control socket, weighed by /proc."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from haconn.cli.client import ANSWER_S, OPERATION_S, ask
from haconn.cli.errors import CommandError
from haconn.core.report import Link, PduReport, StatusReport
from haconn.wire.control import Acrecovery, Pdus, Report, Request, Status
from tests.bench.errors import InvalidRunError
from tests.bench.site import Site

READY_WITHIN_S = 60.0
STOPS_WITHIN_S = 10.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Weight:
    """What the process has used until now."""

    cpu_s: float
    """All its threads, user and system."""
    waited_s: float
    """How long its loop was ready to run and had no CPU."""
    resident_mib: float


class Service:
    """The daemon that is measured."""

    def __init__(self, site: Site, process: trio.Process) -> None:
        self._socket = site.home / "run" / "control.sock"
        self._log = site.home / "log" / "stderr"
        self._process = process

    async def ready(self) -> None:
        """Wait until every BMC and every PDU has been read. Raises InvalidRunError."""
        with trio.move_on_after(READY_WITHIN_S):
            while not await self._knows_all():
                if self._process.poll() is not None:
                    said = self._log.read_text(encoding="utf-8").strip()
                    raise InvalidRunError(f"haconnr2 ended: {said}")
                await trio.sleep(0.2)
            return
        raise InvalidRunError(f"haconnr2 was not ready after {READY_WITHIN_S:.0f} s")

    async def _knows_all(self) -> bool:
        try:
            status = await self._ask(Status())
            pdus = await self._ask(Pdus())
        except CommandError:
            return False  # it does not listen yet
        assert isinstance(status, StatusReport)
        assert isinstance(pdus, PduReport)
        links = [row.bmc for row in status.servers] + [row.link for row in pdus.pdus]
        return all(link is Link.OK for link in links)

    async def recover_outlets(self, server: str) -> None:
        """What `haconnserver acrecovery` asks for."""
        await self._ask(Acrecovery(server), OPERATION_S)

    async def _ask(self, request: Request, patience_s: float = ANSWER_S) -> Report:
        def converse() -> Report:
            return ask(self._socket, request, patience_s, lambda _: None)

        return await trio.to_thread.run_sync(converse, abandon_on_cancel=True)

    def weigh(self) -> Weight:
        """Read /proc: stat (proc(5): fields 14, 15), schedstat (field 2), status."""
        place = Path("/proc") / str(self._process.pid)
        after_name = (place / "stat").read_text().rpartition(")")[2].split()
        ticks = int(after_name[11]) + int(after_name[12])
        waited_ns = int((place / "schedstat").read_text().split()[1])
        lines = (place / "status").read_text().splitlines()
        resident = next(line for line in lines if line.startswith("VmRSS:"))
        return Weight(ticks / TICKS_PER_S, waited_ns / 1e9, int(resident.split()[1]) / 1024)

    async def stop(self) -> None:
        """SIGTERM; raises InvalidRunError if it does not end as it should."""
        self._process.terminate()
        with trio.move_on_after(STOPS_WITHIN_S):
            status = await self._process.wait()
            if status:
                raise InvalidRunError(f"haconnr2 ended with {status}")
            return
        raise InvalidRunError("haconnr2 did not stop")


@asynccontextmanager
async def run_service(site: Site) -> AsyncIterator[Service]:
    """Run haconnr2 around a block, from when it knows all devices; it may be stopped before."""
    with (site.home / "log" / "stderr").open("wb") as errors:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "haconn.daemon.main"],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            env=site.environment,
        )
    service = Service(site, process)
    try:
        await service.ready()
        yield service
    finally:
        if process.returncode is None:
            process.kill()
        with trio.move_on_after(STOPS_WITHIN_S, shield=True):
            await process.wait()
