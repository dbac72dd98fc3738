"""One end of the pair's datagrams: bytes <-> PairDatagram, under the key of the pair.

Rule 1. Nothing but the header is looked at before the tag is right.
Rule 2. A right tag says who wrote a datagram and not when: sessions and order are judged by the
        core. So nothing here moves by a right tag but the generation that we speak in.

Which generation of the key to seal with, when there are two: the greatest that the peer was
heard with lately, and the oldest that we have as long as it was not heard. While one server has
g and g + 1 and the other only g, both speak g. When the first gives g up it speaks g + 1, the
other hears that with its next beat and follows. An older generation is gone back to only when
nothing of the newer one came for GENERATION_S, so that a recording does not bring it back.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from haconn.core.beat import PairDatagram
from haconn.wire.admission import Limits
from haconn.wire.events import Drop
from haconn.wire.frame import SIZE_MAX, SIZE_MIN, Frame, WireError, parse, seal, verified
from haconn.wire.pair.codec import PairType, decode, encode
from haconn.wire.pair.keys import PairKey, WorkingKeys, by_generation, working_keys
from haconn.wire.pair.wrong_tags import WrongTags

GENERATION_S = 2.0
"""Longer than the silence after which a peer is called dead."""
_TYPES = frozenset(PairType)


@dataclass(slots=True)
class _Spoken:
    """The generation that we seal with."""

    generation: int
    heard_at: float
    """When the peer was last heard with it."""


class PairEnd:
    """Seals what we say and opens what arrives."""

    __slots__ = ("_keys", "_names", "_spoken", "_wrong", "dropped")

    def __init__(
        self, keys: Sequence[PairKey], me: str, peer: str, limits: Limits | None = None
    ) -> None:
        """`keys` are all generations that we have, and the names are those of the shared list.

        Raises BadKeyError for names or generations that make no pair.
        """
        self._names = me, peer
        self._wrong = WrongTags(limits or Limits())
        self._keys = self._derived(keys)
        self._spoken = _Spoken(min(self._keys), -math.inf)
        self.dropped: Counter[Drop] = Counter()
        """What was not accepted, by reason."""

    @property
    def generation(self) -> int:
        """With which generation `seal` seals."""
        return self._spoken.generation

    def rekey(self, keys: Sequence[PairKey]) -> None:
        """Take another set of generations, as after `key new peer`. Raises BadKeyError."""
        self._keys = self._derived(keys)
        if self.generation not in self._keys:
            self._spoken = _Spoken(min(self._keys), -math.inf)

    def know(self, homes: Iterable[str]) -> None:
        """Say at which addresses the peer is: configured ones, and those of trusted beats.

        From there nothing is limited. An address is no home because a right tag came from it:
        that may have been a recording.
        """
        self._wrong.spare(frozenset(homes))

    def seal(self, datagram: PairDatagram) -> bytes:
        """Raises WireError for a message that does not fit."""
        return self._seal(datagram, self.generation)

    def seal_under_each(self, datagram: PairDatagram) -> tuple[bytes, ...]:
        """Seal under every generation that we have, for a program that has heard nobody.

        Raises WireError.
        """
        return tuple(self._seal(datagram, generation) for generation in self._keys)

    def open(self, data: bytes, source: str, now: float) -> PairDatagram | Drop:
        """Check size, source, magic, key, tag, type and payload, in this order.

        `source` is the address that the datagram came from, `now` the monotonic clock.
        """
        opened = self._open(data, source, now)
        if isinstance(opened, Drop):
            self.dropped[opened] += 1
        return opened

    def _open(self, data: bytes, source: str, now: float) -> PairDatagram | Drop:
        frame = self._admitted(data, source, now)
        if isinstance(frame, Drop):
            return frame
        if not verified(self._keys[frame.key_id].peers, data):
            self._wrong.count(source, now)
            return Drop.TAG
        self._hear(frame.key_id, now)
        if frame.type not in _TYPES:
            return Drop.TYPE
        try:
            return decode(frame)
        except WireError:
            return Drop.PAYLOAD

    def _admitted(self, data: bytes, source: str, now: float) -> Frame | Drop:
        if not SIZE_MIN <= len(data) <= SIZE_MAX:
            return Drop.SIZE
        if self._wrong.loud(source, now):
            return Drop.SOURCE_RATE
        try:
            frame = parse(data)
        except WireError:
            return Drop.MAGIC
        if frame.key_id not in self._keys or frame.sender != 0:
            return Drop.KEY
        return frame

    def _hear(self, generation: int, now: float) -> None:
        spoken = self._spoken
        if generation >= spoken.generation or now - spoken.heard_at >= GENERATION_S:
            spoken.generation, spoken.heard_at = generation, now

    def _seal(self, datagram: PairDatagram, generation: int) -> bytes:
        return seal(self._keys[generation].mine, encode(datagram, generation))

    def _derived(self, keys: Sequence[PairKey]) -> dict[int, WorkingKeys]:
        return {
            generation: working_keys(key, *self._names)
            for generation, key in by_generation(keys).items()
        }
