"""Sealing for the server's end: the only place that makes its datagrams."""

from haconn.wire.codes import Type
from haconn.wire.frame import Frame, seal
from haconn.wire.keyring import Held
from haconn.wire.sessions import Session


class Voice:
    """Seals under the key of a system and the epoch of this management server."""

    __slots__ = ("epoch",)

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def inside(self, session: Session, kind: Type, payload: bytes) -> bytes:
        """A datagram of a session, with its next seq."""
        return self._seal(session.held, kind, session.id, session.next_seq(), payload)

    def outside(self, held: Held, kind: Type, session: bytes, payload: bytes) -> bytes:
        """A datagram of no session, or of one that we do not trust: seq 0."""
        return self._seal(held, kind, session, 0, payload)

    def _seal(self, held: Held, kind: Type, session: bytes, seq: int, payload: bytes) -> bytes:
        frame = Frame(kind, held.key.key_id, 0, session, seq, self.epoch, payload)
        return seal(held.derived.to_client, frame)
