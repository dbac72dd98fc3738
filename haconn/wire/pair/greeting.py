"""How two ends of a connection come to their keys: one HELLO from each.

A HELLO says which generations of the pair's key its sender has and 32 random bytes of its own;
it is not sealed, and contains no secret. Both then take the newest generation that both have and
derive a key for each direction:

    HKDF-SHA256(master, salt = nonce of the dialler || nonce of the listener,
                info = "haconn sync 1 " || direction || names)

Nobody's HELLO proves anything by itself: it may have been recorded, and its generations may have
been changed on the way. What proves it is the first sealed record (PROOF), whose context are both
HELLOs: whoever could seal it has the pair's key, saw this very nonce of ours, and
heard and said what we think.
"""

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Self

from haconn.wire.pair.keys import PairKey, by_generation, hkdf, two_names
from haconn.wire.pair.records import HEADER, HELLO_BYTES, ChannelError, RecordType

NONCE_BYTES = 32
VERSION = 1
_HELLO = struct.Struct(">B32s32s")
_SYNC = b"haconn sync 1 "


class Side(Enum):
    """Which end of the connection: the names in a derivation stand in this order."""

    DIALLER = b"d2l"
    LISTENER = b"l2d"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both ends have after two HELLOs; hidden from every output."""

    mine: bytes
    peers: bytes
    transcript: bytes
    """Both HELLOs, the dialler's first."""

    def __repr__(self) -> str:
        return "Agreement(***)"


@dataclass(frozen=True, slots=True)
class Greeting:
    """One end before it has heard the other. Raises BadKeyError or ChannelError if it is none."""

    side: Side
    keys: tuple[PairKey, ...]
    """Every generation that we have."""
    me: str
    peer: str
    nonce: bytes
    """32 bytes of a cryptographic source, for this connection only."""

    def __post_init__(self) -> None:
        by_generation(self.keys)
        two_names(self.me, self.peer)
        if len(self.nonce) != NONCE_BYTES:
            raise ChannelError("a nonce has 32 bytes")

    def hello(self) -> bytes:
        """The whole record that is to be sent."""
        body = _Hello(frozenset(key.generation for key in self.keys), self.nonce).encode()
        return HEADER.pack(RecordType.HELLO, len(body)) + body

    def agree(self, theirs: bytes) -> Agreement:
        """Take the body of the other end's HELLO. Raises ChannelError."""
        heard = _Hello.parse(theirs)
        if heard.nonce == self.nonce:
            raise ChannelError("our own hello came back")
        mine = by_generation(self.keys)
        common = mine.keys() & heard.generations
        if not common:
            raise ChannelError("the peer has no generation of the pair's key that we have")
        key = mine[max(common)]
        own = self.hello()[HEADER.size :]
        dialling = self.side is Side.DIALLER
        nonces = self.nonce + heard.nonce if dialling else heard.nonce + self.nonce
        other = Side.LISTENER if dialling else Side.DIALLER
        return Agreement(
            mine=self._derived(key, nonces, self.side),
            peers=self._derived(key, nonces, other),
            transcript=own + theirs if dialling else theirs + own,
        )

    def _derived(self, key: PairKey, nonces: bytes, sealer: Side) -> bytes:
        mine, peers = two_names(self.me, self.peer)
        names = (mine, peers) if self.side is Side.DIALLER else (peers, mine)
        raw = b"".join(bytes([len(name)]) + name for name in names)
        return hkdf(key, nonces, _SYNC + sealer.value + raw)


@dataclass(frozen=True, slots=True)
class _Hello:
    """The generations travel as a set of bits: number n is bit n of a number of 256 bits."""

    generations: frozenset[int]
    nonce: bytes

    def encode(self) -> bytes:
        bits = sum(1 << generation for generation in self.generations)
        return _HELLO.pack(VERSION, bits.to_bytes(32, "big"), self.nonce)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        if len(body) != HELLO_BYTES:
            raise ChannelError("a hello of a wrong length")
        version, raw, nonce = _HELLO.unpack(body)
        if version != VERSION:
            raise ChannelError(f"a hello of version {version}; known: {VERSION}")
        bits = int.from_bytes(raw, "big")
        return cls(frozenset(n for n in range(256) if bits >> n & 1), nonce)
