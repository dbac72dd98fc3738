"""The numbers of the reset-path protocol (docs/protocol.md), each named once."""

from enum import IntEnum, IntFlag


class Type(IntEnum):
    """What a datagram is."""

    HELLO = 1
    CHALLENGE = 2
    REGISTER = 3
    CHECK = 4
    RESET_REQ = 5
    ACK = 6
    RESULT = 7
    NOTIFY = 8
    DUMP_NOTIFY = 9
    BYE = 10


FROM_CLIENT = frozenset(
    {
        Type.HELLO,
        Type.REGISTER,
        Type.CHECK,
        Type.RESET_REQ,
        Type.ACK,
        Type.DUMP_NOTIFY,
        Type.BYE,
    }
)
FROM_SERVER = frozenset({Type.CHALLENGE, Type.CHECK, Type.ACK, Type.RESULT, Type.NOTIFY})
IN_ORDER = frozenset({Type.REGISTER, Type.RESET_REQ, Type.BYE})
"""What an attacker must not be able to hold back and let go later: see `Window.accept`."""


class Status(IntEnum):
    """How an ACK answers; all but DONE refuse."""

    DONE = 0
    MALFORMED = 1
    BINDING = 2  # not what the key is bound to
    BOOT = 3  # another boot id than the session's
    REFUSED = 4  # by the management server: a limit, its configuration


class Verdict(IntEnum):
    """What a requester is told: the outcome of its request, on the wire."""

    DUMP = 1
    POFF = 2
    FAIL = 3
    ERROR = 4


class Proof(IntEnum):
    """Which evidence stands behind a verdict or a notice."""

    NONE = 0
    STOP_NOTICE = 1
    FENCE_KDUMP = 2
    RESET_ACCEPTED = 3  # an answer, its effect was not read
    POWER_OFF = 4
    OUTLETS_OFF = 5
    NEW_BOOT = 6


class NoticeState(IntEnum):
    """What a notice says of a system."""

    DUMP = 1
    REBOOT = 2
    POFF = 3


class Doubt(IntFlag):
    """Why a reset might not work now; none set is good."""

    NONE = 0
    REDUNDANCY = 1  # the pair is not whole, a reset works
    UNRESETTABLE = 2  # BMC, PDU or hypervisor does not answer
    UNKNOWN = 4  # no such system of this monitor port
