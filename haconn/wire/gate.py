"""The checks up to the tag, and the way out for whatever fails one."""

from collections.abc import Callable, Iterable
from typing import NoReturn

from haconn.core.model import SystemKey
from haconn.wire.admission import Admission
from haconn.wire.codes import FROM_CLIENT, Type
from haconn.wire.events import Drop
from haconn.wire.frame import SIZE_MAX, SIZE_MIN, Frame, WireError, parse, verified
from haconn.wire.keyring import Held, KeyRing
from haconn.wire.keys import dump_ticket
from haconn.wire.sessions import Address


class DroppedError(Exception):
    """A check failed: nothing is answered. Never leaves `ServerEnd.receive`."""

    def __init__(self, reason: Drop, ask: SystemKey | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.ask = ask
        """Whom to ask for a handshake, at its registered place."""


def drop(reason: Drop) -> NoReturn:
    """Leave, with the reason for the counters."""
    raise DroppedError(reason)


class Gate:
    """From bytes to a frame of a key that we hold. Raises DroppedError for all else."""

    __slots__ = ("_admission", "_homes", "_proves", "_ring")

    def __init__(
        self, ring: KeyRing, admission: Admission, proves: Callable[[Frame, float], bool]
    ) -> None:
        """`proves` says of a frame whether it holds a nonce that only its client was told."""
        self._ring = ring
        self._admission = admission
        self._proves = proves
        self._homes: frozenset[str] = frozenset()

    def know(self, homes: Iterable[str]) -> None:
        """Say which source addresses are no strangers: those where a session lives.

        A right tag alone makes no friend: it may have been recorded.
        """
        self._homes = frozenset(homes)

    def open(self, datagram: bytes, source: Address, now: float) -> tuple[Held, Frame]:
        """Check size, source, magic, key, tag and type, in this order."""
        if not SIZE_MIN <= len(datagram) <= SIZE_MAX:
            drop(Drop.SIZE)
        known = source[0] in self._homes or self._admission.stranger(source[0], now)
        try:
            frame = parse(datagram)
        except WireError:
            drop(Drop.MAGIC if known else Drop.SOURCE_RATE)
        if not known and not self._proves(frame, now):
            drop(Drop.SOURCE_RATE)
        held = self._ring.get(frame.key_id)
        if held is None or frame.sender != held.key.id:
            drop(Drop.KEY)
        if not verified(_tag_key(held, frame), datagram):
            drop(Drop.TAG)
        if frame.type not in FROM_CLIENT:
            drop(Drop.TYPE)
        return held, frame


def under_ticket(frame: Frame) -> bool:
    """Whether a datagram claims to be a dying kernel's: its session field is the boot id."""
    return frame.type == Type.DUMP_NOTIFY and frame.seq == 0


def _tag_key(held: Held, frame: Frame) -> bytes:
    if under_ticket(frame):
        return dump_ticket(held.derived, frame.session)
    return held.derived.to_server
