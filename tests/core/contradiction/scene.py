"""What one play is about: the policy, the truth, who asks when, and what happens to the daemon."""

from collections.abc import Callable
from dataclasses import dataclass, field

from haconn.core.model import Feed, SystemKey
from haconn.core.plan import Policy
from tests.core.contradiction.hardware import Bmc, Lag, Machine, Pdus

T, OTHER, ASKER = SystemKey(6001, 1), SystemKey(6001, 2), SystemKey(6001, 3)
"""The target, one whose devices may be mixed up with the target's, and who asks."""
SERVERS = {T: "t", OTHER: "other", ASKER: "asker"}


@dataclass
class Restart:
    """The daemon's process ends, and another takes up the record, or the standby's copy of it."""

    at: float
    away_s: float
    exact: bool = True
    """Whether the copy is known to hold everything that was done."""


@dataclass
class Scene:
    """The setting of one play."""

    policies: dict[str, Policy]
    machines: dict[SystemKey, Machine]
    bmcs: dict[str, Bmc]
    """By the server in whose settings the address stands."""
    pdus: Pdus
    lag: Lag
    loss: float = 0.01
    device_loss: float = 0.0
    """Of reads and outlet orders, which are repeated; no chassis command is lost."""
    pdu_rtt_s: float = 0.004
    requests: list[tuple[float, SystemKey, SystemKey]] = field(default_factory=list)
    """When, who, whom."""
    restarts: list[Restart] = field(default_factory=list)
    happens: list[tuple[float, Callable[[float], None]]] = field(default_factory=list)
    """What happens to machines and devices, given the time."""
    gated_s: float | None = None
    """With a standby: how long its acknowledgement takes."""
    linger_s: float = 4.0
    """How long after the last outcome things go on: what is told must stay true."""
    bmc_poll_s: float = 1.0
    pdu_poll_s: float = 5.0

    def feeds(self, server: str) -> tuple[Feed, ...]:
        """The outlets that the settings name for a server."""
        return self.policies[server].feeds
