"""The same deeds by programs of others, against the same simulators, after haconnr2 has stopped.

They get the machine for themselves. A time runs from just before the start of the process, until
the BMC has received the command, or until the process has ended with success: its caller knows
then. fence_ipdu switches one outlet a process, and a server's feeds one after the other, as
fencing levels of several devices do.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import trio

from tests.bench.clock import now_s
from tests.bench.errors import InvalidRunError
from tests.bench.figures import Deed, Theirs
from tests.bench.simulators import Simulator
from tests.bench.site import (
    ACCOUNT,
    BMC_PORT,
    COMMUNITY,
    PASSWORD,
    PDU_PORT,
    Server,
)

SEARCH = os.pathsep.join([os.defpath, "/usr/sbin", "/sbin", os.environ.get("PATH", "")])
PATIENCE_S = 60.0
CONTROL = frozenset({"nmi", "reset", "power-off", "power-cycle"})


@dataclass(frozen=True, slots=True)
class BmcCommand:
    """One command line, and which deeds it is."""

    program: str
    words: tuple[str, ...]
    received: Deed | None
    ended: Deed | None
    slow: bool = False
    """It sleeps for seconds: fewer samples."""

    def line(self, bmc: str) -> list[str]:
        """Give all words but the program's."""
        login = {
            "ipmitool": f"-I lanplus -H {bmc} -p {BMC_PORT} -U {ACCOUNT} -P {PASSWORD}",
            "ipmipower": f"-D LAN_2_0 -h {bmc}:{BMC_PORT} -u {ACCOUNT} -p {PASSWORD}",
            "fence_ipmilan": f"--lanplus --ip={bmc} --ipport={BMC_PORT} --username={ACCOUNT} "
            f"--password={PASSWORD}",
        }[self.program]
        return [*login.split(), *self.words]

    def __str__(self) -> str:
        words = " ".join(self.words).replace("chassis power ", "").replace("--action=", "")
        return f"{self.program} {words}"


POWER = ("chassis", "power")
BMC_COMMANDS = (
    BmcCommand("ipmitool", (*POWER, "diag"), Deed.NMI, None),
    BmcCommand("ipmipower", ("--pulse",), Deed.NMI, None),
    BmcCommand("fence_ipmilan", ("--action=diag",), Deed.NMI, None, slow=True),
    BmcCommand("ipmitool", (*POWER, "reset"), Deed.RESET, Deed.RESET_TOLD),
    BmcCommand("ipmipower", ("--reset",), Deed.RESET, Deed.RESET_TOLD),
    BmcCommand("fence_ipmilan", ("--action=reboot",), Deed.RESET, Deed.RESET_TOLD, slow=True),
    BmcCommand("ipmitool", (*POWER, "off"), Deed.OFF, Deed.OFF_TOLD),
    BmcCommand("ipmipower", ("--off",), Deed.OFF, Deed.OFF_TOLD),
    BmcCommand("fence_ipmilan", ("--action=off",), Deed.OFF, Deed.OFF_TOLD, slow=True),
)
PDU_PROGRAM = "fence_ipdu"


def path_of(program: str, search: str = SEARCH) -> str | None:
    """Where a program lies; None if it is not installed."""
    return shutil.which(program, path=search)


def require_all_in_ci(environment: Mapping[str, str], search: str = SEARCH) -> None:
    """Raises InvalidRunError if a program is missing where none may be."""
    wanted = dict.fromkeys([*(one.program for one in BMC_COMMANDS), PDU_PROGRAM])
    missing = [program for program in wanted if path_of(program, search) is None]
    if missing and environment.get("CI") == "true":
        raise InvalidRunError(f"CI may not do without {', '.join(missing)}")


async def measure(
    bmcs: Simulator, pdus: Simulator, servers: Sequence[Server], count: int, count_slow: int
) -> list[Theirs]:
    """Let each of them do its deeds. Raises InvalidRunError if one fails."""
    found: list[Theirs] = []
    for command in BMC_COMMANDS:
        found += await _bmc_command(bmcs, servers, command, count_slow if command.slow else count)
    found.append(await _outlets_off(pdus, servers, count_slow))
    return found


async def _bmc_command(
    bmcs: Simulator, servers: Sequence[Server], command: BmcCommand, count: int
) -> list[Theirs]:
    deeds = [deed for deed in (command.received, command.ended) if deed is not None]
    path = path_of(command.program)
    if path is None:
        return [Theirs(deed, str(command), None) for deed in deeds]
    received: list[float] = []
    ended: list[float] = []
    for index in range(count):
        bmc = servers[index % len(servers)].bmc
        began = now_s()
        await _run([path, *command.line(bmc)])
        ended.append((now_s() - began) * 1000)
        mark = await bmcs.mark(bmc, CONTROL, began)
        received.append((mark.at - began) * 1000)
        await bmcs.ask(f"power {bmc} on")
    times = {command.received: received, command.ended: ended}
    return [Theirs(deed, str(command), tuple(times[deed])) for deed in deeds]


async def _outlets_off(pdus: Simulator, servers: Sequence[Server], count: int) -> Theirs:
    label = f"{PDU_PROGRAM} off, 4 times"
    path = path_of(PDU_PROGRAM)
    if path is None:
        return Theirs(Deed.CUT_TOLD, label, None)
    times: list[float] = []
    for index in range(count):
        feeds = servers[index % len(servers)].feeds
        began = now_s()
        for feed in feeds:
            place = f"--ip={feed.pdu} --ipport={PDU_PORT} --community={COMMUNITY}"
            what = f"--snmp-version=2c --plug={feed.outlet} --action=off"
            await _run([path, *place.split(), *what.split()])
        times.append((now_s() - began) * 1000)
        await _require_off_and_switch_on(pdus, servers[index % len(servers)])
    return Theirs(Deed.CUT_TOLD, label, tuple(times))


async def _require_off_and_switch_on(pdus: Simulator, server: Server) -> None:
    off = await pdus.ask("off")
    if off != {feed.pdu: [feed.outlet] for feed in server.feeds}:
        raise InvalidRunError(f"{PDU_PROGRAM}: success, and off is {off}")
    for feed in server.feeds:
        await pdus.ask(f"switch {feed.pdu} {feed.outlet} on")


async def _run(line: list[str]) -> None:
    """Run one command. Raises InvalidRunError if it fails."""
    process = await trio.lowlevel.open_process(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with trio.move_on_after(PATIENCE_S):
            status = await process.wait()
            if status:
                raise InvalidRunError(f"{line[0]}: exit {status}")
            return
        raise InvalidRunError(f"{line[0]}: not ended after {PATIENCE_S:.0f} s")
    finally:
        if process.returncode is None:
            process.kill()
