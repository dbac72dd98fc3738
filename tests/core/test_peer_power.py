"""What is known of the peer's power, and what of it may be believed."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.events import (
    BmcRefused,
    BmcUnanswered,
    CommandSent,
    FeedsRead,
    OutletSent,
    PduSeen,
    SessionOpened,
)
from haconn.core.machine_id import uuid_matches
from haconn.core.model import Feed, Power
from haconn.core.peer_power import (
    PeerPower,
    bmc_reached,
    fenceable,
    heard,
    hindrance,
    identified,
    known_of,
    observe,
    outlets_reached,
    peer_off,
    says_on,
)
from haconn.core.server import FeedReading
from tests.core.fencing_parts import (
    BY_BMC,
    LEFT,
    NEW,
    OLD,
    RIGHT,
    WITH_OUTLETS,
    at,
    feeds_read,
    known_on,
    power_read,
)

UUID = bytes.fromhex("00112233445566778899aabbccddeeff")
NONE, UNSET = bytes(16), b"\xff" * 16
FOREIGN = Feed("10.1.0.3", "7")


def read(known: PeerPower, power: Power, *moments: float) -> PeerPower:
    for seconds in moments:
        known = observe(known, power_read(power, seconds), at(seconds))
    return known


def test_a_lone_starter_knows_its_peer_off_by_a_fresh_run_only() -> None:
    known = observe(known_of(BY_BMC), SessionOpened("m1", 1), at(-20.0))
    assert peer_off(known, at(0)) is None
    known = read(known, Power.OFF, 0.0, 0.4)
    assert peer_off(known, at(0.4)) is None
    known = read(known, Power.OFF, 0.6)
    assert peer_off(known, at(0.7)) == at(0.6)
    assert peer_off(known, at(2.6)) == at(0.6)
    assert peer_off(known, at(2.7)) is None


def test_a_young_session_needs_ten_seconds() -> None:
    known = observe(known_of(BY_BMC), SessionOpened("m1", 1), at(-1.0))
    known = read(known, Power.OFF, *range(10), 9.9)
    assert peer_off(known, at(9.9)) is None
    assert peer_off(read(known, Power.OFF, 10.0), at(10.0)) == at(10.0)


@pytest.mark.parametrize(
    "breaks",
    [
        lambda known: observe(known, BmcUnanswered("m1", at(-1.7)), at(0.3)),
        lambda known: observe(known, BmcRefused("m1", "busy"), at(0.3)),
        lambda known: heard(known, OLD, at(0.3)),
        lambda known: read(known, Power.UNKNOWN, 0.3),
    ],
    ids=["silence", "refusal", "voice", "transition"],
)
def test_what_is_no_read_of_off_breaks_the_run(breaks: Callable[[PeerPower], PeerPower]) -> None:
    known = breaks(read(known_on(BY_BMC), Power.OFF, 0.0, 0.2))
    assert peer_off(read(known, Power.OFF, 0.5, 0.7), at(0.7)) is None


def test_on_is_said_freshly_or_not_at_all() -> None:
    known = read(known_on(), Power.ON, 0.0)
    assert says_on(known, at(2.0))
    assert not says_on(known, at(2.1))
    assert says_on(read(known, Power.UNKNOWN, 0.5), at(1.0)), "a transition takes nothing back"
    assert not says_on(read(known, Power.OFF, 0.5), at(1.0))
    assert not says_on(known_of(BY_BMC), at(0.0))


def test_another_machines_bmc_says_nothing() -> None:
    known = identified(read(known_on(BY_BMC), Power.ON, 0.0), UUID, bytes(range(16)))
    assert known.matches is False
    assert not says_on(known, at(0.0))
    off = read(known, Power.OFF, 0.2, 0.8)
    assert peer_off(off, at(0.8)) is None
    assert hindrance(off) is not None


def test_a_guid_that_says_nothing_changes_nothing() -> None:
    known = identified(known_on(), UUID, UUID)
    assert known.matches is True
    assert identified(known, UUID, NONE) == known
    assert identified(known_on(), NONE, UUID).matches is None


def test_a_bmc_that_reads_off_while_one_process_speaks_on_is_not_believed() -> None:
    known = read(heard(known_of(BY_BMC), OLD, at(-1.0)), Power.OFF, 0.0)
    assert not heard(known, OLD, at(3.0)).contradicted, "that may have been on its way"
    known = heard(known, OLD, at(3.1))
    assert known.contradicted
    known = read(known, Power.OFF, *range(4, 20))
    assert peer_off(known, at(19)) is None, "it says the same after the voice has gone"
    assert "while it was heard" in str(hindrance(known))
    known = read(known, Power.ON, 20.0)
    assert not known.contradicted


def test_a_new_process_does_not_contradict_that_the_machine_was_off() -> None:
    known = read(heard(known_of(BY_BMC), OLD, at(-1.0)), Power.OFF, 0.0)
    known = heard(known, NEW, at(60.0))
    assert not known.contradicted
    assert heard(known, NEW, at(120.0)).believed


def test_silence_does_not_make_such_a_bmc_believable() -> None:
    known = read(heard(known_of(BY_BMC), OLD, at(-1.0)), Power.OFF, 0.0, 1.0)
    known = heard(known, OLD, at(4.0))
    known = observe(known, BmcUnanswered("m1", at(4.0)), at(5.0))
    known = observe(known, SessionOpened("m1", 2), at(6.0))
    assert known.contradicted


def test_a_peer_with_a_bmc_that_answers_can_be_fenced() -> None:
    assert not fenceable(known_of(BY_BMC))
    known = known_on(BY_BMC)
    assert fenceable(known)
    assert not fenceable(observe(known, BmcUnanswered("m1", at(0)), at(1.0)))
    assert not fenceable(observe(known, BmcRefused("m1", "wrong password"), at(1.0)))


def test_a_peer_of_which_every_pdu_answers_can_be_fenced() -> None:
    known = observe(known_of(WITH_OUTLETS), PduSeen(LEFT.pdu, True), at(0))
    assert not fenceable(known)
    known = observe(known, PduSeen(RIGHT.pdu, True), at(0))
    assert fenceable(known)
    assert hindrance(observe(known, PduSeen(LEFT.pdu, False), at(1))) == (
        "neither its BMC nor all of its PDUs answer"
    )
    unused = replace(known, means=replace(known.means, outlets=False))
    assert hindrance(unused) == "its BMC is lost"


def test_bmc_and_outlets_are_told_apart_and_nothing_is_told_before_they_answer() -> None:
    """B2: each goes into the heartbeat by itself."""
    known = known_of(WITH_OUTLETS)
    assert (bmc_reached(known), outlets_reached(known)) == (None, None)
    known = read(known, Power.ON, 1.0)
    assert (bmc_reached(known), outlets_reached(known)) == (True, None)
    pdus = sorted({feed.pdu for feed in WITH_OUTLETS.feeds})
    for pdu in pdus:
        known = observe(known, PduSeen(pdu, True), at(1.0))
    assert outlets_reached(known) is True
    known = observe(known, PduSeen(pdus[0], False), at(2.0))
    assert (bmc_reached(known), outlets_reached(known)) == (True, False)
    assert outlets_reached(read(known_of(BY_BMC), Power.ON, 1.0)) is None


def test_a_bmc_that_is_not_believed_leaves_the_pdus() -> None:
    known = read(heard(known_of(WITH_OUTLETS), OLD, at(-1.0)), Power.OFF, 0.0)
    known = heard(known, OLD, at(9.0))
    assert not fenceable(known)
    for feed in (LEFT, RIGHT):
        known = observe(known, PduSeen(feed.pdu, True), at(9.0))
    assert fenceable(known)


def test_only_the_peers_outlets_are_noted_of_what_a_pdu_reads() -> None:
    known = observe(known_on(), feeds_read(Power.OFF, 0.0, LEFT, FOREIGN), at(0.0))
    assert dict(known.server.feeds) == {LEFT: FeedReading(Power.OFF, at(0.0), at(0.0))}


def test_an_order_voids_what_was_read_of_its_outlet_before() -> None:
    known = observe(known_on(), feeds_read(Power.OFF, 0.0), at(0.0))
    known = observe(known, OutletSent("m1", "f-1", 1, LEFT, False), at(1.0))
    late = FeedsRead({LEFT: FeedReading(Power.OFF, at(0.9), at(0.9))})
    known = observe(known, late, at(1.1))
    assert dict(known.server.feeds)[LEFT].power is Power.UNKNOWN


def test_answers_to_commands_say_nothing_of_power() -> None:
    known = known_on()
    assert observe(known, CommandSent("m1", "f-1", 0), at(0)) == known


def test_every_byte_order_in_use_is_the_same_machine() -> None:
    straight = UUID
    swapped = bytes.fromhex("33221100554477668899aabbccddeeff")
    orders = (straight, swapped, straight[::-1], swapped[::-1])
    for dmi in (straight, swapped):
        assert [uuid_matches(dmi, guid) for guid in orders] == [True] * 4


@pytest.mark.parametrize("nothing", [b"", UUID[:15], UUID + b"\0", NONE, UNSET])
def test_a_uuid_that_is_none_is_not_compared(nothing: bytes) -> None:
    assert uuid_matches(nothing, UUID) is None
    assert uuid_matches(UUID, nothing) is None


@given(st.binary(min_size=16, max_size=16), st.integers(0, 15), st.integers(1, 255))
def test_one_byte_that_differs_is_another_machine(uuid: bytes, place: int, change: int) -> None:
    other = bytearray(uuid)
    other[place] ^= change
    same = sorted(uuid) == sorted(other)
    assert not same
    result = uuid_matches(uuid, bytes(other))
    if {uuid, bytes(other)} & {NONE, UNSET}:
        assert result is None
    else:
        assert result is False


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_the_comparison_is_total_and_symmetric(one: bytes, other: bytes) -> None:
    assert uuid_matches(one, other) == uuid_matches(other, one)
