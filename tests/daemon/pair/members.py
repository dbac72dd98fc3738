"""Two management servers in one process: every part of the daemon but the virtual address is real.

Each has its own trees, sockets on loopback and a nursery for a process; the address is in memory,
since the kernel gives one only to root. BMCs do not answer, so nobody is fenced here: roles move
by election, by handover and by the operator's word.

    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
"""

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

import trio

from haconn.cli.client import ask
from haconn.cli.errors import CommandError
from haconn.config.paths import Paths as Trees
from haconn.config.schema import (
    Configuration,
    KeyEntry,
    ManagedServer,
    ManagementServer,
    PduEntry,
    PeerKey,
    ResetPath,
    Timers,
)
from haconn.config.store import load, models_of
from haconn.core.beat import PairRole
from haconn.core.events import Registered, Speaker
from haconn.core.gate import InStep
from haconn.core.model import Feed, Instant, Secret
from haconn.daemon.pair.address import AddressKeeper
from haconn.daemon.pair.ending import Ending
from haconn.daemon.pair.epochs import Epochs
from haconn.daemon.pair.parts import PairParts, build_pair, paths_of, two_of
from haconn.daemon.pair.service import PairService, leave
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.interface import Interface
from haconn.drivers.address.lease import VirtualAddress
from haconn.wire.control import Report, Request
from tests.daemon.files import store
from tests.daemon.site import NETWORK
from tests.drivers.ipmi_peers import free_port
from tests.wire.parts import ALPHA, BETA

PATIENCE_S = 30.0
HOSTS = ("m1", "m2")
PDU = f"{NETWORK}.61"
COMMUNITY = "canaryCommunity2"
BMC_PASSWORD, PEER_BMC_PASSWORD = "canary-Password-2", "canary-Password-3"
PAIR_KEY, NEXT_PAIR_KEY = "c4" * 32, "c5" * 32
SECRETS = (
    COMMUNITY,
    BMC_PASSWORD,
    PEER_BMC_PASSWORD,
    PAIR_KEY,
    NEXT_PAIR_KEY,
    ALPHA.master.reveal(),
    BETA.master.reveal(),
)


PORTS = count(10000 + os.getpid() * 64 % 20000)
"""Below those that the kernel gives to connections, of whatever test runs beside this one."""


def pair_port() -> int:
    """Find a port of the pair: free for datagrams and for connections, on every address."""
    for port in PORTS:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket() as stream,
            suppress(OSError),
        ):
            datagrams.bind(("", port))
            stream.bind(("", port))
            return port
    raise AssertionError("no port is free")


def key_entry(number: int, server: str, master: Secret) -> KeyEntry:
    """The key of a system."""
    return KeyEntry(
        id=number, generation=1, server=server, vm=None, port=30001, number=number, key=master,
        newest=1,
    )  # fmt: skip


def management_server(number: int) -> ManagementServer:
    """One of the two; it is on three networks, and its outlet is of the one PDU."""
    return ManagementServer(
        name=HOSTS[number - 1],
        addr=f"{NETWORK}.{10 + number}",
        bmcport=free_port(),
        account="admin",
        password=Secret(PEER_BMC_PASSWORD),
        lan_addr=f"{NETWORK}.{20 + number}",
        lan_port=pair_port(),
        maddr=f"{NETWORK}.{30 + number}",
        raddr=f"{NETWORK}.{40 + number}",
        ipdusd=True,
        timeout=5,
        feeds=(Feed(PDU, str(number)),),
    )


def configuration() -> Configuration:
    """Two of each, and a server without a key; every secret is a canary."""
    servers = tuple(
        ManagedServer(
            name=name,
            addr=f"{NETWORK}.{50 + n}",
            account="admin",
            password=Secret(BMC_PASSWORD),
            bmcport=free_port(),
        )
        for n, name in enumerate(("server1", "server2", "server3"), 1)
    )
    return Configuration(
        mode="pair",
        resetpath=ResetPath(addr=f"{NETWORK}.200", mask="255.255.255.0", port=free_port()),
        timers=Timers(),
        mservers=tuple(management_server(n) for n in (1, 2)),
        pservers=servers,
        pdus=(PduEntry(addr=PDU, model="IBM_PDU", port=free_port()),),
        community=Secret(COMMUNITY),
        keys=(key_entry(1, "server1", ALPHA.master), key_entry(2, "server2", BETA.master)),
        next_system=3,
        peer_keys=(PeerKey(generation=1, key=Secret(PAIR_KEY)),),
        peer_newest=1,
    )


class AddressInMemory(VirtualAddress):
    """The address as one process sees it; no frame leaves from it."""

    def __init__(self, address: str, gone: Callable[[], object] = bool) -> None:
        """`gone` frees what is bound to the address: both servers are on one machine here."""
        self.address = address
        self.had = False
        self._gone = gone
        self.sticks = False
        """The kernel does not remove it."""
        self.witness: Callable[[], int] = int
        self.witnessed: int | None = None
        """What `witness` saw when the address was taken."""

    def find(self) -> Interface:
        raise AddressError("no interface in memory")

    def hold(self, lease_s: int) -> None:
        if self.witnessed is None:
            self.witnessed = self.witness()
        self.had = lease_s > 0

    def drop(self) -> None:
        self.had = False

    def held(self) -> bool:
        return self.had

    def strip(self) -> tuple[str, ...]:
        if self.sticks:
            raise AddressError(f"{self.address}: Device or resource busy")
        if self.had:
            self._gone()
        self.had = False
        return ()

    def close(self) -> None:
        return


@dataclass(frozen=True)
class Process:
    """One process of a member."""

    ending: Ending = field(default_factory=Ending)
    ended: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


@dataclass
class Member:
    """One of the two; `start` and `stop` it as often as you like."""

    name: str
    base: Path
    wanted: Configuration
    address: AddressInMemory = field(init=False)
    parts: PairParts = field(init=False)
    service: PairService = field(init=False)
    process: Process = field(init=False)
    codes: list[int] = field(default_factory=list)
    """Exit statuses of its processes."""

    def __post_init__(self) -> None:
        for tree in ("etc", "var", "run", "log"):
            (self.base / tree).mkdir(parents=True)
        store(self.trees.etc, self.wanted)

    @property
    def ending(self) -> Ending:
        return self.process.ending

    @property
    def ended(self) -> trio.Event:
        """The process is gone."""
        return self.process.ended

    @property
    def trees(self) -> Trees:
        return Trees(*(self.base / tree for tree in ("etc", "var", "run", "log")))

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be one process, from its start to its end."""
        settings, models = load(self.trees.etc), models_of(self.trees.etc)
        two = two_of(settings, self.name)
        paths = paths_of(two, settings)
        paths.open()
        try:
            parts = build_pair(self.trees, settings, models, two, paths)
            parts.virtual.close()
            self.address = AddressInMemory(parts.virtual.address, self._leave_address)
            self.address.witness = lambda: Epochs(self.trees.var).read()[0]
            keeper = AddressKeeper(self.address, parts.chronicle.remark)
            self.parts = replace(parts, virtual=self.address, address=keeper)
            self.process = Process()
            with self.process.scope:
                await self._serve(settings, task_status)
            self.codes.append(self.ending.code)
        finally:
            self._close(paths.close)
            self.ended.set()

    async def _serve(self, settings: Configuration, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as member:
            scope = trio.CancelScope()
            self.service = PairService(self.trees, settings, self.parts, member, self.ending)
            member.start_soon(self.service.run, member, scope)
            task_status.started()
            await self.ending.ordered.wait()
            await leave(self.service, self.parts, self.ending, scope)
            member.cancel_scope.cancel(reason=self.ending.reason)

    def _leave_address(self) -> None:
        """Nothing comes any more to what is bound to the address; its tasks do not notice."""
        active = self.service.activation.active
        for bound in () if active is None else active.parts.sockets:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
                os.dup2(elsewhere.fileno(), bound._socket.fileno())

    def _close(self, close_paths: Callable[[], None]) -> None:
        close_paths()
        if self.service.activation.active is not None:
            self.service.activation.active.close()
        self.parts.chronicle.write_now()
        self.parts.chronicle._syslog.close()

    def kill(self) -> None:
        """End it without a word: it holds nothing afterwards, as if the machine had died."""
        self.parts.address.drop()
        self.process.scope.cancel(reason="killed")

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until something is so; the patience is that of a loaded machine."""
        with trio.fail_after(PATIENCE_S):
            while True:
                if wanted():
                    return
                await trio.sleep(0.02)

    @property
    def role(self) -> PairRole:
        return self.parts.pair.member.role

    @property
    def serves(self) -> bool:
        """Whether it is active, and a request could be carried out."""
        return self.role is PairRole.ACTIVE and self.service.activation.active is not None

    def has_in_step(self, standby: "Member") -> bool:
        """Of an active: whether it waits for that process of its standby."""
        log = self.parts.membership.log
        if log is None or log.gate.standby != standby.parts.session:
            return False
        return isinstance(log.gate.standing, InStep)

    async def ask(self, request: Request, said: list[str] | None = None) -> Report:
        """Ask it over its control socket, as a command does. Raises CommandError."""
        progress = (said if said is not None else []).append
        path = self.trees.control_socket
        return await trio.to_thread.run_sync(partial(ask, path, request, PATIENCE_S, progress))

    async def refuses(self, request: Request) -> str:
        """Ask it for something that it does not do; give why."""
        try:
            report = await self.ask(request)
        except CommandError as exc:
            return str(exc)
        raise AssertionError(f"{self.name} has done it: {report}")

    def write(self, number: int) -> None:
        """Of an active: let something happen that goes on record."""
        active = self.service.activation.active
        assert active is not None
        speaker = Speaker(ALPHA.system, "a" * 32, Instant(trio.current_time()), f"{NETWORK}.9", 1)
        active.parts.owner.take(Registered(speaker, f"{NETWORK}.9", number))

    def written(self) -> int | None:
        """Of a standby: what of that it has copied."""
        system = self.parts.membership.copy.found.systems.get(ALPHA.system)
        place = None if system is None else system.registration
        return None if place is None else place.port

    def events(self) -> str:
        """Its event log so far."""
        self.parts.chronicle.write_now()
        return (self.trees.log / "eventlog0").read_text(encoding="utf-8")


@dataclass
class Members:
    """Both."""

    one: Member
    other: Member
    nursery: trio.Nursery

    async def start(self, *members: Member) -> None:
        """Start processes, and wait until they answer commands."""
        for member in members:
            await self.nursery.start(member.run)
        for member in members:
            await member.until(member.trees.control_socket.exists)

    async def in_step(self) -> tuple[Member, Member]:
        """Start both, and wait until one has a synchronised standby; give the active first."""
        await self.start(self.one, self.other)
        await self.one.until(lambda: self.one.serves or self.other.serves)
        active, standby = (self.one, self.other) if self.one.serves else (self.other, self.one)
        await active.until(lambda: active.has_in_step(standby))
        return active, standby


@asynccontextmanager
async def two_members(base: Path) -> AsyncIterator[Members]:
    """Make them; nothing runs yet."""
    wanted = configuration()
    one, other = (Member(name, base / name, wanted) for name in HOSTS)
    async with trio.open_nursery() as nursery:
        yield Members(one, other, nursery)
        nursery.cancel_scope.cancel(reason="the test has ended")
