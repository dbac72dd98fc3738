"""What a whole configuration must keep."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from haconn.config.pdu_models import load_pdu_models
from haconn.config.rules import faults_of, notes
from haconn.config.schema import Configuration, ManagedServer, PduEntry, ResetPath, Timers
from haconn.core.model import Feed, Secret
from tests.config.samples import SERVER, configuration

MODELS = load_pdu_models()
OTHER = replace(SERVER, name="PSERVER2", addr="192.168.1.52")
PDU = PduEntry(addr="192.168.1.103", model="IBM_PDU")
KEY = configuration().keys[0]


def faults(*servers: ManagedServer, **more: object) -> list[str]:
    whole = replace(Configuration(), pservers=servers, **more)  # type: ignore[arg-type]
    return [str(fault) for fault in faults_of(whole, MODELS)]


def many(count: int) -> list[ManagedServer]:
    base = int(IPv4Address("10.0.0.1"))
    return [replace(SERVER, name=f"S{n}", addr=str(IPv4Address(base + n))) for n in range(count)]


def test_the_sample_keeps_every_rule() -> None:
    assert faults_of(configuration(), MODELS) == ()


def test_32_servers_and_132_pdus_are_allowed_and_no_more() -> None:
    assert faults(*many(32)) == []
    assert faults(*many(33)) == ["pservers.toml: 33 managed servers; allowed: 32"]
    pdus = tuple(replace(PDU, addr=server.addr) for server in many(133))
    assert faults(pdus=pdus[:132]) == []
    assert faults(pdus=pdus) == ["ipdus.toml: 133 PDUs; allowed: 132"]


def test_a_monitor_on_the_port_of_the_reset_path_is_allowed_and_told() -> None:
    whole = configuration()
    assert not [note for note in notes(whole) if "the reset path's" in note]
    shared = replace(whole, resetpath=replace(whole.resetpath, port=KEY.port))
    assert faults_of(shared, MODELS) == ()
    assert (
        "port 6001 is the reset path's, and the monitors' of PSERVER1, PSERVER2 too:"
        " another port for one of them keeps their datagrams apart"
    ) in notes(shared)


def test_256_systems_are_allowed_and_no_more() -> None:
    keys = tuple(replace(KEY, id=n, number=n, server=f"S{n}") for n in range(1, 258))
    assert faults(keys=keys[:256], next_system=300) == []
    assert faults(keys=keys, next_system=300) == ["secrets.toml: 257 systems; allowed: 256"]


FEEDS = tuple(Feed("192.168.1.103", str(n)) for n in range(1, 6))


@pytest.mark.parametrize(
    ("servers", "more", "words"),
    [
        ((SERVER, SERVER), {}, "PSERVER1: two managed servers of this name"),
        ((SERVER, replace(OTHER, addr=SERVER.addr)), {}, "is the BMC of PSERVER1 already"),
        ((replace(SERVER, name="Peer"),), {}, "Peer: name: reserved"),
        ((replace(SERVER, password=Secret("")),), {}, "secrets.toml: PSERVER1: no password for"),
        ((replace(SERVER, ipdusd=True, recoverytime=0),), {}, "timeout: needed with ipdusd=on"),
        ((replace(SERVER, ipdusd=True, timeout=5),), {}, "recoverytime: needed with ipdusd=on"),
        ((replace(SERVER, feeds=FEEDS),), {}, "PSERVER1: 5 outlets; allowed: 4"),
        ((replace(SERVER, feeds=FEEDS[:1] * 2),), {}, "is registered twice; allowed: once"),
        (
            (replace(SERVER, feeds=FEEDS[:1]), replace(OTHER, feeds=FEEDS[:1])),
            {},
            "PSERVER2: outlet 192.168.1.103#1 feeds PSERVER1 already; allowed: one server",
        ),
        (
            (replace(SERVER, feeds=(Feed(PDU.addr, "13"),)),),
            {"pdus": (PDU,)},
            "IBM_PDU has no outlet '13': 1 to 12",
        ),
        (
            (replace(SERVER, kdump_from=("10.0.0.1",)), replace(OTHER, kdump_from=("10.0.0.1",))),
            {},
            "PSERVER2: kdump_from: 10.0.0.1 belongs to PSERVER1 already",
        ),
        ((), {"pdus": (PDU, PDU)}, "two PDUs of this address"),
        ((), {"pdus": (replace(PDU, model="X"),)}, "X is unknown; known: APC_RPDU"),
        ((), {"resetpath": ResetPath(addr="10.0.0.1")}, "addr and mask belong together"),
        (
            (),
            {"resetpath": ResetPath(addr="10.0.0.255", mask="255.255.255.0")},
            "10.0.0.255 is no machine's address in 10.0.0.0/24",
        ),
        (
            (),
            {"resetpath": ResetPath(port=7500), "timers": Timers(kdump_port=7500)},
            "port: 7500 is kdump_port too",
        ),
        ((), {"keys": (KEY,)}, "key 1: next_system is 1; allowed: a later id"),
        ((), {"keys": (replace(KEY, vm="g"),), "next_system": 2}, "a guest needs VMware=Enable"),
        (
            (),
            {"keys": (KEY, replace(KEY, id=2, server="B")), "next_system": 3},
            "B: port=6001 address=1 is PSERVER1 already",
        ),
        (
            (),
            {"keys": (KEY, replace(KEY, id=2, number=2)), "next_system": 3},
            "PSERVER1: two systems, 1 and 2; allowed: one",
        ),
    ],
)
def test_a_broken_rule_is_one_line(
    servers: tuple[ManagedServer, ...], more: dict[str, object], words: str
) -> None:
    found = faults(*servers, **more)
    assert len(found) == 1
    assert words in found[0]
    assert "\n" not in found[0]


def test_the_same_number_under_another_port_is_another_system() -> None:
    keys = (KEY, replace(KEY, id=2, server="B", port=6002))
    assert faults(keys=keys, next_system=3) == []


def test_two_bmcs_may_share_an_address_if_their_ports_differ() -> None:
    assert faults(SERVER, replace(OTHER, addr=SERVER.addr, bmcport=1623)) == []


def test_a_version_the_model_does_not_speak_is_refused() -> None:
    one = {name: replace(model, versions=("2c",)) for name, model in MODELS.items()}
    whole = replace(Configuration(), pdus=(replace(PDU, version="1"),))
    assert [fault.text for fault in faults_of(whole, one)] == [
        "192.168.1.103: version: IBM_PDU does not speak 1; allowed: 2c"
    ]


def test_what_is_odd_but_allowed_is_told() -> None:
    odd = replace(SERVER, ipdusd=True, timeout=5, recoverytime=0)
    fed = replace(OTHER, feeds=(Feed("10.9.9.9", "1"),), hedge=True)
    whole = replace(Configuration(), pservers=(odd, fed), pdus=(PDU,), notes=("first",))
    assert list(notes(whole)) == [
        "first",
        "PSERVER1: ipdusd=on, but no outlet is registered: nothing can be cut",
        "PSERVER2: PDU 10.9.9.9 is not registered: the outlet counts as NG",
        "PSERVER2: hedge=on does nothing while ipdusd=off",
        "no SNMP community is set: no PDU can be reached; haconnsetup snmp name=<community>",
    ]
