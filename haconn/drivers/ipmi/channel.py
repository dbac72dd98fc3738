"""The sealed channel of one session: IPMI messages to authentic datagrams and back.

Pure but for the random initialisation vectors. Suites 17 and 3 differ in the hash only; both
encrypt with AES-CBC-128 (IPMI 2.0, 13.28 and 13.29).

Rule 1. An inbound datagram is believed if, in this order, it names our session, is encrypted and
        authenticated, carries the right integrity value (constant time), and its session sequence
        number is new. Anything else raises CodecError and changes nothing.
Rule 2. A sequence number ahead is always new: it is authentic, and a BMC whose answers were lost
        for a while must not be locked out. Behind, 16 are remembered (IPMI 2.0, 6.12.13).
"""

import hmac
import os
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from haconn.drivers.ipmi.packet import (
    AUTHENTICATION_RMCP_PLUS,
    HEADER,
    RMCP,
    SEALED,
    CodecError,
    Kind,
    parse_header,
)
from haconn.drivers.ipmi.rakp import Handshake

BLOCK: Final = 16
NEXT_HEADER: Final = 0x07
WINDOW: Final = 16
_ALL_SEEN: Final = (1 << WINDOW) - 1
_SEQUENCES: Final = 1 << 32


class Window:
    """Which session sequence numbers of the BMC were seen.

    One number decides: how far a sequence number is ahead of the highest (`_ahead`), from -2**31
    to 2**31 - 1. Nothing is shifted by it unless it is inside the window: a BMC may send any.
    """

    def __init__(self) -> None:
        self._highest: int | None = None
        self._seen = 0  # bit n: highest - n was seen

    def is_new(self, sequence: int) -> bool:
        """Tell whether this number may still be accepted; 0 is never in a session."""
        ahead = self._ahead(sequence)
        if sequence == 0 or ahead <= -WINDOW:
            return False
        return ahead > 0 or not self._seen >> -ahead & 1

    def note(self, sequence: int) -> None:
        """Remember a number that was accepted."""
        ahead = self._ahead(sequence)
        if ahead > 0:
            kept = self._seen << ahead if ahead < WINDOW else 0
            self._highest, self._seen = sequence, kept & _ALL_SEEN | 1
        elif ahead > -WINDOW:
            self._seen |= 1 << -ahead

    def _ahead(self, sequence: int) -> int:
        if self._highest is None:
            return WINDOW
        half = _SEQUENCES // 2
        return (sequence - self._highest + half) % _SEQUENCES - half


class Channel:
    """The keys and sequence numbers of one session, from a completed handshake."""

    def __init__(self, handshake: Handshake) -> None:
        key = handshake.session_key
        self.suite: Final = handshake.suite
        self.bmc: Final = handshake.bmc
        self._console: Final = handshake.console
        self._integrity_key: Final = self.suite.code(key, b"\x01" * 20)
        self._cipher: Final = algorithms.AES(self.suite.code(key, b"\x02" * 20)[:BLOCK])
        self._sequence = 0
        self._window: Final = Window()

    def seal(self, message: bytes) -> bytes:
        """Encrypt and authenticate one IPMI message under the next sequence number."""
        self._sequence = self._sequence % (_SEQUENCES - 1) + 1
        vector = os.urandom(BLOCK)
        padding = -(len(message) + 1) % BLOCK
        plain = message + bytes(range(1, padding + 1)) + bytes((padding,))
        encryptor = Cipher(self._cipher, modes.CBC(vector)).encryptor()
        payload = vector + encryptor.update(plain) + encryptor.finalize()
        covered = HEADER.pack(
            AUTHENTICATION_RMCP_PLUS, SEALED | Kind.IPMI, self.bmc, self._sequence, len(payload)
        )
        covered += payload
        filler = -(len(covered) + 2) % 4
        covered += b"\xff" * filler + bytes((filler, NEXT_HEADER))
        return RMCP + covered + self._check(covered)

    def unseal(self, datagram: bytes) -> bytes:
        """Give the IPMI message of an authentic datagram, or raise CodecError."""
        header = parse_header(datagram)
        if header.session != self._console or header.kind != SEALED | Kind.IPMI:
            raise CodecError("not a sealed message of this session")
        covered, check = self._split(datagram, header.length)
        if not hmac.compare_digest(check, self._check(covered)):
            raise CodecError("integrity check")
        if not self._window.is_new(header.sequence):
            raise CodecError("session sequence number seen before or too old")
        message = self._decrypt(covered[HEADER.size : HEADER.size + header.length])
        self._window.note(header.sequence)
        return message

    def _split(self, datagram: bytes, length: int) -> tuple[bytes, bytes]:
        end = len(datagram) - self.suite.check_bytes
        covered, check = datagram[len(RMCP) : end], datagram[end:]
        trailer = covered[HEADER.size + length :]
        if len(trailer) < 2 or trailer[-1] != NEXT_HEADER or trailer[-2] != len(trailer) - 2:
            raise CodecError("integrity trailer")
        return covered, check

    def _decrypt(self, payload: bytes) -> bytes:
        if len(payload) < 2 * BLOCK or len(payload) % BLOCK:
            raise CodecError("not whole blocks")
        decryptor = Cipher(self._cipher, modes.CBC(payload[:BLOCK])).decryptor()
        plain = decryptor.update(payload[BLOCK:]) + decryptor.finalize()
        padding = plain[-1]  # up to 15; a BMC that pads a block too many is authentic all the same
        if plain[-1 - padding : -1] != bytes(range(1, padding + 1)):
            raise CodecError("confidentiality padding")
        return plain[: -1 - padding]

    def _check(self, covered: bytes) -> bytes:
        return self.suite.code(self._integrity_key, covered)[: self.suite.check_bytes]
