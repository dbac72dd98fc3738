"""A site of full size, as an operator would set it up: 32 servers, 132 PDUs, 4 feeds each.

Every setting is made by a command of haconnsetup. The commands run in this process, which saves
some 300 starts of an interpreter and nothing else.

Eight servers prove a hard reset by its acceptance, and 24 by reading the power off. All addresses
lie in one /16 of loopback that depends on the process id, so that two runs do not meet.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path

from haconn.cli.app import run
from haconn.cli.terminal import Terminal
from haconn.wire.keys import Key, parse_key_line
from tests.bench.errors import InvalidRunError

SERVERS, PDUS, FEEDS = 32, 132, 4
OUTLETS = 12
"""Of each PDU; fed are different ones."""
BY_ACCEPTANCE = 8
"""Servers with proof=accepted; the others have proof=power-off."""
SOFT_S = 1.0
"""T-soft; the smallest that can be set."""
BMC_POLL_S, PDU_POLL_S = 1.0, 5.0
"""What the daemon does without being told."""
BMC_PORT, PDU_PORT, MONITOR_PORT, RESET_PORT = 6230, 16161, 30001, 30500
ACCOUNT, PASSWORD, COMMUNITY = "admin", "password", "private"
RECOVERY_S = 60
"""Outlets are switched on by haconnserver acrecovery before that."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One outlet of one PDU."""

    pdu: str
    outlet: int


@dataclass(frozen=True, slots=True)
class Server:
    """One managed server, and the system on it."""

    number: int
    """Its subsystem number too."""
    name: str
    bmc: str
    monitor: str
    feeds: tuple[Feed, ...]
    by_acceptance: bool


@dataclass(frozen=True, slots=True)
class Site:
    """Where everything lies."""

    home: Path
    network: str

    @property
    def environment(self) -> dict[str, str]:
        """What commands and daemon run with."""
        names = ("etc", "var", "run", "log")
        return os.environ | {f"HACONN_{name.upper()}": str(self.home / name) for name in names}

    @property
    def reset_path(self) -> tuple[str, int]:
        return f"{self.network}.0.1", RESET_PORT

    @property
    def pdus(self) -> list[str]:
        return [f"{self.network}.3.{number}" for number in range(1, PDUS + 1)]

    @property
    def servers(self) -> list[Server]:
        return [self._server(number) for number in range(1, SERVERS + 1)]

    def _server(self, number: int) -> Server:
        first = (number - 1) * FEEDS
        return Server(
            number,
            f"SERVER{number:02d}",
            f"{self.network}.1.{number}",
            f"{self.network}.2.{number}",
            tuple(Feed(self.pdus[one], 1 + one % OUTLETS) for one in range(first, first + FEEDS)),
            number <= BY_ACCEPTANCE,
        )

    def key(self, server: Server) -> Key:
        """The client's copy of a key, as it lies on a member of the cluster."""
        file = self.home / "etc" / "keys" / f"{server.number}.1.key"
        line = file.read_text(encoding="ascii")
        return parse_key_line(
            line, server=server.name, vm="", port=MONITOR_PORT, number=server.number
        )


def set_up(home: Path) -> Site:
    """Set a site up in an empty directory. Raises InvalidRunError if a command fails."""
    site = Site(home, f"127.{64 + os.getpid() % 128}")
    for name in ("etc", "var", "run", "log"):
        (home / name).mkdir()
    address, port = site.reset_path
    _setup(site, "mode single")
    _setup(site, f"resetpath addr={address}/16 port={port}")
    _setup(site, f"hispeed resettime={SOFT_S * 1000:.0f}")
    _setup(site, f"snmp name={COMMUNITY}")
    for pdu in site.pdus:
        _setup(site, f"ipdu add {pdu} model=IBM_PDU port={PDU_PORT}")
    for server in site.servers:
        _register(site, server)
    return site


def _register(site: Site, server: Server) -> None:
    proof = "accepted" if server.by_acceptance else "power-off"
    options = f"ipdusd=on timeout=5 recoverytime={RECOVERY_S} proof={proof}"
    place = f"addr={server.bmc} bmcport={BMC_PORT} account={ACCOUNT}"
    _setup(site, f"pserver add {server.name} {place} {options}", f"{PASSWORD}\n")
    for feed in server.feeds:
        _setup(site, f"pserver ipduadd {server.name} addr={feed.pdu} concent={feed.outlet}")
    _setup(site, f"key new {server.name} port={MONITOR_PORT} address={server.number}")


def _setup(site: Site, line: str, typed: str = "") -> None:
    errors = io.StringIO()
    terminal = Terminal(io.StringIO(typed), io.StringIO(), errors, site.environment)
    status = run("haconnsetup", line.split(), terminal)
    if status:
        raise InvalidRunError(f"haconnsetup {line}: exit {status}: {errors.getvalue().strip()}")
