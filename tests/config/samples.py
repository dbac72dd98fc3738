"""Configurations to test with: fixed ones, and any that is allowed."""

from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from haconn.config import edits, kinds, pair_edits
from haconn.config.keys import Owner, fresh_key, new_key
from haconn.config.schema import Configuration, ManagedServer, ManagementServer, PduEntry
from haconn.config.store import change
from haconn.core.model import Feed, Secret

CANARY = "canary-Pw9"
COMMUNITY = "canaryCommunity"
SERVER = ManagedServer(
    name="PSERVER1", addr="192.168.1.51", account="hitachi", password=Secret(CANARY)
)
MSERVER = ManagementServer(
    name="HACON1",
    addr="192.168.1.11",
    account="hitachi",
    password=Secret(CANARY),
    ipdusd=True,
    timeout=5,
    lan_addr="192.168.2.1",
    lan_port=5002,
    raddr="192.168.0.2",
    feeds=(Feed("192.168.1.103", "11"),),
)
SECOND_MSERVER = replace(
    MSERVER,
    name="HACON2",
    addr="192.168.1.12",
    lan_addr="192.168.2.2",
    raddr="192.168.0.3",
    feeds=(Feed("192.168.1.103", "12"),),
)
NAMES = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}\Z").filter(
    lambda name: name.lower() != "peer"
)
ACCOUNTS = st.text(
    st.sampled_from([chr(c) for c in range(0x21, 0x7F) if chr(c) not in "\"$'\\#;"]), min_size=1
)
ADDRESSES = st.integers(0x01000000, 0xDFFFFFFF).map(
    lambda n: kinds.address(".".join(str(n >> shift & 255) for shift in (24, 16, 8, 0)))
)
SERVERS = st.builds(
    ManagedServer,
    name=NAMES,
    addr=ADDRESSES,
    account=ACCOUNTS.map(lambda text: text[:16]),
    password=ACCOUNTS.map(lambda text: Secret((text * 8)[:20])),
    cluster=st.booleans(),
    ipdusd=st.just(value=True),
    timeout=st.integers(5, 60),
    recoverytime=st.just(0) | st.integers(5, 60),
    bmcport=st.integers(1, 65535),
    suite=st.sampled_from(("auto", 17, 3)),
    proof=st.sampled_from(("accepted", "power-off")),
    hedge=st.booleans(),
    fence_kdump=st.booleans(),
    dumpwait=st.none() | st.integers(5, 120),
)


def configuration() -> Configuration:
    """A pair, two servers with outlets and keys, a PDU, a community: everything files may hold."""
    now = edits.set_mode(Configuration(), "single").configuration
    now = edits.set_community(now, Secret(COMMUNITY)).configuration
    path = {"addr": "192.168.0.1", "mask": "255.255.255.0", "port": 30000}
    now = edits.set_reset_path(now, path).configuration
    now = edits.add_pdu(now, PduEntry(addr="192.168.1.103", model="IBM_PDU")).configuration
    second = replace(
        SERVER, name="PSERVER2", addr="192.168.1.52", ipdusd=True, timeout=10, recoverytime=10
    )
    for server, number in ((SERVER, 1), (second, 2)):
        now = edits.add_server(now, server).configuration
        for outlet in (number, number + 4):
            feed = Feed("192.168.1.103", str(outlet))
            now = edits.add_feed(now, server.name, feed).configuration
        now, _, _ = new_key(now, Owner(server.name, None), 6001, number, fresh_key())
    for mserver in (MSERVER, SECOND_MSERVER):
        now = pair_edits.add_mserver(now, mserver).configuration
        now, _ = pair_edits.new_peer_key(now, fresh_key())
    return now


def stored(etc: Path) -> Configuration:
    """Store that configuration, step by step as commands do."""
    wanted = configuration()
    steps = [
        lambda old: replace(old, mode=wanted.mode, resetpath=wanted.resetpath),
        lambda old: replace(old, pdus=wanted.pdus),
        lambda old: replace(old, pservers=wanted.pservers, community=wanted.community),
        lambda old: replace(old, keys=wanted.keys, next_system=wanted.next_system),
        lambda old: replace(old, mservers=wanted.mservers),
        lambda old: replace(old, peer_keys=wanted.peer_keys, peer_newest=wanted.peer_newest),
    ]
    for step in steps:
        change(etc, step)
    return wanted
