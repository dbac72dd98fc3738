"""What one datagram of a trusted session means: the payload, and whether its key may say it.

The tag, the session and the seq are right by now, so every refusal is told to the client: it is
a mistake of somebody who holds the key, and silence would only make it harder to find.
"""

from dataclasses import replace
from typing import NamedTuple

from haconn.wire.codes import Proof, Status, Type, Verdict
from haconn.wire.events import (
    Bye,
    Checked,
    Event,
    NoticeAcknowledged,
    Registered,
    ResetRefused,
    ResetRequested,
    ResultAcknowledged,
    Speaker,
    Spoke,
    StopNotice,
)
from haconn.wire.fields import encode_boot
from haconn.wire.frame import Frame
from haconn.wire.keyring import KeyRing
from haconn.wire.payloads import (
    NO_NONCE,
    Ack,
    BootOnly,
    Check,
    Register,
    ResetRequest,
    Result,
)
from haconn.wire.sessions import Address, Session


class Said(NamedTuple):
    """An event, and the answer that needs no decision of the daemon."""

    event: Event
    answer: tuple[Type, bytes] | None = None


def hear(ring: KeyRing, session: Session, frame: Frame, source: Address) -> Said:
    """Read a datagram of this session. Raises WireError if its payload cannot be read."""
    match frame.type:
        case Type.REGISTER:
            return _register(session, frame, source)
        case Type.CHECK:
            return _check(ring, session, frame, source)
        case Type.RESET_REQ:
            return _reset_request(ring, session, frame, source)
        case Type.ACK:
            return _acknowledgement(session, frame, source)
        case _:  # DUMP_NOTIFY and BYE; a HELLO does not come here, the rest not through the gate
            return _farewell(session, frame, source)


def speaker(
    session: Session, frame: Frame, source: Address, reference: bytes = NO_NONCE
) -> Speaker:
    """Who said it."""
    return Speaker(
        session.key.system,
        session.boot_id,
        session.begun_at,
        source,
        frame.type,
        frame.seq,
        reference,
        session.given_at,
        uuid=session.uuid,
    )


def acknowledged(by: Speaker, status: Status) -> tuple[Type, bytes]:
    """An ACK of what was said."""
    return Type.ACK, Ack(by.type, status, by.seq, by.reference).encode()


def _register(session: Session, frame: Frame, source: Address) -> Said:
    asked = Register.parse(frame.payload)
    key = session.key
    by = speaker(session, frame, source, encode_boot(asked.boot_id))
    if asked.boot_id != session.boot_id:
        return Said(Spoke(by), acknowledged(by, Status.BOOT))
    bound = Register(session.boot_id, key.number, key.port, key.server, key.vm, asked.uuid)
    if asked != bound:
        return Said(Spoke(by), acknowledged(by, Status.BINDING))
    session.uuid = asked.uuid or session.uuid
    return Said(Registered(replace(by, uuid=session.uuid), asked.port))


def _check(ring: KeyRing, session: Session, frame: Frame, source: Address) -> Said:
    asked = Check.parse(frame.payload)
    targets = tuple(target for target in asked.targets if ring.knows(session.key, target))
    return Said(Checked(speaker(session, frame, source), asked.token, asked.targets, targets))


def _reset_request(ring: KeyRing, session: Session, frame: Frame, source: Address) -> Said:
    asked = ResetRequest.parse(frame.payload)
    by = speaker(session, frame, source, asked.request_id)
    objection = ring.objection(session.key, asked.target)
    if objection is None:
        return Said(ResetRequested(by, asked.request_id, asked.target))
    error = Result(asked.request_id, asked.target, Verdict.ERROR, Proof.NONE, None, objection)
    refused = ResetRefused(by, asked.request_id, asked.target, objection)
    return Said(refused, (Type.RESULT, error.encode()))


def _acknowledgement(session: Session, frame: Frame, source: Address) -> Said:
    ack = Ack.parse(frame.payload)
    by = speaker(session, frame, source)
    asked_at = session.asks.get(ack.reference) if ack.type == Type.RESULT else None
    if asked_at is not None:
        return Said(Spoke(replace(by, answers_at=max(asked_at, by.answers_at))))
    if ack.status is Status.DONE and ack.type == Type.RESULT:
        return Said(ResultAcknowledged(by, ack.reference))
    if ack.status is Status.DONE and ack.type == Type.NOTIFY:
        return Said(NoticeAcknowledged(by, ack.notices))
    return Said(Spoke(by))


def _farewell(session: Session, frame: Frame, source: Address) -> Said:
    boot_id = BootOnly.parse(frame.payload).boot_id
    by = speaker(session, frame, source, encode_boot(boot_id))
    if boot_id != session.boot_id:
        return Said(Spoke(by), acknowledged(by, Status.BOOT))
    answer = acknowledged(by, Status.DONE)
    if frame.type == Type.BYE:
        return Said(Bye(by), answer)
    return Said(StopNotice(session.key.system, boot_id, first=True, source=source), answer)
