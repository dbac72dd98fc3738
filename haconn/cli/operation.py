"""What the commands of `haconnserver` do: the service does it, and reports."""

from haconn.cli.client import OPERATION_S, ask_service
from haconn.cli.live_views import reset_page, restore_page
from haconn.cli.output import show
from haconn.cli.syntax import Given
from haconn.cli.terminal import Context, ExitStatus
from haconn.core.report import OutletStatus, ResetTestReport, RestoreReport
from haconn.wire.control import Acrecovery, Report, Request, Reset


def reset(context: Context, given: Given) -> ExitStatus:
    """haconnserver reset: failed unless the target reported that it stopped"""
    request = Reset(given["server"], given["number"], given.get("port"))
    report = ask_to_do(context, request)
    assert isinstance(report, ResetTestReport)
    show(context, report, reset_page(report))
    return ExitStatus.DONE if report.stopped else ExitStatus.REFUSED


def acrecovery(context: Context, given: Given) -> ExitStatus:
    """haconnserver acrecovery: failed unless every outlet of the server reads on"""
    report = ask_to_do(context, Acrecovery(given["server"]))
    assert isinstance(report, RestoreReport)
    show(context, report, restore_page(report))
    on = [row.status is OutletStatus.ENABLE for row in report.outlets]
    return ExitStatus.DONE if on and all(on) else ExitStatus.REFUSED


def ask_to_do(context: Context, request: Request) -> Report:
    """Have the service do something that may take a while; a terminal is shown the progress."""
    terminal = context.terminal
    watched = terminal.stderr.isatty()
    try:
        return ask_service(
            context.paths,
            request,
            OPERATION_S,
            lambda text: terminal.complain(" ".join(text.split())) if watched else None,
        )
    except KeyboardInterrupt:
        terminal.complain("what the service has begun goes on; haconnshow status shows it")
        raise
