"""The pair's sockets: nobody else's, and nothing that happens to one network ends them."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network

import pytest
import trio
import trio.testing

from haconn.core.beat import Path
from haconn.daemon.pair.paths import (
    PairPortError,
    Paths,
    own_address_towards,
    physical_address_in,
)
from tests.drivers.ipmi_peers import free_port

PATIENCE_S = 30.0
OWN = {Path.DUPLEX: "127.3.0.1", Path.MANAGEMENT: "127.2.0.1", Path.RESET: "127.1.0.1"}
PEER = {Path.DUPLEX: "127.3.0.2", Path.MANAGEMENT: "127.2.0.2", Path.RESET: "127.1.0.2"}
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace")


def server(own: dict[Path, str], peer: dict[Path, str], ports: tuple[int, int]) -> Paths:
    return Paths(ports, {path: Finding(address) for path, address in own.items()}, peer)


class Finding:
    """A finder whose answer the test changes."""

    def __init__(self, address: str | None) -> None:
        self.address = address

    def __call__(self) -> str | None:
        return self.address


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def pair(ports: tuple[int, int]) -> Iterator[tuple[Paths, Paths]]:
    one, other = server(OWN, PEER, ports), server(PEER, OWN, ports[::-1])
    one.open()
    other.open()
    try:
        yield one, other
    finally:
        one.close()
        other.close()


async def test_what_is_sent_on_a_path_is_heard_on_that_path(pair: tuple[Paths, Paths]) -> None:
    one, other = pair
    assert one.own() == OWN
    assert one.faults() == {}
    for path in Path:
        assert one.send(path, path.name.encode())
        with trio.fail_after(PATIENCE_S):
            heard, datagram, source = await other.receive()
        assert (heard, datagram, source[0]) == (path, path.name.encode(), OWN[path])


async def test_a_second_process_is_refused_with_one_line(
    pair: tuple[Paths, Paths], ports: tuple[int, int]
) -> None:
    second = server(OWN, PEER, ports)
    with pytest.raises(PairPortError) as refused:
        second.open()
    assert str(ports[0]) in str(refused.value)
    assert os.strerror(errno.EADDRINUSE) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("taken", [*OWN.values(), ""])
def test_one_taken_address_is_enough_to_refuse(ports: tuple[int, int], taken: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((taken, ports[0]))
        refused = server(OWN, PEER, ports)
        with pytest.raises(PairPortError):
            refused.open()
        assert refused.own() == {}, "what was free was given back"
    again = server(OWN, PEER, ports)
    again.open()
    again.close()


def test_nobody_shares_an_open_path(pair: tuple[Paths, Paths], ports: tuple[int, int]) -> None:
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.SOL_SOCKET, option, 1)
            with pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
                other.bind((OWN[Path.RESET], ports[0]))


def test_an_address_that_is_not_there_is_no_reason_to_refuse(ports: tuple[int, int]) -> None:
    paths = server({**OWN, Path.RESET: "198.51.100.7"}, PEER, ports)
    paths.open()
    assert set(paths.own()) == {Path.DUPLEX, Path.MANAGEMENT}
    assert "198.51.100.7" in paths.faults()[Path.RESET]
    assert os.strerror(errno.EADDRNOTAVAIL) in paths.faults()[Path.RESET]
    assert not paths.send(Path.RESET, b"lost")
    assert sum(paths.sockets[Path.RESET].failed.values()) == 1
    paths.close()


def test_no_address_at_all_is_a_reason_to_refuse(ports: tuple[int, int]) -> None:
    paths = server(dict.fromkeys(Path, "198.51.100.7"), PEER, ports)
    with pytest.raises(PairPortError, match="duplex LAN"):
        paths.open()
    with pytest.raises(PairPortError, match="no path is set"):
        Paths(ports, {}, {}).open()


async def test_an_address_that_comes_later_is_taken(
    ports: tuple[int, int], autojump_clock: trio.testing.MockClock
) -> None:
    late = Finding(None)
    paths = Paths(ports, {Path.DUPLEX: Finding("127.3.0.1"), Path.RESET: late}, PEER)
    paths.open()
    assert paths.faults() == {Path.RESET: "no address"}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(paths.serve)
        late.address = "127.1.0.1"
        await trio.sleep(1.5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"here", ("127.1.0.1", ports[0]))
        path, datagram, _ = await paths.receive()
        nursery.cancel_scope.cancel(reason="the test is over")
    assert (path, datagram) == (Path.RESET, b"here")
    assert paths.faults() == {}
    paths.close()


async def test_an_address_that_moves_is_followed_and_one_that_goes_is_kept(
    ports: tuple[int, int], autojump_clock: trio.testing.MockClock
) -> None:
    moving = Finding("127.2.0.1")
    finders = {Path.DUPLEX: Finding("127.3.0.1"), Path.MANAGEMENT: moving}
    paths = Paths(ports, finders, PEER)
    paths.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(paths.serve)
        for address, expected in (
            ("127.2.0.9", "127.2.0.9"),
            (None, "127.2.0.9"),
            ("127.3.0.1", "127.2.0.9"),  # the route leads over the duplex LAN
            ("198.51.100.7", "127.2.0.9"),
            ("127.2.0.1", "127.2.0.1"),
        ):
            moving.address = address
            await trio.sleep(1.5)
            assert paths.own()[Path.MANAGEMENT] == expected
            assert paths.faults() == {}
        nursery.cancel_scope.cancel(reason="the test is over")
    paths.close()


def test_the_management_lan_does_not_take_the_address_of_another_path(
    ports: tuple[int, int],
) -> None:
    finders = {Path.MANAGEMENT: Finding("127.1.0.1"), Path.RESET: Finding("127.1.0.1")}
    paths = Paths(ports, finders, PEER)
    paths.open()
    assert paths.own() == {Path.RESET: "127.1.0.1"}
    assert "another path" in paths.faults()[Path.MANAGEMENT]
    paths.close()


async def test_on_the_duplex_lan_only_the_peer_is_heard(
    pair: tuple[Paths, Paths], ports: tuple[int, int]
) -> None:
    one, other = pair
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.9.9.9", 0))
        for path in Path:
            stranger.sendto(b"stranger", (OWN[path], ports[0]))
    assert other.send(Path.DUPLEX, b"peer")
    heard = set()
    with trio.fail_after(PATIENCE_S):
        for _ in range(3):
            path, datagram, _ = await one.receive()
            heard.add((path, datagram))
    assert heard == {
        (Path.DUPLEX, b"peer"),
        (Path.MANAGEMENT, b"stranger"),
        (Path.RESET, b"stranger"),
    }
    assert one.sockets[Path.DUPLEX].strangers == 1


async def test_a_flooded_path_leaves_the_others_their_turn(pair: tuple[Paths, Paths]) -> None:
    one, other = pair
    for _ in range(50):
        assert one.send(Path.RESET, b"flood")
    assert one.send(Path.DUPLEX, b"beat")
    with trio.fail_after(PATIENCE_S):
        first = [(await other.receive())[0] for _ in range(2)]
    assert Path.DUPLEX in first


async def test_what_waits_is_taken_at_once_and_then_nobody_waits(
    pair: tuple[Paths, Paths],
) -> None:
    one, other = pair
    for path in Path:
        for number in range(3):
            assert one.send(path, bytes([number]))
    heard = [(path, datagram) for path, datagram, _ in other.waiting()]
    assert sorted(heard, key=repr) == sorted(
        ((path, bytes([number])) for path in Path for number in range(3)), key=repr
    )
    assert list(other.waiting()) == []


def test_a_peer_whose_address_is_not_known_is_not_sent_to(ports: tuple[int, int]) -> None:
    paths = server(OWN, {}, ports)
    paths.open()
    assert not paths.send(Path.RESET, b"nobody")
    paths.peer[Path.RESET] = "127.1.0.2"
    assert paths.send(Path.RESET, b"somebody")
    paths.close()


async def test_a_path_that_has_gone_can_be_reopened_by_another(ports: tuple[int, int]) -> None:
    first = server(OWN, PEER, ports)
    first.open()
    first.close()
    second = server(OWN, PEER, ports)
    second.open()
    second.close()


async def test_a_cancelled_receive_loses_nothing(pair: tuple[Paths, Paths]) -> None:
    one, other = pair
    with trio.move_on_after(0):
        await other.receive()
    one.send(Path.DUPLEX, b"later")
    with trio.fail_after(PATIENCE_S):
        assert (await other.receive())[1] == b"later"


def test_the_address_towards_a_neighbour_is_that_of_its_network() -> None:
    assert own_address_towards("127.0.0.2") == "127.0.0.1"


@pytest.mark.parametrize("name", ["", "localhost", "1.2.3", "300.1.1.1"])
def test_a_name_is_not_looked_up(name: str) -> None:
    assert own_address_towards(name) is None


def test_the_physical_address_is_not_the_virtual_one() -> None:
    assert physical_address_in(IPv4Network("127.0.0.0/8"), "10.1.0.3") == "127.0.0.1"
    assert physical_address_in(IPv4Network("127.0.0.0/8"), "127.0.0.1") is None
    assert physical_address_in(IPv4Network("198.51.100.0/24"), "198.51.100.1") is None


IN_A_NAMESPACE = """
import subprocess, sys
from ipaddress import IPv4Network
import trio
import trio.testing
from haconn.core.beat import Path
from haconn.daemon.pair.paths import Paths, own_address_towards, physical_address_in

def ip(*words):
    subprocess.run(["ip", *words], check=True)

network = IPv4Network("10.1.0.0/24")
ip("link", "set", "lo", "up")
assert own_address_towards("10.1.0.2") is None, "no route"
ip("link", "add", "one", "type", "veth", "peer", "name", "two")
ip("link", "set", "two", "up")
ip("address", "add", "10.1.0.1/24", "dev", "one")
ip("address", "add", "10.1.0.3/32", "dev", "one")
ip("link", "set", "one", "up")
assert own_address_towards("10.1.0.2") == "10.1.0.1"
assert physical_address_in(network, "10.1.0.3") == "10.1.0.1"

async def hears(paths, what):
    assert paths.send(Path.DUPLEX, what), paths.sockets[Path.DUPLEX].failed
    with trio.fail_after(30):
        while True:
            if (await paths.receive())[1] == what:
                return

async def main():
    # the peer is this server itself: what it sends comes back to it
    addresses = {Path.DUPLEX: lambda: "127.0.0.1", Path.RESET: lambda: "10.1.0.1"}
    paths = Paths((7400, 7400), addresses, {Path.DUPLEX: "127.0.0.1", Path.RESET: "10.1.0.2"})
    paths.open()
    await hears(paths, b"first")
    assert paths.send(Path.RESET, b"to a neighbour that does not answer")
    for words in (("link", "set", "one", "down"), ("address", "del", "10.1.0.1/24", "dev", "one")):
        ip(*words)
        for _ in range(3):
            assert not paths.send(Path.RESET, b"lost")
        await hears(paths, b"while the reset path is down")
    assert sum(paths.sockets[Path.RESET].failed.values()) == 6, paths.sockets[Path.RESET].failed
    ip("address", "add", "10.1.0.1/24", "dev", "one")
    ip("link", "set", "one", "up")
    assert paths.send(Path.RESET, b"again"), paths.sockets[Path.RESET].failed
    await hears(paths, b"last")
    paths.close()

trio.run(main)
"""


@ROOT_ONLY
def test_an_interface_that_goes_and_comes_ends_nothing(peer: Callable[[str], str]) -> None:
    peer("ip")
    command = [peer("unshare"), "--net", sys.executable, "-c", IN_A_NAMESPACE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
