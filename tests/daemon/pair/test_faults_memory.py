"""What a standby keeps is bounded, however long its active asks for resets."""

import json

from haconn.core.beat import Intent, PairSession
from haconn.core.model import Instant, SystemKey
from haconn.core.request_table import OTHERS_MAX, Asked
from haconn.core.reset import Outcome
from haconn.daemon.pair.copy import StandbyCopy
from haconn.daemon.pair.log import packed
from haconn.wire.plain import to_plain
from tests.daemon.pair.records import snapshot

LOG = PairSession(b"the active's log")
A, B = SystemKey(30001, 1), SystemKey(30001, 2)


def line(number: int, *, told: bool) -> bytes:
    """A request that was made then, and answered or not."""
    at = Instant(float(number))
    asked = Asked(A, f"{number:032x}", B, at)
    if told:
        asked = Asked(A, f"{number:032x}", B, at, outcome=Outcome.FAIL, told_at=at)
    return json.dumps({"asked": to_plain(asked)}).encode() + b"\n"


def test_answers_that_the_active_has_forgotten_are_forgotten() -> None:
    copy = StandbyCopy()
    copy.load(snapshot(LOG, 0, line(0, told=False)), 0.0, Instant(0.0))
    for index in range(1, 30):
        lines = b"".join(line(index * 1000 + n, told=True) for n in range(1000))
        assert copy.take(LOG, Intent(index, 0, 1, packed(lines), 0.0), 0.0)
        assert len(copy.found.asked) <= OTHERS_MAX + 2
    assert (A, f"{0:032x}") in copy.found.asked, "it still waits for its answer"
    assert (A, f"{29_999:032x}") in copy.found.asked
