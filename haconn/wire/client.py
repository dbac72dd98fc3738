"""A client's end of the reset path: a monitor, without its sockets.

Pure: no socket, no clock, no source of randomness. The shell calls `due(now)` whenever
`next_due()` has come and after each call that asks for something, `receive` for each datagram,
and sends what they give.
"""

from collections.abc import Callable, Iterable

from haconn.core.model import SystemKey
from haconn.wire.asks import CHECK_LIFE_S, Ask, Asks
from haconn.wire.client_events import (
    CheckAnswered,
    CheckUnanswered,
    ClientEvent,
    FarewellAcknowledged,
    NoticeHeard,
    RegisterAnswered,
    RequestAcknowledged,
    ResultHeard,
    SessionRefused,
    SessionUp,
    Told,
)
from haconn.wire.client_link import Link
from haconn.wire.codes import Status, Type
from haconn.wire.fields import encode_boot, encode_uuid
from haconn.wire.frame import Frame, WireError
from haconn.wire.keys import Key
from haconn.wire.payloads import (
    NO_NONCE,
    NONCE_SIZE,
    Ack,
    BootOnly,
    Check,
    CheckAnswer,
    Notify,
    Register,
    ResetRequest,
    Result,
)

_TOKEN_SIZE = 8


class ClientEnd:
    """One monitor, in one boot. Begins with a handshake; call `due` at once."""

    def __init__(
        self,
        key: Key,
        boot_id: str,
        nonce: Callable[[int], bytes],
        now: float,
        *,
        register: bool = True,
        uuid: str | None = None,
    ) -> None:
        """`nonce` gives so many bytes from a cryptographic source. Raises WireError if the boot
        id or the UUID is none. Without `register` the system is registered implicitly, by its
        session. `uuid` is the machine's, as product_uuid prints it.
        """
        self._boot = encode_boot(boot_id)
        encode_uuid(uuid)
        self._uuid = uuid
        self._key = key
        self._boot_id = boot_id
        self._nonce = nonce
        self._register = register
        self._link = Link(key, boot_id, nonce, uuid)
        self._asks = Asks()
        self._serials: dict[SystemKey, int] = {}
        self._link.begin(now)

    @property
    def in_session(self) -> bool:
        return self._link.in_session

    def check(self, targets: Iterable[SystemKey], now: float) -> int:
        """Ask whether these could be reset; the token comes back in the event."""
        reference = self._nonce(_TOKEN_SIZE)
        token = int.from_bytes(reference, "big")
        payload = Check(token, tuple(targets)).encode()
        self._asks.add(Ask(Type.CHECK, reference, payload, now, now + CHECK_LIFE_S))
        return token

    def request_reset(self, target: SystemKey, now: float) -> bytes:
        """Ask for a reset until there is a result; gives the request id."""
        request_id = self._nonce(NONCE_SIZE)
        payload = ResetRequest(request_id, target).encode()
        self._asks.add(Ask(Type.RESET_REQ, request_id, payload, now))
        return request_id

    def give_up(self, request_id: bytes, now: float) -> None:
        """Ask no longer, and begin a new session: what is still on the way is void with it."""
        if self._asks.remove(Type.RESET_REQ, request_id) is not None:
            self._link.begin(now)

    def dump_notify(self, now: float) -> None:
        """Say in the session that the kernel stopped."""
        self._farewell(Type.DUMP_NOTIFY, now)

    def bye(self, now: float) -> None:
        """Say that the monitor stops in order."""
        self._register = False
        self._asks.remove(Type.REGISTER, self._boot)
        self._farewell(Type.BYE, now)

    def next_due(self) -> float | None:
        """When `due` has something to do; None: only an event of the shell can change that."""
        asked = self._asks.next_due(can_say=self._link.in_session)
        hello = self._link.next_due()
        earliest = asked if hello is None else min(hello, asked)
        return None if earliest == Ask.EVER else earliest

    def due(self, now: float) -> Told:
        """Say what is due now."""
        over = self._asks.expire(now)
        events = tuple(CheckUnanswered(int.from_bytes(ask.reference, "big")) for ask in over)
        return Told(self._link.due(now) + self._say_due(now), events)

    def receive(self, datagram: bytes, now: float) -> Told:
        """Hear one datagram; what is not from the server, or not new, is nothing."""
        try:
            opened = self._link.open(datagram, now)
        except WireError:
            return Told()
        if opened.refused is not None:
            return Told((), (SessionRefused(opened.refused),))
        if opened.up:
            self._renew(now)
        said = Told() if opened.frame is None else self._hear(opened.frame, now)
        up: tuple[ClientEvent, ...] = (SessionUp(self._link.epoch),) if opened.up else ()
        due = self._link.due(now) + (self._say_due(now) if opened.up else ())
        return Told(said.datagrams + due, up + said.events)

    def _renew(self, now: float) -> None:
        if self._register:
            key = self._key
            names = key.server, key.vm
            payload = Register(self._boot_id, key.number, key.port, *names, self._uuid)
            self._asks.add(Ask(Type.REGISTER, self._boot, payload.encode(), now))
        self._asks.renew(now)

    def _say_due(self, now: float) -> tuple[bytes, ...]:
        if not self._link.in_session:
            return ()
        return tuple(self._link.seal(ask.type, ask.payload) for ask in self._asks.due(now))

    def _farewell(self, kind: Type, now: float) -> None:
        self._asks.add(Ask(kind, self._boot, BootOnly(self._boot_id).encode(), now))

    def _hear(self, frame: Frame, now: float) -> Told:
        try:
            return self._read(frame, now)
        except WireError:
            return Told()

    def _read(self, frame: Frame, now: float) -> Told:
        match frame.type:
            case Type.ACK:
                return Told((), self._acknowledged(Ack.parse(frame.payload), now))
            case Type.CHECK:
                return Told((), self._checked(CheckAnswer.parse(frame.payload)))
            case Type.RESULT:
                return self._result(frame.seq, Result.parse(frame.payload))
            case Type.NOTIFY:
                return self._notified(frame.seq, Notify.parse(frame.payload))
            case _:
                return Told()

    def _acknowledged(self, ack: Ack, now: float) -> tuple[ClientEvent, ...]:
        if ack.type == Type.RESET_REQ:
            news = self._asks.acknowledge(Type.RESET_REQ, ack.reference, now)
            return (RequestAcknowledged(ack.reference),) if news else ()
        if ack.type not in {Type.REGISTER, Type.DUMP_NOTIFY, Type.BYE}:
            return ()
        kind = Type(ack.type)
        if self._asks.remove(kind, ack.reference) is None:
            return ()
        if kind is Type.REGISTER:
            return (RegisterAnswered(ack.status),)
        return (FarewellAcknowledged(kind, ack.status),)

    def _checked(self, answer: CheckAnswer) -> tuple[ClientEvent, ...]:
        reference = answer.token.to_bytes(_TOKEN_SIZE, "big")
        asked = self._asks.remove(Type.CHECK, reference)
        return () if asked is None else (CheckAnswered(answer.token, answer.checkups),)

    def _result(self, seq: int, result: Result) -> Told:
        ack = Ack(Type.RESULT, Status.DONE, seq, result.request_id).encode()
        said = (self._link.seal(Type.ACK, ack),)
        asked = self._asks.get(Type.RESET_REQ, result.request_id)
        if asked is None or ResetRequest.parse(asked.payload).target != result.target:
            return Told(said)
        self._asks.remove(Type.RESET_REQ, result.request_id)
        return Told(said, (ResultHeard(result),))

    def _notified(self, seq: int, notify: Notify) -> Told:
        refs = tuple(one.ref for one in notify.notices)
        ack = Ack(Type.NOTIFY, Status.DONE, seq, NO_NONCE, refs).encode()
        news = [one for one in notify.notices if self._serials.get(one.system) != one.serial]
        self._serials |= {one.system: one.serial for one in news}
        return Told((self._link.seal(Type.ACK, ack),), tuple(map(NoticeHeard, news)))
