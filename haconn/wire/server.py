"""The daemon's end of the reset path, one for all systems: datagrams <-> events.

Pure: no socket, no clock (`now` is seconds on the monotonic clock), no source of randomness.

Rule 1. The checks stand in this order: size, source, magic, key, tag, type (gate.py), session
        (handshake.py), seq, the key's bucket, payload, authorisation (hearing.py). Each one
        that fails is counted by its reason.
Rule 2. A stranger gets silence, and outside a session nobody gets more bytes than he sent.
Rule 3. Whatever arrives, `receive` raises nothing.

Sessions are not kept over a restart: a datagram in an unknown session is answered with a
CHALLENGE, and one round trip later its sender is in session again.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from haconn.core.model import SystemKey
from haconn.wire.admission import Admission, Limits, Share
from haconn.wire.codes import IN_ORDER, Doubt, Proof, Status, Type, Verdict
from haconn.wire.events import Checked, Drop, Heard, Registered, SessionBegun, Spoke, StopNotice
from haconn.wire.fields import encode_boot
from haconn.wire.frame import Frame, WireError
from haconn.wire.gate import DroppedError, Gate, drop, under_ticket
from haconn.wire.handshake import Handshakes
from haconn.wire.hearing import Said, acknowledged, hear, speaker
from haconn.wire.keyring import Held, KeyRing
from haconn.wire.keys import Key
from haconn.wire.payloads import (
    NONCE_SIZE,
    NOTICES_MAX,
    BootOnly,
    CheckAnswer,
    Checkup,
    Notice,
    Notify,
    Result,
)
from haconn.wire.sessions import Address, Session, StopNotices
from haconn.wire.voice import Voice

ASKED = "do you live?"
"""The reason in a RESULT that asks: for whoever reads a trace."""


class ServerEnd:
    """Hears every client and seals what the daemon says.

    Methods that seal give None, or nothing, while the system has no session: it can be told
    when it has one again (`challenge` asks for that).
    """

    def __init__(
        self,
        keys: Iterable[Key],
        nonce: Callable[[int], bytes],
        *,
        epoch: int = 0,
        limits: Limits | None = None,
    ) -> None:
        """`nonce` gives so many bytes from a cryptographic source. Raises BadKeyError."""
        self.dropped: Counter[Drop] = Counter()
        self._nonce = nonce
        self._ring = KeyRing(keys)
        self._admission = Admission(limits or Limits())
        self._voice = Voice(epoch)
        self._handshakes = Handshakes(nonce, self._admission, self._voice)
        self._gate = Gate(self._ring, self._admission, self._handshakes.proves)
        self._stop_notices = StopNotices()

    def add(self, key: Key) -> None:
        """Take a key in, at once. Raises BadKeyError if its place is taken."""
        self._ring.add(key)

    def retire(self, key_id: int) -> None:
        """Forget a key and end its session, at once. An unknown one is no error."""
        held = self._ring.retire(key_id)
        if held is None:
            return
        self._handshakes.retire(held)
        self._admission.forget(key_id)
        self._gate.know(self._handshakes.homes())
        if not self._ring.of(held.key.system):
            self._stop_notices.forget(held.key.system)

    def in_session(self, system: SystemKey) -> bool:
        """Whether anything can be said to this system now."""
        return system in self._handshakes.sessions

    def receive(self, datagram: bytes, source: Address, now: float) -> Heard:
        """Hear one datagram."""
        try:
            heard = self._hear(datagram, source, now)
        except DroppedError as dropped:
            self.dropped[dropped.reason] += 1
            return Heard(ask=dropped.ask)
        if isinstance(heard.event, SessionBegun | Registered):
            self._gate.know(self._handshakes.homes())
        return heard

    def ack(self, event: Spoke, status: Status = Status.DONE) -> bytes | None:
        """Acknowledge, or refuse, what Registered or ResetRequested told."""
        return self._say(event.key, *acknowledged(event.by, status))

    def check_reply(self, checked: Checked, checkups: Iterable[Checkup]) -> bytes | None:
        """Answer a CHECK: every named target in its order, unknown if no checkup is about it."""
        known = {one.target: one for one in checkups if one.target in checked.targets}
        answer = tuple(
            known.get(target, Checkup(target, Doubt.UNKNOWN, None)) for target in checked.named
        )
        return self._say(checked.key, Type.CHECK, CheckAnswer(checked.token, answer).encode())

    def result(
        self,
        key: SystemKey,
        request_id: bytes,
        target: SystemKey,
        outcome: Verdict,
        evidence: Proof,
        evidence_age_s: float | None,
        reason: str = "",
    ) -> bytes | None:
        """Tell a requester the outcome; each repetition is sealed anew."""
        told = Result(request_id, target, outcome, evidence, evidence_age_s, reason)
        return self._say(key, Type.RESULT, told.encode())

    def notify(self, key: SystemKey, notices: Iterable[Notice]) -> tuple[bytes, ...]:
        """Tell a system of others, in as many datagrams as it takes."""
        rest, said = tuple(notices), []
        while rest:
            part = Notify(rest[:NOTICES_MAX]).encode()
            said.append(self._say(key, Type.NOTIFY, part))
            rest = rest[NOTICES_MAX:]
        return tuple(datagram for datagram in said if datagram is not None)

    def ask(self, key: SystemKey, now: float) -> tuple[bytes, ...]:
        """Ask a system whether it lives.

        In a session by a RESULT (FAIL, no evidence) under an id that it does not know and has to
        acknowledge; else by a CHALLENGE with a nonce of its own, for each generation of its key.
        """
        session = self._handshakes.sessions.get(key)
        if session is None:
            return tuple(self._handshakes.ask(held, now) for held in self._ring.of(key))
        ask_id = self._nonce(NONCE_SIZE)
        session.remember_ask(ask_id, now)
        asked = Result(ask_id, key, Verdict.FAIL, Proof.NONE, None, ASKED)
        return (self._voice.inside(session, Type.RESULT, asked.encode()),)

    def challenge(self, key: SystemKey, now: float) -> tuple[bytes, ...]:
        """Ask for a handshake unasked: one datagram for each generation of the system's key."""
        return tuple(self._handshakes.challenge(held, now) for held in self._ring.of(key))

    def _hear(self, datagram: bytes, source: Address, now: float) -> Heard:
        held, frame = self._gate.open(datagram, source, now)
        if under_ticket(frame):
            return self._ticket(held, frame, source, now)
        if frame.type == Type.HELLO:
            return self._handshakes.hello(held, frame, source, now)
        session = self._handshakes.sessions.get(held.key.system)
        if session is None or not session.owns(frame):
            return self._handshakes.challenged(held, frame, now)
        if not session.window.accept(frame.seq, in_order=frame.type in IN_ORDER):
            drop(Drop.WINDOW)
        if not self._admission.key(held.key.key_id, Share.SESSION, now):
            drop(Drop.KEY_RATE)
        event, answer = self._read(session, frame, source)
        said = (self._voice.inside(session, *answer),) if answer else ()
        return Heard(said, event)

    def _read(self, session: Session, frame: Frame, source: Address) -> Said:
        try:
            said = hear(self._ring, session, frame, source)
        except WireError:
            self.dropped[Drop.PAYLOAD] += 1
            by = speaker(session, frame, source)
            refusal = acknowledged(by, Status.MALFORMED)
            return Said(Spoke(by), None if frame.type == Type.ACK else refusal)
        event = said.event
        if isinstance(event, Registered):
            session.source = source
        if isinstance(event, StopNotice):
            first = self._stop_notices.first(event.key, event.boot_id)
            return Said(StopNotice(event.key, event.boot_id, first, source), said.answer)
        return said

    def _ticket(self, held: Held, frame: Frame, source: Address, now: float) -> Heard:
        """A dying kernel's DUMP_NOTIFY: no session, no window, no answer."""
        if not self._admission.key(held.key.key_id, Share.OUTSIDE, now):
            drop(Drop.KEY_RATE)
        try:
            boot_id = BootOnly.parse(frame.payload).boot_id
        except WireError:
            drop(Drop.PAYLOAD)
        if encode_boot(boot_id) != frame.session:
            drop(Drop.PAYLOAD)
        system = held.key.system
        session = self._handshakes.sessions.get(system)
        if session is not None and session.boot_id != boot_id:
            drop(Drop.BOOT)
        first = self._stop_notices.first(system, boot_id)
        return Heard((), StopNotice(system, boot_id, first, source))

    def _say(self, key: SystemKey, kind: Type, payload: bytes) -> bytes | None:
        session = self._handshakes.sessions.get(key)
        return None if session is None else self._voice.inside(session, kind, payload)
