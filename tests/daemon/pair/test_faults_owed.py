"""What attempts to fence the peer leave owed: once, soon, and only as long as it is their doing."""

from haconn.core.model import Instant
from haconn.core.pair_state import Fenced
from haconn.core.pair_times import TIMES
from haconn.core.peer_power import BELATED_S
from haconn.core.role import Proof
from haconn.core.server import Restore
from haconn.core.takeover import NOT_OFF, Failed, Proved
from haconn.daemon.pair.membership import Fencings


def failed(at: float, *, cut: bool = False) -> Fenced:
    """The BMC took the command, and power was not read off in time."""
    return Fenced(Failed(NOT_OFF, Instant(at), commanded=True, cut=cut), "f-1")


def proved(at: float) -> Fenced:
    return Fenced(Proved(Proof.POWER_OFF, Instant(at), commanded=True, cut=False), "f-2")


def test_attempts_that_failed_do_not_put_the_repower_off_for_an_hour() -> None:
    """Twice an hour it may be switched on; how often it was ordered off is another matter."""
    fencings = Fencings("m2")
    for at in (100.0, 115.0, 130.0):
        fencings.ended(failed(at), Instant(at))
    fencings.ended(proved(140.0), Instant(140.0))
    (owed,) = fencings.owed
    assert owed.due == 140.0 + TIMES.repower_s


def test_a_peer_that_was_heard_since_is_not_switched_on_after_a_later_takeover() -> None:
    """It ran on for a month, and was then switched off by somebody who works on it."""
    fencings = Fencings("m2")
    fencings.ended(failed(100.0, cut=True), Instant(100.0))
    fencings.heard(Instant(100.0 + BELATED_S))
    assert {one.what for one in fencings.owed} == {Restore.FEEDS, Restore.POWER_ON}
    fencings.heard(Instant(100.1 + BELATED_S))
    assert {one.what for one in fencings.owed} == {Restore.FEEDS}


def test_a_peer_that_has_stopped_in_order_is_left_as_it_is() -> None:
    fencings = Fencings("m2")
    fencings.ended(failed(100.0, cut=True), Instant(100.0))
    assert {one.what for one in fencings.stopped()} == {Restore.FEEDS, Restore.POWER_ON}
    assert not fencings.owed
