"""What an operator should know of the pair, said when it begins and when it is over.

Looked at twice a second. What is said here moves nothing: roles are haconn/core/role.py's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import trio

from haconn.core import peer_power
from haconn.core.actions import Remark
from haconn.core.beat import Beat, PairRole, Path, Standing
from haconn.core.gate import InStep
from haconn.core.model import Instant
from haconn.core.pair_state import Pair
from haconn.core.pair_times import TIMES
from haconn.core.world import remark
from haconn.daemon.pair.membership import Membership

LOOK_S = 0.5
ENDS = {
    "pair-lost": "pair-heard",
    "pair-path-lost": "pair-path-back",
    "pair-unfenceable": "pair-fenceable",
    "pair-unsynchronised": "pair-synchronised",
    "pair-drift": "pair-same",
    "pair-other-service": "pair-same",
    "pair-waits": "pair-heard",
}
"""What is said when a condition is over."""
OF_THE_PEER = frozenset(
    {"pair-path-lost", "pair-unsynchronised", "pair-drift", "pair-other-service"}
)
"""What only a peer that is heard can end."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now."""

    message: str
    values: tuple[tuple[str, str], ...]

    @property
    def about(self) -> tuple[str, str]:
        """What makes it the same condition, whatever its reason is by now."""
        return self.message, dict(self.values).get("path", "")


class Watchman:
    """Looks, and says what has changed."""

    def __init__(
        self,
        peer: str,
        pair: Pair,
        membership: Membership,
        say: Callable[[Remark], None],
        degraded: Callable[[bool], None],
    ) -> None:
        self._peer = peer
        self._pair = pair
        self._membership = membership
        self._say = say
        self._degraded = degraded
        self._standing: dict[tuple[str, str], Condition] = {}

    async def serve(self) -> None:
        """Look; for ever."""
        while True:
            self.look(Instant(trio.current_time()))
            await trio.sleep(LOOK_S)

    def look(self, now: Instant) -> None:
        """Compare what is wrong now with what was."""
        found = {one.about: one for one in self._conditions(now)}
        if not self._is_heard(now):  # of a silent peer nothing is known to be over
            found |= {
                about: one for about, one in self._standing.items() if one.message in OF_THE_PEER
            }
        for about, one in found.items():
            if self._standing.get(about) != one:
                self._say(Remark(one.message, one.values))
        for about, one in self._standing.items():
            if about not in found and one.message in ENDS:
                self._say(Remark(ENDS[one.message], one.values))
        self._standing = found
        self._degraded(bool(self.degraded(now)))

    def degraded(self, now: Instant) -> tuple[str, ...]:
        """Why no standby could take over now, a line each; none if one could."""
        log, beat = self._membership.log, self._membership.heard_of.beat
        reasons = [
            (not self._is_heard(now), f"{self._peer} is not heard"),
            (log is None or not isinstance(log.gate.standing, InStep), "it is not synchronised"),
            (beat is not None and drifts(self._membership.standing, beat), "its settings differ"),
            (
                beat is not None and not beat.standing.peer_fenceable,
                "it could not prove this server off",
            ),
        ]
        return tuple(text for wrong, text in reasons if wrong)

    def _is_heard(self, now: Instant) -> bool:
        hearing = self._pair.hearing
        return hearing.trusted is not None and hearing.silent_for(now) < TIMES.dead_s

    def _conditions(self, now: Instant) -> list[Condition]:
        pair, heard = self._pair, self._is_heard(now)
        found: list[Condition] = []
        if pair.record is None and now - pair.hearing.began >= TIMES.dead_s and not heard:
            found.append(self._condition("pair-lost"))
        found += self._paths(now) if heard else []
        hindrance = peer_power.hindrance(pair.power)
        if hindrance is not None and now - pair.hearing.began >= TIMES.boot_wait_s:
            found.append(self._condition("pair-unfenceable", reason=hindrance))
        if pair.member.role is PairRole.JOIN and pair.hearing.alone_for(now) > TIMES.boot_wait_s:
            found.append(self._condition("pair-waits"))
        log = self._membership.log
        if heard and log is not None and not isinstance(log.gate.standing, InStep):
            found.append(self._condition("pair-unsynchronised"))
        beat = self._membership.heard_of.beat
        if heard and beat is not None:
            found += self._differences(beat)
        return found

    def _paths(self, now: Instant) -> list[Condition]:
        return [
            self._condition("pair-path-lost", path=path.value)
            for path in Path
            if not self._pair.hearing.hears(path, now, TIMES)
            and now - self._pair.hearing.began >= TIMES.dead_s
        ]

    def _differences(self, beat: Beat) -> list[Condition]:
        mine, theirs = self._membership.standing, beat.standing
        if theirs.service != mine.service:
            return [self._condition("pair-other-service")]
        return [self._condition("pair-drift")] if drifts(mine, beat) else []

    def _condition(self, message: str, **values: str) -> Condition:
        made: Mapping[str, str] = {"server": self._peer, **values}
        return Condition(message, remark(message, **made).values)


def drifts(mine: Standing, beat: Beat) -> bool:
    """Whether the peer runs with other settings."""
    return beat.standing.configuration != mine.configuration
