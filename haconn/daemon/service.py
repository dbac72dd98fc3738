"""The running daemon: the tree of its tasks, from the first to the last.

services        any that dies takes the process with it; systemd restarts it
|- owner        the core's clock
|- journal, chronicle
|- one task per BMC, one per PDU
|- devices      commands, cuts and restores that are under way
|- control socket, fence_kdump, watchdog
`- reset path   last to open
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from haconn.config.paths import Paths
from haconn.config.pdu_model import PduModel
from haconn.config.schema import Configuration
from haconn.core.events import Resumed
from haconn.core.step import next_due
from haconn.core.world import remark
from haconn.daemon.commands import Commands, KeyTable
from haconn.daemon.control import ControlSocket
from haconn.daemon.parts import Parts, StartError, build, open_journal
from haconn.daemon.performer import Devices, Hands, Spokesman
from haconn.daemon.reports import Reporter
from haconn.daemon.supervision import Supervisor

__all__ = ["Service", "StartError"]


class Service:
    """One daemon. `run` until cancelled, then `finish`."""

    def __init__(
        self, trees: Paths, configuration: Configuration, models: dict[str, PduModel]
    ) -> None:
        """Build everything; raises StartError if the machine does not allow it."""
        self._trees = trees
        self._configuration = configuration
        self._parts = build(trees, configuration, models)
        self._supervisor = Supervisor(dict(os.environ))
        self._spokesman = Spokesman(self._parts.reset_path, self._parts.chronicle)
        changers = frozenset({0, os.getuid()})
        self._control = ControlSocket(trees.control_socket, self._commands(), changers)

    async def prepare(self) -> trio.SocketListener:
        """Begin the journal and open the control socket; raises StartError."""
        open_journal(self._parts, self._trees.var)
        try:
            return await self._control.listen()
        except OSError as exc:
            raise StartError(f"{self._trees.control_socket}: {exc.strerror or exc}") from exc

    async def run(
        self,
        listener: trio.SocketListener,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run all services; started when a request can be carried out."""
        parts = self._parts
        async with trio.open_nursery() as services:
            devices = Devices(services, parts.bmcs, parts.outlets)
            parts.owner.attach(Hands(devices, self._spokesman))
            for serve in (
                parts.chronicle.serve,
                parts.journal.serve,
                *(bmc.serve for bmc in parts.bmcs.values()),
                *(pdu.serve for pdu in parts.pdus.values()),
            ):
                services.start_soon(serve)
            self._say_what_was_found(parts)
            parts.owner.take(Resumed())
            services.start_soon(parts.owner.serve)
            self._open_doors(services, parts, listener)
            self._say_started(parts)
            task_status.started()

    def _open_doors(
        self, services: trio.Nursery, parts: Parts, listener: trio.SocketListener
    ) -> None:
        """Let operators and monitors in, and tell systemd."""
        services.start_soon(self._control.serve, listener)
        if parts.kdump is not None:
            services.start_soon(parts.kdump.serve)
        services.start_soon(self._supervisor.serve, self._lateness)
        services.start_soon(parts.reset_path.renew)
        services.start_soon(parts.reset_path.serve)
        gc.collect()
        gc.freeze()  # what lives as long as the process is not looked at in every collection
        self._supervisor.tell("READY=1")

    def _commands(self) -> Commands:
        parts = self._parts
        reporter = Reporter(
            self._configuration, parts.owner.world, parts.bmcs, parts.pdus, parts.chronicle.alarms
        )
        keys = KeyTable(self._trees.etc, self._configuration, parts.owner, parts.reset_path)
        return Commands(parts.owner, reporter, self._spokesman, parts.chronicle, keys, parts.pdus)

    def _say_started(self, parts: Parts) -> None:
        world = parts.owner.world
        mode = self._configuration.mode
        parts.chronicle.remark(
            remark("started", servers=len(world.servers), systems=len(world.systems), mode=mode)
        )

    def _say_what_was_found(self, parts: Parts) -> None:
        found = parts.found
        if found.damaged:
            what = f"{found.damaged} lines could not be read and were dropped"
            parts.chronicle.remark(remark("journal", what=what))
        if not found.same_boot and not found.empty:
            what = "of another boot: open resets have failed, verdicts are over"
            parts.chronicle.remark(remark("journal", what=what))

    def _lateness(self) -> float:
        due = next_due(self._parts.owner.world)
        return 0.0 if due is None else trio.current_time() - due

    def stop(self, reason: str) -> None:
        """Begin nothing new."""
        self._parts.owner.stopping = True
        self._parts.chronicle.remark(remark("stopping", reason=reason))
        self._supervisor.tell("STOPPING=1")

    async def settled(self) -> None:
        """Wait until no reset is in progress; the caller sets the limit."""
        world = self._parts.owner.world
        while any(system.reset is not None for system in world.systems.values()):
            await self._parts.owner.moved()

    async def finish(self) -> None:
        """Write what is left to be written, and close."""
        parts = self._parts
        parts.journal.close()
        for socket in parts.sockets:
            socket.close()
        with trio.move_on_after(1.0, shield=True):
            await parts.chronicle.finish()

    @contextmanager
    def obituary(self) -> Iterator[None]:
        """Let syslog know of an end that nobody ordered."""
        died = True
        try:
            yield
            died = False
        finally:
            if died:
                reason = "an internal error; the traceback went to standard error"
                self._parts.chronicle.remark(remark("crashed", reason=reason))
                self._parts.chronicle.write_now()
