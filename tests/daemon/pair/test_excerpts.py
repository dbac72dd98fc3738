"""A long record on its way to a joiner: in pieces, in rounds, and nobody waits for it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.model import Instant, SystemKey
from haconn.core.request_table import Asked
from haconn.daemon.journal_reading import Found
from haconn.daemon.pair.copy import UNPACKED_MAX, DamagedEntryError, Incoming
from haconn.daemon.pair.excerpts import (
    EXCERPT_BYTES,
    FEW,
    READ_LINES,
    ROUNDS_MAX,
    Giving,
    excerpts,
    pieces,
    read_all,
)
from haconn.daemon.pair.log import ActiveLog
from haconn.daemon.pair.syncing import (
    Everything,
    Excerpt,
    ExcerptRead,
    Loaded,
    NotReachedError,
    Talk,
    WantSync,
)
from tests.daemon.pair.members import Member, two_members
from tests.daemon.pair.posing import heard_to_the_end, in_step_again, posing_as
from tests.daemon.pair.records import known_of, server_line
from tests.daemon.pair.test_stream import two_ends

MANY = 10 * READ_LINES
LATER = 41


def servers(count: int, at: float = 1.0) -> dict[object, bytes]:
    """The line of each of so many servers."""
    return {f"s{number}": server_line(f"s{number}", at) for number in range(count)}


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"") + b"\n")))
def test_what_is_read_is_the_lines_in_order_and_few_in_one_turn(
    lines: list[bytes],
) -> None:
    many = 300 * lines
    cut = list(excerpts(many))
    assert b"".join(cut) == b"".join(many)
    assert all(0 < len(one) <= EXCERPT_BYTES for one in cut)
    read = [piece for one in cut for piece in pieces(one)]
    assert [line for piece in read for line in piece.split(b"\n")] == [one[:-1] for one in many]
    assert all(piece.count(b"\n") < READ_LINES for piece in read)


def test_long_lines_are_fewer_in_an_excerpt() -> None:
    half, over = b"h" * (EXCERPT_BYTES // 2), b"o" * (EXCERPT_BYTES + 1)
    assert list(excerpts([half, half, half, over, half])) == [2 * half, half, over, half]
    assert list(excerpts([])) == []


@dataclass
class Sides:
    """Both sides of one full sync."""

    active: Talk
    joiner: Talk
    incoming: Incoming = field(default_factory=Incoming)
    rounds: int = 0

    async def run(
        self, whole: Callable[[], Mapping[object, bytes]], offset_s: Callable[[], float | None]
    ) -> None:
        """Give, and read, everything that `whole` tells."""

        def one_more() -> Mapping[object, bytes]:
            self.rounds += 1
            return whole()

        async def give() -> None:
            giving = Giving(self.active, one_more)
            await giving.give(await giving.all_but_few())
            await self.active.say(Loaded(1))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(give)
            assert await read_all(self.joiner, self.incoming, offset_s) == Loaded(1)


@asynccontextmanager
async def two_sides() -> AsyncIterator[Sides]:
    async with two_ends() as (one, other):
        yield Sides(Talk(one), Talk(other))


async def test_after_each_piece_every_other_task_has_its_turn() -> None:
    turns = 0
    at: list[int] = []

    async def go_round() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    def offset_s() -> float:
        at.append(turns)
        return 0.0

    async with two_sides() as sides, trio.open_nursery() as nursery:
        nursery.start_soon(go_round)
        await sides.run(lambda: servers(MANY), offset_s)
        nursery.cancel_scope.cancel(reason="enough")
    assert len(at) >= MANY // READ_LINES
    # Trio runs what is ready in any order: a task may be the last of one round and the first of
    # the next, so it is two pieces that another has its turn between
    assert all(later > earlier for earlier, later in zip(at, at[2:], strict=False))


async def test_what_changes_while_a_round_is_read_comes_with_the_next() -> None:
    record = servers(MANY)
    changes = [servers(2 * FEW, 2.0), servers(FEW + 1, 3.0), servers(1, 4.0)]

    def whole() -> Mapping[object, bytes]:
        return dict(record)

    def offset_s() -> float:
        if changes:
            record.update(changes.pop(0))  # by whatever happens between two excerpts
        return 0.0

    async with two_sides() as sides:
        await sides.run(whole, offset_s)
    last = {**servers(MANY), **servers(2 * FEW, 2.0), **servers(FEW + 1, 3.0), **servers(1, 4.0)}
    assert known_of(sides.incoming.found) == known_of(_read(last))
    assert 1 < sides.rounds <= ROUNDS_MAX


def _read(record: Mapping[object, bytes]) -> Found:
    incoming = Incoming()
    incoming.take(b"".join(record.values()), 0.0)
    return incoming.found


async def test_a_record_that_never_rests_is_given_all_the_same() -> None:
    at = 0.0

    def whole() -> Mapping[object, bytes]:
        nonlocal at
        at += 1.0
        return servers(FEW + 1, at)

    async with two_sides() as sides:
        await sides.run(whole, lambda: 0.0)
    assert sides.rounds == ROUNDS_MAX + 1
    assert set(known_of(sides.incoming.found).values()) == {at}


async def test_a_joiner_that_follows_another_by_now_reads_no_further() -> None:
    async with two_sides() as sides, trio.open_nursery() as nursery:
        giving = Giving(sides.active, lambda: servers(MANY))
        nursery.start_soon(giving.all_but_few)
        assert await read_all(sides.joiner, sides.incoming, lambda: None) is None
        assert sides.incoming.found.empty
        nursery.cancel_scope.cancel(reason="it waits for the joiner")


async def test_a_joiner_that_says_anything_else_gets_no_more() -> None:
    async with two_sides() as sides:
        await sides.joiner.say(Loaded(7))
        with pytest.raises(NotReachedError):
            await Giving(sides.active, lambda: servers(FEW + 1)).all_but_few()


def test_a_record_without_an_end_is_no_record() -> None:
    incoming = Incoming()
    incoming.take(b"\n" * UNPACKED_MAX, 0.0)
    with pytest.raises(DamagedEntryError):
        incoming.take(b"\n", 0.0)


def ask_for_many(active: Member) -> None:
    """Let the record hold many request ids."""
    core = active.service.activation.active
    assert core is not None
    now, nobody = Instant(trio.current_time()), SystemKey(30001, 99)
    for number in range(MANY):
        core.parts.owner.world.put_asked(
            Asked(nobody, f"{number:032x}", nobody, now, told_at=now, reason="none of ours")
        )
    active.write(1)


def begun_of(log: ActiveLog) -> int | None:
    return log.gate.snapshot


async def test_the_sync_of_the_gate_begins_when_nearly_everything_has_been_read(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        log = active.parts.membership.log
        assert log is not None
        ask_for_many(active)
        async with posing_as(standby, active) as talk:
            incoming = Incoming()
            await talk.say(WantSync(standby.parts.session))
            first = await talk.hear()
            assert isinstance(first, Excerpt)
            assert begun_of(log) is None
            active.write(LATER)
            incoming.take(first.lines.encode(), 0.0)
            await talk.say(ExcerptRead())
            said = await read_all(talk, incoming, lambda: 0.0)
            assert isinstance(said, Everything)
            assert said.index == begun_of(log) == log.gate.index
        places = [system.registration for system in incoming.found.systems.values()]
        assert [place.port for place in places if place is not None] == [LATER]
        assert len(incoming.found.asked) == MANY
        await in_step_again(active, standby)


async def test_who_is_followed_no_longer_is_not_given_the_end(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        ask_for_many(active)
        async with posing_as(standby, active) as talk:
            await talk.say(WantSync(standby.parts.session))
            assert isinstance(await talk.hear(), Excerpt)
            active.service.owner.mute = True
            await talk.say(ExcerptRead())
            assert not isinstance(await heard_to_the_end(talk), Everything)
        active.service.owner.mute = False
        await in_step_again(active, standby)


async def test_a_joiner_has_every_request_id_of_a_long_record(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        standby.kill()
        await standby.ended.wait()
        ask_for_many(active)
        await members.start(standby)
        await active.until(lambda: active.has_in_step(standby))
        assert len(standby.parts.membership.copy.found.asked) == MANY
        await in_step_again(active, standby)
