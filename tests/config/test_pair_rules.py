"""What two management servers must keep, and what a daemon of a pair cannot start without."""

from dataclasses import replace

import pytest

from haconn.config.errors import ConfigError
from haconn.config.pair_rules import require_startable
from haconn.config.pdu_models import load_pdu_models
from haconn.config.rules import faults_of, notes
from haconn.config.schema import (
    Configuration,
    ManagementServer,
    PduEntry,
    PeerKey,
    ResetPath,
    Timers,
)
from haconn.core.model import Feed, Secret
from tests.config.samples import MSERVER, SECOND_MSERVER, SERVER, configuration

MODELS = load_pdu_models()
PDU = PduEntry(addr="192.168.1.103", model="IBM_PDU")
PAIR = replace(configuration(), mode="pair")
BARE = replace(MSERVER, ipdusd=False, timeout=None, feeds=())
SECOND = replace(SECOND_MSERVER, ipdusd=False, timeout=None, feeds=())
FEED = Feed("192.168.1.103", "1")
PATH = {"resetpath": ResetPath(addr="192.168.0.1", mask="255.255.255.0", port=30000)}


def faults(*servers: ManagementServer, **more: object) -> list[str]:
    whole = replace(Configuration(), mservers=servers, **more)  # type: ignore[arg-type]
    return [str(fault) for fault in faults_of(whole, MODELS)]


def lacking(whole: Configuration, host: str = "HACON1") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        require_startable(whole, host)
    return list(caught.value.faults)


def test_two_management_servers_keep_every_rule() -> None:
    assert faults(MSERVER, SECOND_MSERVER) == []


@pytest.mark.parametrize(
    ("servers", "more", "words"),
    [
        (
            (BARE, SECOND, replace(BARE, name="C", addr="10.0.0.1", lan_addr=None, raddr=None)),
            {},
            "mservers.toml: 3 management servers; allowed: 2",
        ),
        (
            (BARE,),
            {"pservers": (replace(SERVER, name="HACON1"),)},
            "mservers.toml: HACON1: the name of a managed server too",
        ),
        (
            (BARE,),
            {"pservers": (replace(SERVER, addr=BARE.addr),)},
            "mservers.toml: HACON1: addr: 192.168.1.11 is the BMC of PSERVER1 too",
        ),
        (
            (BARE, replace(SECOND, addr=BARE.addr)),
            {},
            "mservers.toml: HACON2: addr: 192.168.1.11 is the BMC of HACON1 too",
        ),
        (
            (replace(BARE, feeds=(FEED,)),),
            {"pservers": (replace(SERVER, feeds=(FEED,)),)},
            "mservers.toml: HACON1: outlet 192.168.1.103#1 feeds PSERVER1 too",
        ),
        (
            (replace(BARE, feeds=(FEED,)), replace(SECOND, feeds=(FEED,))),
            {},
            "mservers.toml: HACON2: outlet 192.168.1.103#1 feeds HACON1 already",
        ),
        (
            (replace(BARE, feeds=tuple(Feed(PDU.addr, str(n)) for n in (1, 2, 3))),),
            {},
            "mservers.toml: HACON1: 3 outlets; allowed: 2",
        ),
        (
            (replace(BARE, feeds=(Feed(PDU.addr, "13"),)),),
            {"pdus": (PDU,)},
            "mservers.toml: HACON1: outlet 192.168.1.103#13: IBM_PDU has no outlet '13'",
        ),
        ((replace(BARE, ipdusd=True),), {}, "HACON1: timeout: needed with ipdusd=on"),
        (
            (replace(BARE, password=Secret("")),),
            {},
            "secrets.toml: HACON1: no password for account hitachi at 192.168.1.11;"
            " haconnsetup mserver mod HACON1",
        ),
        ((BARE, replace(SECOND, lan_addr="192.168.2.1")), {}, "192.168.2.1 is an address of HACON"),
        ((BARE, replace(SECOND, maddr="192.168.0.2")), {}, "192.168.0.2 is an address of HACON1"),
        (
            (replace(BARE, maddr="192.168.2.1"),),
            {},
            "HACON1: 192.168.2.1 on the duplex LAN and on the management LAN; allowed: on one",
        ),
        (
            (BARE,),
            {"resetpath": ResetPath(addr="192.168.0.2", mask="255.255.255.0", port=30000)},
            "HACON1: 192.168.0.2 is the virtual address",
        ),
        ((BARE,), {"timers": Timers(kdump_port=5002)}, "HACON1: port: 5002 is kdump_port too"),
        (
            (replace(BARE, lan_port=30000),),
            PATH,
            "mservers.toml: HACON1: port: 30000 is the reset path's too; allowed: another port",
        ),
        (
            (replace(BARE, lan_addr="192.168.0.77"),),
            PATH,
            "mservers.toml: HACON1: addr: 192.168.0.77 on the duplex LAN lies in the reset path's"
            " network 192.168.0.0/24; allowed: a network of its own",
        ),
        (
            (replace(BARE, maddr="192.168.0.77"),),
            PATH,
            "mservers.toml: HACON1: maddr: 192.168.0.77 on the management LAN lies in the reset",
        ),
        (
            (replace(BARE, raddr="192.168.9.2"),),
            PATH,
            "mservers.toml: HACON1: raddr: 192.168.9.2 lies outside of the reset path's network"
            " 192.168.0.0/24; allowed: an address in it, off",
        ),
        (
            (replace(BARE, raddr="192.168.0.255"),),
            PATH,
            "mservers.toml: HACON1: raddr: 192.168.0.255 is no machine's address in 192.168.0.0/24",
        ),
        (
            (replace(BARE, addr="192.168.0.1"),),
            PATH,
            "mservers.toml: HACON1: addr: 192.168.0.1 is the address on which requests are taken;"
            " allowed: the device's own",
        ),
        (
            (BARE,),
            {"pservers": (replace(SERVER, addr=str(BARE.lan_addr)),)},
            "pservers.toml: PSERVER1: addr: 192.168.2.1 is HACON1's on the duplex LAN; allowed",
        ),
        (
            (BARE,),
            {"pdus": (replace(PDU, addr=str(BARE.raddr)),)},
            "ipdus.toml: 192.168.0.2: addr: 192.168.0.2 is HACON1's on the reset path; allowed",
        ),
        (
            (),
            {
                "peer_keys": tuple(PeerKey(generation=n, key=Secret("ab" * 32)) for n in (1, 2, 3)),
            },
            "secrets.toml: [peer]: 3 keys; allowed: 2",
        ),
    ],
)
def test_a_broken_rule_is_one_line(
    servers: tuple[ManagementServer, ...], more: dict[str, object], words: str
) -> None:
    found = faults(*servers, **more)
    assert len(found) == 1
    assert words in found[0]
    assert "\n" not in found[0]


def test_two_management_servers_of_one_name_are_refused() -> None:
    assert "mservers.toml: HACON1: two management servers of this name; allowed: one" in faults(
        BARE, replace(SECOND, name="HACON1")
    )


def test_networks_that_are_apart_keep_every_rule() -> None:
    assert faults(replace(MSERVER, maddr="192.168.1.21"), SECOND_MSERVER, **PATH) == []
    assert faults(MSERVER, SECOND_MSERVER, resetpath=ResetPath(port=30000)) == [], "not set yet"
    small = ResetPath(addr="192.168.0.2", mask="255.255.255.254", port=30000)
    assert faults(replace(BARE, raddr="192.168.0.3"), resetpath=small) == [], "RFC 3021"


def test_a_simulated_device_may_share_a_loopback_with_the_service() -> None:
    loop = ResetPath(addr="127.0.0.1", mask="255.0.0.0", port=30000)
    assert faults(resetpath=loop, pservers=(replace(SERVER, addr="127.0.0.1"),)) == []
    assert faults(replace(BARE, lan_addr="127.0.0.2", raddr="127.0.0.3"), resetpath=loop) == []


def test_two_bmcs_may_share_an_address_if_their_ports_differ() -> None:
    assert faults(BARE, replace(SECOND, addr=BARE.addr, bmcport=1623)) == []


def test_what_is_odd_but_allowed_is_told() -> None:
    odd = replace(BARE, ipdusd=True, timeout=5)
    fed = replace(SECOND, feeds=(Feed("10.9.9.9", "1"),))
    assert list(notes(replace(Configuration(), mservers=(odd, fed)))) == [
        "HACON1: ipdusd=on, but no outlet is registered: nothing can be cut",
        "HACON2: PDU 10.9.9.9 is not registered: the outlet counts as NG",
    ]
    single = replace(configuration(), mode="single")
    assert "mode is single: mservers.toml (HACON1 and HACON2) is not used" in list(notes(single))


def test_a_single_server_needs_a_reset_path_and_no_pair() -> None:
    single = replace(configuration(), mode="single", mservers=(), peer_keys=())
    require_startable(single, "anything")
    assert len(lacking(replace(single, resetpath=ResetPath()))) == 1


def test_either_server_of_a_whole_pair_can_start() -> None:
    for host, peer in (("HACON1", SECOND_MSERVER), ("HACON2", MSERVER)):
        require_startable(PAIR, host)
        assert PAIR.peer_of(host) == peer


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mservers": (MSERVER,)}, "mservers.toml: 1 management servers; a pair needs 2"),
        ({"mservers": ()}, "mservers.toml: 0 management servers; a pair needs 2"),
        (
            {"mservers": (MSERVER, replace(SECOND_MSERVER, lan_port=None))},
            "mservers.toml: HACON2: its duplex LAN is not set; haconnsetup mlan HACON2 addr=",
        ),
        (
            {"mservers": (replace(MSERVER, lan_addr=None), SECOND_MSERVER)},
            "mservers.toml: HACON1: its duplex LAN is not set",
        ),
        ({"peer_keys": ()}, "secrets.toml: the pair has no key; haconnsetup key new peer"),
        ({"resetpath": ResetPath(port=30000)}, "connector.toml: [resetpath]: not complete"),
    ],
)
def test_what_a_pair_lacks_is_one_line(change: dict[str, object], words: str) -> None:
    found = lacking(replace(PAIR, **change))  # type: ignore[arg-type]
    assert len(found) == 1
    assert found[0].startswith(words)


def test_a_rank_does_not_depend_on_the_order_of_rows() -> None:
    turned = replace(PAIR, mservers=PAIR.mservers[::-1])
    for whole in (PAIR, turned):
        assert [whole.rank_of(host) for host in ("HACON1", "HACON2")] == [0, 1]


def test_a_host_of_another_name_is_neither_of_the_pair() -> None:
    assert PAIR.peer_of("hacon1") is None, "names are compared letter by letter"
    (fault,) = lacking(PAIR, "OTHER")
    assert fault == (
        "mservers.toml: no management server has the name of this host, OTHER;"
        " known: HACON1, HACON2"
    )
