"""Open Session and RAKP 1-4: how a console and a BMC prove the password to each other.

Pure: random values come in from the caller. Names as in IPMI 2.0, 13.17 to 13.24: Rm and Rc are
the random numbers of console and BMC, SIDm and SIDc their session ids, and the role byte asks for
an administrator, looked up by name only.

What the BMC must prove before it is believed: RAKP 2 carries a code that needs the password, and
RAKP 4 one that needs the session key. Both are compared in constant time.
"""

import hmac
import struct
from dataclasses import dataclass, field
from typing import Final

from haconn.drivers.ipmi.message import ADMINISTRATOR
from haconn.drivers.ipmi.packet import CodecError
from haconn.drivers.ipmi.suite import Algorithms, Suite

ACCOUNT_BYTES_MAX: Final = 16
PASSWORD_BYTES_MAX: Final = 20
NAME_ONLY: Final = 0x10
ROLE: Final = NAME_ONLY | ADMINISTRATOR
INVALID_CHECK_VALUE: Final = 0x0F  # the status that tells a BMC its RAKP 2 was not believed
_ALGORITHM: Final = struct.Struct("<BxxBBxxx")  # payload kind, its length (8), algorithm


@dataclass(frozen=True, slots=True)
class Opened:
    """An Open Session Response."""

    tag: int
    status: int
    console: int
    """SIDm, as the BMC heard it; 0 in a refusal that leaves it out."""
    bmc: int
    """SIDc; 0 if the status is not 0."""
    algorithms: Algorithms | None
    """What the BMC chose; None if the status is not 0."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """RAKP message 2. Without meaning but for its status if that is not 0."""

    tag: int
    status: int
    console: int
    random: bytes = b""
    """Rc."""
    guid: bytes = b""
    code: bytes = b""


@dataclass(frozen=True, slots=True)
class Admission:
    """RAKP message 4."""

    tag: int
    status: int
    console: int
    check: bytes = b""


@dataclass(frozen=True, slots=True)
class Handshake:
    """What both sides know after RAKP 2, and the codes that follow from it."""

    suite: Suite
    account: bytes
    password: bytes = field(repr=False)
    console: int
    bmc: int
    console_random: bytes
    bmc_random: bytes
    guid: bytes

    def believes(self, challenge: Challenge) -> bool:
        """Tell whether the sender of RAKP 2 knows the password."""
        ids = struct.pack("<II", self.console, self.bmc)
        covered = ids + self.console_random + self.bmc_random + self.guid + self._who
        return hmac.compare_digest(challenge.code, self.suite.code(self.password, covered))

    def admits(self, admission: Admission) -> bool:
        """Tell whether the sender of RAKP 4 holds the session key."""
        covered = self.console_random + struct.pack("<I", self.bmc) + self.guid
        check = self.suite.code(self.session_key, covered)[: self.suite.check_bytes]
        return hmac.compare_digest(admission.check, check)

    @property
    def session_key(self) -> bytes:
        """SIK. The password stands for Kg: haconn has no channel keys."""
        return self.suite.code(self.password, self.console_random + self.bmc_random + self._who)

    @property
    def proof(self) -> bytes:
        """The code of RAKP 3, by which the BMC knows that the console has the password."""
        covered = self.bmc_random + struct.pack("<I", self.console) + self._who
        return self.suite.code(self.password, covered)

    @property
    def _who(self) -> bytes:
        return bytes((ROLE, len(self.account))) + self.account


def encode_open(tag: int, console: int, suite: Suite) -> bytes:
    """Ask for a session with exactly this suite."""
    offers = (_ALGORITHM.pack(kind, 8, which) for kind, which in enumerate(suite.algorithms))
    return bytes((tag, ADMINISTRATOR, 0, 0)) + struct.pack("<I", console) + b"".join(offers)


def encode_rakp_1(tag: int, bmc: int, console_random: bytes, account: bytes) -> bytes:
    """Name the account and give Rm."""
    head = bytes((tag, 0, 0, 0)) + struct.pack("<I", bmc)
    return head + console_random + bytes((ROLE, 0, 0, len(account))) + account


def encode_rakp_3(tag: int, status: int, bmc: int, proof: bytes) -> bytes:
    """Prove the password; or, with a status and no proof, tell the BMC to forget the attempt."""
    return bytes((tag, status, 0, 0)) + struct.pack("<I", bmc) + proof


def parse_opened(payload: bytes) -> Opened:
    """Read an Open Session Response, or raise CodecError."""
    tag, status, console = _parse_head(payload)
    if status:
        return Opened(tag, status, console, 0, None)
    if len(payload) != 36:
        raise CodecError("an Open Session Response has 36 bytes")
    chosen = [_ALGORITHM.unpack_from(payload, offset) for offset in (12, 20, 28)]
    if [kind for kind, _, _ in chosen] != [0, 1, 2]:
        raise CodecError("the algorithms are not in their order")
    algorithms = (chosen[0][2] & 0x3F, chosen[1][2] & 0x3F, chosen[2][2] & 0x3F)
    (bmc,) = struct.unpack_from("<I", payload, 8)
    return Opened(tag, status, console, bmc, algorithms)


def parse_rakp_2(payload: bytes, suite: Suite) -> Challenge:
    """Read RAKP message 2, or raise CodecError."""
    tag, status, console = _parse_head(payload)
    if status:
        return Challenge(tag, status, console)
    if len(payload) != 40 + suite.digest_bytes:
        raise CodecError("the code of RAKP 2 is not of this suite")
    return Challenge(tag, status, console, payload[8:24], payload[24:40], payload[40:])


def parse_rakp_4(payload: bytes, suite: Suite) -> Admission:
    """Read RAKP message 4, or raise CodecError."""
    tag, status, console = _parse_head(payload)
    if status:
        return Admission(tag, status, console)
    if len(payload) != 8 + suite.check_bytes:
        raise CodecError("the check value of RAKP 4 is not of this suite")
    return Admission(tag, status, console, payload[8:])


def _parse_head(payload: bytes) -> tuple[int, int, int]:
    # A refusal may end after its status: ipmi_sim sends two bytes. Its console id reads as 0.
    if 2 <= len(payload) < 8 and payload[1]:
        return payload[0], payload[1], 0
    if len(payload) < 8:
        raise CodecError("shorter than any login message")
    tag, status, console = struct.unpack_from("<BBxxI", payload)
    return tag, status, console
