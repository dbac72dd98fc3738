"""Talking to a daemon of a pair as its peer talks, in a process that is not its daemon."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from haconn.core.model import Secret
from haconn.daemon.pair.stream import connect
from haconn.daemon.pair.syncing import (
    Excerpt,
    ExcerptRead,
    Message,
    Talk,
)
from haconn.wire.pair.keys import PairKey
from tests.daemon.pair.members import (
    PAIR_KEY,
    Member,
)

KEYS = (PairKey(1, Secret(PAIR_KEY)),)


@asynccontextmanager
async def posing_as(member: Member, towards: Member) -> AsyncIterator[Talk]:
    """Talk as one of the two talks, in a process that is not its daemon."""
    port = towards.parts.two.me.lan_port
    assert port is not None
    names = member.name, towards.name
    async with await connect(str(towards.parts.two.me.lan_addr), port, KEYS, *names) as stream:
        yield Talk(stream)


async def heard_to_the_end(talk: Talk) -> Message | None:
    """Read every excerpt, and give what is said after them."""
    while isinstance(said := await talk.hear(), Excerpt):
        await talk.say(ExcerptRead())
    return said


async def asked(member: Member, towards: Member, question: Message) -> Message | None:
    async with posing_as(member, towards) as talk:
        await talk.say(question)
        answer = await talk.hear()
        await talk.end()
        return answer


async def in_step_again(active: Member, standby: Member) -> None:
    """What is written now arrives, and is waited for."""
    await active.until(lambda: active.has_in_step(standby))
    active.write(7777)
    await standby.until(lambda: standby.written() == 7777)
