"""Looking at a daemon must not end it: the active would be lost, and its standby after it."""

from pathlib import Path

import pytest
import trio

from haconn.core.report import StatusReport
from haconn.daemon.control import ControlSocket
from haconn.wire.control import Done, Monitors, Refused, Status
from tests.daemon.test_control import Desk, Slow


class Broken(Slow):
    """Operations with a fault in one view."""

    def status(self) -> StatusReport:
        raise AttributeError("no such thing as 'tried'")


async def test_a_fault_in_a_view_ends_the_command_and_not_the_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, operations = tmp_path / "control.sock", Broken()
    control = ControlSocket(path, operations, frozenset())
    listener = await control.listen()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(control.serve, listener)
        desk = Desk(path, operations, control)
        (reply,) = await desk.ask(Status())
        assert isinstance(reply, Refused)
        assert "internal error" in reply.reason
        assert "'tried'" in capsys.readouterr().err
        (reply,) = await desk.ask(Monitors())
        assert isinstance(reply, Done)
        nursery.cancel_scope.cancel(reason="the test has ended")
