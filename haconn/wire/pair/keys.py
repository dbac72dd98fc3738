"""The key of the pair, and what is derived from it.

Rule 1. It is a key of its own: no system has it, and it opens nothing of the reset path.
Rule 2. Nothing is sealed with the master itself. Each host has a working key, made from the master
        and the host's own name, with which it seals: what it said itself, sent back to it, never
        verifies, and neither does a third host that was given the same key by mistake.

A host's name is taken byte by byte: both servers must read it from the list that they share.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from haconn.core.model import Secret
from haconn.wire.keys import GENERATION_MAX, MASTER_SIZE, BadKeyError

_WORKING = b"haconn pair 1 "
_MASTER = re.compile(r"[0-9a-fA-F]{64}")
NAME_BYTES_MAX = 255


@dataclass(frozen=True, slots=True)
class PairKey:
    """One generation of the pair's key. Raises BadKeyError for values that are out of range."""

    generation: int
    """1 to 255; the key id of every datagram under it, since the pair has system id 0."""
    master: Secret
    """64 hex digits."""

    def __post_init__(self) -> None:
        if not 1 <= self.generation <= GENERATION_MAX:
            raise BadKeyError(f"no generation of the pair's key: {self.generation}")
        if _MASTER.fullmatch(self.master.reveal()) is None:
            raise BadKeyError("a key has 64 hex digits")


@dataclass(frozen=True, slots=True)
class WorkingKeys:
    """One generation as one of the two hosts uses it; hidden from every output."""

    mine: bytes
    peers: bytes

    def __repr__(self) -> str:
        return "WorkingKeys(***)"


def working_keys(key: PairKey, me: str, peer: str) -> WorkingKeys:
    """Derive what I seal with and what my peer seals with. Raises BadKeyError for the names."""
    mine, peers = two_names(me, peer)
    return WorkingKeys(hkdf(key, b"", _WORKING + mine), hkdf(key, b"", _WORKING + peers))


def by_generation(keys: Sequence[PairKey]) -> dict[int, PairKey]:
    """Order what a server has, the oldest first. Raises BadKeyError for none, and for twins."""
    ordered = {key.generation: key for key in sorted(keys, key=lambda key: key.generation)}
    if not ordered or len(ordered) < len(keys):
        raise BadKeyError("the pair needs at least one key, and one of each generation")
    return ordered


def two_names(me: str, peer: str) -> tuple[bytes, bytes]:
    """The hosts' names as they go into a derivation. Raises BadKeyError."""
    names = _name_bytes(me), _name_bytes(peer)
    if names[0] == names[1]:
        raise BadKeyError("both servers of the pair have one name")
    return names


def hkdf(key: PairKey, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869), 32 bytes; an empty salt is 32 zero bytes, as the RFC has it."""
    prk = hmac.digest(salt or bytes(MASTER_SIZE), bytes.fromhex(key.master.reveal()), "sha256")
    return hmac.digest(prk, info + b"\x01", "sha256")


def _name_bytes(name: str) -> bytes:
    try:
        raw = name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadKeyError("a server's name is no text") from error
    if not 1 <= len(raw) <= NAME_BYTES_MAX:
        raise BadKeyError(f"a server's name has 1 to {NAME_BYTES_MAX} bytes")
    return raw
