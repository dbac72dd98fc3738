"""The members of the cluster: one simulated monitor per server, and when it asked and heard."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from fixtures.simulators import dump_agent
from fixtures.simulators.monitor import Monitor
from haconn.wire.client_events import RegisterAnswered, Told
from haconn.wire.codes import Status, Type, Verdict
from haconn.wire.frame import parse
from haconn.wire.payloads import ResetRequest
from haconn.wire.ticket import ticket_for
from tests.bench.clock import now_s
from tests.bench.errors import InvalidRunError
from tests.bench.site import Server, Site

ANSWER_WITHIN_S = 30.0
"""Longer than every stage of the resets that are measured, together."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when its first datagram went to sendto, and when its RESULT was read."""

    at: float
    told_at: float


class Member(Monitor):
    """One system's monitor, with a stamp on its requests."""

    def __init__(self, site: Site, server: Server) -> None:
        super().__init__(site.key(server), site.reset_path, host=server.monitor)
        self.at = server
        self._asked_at: dict[bytes, float] = {}

    async def _take(self, told: Told, socket: trio.socket.SocketType) -> None:
        for frame in map(parse, told.datagrams):
            if frame.type == Type.RESET_REQ:
                request = ResetRequest.parse(frame.payload)
                self._asked_at.setdefault(request.request_id, now_s())
        await super()._take(told, socket)

    async def have_reset(self, target: "Member", wanted: Verdict) -> Asked:
        """Ask for a reset and wait for its result. Raises InvalidRunError for another verdict."""
        with trio.move_on_after(ANSWER_WITHIN_S):
            heard = await self.request_reset(target.key.system)
            told_at = next(at for at, event in reversed(self.events) if event is heard)
            if heard.result.verdict is not wanted:
                got = heard.result.verdict.name
                raise InvalidRunError(f"{target.at.name}: {got} where {wanted.name} was expected")
            asked_at = self._asked_at.pop(heard.result.request_id)
            return Asked(asked_at, told_at + now_s() - trio.current_time())
        raise InvalidRunError(f"{target.at.name}: no result after {ANSWER_WITHIN_S:.0f} s")

    async def say_stopped(self) -> None:
        """What a dying kernel sends."""
        ticket = ticket_for(self.key, self.boot_id)
        await dump_agent.dump_notify(
            self.key.key_id, ticket, self.boot_id, self.server, host=self.at.monitor, times=1
        )

    async def start_again(self) -> None:
        """Boot: a new boot id, a new session, registered."""
        self.events.clear()
        self.boot()
        await self.up()

    async def up(self) -> None:
        """Wait until this boot is registered. Raises InvalidRunError if it may not."""
        with trio.move_on_after(ANSWER_WITHIN_S):
            answered: RegisterAnswered = await self.registered()
            if answered.status is not Status.DONE:
                raise InvalidRunError(f"{self.at.name}: registration {answered.status.name}")
            return
        raise InvalidRunError(f"{self.at.name}: not registered after {ANSWER_WITHIN_S:.0f} s")


@asynccontextmanager
async def run_members(site: Site) -> AsyncIterator[Sequence[Member]]:
    """Run one member on every server around a block; all are registered."""
    members = [Member(site, server) for server in site.servers]
    async with trio.open_nursery() as nursery:
        for member in members:
            await nursery.start(member.run)
        for member in members:
            await member.up()
        yield members
        nursery.cancel_scope.cancel(reason="no longer needed")
