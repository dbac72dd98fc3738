"""A cut loses one direction of one connection, ARP included, and nothing else."""

import socket
from collections.abc import Iterator
from itertools import product

import pytest
import trio

from fixtures.simulators.netns.cuts import Cut, Cuts, Way, every, other
from fixtures.simulators.netns.inside import inside
from fixtures.simulators.netns.stage import MEMBERS, Lan, Stage, member_address, run

PORT = 5000
LOST_S = 0.15
"""Nobody waits longer for what is lost; a frame needs some 0.1 ms."""


class Wires:
    """A socket of each management server on each LAN."""

    def __init__(self, stage: Stage) -> None:
        self.sockets: dict[tuple[Lan, str], socket.socket] = {}
        for lan, member in product(Lan, MEMBERS):
            with inside(stage.namespace(member)):
                made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((member_address(lan, member), PORT))
            made.settimeout(LOST_S)
            self.sockets[lan, member] = made

    def works(self, lan: Lan, sender: str) -> bool:
        """Whether a datagram arrives at the peer."""
        to = other(sender)
        self.sockets[lan, sender].sendto(b"?", (member_address(lan, to), PORT))
        try:
            return self.sockets[lan, to].recv(9) == b"?"
        except TimeoutError:
            return False

    def working(self) -> set[tuple[Lan, str]]:
        return {wire for wire in self.sockets if self.works(*wire)}

    def close(self) -> None:
        for one in self.sockets.values():
            one.close()


@pytest.fixture
def wires(stage: Stage) -> Iterator[Wires]:
    made = Wires(stage)
    yield made
    made.close()


ALL = set(product(Lan, MEMBERS))


@pytest.mark.parametrize(
    "cut", sorted(every(), key=str), ids=lambda cut: f"{cut[0].value}-{cut[1]}-{cut[2].name}"
)
def test_one_direction_of_one_wire_is_lost_until_it_is_mended(
    stage: Stage, wires: Wires, cut: Cut
) -> None:
    cuts = Cuts(stage)
    assert wires.working() == ALL
    cuts.make([cut])
    sender = cut.member if cut.way is Way.FROM else other(cut.member)
    assert ALL - wires.working() == {(cut.lan, sender)}
    cuts.mend([cut])
    assert wires.working() == ALL


def test_all_lans_are_cut_and_mended_at_once(stage: Stage, wires: Wires) -> None:
    cuts = Cuts(stage)
    assert wires.working() == ALL  # so that nobody has to be asked for his MAC later
    cuts.make(every(members=["m1"]))
    assert wires.working() == set()
    cuts.mend()
    assert list(cuts) == []
    assert wires.working() == ALL


def test_a_cut_made_twice_is_one(stage: Stage, wires: Wires) -> None:
    cuts = Cuts(stage)
    cuts.make(every((Lan.DUPLEX,)))
    cuts.make(every((Lan.DUPLEX,), ("m1",)))
    cuts.mend(every((Lan.DUPLEX,), ("m2",)))
    assert wires.working() == ALL


def test_the_two_are_parted_and_nobody_else(stage: Stage, wires: Wires) -> None:
    cuts = Cuts(stage)
    assert wires.working() == ALL
    cuts.part()
    assert wires.working() == set()
    with inside(stage.namespace("s1")):
        asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with asker:
        for member in MEMBERS:
            asker.sendto(b"?", (member_address(Lan.RESET, member), PORT))
            assert wires.sockets[Lan.RESET, member].recv(9) == b"?"
    cuts.mend()
    assert wires.working() == ALL


@pytest.mark.parametrize("lan", Lan)
def test_an_unplugged_cable_takes_the_carrier(stage: Stage, lan: Lan) -> None:
    cuts = Cuts(stage)
    cuts.unplug(lan, "m1")
    assert "NO-CARRIER" in run("ip", "-n", stage.namespace("m1"), "link", "show", lan.value)
    cuts.mend()
    assert "NO-CARRIER" not in run("ip", "-n", stage.namespace("m1"), "link", "show", lan.value)


async def test_a_cut_takes_no_carrier(stage: Stage) -> None:
    Cuts(stage).make(every())
    await trio.sleep(0.05)
    for lan in Lan:
        assert "NO-CARRIER" not in run("ip", "-n", stage.namespace("m1"), "link", "show", lan.value)
