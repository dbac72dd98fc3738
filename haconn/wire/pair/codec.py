"""What the pair says, as frames: PairDatagram <-> Frame (docs/pair-protocol.md 3 and 4).

Rule 1. Bytes that are no message of this protocol are a WireError, and so is a message that
        does not fit; nothing else comes out of this file.
Rule 2. What core or the daemon would stumble over is stopped here: a clock that is no number, a
        session that is nobody's, an address that would have to be looked up in a name service.
Rule 3. A receiver ignores flags, paths and bytes at the end that it does not know; a role or a
        type that it does not know it refuses.
"""

import math
import struct
from collections.abc import Callable
from enum import IntEnum, IntFlag
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address
from typing import Final, assert_never

from haconn.core.beat import (
    INTENT_BODY_MAX,
    NOBODY,
    Beat,
    Claim,
    Echo,
    Intent,
    IntentHeard,
    PairDatagram,
    PairMessage,
    PairRole,
    PairSession,
    Path,
    Release,
    Replica,
    Standing,
    Stopped,
    StoppedHeard,
)
from haconn.wire.fields import Reader, encode_text, pack
from haconn.wire.frame import Frame, WireError


class PairType(IntEnum):
    """What a datagram of the pair is; 16 to 31 are the pair's in the numbers of all types."""

    BEAT = 16
    RELEASE = 17
    STOPPED = 18
    STOPPED_HEARD = 19
    INTENT = 20
    INTENT_HEARD = 21


class BeatFlag(IntFlag):
    """The yes and no of a beat."""

    CANDIDATE = 1
    SYNCHRONISED = 2
    PEER_FENCEABLE = 4
    STOPPING = 8
    PROBE = 16
    RESTARTING = 32


class DeviceFlag(IntFlag):
    """What the sender of a beat reaches of the receiver's devices."""

    BMC_KNOWN = 1
    BMC = 2
    OUTLETS_KNOWN = 4
    OUTLETS = 8


ROLE_CODES: Final = {PairRole.JOIN: 1, PairRole.STANDBY: 2, PairRole.ACTIVE: 3}
PATH_BITS: Final = {Path.DUPLEX: 1, Path.MANAGEMENT: 2, Path.RESET: 4}
_ROLES: Final = {code: role for role, code in ROLE_CODES.items()}
# eight sets at most, so each is made once
_HEARING: Final = tuple(
    frozenset(path for path, bit in PATH_BITS.items() if bit & bits) for bits in range(8)
)
_EVERY_PATH: Final = 7

_BEAT = struct.Struct(">BBBBI16s16sQ16sQQ8s8s16sHd")
GENERATIONS_MAX: Final = 255
_GENERATIONS = struct.Struct(">H")
_INTENT = struct.Struct(">QHHdH")
_INTENT_HEARD = struct.Struct(">16sQ")


def encode(datagram: PairDatagram, generation: int) -> Frame:
    """Give the frame of a datagram under this generation of the key. Raises WireError."""
    kind, payload = _encode_message(datagram)
    _require_envelope(kind, datagram.session, datagram.seq)
    return Frame(kind, generation, 0, datagram.session, datagram.seq, datagram.epoch, payload)


def decode(frame: Frame) -> PairDatagram:
    """Read a frame whose tag is right. Raises WireError."""
    parse = _PARSERS.get(frame.type)
    if parse is None:
        raise WireError("no type of the pair")
    session = PairSession(frame.session)
    _require_envelope(frame.type, session, frame.seq)
    return PairDatagram(session, frame.seq, frame.epoch, parse(frame))


def _require_envelope(kind: int, session: PairSession, seq: int) -> None:
    if session == NOBODY:
        raise WireError("a session is never zero")
    if (seq == 0) != (kind == PairType.RELEASE):
        raise WireError("RELEASE has seq 0, and it alone")


def _encode_message(datagram: PairDatagram) -> tuple[PairType, bytes]:
    message: PairMessage = datagram.message
    match message:
        case Beat():
            return PairType.BEAT, _encode_beat(message)
        case Release():
            if message.session != datagram.session:
                raise WireError("a RELEASE goes in the name of the released session")
            return PairType.RELEASE, b""
        case Stopped():
            return PairType.STOPPED, b""
        case StoppedHeard():
            return PairType.STOPPED_HEARD, b""
        case Intent():
            return PairType.INTENT, _encode_intent(message)
        case IntentHeard():
            return PairType.INTENT_HEARD, pack(
                _INTENT_HEARD, _sized(message.log, 16), message.applied
            )
        case _:
            assert_never(message)


def _encode_beat(beat: Beat) -> bytes:
    claim, standing, replica = beat.claim, beat.standing, beat.replica
    fixed = pack(
        _BEAT,
        ROLE_CODES[claim.role],
        _flags(beat),
        sum(PATH_BITS[path] for path in beat.hearing),
        0,
        claim.epoch,
        _sized(claim.following, 16),
        _sized(beat.echo.session, 16),
        beat.echo.seq,
        _sized(replica.log, 16),
        replica.announced,
        replica.applied,
        _sized(standing.configuration, 8),
        _sized(standing.service, 8),
        _sized(standing.machine, 16),
        standing.bmcs_reached,
        _finite(beat.clock),
    )
    addresses = _address_text(standing.management) + _address_text(standing.reset)
    return fixed + addresses + _generations(standing.generations) + bytes((_devices(standing),))


def _generations(numbers: tuple[int, ...]) -> bytes:
    if list(numbers) != sorted({*numbers}) or not all(1 <= n <= GENERATIONS_MAX for n in numbers):
        raise WireError("generations of the key ascend from 1 to 255")
    return pack(_GENERATIONS, len(numbers)) + bytes(numbers)


def _devices(standing: Standing) -> int:
    bmc, outlets = standing.peer_bmc, standing.peer_outlets
    return (
        DeviceFlag.BMC_KNOWN.value * (bmc is not None)
        | DeviceFlag.BMC.value * (bmc is True)
        | DeviceFlag.OUTLETS_KNOWN.value * (outlets is not None)
        | DeviceFlag.OUTLETS.value * (outlets is True)
    )


def _flags(beat: Beat) -> int:
    return (
        BeatFlag.CANDIDATE.value * beat.claim.candidate
        | BeatFlag.SYNCHRONISED.value * beat.replica.synchronised
        | BeatFlag.PEER_FENCEABLE.value * beat.standing.peer_fenceable
        | BeatFlag.STOPPING.value * beat.standing.stopping
        | BeatFlag.PROBE.value * beat.probe
        | BeatFlag.RESTARTING.value * beat.standing.restarting
    )


def _parse_beat(frame: Frame) -> Beat:
    reader = Reader(frame.payload)
    role, flags, paths, _, epoch, following, heard, heard_seq, log, announced, applied, *rest = (
        _BEAT.unpack(reader.raw(_BEAT.size))
    )
    configuration, service, machine, reached, clock = rest
    if role not in _ROLES:
        raise WireError("no such role")
    addresses = _address(reader.text()), _address(reader.text())
    generations, devices = _parse_newer(reader)
    return Beat(
        claim=Claim(_ROLES[role], epoch, following, bool(flags & BeatFlag.CANDIDATE.value)),
        echo=Echo(heard, heard_seq),
        replica=Replica(log, announced, applied, bool(flags & BeatFlag.SYNCHRONISED.value)),
        standing=Standing(
            configuration=configuration,
            service=service,
            machine=machine,
            bmcs_reached=reached,
            peer_fenceable=bool(flags & BeatFlag.PEER_FENCEABLE.value),
            stopping=bool(flags & BeatFlag.STOPPING.value),
            restarting=bool(flags & BeatFlag.RESTARTING.value),
            management=addresses[0],
            reset=addresses[1],
            generations=generations,
            peer_bmc=_known(devices, DeviceFlag.BMC_KNOWN, DeviceFlag.BMC),
            peer_outlets=_known(devices, DeviceFlag.OUTLETS_KNOWN, DeviceFlag.OUTLETS),
        ),
        hearing=_HEARING[paths & _EVERY_PATH],
        clock=_finite(clock),
        probe=bool(flags & BeatFlag.PROBE.value),
    )


def _parse_newer(reader: Reader) -> tuple[tuple[int, ...], int]:
    """Read what an older version does not say: then nothing is known."""
    if reader.at_end:
        return (), 0
    (count,) = reader.take(_GENERATIONS)
    numbers = tuple(sorted({*reader.raw(count)} - {0}))
    return numbers, reader.raw(1)[0]


def _known(flags: int, known: DeviceFlag, good: DeviceFlag) -> bool | None:
    return bool(flags & good.value) if flags & known.value else None


def _encode_intent(intent: Intent) -> bytes:
    _require_part(intent.index, intent.part, intent.parts, len(intent.body))
    head = (intent.index, intent.part, intent.parts, _finite(intent.clock), len(intent.body))
    return pack(_INTENT, *head) + intent.body


def _parse_intent(frame: Frame) -> Intent:
    reader = Reader(frame.payload)
    index, part, parts, clock, size = _INTENT.unpack(reader.raw(_INTENT.size))
    _require_part(index, part, parts, size)
    return Intent(index, part, parts, reader.raw(size), _finite(clock))


def _require_part(index: int, part: int, parts: int, size: int) -> None:
    if index < 1 or not 0 <= part < parts or size > INTENT_BODY_MAX:
        raise WireError("an INTENT counts from 1, is one of its parts, and is not too long")


def _parse_intent_heard(frame: Frame) -> IntentHeard:
    reader = Reader(frame.payload)
    log, applied = _INTENT_HEARD.unpack(reader.raw(_INTENT_HEARD.size))
    return IntentHeard(log, applied)


_PARSERS: Final[dict[int, Callable[[Frame], PairMessage]]] = {
    PairType.BEAT: _parse_beat,
    PairType.RELEASE: lambda frame: Release(PairSession(frame.session)),
    PairType.STOPPED: lambda _: Stopped(),
    PairType.STOPPED_HEARD: lambda _: StoppedHeard(),
    PairType.INTENT: _parse_intent,
    PairType.INTENT_HEARD: _parse_intent_heard,
}


def _sized(raw: bytes, size: int) -> bytes:
    """Pass bytes of a fixed length through: struct would cut or fill them in silence."""
    if len(raw) != size:
        raise WireError(f"a field of {size} bytes has {len(raw)}")
    return raw


def _finite(clock: float) -> float:
    if not math.isfinite(clock):
        raise WireError("a clock is a finite number")
    return clock


@lru_cache(maxsize=64)
def _address_text(address: str) -> bytes:
    return encode_text(_address(address))


@lru_cache(maxsize=64)
def _address(text: str) -> str:
    """Pass an IPv4 address or nothing through. Raises WireError.

    It becomes a destination, and a name there would wait for a name service.
    """
    if text:
        try:
            IPv4Address(text)
        except AddressValueError as error:
            raise WireError("an address is an IPv4 address, or empty") from error
    return text
