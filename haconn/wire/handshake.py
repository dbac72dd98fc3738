"""How a session comes to be, on the server's end.

A HELLO that echoes the pending nonce of its key is fresh by definition, so it costs no token and
begins a session. Every other HELLO, and every datagram of a session that we do not know, may
be a recording: it costs a token of the key's outer bucket and is answered with a CHALLENGE
that is no larger than the question. When that bucket is spent the system is asked at its registered
place instead: what is told there reaches the client, whatever source addresses others write.
"""

from collections.abc import Callable

from haconn.wire.admission import Admission, Share
from haconn.wire.codes import Status, Type
from haconn.wire.events import Drop, Heard, SessionBegun, Spoke
from haconn.wire.fields import CLIENT_PAYLOAD_MIN
from haconn.wire.frame import NO_SESSION, Frame, WireError
from haconn.wire.gate import DroppedError, drop
from haconn.wire.hearing import acknowledged, speaker
from haconn.wire.keyring import Held
from haconn.wire.payloads import NO_NONCE, NONCE_SIZE, Ack, Challenge, Hello
from haconn.wire.sessions import Address, Challenges, Session, Sessions, Window
from haconn.wire.voice import Voice


class Handshakes:
    """Owner of every session and every pending challenge."""

    def __init__(self, nonce: Callable[[int], bytes], admission: Admission, voice: Voice) -> None:
        self.sessions: Sessions = {}
        self._challenges = Challenges(nonce)
        self._admission = admission
        self._voice = voice

    def homes(self) -> frozenset[str]:
        """The source addresses where a session lives."""
        return frozenset(session.source[0] for session in self.sessions.values())

    def proves(self, frame: Frame, now: float) -> bool:
        """Whether a HELLO echoes the pending nonce of the key that it names; no tag was tried."""
        nonce = frame.payload[NONCE_SIZE : 2 * NONCE_SIZE]
        pending = frame.type == Type.HELLO and self._challenges.is_pending(frame.key_id, nonce, now)
        return pending and self._admission.key(frame.key_id, Share.PROOF, now)

    def retire(self, held: Held) -> None:
        """Forget a key: its challenge, and its session if that is the one of its system."""
        self._challenges.forget(held.key.key_id)
        session = self.sessions.get(held.key.system)
        if session is not None and session.held is held:
            del self.sessions[held.key.system]

    def hello(self, held: Held, frame: Frame, source: Address, now: float) -> Heard:
        """Hear a HELLO with a right tag. Raises DroppedError."""
        try:
            hello = Hello.parse(frame.payload)
        except WireError:
            return self._unreadable(held, frame, now)
        if frame.seq == 0 or frame.session == NO_SESSION:
            drop(Drop.SESSION)
        session = self.sessions.get(held.key.system)
        if session is not None and session.owns(frame):
            return self._again(session, hello, frame, source, now)
        given_at = self._challenges.redeem(held.key.key_id, hello.server_nonce, now)
        if given_at is None:
            return self.challenged(held, frame, now, hello.client_nonce)
        if hello.port != held.key.port:
            return self._refused(held, frame, Status.BINDING, hello.client_nonce)
        return self._begin(held, hello, frame, source, now, given_at)

    def challenged(
        self, held: Held, frame: Frame, now: float, client_nonce: bytes = NO_NONCE
    ) -> Heard:
        """Answer what may be a recording. Raises DroppedError."""
        self._question(held, frame, now)
        return Heard((self.challenge(held, now, frame.session, client_nonce),))

    def challenge(
        self, held: Held, now: float, session: bytes = NO_SESSION, client_nonce: bytes = NO_NONCE
    ) -> bytes:
        """Seal a CHALLENGE with the pending nonce of the key."""
        nonce = self._challenges.nonce_for(held.key.key_id, now)
        payload = Challenge(nonce, client_nonce).encode()
        return self._voice.outside(held, Type.CHALLENGE, session, payload)

    def ask(self, held: Held, now: float) -> bytes:
        """Seal a CHALLENGE with a nonce of its own: its answer shows that the client lives now."""
        payload = Challenge(self._challenges.own(held.key.key_id, now)).encode()
        return self._voice.outside(held, Type.CHALLENGE, NO_SESSION, payload)

    def _question(self, held: Held, frame: Frame, now: float) -> None:
        """Let a datagram be answered outside a session, or drop it."""
        if len(frame.payload) < CLIENT_PAYLOAD_MIN:
            drop(Drop.SESSION)
        if not self._admission.key(held.key.key_id, Share.OUTSIDE, now):
            asks = self._admission.key(held.key.key_id, Share.ASK, now)
            raise DroppedError(Drop.KEY_RATE, ask=held.key.system if asks else None)

    def _unreadable(self, held: Held, frame: Frame, now: float) -> Heard:
        self._question(held, frame, now)
        return self._refused(held, frame, Status.MALFORMED, NO_NONCE)

    def _refused(self, held: Held, frame: Frame, status: Status, reference: bytes) -> Heard:
        payload = Ack(Type.HELLO, status, frame.seq, reference).encode()
        return Heard((self._voice.outside(held, Type.ACK, frame.session, payload),))

    def _again(
        self, session: Session, hello: Hello, frame: Frame, source: Address, now: float
    ) -> Heard:
        """The ACK was lost: the same nonces with a new seq. Anything else is a mistake."""
        if not session.window.accept(frame.seq):
            drop(Drop.WINDOW)
        if not self._admission.key(session.key.key_id, Share.SESSION, now):
            drop(Drop.KEY_RATE)
        same_nonces = (hello.client_nonce, hello.server_nonce) == session.nonces
        if not same_nonces or hello.boot_id != session.boot_id:
            drop(Drop.SESSION)
        by = speaker(session, frame, source, hello.client_nonce)
        return Heard((self._voice.inside(session, *acknowledged(by, Status.DONE)),), Spoke(by))

    def _begin(
        self,
        held: Held,
        hello: Hello,
        frame: Frame,
        source: Address,
        now: float,
        given_at: float,
    ) -> Heard:
        session = Session(
            id=frame.session,
            held=held,
            boot_id=hello.boot_id,
            nonces=(hello.client_nonce, hello.server_nonce),
            source=source,
            begun_at=now,
            given_at=given_at,
            window=Window(frame.seq),
            uuid=hello.uuid,
        )
        self.sessions[held.key.system] = session
        by = speaker(session, frame, source, hello.client_nonce)
        answer = self._voice.inside(session, *acknowledged(by, Status.DONE))
        return Heard((answer,), SessionBegun(by, hello.port))
