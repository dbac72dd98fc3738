"""Carries the core's actions out: each kind to the task that owns what it touches.

Nothing here waits. Commands and restores run as tasks of one nursery; the core says when the
commands of an operation are to be abandoned. A cut is among them until it has sent something.

The scope of a task is on record before the task runs. What the core calls off in the very turn in
which it ordered it, or in the next, is then never begun: a hard reset after a stop notice would
destroy the dump.
"""

from collections.abc import Callable, Mapping
from typing import assert_never

import trio

from haconn.core.actions import (
    Abandon,
    Acknowledge,
    Action,
    Ask,
    BeginRestore,
    Hurry,
    Line,
    Perform,
    Record,
    RecoveryEnded,
    Remark,
    StopRestore,
    TellCheck,
    TellNotices,
    TellResult,
    TestEnded,
)
from haconn.core.model import Unsent
from haconn.core.reset import Command
from haconn.core.server import Restore
from haconn.daemon.bmcs import BmcKeeper
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.outlets import OutletWriter
from haconn.daemon.resetpath import ResetPath
from haconn.drivers.ipmi.session import Begun

Ended = TestEnded | RecoveryEnded


class Devices:
    """The tasks that touch devices, and the scopes they run in."""

    def __init__(
        self,
        nursery: trio.Nursery,
        bmcs: Mapping[str, BmcKeeper],
        outlets: Mapping[str, OutletWriter],
    ) -> None:
        self._nursery = nursery
        self._bmcs = bmcs
        self._outlets = outlets
        self._commands: dict[str, set[trio.CancelScope]] = {}
        """By operation."""
        self._restores: dict[tuple[str, Restore], trio.CancelScope] = {}
        """By server: the last of each kind that was begun."""

    def perform(self, action: Perform) -> None:
        """Begin a stage's command."""
        if action.command is Command.OUTLETS_OFF:
            writer = self._outlets[action.server]
            self._nursery.start_soon(writer.cut, action, writer.order(action))
            return
        scope = trio.CancelScope()
        self._commands.setdefault(action.operation, set()).add(scope)
        begun = self._bmcs[action.server].begin(action)  # a task would have to wait for its turn
        self._nursery.start_soon(self._command, action, begun, scope)

    async def _command(
        self, action: Perform, begun: Begun | Unsent, scope: trio.CancelScope
    ) -> None:
        with scope:
            await self._bmcs[action.server].perform(action, begun)
        waiting = self._commands.get(action.operation, set())
        waiting.discard(scope)
        if not waiting:
            self._commands.pop(action.operation, None)

    def abandon(self, action: Abandon) -> None:
        """Cancel what waits for an answer, and a cut that has sent nothing."""
        if action.cut and action.server in self._outlets:
            self._outlets[action.server].call_off(action.operation)
        for scope in self._commands.pop(action.operation, set()):
            scope.cancel(reason=action.reason)

    def hurry(self, action: Hurry) -> None:
        """Poll often, or as usual."""
        self._bmcs[action.server].hurry(action.on)

    def restore(self, action: BeginRestore) -> None:
        """Begin a restore."""
        scope = trio.CancelScope()
        self._restores[action.server, action.what] = scope
        self._nursery.start_soon(self._restore, action, scope)

    async def _restore(self, action: BeginRestore, scope: trio.CancelScope) -> None:
        with scope:
            await trio.lowlevel.checkpoint_if_cancelled()
            if action.what is Restore.FEEDS:
                await self._outlets[action.server].restore(action.operation, action.feeds)
            else:
                await self._bmcs[action.server].restore_power(action.operation)
        if self._restores.get((action.server, action.what)) is scope:
            del self._restores[action.server, action.what]

    def stop_restore(self, action: StopRestore) -> None:
        """Cancel the restores of a server; a cut of its outlets waits until they have ended."""
        for what in Restore:
            scope = self._restores.pop((action.server, what), None)
            if scope is not None:
                scope.cancel(reason="a reset of the server has begun to switch it off")


class Spokesman:
    """What is told: to monitors, to the logs, and to an operator whose command waits."""

    def __init__(self, reset_path: ResetPath, chronicle: Chronicle) -> None:
        self._reset_path = reset_path
        self._chronicle = chronicle
        self._waiting: dict[str, Callable[[Ended], None]] = {}

    def expect(self, operation: str, ended: Callable[[Ended], None]) -> None:
        """A command waits for the end of an operation."""
        self._waiting[operation] = ended

    def forget(self, operation: str) -> None:
        """The command has gone."""
        self._waiting.pop(operation, None)

    def tell(
        self,
        action: Acknowledge | Ask | TellResult | TellNotices | TellCheck | Line | Remark | Ended,
    ) -> None:
        """Tell one thing."""
        match action:
            case Acknowledge():
                self._reset_path.acknowledge(action)
            case Ask():
                self._reset_path.ask(action)
            case TellResult():
                self._reset_path.tell_result(action)
            case TellNotices():
                self._reset_path.tell_notices(action)
            case TellCheck():
                self._reset_path.tell_check(action)
            case Line():
                self._chronicle.line(action)
            case Remark():
                self._chronicle.remark(action)
            case TestEnded() | RecoveryEnded():
                self._tell_operator(action)
            case _:
                assert_never(action)

    def _tell_operator(self, action: Ended) -> None:
        heard = self._waiting.pop(action.operation, None)
        if heard is not None:
            heard(action)


class Hands:
    """Both of them: what the owner of the core gives its actions to."""

    def __init__(self, devices: Devices, spokesman: Spokesman) -> None:
        self._devices = devices
        self._spokesman = spokesman

    def perform(self, action: Action) -> None:
        """Carry out one action, or begin to."""
        match action:
            case Perform():
                self._devices.perform(action)
            case Abandon():
                self._devices.abandon(action)
            case Hurry():
                self._devices.hurry(action)
            case BeginRestore():
                self._devices.restore(action)
            case StopRestore():
                self._devices.stop_restore(action)
            case Record():
                raise AssertionError("the owner of the core records")
            case _:
                self._spokesman.tell(action)
