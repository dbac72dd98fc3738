"""What operators' commands do in the running daemon."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import trio

from haconn.config.errors import ConfigError
from haconn.config.schema import Configuration, KeyEntry
from haconn.config.store import load
from haconn.core.actions import RecoveryEnded, TestEnded
from haconn.core.events import BindingsChanged, RecoveryAsked, TestAsked
from haconn.core.model import Instant
from haconn.core.report import (
    KeysReport,
    MonitorReport,
    OutletRow,
    PduReport,
    ResetTestReport,
    RestoreReport,
    StatusReport,
)
from haconn.core.system import Status, System
from haconn.core.world import remark
from haconn.daemon.assembly import bindings_of, wire_keys
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.control import Say
from haconn.daemon.journal import host_name
from haconn.daemon.owner import Owner
from haconn.daemon.pdus import PduKeeper
from haconn.daemon.performer import Ended, Spokesman
from haconn.daemon.reports import Reporter
from haconn.daemon.resetpath import ResetPath
from haconn.wire.control import Acrecovery, Done, Refused, Reply, Reset
from haconn.wire.keys import BadKeyError, Key

TESTABLE = frozenset({Status.NORMAL, Status.ERROR})
"""It has registered (R-390); in error, too, a test may show what is wrong with the BMC (SM-1b)."""


NO_NOTICE = (
    "no stop notice came in time: the system runs on, or its kernel stopped without a notice;"
    " look at its console, and at its dump agent"
)


class KeyTable:
    """The keys of secrets.toml, and their exchange while the daemon runs."""

    def __init__(
        self, etc: Path, configuration: Configuration, owner: Owner, reset_path: ResetPath
    ) -> None:
        self._etc = etc
        self._keys = configuration.keys
        self._servers = {server.name for server in configuration.pservers}
        self._server_of = {key.id: key.server for key in configuration.keys}
        """By system id: a server renamed in the files keeps its name here until a restart."""
        self._owner = owner
        self._reset_path = reset_path
        self._reloading = trio.Lock()
        self.taken: Configuration | None = None
        """The settings of which the keys were taken last."""

    async def reload(self) -> Reply:
        """Take the keys as they are in the files now; the other settings wait for a restart."""
        async with self._reloading:
            try:
                # some tenths of a second with many systems: nothing else waits for it
                stored = await trio.to_thread.run_sync(load, self._etc, abandon_on_cancel=True)
                keys = tuple(self._as_running(key) for key in stored.keys)
                self._exchange(keys)
            except (ConfigError, BadKeyError, OSError) as exc:
                return Refused((str(exc) or "the settings cannot be read").splitlines()[0])
            self.taken = stored
            return self._rebind(keys)

    def _as_running(self, key: KeyEntry) -> KeyEntry:
        return replace(key, server=self._server_of.get(key.id, key.server))

    def _exchange(self, keys: tuple[KeyEntry, ...]) -> None:
        old = {key.key_id: key for key in wire_keys(self._keys)}
        new = self._usable(keys)
        changed = {key_id for key_id, key in new.items() if old.get(key_id) not in {None, key}}
        gone = (set(old) - set(new)) | changed
        added = [key for key_id, key in new.items() if key_id not in old or key_id in changed]
        self._reset_path.exchange_keys(gone, added)

    def _usable(self, keys: tuple[KeyEntry, ...]) -> dict[int, Key]:
        return {key.key_id: key for key in wire_keys(keys) if key.server in self._servers}

    def _rebind(self, keys: tuple[KeyEntry, ...]) -> Reply:
        self._keys = keys
        self._server_of.update({key.id: key.server for key in keys if key.server in self._servers})
        bindings = {
            key: server for key, server in bindings_of(keys).items() if server in self._servers
        }
        self._owner.take(BindingsChanged(bindings))
        return Done(KeysReport(len(bindings), len(self._usable(keys))))


class Commands:
    """Those of an active, alone or of a pair; they need nobody else."""

    def __init__(
        self,
        owner: Owner,
        reporter: Reporter,
        spokesman: Spokesman,
        chronicle: Chronicle,
        keys: KeyTable,
        pdus: Mapping[str, PduKeeper],
    ) -> None:
        self._owner = owner
        self._reporter = reporter
        self._spokesman = spokesman
        self._chronicle = chronicle
        self._keys = keys
        self._pdus = pdus

    def status(self) -> StatusReport:
        """What `haconnshow status` shows."""
        return self._reporter.status(host_name(), Instant(trio.current_time()))

    def monitors(self) -> MonitorReport:
        """What `haconnshow hamonitor` shows."""
        return self._reporter.monitors()

    def pdus(self) -> PduReport:
        """What `haconnshow ipdu` shows."""
        return self._reporter.pdus()

    async def reload_keys(self) -> Reply:
        """Take the keys of secrets.toml."""
        reply = await self._keys.reload()
        if isinstance(reply, Done) and isinstance(reply.report, KeysReport):
            self._chronicle.remark(remark("keys", systems=reply.report.systems))
        return reply

    async def test_reset(self, request: Reset, say: Say) -> Reply:
        """Soft reset only; the system has to be registered and normal (R-390)."""
        if request.server not in self._owner.world.servers:
            return Refused(self._no_server(request.server))
        found = _systems_named(self._owner, request)
        if len(found) != 1:
            return Refused(_not_one(self._owner, request, found))
        system = found[0]
        if system.status not in TESTABLE:
            return Refused(f"{system.key} on {system.server}: {_not_testable(system)}")
        operation = self._owner.world.begin_operation()
        ended = await self._until_ended(operation, TestAsked(system.key, operation), say)
        assert isinstance(ended, TestEnded)
        stopped = ended.evidence is not None
        detail = ended.evidence.value if ended.evidence else NO_NOTICE
        after_ms = None if ended.after_s is None else round(ended.after_s * 1000)
        return Done(ResetTestReport(request.server, system.key, stopped, after_ms, detail))

    async def recover(self, request: Acrecovery, say: Say) -> Reply:
        """All outlets of a server on, read back."""
        world = self._owner.world
        if request.server not in world.servers:
            return Refused(self._no_server(request.server))
        operation = world.begin_operation()
        ended = await self._until_ended(operation, RecoveryAsked(request.server, operation), say)
        assert isinstance(ended, RecoveryEnded)
        if ended.failure is not None:
            known = world.policy(request.server).feeds
            way_out = "" if known else "; haconnsetup pserver ipduadd registers one"
            return Refused(f"{request.server}: {ended.failure}{way_out}")
        return Done(RestoreReport(request.server, tuple(self._outlets_of(request.server))))

    def _no_server(self, name: str) -> str:
        known = _names(self._owner.world.servers)
        if name == host_name():
            return (
                f"{name}: this management server; its outlets are switched on from the other one,"
                f" when that is active; known: {known}"
            )
        return f"{name}: no such server; known: {known}"

    def _outlets_of(self, server: str) -> list[OutletRow]:
        rows = [row for pdu in self._pdus.values() for row in self._reporter.outlet_rows(pdu)]
        return [row for row in rows if row.server == server]

    async def _until_ended(
        self, operation: str, event: TestAsked | RecoveryAsked, say: Say
    ) -> Ended:
        """Let the core begin it, pass on what is said of it, and wait for its end."""
        answers: list[Ended] = []
        done = trio.Event()

        def ended(action: Ended) -> None:
            answers.append(action)
            done.set()

        self._spokesman.expect(operation, ended)
        self._chronicle.listen(operation, say)
        try:
            self._owner.take(event)
            await done.wait()
        finally:
            self._spokesman.forget(operation)
            self._chronicle.forget(operation)
        return answers[0]


def _systems_named(owner: Owner, request: Reset) -> list[System]:
    return [
        system
        for system in owner.world.systems.values()
        if system.server == request.server
        and system.key.number == request.address
        and request.port in {None, system.key.port}
    ]


def _not_one(owner: Owner, request: Reset, found: list[System]) -> str:
    if not found:
        systems = owner.world.systems.values()
        known = ", ".join(
            f"address={system.key.number} port={system.key.port}"
            for system in systems
            if system.server == request.server
        )
        port = "" if request.port is None else f" and port {request.port}"
        return (
            f"{request.server}: no system with address {request.address}{port} is bound to it;"
            f" known: {known or 'none: haconnsetup key new binds one'}"
        )
    ports = ", ".join(str(system.key.port) for system in found)
    return f"address {request.address} is used on several ports; give port= one of {ports}"


def _not_testable(system: System) -> str:
    """Why its reset is not tested now, and what to do."""
    match system.status:
        case Status.UNSET:
            return "its monitor has not registered, or has stopped in order; start it first"
        case Status.RESET:
            return "a reset of it is in progress; wait for its end"
        case Status.DUMP | Status.POFF:
            return f"its state is {system.status.value}; it is tested when it runs again"
        case _:
            raise AssertionError(system.status)


def _names(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"
