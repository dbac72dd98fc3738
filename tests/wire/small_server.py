"""The least that is a server: a ServerEnd behind a real socket, which finds everybody stopped."""

import os

import trio

from haconn.core.model import SystemKey
from haconn.wire.codes import Doubt, NoticeState, Proof, Verdict
from haconn.wire.events import Checked, Event, Registered, ResetRequested
from haconn.wire.payloads import Checkup, Notice
from haconn.wire.server import ServerEnd
from tests.wire.parts import KEYS


class SmallServer:
    """Acknowledges, answers checks, and says DUMP to each request the second time it comes."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.end = ServerEnd(KEYS, os.urandom, epoch=5)
        self.deaf = 0
        """How many datagrams will be lost."""
        self.homes: dict[SystemKey, tuple[str, int]] = {}
        self.asked: dict[bytes, int] = {}
        self._news = trio.lowlevel.ParkingLot()
        self._socket = trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM)

    @property
    def place(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()
        return host, port

    def restart(self) -> None:
        """Forget every session, as a process that was started again."""
        self.end = ServerEnd(KEYS, os.urandom, epoch=6)

    async def until(self, kind: type[object], count: int = 1) -> None:
        """Wait for so many events of a kind, from the beginning on."""
        with trio.fail_after(60):
            while sum(isinstance(event, kind) for event in self.heard) < count:
                await self._news.park()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with self._socket as socket:
            await socket.bind(("127.0.0.1", 0))
            task_status.started()
            while True:
                datagram, source = await socket.recvfrom(2048)
                if self.deaf > 0:
                    self.deaf -= 1
                    continue
                for answer in self.answers(datagram, (source[0], source[1])):
                    await socket.sendto(answer, source)

    def answers(self, datagram: bytes, source: tuple[str, int]) -> list[bytes]:
        heard = self.end.receive(datagram, source, trio.current_time())
        if heard.event is None:
            return list(heard.datagrams)
        self.heard.append(heard.event)
        self._news.unpark_all()
        more = [one for one in self.decide(heard.event) if one is not None]
        return [*heard.datagrams, *more]

    def decide(self, event: Event) -> list[bytes | None]:
        match event:
            case Registered():
                self.homes[event.key] = (event.address, event.port)
                return [self.end.ack(event)]
            case Checked():
                checkups = [Checkup(one, Doubt.NONE, 1.5) for one in event.targets]
                return [self.end.check_reply(event, checkups)]
            case ResetRequested():
                return [self.requested(event)]
            case _:
                return []

    def requested(self, event: ResetRequested) -> bytes | None:
        request_id = event.request_id
        self.asked[request_id] = self.asked.get(request_id, 0) + 1
        if self.asked[request_id] == 1:
            return self.end.ack(event)
        verdict = (Verdict.DUMP, Proof.STOP_NOTICE, 0.25)
        return self.end.result(event.key, request_id, event.target, *verdict)

    async def notify(self, key: SystemKey, about: SystemKey, serial: int) -> None:
        """Tell a registered system that another one rebooted."""
        notice = Notice(about, serial, NoticeState.REBOOT, Proof.RESET_ACCEPTED, 1.0)
        for datagram in self.end.notify(key, [notice]):
            await self._socket.sendto(datagram, self.homes[key])

    async def challenge(self, key: SystemKey) -> None:
        """Ask a registered system for a handshake, as at an activation."""
        for datagram in self.end.challenge(key, trio.current_time()):
            await self._socket.sendto(datagram, self.homes[key])
