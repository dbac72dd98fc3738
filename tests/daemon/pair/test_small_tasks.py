"""The clock of the gate, what is announced, and what fits no datagram."""

from pathlib import Path as File

import pytest
import trio
from trio.testing import MockClock

from haconn.core.beat import INTENT_BODY_MAX, Intent, PairSession, Path
from haconn.core.model import Instant, Secret
from haconn.core.pair_times import TIMES
from haconn.daemon.boot import boot_id
from haconn.daemon.pair.clocks import GATE_S, serve_log
from haconn.daemon.pair.log import ActiveLog
from haconn.daemon.pair.membership import Membership
from haconn.daemon.pair.paths import Paths
from haconn.daemon.pair.records import PAIR_STATE, PeerStopped, load_state
from haconn.daemon.pair.voice import Voice
from haconn.wire.pair.end import PairEnd
from haconn.wire.pair.keys import PairKey
from tests.daemon.pair.members import two_members
from tests.daemon.pair.test_log import LOG, STANDBY, then

KEYS = (PairKey(1, Secret("a5" * 32)),)


@pytest.fixture
async def membership(tmp_path: File) -> Membership:
    paths = Paths((1, 1), {}, {})
    paths.close()
    voice = Voice(PairEnd(KEYS, "m1", "m2"), paths, LOG)
    return Membership("m2", voice, PeerStopped(tmp_path, "a boot"), lambda _: None)


async def test_the_gate_lets_go_when_its_time_is_up_and_not_a_look_later(
    membership: Membership, autojump_clock: MockClock
) -> None:
    gone_on: list[float] = []
    log = ActiveLog(
        LOG,
        lambda: Instant(trio.current_time()),
        lambda *_: None,
        lambda _: gone_on.append(trio.current_time()),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_log, membership)
        await trio.sleep(1.0)
        membership.log = log
        log.followed_by(STANDBY)
        log.end_sync(STANDBY, log.begin_sync())
        assert log.record(b"lines", [then(1)]) == []
        began = trio.current_time()
        await trio.sleep(TIMES.gate_s + GATE_S)
        nursery.cancel_scope.cancel(reason="the test has ended")
    (at,) = gone_on
    assert at == began + TIMES.gate_s


async def test_what_fits_no_datagram_is_told_until_something_does(tmp_path: File) -> None:
    paths = Paths((1, 1), {}, {})
    voice = Voice(PairEnd(KEYS, "m1", "m2"), paths, PairSession(b"our own process!"))
    voice.say(1, 1, Intent(1, 0, 1, bytes(INTENT_BODY_MAX + 1), 0.0))
    assert voice.unsendable is not None
    voice.say(2, 1, Intent(1, 0, 1, b"x", 0.0))
    assert not voice.unsendable
    paths.close()


async def test_a_record_that_cannot_be_written_is_said_once_and_written_later(
    tmp_path: File,
) -> None:
    async with two_members(tmp_path) as members:
        await members.start(members.one)
        run = members.one.trees.run
        state = load_state(run, boot_id())
        assert state is not None
        assert state.own == members.one.parts.paths.own()
        assert set(state.own) == set(Path)
        away = run.with_suffix(".away")
        run.rename(away)
        members.one.parts.paths.peer[Path.RESET] = "192.0.2.77"
        await members.one.until(lambda: "HACN424" in members.one.events())
        await trio.sleep(1.2)
        assert members.one.events().count("HACN424") == 1
        away.rename(run)

        def written() -> bool:
            found = load_state(run, boot_id())
            return found is not None and found.peer[Path.RESET] == "192.0.2.77"

        await members.one.until(written)
        assert (run / PAIR_STATE).stat().st_mode & 0o077 == 0
