"""What datagrams say: payloads <-> values, as docs/protocol.md section 4 lays them out.

Every value has `encode() -> bytes` and `parse(payload) -> Self`; both raise WireError and
nothing else. Bytes after the known fields are ignored, so that later versions can add some.
"""

import struct
from dataclasses import dataclass
from typing import Self

from haconn.core.model import SystemKey
from haconn.wire.codes import Doubt, NoticeState, Proof, Status, Type, Verdict
from haconn.wire.fields import (
    Reader,
    decode_age,
    encode_age,
    encode_boot,
    encode_system,
    encode_text,
    encode_uuid,
    pack,
    padded,
    shortened,
    sixteen,
)
from haconn.wire.frame import PAYLOAD_MAX, WireError

NONCE_SIZE = 16
NO_NONCE = bytes(NONCE_SIZE)
TARGETS_MAX = 64
_U16 = struct.Struct(">H")
_U64 = struct.Struct(">Q")
_PLACE = struct.Struct(">IHH")
_CHECKUP = struct.Struct(">HI")
_ACK = struct.Struct(">BBHIQ")
_VERDICT = struct.Struct(">BBI")
_NOTICE = struct.Struct(">QBBI")
NOTICES_MAX = (PAYLOAD_MAX - _U16.size) // 20


@dataclass(frozen=True, slots=True)
class Hello:
    """Either step of the handshake; the first has no server nonce."""

    client_nonce: bytes
    server_nonce: bytes
    boot_id: str
    port: int
    uuid: str | None = None
    """Of the machine, as product_uuid prints it."""

    def encode(self) -> bytes:
        nonces = sixteen(self.client_nonce) + sixteen(self.server_nonce)
        place = encode_boot(self.boot_id) + pack(_U16, self.port)
        return nonces + place + encode_uuid(self.uuid)

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        reader = Reader(payload)
        client, server = reader.raw(NONCE_SIZE), reader.raw(NONCE_SIZE)
        boot_id, (port,) = reader.boot(), reader.take(_U16)
        return cls(client, server, boot_id, port, reader.uuid())


@dataclass(frozen=True, slots=True)
class Challenge:
    server_nonce: bytes
    client_nonce: bytes = NO_NONCE

    def encode(self) -> bytes:
        return sixteen(self.server_nonce) + sixteen(self.client_nonce)

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        reader = Reader(payload)
        return cls(reader.raw(NONCE_SIZE), reader.raw(NONCE_SIZE))


@dataclass(frozen=True, slots=True)
class Register:
    boot_id: str
    number: int
    port: int
    server: str
    vm: str
    uuid: str | None = None
    """Of the machine, as product_uuid prints it. Its place follows from the length of the names:
    it is not the end of the payload, which may be padding, or a later version's."""

    def encode(self) -> bytes:
        place = pack(_PLACE, self.number, self.port, 0)
        names = encode_text(self.server) + encode_text(self.vm)
        return padded(encode_boot(self.boot_id) + place + names + encode_uuid(self.uuid))

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        reader = Reader(payload)
        boot_id = reader.boot()
        number, port, _ = reader.take(_PLACE)
        server, vm = reader.text(), reader.text()
        return cls(boot_id, number, port, server, vm, reader.uuid())


@dataclass(frozen=True, slots=True)
class Check:
    """Could these be reset now?"""

    token: int
    targets: tuple[SystemKey, ...]

    def encode(self) -> bytes:
        if not 1 <= len(self.targets) <= TARGETS_MAX:
            raise WireError("a CHECK names 1 to 64 targets")
        head = pack(_U64, self.token) + pack(_U16, len(self.targets))
        return padded(head + b"".join(map(encode_system, self.targets)))

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        reader = Reader(payload)
        (token,), (count,) = reader.take(_U64), reader.take(_U16)
        if not 1 <= count <= TARGETS_MAX:
            raise WireError("a CHECK names 1 to 64 targets")
        return cls(token, tuple(reader.system() for _ in range(count)))


@dataclass(frozen=True, slots=True)
class Checkup:
    """The answer about one target."""

    target: SystemKey
    doubt: Doubt
    proven_age_s: float | None
    """Since the way to its devices was last proved; None: never."""


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    token: int
    checkups: tuple[Checkup, ...]

    def encode(self) -> bytes:
        head = pack(_U64, self.token) + pack(_U16, len(self.checkups))
        return head + b"".join(
            encode_system(one.target) + pack(_CHECKUP, one.doubt, encode_age(one.proven_age_s))
            for one in self.checkups
        )

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        reader = Reader(payload)
        (token,), (count,) = reader.take(_U64), reader.take(_U16)
        checkups = []
        for _ in range(count):
            target = reader.system()
            flags, age = reader.take(_CHECKUP)
            checkups.append(Checkup(target, Doubt(flags & 7), decode_age(age)))
        return cls(token, tuple(checkups))


@dataclass(frozen=True, slots=True)
class ResetRequest:
    request_id: bytes
    target: SystemKey

    def encode(self) -> bytes:
        return padded(sixteen(self.request_id) + encode_system(self.target))

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        reader = Reader(payload)
        return cls(reader.raw(NONCE_SIZE), reader.system())


@dataclass(frozen=True, slots=True)
class NoticeRef:
    """Which notice is meant; the serial is the server's."""

    system: SystemKey
    serial: int


@dataclass(frozen=True, slots=True)
class Ack:
    type: int
    status: Status
    seq: int
    reference: bytes
    notices: tuple[NoticeRef, ...] = ()

    def encode(self) -> bytes:
        head = pack(_ACK, self.type, self.status, 0, 0, self.seq) + sixteen(self.reference)
        if self.type != Type.NOTIFY:
            return head
        return (
            head
            + pack(_U16, len(self.notices))
            + b"".join(encode_system(one.system) + pack(_U64, one.serial) for one in self.notices)
        )

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        reader = Reader(payload)
        kind, status, _, _, seq = reader.take(_ACK)
        reference = reader.raw(NONCE_SIZE)
        if status not in set(Status):
            raise WireError("no such status")
        if kind != Type.NOTIFY:
            return cls(kind, Status(status), seq, reference)
        (count,) = reader.take(_U16)
        notices = tuple(NoticeRef(reader.system(), *reader.take(_U64)) for _ in range(count))
        return cls(kind, Status(status), seq, reference, notices)


@dataclass(frozen=True, slots=True)
class Result:
    """The one final answer to a request."""

    request_id: bytes
    target: SystemKey
    verdict: Verdict
    proof: Proof
    proof_age_s: float | None
    reason: str = ""

    def encode(self) -> bytes:
        verdict = pack(_VERDICT, self.verdict, self.proof, encode_age(self.proof_age_s))
        reason = encode_text(shortened(self.reason))
        return sixteen(self.request_id) + encode_system(self.target) + verdict + reason

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        reader = Reader(payload)
        request_id, target = reader.raw(NONCE_SIZE), reader.system()
        verdict, proof, age = reader.take(_VERDICT)
        if verdict not in set(Verdict) or proof not in set(Proof):
            raise WireError("no such verdict or evidence")
        reason = reader.text()
        return cls(request_id, target, Verdict(verdict), Proof(proof), decode_age(age), reason)


@dataclass(frozen=True, slots=True)
class Notice:
    """What every registered system of a port is told about one of them."""

    system: SystemKey
    serial: int
    """Grows with every notice about this system; the same again is a repetition."""
    state: NoticeState
    proof: Proof
    proof_age_s: float | None

    @property
    def ref(self) -> NoticeRef:
        return NoticeRef(self.system, self.serial)


@dataclass(frozen=True, slots=True)
class Notify:
    notices: tuple[Notice, ...]

    def encode(self) -> bytes:
        if not 1 <= len(self.notices) <= NOTICES_MAX:
            raise WireError("a NOTIFY has 1 to 59 notices")
        return pack(_U16, len(self.notices)) + b"".join(
            encode_system(one.system)
            + pack(_NOTICE, one.serial, one.state, one.proof, encode_age(one.proof_age_s))
            for one in self.notices
        )

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        reader = Reader(payload)
        (count,) = reader.take(_U16)
        if not 1 <= count <= NOTICES_MAX:
            raise WireError("a NOTIFY has 1 to 59 notices")
        return cls(tuple(_notice(reader) for _ in range(count)))


def _notice(reader: Reader) -> Notice:
    system = reader.system()
    serial, state, proof, age = reader.take(_NOTICE)
    if state not in set(NoticeState) or proof not in set(Proof):
        raise WireError("no such state or evidence")
    return Notice(system, serial, NoticeState(state), Proof(proof), decode_age(age))


@dataclass(frozen=True, slots=True)
class BootOnly:
    """DUMP_NOTIFY and BYE: the boot that stopped, or whose monitor stops."""

    boot_id: str

    def encode(self) -> bytes:
        return padded(encode_boot(self.boot_id))

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        return cls(Reader(payload).boot())
