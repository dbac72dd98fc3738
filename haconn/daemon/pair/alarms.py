"""What an operator should know of the pair, said when it begins and when it is over.

Looked at twice a second. What is said here moves nothing: roles are haconn/core/role.py's.

Whatever changes has to last a second before it is said, so that nothing is said of what comes and
goes; but the silence of the peer has lasted already. While the peer is not heard, what it would
have to say itself stays as it was. One word ends several conditions (`ENDS`), and so is said when
the last of them is over.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import trio

from haconn.core import peer_power, redundancy
from haconn.core.actions import Remark
from haconn.core.beat import Beat, Path, Standing
from haconn.core.gate import InStep
from haconn.core.model import Instant
from haconn.core.pair import is_alone
from haconn.core.pair_state import Pair
from haconn.core.pair_times import TIMES
from haconn.core.redundancy import Outlook
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
SETTLES_S = 1.0
AT_ONCE = frozenset({"pair-lost", "pair-waits"})
"""Conditions that have lasted when they are found."""
BY_ITS_OWN_WORD = frozenset(
    {"pair-path-lost", "pair-unsynchronised", "pair-drift", "pair-other-service"}
)
"""Conditions of a peer that is heard: nothing is known of them while it is not."""
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
        return self.message, self.path

    @property
    def path(self) -> str:
        """Which path it is about, if it is about one."""
        return dict(self.values).get("path", "")

    @property
    def end(self) -> tuple[str, str]:
        """What ends it, and all others that end so."""
        return ENDS[self.message], self.path


class Watchman:
    """Looks, and says what has changed."""

    def __init__(
        self,
        peer: str,
        pair: Pair,
        membership: Membership,
        say: Callable[[Remark], None],
        degraded: Callable[[bool], None],
        paths: Iterable[Path] = tuple(Path),
    ) -> None:
        """`paths` are those that the configuration has."""
        self._configured = frozenset(paths)
        self._peer = peer
        self._pair = pair
        self._membership = membership
        self._say = say
        self._degraded = degraded
        self._standing: dict[tuple[str, str], Condition] = {}
        """What was said, by what it is about."""
        self._changing: dict[tuple[str, str], tuple[Condition | None, Instant]] = {}
        """What is otherwise than was said, and since when."""

    async def serve(self) -> None:
        """Look; for ever."""
        while True:
            self.look(Instant(trio.current_time()))
            await trio.sleep(LOOK_S)

    def look(self, now: Instant) -> None:
        """Compare what is wrong now with what was said."""
        found = {one.about: one for one in self._conditions(now)}
        if not self._is_heard(now):
            unknown = (one for one in self._standing.values() if one.message in BY_ITS_OWN_WORD)
            found |= {one.about: one for one in unknown}
        before, self._standing = self._standing, self._settled(found, now)
        still = {one.end for one in self._standing.values()}
        over = {one.end: one for about, one in before.items() if about not in self._standing}
        for end, one in over.items():
            if end not in still:
                self._say(Remark(end[0], one.values))
        for about, one in self._standing.items():
            if before.get(about) != one:
                self._say(Remark(one.message, one.values))
        self._degraded(bool(self.degraded(now)))

    def _settled(
        self, found: dict[tuple[str, str], Condition], now: Instant
    ) -> dict[tuple[str, str], Condition]:
        """Give what is to stand: what was said, but for what has been otherwise for a while."""
        standing, changing = dict(self._standing), self._changing
        self._changing = {}
        for about in {**standing, **found}:
            wanted = found.get(about)
            if wanted == standing.get(about):
                continue
            last, since = changing.get(about, (wanted, now))
            since = since if last == wanted else now
            if now - since < SETTLES_S and (wanted is None or wanted.message not in AT_ONCE):
                self._changing[about] = wanted, since
            elif wanted is None:
                del standing[about]
            else:
                standing[about] = wanted
        return standing

    def degraded(self, now: Instant) -> tuple[str, ...]:
        """Why no standby could take over now, a line each; none if one could."""
        return redundancy.reasons(self._pair, self._outlook(), now)

    def _outlook(self) -> Outlook:
        membership, log = self._membership, self._membership.log
        in_step = log is not None and isinstance(log.gate.standing, InStep)
        beat = membership.heard_of.beat
        return Outlook(self._peer, self._configured, in_step, membership.standing, beat)

    def _is_heard(self, now: Instant) -> bool:
        return redundancy.is_heard(self._pair, now)

    def _conditions(self, now: Instant) -> list[Condition]:
        pair, heard = self._pair, self._is_heard(now)
        found: list[Condition] = []
        # a process that begins anew is heard before it is trusted
        if pair.record is None and pair.hearing.alone_for(now) >= TIMES.dead_s and not heard:
            found.append(self._condition("pair-lost"))
        found += self._paths(now) if heard else []
        hindrance = peer_power.hindrance(pair.power)
        if hindrance is not None and now - pair.hearing.began >= TIMES.boot_wait_s:
            found.append(self._condition("pair-unfenceable", reason=hindrance))
        if is_alone(pair, now) and pair.record is None:  # with the record it needs nobody's word
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
            for path in redundancy.lost_paths(self._pair, self._outlook(), now)
            if now - self._pair.hearing.began >= TIMES.dead_s
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
