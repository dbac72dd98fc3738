"""A client's session with the server: handshake, seqs, and what is to be believed.

Three states: greeting (a HELLO without the server's nonce is out), proving (with it), in session.
The old session serves on until the new one is acknowledged, so a recorded CHALLENGE costs a
handshake and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from haconn.wire.asks import BACKING_OFF, delay_s
from haconn.wire.codes import FROM_SERVER, Status, Type
from haconn.wire.frame import (
    NO_SESSION,
    SESSION_SIZE,
    Frame,
    WireError,
    parse,
    seal,
    verified,
)
from haconn.wire.keys import Key, derive
from haconn.wire.payloads import NO_NONCE, NONCE_SIZE, Ack, Challenge, Hello
from haconn.wire.sessions import Window

PROVING_S = 3.0
UNASKED_APART_S = 1.0
EPOCH_REMEMBERED_S = 10.0


@dataclass(slots=True)
class _Handshake:
    session: bytes
    client_nonce: bytes
    server_nonce: bytes
    next_at: float
    proving_until: float
    seq: int = 0
    tries: int = 0


@dataclass(slots=True)
class _Live:
    session: bytes
    seq: int
    window: Window


class Opened(NamedTuple):
    """What a datagram of the server turned out to be."""

    frame: Frame | None = None
    """A datagram of the session, to be read."""
    up: bool = False
    """A new session began with it."""
    refused: Status | None = None
    """Our HELLO was refused."""


class Link:
    """One client's session with the server, whichever of the pair it is."""

    def __init__(
        self, key: Key, boot_id: str, nonce: Callable[[int], bytes], uuid: str | None = None
    ) -> None:
        self._key = key
        self._derived = derive(key.master)
        self._boot_id = boot_id
        self._uuid = uuid
        self._nonce = nonce
        self._handshake: _Handshake | None = None
        self._live: _Live | None = None
        self._epoch = (0, -EPOCH_REMEMBERED_S)  # the greatest, and when it was heard last
        self._unasked_at = -UNASKED_APART_S

    @property
    def in_session(self) -> bool:
        return self._live is not None

    @property
    def epoch(self) -> int:
        """The greatest that was heard."""
        return self._epoch[0]

    def begin(self, now: float, server_nonce: bytes = NO_NONCE) -> None:
        """Make a new session, with a nonce of the server if it gave one."""
        session, client_nonce = self._nonce(SESSION_SIZE), self._nonce(NONCE_SIZE)
        self._handshake = _Handshake(session, client_nonce, server_nonce, now, now + PROVING_S)

    def next_due(self) -> float | None:
        """When a HELLO is due; None in session."""
        return None if self._handshake is None else self._handshake.next_at

    def due(self, now: float) -> tuple[bytes, ...]:
        """The HELLO that is due now, if any."""
        shake = self._handshake
        if shake is None or now < shake.next_at:
            return ()
        if shake.server_nonce != NO_NONCE and now >= shake.proving_until:
            self.begin(now)
            return self.due(now)
        shake.seq += 1
        shake.tries += 1
        shake.next_at = now + delay_s(BACKING_OFF, shake.tries)
        nonces = shake.client_nonce, shake.server_nonce
        hello = Hello(*nonces, self._boot_id, self._key.port, self._uuid)
        return (self._seal(Type.HELLO, shake.session, shake.seq, hello.encode()),)

    def seal(self, kind: Type, payload: bytes) -> bytes:
        """A datagram of the session; there must be one."""
        assert self._live is not None
        self._live.seq += 1
        return self._seal(kind, self._live.session, self._live.seq, payload)

    def open(self, datagram: bytes, now: float) -> Opened:
        """Verify a datagram and let it work on the handshake. Raises WireError for what is none."""
        frame = parse(datagram)
        if frame.key_id != self._key.key_id or frame.sender != 0:
            raise WireError("not for this key")
        if not verified(self._derived.to_client, datagram) or frame.type not in FROM_SERVER:
            raise WireError("tag or type")
        if frame.type == Type.CHALLENGE:
            self._challenged(frame, Challenge.parse(frame.payload), now)
            return Opened()
        if frame.seq == 0:
            return self._refusal(frame)
        return self._in_session(frame, now)

    def _in_session(self, frame: Frame, now: float) -> Opened:
        shake, live = self._handshake, self._live
        if shake is not None and frame.session == shake.session:
            live = self._live = _Live(shake.session, shake.seq, Window(0))
            self._handshake = None
        else:
            shake = None
        if live is None or frame.session != live.session or not live.window.accept(frame.seq):
            raise WireError("session or seq")
        if frame.epoch >= self._epoch[0]:
            self._epoch = (frame.epoch, now)
        return Opened(frame, up=shake is not None)

    def _refusal(self, frame: Frame) -> Opened:
        ack, shake = Ack.parse(frame.payload), self._handshake
        if shake is None or frame.session != shake.session or ack.type != Type.HELLO:
            raise WireError("an answer to nothing")
        return Opened(refused=ack.status)

    def _challenged(self, frame: Frame, challenge: Challenge, now: float) -> None:
        greatest, heard_at = self._epoch
        if frame.epoch < greatest and now < heard_at + EPOCH_REMEMBERED_S:
            return  # the management server that was active before; it does not know yet
        shake = self._handshake
        if shake is not None and frame.session == shake.session:
            if challenge.client_nonce == shake.client_nonce:
                _prove(shake, challenge.server_nonce, now)
            return
        mine = frame.session == NO_SESSION or (
            self._live is not None and frame.session == self._live.session
        )
        if mine and now >= self._unasked_at + UNASKED_APART_S:
            self._unasked(challenge.server_nonce, now)

    def _unasked(self, server_nonce: bytes, now: float) -> None:
        self._unasked_at = now
        if self._handshake is None:
            self.begin(now, server_nonce)
        elif self._handshake.server_nonce == NO_NONCE:
            _prove(self._handshake, server_nonce, now)

    def _seal(self, kind: Type, session: bytes, seq: int, payload: bytes) -> bytes:
        key = self._key
        frame = Frame(kind, key.key_id, key.id, session, seq, self.epoch, payload)
        return seal(self._derived.to_server, frame)


def _prove(shake: _Handshake, server_nonce: bytes, now: float) -> None:
    """Echo this nonce, from now on; a repeated CHALLENGE changes nothing."""
    if server_nonce == shake.server_nonce:
        return
    if shake.server_nonce == NO_NONCE:
        shake.proving_until = now + PROVING_S
    shake.server_nonce = server_nonce
    shake.tries = 0
    shake.next_at = now
