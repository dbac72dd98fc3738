"""What clients with right keys say in random traffic: see traffic.py."""

import random
from dataclasses import dataclass, field

from haconn.core.model import SystemKey
from haconn.daemon.datagrams import Place
from haconn.wire.codes import Status, Type
from haconn.wire.keys import Key
from haconn.wire.payloads import Ack, BootOnly, Check, Hello, NoticeRef, Register, ResetRequest
from tests.wire.parts import key

KEYS = tuple(key(number) for number in range(1, 6)) + tuple(
    key(number, port=30002) for number in range(6, 8)
)
BOOTS = tuple(f"{number:08x}-0000-4000-8000-000000000001" for number in range(1, 5))


@dataclass
class Client:
    """Who holds a key, and what it has said and heard."""

    key: Key
    boot: str = BOOTS[0]
    session: bytes = b"\1" * 16
    seq: int = 0
    nonce: bytes = bytes(16)
    ids: list[tuple[bytes, SystemKey]] = field(default_factory=list)
    notices: list[NoticeRef] = field(default_factory=list)


class Words:
    """Payloads of every kind."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def source(self) -> Place:
        hosts = [f"10.0.0.{number}" for number in range(1, 9)] + ["10.8.0.1"]
        return self.chance.choice(hosts), self.chance.choice([30001, 30002, 4444])

    def words(self, client: Client) -> tuple[int, bytes]:
        kind = self.chance.choice([3, 4, 5, 5, 5, 6, 6, 9, 10, 1, 99])
        if self.chance.random() < 0.05:
            return kind, self.chance.randbytes(self.chance.randrange(0, 300))
        boot = client.boot if self.chance.random() < 0.9 else self.chance.choice(BOOTS)
        owner = client.key
        match kind:
            case Type.REGISTER:
                return kind, Register(boot, owner.number, owner.port, owner.server, "").encode()
            case Type.CHECK:
                count = self.chance.choice([1, 1, 2, 64])
                return kind, Check(7, tuple(self._target() for _ in range(count))).encode()
            case Type.RESET_REQ:
                return kind, ResetRequest(*self._wish(client)).encode()
            case Type.ACK:
                return kind, self._ack(client)
            case Type.HELLO:
                return kind, Hello(bytes(16), client.nonce, boot, owner.port).encode()
            case _:
                return kind, BootOnly(boot).encode()

    def _wish(self, client: Client) -> tuple[bytes, SystemKey]:
        """An id of before, with its target or another, or a new one."""
        if client.ids and self.chance.random() < 0.5:
            request_id, target = self.chance.choice(client.ids)
            return request_id, target if self.chance.random() < 0.95 else self._target()
        wish = self.chance.randbytes(16), self._target()
        client.ids.append(wish)
        if len(client.ids) > 50:
            client.ids.pop(self.chance.randrange(50))
        return wish

    def _target(self) -> SystemKey:
        if self.chance.random() < 0.03:
            return SystemKey(self.chance.randrange(1 << 16), self.chance.randrange(1 << 32))
        return self.chance.choice(KEYS).system

    def _ack(self, client: Client) -> bytes:
        if client.ids and self.chance.random() < 0.5:
            return Ack(Type.RESULT, Status.DONE, 1, self.chance.choice(client.ids)[0]).encode()
        refs = tuple(client.notices[-self.chance.randrange(1, 40) :])
        return Ack(Type.NOTIFY, Status.DONE, 1, bytes(16), refs).encode()
