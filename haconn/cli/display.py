"""What the commands of `haconnshow` do: those that read files, and those that ask the service."""

import platform
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TypeVar

from haconn.cli.client import ANSWER_S, NoServiceError, ask_service
from haconn.cli.errors import CommandError
from haconn.cli.live_views import monitor_page, pdu_page, status_page
from haconn.cli.output import show, warn
from haconn.cli.pair_views import mserver_setting_page, mserver_setting_report
from haconn.cli.syntax import SHOW_SECRETS, Given
from haconn.cli.terminal import Context, ExitStatus, Form
from haconn.cli.views import (
    VersionReport,
    pdu_setting_page,
    pdu_setting_report,
    setting_page,
    setting_report,
    version_page,
)
from haconn.config.store import look
from haconn.core.report import MonitorReport, PduReport, StatusReport
from haconn.wire.control import Monitors, Pdus, Report, Request, Status

R = TypeVar("R", bound=Report)
OS_KINDS = {"7": 3, "8": 4, "9": 5, "10": 6}
"""Generation of RHEL to the first number of the version; 10 continues the manual's row."""
OTHER_OS = 0


def setting(context: Context, given: Given) -> ExitStatus:
    """haconnshow setting"""
    assert not given
    configuration, faults = look(context.paths.etc)
    report = setting_report(configuration)
    show(context, report, setting_page(report))
    warn(context, faults)
    return ExitStatus.DONE


def mserversetting(context: Context, given: Given) -> ExitStatus:
    """haconnshow mserversetting"""
    assert not given
    configuration, faults = look(context.paths.etc)
    report = mserver_setting_report(configuration)
    show(context, report, mserver_setting_page(report))
    warn(context, faults)
    return ExitStatus.DONE


def ipdusetting(context: Context, given: Given) -> ExitStatus:
    """haconnshow ipdusetting"""
    assert not given
    configuration, faults = look(context.paths.etc)
    report = pdu_setting_report(configuration, show_secrets=SHOW_SECRETS in context.flags)
    show(context, report, pdu_setting_page(report))
    warn(context, faults)
    return ExitStatus.DONE


def show_version(context: Context, given: Given) -> ExitStatus:
    """haconnshow version"""
    assert not given
    try:
        installed = version("haconn")
    except PackageNotFoundError:
        raise CommandError("no-package") from None
    try:
        release: Mapping[str, str] = platform.freedesktop_os_release()
    except OSError:
        release = {}
    report = VersionReport(version_text(installed, release))
    show(context, report, version_page(report))
    return ExitStatus.DONE


def version_text(installed: str, release: Mapping[str, str]) -> str:
    """Give `[OS].[major].[minor].[n].[m]` (R-362): n is the patch level, m is not used."""
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    generation = release.get("VERSION_ID", "").partition(".")[0]
    os_kind = OS_KINDS.get(generation, OTHER_OS) if "rhel" in family else OTHER_OS
    release_of = re.match(r"([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?", installed)
    numbers = release_of.groups(default="0") if release_of else ("0", "0", "0")
    return ".".join((str(os_kind), *numbers, "0"))


def status(context: Context, given: Given) -> ExitStatus:
    """haconnshow status"""
    assert not given
    report = _ask(context, Status(), StatusReport)
    if report is None:
        return ExitStatus.REFUSED
    show(context, report, status_page(report))
    return ExitStatus.DONE


def hamonitor(context: Context, given: Given) -> ExitStatus:
    """haconnshow hamonitor"""
    report = _ask(context, Monitors(), MonitorReport)
    if report is None:
        return ExitStatus.REFUSED
    host = given.get("name")
    known = dict.fromkeys(row.server for row in report.rows)
    if host is not None and host not in known:
        raise CommandError("no-pserver", name=host, known=", ".join(known) or "none")
    show(context, report, monitor_page(report, host))
    return ExitStatus.DONE


def ipdu(context: Context, given: Given) -> ExitStatus:
    """haconnshow ipdu"""
    report = _ask(context, Pdus(), PduReport)
    if report is None:
        return ExitStatus.REFUSED
    addr = given.get("addr")
    known = [pdu.addr for pdu in report.pdus]
    if addr is not None and addr not in known:
        raise CommandError("no-pdu", addr=addr, known=", ".join(known) or "none")
    show(context, report, pdu_page(report, addr))
    return ExitStatus.DONE


def _ask(context: Context, request: Request, report: type[R]) -> R | None:
    """Give the report; None if no service runs, which is then all that is displayed (R-341)."""
    try:
        answer = ask_service(context.paths, request, ANSWER_S, lambda _: None)
    except NoServiceError as exc:
        if context.form is Form.JSON:
            raise
        context.terminal.say(str(exc))
        return None
    assert isinstance(answer, report)
    return answer
