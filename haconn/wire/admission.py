"""How much of whom is looked at: token buckets, before and after the tag.

Before the tag a source address can be anybody's: strangers have a small bucket each and one
together, and a source where a session lives is no stranger. After the tag a key has two buckets.
One is for what anybody could have recorded and sent again (HELLO, unknown sessions, dump
tickets); the other for what is new in its session, so that a flood of recordings cannot spend
it. A stranger's rate is less than half of a key's: one recorder alone cannot keep a key from
its handshake. Many written source addresses can spend all of that: then the key's system is asked
for a handshake at its registered place, at a small rate, and the HELLO that echoes what it was told
there has a bucket which a recording cannot spend.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Rate:
    """Datagrams."""

    per_s: float
    burst: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Measured: one datagram costs some 20 microseconds, so 2000 strangers/s are 4 % of a core."""

    stranger: Rate = Rate(20, 40)
    strangers: Rate = Rate(2000, 2000)
    outside: Rate = Rate(50, 100)
    session: Rate = Rate(100, 200)
    ask: Rate = Rate(0.5, 2)
    """A client heeds one unasked CHALLENGE a second."""
    proof: Rate = Rate(5, 10)
    sources_max: int = 1024
    """How many strangers are remembered, the latest ones."""


class Share(Enum):
    """What a key has a bucket for."""

    OUTSIDE = "what may have been recorded"
    SESSION = "what is new in its session"
    ASK = "a CHALLENGE to the registered place, while OUTSIDE is spent"
    PROOF = "a HELLO with the pending nonce, whose source address has spent its own"


class Bucket:
    """A token bucket; full at the beginning."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = rate.burst
        self._at = now

    def take(self, now: float) -> bool:
        """Spend a token, if there is one."""
        self._left = min(self._rate.burst, self._left + (now - self._at) * self._rate.per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Admission:
    """Every bucket of the server's end. Bounded: strangers by `sources_max`, the rest by keys."""

    __slots__ = ("_limits", "_of_keys", "_rates", "_strangers", "_together")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._strangers: OrderedDict[str, Bucket] = OrderedDict()
        self._together: Bucket | None = None
        self._of_keys: dict[tuple[int, Share], Bucket] = {}
        self._rates = {
            Share.OUTSIDE: limits.outside,
            Share.SESSION: limits.session,
            Share.ASK: limits.ask,
            Share.PROOF: limits.proof,
        }

    def stranger(self, host: str, now: float) -> bool:
        """Whether a datagram of an unknown source is looked at."""
        bucket = self._strangers.pop(host, None) or Bucket(self._limits.stranger, now)
        self._strangers[host] = bucket
        if len(self._strangers) > self._limits.sources_max:
            self._strangers.popitem(last=False)
        if self._together is None:
            self._together = Bucket(self._limits.strangers, now)
        return bucket.take(now) and self._together.take(now)

    def key(self, key_id: int, share: Share, now: float) -> bool:
        """Whether a key may have one more datagram of this kind."""
        place = (key_id, share)
        if place not in self._of_keys:
            self._of_keys[place] = Bucket(self._rates[share], now)
        return self._of_keys[place].take(now)

    def forget(self, key_id: int) -> None:
        """The key was retired."""
        for share in Share:
            self._of_keys.pop((key_id, share), None)

    def strangers_remembered(self) -> int:
        """How many buckets of strangers are in memory."""
        return len(self._strangers)
