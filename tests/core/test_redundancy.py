"""Why no standby could take over: one list for CHECK and for status (R-431)."""

from dataclasses import replace

import pytest

from haconn.core.beat import Beat, Path, Standing
from haconn.core.events import BmcUnanswered, PduSeen
from haconn.core.model import Feed, Power
from haconn.core.pair_state import KeysAre
from haconn.core.peer_power import Means
from haconn.core.redundancy import Outlook, is_heard, lost_paths, reasons
from tests.core.pair_parts import FOLLOWING, JOINING, SERVICE, Scene, at, beat

MEANS = Means("m1", outlets=True, timeout_s=5.0, feeds=(Feed("192.0.2.1", "1"),))
GOOD = Standing(service=SERVICE, peer_bmc=True, peer_outlets=True, generations=(1,))


class Site:
    """An active with a good standby, until something is said of it."""

    def __init__(self, means: Means = MEANS) -> None:
        self.scene = Scene(means)
        self.scene.beats(0.0, 0.2, JOINING)
        self.scene.beats(0.4, 10.0, FOLLOWING)
        self.scene.take(KeysAre(frozenset({1})), 10.0)
        self.scene.take(PduSeen("192.0.2.1", True), 10.0)
        self.scene.read(Power.ON, 10.0)
        self.outlook = Outlook("m1", frozenset({Path.DUPLEX}), True, GOOD, None)
        self.says(GOOD)

    def says(self, standing: Standing, hearing: frozenset[Path] = frozenset({Path.DUPLEX})) -> None:
        said: Beat = replace(beat(FOLLOWING, standing=standing), hearing=hearing)
        self.scene.answers(10.1, FOLLOWING, standing=standing)
        self.outlook = replace(self.outlook, beat=said)

    def reasons(self, now: float = 10.2) -> list[str]:
        return list(reasons(self.scene.pair, self.outlook, at(now)))


def test_with_everything_as_it_should_be_there_is_no_reason() -> None:
    assert Site().reasons() == []
    assert is_heard(Site().scene.pair, at(10.2))


def test_silence_and_an_orderly_stop_are_told_apart() -> None:
    site = Site()
    assert site.reasons(12.0) == ["m1 is not heard"]
    site.scene.pair.record = site.scene.pair.hearing.echoed
    assert site.reasons() == ["m1 has stopped in order"]


def test_a_standby_that_is_behind_is_a_reason() -> None:
    site = Site()
    site.outlook = replace(site.outlook, in_step=False, beat=None)
    assert site.reasons() == ["it is not synchronised"]


def test_a_path_of_the_configuration_that_is_lost_either_way_is_a_reason() -> None:
    site = Site()
    site.outlook = replace(site.outlook, paths=frozenset({Path.DUPLEX, Path.RESET}))
    assert lost_paths(site.scene.pair, site.outlook, at(10.2)) == (Path.RESET,)
    assert site.reasons() == ["reset path: m1 is not heard there"]
    site.says(GOOD, frozenset())
    assert site.reasons() == [
        "reset path: m1 is not heard there",
        "duplex LAN: m1 does not hear us there",
    ]


def test_a_path_that_the_configuration_does_not_have_is_no_reason() -> None:
    site = Site()
    assert Path.MANAGEMENT not in dict(site.scene.pair.hearing.paths)
    assert site.reasons() == []


@pytest.mark.parametrize(
    ("different", "reason"),
    [
        ({"service": b"another!"}, "it serves another address or port"),
        ({"configuration": b"others!!"}, "its settings differ"),
        ({"peer_fenceable": False, "peer_bmc": False}, "it could not prove this server off"),
        ({"peer_bmc": False}, "the BMC of this server does not answer it"),
        ({"peer_outlets": False}, "not all PDUs that feed this server answer it"),
        (
            {"generations": (1, 2)},
            "generation 2 of the key of the pair is on m1 only: haconnsetup key import peer here,"
            " or key retire peer 2 there",
        ),
    ],
)
def test_what_the_standby_says_of_itself_is_a_reason(
    different: dict[str, object], reason: str
) -> None:
    site = Site()
    site.says(replace(GOOD, **different))  # type: ignore[arg-type]
    assert site.reasons() == [reason]


def test_a_key_that_the_standby_lacks_is_a_reason_and_one_that_tells_none_is_of_before() -> None:
    site = Site()
    site.scene.take(KeysAre(frozenset({1, 2})), 10.1)
    assert site.reasons() == [
        "generation 2 of the key of the pair is here only: haconnsetup key import peer on m1,"
        " or key retire peer 2 here"
    ]
    site.says(replace(GOOD, generations=()))
    assert site.reasons() == []


def test_a_standby_that_we_could_not_prove_off_is_a_reason() -> None:
    """B1: its BMC and its PDUs are silent, and CHECK said nothing of it."""
    site = Site()
    site.scene.take(PduSeen("192.0.2.1", False), 10.1)
    assert site.reasons() == ["not all PDUs that feed m1 answer this server"]
    site.scene.take(BmcUnanswered("m1", at(10.1)), 10.1)
    site.scene.take(BmcUnanswered("m1", at(13.1)), 13.2)
    assert site.reasons() == [
        "this server could not prove m1 off: neither its BMC nor all of its PDUs answer"
    ]


def test_one_of_two_means_that_is_lost_is_a_reason() -> None:
    site = Site()
    site.scene.take(BmcUnanswered("m1", at(10.1)), 10.1)
    site.scene.take(BmcUnanswered("m1", at(13.1)), 13.2)
    assert site.reasons() == ["the BMC of m1 does not answer this server"]
