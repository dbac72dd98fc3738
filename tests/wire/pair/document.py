"""docs/pair-protocol.md as data, and the protocol once more from nothing but that page.

The layouts of payloads and records are read from the page's own tables, so a page that says
something else than the code does fails the vectors.
"""

import hashlib
import hmac
import json
import re
import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "pair-protocol.md").read_text(encoding="utf-8")
Fields = dict[str, Any]
"""Of a payload: integers, floats, texts, and bytes as hex."""

_SCALARS = {"u8": ">B", "u16": ">H", "u32": ">I", "u64": ">Q", "f64": ">d"}


def vectors(name: str) -> Any:  # noqa: ANN401 - what JSON has
    """Read one file of vectors."""
    return json.loads((ROOT / "tests" / "vectors" / name).read_text(encoding="utf-8"))


def rows(after: str) -> list[list[str]]:
    """The cells of the first table after this text, without its head."""
    lines = PAGE.split(after, 1)[1].splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table[2:]


def layout(after: str) -> list[tuple[str, str]]:
    """Names and types of the fields of the first table after this text."""
    return [(name, kind) for name, kind, *_ in rows(after)]


def encoded(fields: list[tuple[str, str]], values: Fields) -> bytes:
    """Fields in the page's order, as the page says that they are written."""
    return b"".join(_encoded(kind, values.get(name, 0)) for name, kind in fields)


def _encoded(kind: str, value: float | str) -> bytes:
    if kind in _SCALARS:
        return struct.pack(_SCALARS[kind], value)
    if kind == "str":
        raw = str(value).encode()
        return bytes([len(raw)]) + raw
    raw = bytes.fromhex(str(value))
    if kind == "data":
        return struct.pack(">H", len(raw)) + raw
    sized = re.fullmatch(r"x\[(\d+)\]", kind)
    assert sized is not None, kind
    assert len(raw) == int(sized[1]), (kind, raw)
    return raw


def payload(kind: str, fields: Fields) -> bytes:
    """The payload of a type, by its name."""
    said = {name: text for _, name, text in rows("## 3. Types")}[kind]
    return encoded(layout(f"### {kind}\n"), fields) if said == "section 4" else b""


def types() -> dict[str, int]:
    """Names and numbers of the datagrams."""
    return {name: int(number) for number, name, _ in rows("## 3. Types")}


def datagram(working_key: bytes, header: Fields, body: bytes) -> bytes:
    """Header of docs/protocol.md section 1, payload and tag."""
    head = b"HR\x01" + struct.pack(
        ">BII16sQIH",
        header["type"],
        header["generation"],
        0,
        bytes.fromhex(header["session"]),
        header["seq"],
        header["epoch"],
        len(body),
    )
    tag = hmac.new(working_key, b"HRP1" + head + body, hashlib.sha256).digest()[:16]
    return head + body + tag


def hkdf(master: bytes, salt: bytes | None, info: bytes) -> bytes:
    """RFC 5869, by a library's own implementation."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(master)


def working_key(master: bytes, name: str) -> bytes:
    return hkdf(master, None, b"haconn pair 1 " + name.encode())


def sync_key(master: bytes, nonces: bytes, direction: str, names: list[str]) -> bytes:
    """Dialler's nonce and name first."""
    info = b"haconn sync 1 " + direction.encode() + b"".join(_encoded("str", n) for n in names)
    return hkdf(master, nonces, info)


def hello(generations: list[int], nonce: bytes) -> bytes:
    """The body of a HELLO."""
    bits = sum(1 << generation for generation in generations)
    values = {"version": 1, "generations": f"{bits:064x}", "nonce": nonce.hex()}
    return encoded(layout("The body of a HELLO:"), values)


def record_types() -> dict[str, tuple[int, int, int]]:
    """Names of the records, with number, least and greatest length."""
    found = {}
    for number, name, length, _ in rows("HELLO in clear, all others sealed"):
        low, _, high = length.partition(" to ")
        found[name] = (int(number), int(low), int(high or low))
    return found


def record(kind: str, body: bytes) -> bytes:
    number, low, high = record_types()[kind]
    assert low <= len(body) <= high
    return struct.pack(">BH", number, len(body)) + body


def sealed(key: bytes, count: int, kind: str, plain: bytes, context: bytes = b"") -> bytes:
    """A whole sealed record."""
    header = struct.pack(">BH", record_types()[kind][0], len(plain) + 16)
    nonce = bytes(4) + struct.pack(">Q", count)
    return record(kind, ChaCha20Poly1305(key).encrypt(nonce, plain, header + context))
