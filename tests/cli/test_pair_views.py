"""The displays of a pair: titles, blocks, columns and their order are the manual's."""

import io
import json
from dataclasses import replace

from rich.console import Console

from haconn.cli.drawing import draw
from haconn.cli.live_views import copy_page, role_page, status_page
from haconn.cli.pages import Page, plain_lines
from haconn.cli.pair_views import mserver_setting_page, mserver_setting_report
from haconn.cli.views import pdu_setting_page, pdu_setting_report
from haconn.config.schema import Configuration, ManagementServer
from haconn.core.model import Feed, Secret
from haconn.core.report import CopyReport, Link, PathRow, RoleReport, StatusReport
from haconn.wire.control import as_json


def words(page: Page) -> list[str]:
    return [" ".join(line.split()) for line in plain_lines(page)]


def mserver(n: int) -> ManagementServer:
    return ManagementServer(
        name=f"HACON{n}",
        addr=f"192.168.1.1{n}",
        account="hitachi",
        password=Secret("canary-Pw9"),
        ipdusd=True,
        timeout=5,
        lan_addr=f"192.168.2.{n}",
        lan_port=5002,
        feeds=(Feed("192.168.1.101", f"{n}"), Feed("192.168.1.102", f"{n}")),
    )


PAIR = Configuration(mservers=(mserver(1), mserver(2)))


def test_management_servers_are_shown_as_in_the_manual() -> None:
    page = mserver_setting_page(mserver_setting_report(PAIR))
    assert words(page) == [
        "-- HA monitor connector management server setting --",
        "<management server>",
        "# name bmc addr account ipdusd timeout",
        "1 HACON1 192.168.1.11 hitachi on 5",
        "2 HACON2 192.168.1.12 hitachi on 5",
        "<management LAN>",
        "# name LAN addr port",
        "1 HACON1 192.168.2.1 5002",
        "2 HACON2 192.168.2.2 5002",
    ]
    assert plain_lines(page)[2:4] == [
        " # name    bmc addr      account  ipdusd  timeout",
        " 1 HACON1  192.168.1.11  hitachi  on      5",
    ]


def test_what_is_not_set_is_dashes_and_no_management_server_is_headings_only() -> None:
    bare = replace(mserver(1), ipdusd=False, lan_addr=None, lan_port=None)
    shown = words(mserver_setting_page(mserver_setting_report(Configuration(mservers=(bare,)))))
    assert shown[3] == "1 HACON1 192.168.1.11 hitachi off --"
    assert shown[-1] == "1 HACON1 ---- ----"
    assert len(words(mserver_setting_page(mserver_setting_report(Configuration())))) == 5


def test_options_the_manual_does_not_know_are_shown_where_they_are_not_the_default() -> None:
    odd = replace(mserver(1), bmcport=1623, suite=3, maddr="10.0.0.1", raddr="10.0.1.1")
    whole = Configuration(mservers=(odd, mserver(2)))
    assert words(mserver_setting_page(mserver_setting_report(whole)))[-2:] == [
        "<options>",
        "HACON1 bmcport=1623 suite=3 maddr=10.0.0.1 raddr=10.0.1.1",
    ]


def test_json_is_the_setting_without_its_password() -> None:
    text = as_json(mserver_setting_report(PAIR))
    assert json.loads(text)["mservers"][0]["lan_addr"] == "192.168.2.1"
    assert "canary" not in text


def test_the_outlets_of_management_servers_have_their_block() -> None:
    shown = words(pdu_setting_page(pdu_setting_report(PAIR, show_secrets=False)))
    assert shown[shown.index("<management server>") :] == [
        "<management server>",
        "# name ipdu addr con# ipdu addr con#",
        "1 HACON1 192.168.1.101 1 192.168.1.102 1",
        "2 HACON2 192.168.1.101 2 192.168.1.102 2",
        "<physical server>",
        "# name ipdu addr con# ipdu addr con#",
    ]


STATUS = StatusReport(
    "pair",
    Link.OK,
    (),
    (),
    ("an alarm",),
    paths=(PathRow("duplex LAN", Link.OK, Link.OK), PathRow("reset path", Link.NG, Link.NONE)),
    epoch=3,
    synchronised=True,
    notes=("the settings of the peer differ",),
)


def test_status_of_a_pair_has_more_blocks_below_those_of_the_manual() -> None:
    shown = words(status_page(STATUS))
    assert shown[shown.index("<alarm>") :] == [
        "<alarm>",
        "an alarm",
        "<path>",
        "# path from peer to peer",
        "1 duplex LAN OK OK",
        "2 reset path NG --",
        "<pair>",
        "epoch : 3",
        "synchronised : yes",
        "<note>",
        "the settings of the peer differ",
    ]
    assert "synchronised : no" in words(status_page(replace(STATUS, synchronised=False)))
    assert "synchronised : ----" in words(status_page(replace(STATUS, synchronised=None)))


def test_a_single_server_shows_none_of_them() -> None:
    single = replace(STATUS, mode="single", link=Link.NONE, notes=())
    assert words(status_page(single))[-2:] == ["<alarm>", "an alarm"]


def test_a_note_is_shown_of_a_single_server_too() -> None:
    single = replace(STATUS, mode="single", link=Link.NONE)
    assert words(status_page(single))[-2:] == ["<note>", "the settings of the peer differ"]


def test_operations_of_a_pair_end_in_lines_of_their_own() -> None:
    report = CopyReport(("pservers.toml", "secrets.toml"))
    assert words(copy_page(report))[1:] == ["changed : pservers.toml", "changed : secrets.toml"]
    assert words(copy_page(CopyReport(())))[1:] == ["nothing was different"]
    assert words(role_page(RoleReport("the standby is active")))[1:] == ["the standby is active"]


def test_a_terminal_shows_every_word() -> None:
    for page in (status_page(STATUS), mserver_setting_page(mserver_setting_report(PAIR))):
        stream = io.StringIO()
        draw(page, Console(file=stream, width=200, force_terminal=True, color_system=None))
        seen = stream.getvalue()
        for line in plain_lines(page):
            assert all(word.strip("<>") in seen for word in line.split() if word != "--")
