"""Carries the core's actions out: each kind to the task that owns what it touches.

Nothing here waits. Commands and restores run as tasks of one nursery; the core says when the
commands of an operation are to be abandoned. A cut is not among them: once begun it is finished.
"""

from collections.abc import Callable, Mapping
from typing import assert_never

import trio

from haconn.core.actions import (
    Abandon,
    Acknowledge,
    Action,
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
from haconn.core.reset import Command
from haconn.core.server import Restore
from haconn.daemon.bmcs import BmcKeeper
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.outlets import OutletWriter
from haconn.daemon.resetpath import ResetPath

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
        self._scopes: dict[str, set[trio.CancelScope]] = {}
        self._power: dict[str, trio.CancelScope] = {}

    def perform(self, action: Perform) -> None:
        """Begin a stage's command."""
        if action.command is Command.OUTLETS_OFF:
            self._nursery.start_soon(self._outlets[action.server].cut, action)
            return
        self._nursery.start_soon(self._command, action)

    async def _command(self, action: Perform) -> None:
        with trio.CancelScope() as scope:
            self._scopes.setdefault(action.operation, set()).add(scope)
            await self._bmcs[action.server].perform(action)
        waiting = self._scopes.get(action.operation, set())
        waiting.discard(scope)
        if not waiting:
            self._scopes.pop(action.operation, None)

    def abandon(self, action: Abandon) -> None:
        """Cancel what waits for an answer."""
        for scope in self._scopes.pop(action.operation, set()):
            scope.cancel(reason=action.reason)

    def hurry(self, action: Hurry) -> None:
        """Poll often, or as usual."""
        self._bmcs[action.server].hurry(action.on)

    def restore(self, action: BeginRestore) -> None:
        """Begin a restore."""
        if action.what is Restore.FEEDS:
            writer = self._outlets[action.server]
            self._nursery.start_soon(writer.restore, action.operation, action.feeds)
        else:
            self._nursery.start_soon(self._restore_power, action)

    async def _restore_power(self, action: BeginRestore) -> None:
        with trio.CancelScope() as scope:
            self._power[action.server] = scope
            await self._bmcs[action.server].restore_power(action.operation)
        if self._power.get(action.server) is scope:
            del self._power[action.server]

    def stop_restore(self, action: StopRestore) -> None:
        """Cancel a restore that runs."""
        self._outlets[action.server].stop_restore()
        scope = self._power.pop(action.server, None)
        if scope is not None:
            scope.cancel(reason="a reset of the server begins")


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
        action: Acknowledge | TellResult | TellNotices | TellCheck | Line | Remark | Ended,
    ) -> None:
        """Tell one thing."""
        match action:
            case Acknowledge():
                self._reset_path.acknowledge(action)
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
