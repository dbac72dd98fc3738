"""What the daemon reports as pages: `haconnshow status`, `hamonitor`, `ipdu`, and operations.

Pure: reports in, pages out.
"""

from haconn.cli.pages import Line, Page, Row, Section, Table, numbered
from haconn.cli.views import MODE_NUMBERS, MODES, UNSET
from haconn.core.report import (
    CopyReport,
    MonitorReport,
    MonitorRow,
    OutletRow,
    PduReport,
    ResetTestReport,
    RestoreReport,
    RoleReport,
    StatusReport,
)

SYNCHRONISED = {None: UNSET, True: "yes", False: "no"}


def status_page(report: StatusReport) -> Page:
    """Draw up `haconnshow status` (R-340 to R-350)."""
    management: list[Row] = [
        (
            row.name,
            row.bmc_address,
            row.role.value,
            row.status.value,
            row.bmc.value,
            row.ipdu.value,
        )
        for row in report.management
    ]
    servers: list[Row] = [
        (row.name, row.power.value, row.bmc.value, row.ipdu.value, row.vmware.value)
        for row in report.servers
    ]
    columns = ("name", "IP address", "act/sby", "status", "BMC", "IPDU")
    return Page(
        "HA monitor connector service status",
        (
            Section(
                "management server",
                (
                    Line(f"mode : {MODE_NUMBERS[report.mode]}({MODES[report.mode]})"),
                    Line(f"link status : {report.link.value}"),
                    numbered(columns, management),
                ),
            ),
            Section(
                "physical server", (numbered(("name", "power", "BMC", "IPDU", "VMware"), servers),)
            ),
            *_lines("alarm", report.alarms),
            *_lines("owed restores", report.owed),
            *_pair(report),
            *_lines("note", report.notes),
        ),
    )


def copy_page(report: CopyReport) -> Page:
    """Draw up the end of `haconnact copy`."""
    lines = [f"changed : {file}" for file in report.changed]
    return Page(
        "HA monitor connector copy",
        lines=tuple(Line(line) for line in lines or ["nothing was different"]),
    )


def role_page(report: RoleReport) -> Page:
    """Draw up the end of a restart, a stop or a takeover."""
    return Page("HA monitor connector pair", lines=(Line(report.text),))


def monitor_page(report: MonitorReport, host: str | None) -> Page:
    """Draw up `haconnshow hamonitor` (R-351 to R-356); `host` limits the guests only."""
    physical = [row for row in report.rows if row.vm is None]
    guests = [row for row in report.rows if row.vm is not None]
    virtual: list[Line | Table] = []
    for number, server in enumerate(dict.fromkeys(row.server for row in guests), start=1):
        if host in (None, server):
            mine = [row for row in guests if row.server == server]
            virtual += [Line(f"No.{number} server name : {server}"), _monitors(mine)]
    return Page(
        "HA monitor status",
        (
            Section("physical server", (_monitors(physical),)),
            Section("virtual server", tuple(virtual)),
        ),
    )


def pdu_page(report: PduReport, addr: str | None) -> Page:
    """Draw up `haconnshow ipdu` (R-357 to R-361); `addr` limits the outlets only."""
    rows: list[Row] = [
        (pdu.addr, pdu.model, pdu.firmware or UNSET, pdu.link.value) for pdu in report.pdus
    ]
    blocks: list[Line | Table] = []
    for number, pdu in enumerate(report.pdus, start=1):
        if addr in (None, pdu.addr):
            mine = tuple(row for row in report.outlets if row.pdu == pdu.addr)
            blocks += [Line(f"No.{number}   {pdu.addr}", indented=False), _outlets(mine)]
    return Page(
        "HA monitor connector ipdu status",
        (
            Section("ipdu", (numbered(("ipdu addr", "model", "FW version", "link"), rows),)),
            Section("ipdu status", tuple(blocks)),
        ),
    )


def reset_page(report: ResetTestReport) -> Page:
    """Draw up the end of `haconnserver reset`."""
    after = UNSET if report.after_ms is None else f"{report.after_ms} msec"
    lines = (
        f"server name : {report.server}",
        f"address     : {report.system.number}",
        f"port        : {report.system.port}",
        f"stopped     : {'yes' if report.stopped else 'no'}",
        f"time        : {after}",
        f"detail      : {report.detail}",
    )
    return Page("HA monitor connector reset test", lines=tuple(Line(line) for line in lines))


def restore_page(report: RestoreReport) -> Page:
    """Draw up the end of `haconnserver acrecovery`."""
    rows: list[Row] = [(row.pdu, row.con, row.status.value) for row in report.outlets]
    table = numbered(("ipdu addr", "Con#", "status"), rows)
    return Page("HA monitor connector ipdu recovery", (Section(report.server, (table,)),))


def _pair(report: StatusReport) -> tuple[Section, ...]:
    """What the manual does not show of a pair, as far as the service tells it."""
    told = report.paths or report.epoch is not None or report.synchronised is not None
    if report.mode != "pair" or not told:
        return ()
    rows: list[Row] = [(row.name, row.heard.value, row.hears_us.value) for row in report.paths]
    paths = numbered(("path", "from peer", "to peer"), rows)
    epoch = UNSET if report.epoch is None else str(report.epoch)
    return (
        Section("path", (paths,)),
        Section(
            "pair",
            (Line(f"epoch : {epoch}"), Line(f"synchronised : {SYNCHRONISED[report.synchronised]}")),
        ),
    )


def _lines(heading: str, lines: tuple[str, ...]) -> tuple[Section, ...]:
    return (Section(heading, tuple(Line(line) for line in lines)),) if lines else ()


def _monitors(rows: list[MonitorRow]) -> Table:
    columns = ("name", "address", "status", "IP address", "port", "pair#")
    return numbered(columns, [_monitor(row) for row in rows])


def _monitor(row: MonitorRow) -> Row:
    return (
        row.vm or row.server,
        _or_unset(row.address),
        row.status.value,
        _or_unset(row.ip),
        _or_unset(row.port),
        _or_unset(row.pair),
    )


def _outlets(rows: tuple[OutletRow, ...]) -> Table:
    return Table(
        ("Con#", "status", "P/M", "server name"),
        tuple((row.con, row.status.value, row.feeds.value, row.server or UNSET) for row in rows),
    )


def _or_unset(value: str | int | None) -> str:
    return UNSET if value is None else str(value)
