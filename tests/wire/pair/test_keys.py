"""The pair's key: who can say what with it, and that nobody sees it."""

import pytest

from haconn.core.model import Secret
from haconn.wire.keys import BadKeyError
from haconn.wire.pair.greeting import Agreement, Greeting, Side
from haconn.wire.pair.keys import PairKey, by_generation, working_keys
from tests.wire.pair.parts import ME, PEER, THIRD, key

HEX = "0f" * 32


def test_each_host_and_each_generation_has_a_working_key_of_its_own() -> None:
    mine = working_keys(key(), ME, PEER)
    peers = working_keys(key(), PEER, ME)
    assert (mine.mine, mine.peers) == (peers.peers, peers.mine)
    third = working_keys(key(), THIRD, ME)
    newer = working_keys(key(2), ME, PEER)
    assert len({mine.mine, mine.peers, third.mine, newer.mine, newer.peers}) == 5


def test_no_output_shows_a_key() -> None:
    pair_key = PairKey(1, Secret(HEX))
    derived = working_keys(pair_key, ME, PEER)
    greeting = Greeting(Side.DIALLER, (pair_key,), ME, PEER, bytes(32))
    agreement = Agreement(derived.mine, derived.peers, b"")
    shown = f"{pair_key!r} {derived!r} {greeting!r} {agreement!r}"
    for secret in (HEX, derived.mine.hex(), derived.peers.hex(), repr(derived.mine)):
        assert secret not in shown


@pytest.mark.parametrize("generation", [0, 256, -1])
def test_a_generation_out_of_range_is_refused(generation: int) -> None:
    with pytest.raises(BadKeyError):
        PairKey(generation, Secret(HEX))


@pytest.mark.parametrize("text", ["", "zz" * 32, HEX[1:], HEX + "00", HEX + "\n"])
def test_a_master_that_is_none_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(BadKeyError) as refusal:
        PairKey(1, Secret(text))
    assert str(refusal.value) == "a key has 64 hex digits"


@pytest.mark.parametrize(
    "names", [("", PEER), (ME, ""), (ME, ME), ("x" * 256, PEER), ("\ud800", PEER)]
)
def test_names_that_make_no_pair_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(BadKeyError):
        working_keys(key(), *names)
    with pytest.raises(BadKeyError):
        Greeting(Side.DIALLER, (key(),), *names, bytes(32))


def test_generations_are_in_order_and_have_no_twins() -> None:
    assert list(by_generation([key(3), key(1), key(2)])) == [1, 2, 3]
    for wrong in ([], [key(1), PairKey(1, Secret(HEX))]):
        with pytest.raises(BadKeyError):
            by_generation(wrong)
