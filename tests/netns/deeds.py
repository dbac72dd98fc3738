"""What can be done to a pair, as data: performance.py does it."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from fixtures.simulators.netns.cuts import Way
from fixtures.simulators.netns.stage import Lan


class Who(Enum):
    """A management server, by what it was when the play began."""

    ACTIVE = "the active"
    STANDBY = "the standby"


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to the daemon."""

    who: Who


@dataclass(frozen=True, slots=True)
class Freeze:
    """SIGSTOP to the daemon; the supervisor's watchdog does the rest."""

    who: Who


@dataclass(frozen=True, slots=True)
class StopUnit:
    """`systemctl stop`; the play does not wait for it."""

    who: Who


@dataclass(frozen=True, slots=True)
class StartUnit:
    """`systemctl start`."""

    who: Who


@dataclass(frozen=True, slots=True)
class Panic:
    """The kernel is dead, the power is on."""

    who: Who


@dataclass(frozen=True, slots=True)
class PowerOff:
    """Somebody pulls the plug."""

    who: Who


@dataclass(frozen=True, slots=True)
class PowerOn:
    who: Who


@dataclass(frozen=True, slots=True)
class CutLans:
    """Directions of a management server's connections are lost, with the carrier there."""

    who: Who
    lans: tuple[Lan, ...] = tuple(Lan)
    ways: tuple[Way, ...] = tuple(Way)


@dataclass(frozen=True, slots=True)
class Part:
    """What the two say to each other is lost; everybody else hears both."""

    lans: tuple[Lan, ...] = tuple(Lan)


@dataclass(frozen=True, slots=True)
class Mend:
    """Every cut."""


@dataclass(frozen=True, slots=True)
class SilenceBmc:
    who: Who


@dataclass(frozen=True, slots=True)
class SlowBmc:
    """Commands have their effect so late."""

    who: Who
    effect_s: float


@dataclass(frozen=True, slots=True)
class LyingBmc:
    """Commands are accepted and have no effect."""

    who: Who


@dataclass(frozen=True, slots=True)
class SilencePdus:
    """Those of the management servers."""


@dataclass(frozen=True, slots=True)
class Resets:
    """Every managed server of an even number is asked for by its neighbour."""


@dataclass(frozen=True, slots=True)
class Command:
    """An operator's command; `{peer}` in it is the other's host name."""

    who: Who
    words: tuple[str, ...]
    status: int | None = 0
    """How it must end; None: in any way."""
    again_for_s: float = 0.0
    """For so long it is given again, each second, until it ends as it must."""


@dataclass(frozen=True, slots=True)
class SecondProcess:
    """The daemon is started by hand beside the one that runs."""

    who: Who
    own_state: bool
    """With a HACONN_VAR of its own, so that its lock is another."""


@dataclass(frozen=True, slots=True)
class LoseEpoch:
    """The files of HACONN_VAR are gone, as after a new disk."""

    who: Who


@dataclass(frozen=True, slots=True)
class FillDisk:
    """No byte more goes to HACONN_VAR and HACONN_LOG."""

    who: Who


@dataclass(frozen=True, slots=True)
class Replay:
    """All that the server has ever sent on the duplex LAN to its peer is sent again."""

    who: Who


Deed: TypeAlias = (
    Kill | Freeze | StopUnit | StartUnit | Panic | PowerOff | PowerOn | CutLans | Part | Mend
    | SilenceBmc | SlowBmc | LyingBmc | SilencePdus | Resets | Command | SecondProcess
    | LoseEpoch | FillDisk | Replay
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class At:
    """A deed and its time, in seconds from when the pair had settled."""

    s: float
    deed: Deed


@dataclass(frozen=True, slots=True)
class Serves:
    """It answers at the virtual address at the latest so long after the last deed."""

    who: Who
    within_s: float


@dataclass(frozen=True, slots=True)
class Stays:
    """Nobody but it has the address, from the last deed until so long after."""

    who: Who
    for_s: float


@dataclass(frozen=True, slots=True)
class NobodyServes:
    """From so long after the last deed, and until so much later, nobody answers."""

    after_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Alarms:
    """It shows an alarm with these words at the latest so long after the last deed."""

    who: Who
    words: str
    within_s: float


@dataclass(frozen=True, slots=True)
class LostPower:
    """In the end of the play its power was off at least once, or never."""

    who: Who
    lost: bool


Expectation: TypeAlias = Serves | Stays | NobodyServes | Alarms | LostPower


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A play: what is done, and what is to come of it before all is healed."""

    name: str
    deeds: tuple[At, ...]
    expects: tuple[Expectation, ...]
    managed: int = 2
    feeds: int = 2
    """How many outlets feed each management server."""
