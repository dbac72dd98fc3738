"""Settings as pages: `haconnshow setting`, `ipdusetting`, `version`, and the keys.

Pure: reports in, pages out. Options the manual does not know are shown in a block `<options>` of
their own, as they are given to the commands, and only where they are not the default.
"""

from dataclasses import dataclass

from haconn.cli.pages import Line, Page, Row, Section, Table, numbered
from haconn.config.keys import fingerprint
from haconn.config.option import Record, options
from haconn.config.schema import (
    PEER,
    Configuration,
    KeyEntry,
    ManagedServer,
    Mode,
    PduEntry,
    PeerKey,
    ResetPath,
    Timers,
)
from haconn.core.model import Feed

UNSET = "----"
MASKED = "xxxxxxxx"
"""As the manual has it (R-337)."""
MODES: dict[Mode, str] = {"pair": "server duplication", "single": "single server"}
MODE_NUMBERS: dict[Mode, int] = {"pair": 2, "single": 1}
SHOWN_BY_MANUAL = frozenset({"name", "addr", "account", "ipdusd", "timeout", "recoverytime"}) | {
    "cluster",
    "feeds",
    "hispeed",
    "model",
    "lan_addr",
    "lan_port",
}
FEED_PAIRS = 2
"""Outlets that stand on one line of `<physical server>` in `haconnshow ipdusetting`."""


@dataclass(frozen=True, slots=True)
class SettingReport:
    """`haconnshow setting`."""

    mode: Mode
    resetpath: ResetPath
    timers: Timers
    pservers: tuple[ManagedServer, ...]


@dataclass(frozen=True, slots=True)
class FeedReport:
    """The outlets of one server."""

    name: str
    feeds: tuple[Feed, ...]


@dataclass(frozen=True, slots=True)
class PduSettingReport:
    """`haconnshow ipdusetting`."""

    community: str | None
    """MASKED unless it was asked for; None while not set."""
    pdus: tuple[PduEntry, ...]
    mservers: tuple[FeedReport, ...]
    pservers: tuple[FeedReport, ...]


@dataclass(frozen=True, slots=True)
class KeyReport:
    """One key as `haconnsetup key show` tells of it."""

    key: str
    """`<system id>.<generation>`."""
    owner: str
    port: int | None
    """None, as the address, of the key of the pair."""
    address: int | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class VersionReport:
    """`haconnshow version`."""

    version: str


def setting_report(configuration: Configuration) -> SettingReport:
    """Give what `haconnshow setting` shows."""
    return SettingReport(
        configuration.mode,
        configuration.resetpath,
        configuration.timers,
        configuration.pservers,
    )


def pdu_setting_report(configuration: Configuration, *, show_secrets: bool) -> PduSettingReport:
    """Give what `haconnshow ipdusetting` shows."""
    community = configuration.community.reveal()
    shown = community if show_secrets else MASKED
    return PduSettingReport(
        shown if community else None,
        configuration.pdus,
        tuple(FeedReport(server.name, server.feeds) for server in configuration.mservers),
        tuple(FeedReport(server.name, server.feeds) for server in configuration.pservers),
    )


def key_report(entry: KeyEntry) -> KeyReport:
    """Give what may be told of a key after it was made."""
    key = f"{entry.id}.{entry.generation}"
    return KeyReport(key, entry.owner, entry.port, entry.number, fingerprint(entry.key))


def peer_key_report(entry: PeerKey) -> KeyReport:
    """Give what may be told of a key of the pair."""
    return KeyReport(f"{PEER}.{entry.generation}", PEER, None, None, fingerprint(entry.key))


def setting_page(report: SettingReport) -> Page:
    """Draw up `haconnshow setting` (R-330 to R-335)."""
    path, timers = report.resetpath, report.timers
    shown = (
        f"addr:{path.addr or UNSET}    mask:{path.mask or UNSET}"
        f"    port number:{path.port or UNSET}"
    )
    status = "off" if timers.hispeed_ms is None else "on"
    resettime = UNSET if timers.hispeed_ms is None else f"{timers.hispeed_ms} msec"
    return Page(
        "HA monitor connector service setting",
        (
            Section("mode", (Line(f"{MODE_NUMBERS[report.mode]}:{MODES[report.mode]}"),)),
            Section("resetpath", (Line(shown),)),
            Section("physical server", (_servers(report.pservers),)),
            Section("virtual server", (_virtual_servers(report.pservers),)),
            Section(
                "hispeed failover", (Line(f"status   :{status}"), Line(f"resettime: {resettime}"))
            ),
            *_options(report),
        ),
    )


def pdu_setting_page(report: PduSettingReport) -> Page:
    """Draw up `haconnshow ipdusetting` (R-337)."""
    pdus = numbered(("ipdu addr", "model"), [(pdu.addr, pdu.model) for pdu in report.pdus])
    more = [
        (f"{pdu.addr} {more}")
        for pdu in report.pdus
        if (more := more_options(PduEntry, pdu, ("model",)))
    ]
    return Page(
        "HA monitor connector ipdu setting",
        (
            Section(
                "ipdu",
                (Line(f"SNMP Community : {report.community or UNSET}", indented=False), pdus),
            ),
            Section("management server", (_feeds(report.mservers),)),
            Section("physical server", (_feeds(report.pservers),)),
            *((Section("options", tuple(Line(line) for line in more)),) if more else ()),
        ),
    )


def version_page(report: VersionReport) -> Page:
    """Draw up `haconnshow version` (R-362)."""
    return Page("HA monitor connector service version", lines=(Line(report.version),))


def keys_page(reports: list[KeyReport]) -> Page:
    """Draw up `haconnsetup key show`."""
    rows: list[Row] = [
        (
            entry.key,
            entry.owner,
            UNSET if entry.port is None else str(entry.port),
            UNSET if entry.address is None else str(entry.address),
            entry.fingerprint,
        )
        for entry in reports
    ]
    columns = ("key", "server", "port", "address", "fingerprint")
    return Page("HA monitor connector keys", (Section("key", (numbered(columns, rows),)),))


def on_off(value: bool) -> str:
    return "on" if value else "off"


def _servers(servers: tuple[ManagedServer, ...]) -> Table:
    columns = ("name", "bmc addr", "account", "ipdusd", "timeout", "rc time", "cluster")
    return numbered(columns, [_server(server) for server in servers])


def _server(server: ManagedServer) -> Row:
    times = (server.timeout, server.recoverytime) if server.ipdusd else (None, None)
    timeout, recovery = ("--" if seconds is None else str(seconds) for seconds in times)
    return (
        server.name,
        server.addr,
        server.account,
        on_off(server.ipdusd),
        timeout,
        recovery,
        on_off(server.cluster),
    )


def _virtual_servers(servers: tuple[ManagedServer, ...]) -> Table:
    columns = ("name", "VMware addr", "port", "account", "VMware")
    return numbered(columns, [(server.name, UNSET, UNSET, UNSET, "Disable") for server in servers])


def _feeds(servers: tuple[FeedReport, ...]) -> Table:
    rows: list[Row] = []
    for number, server in enumerate(servers, start=1):
        cells = [cell for feed in server.feeds for cell in (feed.pdu, feed.outlet)]
        width = 2 * FEED_PAIRS
        for start in range(0, max(len(cells), 1), width):
            pairs = cells[start : start + width]
            head = (str(number), server.name) if start == 0 else ("", "")
            rows.append((*head, *pairs, *[""] * (width - len(pairs))))
    return Table(("#", "name", *("ipdu addr", "con#") * FEED_PAIRS), tuple(rows))


def _options(report: SettingReport) -> tuple[Section, ...]:
    own = more_options(Timers, report.timers, ("hispeed",))
    lines = [own] if own else []
    for server in report.pservers:
        more = more_options(ManagedServer, server, ())
        lines += [f"{server.name} {more}"] if more else []
    return (Section("options", tuple(Line(line) for line in lines)),) if lines else ()


def more_options(record: Record, value: object, hidden: Row) -> str:
    """The options that the manual has no column for, where they are not the default."""
    given = [
        f"{entry.key}={_given(getattr(value, entry.field))}"
        for entry in options(record)
        if entry.option.stored
        and entry.key not in {*SHOWN_BY_MANUAL, *hidden}
        and getattr(value, entry.field) != entry.default
    ]
    return " ".join(given)


def _given(value: object) -> str:
    if isinstance(value, bool):
        return on_off(value)
    return ",".join(value) if isinstance(value, tuple) else str(value)
