"""Keys, nonces, and a client with its server on no network at all."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, Self

from haconn.core.model import Secret, SystemKey
from haconn.wire.client import ClientEnd
from haconn.wire.client_events import ClientEvent, Told
from haconn.wire.codes import Type
from haconn.wire.events import Event, Heard, Registered, ResetRequested
from haconn.wire.frame import Frame, parse, seal
from haconn.wire.keys import Key, derive
from haconn.wire.payloads import Hello
from haconn.wire.server import ServerEnd

BOOT = "5f0c3b1e-8a2d-4c76-9e1b-7a40d2c8f913"
NEXT_BOOT = "0d9e3c57-41f0-4a83-b2c6-95c1f7e8a604"
PORT = 30001
SOURCE = ("192.0.2.1", PORT)
ELSEWHERE = ("198.51.100.9", 4444)


def own_host(number: int) -> str:
    """A loopback address that no other run of these tests uses; all monitors have one port."""
    return f"127.{os.getpid() >> 8 & 0x7F | 0x80}.{os.getpid() & 0xFF}.{number}"


class Payload(Protocol):
    """What every value of haconn.wire.payloads can."""

    def encode(self) -> bytes: ...

    @classmethod
    def parse(cls, payload: bytes, /) -> Self: ...


def key(number: int, *, generation: int = 1, port: int = PORT, vm: str = "") -> Key:
    """The key of system `number`; no two have the same master."""
    master = f"{number:02x}{generation:02x}{port:04x}" * 8
    return Key(
        id=number,
        generation=generation,
        master=Secret(master),
        server=f"server{number}",
        vm=vm,
        port=port,
        number=number,
    )


ALPHA, BETA, GAMMA = key(1), key(2), key(3)
FOREIGN = key(9, port=30002)
KEYS = (ALPHA, BETA, GAMMA, FOREIGN)


def nonces(salt: int = 0) -> Callable[[int], bytes]:
    """A source that never repeats itself and always gives the same series."""
    count = salt << 64

    def nonce(size: int) -> bytes:
        nonlocal count
        count += 1
        return count.to_bytes(16, "big")[-size:]

    return nonce


def server(*keys: Key, salt: int = 1) -> ServerEnd:
    return ServerEnd(keys or KEYS, nonces(salt), epoch=5)


def sealed(
    owner: Key,
    kind: int,
    payload: bytes,
    *,
    session: bytes = b"S" * 16,
    seq: int = 1,
    sender: int | None = None,
) -> bytes:
    """A client's datagram by hand."""
    who = owner.id if sender is None else sender
    frame = Frame(kind, owner.key_id, who, session, seq, 0, payload)
    return seal(derive(owner.master).to_server, frame)


def hello(
    owner: Key,
    server_nonce: bytes = bytes(16),
    *,
    session: bytes = b"S" * 16,
    seq: int = 1,
    boot_id: str = BOOT,
    uuid: str | None = None,
) -> bytes:
    payload = Hello(b"C" * 16, server_nonce, boot_id, owner.port, uuid).encode()
    return sealed(owner, Type.HELLO, payload, session=session, seq=seq)


def challenge_in(heard: Heard) -> bytes:
    """The server nonce of the CHALLENGE that was answered."""
    (datagram,) = heard.datagrams
    frame = parse(datagram)
    assert frame.type == Type.CHALLENGE
    return frame.payload[:16]


def handshake(
    end: ServerEnd,
    owner: Key = ALPHA,
    *,
    now: float = 0.0,
    session: bytes = b"S" * 16,
    boot_id: str = BOOT,
) -> Heard:
    """HELLO, CHALLENGE, HELLO by hand; the next seq is 3."""
    first = end.receive(hello(owner, session=session, boot_id=boot_id), SOURCE, now)
    proof = hello(owner, challenge_in(first), session=session, seq=2, boot_id=boot_id)
    return end.receive(proof, SOURCE, now)


@dataclass
class Line:
    """A client and a server, and the line between them, which remembers all that was sent."""

    end: ServerEnd
    client: ClientEnd
    source: tuple[str, int] = SOURCE
    now: float = 0.0
    sent: list[bytes] = field(default_factory=list)
    told: list[ClientEvent] = field(default_factory=list)
    heard: list[Event] = field(default_factory=list)

    def run(self, until: float) -> None:
        """Let both speak, until this time."""
        while True:
            self.send(self.client.due(self.now))
            due = self.client.next_due()
            if due is None or due > until:
                self.now = until
                return
            self.now = max(self.now, due)

    def send(self, told: Told) -> None:
        """Carry what the client says to the server, and the answers back."""
        self.told += told.events
        for datagram in told.datagrams:
            self.sent.append(datagram)
            heard = self.end.receive(datagram, self.source, self.now)
            self.heard += [] if heard.event is None else [heard.event]
            for answer in heard.datagrams:
                self.deliver(answer)
            if isinstance(heard.event, Registered | ResetRequested):  # as a daemon does at once
                self.deliver(self.end.ack(heard.event))

    def deliver(self, datagram: bytes | None) -> None:
        """Carry what the server says to the client, and its answers back."""
        assert datagram is not None
        self.send(self.client.receive(datagram, self.now))


def line(end: ServerEnd | None = None, owner: Key = ALPHA, *, salt: int = 2) -> Line:
    """A client that has not said anything yet."""
    return Line(end or server(), ClientEnd(owner, BOOT, nonces(salt), 0.0))


ALPHA_SYSTEM, BETA_SYSTEM, GAMMA_SYSTEM = ALPHA.system, BETA.system, GAMMA.system
NOBODY = SystemKey(PORT, 77)
