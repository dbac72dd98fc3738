"""Why no standby could take over now, or not for certain: the one list of reasons.

CHECK's answers say `redundancy degraded` while there is any (R-431), and `haconnshow status` shows
them, so that neither knows of something that the other does not.
"""

from dataclasses import dataclass

from haconn.core import peer_power
from haconn.core.beat import Beat, Path, Standing
from haconn.core.model import Instant
from haconn.core.pair_state import Pair


@dataclass(frozen=True, slots=True)
class Outlook:
    """What of this server and its peer the reasons rest on, beside the state of the pair."""

    peer: str
    """Its host name."""
    paths: frozenset[Path]
    """Those that the configuration has."""
    in_step: bool
    """The standby has everything that the active has."""
    ours: Standing
    beat: Beat | None
    """The last of the peer's trusted session."""


def is_heard(pair: Pair, now: Instant) -> bool:
    """Whether the peer's trusted session has spoken lately."""
    hearing = pair.hearing
    return hearing.trusted is not None and hearing.silent_for(now) < pair.settings.times.dead_s


def lost_paths(pair: Pair, outlook: Outlook, now: Instant) -> tuple[Path, ...]:
    """The paths of the configuration that do not bring the peer's words."""
    times, hearing = pair.settings.times, pair.hearing
    return tuple(
        path for path in Path if path in outlook.paths and not hearing.hears(path, now, times)
    )


def reasons(pair: Pair, outlook: Outlook, now: Instant) -> tuple[str, ...]:
    """Give every reason, a line each; none if all is as it should be."""
    return (
        *_of_its_words(pair, outlook, now),
        *_of_our_means(pair, outlook.peer),
    )


def _of_its_words(pair: Pair, outlook: Outlook, now: Instant) -> list[str]:
    """What a peer that is heard says, or that it is not heard."""
    if pair.record is not None:
        return [f"{outlook.peer} has stopped in order"]
    if not is_heard(pair, now):
        return [f"{outlook.peer} is not heard"]
    found = [] if outlook.in_step else ["it is not synchronised"]
    found += [
        f"{path.value}: {outlook.peer} is not heard there"
        for path in lost_paths(pair, outlook, now)
    ]
    if outlook.beat is None:
        return found
    deaf = outlook.paths - set(lost_paths(pair, outlook, now)) - outlook.beat.hearing
    found += [
        f"{path.value}: {outlook.peer} does not hear us there" for path in Path if path in deaf
    ]
    return found + _of_its_standing(pair, outlook, outlook.beat.standing)


def _of_its_standing(pair: Pair, outlook: Outlook, theirs: Standing) -> list[str]:
    found: list[str] = []
    if theirs.service != outlook.ours.service:
        found.append("it serves another address or port")
    elif theirs.configuration != outlook.ours.configuration:
        found.append("its settings differ")
    ours = pair.seen.keys
    lacks = sorted(ours - pair.seen.peer_keys) if pair.seen.peer_keys else []
    found += [
        f"generation {number} of the key of the pair is here only:"
        f" haconnsetup key import peer on {outlook.peer}, or key retire peer {number} here"
        for number in lacks
    ]
    found += [
        f"generation {number} of the key of the pair is on {outlook.peer} only:"
        f" haconnsetup key import peer here, or key retire peer {number} there"
        for number in pair.seen.lacking
    ]
    if not theirs.peer_fenceable:
        return [*found, "it could not prove this server off"]
    if theirs.peer_bmc is False:
        found.append("the BMC of this server does not answer it")
    if theirs.peer_outlets is False:
        found.append("not all PDUs that feed this server answer it")
    return found


def _of_our_means(pair: Pair, peer: str) -> list[str]:
    """Whether we could prove the peer off, by each of our means."""
    hindrance = peer_power.hindrance(pair.power)
    if hindrance is not None:
        return [f"this server could not prove {peer} off: {hindrance}"]
    found: list[str] = []
    if peer_power.bmc_reached(pair.power) is False:
        found.append(f"the BMC of {peer} does not answer this server")
    if peer_power.outlets_reached(pair.power) is False:
        found.append(f"not all PDUs that feed {peer} answer this server")
    return found
