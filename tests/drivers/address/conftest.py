"""One reset path in network namespaces: both management servers and a neighbour on a bridge."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fixtures.simulators.namespaces import Namespace, Namespaces, refusal

VIRTUAL, PREFIX = "10.9.0.3", 24
RESET_PATH = "rst"


@dataclass(frozen=True)
class Lan:
    """10.9.0.0/24: server .1, peer .2, neighbour .11; every interface is called `rst`."""

    server: Namespace
    peer: Namespace
    neighbour: Namespace
    switch: Namespace
    """Its ports are called as the namespaces: server, peer, neighbour."""


@pytest.fixture(scope="session")
def permitted() -> None:
    """Skip a user; as root a refusal is a failure where nothing may be skipped."""
    why = refusal()
    if why is not None and os.geteuid() == 0 and os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    if why is not None:
        pytest.skip(why)


@pytest.fixture
def lan(permitted: None) -> Iterator[Lan]:
    """Build it anew for each test."""
    with Namespaces() as network:
        lan = Lan(*(network.add(name) for name in ("server", "peer", "neighbour", "switch")))
        ends = {"server": lan.server, "peer": lan.peer, "neighbour": lan.neighbour}
        for (port, end), number in zip(ends.items(), (1, 2, 11), strict=True):
            network.cable(end, RESET_PATH, lan.switch, port)
            end.give(RESET_PATH, f"10.9.0.{number}/{PREFIX}")
        network.bridge(lan.switch, "bridge", *ends)
        yield lan
