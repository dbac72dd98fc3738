"""A client's eye: who answers, since when, and for how long nobody did."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from fixtures.simulators.netns.cuts import Cuts, every, mac
from fixtures.simulators.netns.inside import inside, within
from fixtures.simulators.netns.probe import Knock, Ping, Probe, Question, probing
from fixtures.simulators.netns.stage import (
    VIRTUAL,
    Lan,
    Stage,
    ip,
    member_address,
    run,
    system_address,
)
from haconn.core.model import Secret
from haconn.wire.keys import Key

EACH_S = 0.005
PORT = 30000


def give(stage: Stage, member: str) -> None:
    """Add the address, and say so to everybody (gratuitous ARP, RFC 5227)."""
    ip([f"addr add {VIRTUAL}/32 dev rst"], stage.namespace(member))
    own = bytes.fromhex(mac(stage, member).replace(":", ""))
    mine = own + socket.inet_aton(VIRTUAL)
    frame = b"\xff" * 6 + own + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 2) + mine + mine
    with inside(stage.namespace(member)):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with wire:
        wire.bind(("rst", 0))
        wire.send(frame)


def take(stage: Stage, member: str) -> None:
    ip([f"addr del {VIRTUAL}/32 dev rst"], stage.namespace(member))


@asynccontextmanager
async def asking(stage: Stage, question: Question) -> AsyncIterator[Probe]:
    with probing(stage, question, EACH_S) as probe, trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(probe.serve)
            yield probe
            nursery.cancel_scope.cancel(reason="the test is over")


async def test_it_tells_who_answers_and_that_it_moved(stage: Stage) -> None:
    async with asking(stage, Ping(stage)) as probe:
        give(stage, "m1")
        assert (await probe.answered()).member == "m1"
        take(stage, "m1")
        now = trio.current_time()
        give(stage, "m2")
        assert (await probe.answered(by="m2", since=now)).at > now
        assert probe.members(since=0) == ("m1", "m2")


async def test_the_outage_is_as_long_as_nobody_answered(stage: Stage) -> None:
    async with asking(stage, Ping(stage)) as probe:
        give(stage, "m1")
        await probe.answered()
        cuts, since = Cuts(stage), trio.current_time()
        cuts.make(every((Lan.RESET,), ("m1",)))
        cut = trio.current_time()
        await trio.sleep(0.5)
        mended = trio.current_time()
        cuts.mend()
        await probe.answered(since=mended + 0.01)
        assert probe.outage_s(since, trio.current_time()) >= mended - cut - EACH_S
        assert not [one for one in probe.answers if cut + 0.05 < one.at < mended]


async def test_nobody_answers_where_nobody_holds_the_address(stage: Stage) -> None:
    async with asking(stage, Ping(stage)) as probe:
        since = trio.current_time()
        await trio.sleep(0.3)
        assert probe.answers == []
        assert probe.outage_s(since, trio.current_time()) >= 0.3


async def test_answers_of_others_are_not_taken_for_ours(stage: Stage) -> None:
    async with (
        asking(stage, Ping(stage)) as probe,
        asking(stage, Ping(stage, member_address(Lan.RESET, "m2"))) as other,
    ):
        await other.answered(by="m2")
        assert probe.answers == []


async def test_a_knock_is_answered_by_a_daemon_and_not_by_a_kernel(
    stage: Stage, sockets: None
) -> None:
    key = Key(id=1, generation=1, master=Secret("0" * 64), server="S1", vm="", port=27001, number=1)
    async with asking(stage, Knock(stage, key, system_address(0), PORT)) as probe:
        give(stage, "m1")
        await trio.sleep(0.3)
        assert probe.answers == []
        with within(stage.namespace("m1")):
            daemon = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)
        with daemon:
            await daemon.bind((VIRTUAL, PORT))
            datagram, sender = await daemon.recvfrom(2048)
            assert datagram[:2] == b"HR"
            await daemon.sendto(b"!", sender)
            assert (await probe.answered()).member == "m1"


def test_namespaces_are_left_again_also_after_a_failure(stage: Stage) -> None:
    before = run("readlink", "/proc/self/ns/net")
    with inside(stage.namespace("m1")):
        assert run("readlink", "/proc/self/ns/net") != before
    with pytest.raises(RuntimeError, match="inside"), inside(stage.namespace("m1")):
        raise RuntimeError("inside")
    assert run("readlink", "/proc/self/ns/net") == before
