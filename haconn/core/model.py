"""The nouns that every part of haconn shares, with their units.

Pure values: no clock, no sockets, no trio. Times are seconds on the daemon's monotonic
clock (`trio.current_time()`); the wall clock exists only in haconn/daemon/journal.py.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NewType, TypeAlias

Instant = NewType("Instant", float)
"""A point on the monotonic clock of this process, in seconds. Stored as a stamp of the kernel's
monotonic clock, which outlives the process, and shifted when it is read again."""

SHORTEST_TIMEOUT_S = 0.2
"""No device is held for silent sooner than so long after it was asked, however fast it answers."""


class Secret:
    """A text that no output may show: `repr`, `str` and `format` give asterisks."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself, to the one place that must send or store it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True, order=True)
class SystemKey:
    """A system: one operating system with a monitor on it.

    The number alone is not a name: monitors of different ports may reuse it (R-419).
    """

    port: int
    """UDP port of the monitors of this cluster."""
    number: int
    """Subsystem number of the monitor, unique among the monitors of one port."""

    def __str__(self) -> str:
        return f"{self.port}/{self.number}"


@dataclass(frozen=True, slots=True, order=True)
class Feed:
    """One PDU outlet that feeds a server."""

    pdu: str
    """IPv4 address of the PDU."""
    outlet: str
    """`n`, or `unit.n` for chained PDUs; counted from 1."""

    def __str__(self) -> str:
        return f"{self.pdu}#{self.outlet}"


class Power(Enum):
    """What one successful read of chassis or outlet power said."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"  # transitional, of another type, out of the table: never off


class Chassis(Enum):
    """A chassis command; each is one datagram and is never sent twice by a driver."""

    NMI = "nmi"
    RESET = "reset"
    POWER_OFF = "power-off"
    POWER_ON = "power-on"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The device took the command. An answer, not an effect."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The device said no, definitely."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """Nothing left this machine: there was no session, or the kernel did not take the datagram."""

    reason: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The datagram left and no answer can come any more: it may have been carried out."""

    reason: str


Answer: TypeAlias = Accepted | Refused | Unsent | InDoubt


@dataclass(frozen=True, slots=True)
class PowerReading:
    """One successful read of chassis power."""

    power: Power
    session: int
    """Which login with that BMC it belongs to; counts up from 1."""
    asked_at: float
    """When its request was first sent: what it proves was true no earlier."""
    answered_at: float
    timeout_s: float = SHORTEST_TIMEOUT_S
    """How long the driver waits for this BMC's answer at present before it asks again."""
