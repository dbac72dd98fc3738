"""The keys of the reset path in a pair: an active uses them, a standby will.

A key that an operator makes reaches a running active at once. A standby takes it from its files
(`haconnact copy` has put it there), and uses it from its activation on.
"""

from dataclasses import replace
from pathlib import Path

import trio

from haconn.config.errors import ConfigError
from haconn.config.store import load
from haconn.core.report import KeysReport
from haconn.daemon.assembly import bindings_of
from haconn.daemon.commands import Commands, KeyTable
from haconn.daemon.pair.activation import Activation
from haconn.daemon.reports import Reporter
from haconn.wire.control import Done, Refused, Reply


class KeysAtRest:
    """Where the commands find the active's table of keys, or the files of a standby."""

    def __init__(self, etc: Path, activation: Activation) -> None:
        self._etc = etc
        self._activation = activation
        self._commands: Commands | None = None

    def commands(self) -> Commands | None:
        """What commands do in the active; None while this server is not active."""
        active = self._activation.active
        if active is not None and self._commands is None:
            self._commands = self._commands_of()
        return self._commands

    def _commands_of(self) -> Commands:
        active = self._activation.active
        assert active is not None
        parts, configuration = active.parts, self._activation.configuration
        reporter = Reporter(
            configuration, parts.owner.world, parts.bmcs, parts.pdus, parts.chronicle.alarms
        )
        table = KeyTable(self._etc, configuration, parts.owner, parts.reset_path)
        return Commands(parts.owner, reporter, active.spokesman, parts.chronicle, table, parts.pdus)

    async def reload(self) -> Reply:
        """Have the keys of the files at hand for an activation."""
        try:
            stored = await trio.to_thread.run_sync(load, self._etc, abandon_on_cancel=True)
        except ConfigError as exc:
            return Refused(str(exc).splitlines()[0])
        here = {server.name for server in self._activation.configuration.pservers}
        usable = tuple(key for key in stored.keys if key.server in here)
        if self._activation.active is None:
            running = self._activation.configuration
            self._activation.configuration = replace(running, keys=usable)
        return Done(KeysReport(len(bindings_of(usable)), len(usable)))
