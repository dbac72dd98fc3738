"""The running daemon: the tree of its tasks, from the first to the last.

services        any that dies takes the process with it; systemd restarts it
|- owner        the core's clock
|- journal, chronicle
|- one task per BMC, one per PDU
|- devices      commands, cuts and restores that are under way
|- control socket, fence_kdump, watchdog
`- reset path   last to open
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from haconn.config.paths import Paths
from haconn.config.pdu_model import PduModel
from haconn.config.schema import Configuration
from haconn.core.world import remark
from haconn.daemon.active import Active
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.commands import Commands, KeyTable
from haconn.daemon.control import ControlSocket
from haconn.daemon.pair.settings_watch import SettingsWatch
from haconn.daemon.parts import StartError, build, open_journal, own_heritage
from haconn.daemon.reports import Reporter
from haconn.daemon.single import SingleOperations
from haconn.daemon.sole_address import require_sole
from haconn.daemon.supervision import Supervisor

__all__ = ["Service", "StartError"]
GRACE_S = 2.0
"""What runs may go on so long after the order to stop; the journal has the rest (design 6)."""


class Service:
    """A single daemon. `run` until cancelled, then `finish`."""

    def __init__(
        self, trees: Paths, configuration: Configuration, models: dict[str, PduModel]
    ) -> None:
        """Build everything; raises StartError if the machine does not allow it."""
        self._trees = trees
        self._configuration = configuration
        chronicle = Chronicle(trees.log, os.environ.get("HACONN_LANG", "en"))
        heritage, mailbox = own_heritage(trees, configuration, models, chronicle)
        self._parts = build(trees, configuration, heritage, mailbox)
        self._active = Active(self._parts)
        self._supervisor = Supervisor(dict(os.environ))
        changers = frozenset({0, os.getuid()})
        self._watch = SettingsWatch(trees.etc, configuration, models, lambda _: None)
        self._operations = self._operations_of()
        self._control = ControlSocket(
            trees.control_socket, self._operations, changers, chronicle.remark
        )

    async def prepare(self) -> trio.SocketListener:
        """Begin the journal and open the control socket; raises StartError."""
        address = self._configuration.resetpath.addr
        assert address is not None
        unasked = await require_sole(address)
        if unasked is not None:
            self._parts.chronicle.remark(remark("not-asked", address=address, reason=unasked))
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
        async with trio.open_nursery() as services:
            services.start_soon(self._parts.chronicle.serve)
            services.start_soon(self._watch.serve)
            await services.start(self._active.run)
            services.start_soon(self._control.serve, listener)
            services.start_soon(self._supervisor.serve, self._active.lateness)
            self._supervisor.tell("READY=1")
            self._say_started()
            task_status.started()

    def _operations_of(self) -> SingleOperations:
        parts = self._parts
        reporter = Reporter(
            self._configuration, parts.owner.world, parts.bmcs, parts.pdus, parts.chronicle.alarms
        )
        keys = KeyTable(self._trees.etc, self._configuration, parts.owner, parts.reset_path)
        spokesman = self._active.spokesman
        commands = Commands(parts.owner, reporter, spokesman, parts.chronicle, keys, parts.pdus)
        return SingleOperations(commands, self._active, keys, self._watch)

    def _say_started(self) -> None:
        world = self._parts.owner.world
        mode = self._configuration.mode
        self._parts.chronicle.remark(
            remark("started", servers=len(world.servers), systems=len(world.systems), mode=mode)
        )

    def stop(self, reason: str) -> None:
        """Begin nothing new; the reason is an operator's command where one ordered it."""
        reason = "haconnact shutdown" if self._operations.ends_for_good else reason
        self._parts.owner.stopping = True
        self._parts.chronicle.remark(remark("stopping", reason=reason))
        self._supervisor.tell("STOPPING=1")

    async def settle(self) -> None:
        """Let what runs go on for a moment; the journal has the rest for the next process.

        After an operator's command there is no next one: what is left has failed, and is told.
        """
        with trio.move_on_after(GRACE_S):
            await self._active.settled()
        if self._operations.ends_for_good:
            await self._active.give_up()

    async def finish(self) -> None:
        """Write what is left to be written, and close."""
        self._active.close()
        with trio.move_on_after(1.0, shield=True):
            await self._parts.chronicle.finish()

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
