"""What is said of the pair: once when it begins, once when it is over, and nothing in between."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path as File

import pytest

from haconn.core.actions import Remark
from haconn.core.beat import Beat, Claim, Echo, PairRole, PairSession, Path, Replica, Standing
from haconn.core.model import Instant, Secret
from haconn.core.pair_state import PairSettings, new_pair
from haconn.core.pair_times import TIMES
from haconn.core.peer_power import Means
from haconn.core.role import Member
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.pair.alarms import LOOK_S, Watchman
from haconn.daemon.pair.log import ActiveLog
from haconn.daemon.pair.membership import Membership
from haconn.daemon.pair.paths import Paths
from haconn.daemon.pair.records import PeerStopped
from haconn.daemon.pair.voice import Voice
from haconn.wire.pair.end import PairEnd
from haconn.wire.pair.keys import PairKey

ME, PEER = PairSession(b"our own process!"), PairSession(b"the peer's own!!")
HERE = Standing(configuration=b"settings", service=b"service!")
BEAT = Beat(
    Claim(PairRole.STANDBY, 3, ME), Echo(ME, 1), Replica(ME), HERE, frozenset(Path), clock=0.0
)


class Ears:
    """Hear what is said, and tell what stands."""

    def __init__(self, directory: File) -> None:
        self.said: list[str] = []
        self.told: list[bool] = []
        self.chronicle = Chronicle(directory, "en")

    def say(self, remark: Remark) -> None:
        self.said.append(remark.message)
        self.chronicle.remark(remark)


class Bench:
    """A watchman on a clock that is moved by hand; the peer is heard on every path."""

    def __init__(self, directory: File) -> None:
        self.ears = Ears(directory)
        self.now = 100.0
        settings = PairSettings(Means("m2"), b"service!")
        self.pair = new_pair(settings, Member(ME, 0, 3, role=PairRole.ACTIVE), None, Instant(0.0))
        self.paths = Paths((1, 1), {}, {})
        keys = (PairKey(1, Secret("a5" * 32)),)
        voice = Voice(PairEnd(keys, "m1", "m2"), self.paths, ME)
        record = PeerStopped(directory, "a boot")
        self.membership = Membership("m2", voice, record, self.ears.say)
        self.membership.standing = HERE
        self.membership.heard_of.beat = BEAT
        self.log = ActiveLog(ME, lambda: Instant(self.now), lambda *_: None, lambda _: None)
        self.membership.log = self.log
        self.synchronise()
        self.heard_on = set(Path)
        self.set_bmc(works=True)
        self.watchman = Watchman(
            "m2", self.pair, self.membership, self.ears.say, self.ears.told.append
        )

    def close(self) -> None:
        self.paths.close()
        self.ears.chronicle._syslog.close()

    def synchronise(self) -> None:
        self.log.followed_by(PEER)
        self.log.end_sync(PEER, self.log.begin_sync())

    def set_bmc(self, *, works: bool) -> None:
        power = self.pair.power
        watch = replace(power.server.watch, reachable=works)
        self.pair.power = replace(power, server=replace(power.server, watch=watch))

    def says(self, **different: object) -> None:
        """What the peer's beats say of it."""
        standing = replace(BEAT.standing, **different)  # type: ignore[arg-type]
        self.membership.heard_of.beat = replace(BEAT, standing=standing)

    def step(self) -> list[str]:
        """Half a second later; give what was said."""
        self.now += LOOK_S
        if self.heard_on:
            self.log.heard()
            known = dict(self.pair.hearing.paths)
            known |= dict.fromkeys(self.heard_on, Instant(self.now))
            self.pair.hearing = replace(
                self.pair.hearing,
                trusted=PEER,
                heard_at=Instant(self.now),
                spoken_at=Instant(self.now),
                paths=tuple(known.items()),
            )
        self.ears.said.clear()
        self.watchman.look(Instant(self.now))
        return list(self.ears.said)

    def pass_by(self, seconds: float) -> list[str]:
        """Give what was said in that time."""
        return [message for _ in range(int(seconds / LOOK_S)) for message in self.step()]

    def alarms(self) -> set[str]:
        return {message for message, _ in self.ears.chronicle.alarms}


@pytest.fixture
def bench(tmp_path: File) -> Iterator[Bench]:
    made = Bench(tmp_path)
    assert not made.pass_by(3)
    yield made
    made.close()


def test_a_peer_that_falls_silent_and_comes_back_is_said_to_once_each(bench: Bench) -> None:
    bench.heard_on = set()
    assert bench.pass_by(20) == ["pair-lost"]
    assert bench.alarms() == {"pair-lost"}
    bench.heard_on = set(Path)
    assert bench.pass_by(20) == ["pair-heard"]
    assert not bench.alarms()


def test_a_peer_that_stops_in_order_is_not_lost(bench: Bench) -> None:
    bench.pair.record = Echo(PEER, 9)
    bench.heard_on = set()
    assert not bench.pass_by(20)


def test_one_path_that_is_cut_is_said_of_that_path(bench: Bench) -> None:
    bench.heard_on = {Path.MANAGEMENT, Path.RESET}
    assert bench.pass_by(10) == ["pair-path-lost"]
    assert bench.ears.chronicle.alarms == {
        ("pair-path-lost", "duplex LAN"): "HACN409 duplex LAN: m2 is not heard there"
    }
    bench.heard_on = set(Path)
    assert bench.pass_by(10) == ["pair-path-back"]


def test_silence_of_the_peer_brings_no_path_back(bench: Bench) -> None:
    bench.heard_on = {Path.RESET}
    assert bench.pass_by(10) == ["pair-path-lost", "pair-path-lost"]
    bench.heard_on = set()
    assert bench.pass_by(10) == ["pair-lost"]
    bench.heard_on = {Path.RESET, Path.DUPLEX}
    assert sorted(bench.pass_by(10)) == ["pair-heard", "pair-path-back"]
    assert bench.alarms() == {"pair-path-lost"}


def test_silence_of_the_peer_neither_mends_settings_nor_synchronises(bench: Bench) -> None:
    bench.says(configuration=b"others!!")
    bench.log.followed_by(ME)
    assert sorted(bench.pass_by(10)) == ["pair-drift", "pair-unsynchronised"]
    bench.heard_on = set()
    assert bench.pass_by(10) == ["pair-lost"]
    bench.heard_on = set(Path)
    bench.says()
    bench.synchronise()
    assert sorted(bench.pass_by(10)) == ["pair-heard", "pair-same", "pair-synchronised"]


def test_what_comes_and_goes_is_not_said(bench: Bench) -> None:
    for _ in range(10):
        bench.log.followed_by(ME)
        assert not bench.step()
        bench.synchronise()
        assert not bench.step()


def test_what_stands_is_not_ended_by_a_moment_without_it(bench: Bench) -> None:
    bench.set_bmc(works=False)
    assert bench.pass_by(3) == ["pair-unfenceable"]
    for _ in range(10):
        bench.set_bmc(works=True)
        assert not bench.step()
        bench.set_bmc(works=False)
        assert not bench.step()
    bench.set_bmc(works=True)
    assert bench.pass_by(3) == ["pair-fenceable"]


def test_another_reason_is_said_when_it_has_lasted(bench: Bench) -> None:
    bench.set_bmc(works=False)
    assert bench.pass_by(3) == ["pair-unfenceable"]
    bench.pair.power = replace(bench.pair.power, matches=False)
    assert bench.pass_by(3) == ["pair-unfenceable"]
    ((_, text),) = bench.ears.chronicle.alarms.items()
    assert "another machine" in text


def test_other_settings_after_another_service_are_no_agreement(bench: Bench) -> None:
    bench.says(service=b"another!", configuration=b"others!!")
    assert bench.pass_by(3) == ["pair-other-service"]
    bench.says(configuration=b"others!!")
    assert bench.pass_by(3) == ["pair-drift"]
    assert bench.alarms() == {"pair-drift"}
    bench.says(service=b"another!", configuration=b"others!!")
    assert bench.pass_by(3) == ["pair-other-service"]
    assert bench.alarms() == {"pair-other-service"}
    bench.says()
    assert bench.pass_by(3) == ["pair-same"]
    assert not bench.alarms()


def test_an_undecided_server_that_the_operator_makes_active_has_not_heard_its_peer(
    tmp_path: File,
) -> None:
    bench = Bench(tmp_path)
    bench.heard_on = set()
    bench.membership.log = None
    bench.pair.member = replace(bench.pair.member, role=PairRole.JOIN)
    assert bench.pass_by(TIMES.boot_wait_s + 5) == ["pair-lost", "pair-waits"]
    bench.pair.member = replace(bench.pair.member, role=PairRole.ACTIVE)
    assert not bench.pass_by(10)
    bench.heard_on = set(Path)
    bench.membership.log = bench.log
    bench.synchronise()
    assert bench.pass_by(5) == ["pair-heard"]
    assert not bench.alarms()
    bench.close()


def test_a_server_that_starts_alone_with_the_record_of_a_stop_is_told_nothing(
    tmp_path: File,
) -> None:
    """B4: it becomes active by the record; nobody is lost, waited for or heard."""
    bench = Bench(tmp_path)
    bench.heard_on = set()
    bench.membership.log = None
    bench.pair.record = Echo(PEER, 9)
    bench.pair.member = replace(bench.pair.member, role=PairRole.JOIN)
    assert bench.pass_by(TIMES.boot_wait_s + 5) == []
    bench.close()


def test_a_process_that_begins_anew_is_not_silent_while_it_is_not_trusted_yet(
    bench: Bench,
) -> None:
    """B4: every orderly restart said so to syslog."""
    bench.heard_on = set()
    for _ in range(4):
        spoken = Instant(bench.now + LOOK_S)
        bench.pair.hearing = replace(bench.pair.hearing, spoken_at=spoken)
        assert bench.step() == []
    assert bench.pass_by(3) == ["pair-lost"]


def test_a_path_that_the_configuration_does_not_have_is_no_alarm(tmp_path: File) -> None:
    """B3: no management LAN."""
    bench = Bench(tmp_path)
    bench.heard_on = {Path.DUPLEX, Path.RESET}
    bench.watchman = Watchman(
        "m2",
        bench.pair,
        bench.membership,
        bench.ears.say,
        bench.ears.told.append,
        (Path.DUPLEX, Path.RESET),
    )
    assert not bench.pass_by(20)
    assert bench.ears.told[-1] is False
    bench.close()


def is_silent(bench: Bench) -> None:
    bench.heard_on = set()
    bench.pass_by(3)


def is_behind(bench: Bench) -> None:
    bench.log.followed_by(ME)


def has_other_settings(bench: Bench) -> None:
    bench.says(configuration=b"others!!")


def cannot_fence(bench: Bench) -> None:
    bench.says(peer_fenceable=False)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (is_silent, "m2 is not heard"),
        (is_behind, "it is not synchronised"),
        (has_other_settings, "its settings differ"),
        (cannot_fence, "it could not prove this server off"),
    ],
)
def test_whatever_keeps_the_standby_from_taking_over_is_told_at_the_next_look(
    bench: Bench, how: Callable[[Bench], None], reason: str
) -> None:
    assert set(bench.ears.told) == {False}
    assert bench.watchman.degraded(Instant(bench.now)) == ()
    how(bench)
    bench.step()
    assert bench.ears.told[-1]
    assert reason in bench.watchman.degraded(Instant(bench.now))
