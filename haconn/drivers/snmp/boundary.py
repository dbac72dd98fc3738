"""The boundary to pysnmp: `build` gives the bytes of a request, `accept` recognises its answer.

Rule 1. Only the message codec of pysnmp is used; its dispatcher keeps re-sending a SET after it
        was cancelled and takes answers from anybody. Another codec needs these two functions.
Rule 2. `accept` gives a reply only for a response of the same version, community and request id;
        whatever else arrives is None, whatever is wrong with it. Whether the objects are the ones
        asked for is the caller's question, because a refusal need not repeat them.
Rule 3. SNMP allows the definite length and the primitive form only (RFC 3417, 8), as DER does, so
        pyasn1's DER decoder is the one to use. It still takes an INTEGER of no octets for 0, which
        means "off" on some PDUs; X.690 8.3.1 wants at least one octet, and so do we.

pyasn1 raises IndexError, TypeError and more on bad input: hence the one broad catch.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, TypeAlias

from pyasn1.codec.ber import encoder
from pyasn1.codec.der import decoder
from pyasn1.type import base, univ
from pysnmp.proto import rfc1902
from pysnmp.proto.api import v1, v2c

from haconn.config.pdu_model import Oid, Version
from haconn.core.model import Secret

API: dict[Version, Any] = {"1": v1, "2c": v2c}
VERSION_FIELD: dict[Version, int] = {"1": 0, "2c": 1}

ID_FIRST = 0x01000000
"""Request ids from here to 2**31 - 1 are all encoded in four octets, so that a kept request gets
a new id by putting four octets in place."""
ANY_ID = bytes.fromhex("01234567")
"""Stands for every id in a datagram to be decoded. Its octets differ: it cannot overlap itself."""
UPTIME: Oid = (1, 3, 6, 1, 2, 1, 1, 3, 0)
"""sysUpTime.0 of SNMPv2-MIB."""
_UPTIME_HEAD = bytes.fromhex("06082b0601020101030043")
"""How it stands in a binding: the object, and that TimeTicks follow."""
ANY_UPTIME = bytes.fromhex("0101010101")
MISSING = frozenset({"noSuchObject", "noSuchInstance", "endOfMibView", "NULL"})
TYPES = {
    univ.Integer.tagSet: "INTEGER",
    univ.OctetString.tagSet: "OCTET STRING",
    univ.ObjectIdentifier.tagSet: "OBJECT IDENTIFIER",
    univ.Null.tagSet: "NULL",
    rfc1902.IpAddress.tagSet: "IpAddress",
    rfc1902.Counter32.tagSet: "Counter32",
    rfc1902.Gauge32.tagSet: "Gauge32",  # and Unsigned32: one tag (RFC 2578, 7.1.11)
    rfc1902.TimeTicks.tagSet: "TimeTicks",
    rfc1902.Opaque.tagSet: "Opaque",
    rfc1902.Counter64.tagSet: "Counter64",
    v2c.NoSuchObject.tagSet: "noSuchObject",
    v2c.NoSuchInstance.tagSet: "noSuchInstance",
    v2c.EndOfMibView.tagSet: "endOfMibView",
}


class Kind(Enum):
    """What a request asks for."""

    GET = "get"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Value:
    """One value as it stood on the wire."""

    asn1_type: str
    number: int | None = None
    """Of the integer types."""
    octets: bytes = b""
    """Of an OCTET STRING."""

    @property
    def missing(self) -> bool:
        """Whether the agent has no such object."""
        return self.asn1_type in MISSING


Binding: TypeAlias = tuple[Oid, Value]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and what its answer must show."""

    version: Version
    community: Secret
    request_id: int
    oids: tuple[Oid, ...]
    wire: bytes = field(repr=False)  # the community stands in it


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the agent; error-status and error-index as in RFC 3416, 3."""

    status: int
    index: int
    bindings: tuple[Binding, ...]


def build(
    kind: Kind,
    version: Version,
    community: Secret,
    oids: tuple[Oid, ...],
    numbers: tuple[int, ...] | None = None,
) -> Request:
    """Make a request with a new random id.

    Args:
        numbers: the INTEGERs of a SET, one for each object; None for a GET.
    """
    request_id = ID_FIRST + secrets.randbelow(2**31 - ID_FIRST)
    before, after = _frame(kind, version, community, oids, numbers)
    wire = before + request_id.to_bytes(4, "big") + after
    return Request(version, community, request_id, oids, wire)


def accept(request: Request, datagram: bytes) -> Reply | None:
    """Read the answer to a request; None if the datagram is not it.

    Polls bring the same answers for months, but for the id and the uptime, and decoding one takes
    1 to 2 ms. So a datagram is decoded with ANY_ID in place of its id and ANY_UPTIME in place of
    its uptime, and that is kept. It is the same datagram for the decoder: each must stand in it
    once only, so that where it is read is the place where ours stood.
    """
    own_id = request.request_id.to_bytes(4, "big")
    before, found, after = datagram.partition(own_id)
    if not found:
        return None
    general = before + ANY_ID + after
    if general.count(ANY_ID) == 1:
        general, uptime = _without_uptime(general)
        reply = _decode_kept(request.version, request.community, general)
        reply = reply if reply is None or uptime is None else _with_uptime(reply, uptime)
        if reply is not None:
            return reply
    return _decode(request.version, request.community, own_id, datagram)


def _without_uptime(datagram: bytes) -> tuple[bytes, Value | None]:
    """Put ANY_UPTIME in the place of an uptime; None if there is none, or not just one."""
    before, head, after = datagram.partition(_UPTIME_HEAD)
    length = after[0] if after else 0
    octets = after[1 : 1 + length]
    ticks = int.from_bytes(octets, "big", signed=True)
    plain = 1 <= len(octets) == length <= len(ANY_UPTIME) and 0 <= ticks < 2**32
    if not plain or _UPTIME_HEAD in after:
        return datagram, None
    rest = after[:1] + ANY_UPTIME[:length] + after[1 + length :]
    return before + head + rest, Value("TimeTicks", number=ticks)


def _with_uptime(reply: Reply, uptime: Value) -> Reply | None:
    """Put the uptime back; None if it was read as something else."""
    if [oid for oid, value in reply.bindings].count(UPTIME) != 1:
        return None
    bindings = (
        (oid, uptime if oid == UPTIME and value.asn1_type == uptime.asn1_type else value)
        for oid, value in reply.bindings
    )
    return replace(reply, bindings=tuple(bindings))


@lru_cache(maxsize=1024)
def _frame(
    kind: Kind,
    version: Version,
    community: Secret,
    oids: tuple[Oid, ...],
    numbers: tuple[int, ...] | None,
) -> tuple[bytes, bytes]:
    """Give what stands before and after the request id. Polls repeat themselves: kept."""
    one, other = (
        _encode(kind, version, community, oids, numbers, request_id)
        for request_id in (0x01010101, 0x7E7E7E7E)  # different in each octet
    )
    place = next(i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    return one[:place], one[place + 4 :]


def _encode(
    kind: Kind,
    version: Version,
    community: Secret,
    oids: tuple[Oid, ...],
    numbers: tuple[int, ...] | None,
    request_id: int,
) -> bytes:
    api = API[version]
    pdu = api.SetRequestPDU() if kind is Kind.SET else api.GetRequestPDU()
    api.apiPDU.set_defaults(pdu)
    api.apiPDU.set_request_id(pdu, request_id)
    values = [api.null] * len(oids) if numbers is None else [api.Integer(n) for n in numbers]
    names = [rfc1902.ObjectName(oid) for oid in oids]
    api.apiPDU.set_varbinds(pdu, list(zip(names, values, strict=True)))
    message = api.Message()
    api.apiMessage.set_defaults(message)
    api.apiMessage.set_community(message, community.reveal().encode())
    api.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


def _decode(
    version: Version, community: Secret, request_id: bytes, datagram: bytes
) -> Reply | None:
    try:
        return _read(version, community, int.from_bytes(request_id, "big"), datagram)
    except Exception as error:
        if isinstance(error, MemoryError):
            raise
        return None


@lru_cache(maxsize=512)
def _decode_kept(version: Version, community: Secret, datagram: bytes) -> Reply | None:
    return _decode(version, community, ANY_ID, datagram)


def _read(version: Version, community: Secret, request_id: int, datagram: bytes) -> Reply | None:
    api = API[version]
    message, rest = decoder.decode(
        datagram, asn1Spec=api.Message(), tagMap=_TAG_MAP, typeMap=_TYPE_MAP
    )
    if rest or int(message[0]) != VERSION_FIELD[version]:
        return None
    if bytes(message[1]) != community.reveal().encode():
        return None
    pdu = api.apiMessage.get_pdu(message)
    if pdu.tagSet != api.GetResponsePDU.tagSet:
        return None
    if int(api.apiPDU.get_request_id(pdu)) != request_id:
        return None
    return Reply(
        status=int(pdu[1]),
        index=int(pdu[2]),  # its getter raises for one beyond the bindings, which may be left out
        bindings=tuple((tuple(oid), _value(value)) for oid, value in api.apiPDU.get_varbinds(pdu)),
    )


def _value(value: base.Asn1Type) -> Value:
    asn1_type = TYPES[value.tagSet]
    if isinstance(value, univ.Integer):
        return Value(asn1_type, number=int(value))
    return Value(asn1_type, octets=bytes(value) if asn1_type == "OCTET STRING" else b"")


def _whole_integer(
    substrate: object,
    spec: object,
    tags: object = None,
    length: int | None = None,
    *more: object,
    **options: object,
) -> Iterator[object]:
    """Decode an INTEGER as pyasn1 does, unless it has no octets (rule 3)."""
    if not length:
        raise ValueError("an INTEGER without octets")
    yield from _ANY_INTEGER.valueDecoder(substrate, spec, tags, length, *more, **options)


_ANY_INTEGER = decoder.TYPE_MAP[univ.Integer.typeId]
_WHOLE_INTEGER = SimpleNamespace(valueDecoder=_whole_integer)
_TYPE_MAP = {
    **decoder.TYPE_MAP,
    univ.Integer.typeId: _WHOLE_INTEGER,
    # the map by type still has BER's, which takes the constructed form
    univ.OctetString.typeId: decoder.TAG_MAP[univ.OctetString.tagSet],
}
_TAG_MAP = {**decoder.TAG_MAP, univ.Integer.tagSet: _WHOLE_INTEGER}
