"""What operators' commands do in a daemon that is alone (mode = single)."""

import signal
from dataclasses import replace

from haconn.core.report import MonitorReport, PduReport, RoleReport, StatusReport
from haconn.core.system import System
from haconn.daemon.active import Active
from haconn.daemon.commands import Commands, KeyTable
from haconn.daemon.control import Say
from haconn.daemon.pair.settings_watch import SettingsWatch
from haconn.wire.control import (
    Acrecovery,
    Done,
    PairRequest,
    Refused,
    Reply,
    Reset,
    ShutdownActive,
)

DRIFT = "the settings in the files are not those that run; a restart takes them"


class SingleOperations:
    """Implements haconn.daemon.control.Operations."""

    def __init__(
        self, commands: Commands, active: Active, keys: KeyTable, watch: SettingsWatch
    ) -> None:
        self._commands = commands
        self._active = active
        self._keys = keys
        self._watch = watch
        self.ends_for_good = False
        """An operator stops it: no other process takes up what this one leaves."""

    def status(self) -> StatusReport:
        """What `haconnshow status` shows."""
        report = self._commands.status()
        return replace(report, notes=(DRIFT,)) if self._watch.differs else report

    def monitors(self) -> MonitorReport:
        """What `haconnshow hamonitor` shows."""
        return self._commands.monitors()

    def pdus(self) -> PduReport:
        """What `haconnshow ipdu` shows."""
        return self._commands.pdus()

    async def reload_keys(self) -> Reply:
        """Take the keys of secrets.toml."""
        reply = await self._commands.reload_keys()
        if isinstance(reply, Done) and self._keys.taken is not None:
            self._watch.took_keys(self._keys.taken)
        return reply

    async def test_reset(self, request: Reset, say: Say) -> Reply:
        """Test the soft reset of a system."""
        return await self._commands.test_reset(request, say)

    async def recover(self, request: Acrecovery, say: Say) -> Reply:
        """Switch the outlets of a server on."""
        return await self._commands.recover(request, say)

    async def operate_pair(self, request: PairRequest, say: Say) -> Reply:
        """There is no pair, and of all these only a stop needs none (RC-60)."""
        if not isinstance(request, ShutdownActive):
            return Refused("not in single mode")
        running = ", ".join(_named(system) for system in self._active.in_reset())
        if running and not request.force:
            return Refused(
                f"a reset is in progress: {running}; wait for its end,"
                " or haconnact shutdown --force gives it up"
            )
        say("the service begins nothing new")
        if running:
            return Done(RoleReport(f"the service stops and gives up what is not done: {running}"))
        return Done(RoleReport("the service stops"))

    def told(self, request: PairRequest) -> None:
        """Stop, and let nobody wait for an answer."""
        assert isinstance(request, ShutdownActive)
        self.ends_for_good = True
        signal.raise_signal(signal.SIGTERM)


def _named(system: System) -> str:
    return f"{system.key} on {system.server}"
