"""What the display commands are told of devices, feeds and promises."""

from dataclasses import replace

import pytest

from haconn.config.schema import Configuration, ManagedServer, ManagementServer, PduEntry
from haconn.core.model import Feed, Instant, Power, Secret, SystemKey
from haconn.core.plan import Policy
from haconn.core.power import BmcWatch
from haconn.core.report import Fed, Link, OutletStatus, PowerShown
from haconn.core.server import Owed, Restore
from haconn.core.system import System
from haconn.daemon.bmcs import BmcKeeper
from haconn.daemon.reports import Reporter, owed_text
from haconn.drivers.ipmi.login import BmcAddress
from haconn.drivers.ipmi.session import Session
from tests.daemon.parts import Listener, PduInMemory, keepers, world

PDU = "192.0.2.7"
FEEDS = (Feed(PDU, "1"), Feed("192.0.2.8", "2"))
ADDRESS = BmcAddress("192.0.2.1", 623, "admin", Secret("password"), (17, 3))


class WeakSession(Session):
    """A session in cipher suite 3."""

    def __init__(self) -> None:
        object.__setattr__(self, "suite", 3)


class Bench:
    def __init__(self) -> None:
        server = ManagedServer(
            name="alpha", addr="192.0.2.1", account="admin", password=Secret("password1")
        )
        entries = (
            PduEntry(addr=PDU, model="IBM_PDU"),
            PduEntry(addr=FEEDS[1].pdu, model="IBM_PDU"),
        )
        configuration = Configuration(mode="single", pservers=(server,), pdus=entries)
        self.world = world([Policy("alpha", outlets=True, feeds=FEEDS)])
        self.bmc = BmcKeeper("alpha", ADDRESS, 1.0, Listener().take)
        self.pdus = keepers({PDU: PduInMemory(), FEEDS[1].pdu: PduInMemory()}, Listener())
        self.alarms: dict[tuple[str, str], str] = {}
        self.reporter = Reporter(
            configuration, self.world, {"alpha": self.bmc}, self.pdus, self.alarms
        )

    def watch(self, **known: object) -> None:
        server = self.world.servers["alpha"]
        watch = replace(BmcWatch(), **known)  # type: ignore[arg-type]
        self.world.put_server(replace(server, watch=watch))

    def row(self) -> tuple[PowerShown, Link, Link]:
        (row,) = self.reporter.status("management", Instant(0.0)).servers
        return row.power, row.bmc, row.ipdu

    def standing(self) -> tuple[str, ...]:
        return self.reporter.status("management", Instant(0.0)).alarms


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_before_the_first_answer_nothing_is_claimed(bench: Bench) -> None:
    assert bench.row() == (PowerShown.UNWATCHED, Link.NONE, Link.NONE)


async def test_a_lost_bmc_still_shows_the_last_power(bench: Bench) -> None:
    bench.watch(reachable=True, power=Power.ON)
    assert bench.row()[:2] == (PowerShown.PON, Link.OK)
    bench.watch(reachable=False, power=Power.OFF)
    assert bench.row()[:2] == (PowerShown.POFF, Link.NG)


@pytest.mark.parametrize(
    ("seen", "link"),
    [
        ({}, Link.NONE),
        ({PDU: True}, Link.NONE),
        ({PDU: True, FEEDS[1].pdu: True}, Link.OK),
        ({PDU: True, FEEDS[1].pdu: False}, Link.NG),
    ],
)
async def test_feeds_are_as_good_as_the_worst_of_their_pdus(
    bench: Bench, seen: dict[str, bool], link: Link
) -> None:
    bench.world.pdus.update(seen)
    assert bench.row()[2] is link


async def test_a_feed_of_an_unregistered_pdu_is_no_good(bench: Bench) -> None:
    bench.world.pdus.update({PDU: True, FEEDS[1].pdu: True})
    del bench.pdus[FEEDS[1].pdu]
    assert bench.row()[2] is Link.NG


async def test_a_weak_cipher_suite_and_an_unusable_pdu_are_alarms_while_they_last(
    bench: Bench,
) -> None:
    assert not bench.standing()
    bench.bmc._session = WeakSession()
    bench.pdus[PDU].unusable = "not usable for fencing as IBM_PDU: it is a toaster"
    weak, unusable = bench.standing()
    assert "suite 3" in weak
    assert "toaster" in unusable
    bench.bmc._session, bench.pdus[PDU].unusable = None, ""
    bench.alarms["disk", "the journal"] = "it is full"
    assert bench.standing() == ("it is full",)


async def test_outlets_show_what_they_feed_and_how_they_were_read(bench: Bench) -> None:
    keeper = bench.pdus[PDU]
    await keeper.read(("1", "2"))
    rows = {row.con: row for row in bench.reporter.outlet_rows(keeper)}
    assert (rows["1"].status, rows["1"].feeds, rows["1"].server) == (
        OutletStatus.ENABLE,
        Fed.MANAGED,
        "alpha",
    )
    assert (rows["2"].feeds, rows["2"].server) == (Fed.NOTHING, None)
    assert rows["3"].status is OutletStatus.UNKNOWN


async def test_outlets_of_both_management_servers_are_shown_as_such() -> None:
    servers = tuple(
        ManagementServer(
            name=name,
            addr=f"192.0.2.{n}",
            account="admin",
            password=Secret("password1"),
            ipdusd=True,
            timeout=5,
            feeds=(Feed(PDU, str(n)),),
        )
        for n, name in enumerate(("m1", "m2"), 1)
    )
    made = world(
        [
            Policy("alpha", outlets=True, feeds=(Feed(PDU, "3"),)),
            Policy("m2", outlets=True, feeds=servers[1].feeds, management=True),
        ]
    )
    pdus = keepers({PDU: PduInMemory()}, Listener())
    configuration = Configuration(mservers=servers, pdus=(PduEntry(addr=PDU, model="IBM_PDU"),))
    report = Reporter(configuration, made, {}, pdus, {}).pdus()
    assert [(row.con, row.feeds, row.server) for row in report.outlets][:4] == [
        ("1", Fed.MANAGEMENT, "m1"),
        ("2", Fed.MANAGEMENT, "m2"),
        ("3", Fed.MANAGED, "alpha"),
        ("4", Fed.NOTHING, None),
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "alpha: outlets on, owed for 4 s, due in 6 s"),
        ({"running": True}, "alpha: outlets on, owed for 4 s, running"),
        (
            {"attempts": 3, "failure": "silent"},
            "alpha: outlets on, owed for 4 s, failed 3 times: silent; due in 6 s",
        ),
        ({"due": Instant(90.0)}, "alpha: outlets on, owed for 4 s, due in 0 s"),
    ],
)
async def test_a_promise_is_one_line_with_its_age(
    bench: Bench, changed: dict[str, object], expected: str
) -> None:
    owed = Owed(Restore.FEEDS, "r-1", Instant(96.0), Instant(106.0))
    owed = replace(owed, **changed)  # type: ignore[arg-type]
    assert owed_text(bench.world.servers["alpha"], owed, Instant(100.0)) == expected


def test_a_row_tells_the_machine_its_bmc_and_whether_they_are_one() -> None:
    bench = Bench()
    server = bench.world.servers["alpha"]
    system = System(SystemKey(6001, 1), "alpha", uuid="4c4c4544-004d-3510-805a-c7c04f4e3332")
    bench.world.put_system(system)
    known = replace(server, guid=b"\x0a" * 16, guid_matches=False, own_bmc="beta")
    bench.world.put_server(known)
    (row,) = bench.reporter.status("management", Instant(0.0)).servers
    assert (row.uuid, row.guid) == (system.uuid, "0a" * 16)
    assert (row.match, row.own_bmc) == (False, "beta")
