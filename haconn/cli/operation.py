"""What the commands of `haconnserver` do, and those that only a pair has."""

from haconn.cli.client import OPERATION_S, ask
from haconn.cli.live_views import reset_page, restore_page
from haconn.cli.output import show
from haconn.cli.syntax import Given
from haconn.cli.terminal import CommandError, Context, ExitStatus
from haconn.config.store import look
from haconn.core.report import OutletStatus, ResetTestReport, RestoreReport
from haconn.wire.control import Acrecovery, Report, Request, Reset


def reset(context: Context, given: Given) -> ExitStatus:
    """haconnserver reset: failed unless the target reported that it stopped"""
    request = Reset(given["server"], given["number"], given.get("port"))
    report = _ask(context, request)
    assert isinstance(report, ResetTestReport)
    show(context, report, reset_page(report))
    return ExitStatus.DONE if report.stopped else ExitStatus.REFUSED


def acrecovery(context: Context, given: Given) -> ExitStatus:
    """haconnserver acrecovery: failed unless every outlet of the server reads on"""
    report = _ask(context, Acrecovery(given["server"]))
    assert isinstance(report, RestoreReport)
    show(context, report, restore_page(report))
    on = [row.status is OutletStatus.ENABLE for row in report.outlets]
    return ExitStatus.DONE if on and all(on) else ExitStatus.REFUSED


def pair_only(context: Context, given: Given) -> ExitStatus:
    """haconnact, haconnsby: there is nobody else to do this with"""
    assert not given
    configuration, _ = look(context.paths.etc)
    if configuration.mode == "single":
        raise CommandError("not in single mode")
    raise CommandError(
        "this version runs single management servers only; haconnsetup mode single makes it one"
    )


def _ask(context: Context, request: Request) -> Report:
    terminal = context.terminal
    watched = terminal.stderr.isatty()
    return ask(
        context.paths.control_socket,
        request,
        OPERATION_S,
        lambda text: terminal.complain(" ".join(text.split())) if watched else None,
    )
