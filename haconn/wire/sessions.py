"""Sessions and challenges of the server's end: who may be believed to speak now.

Rule 1. Only a nonce of ours that came back makes a session; no clock is trusted.
Rule 2. A session is never trusted twice: a nonce is good for one, and a seq below that
        of the HELLO which echoed it is refused for ever.
Rule 3. One system, one session. The newer one ends the older one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from haconn.core.model import SystemKey
from haconn.wire.frame import SEQ_MAX, Frame
from haconn.wire.keyring import Held
from haconn.wire.keys import Key
from haconn.wire.payloads import NONCE_SIZE

Address: TypeAlias = tuple[str, int]
WINDOW = 64
CHALLENGE_LIFE_S = 2.0
ASKS_MAX = 16
"""Asks of one session that are remembered: three in a row, whose answers may be late."""
OWN_NONCES_MAX = 8
"""Nonces of asks outside a session that are remembered, of one key."""
_ALL_SEEN = (1 << WINDOW) - 1


class Window:
    """The 64 newest seqs of one direction of one session, as a bit map.

    Everything up to the beginning counts as seen: what a session said before we (or the
    management server that was restarted) trusted it may be a recording.
    """

    __slots__ = ("_bits", "_top")

    def __init__(self, top: int) -> None:
        self._top = top
        self._bits = _ALL_SEEN

    def accept(self, seq: int, *, in_order: bool = False) -> bool:
        """Take a seq once. `in_order` refuses all that are not greater than every one taken:
        a datagram that was held back on the way comes too late then, however wide the window.
        """
        if seq > self._top:
            self._bits = (self._bits << min(seq - self._top, WINDOW) | 1) & _ALL_SEEN
            self._top = seq
            return True
        age = self._top - seq
        if in_order or age >= WINDOW or self._bits >> age & 1:
            return False
        self._bits |= 1 << age
        return True


@dataclass(slots=True)
class Session:
    """What the server's end keeps of one trusted session."""

    id: bytes
    held: Held
    boot_id: str
    nonces: tuple[bytes, bytes]
    """Client's and server's: a HELLO with both is a repetition."""
    source: Address
    """Where its HELLO or its last REGISTER came from."""
    begun_at: float
    given_at: float
    """When the nonce that it answers was given out: what it says proves life then."""
    window: Window
    said: int = 0
    """Our last seq in it."""
    uuid: str | None = None
    """Of the machine, as HELLO or the last REGISTER told it."""
    asks: dict[bytes, float] = field(default_factory=dict)
    """The ids of the latest RESULTs that only ask for an ACK, and when each left."""

    @property
    def key(self) -> Key:
        return self.held.key

    def owns(self, frame: Frame) -> bool:
        """Whether a frame with a right tag belongs to this session."""
        return frame.session == self.id and frame.key_id == self.held.key.key_id

    def remember_ask(self, ask_id: bytes, now: float) -> None:
        """Note a RESULT that asks whether the client lives; the oldest is forgotten."""
        while len(self.asks) >= ASKS_MAX:
            del self.asks[next(iter(self.asks))]
        self.asks[ask_id] = now

    def next_seq(self) -> int:
        assert self.said < SEQ_MAX
        self.said += 1
        return self.said


Sessions: TypeAlias = dict[SystemKey, Session]
"""At most one of each system, so their number is bounded by that of the keys."""


class Challenges:
    """The nonces that we wait for, at most one for each key id, and a few more of asks.

    While one is pending every HELLO of its key gets the same, so that a replayed HELLO
    cannot take the place of the handshake that runs. The nonce of an ask stands beside it: its
    answer has to show that the client lived when the ask left, so it must not be an older one.
    """

    __slots__ = ("_nonce", "_own", "_pending")

    def __init__(self, nonce: Callable[[int], bytes]) -> None:
        self._nonce = nonce
        self._pending: dict[int, tuple[bytes, float]] = {}
        self._own: dict[int, dict[bytes, float]] = {}

    def nonce_for(self, key_id: int, now: float) -> bytes:
        """The pending nonce of a key, or a new one if none is pending any more."""
        nonce, until = self._pending.get(key_id, (b"", now))
        if now >= until:
            nonce = self._nonce(NONCE_SIZE)
            self._pending[key_id] = (nonce, now + CHALLENGE_LIFE_S)
        return nonce

    def own(self, key_id: int, now: float) -> bytes:
        """Give a nonce that no datagram had before; the oldest such of this key is forgotten."""
        own = self._own.setdefault(key_id, {})
        while len(own) >= OWN_NONCES_MAX:
            del own[next(iter(own))]
        nonce = self._nonce(NONCE_SIZE)
        own[nonce] = now
        return nonce

    def is_pending(self, key_id: int, nonce: bytes, now: float) -> bool:
        """Whether this nonce is waited for."""
        pending, until = self._pending.get(key_id, (b"", now))
        asked_at = self._own.get(key_id, {}).get(nonce)
        own = asked_at is not None and now < asked_at + CHALLENGE_LIFE_S
        return own or (now < until and nonce == pending)

    def redeem(self, key_id: int, nonce: bytes, now: float) -> float | None:
        """Spend the nonce and give when it was given out; None if it is not waited for."""
        if not self.is_pending(key_id, nonce, now):
            return None
        asked_at = self._own.get(key_id, {}).pop(nonce, None)
        if asked_at is not None:
            return asked_at
        _, until = self._pending[key_id]
        del self._pending[key_id]
        return until - CHALLENGE_LIFE_S

    def forget(self, key_id: int) -> None:
        """The key was retired."""
        self._pending.pop(key_id, None)
        self._own.pop(key_id, None)


class StopNotices:
    """Which boots of a system have said that they stopped; the newest sixteen of each.

    Only the first notice of a boot dates the evidence, and anybody can repeat one.
    """

    __slots__ = ("_boots",)
    REMEMBERED = 16

    def __init__(self) -> None:
        self._boots: dict[SystemKey, tuple[str, ...]] = {}

    def first(self, system: SystemKey, boot_id: str) -> bool:
        """Whether this boot had not said so before; it has now."""
        boots = self._boots.get(system, ())
        if boot_id in boots:
            return False
        self._boots[system] = (*boots, boot_id)[-self.REMEMBERED :]
        return True

    def forget(self, system: SystemKey) -> None:
        """The system has no key any more."""
        self._boots.pop(system, None)
