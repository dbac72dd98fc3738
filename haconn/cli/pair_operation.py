"""What the commands of `haconnact` and `haconnsby` do: the service does it, and reports.

Which server may do what is the service's to say, and so is what the other one has agreed to. Here
is refused only what cannot be meant: a pair's command in single mode, and a name that is no
peer's.
"""

import os

from haconn.cli.errors import CommandError
from haconn.cli.live_views import copy_page, role_page
from haconn.cli.operation import ask_to_do
from haconn.cli.output import show
from haconn.cli.syntax import FORCE, Given
from haconn.cli.terminal import Context, ExitStatus
from haconn.config.schema import Configuration
from haconn.config.store import look
from haconn.core.report import CopyReport, RoleReport
from haconn.wire.control import (
    CopyConfiguration,
    PairRequest,
    RestartActive,
    RestartStandby,
    ShutdownActive,
    ShutdownStandby,
    Takeover,
)


def copy(context: Context, given: Given) -> ExitStatus:
    """haconnact copy"""
    assert not given
    _pair(context)
    report = ask_to_do(context, CopyConfiguration())
    assert isinstance(report, CopyReport)
    show(context, report, copy_page(report))
    return ExitStatus.DONE


def restart_active(context: Context, given: Given) -> ExitStatus:
    """haconnact restart"""
    assert not given
    _pair(context)
    return _move(context, RestartActive(FORCE in context.flags))


def shutdown_active(context: Context, given: Given) -> ExitStatus:
    """haconnact shutdown: of a single server too"""
    assert not given
    return _move(context, ShutdownActive(FORCE in context.flags))


def takeover(context: Context, given: Given) -> ExitStatus:
    """haconnact takeover --peer-is-off: the name is typed in full, and is not this host's"""
    peer = str(given["peer"])
    configuration = _pair(context)
    host = os.uname().nodename
    known = ", ".join(server.name for server in configuration.mservers) or "none"
    if peer == host:
        raise CommandError("own-host", name=peer, known=known)
    if configuration.mserver(peer) is None:
        raise CommandError("no-mserver", name=peer, known=known)
    return _move(context, Takeover(peer))


def restart_standby(context: Context, given: Given) -> ExitStatus:
    """haconnsby restart"""
    assert not given
    _pair(context)
    return _move(context, RestartStandby())


def shutdown_standby(context: Context, given: Given) -> ExitStatus:
    """haconnsby shutdown"""
    assert not given
    _pair(context)
    return _move(context, ShutdownStandby())


def _pair(context: Context) -> Configuration:
    configuration, _ = look(context.paths.etc)
    if configuration.mode == "single":
        raise CommandError("single")
    return configuration


def _move(context: Context, request: PairRequest) -> ExitStatus:
    report = ask_to_do(context, request)
    assert isinstance(report, RoleReport)
    show(context, report, role_page(report))
    return ExitStatus.DONE
