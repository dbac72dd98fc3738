"""Settings of a pair as a page: `haconnshow mserversetting` (R-336). Pure."""

from dataclasses import dataclass

from haconn.cli.pages import Line, Page, Row, Section, numbered
from haconn.cli.views import UNSET, more_options, on_off
from haconn.config.schema import Configuration, ManagementServer


@dataclass(frozen=True, slots=True)
class ManagementSettingReport:
    """`haconnshow mserversetting`."""

    mservers: tuple[ManagementServer, ...]


def mserver_setting_report(configuration: Configuration) -> ManagementSettingReport:
    """Give what `haconnshow mserversetting` shows."""
    return ManagementSettingReport(configuration.mservers)


def mserver_setting_page(report: ManagementSettingReport) -> Page:
    """Draw up `haconnshow mserversetting`; options the manual does not know stand below."""
    lans: list[Row] = [
        (server.name, server.lan_addr or UNSET, str(server.lan_port or UNSET))
        for server in report.mservers
    ]
    lines = tuple(
        Line(f"{server.name} {more}")
        for server in report.mservers
        if (more := more_options(ManagementServer, server, ()))
    )
    columns = ("name", "bmc addr", "account", "ipdusd", "timeout")
    rows = [_row(server) for server in report.mservers]
    return Page(
        "HA monitor connector management server setting",
        (
            Section("management server", (numbered(columns, rows),)),
            Section("management LAN", (numbered(("name", "LAN addr", "port"), lans),)),
            *((Section("options", lines),) if lines else ()),
        ),
    )


def _row(server: ManagementServer) -> Row:
    timeout = "--" if not server.ipdusd or server.timeout is None else str(server.timeout)
    return server.name, server.addr, server.account, on_off(server.ipdusd), timeout
