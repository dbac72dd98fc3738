"""The times of the pair, and the inequalities that they must keep (facts of design section 6).

None of them is a setting of the operator's; `faults` is asked when a configuration is loaded all
the same, so that nobody changes one and keeps the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PairTimes:
    """All in seconds."""

    beat_s: float = 0.2
    """Between two heartbeats."""
    dead_s: float = 1.5
    """Silence on all paths after which the peer is called dead."""
    probes_s: tuple[float, ...] = (1.0, 1.2, 1.35)
    """After so much silence the peer is asked out of turn."""
    stall_s: float = 0.3
    """Our own loop was so late: silence heard before is our own fault."""
    long_stall_s: float = 0.8
    """After this, sockets are emptied and the address refreshed before anything is concluded."""
    gate_s: float = 4.0
    """A stage waits no longer for a standby's acknowledgement."""
    intent_s: float = 0.1
    """Between two sendings of what is not acknowledged."""
    unacknowledged_s: float = 0.5
    """After this a standby is called unsynchronised."""
    boot_wait_s: float = 10.0
    """How long one that starts waits for its peer before it acts alone."""
    lease_s: float = 1.0
    """The kernel drops the virtual address by itself; whole seconds."""
    refresh_s: float = 0.25
    fence_s: float = 1.7
    """From the first command to the proof, with a BMC that reads off at once (fast fencing)."""
    restart_s: float = 2.0
    """systemd starts a new process so long after the end of the last."""
    conservative_s: float = 15.0
    heard_others_s: float = 5.0
    """A standby fences only if the reset path brought something from a third party so recently."""
    missed_s: float = 0.7
    """And so long after the peer's last word: whoever goes deaf between two beats of the peer may
    well hear a third party after the last of them, but not when the next three are missing."""
    ask_others_s: float = 0.2
    """Third parties are asked so often; an answer counts from one asking before it was seen."""
    gap_s: float = 0.8
    """Who heard no third party for longer may have been deaf meanwhile."""
    settle_s: float = 1.0
    """And hears the peer again after so long, if it lives: that long the others are not enough."""
    repower_s: float = 10.0
    """From a takeover by power off to the power-on of the peer."""
    handover_s: float = 2.0
    """What runs may go on so long when the active hands over."""


TIMES = PairTimes()


def faults(times: PairTimes) -> Iterator[str]:
    """Give every inequality that is broken, a line each."""
    rules = (
        (4 * times.beat_s <= times.dead_s - 0.3, "four beats must fit into dead_s less 0.3 s"),
        (all(probe < times.dead_s for probe in times.probes_s), "a probe comes before dead_s"),
        (times.stall_s < times.dead_s / 2, "stall_s must be seen long before dead_s"),
        (times.lease_s < times.dead_s, "the lease must end before the peer is called dead"),
        (3 * times.refresh_s < times.lease_s, "a lease must outlive two lost refreshes"),
        (3 * times.beat_s <= times.missed_s, "three beats must be missed by missed_s"),
        (
            times.missed_s <= times.dead_s - 3 * times.ask_others_s,
            "others must be heard between missed_s and dead_s",
        ),
        (3 * times.ask_others_s < times.gap_s, "two askings without an answer are no gap"),
        (
            times.gap_s + times.ask_others_s + 2 * times.beat_s < times.dead_s,
            "a deafness that is no gap must not make the peer dead",
        ),
        (
            3 * times.beat_s <= times.settle_s - times.ask_others_s,
            "three beats must come within settle_s",
        ),
        (
            times.gate_s >= times.dead_s + times.fence_s + 0.5,
            "the gate must outlast the fastest takeover",
        ),
        (times.unacknowledged_s < times.dead_s, "unacknowledged_s must be below dead_s"),
        (times.restart_s > times.dead_s, "a restart must come after the peer has noticed"),
        (
            times.boot_wait_s > 3 * times.dead_s + times.gate_s,
            "who starts must wait longer than any takeover takes",
        ),
    )
    for holds, text in rules:
        if not holds:
            yield text
