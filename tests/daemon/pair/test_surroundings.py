"""What a server sees of its own reset path, on a real link (root)."""

from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
import trio

from haconn.core.pair_state import Saw, Surroundings
from haconn.core.pair_times import TIMES
from haconn.daemon.pair.surroundings import ASKED_AT_ONCE, Questions, ResetPathWatch, gateways
from haconn.drivers.address.lease import VirtualAddress
from tests.drivers.address.conftest import PREFIX, RESET_PATH, VIRTUAL, Lan

PEER, NEIGHBOUR = "10.9.0.2", "10.9.0.11"
PATIENCE_S = 20.0
LONG_S = 1.6
"""Three looks."""


class Seen:
    """What was reported."""

    def __init__(self) -> None:
        self.all: list[Surroundings] = []

    def take(self, saw: Saw) -> None:
        self.all.append(saw.surroundings)

    async def until(self, wanted: Callable[[Surroundings], bool]) -> None:
        with trio.fail_after(PATIENCE_S):
            while True:
                if self.all and wanted(self.all[-1]):
                    return
                await trio.sleep(0.05)


def on(lan: Lan, neighbours: list[str], play: Callable[[Seen], Awaitable[None]]) -> None:
    """Have the server look while something is played."""

    async def run() -> None:
        seen = Seen()
        with VirtualAddress(VIRTUAL, PREFIX) as address:
            watch = ResetPathWatch(address, lambda: [PEER, VIRTUAL], lambda: neighbours, seen.take)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch.serve)
                await play(seen)
                nursery.cancel_scope.cancel(reason="the play is over")

    with lan.server.inside():
        trio.run(run)


def test_a_neighbour_is_asked_so_that_somebody_is_heard(lan: Lan) -> None:
    async def play(seen: Seen) -> None:
        await seen.until(lambda one: one.carrier and one.others_at is not None)

    on(lan, [NEIGHBOUR], play)


def test_the_peer_is_nobody_else(lan: Lan) -> None:
    async def play(seen: Seen) -> None:
        await trio.sleep(LONG_S)
        assert {(one.carrier, one.others_at) for one in seen.all} == {(True, None)}

    on(lan, [PEER], play)


def test_a_cut_cable_and_an_interface_that_went_away_are_blindness(lan: Lan) -> None:
    async def play(seen: Seen) -> None:
        await seen.until(lambda one: one.others_at is not None)
        lan.switch.down("server")
        await seen.until(lambda one: not one.carrier)
        lan.switch.up("server")
        await seen.until(lambda one: one.carrier)
        lan.server.ip("link", "delete", RESET_PATH)
        await seen.until(lambda one: one == Surroundings())
        lan.switch.ip(
            "link",
            "add",
            "again",
            "type",
            "veth",
            "peer",
            "name",
            RESET_PATH,
            "netns",
            lan.server.name,
        )
        lan.switch.ip("link", "set", "again", "master", "bridge")
        lan.switch.up("again")
        lan.server.up(RESET_PATH)
        lan.server.give(RESET_PATH, "10.9.0.1/24")
        await seen.until(lambda one: one.carrier and one.others_at is not None)

    on(lan, [NEIGHBOUR], play)


def asked_in(looks: int, everybody: list[str], alive: set[str]) -> list[tuple[str, ...]]:
    """Whom it asks when those who live answer at once."""
    questions, asked = Questions(lambda: everybody), list[tuple[str, ...]]()
    for _ in range(looks):
        last = asked[-1] if asked else ()
        asked.append(questions.after(heard=bool(alive.intersection(last))))
    return asked


EVERYBODY = [f"10.9.0.{n}" for n in range(10, 42)]


@pytest.mark.parametrize("alive", [set(), {"10.9.0.23"}, set(EVERYBODY)])
def test_all_neighbours_have_their_turn(alive: set[str]) -> None:
    asked = asked_in(len(EVERYBODY) + 2, EVERYBODY, alive)
    assert set(EVERYBODY) <= {one for some in asked for one in some}
    assert max(map(len, asked)) == ASKED_AT_ONCE


def test_one_neighbour_who_answers_is_heard_without_a_gap() -> None:
    alone = {"10.9.0.23"}
    asked = asked_in(200, EVERYBODY, alone)
    answered = [look for look, some in enumerate(asked) if alone.intersection(some)]
    looks = [after - before for before, after in pairwise(answered)]
    assert answered[0] <= len(EVERYBODY)
    assert max(looks) * TIMES.ask_others_s < TIMES.gap_s


def test_nobody_is_asked_where_there_is_nobody(lan: Lan) -> None:
    with lan.server.inside():
        assert asked_in(3, [], set()) == [(), (), ()]


def test_routers_are_those_of_the_kernel(lan: Lan) -> None:
    with lan.server.inside():
        assert gateways() == []
        lan.server.ip("route", "add", "default", "via", PEER)
        assert gateways() == [PEER]
