"""Who sends wrong tags: how many of them are looked at before their source is called loud.

A tag costs some microseconds and anybody can send a wrong one. What is limited is wrong tags
only, so that a peer which speaks from an address that we do not know yet is heard however much it
says. An address where the peer is known to be is never limited: a source address is easily
written on a datagram, and a server that stops listening to its peer because somebody else was
loud in its name would take it for dead.
"""

from collections import OrderedDict
from dataclasses import dataclass

from haconn.wire.admission import Bucket, Limits

LOUD_S = 1.0
"""How long nothing of a loud source is looked at."""


@dataclass(slots=True)
class _Source:
    bucket: Bucket
    loud_until: float


class WrongTags:
    """Bounded by `limits.sources_max`; the many that are forgotten share one more bucket."""

    __slots__ = ("_homes", "_limits", "_sources", "_together")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._homes: frozenset[str] = frozenset()
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._together: _Source | None = None

    def spare(self, homes: frozenset[str]) -> None:
        """Say at which addresses the peer is."""
        self._homes = homes

    def loud(self, host: str, now: float) -> bool:
        """Whether a datagram from there is not to be looked at."""
        if host in self._homes:
            return False
        known = self._sources.get(host), self._together
        return any(source is not None and now < source.loud_until for source in known)

    def count(self, host: str, now: float) -> None:
        """One more wrong tag from there."""
        if host in self._homes:
            return
        source = self._sources.pop(host, None) or _Source(Bucket(self._limits.stranger, now), now)
        self._sources[host] = source
        if len(self._sources) > self._limits.sources_max:
            self._sources.popitem(last=False)
        if self._together is None:
            self._together = _Source(Bucket(self._limits.strangers, now), now)
        for one in (source, self._together):
            if not one.bucket.take(now):
                one.loud_until = now + LOUD_S

    def remembered(self) -> int:
        """How many sources are in memory."""
        return len(self._sources)
