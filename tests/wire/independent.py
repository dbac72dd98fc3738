"""The protocol once more, from docs/protocol.md, with nothing but hmac, hashlib and struct.

It writes down what a record of tests/vectors/*.txt means, so that the vectors are checked by
something else than the code that they are to check.
"""

import hashlib
import hmac
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = Path(__file__).parent.parent / "vectors"
Record = dict[str, list[str]]


def records(name: str) -> list[Record]:
    """Read one file of vectors."""
    found: list[Record] = []
    for block in (VECTORS / name).read_text(encoding="utf-8").split("\n\n"):
        record: Record = {}
        for line in block.splitlines():
            if line and not line.startswith("#"):
                field, _, value = line.partition(": ")
                record.setdefault(field.rstrip(":"), []).append(value)
        if record:
            found.append(record)
    return found


def derive(master: bytes) -> tuple[bytes, bytes, bytes]:
    """prk, client to server, server to client."""
    prk = hmac.new(bytes(32), master, hashlib.sha256).digest()
    c2s = hmac.new(prk, b"c2s\x01", hashlib.sha256).digest()
    s2c = hmac.new(prk, b"s2c\x01", hashlib.sha256).digest()
    return prk, c2s, s2c


def ticket(c2s: bytes, boot: bytes) -> bytes:
    return hmac.new(c2s, b"HRT1" + boot, hashlib.sha256).digest()[:16]


def datagram(record: Record) -> bytes:
    """Header, payload and tag of a record."""
    body = payload(record)
    header = b"HR\x01" + struct.pack(
        ">BII16sQIH",
        number(record, "type"),
        number(record, "key-id"),
        number(record, "sender"),
        octets(record, "session"),
        number(record, "seq"),
        number(record, "epoch"),
        len(body),
    )
    _, c2s, s2c = derive(octets(record, "master"))
    key = s2c if number(record, "sender") == 0 else c2s
    if number(record, "type") == 9 and number(record, "seq") == 0:
        key = ticket(c2s, octets(record, "session"))
    return header + body + hmac.new(key, b"HRP1" + header + body, hashlib.sha256).digest()[:16]


def payload(record: Record) -> bytes:
    """The payload of a record, from its fields."""
    from_client = number(record, "sender") != 0
    kind = number(record, "type")
    if kind == 4:
        body = check(record) if from_client else check_answer(record)
    else:
        layouts: dict[int, Callable[[Record], bytes]] = {
            1: hello,
            2: lambda one: octets(one, "server-nonce") + octets(one, "client-nonce"),
            3: register,
            5: lambda one: octets(one, "request-id") + system(one["target"][0]),
            6: ack,
            7: result,
            8: notify,
            9: lambda one: octets(one, "boot-id"),
            10: lambda one: octets(one, "boot-id"),
        }
        body = layouts[kind](record)
    return body.ljust(32, b"\0") if from_client else body


def octets(record: Record, field: str) -> bytes:
    return bytes.fromhex(record[field][0])


def number(record: Record, field: str) -> int:
    return int(record[field][0])


def system(text: str) -> bytes:
    port, _, subsystem = text.partition("/")
    return struct.pack(">HI", int(port), int(subsystem))


def string(record: Record, field: str) -> bytes:
    raw = record[field][0].encode()
    return struct.pack("B", len(raw)) + raw


def hello(record: Record) -> bytes:
    fields = ("client-nonce", "server-nonce", "boot-id")
    port = struct.pack(">H", number(record, "port"))
    return b"".join(octets(record, one) for one in fields) + port + uuid(record)


def register(record: Record) -> bytes:
    place = struct.pack(">IHH", number(record, "number"), number(record, "port"), 0)
    names = string(record, "server") + string(record, "vm")
    return octets(record, "boot-id") + place + names + uuid(record)


def uuid(record: Record) -> bytes:
    return octets(record, "uuid") if "uuid" in record else b""


def check(record: Record) -> bytes:
    targets = record["target"]
    return struct.pack(">QH", number(record, "token"), len(targets)) + b"".join(
        map(system, targets)
    )


def check_answer(record: Record) -> bytes:
    body = struct.pack(">QH", number(record, "token"), len(record["checkup"]))
    for line in record["checkup"]:
        target, flags, age = line.split()
        body += system(target) + struct.pack(">HI", int(flags), int(age))
    return body


def ack(record: Record) -> bytes:
    kinds = number(record, "acked-type"), number(record, "status")
    body = struct.pack(">BB6xQ", *kinds, number(record, "acked-seq"))
    body += octets(record, "reference")
    if kinds[0] == 8:
        body += struct.pack(">H", len(record["notice"]))
        for line in record["notice"]:
            about, serial = line.split()
            body += system(about) + struct.pack(">Q", int(serial))
    return body


def result(record: Record) -> bytes:
    body = octets(record, "request-id") + system(record["target"][0])
    codes = number(record, "outcome"), number(record, "evidence"), number(record, "age")
    return body + struct.pack(">BBI", *codes) + string(record, "reason")


def notify(record: Record) -> bytes:
    body = struct.pack(">H", len(record["notice"]))
    for line in record["notice"]:
        about, serial, state, evidence, age = line.split()
        body += system(about) + struct.pack(
            ">QBBI", int(serial), int(state), int(evidence), int(age)
        )
    return body
