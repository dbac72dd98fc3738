"""Floods: who pays for them, and how much is remembered of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.wire.admission import Admission, Bucket, Limits, Rate
from haconn.wire.client import ClientEnd
from haconn.wire.codes import Type
from haconn.wire.events import Drop, SessionBegun, Spoke
from haconn.wire.frame import SIZE_MIN
from haconn.wire.server import ServerEnd
from tests.wire.parts import (
    ALPHA,
    ALPHA_SYSTEM,
    BETA,
    BOOT,
    ELSEWHERE,
    KEYS,
    SOURCE,
    Line,
    handshake,
    hello,
    nonces,
    sealed,
    server,
)

NOISE = b"\0" * SIZE_MIN
BEGINS_S = 5.0
"""When a client begins to speak into a flood."""


def hosts(count: int) -> list[str]:
    return [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(count)]


def test_stranger_is_looked_at_no_more_often_than_its_rate() -> None:
    end = server()
    for _ in range(1000):
        end.receive(NOISE, ELSEWHERE, 0.0)
    assert end.dropped == {Drop.MAGIC: 40, Drop.SOURCE_RATE: 960}
    for _ in range(1000):
        end.receive(NOISE, ELSEWHERE, 1.0)
    assert end.dropped[Drop.MAGIC] == 60


def test_flood_of_unknown_sources_is_remembered_within_bounds() -> None:
    admission = Admission(Limits())
    for host in hosts(20_000):
        admission.stranger(host, 0.0)
    assert admission.strangers_remembered() == 1024


def test_strangers_together_have_one_bucket() -> None:
    end = server()
    for host in hosts(5000):
        end.receive(NOISE, (host, 1), 0.0)
    assert end.dropped[Drop.MAGIC] == 2000


def test_flood_of_strangers_does_not_touch_a_system_in_session() -> None:
    end = server()
    handshake(end)
    for host in hosts(5000):
        end.receive(NOISE, (host, 1), 0.0)
    heard = end.receive(sealed(ALPHA, Type.ACK, bytes(32), seq=3), SOURCE, 0.0)
    assert isinstance(heard.event, Spoke)


def test_recorded_datagrams_of_a_session_cannot_spend_its_bucket() -> None:
    end = server()
    handshake(end)
    recorded = sealed(ALPHA, Type.ACK, bytes(32), seq=3)
    for _ in range(5000):
        end.receive(recorded, SOURCE, 0.0)
    heard = end.receive(sealed(ALPHA, Type.ACK, bytes(32), seq=4), SOURCE, 0.0)
    assert isinstance(heard.event, Spoke)


def test_one_recorder_cannot_keep_a_key_from_its_handshake() -> None:
    end = server()
    recorded = hello(ALPHA, session=b"old session here")
    for tick in range(1000):
        end.receive(recorded, ELSEWHERE, tick / 100)
    assert end.dropped[Drop.SOURCE_RATE] > 0
    assert isinstance(handshake(end, now=10.0).event, SessionBegun)


@pytest.mark.parametrize("spoofs_the_client_too", [False, True])
@pytest.mark.parametrize("recorded", ["HELLO", "CHECK"])
def test_recordings_from_many_written_addresses_do_not_keep_a_key_from_its_handshake(
    recorded: str, spoofs_the_client_too: bool
) -> None:
    """500 recordings a second from 50 sources; the client's first datagram is one of thousands."""
    if recorded == "HELLO":
        replayed = hello(ALPHA, session=b"old session here")
    else:
        replayed = sealed(ALPHA, Type.CHECK, bytes(32), session=b"old session here", seq=9)
    for salt in range(2, 7):
        wire = Line(server(), ClientEnd(ALPHA, BOOT, nonces(salt), BEGINS_S), now=BEGINS_S)
        sources = [(host, 1) for host in hosts(49)]
        sources.append(SOURCE if spoofs_the_client_too else ("198.51.100.1", 1))
        for tick in range(500 * 15):
            if tick / 500 >= BEGINS_S:
                wire.run(tick / 500)
            heard = wire.end.receive(replayed, sources[tick % 50], tick / 500)
            if heard.ask is not None:  # as the daemon does, to the registered place
                for datagram in wire.end.challenge(heard.ask, tick / 500):
                    if tick / 500 >= BEGINS_S:
                        wire.deliver(datagram)
        begun = [event for event in wire.heard if isinstance(event, SessionBegun)]
        assert begun, "no session within 10 s"
        assert begun[0].at <= BEGINS_S + 3.0


def test_a_system_is_asked_at_a_small_rate() -> None:
    end = server()
    asked = 0
    for tick in range(5000):
        heard = end.receive(hello(ALPHA), (hosts(50)[tick % 50], 1), tick / 500)
        asked += heard.ask == ALPHA_SYSTEM
    assert 1 <= asked <= 7


def test_a_nonce_that_is_not_pending_opens_no_way_around_the_limit_of_strangers() -> None:
    end = server()
    for _ in range(100):
        end.receive(hello(ALPHA, b"not the pending."), ELSEWHERE, 0.0)
    assert end.dropped[Drop.SOURCE_RATE] == 60


def test_right_tag_from_a_stranger_makes_no_friend() -> None:
    end = server()
    for _ in range(100):
        end.receive(hello(ALPHA), ELSEWHERE, 0.0)
    assert end.dropped == {Drop.SOURCE_RATE: 60}


def test_key_is_answered_outside_a_session_no_more_often_than_its_rate() -> None:
    end = server()
    for number, host in enumerate(hosts(300)):
        end.receive(hello(ALPHA, session=number.to_bytes(16, "big")), (host, 1), 0.0)
    assert end.dropped[Drop.KEY_RATE] > 190


def test_other_keys_do_not_pay_for_it() -> None:
    end = server()
    for number, host in enumerate(hosts(300)):
        end.receive(hello(ALPHA, session=number.to_bytes(16, "big")), (host, 1), 0.0)
    assert isinstance(handshake(end, BETA).event, SessionBegun)


def test_session_has_a_rate_too() -> None:
    end = server()
    handshake(end)
    heard = [
        end.receive(sealed(ALPHA, Type.ACK, bytes(32), seq=seq), SOURCE, 0.0)
        for seq in range(3, 303)
    ]
    assert sum(one.event is not None for one in heard) == 200
    assert end.dropped == {Drop.KEY_RATE: 100}


def test_retired_key_leaves_no_home_behind() -> None:
    end = server()
    handshake(end)
    end.retire(ALPHA.key_id)
    for _ in range(100):
        end.receive(NOISE, SOURCE, 0.0)
    assert end.dropped[Drop.SOURCE_RATE] > 0
    assert not end.in_session(ALPHA_SYSTEM)


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.integers(1, 20))
def test_bucket_never_gives_more_than_burst_and_rate(waits: list[float], burst: int) -> None:
    bucket, now, given_ = Bucket(Rate(5, burst), 0.0), 0.0, 0
    for wait in waits:
        now += wait
        given_ += bucket.take(now)
        assert given_ <= burst + now * 5 + 1e-6


def test_limits_can_be_chosen() -> None:
    end = ServerEnd(KEYS, nonces(), limits=Limits(stranger=Rate(1, 1)))
    for _ in range(2):
        end.receive(NOISE, ELSEWHERE, 0.0)
    assert end.dropped == {Drop.MAGIC: 1, Drop.SOURCE_RATE: 1}
