"""The displays: titles, blocks, columns and their order are the manual's."""

import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from haconn.cli.display import version_text
from haconn.cli.drawing import draw
from haconn.cli.live_views import monitor_page, pdu_page, reset_page, restore_page, status_page
from haconn.cli.pages import Page, plain_lines
from haconn.cli.views import (
    VersionReport,
    pdu_setting_page,
    pdu_setting_report,
    setting_page,
    setting_report,
    version_page,
)
from haconn.config.schema import Configuration, ManagedServer, PduEntry, ResetPath, Timers
from haconn.core.model import Feed, Secret, SystemKey
from haconn.core.report import (
    Fed,
    Link,
    ManagementRow,
    ManagementStatus,
    MonitorReport,
    MonitorRow,
    OutletRow,
    OutletStatus,
    PduReport,
    PduRow,
    PowerShown,
    ResetTestReport,
    RestoreReport,
    Role,
    ServerRow,
    StatusReport,
    SystemStatus,
)
from haconn.wire.control import as_json


def words(page: Page) -> list[str]:
    """The lines with their runs of blanks as one: the manual's own spacing is not regular."""
    return [" ".join(line.split()) for line in plain_lines(page)]


def server(n: int, **more: object) -> ManagedServer:
    made = ManagedServer(
        name=f"PSERVER{n}",
        addr=f"192.168.1.5{n}",
        account="hitachi",
        password=Secret("12345678"),
        ipdusd=True,
        timeout=10,
        recoverytime=10,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def feeds(*addresses: str) -> tuple[Feed, ...]:
    return tuple(Feed(address, outlet) for address in addresses for outlet in ("1", "10"))


CONFIGURATION = Configuration(
    mode="pair",
    resetpath=ResetPath(addr="192.168.0.1", mask="255.255.255.0", port=30000),
    timers=Timers(hispeed_ms=2500),
    pservers=(
        server(1, timeout=5, cluster=True, feeds=feeds("192.168.1.103", "192.168.1.104")),
        server(2, cluster=True, feeds=feeds("192.168.1.105", "192.168.1.106")),
        server(3, ipdusd=False),
        server(4),
    ),
    pdus=tuple(PduEntry(addr=f"192.168.1.10{n}", model="IBM_PDU") for n in range(1, 5)),
    community=Secret("canaryCommunity"),
)


def test_settings_are_shown_as_in_the_manual_where_there_is_no_guest() -> None:
    assert words(setting_page(setting_report(CONFIGURATION))) == [
        "-- HA monitor connector service setting --",
        "<mode>",
        "2:server duplication",
        "<resetpath>",
        "addr:192.168.0.1 mask:255.255.255.0 port number:30000",
        "<physical server>",
        "# name bmc addr account ipdusd timeout rc time cluster",
        "1 PSERVER1 192.168.1.51 hitachi on 5 10 on",
        "2 PSERVER2 192.168.1.52 hitachi on 10 10 on",
        "3 PSERVER3 192.168.1.53 hitachi off -- -- off",
        "4 PSERVER4 192.168.1.54 hitachi on 10 10 off",
        "<virtual server>",
        "# name VMware addr port account VMware",
        "1 PSERVER1 ---- ---- ---- Disable",
        "2 PSERVER2 ---- ---- ---- Disable",
        "3 PSERVER3 ---- ---- ---- Disable",
        "4 PSERVER4 ---- ---- ---- Disable",
        "<hispeed failover>",
        "status :on",
        "resettime: 2500 msec",
    ]


def test_columns_stand_below_each_other() -> None:
    lines = plain_lines(setting_page(setting_report(CONFIGURATION)))
    assert lines[1:5] == [
        "<mode>",
        " 2:server duplication",
        "<resetpath>",
        " addr:192.168.0.1    mask:255.255.255.0    port number:30000",
    ]
    assert lines[6:8] == [
        " # name      bmc addr      account  ipdusd  timeout  rc time  cluster",
        " 1 PSERVER1  192.168.1.51  hitachi  on      5        10       on",
    ]


def test_nothing_set_is_shown_as_four_dashes() -> None:
    shown = words(setting_page(setting_report(Configuration(mode="single"))))
    assert shown[2] == "1:single server"
    assert shown[4] == "addr:---- mask:---- port number:----"
    assert shown[-2:] == ["status :off", "resettime: ----"]


def test_options_the_manual_does_not_know_are_shown_where_they_are_not_the_default() -> None:
    odd = server(
        1, bmcport=10623, suite=3, proof="power-off", hedge=True, fence_kdump=True, dumpwait=90
    )
    whole = Configuration(
        timers=Timers(kdump_port=7411), pservers=(replace(odd, kdump_from=("10.0.0.1",)), server(2))
    )
    shown = words(setting_page(setting_report(whole)))
    assert shown[shown.index("<options>") :] == [
        "<options>",
        "kdump_port=7411",
        "PSERVER1 bmcport=10623 suite=3 proof=power-off hedge=on fence_kdump=on dumpwait=90"
        " kdump_from=10.0.0.1",
    ]


def test_pdu_settings_are_shown_as_in_the_manual() -> None:
    report = pdu_setting_report(CONFIGURATION, show_secrets=False)
    assert words(pdu_setting_page(report)) == [
        "-- HA monitor connector ipdu setting --",
        "<ipdu>",
        "SNMP Community : xxxxxxxx",
        "# ipdu addr model",
        "1 192.168.1.101 IBM_PDU",
        "2 192.168.1.102 IBM_PDU",
        "3 192.168.1.103 IBM_PDU",
        "4 192.168.1.104 IBM_PDU",
        "<management server>",
        "# name ipdu addr con# ipdu addr con#",
        "<physical server>",
        "# name ipdu addr con# ipdu addr con#",
        "1 PSERVER1 192.168.1.103 1 192.168.1.103 10",
        "192.168.1.104 1 192.168.1.104 10",
        "2 PSERVER2 192.168.1.105 1 192.168.1.105 10",
        "192.168.1.106 1 192.168.1.106 10",
        "3 PSERVER3",
        "4 PSERVER4",
    ]
    lines = plain_lines(pdu_setting_page(report))
    first, second = lines[12:14]
    assert second.index("192.168.1.104") == first.index("192.168.1.103")


def test_the_community_is_masked_unless_it_was_asked_for() -> None:
    masked = pdu_setting_report(CONFIGURATION, show_secrets=False)
    shown = pdu_setting_report(CONFIGURATION, show_secrets=True)
    assert "canary" not in as_json(masked) + "".join(words(pdu_setting_page(masked)))
    assert "SNMP Community : canaryCommunity" in words(pdu_setting_page(shown))
    assert json.loads(as_json(shown))["community"] == "canaryCommunity"


def test_options_of_pdus_are_shown_where_they_are_not_the_default() -> None:
    pdu = PduEntry(addr="10.0.0.1", model="IBM_PDU", port=1161, version="1")
    report = pdu_setting_report(Configuration(pdus=(pdu,)), show_secrets=False)
    assert words(pdu_setting_page(report))[-2:] == ["<options>", "10.0.0.1 port=1161 version=1"]


STATUS = StatusReport(
    "pair",
    Link.OK,
    (
        ManagementRow(
            "HACON1", "192.168.1.11", Role.ACTIVE, ManagementStatus.NORMAL, Link.OK, Link.OK
        ),
        ManagementRow(
            "HACON2", "192.168.1.12", Role.STANDBY, ManagementStatus.NORMAL, Link.OK, Link.OK
        ),
    ),
    (
        ServerRow("PSERVER1", PowerShown.PON, Link.OK, Link.OK, Link.OK),
        ServerRow("PSERVER4", PowerShown.POFF, Link.NONE, Link.NONE, Link.NONE),
    ),
)


def test_status_is_shown_as_in_the_manual() -> None:
    assert words(status_page(STATUS)) == [
        "-- HA monitor connector service status --",
        "<management server>",
        "mode : 2(server duplication)",
        "link status : OK",
        "# name IP address act/sby status BMC IPDU",
        "1 HACON1 192.168.1.11 active normal OK OK",
        "2 HACON2 192.168.1.12 standby normal OK OK",
        "<physical server>",
        "# name power BMC IPDU VMware",
        "1 PSERVER1 pon OK OK OK",
        "2 PSERVER4 poff -- -- --",
    ]


def test_a_single_server_shows_its_mode_no_link_its_alarms_and_what_is_owed() -> None:
    report = StatusReport("single", Link.NONE, (), (), ("suite 3",), ("PSERVER1: power-on, 4 s",))
    assert words(status_page(report)) == [
        "-- HA monitor connector service status --",
        "<management server>",
        "mode : 1(single server)",
        "link status : --",
        "# name IP address act/sby status BMC IPDU",
        "<physical server>",
        "# name power BMC IPDU VMware",
        "<alarm>",
        "suite 3",
        "<owed restores>",
        "PSERVER1: power-on, 4 s",
    ]


def monitor(server: str, vm: str | None, n: int, pair: int | None) -> MonitorRow:
    return MonitorRow(
        server, vm, 10000 + n, SystemStatus.NORMAL, f"192.168.0.1{n:02}", 6001 + (n > 9), pair
    )


MONITORS = MonitorReport(
    (
        MonitorRow("PSERVER1", None, None, SystemStatus.UNREGISTERED, None, None, None),
        monitor("PSERVER3", None, 1, None),
        monitor("PSERVER1", "v_system01", 11, 10021),
        monitor("PSERVER2", "v_system02", 12, None),
        monitor("PSERVER1", "v_system03", 13, None),
    )
)


def test_monitors_are_shown_as_in_the_manual() -> None:
    assert words(monitor_page(MONITORS, None)) == [
        "-- HA monitor status --",
        "<physical server>",
        "# name address status IP address port pair#",
        "1 PSERVER1 ---- ---- ---- ---- ----",
        "2 PSERVER3 10001 normal 192.168.0.101 6001 ----",
        "<virtual server>",
        "No.1 server name : PSERVER1",
        "# name address status IP address port pair#",
        "1 v_system01 10011 normal 192.168.0.111 6002 10021",
        "2 v_system03 10013 normal 192.168.0.113 6002 ----",
        "No.2 server name : PSERVER2",
        "# name address status IP address port pair#",
        "1 v_system02 10012 normal 192.168.0.112 6002 ----",
    ]


def test_a_name_limits_the_guests_only_and_keeps_the_number() -> None:
    shown = words(monitor_page(MONITORS, "PSERVER2"))
    assert shown[:5] == words(monitor_page(MONITORS, None))[:5]
    assert shown[5:] == [
        "<virtual server>",
        "No.2 server name : PSERVER2",
        "# name address status IP address port pair#",
        "1 v_system02 10012 normal 192.168.0.112 6002 ----",
    ]


PDUS = PduReport(
    (
        PduRow("192.168.1.101", "IBM_PDU", "v01_03_08", Link.OK),
        PduRow("192.168.1.103", "IBM_PDU", None, Link.NG),
    ),
    (
        OutletRow("192.168.1.101", "1", OutletStatus.ENABLE, Fed.MANAGEMENT, "HACON1"),
        OutletRow("192.168.1.101", "2", OutletStatus.ENABLE, Fed.NOTHING, None),
        OutletRow("192.168.1.103", "10", OutletStatus.UNKNOWN, Fed.MANAGED, "PSERVER1"),
    ),
)


def test_pdus_are_shown_as_in_the_manual() -> None:
    assert words(pdu_page(PDUS, None)) == [
        "-- HA monitor connector ipdu status --",
        "<ipdu>",
        "# ipdu addr model FW version link",
        "1 192.168.1.101 IBM_PDU v01_03_08 OK",
        "2 192.168.1.103 IBM_PDU ---- NG",
        "<ipdu status>",
        "No.1 192.168.1.101",
        "Con# status P/M server name",
        "1 Enable M HACON1",
        "2 Enable -- ----",
        "No.2 192.168.1.103",
        "Con# status P/M server name",
        "10 -- P PSERVER1",
    ]


def test_an_address_limits_the_outlets_only_and_keeps_the_number() -> None:
    shown = words(pdu_page(PDUS, "192.168.1.103"))
    assert shown[:5] == words(pdu_page(PDUS, None))[:5]
    assert shown[6] == "No.2 192.168.1.103"


@pytest.mark.parametrize(
    ("installed", "release", "shown"),
    [
        ("3.3.1", {"ID": "rhel", "VERSION_ID": "8.10"}, "4.3.3.1.0"),
        (
            "0.1.0",
            {"ID": "x", "ID_LIKE": "rhel fedora", "VERSION_ID": "9.4"},
            "5.0.1.0.0",
        ),
        ("0.1.0", {"ID": "debian", "VERSION_ID": "9"}, "0.0.1.0.0"),
        ("1.2", {}, "0.1.2.0.0"),
        ("1.2.3rc1", {"ID": "rhel", "VERSION_ID": "7.9"}, "3.1.2.3.0"),
    ],
)
def test_the_version_has_five_numbers(installed: str, release: dict[str, str], shown: str) -> None:
    text = version_text(installed, release)
    assert re.fullmatch(r"\d(\.\d+){4}", text)
    assert text == shown
    assert words(version_page(VersionReport(text))) == [
        "-- HA monitor connector service version --",
        shown,
    ]


def test_operations_end_in_lines_of_their_own() -> None:
    outlets = (OutletRow("10.0.0.1", "1", OutletStatus.ENABLE, Fed.MANAGED, "A"),)
    assert words(restore_page(RestoreReport("A", outlets)))[-1] == "1 10.0.0.1 1 Enable"
    report = ResetTestReport("A", SystemKey(6001, 3), False, None, "no stop notice within 5000 ms")
    assert words(reset_page(report))[-3:] == [
        "stopped : no",
        "time : ----",
        "detail : no stop notice within 5000 ms",
    ]


def drawn(page: Page, width: int) -> str:
    stream = io.StringIO()
    draw(page, Console(file=stream, width=width, force_terminal=True, color_system=None))
    return stream.getvalue()


PAGES = {
    "setting": setting_page(setting_report(CONFIGURATION)),
    "ipdusetting": pdu_setting_page(pdu_setting_report(CONFIGURATION, show_secrets=False)),
    "status": status_page(STATUS),
    "hamonitor": monitor_page(MONITORS, None),
    "ipdu": pdu_page(PDUS, None),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_terminal_shows_every_word_of_the_plain_form(page: Page) -> None:
    seen = set(re.split(r"[\s┃│]+", drawn(page, 200)))
    for line in plain_lines(page):
        for word in re.sub(r"^-- | --$|^<|>$", "", line).split():
            assert word in seen, word


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_narrow_terminal_folds_and_cuts_nothing(page: Page) -> None:
    text = drawn(page, 60)
    assert "…" not in text
    assert max(len(line) for line in text.splitlines()) <= 60


def test_square_brackets_of_an_account_are_text_and_no_markup() -> None:
    odd = Configuration(pservers=(server(1, account="[red]x[/red]"),))
    assert "[red]x[/red]" in drawn(setting_page(setting_report(odd)), 200)
