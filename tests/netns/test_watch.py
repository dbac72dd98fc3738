"""The watch sees what the kernels do, at once and in order: also what must never be."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import trio
from hypothesis import given
from hypothesis import strategies as st

from fixtures.simulators.netns.stage import VIRTUAL, Stage, ip
from fixtures.simulators.netns.truth import PairTruth, What
from fixtures.simulators.netns.watch import parse, watching


def give(stage: Stage, member: str, lease: str = "", length: int = 32) -> None:
    ip([f"addr replace {VIRTUAL}/{length} dev rst {lease}"], stage.namespace(member))


def take(stage: Stage, member: str, length: int = 32) -> None:
    ip([f"addr del {VIRTUAL}/{length} dev rst"], stage.namespace(member))


@contextmanager
def powered(stage: Stage) -> Iterator[PairTruth]:
    truth = PairTruth()
    with watching(stage, truth):
        for member in ("m1", "m2"):
            truth.note(member, What.ON)
        yield truth


async def test_a_planted_double_holder_is_seen(stage: Stage) -> None:
    with powered(stage) as truth:
        give(stage, "m1")
        give(stage, "m2")
        assert truth.holders() == ("m1", "m2")
        take(stage, "m1")
        (double,) = truth.doubles()
        assert double.members == ("m1", "m2")
        assert double.span.until is not None


async def test_a_double_holder_of_a_millisecond_is_seen(stage: Stage) -> None:
    with powered(stage) as truth:
        give(stage, "m1")
        both = f"addr add {VIRTUAL}/32 dev rst", f"addr del {VIRTUAL}/32 dev rst"
        ip(both, stage.namespace("m2"))
        assert len(truth.doubles()) == 1
        assert truth.holders() == ("m1",)


async def test_an_address_that_moves_in_order_is_never_double(stage: Stage) -> None:
    with powered(stage) as truth:
        for holder, heir in (("m1", "m2"), ("m2", "m1")) * 10:
            give(stage, holder)
            take(stage, holder)
            give(stage, heir)
            take(stage, heir)
        assert truth.doubles() == []
        assert len(truth.held("m1")) == len(truth.held("m2")) == 20


async def test_the_end_of_a_lease_is_told_without_asking(stage: Stage) -> None:
    truth = PairTruth()
    with watching(stage, truth) as watch:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.serve)
            give(stage, "m1", "valid_lft 1 preferred_lft 1")
            with trio.fail_after(20):
                gone = await truth.until("m1", What.GONE, since=0)
            (held,) = truth.of("m1", What.HELD)
            assert gone.at - held.at > 0.9
            nursery.cancel_scope.cancel(reason="seen")


async def test_a_refreshed_lease_is_one_holding(stage: Stage) -> None:
    with powered(stage) as truth:
        for _ in range(3):
            give(stage, "m1", "valid_lft 9 preferred_lft 9")
        assert len(truth.held("m1")) == 1
        assert truth.holders() == ("m1",)


async def test_an_address_with_two_prefixes_is_gone_when_both_are(stage: Stage) -> None:
    with powered(stage) as truth:
        give(stage, "m1")
        give(stage, "m1", length=24)
        take(stage, "m1")
        assert truth.holders() == ("m1",)
        take(stage, "m1", length=24)
        assert truth.holders() == ()


async def test_other_stages_and_other_addresses_are_not_looked_at(stage: Stage) -> None:
    foreign = Stage()
    foreign.up()
    try:
        with powered(stage) as truth:
            give(foreign, "m1")
            ip(["addr add 10.1.0.4/32 dev rst"], stage.namespace("m1"))
            assert truth.holders() == ()
    finally:
        foreign.down()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_their_end(data: bytes) -> None:
    for event in parse(data):
        assert socket.inet_aton(event.address)
