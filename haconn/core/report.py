"""What the daemon tells the display commands: one dataclass per report, filled by the daemon.

Pure values. The words an operator sees are the values of the enums; `--json` and the control
socket carry the names. Whatever is not known yet is a member of its own, never a guess.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from haconn.core.model import SystemKey


class Link(Enum):
    """A connection, as the columns BMC, IPDU, VMware and link show it (R-343, R-347 to R-350)."""

    OK = "OK"
    NG = "NG"
    NONE = "--"  # function off, nothing configured, or before the first connection


class Role(Enum):
    """The column act/sby (R-345)."""

    ACTIVE = "active"
    STANDBY = "standby"
    UNDECIDED = "----"


class ManagementStatus(Enum):
    """State of a management server, from its BMC; the last one known (R-346)."""

    NORMAL = "normal"
    POFF = "poff"
    RESET = "reset"
    ERROR = "error"
    UNKNOWN = "----"


class PowerShown(Enum):
    """Power of a managed server; the last one known while its BMC does not answer (R-349)."""

    PON = "pon"
    POFF = "poff"
    UNWATCHED = "--"


class SystemStatus(Enum):
    """State of a system, as `haconnshow hamonitor` shows it (R-353)."""

    NORMAL = "normal"
    RESET = "reset"
    DUMP = "dump"
    POFF = "poff"
    ERROR = "error"
    UNREGISTERED = "----"


class OutletStatus(Enum):
    """Whether an outlet gives power (R-360)."""

    ENABLE = "Enable"
    DISABLE = "Disable"
    UNKNOWN = "--"


class Fed(Enum):
    """What an outlet feeds (R-361)."""

    MANAGED = "P"
    MANAGEMENT = "M"
    NOTHING = "--"


@dataclass(frozen=True, slots=True)
class ManagementRow:
    """One management server of `haconnshow status`."""

    name: str
    bmc_address: str
    role: Role
    status: ManagementStatus
    bmc: Link
    ipdu: Link


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One managed server of `haconnshow status`."""

    name: str
    power: PowerShown
    bmc: Link
    ipdu: Link
    vmware: Link
    uuid: str | None = None
    """Of the system's machine, as its client tells it."""
    guid: str | None = None
    """Of the BMC, in hex as the BMC sends it."""
    match: bool | None = None
    """Whether both are of one machine, in any order of bytes; None if that cannot be told."""
    own_bmc: str | None = None
    """The server whose BMC is in this one's machine, while its own is not."""


@dataclass(frozen=True, slots=True)
class PathRow:
    """One path between the two management servers."""

    name: str
    heard: Link
    """Whether we hear the peer on it."""
    hears_us: Link
    """Whether the peer says that it hears us on it."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """`haconnshow status`."""

    mode: Literal["pair", "single"]
    link: Link
    management: tuple[ManagementRow, ...]
    servers: tuple[ServerRow, ...]
    alarms: tuple[str, ...] = ()
    """What needs an operator now, a line each."""
    owed: tuple[str, ...] = ()
    """Restores that are owed (outlets, power-on) with their age, a line each."""
    paths: tuple[PathRow, ...] = ()
    """Of a pair only, as all that follows."""
    epoch: int | None = None
    """Counts the takeovers of the pair."""
    synchronised: bool | None = None
    """Whether the standby has everything that the active has; None while there is no standby."""
    notes: tuple[str, ...] = ()
    """What an operator may want to know about the pair, a line each; no alarm."""
    degraded: tuple[str, ...] = ()
    """Why the active's answers to CHECK say that redundancy is degraded, a line each."""


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """One system of `haconnshow hamonitor`: a physical server, or a guest if `vm` is set."""

    server: str
    vm: str | None
    address: int | None
    """Subsystem number; None, as all that follows, before a registration."""
    status: SystemStatus
    ip: str | None
    port: int | None
    pair: int | None
    """Subsystem number of the other member of its monitoring pair."""


@dataclass(frozen=True, slots=True)
class MonitorReport:
    """`haconnshow hamonitor`: a row for every managed server, and for every guest known."""

    rows: tuple[MonitorRow, ...]


@dataclass(frozen=True, slots=True)
class PduRow:
    """One PDU of `haconnshow ipdu`."""

    addr: str
    model: str
    firmware: str | None
    link: Link


@dataclass(frozen=True, slots=True)
class OutletRow:
    """One outlet of `haconnshow ipdu`; every outlet of the model has a row (A-32)."""

    pdu: str
    con: str
    status: OutletStatus
    feeds: Fed
    server: str | None


@dataclass(frozen=True, slots=True)
class PduReport:
    """`haconnshow ipdu`."""

    pdus: tuple[PduRow, ...]
    outlets: tuple[OutletRow, ...]


@dataclass(frozen=True, slots=True)
class ResetTestReport:
    """`haconnserver reset`: a soft reset only, to see whether the target's dump agent reports."""

    server: str
    system: SystemKey
    stopped: bool
    """A stop notice came. If not, the test has failed and the state is what it was (A-52)."""
    after_ms: int | None
    """From the sending of the soft reset to the stop notice."""
    detail: str
    """One line: the evidence, or why there is none."""


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """`haconnserver acrecovery`: the outlets of the server as read back afterwards."""

    server: str
    outlets: tuple[OutletRow, ...]


@dataclass(frozen=True, slots=True)
class KeysReport:
    """`reload-keys`: what the daemon accepts from now on."""

    systems: int
    keys: int


@dataclass(frozen=True, slots=True)
class CopyReport:
    """`haconnact copy`: the files of the standby that are different now."""

    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleReport:
    """A restart, a stop or a takeover: what has been done, in one line."""

    text: str
