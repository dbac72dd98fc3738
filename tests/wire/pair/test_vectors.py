"""The vectors and docs/pair-protocol.md: each computed from the page, and met by the code."""

import hashlib
import re
from typing import Any

import pytest

from haconn.core.beat import (
    INTENT_BODY_MAX,
    Beat,
    Claim,
    Echo,
    Intent,
    IntentHeard,
    PairDatagram,
    PairMessage,
    PairSession,
    Release,
    Replica,
    Standing,
    Stopped,
    StoppedHeard,
)
from haconn.core.model import Secret
from haconn.wire.admission import Limits
from haconn.wire.frame import WireError, parse
from haconn.wire.pair.channel import MESSAGE_BYTES_MAX, Channel
from haconn.wire.pair.codec import (
    PATH_BITS,
    ROLE_CODES,
    BeatFlag,
    PairType,
    decode,
    encode,
)
from haconn.wire.pair.end import GENERATION_S, PairEnd
from haconn.wire.pair.greeting import Greeting, Side
from haconn.wire.pair.keys import PairKey, working_keys
from haconn.wire.pair.records import HELLO_BYTES, RecordType
from haconn.wire.pair.wrong_tags import LOUD_S
from tests.wire.pair import document
from tests.wire.pair.document import PAGE, Fields

DATAGRAMS = document.vectors("pair_datagrams.json")
CHANNEL = document.vectors("pair_channel.json")
HOSTS: dict[str, bytes] = {
    host["name"]: bytes.fromhex(host["working-key"]) for host in DATAGRAMS["hosts"]
}
KEY = PairKey(DATAGRAMS["generation"], Secret(DATAGRAMS["master"]))

KNOWN = {0: None, 1: False, 3: True}
"""A device of the receiver's: not known, lost, answers."""


def named(record: Fields) -> str:
    return str(record["name"])


def other(host: str) -> str:
    return next(name for name in HOSTS if name != host)


@pytest.mark.parametrize("host", HOSTS)
def test_working_key_is_that_of_hkdf(host: str) -> None:
    assert document.working_key(bytes.fromhex(DATAGRAMS["master"]), host) == HOSTS[host]
    derived = working_keys(KEY, host, other(host))
    assert (derived.mine, derived.peers) == (HOSTS[host], HOSTS[other(host)])


@pytest.mark.parametrize("record", DATAGRAMS["datagrams"], ids=named)
def test_datagram_is_what_the_page_says(record: Fields) -> None:
    body = document.payload(record["kind"], record["fields"])
    assert body.hex() == record["payload"]
    sealed = document.datagram(HOSTS[record["sender"]], record, body)
    assert sealed.hex() == record["datagram"]


def session(text: str) -> PairSession:
    return PairSession(bytes.fromhex(text))


def beat(fields: Fields) -> Beat:
    flags = BeatFlag(fields["flags"])
    return Beat(
        Claim(
            {code: role for role, code in ROLE_CODES.items()}[fields["role"]],
            fields["epoch"],
            session(fields["following"]),
            BeatFlag.CANDIDATE in flags,
        ),
        Echo(session(fields["heard-session"]), fields["heard-seq"]),
        Replica(
            session(fields["log"]),
            fields["announced"],
            fields["applied"],
            BeatFlag.SYNCHRONISED in flags,
        ),
        Standing(
            configuration=bytes.fromhex(fields["configuration"]),
            service=bytes.fromhex(fields["service"]),
            machine=bytes.fromhex(fields["machine"]),
            bmcs_reached=fields["bmcs-reached"],
            peer_fenceable=BeatFlag.PEER_FENCEABLE in flags,
            stopping=BeatFlag.STOPPING in flags,
            restarting=BeatFlag.RESTARTING in flags,
            management=fields["management"],
            reset=fields["reset"],
            generations=tuple(bytes.fromhex(fields["generations"])),
            peer_bmc=KNOWN[fields["peer-devices"] & 3],
            peer_outlets=KNOWN[fields["peer-devices"] >> 2 & 3],
        ),
        frozenset(path for path, bit in PATH_BITS.items() if bit & fields["hearing"]),
        fields["clock"],
        BeatFlag.PROBE in flags,
    )


def message(record: Fields) -> PairMessage:
    fields = record["fields"]
    match record["kind"]:
        case "BEAT":
            return beat(fields)
        case "RELEASE":
            return Release(session(record["session"]))
        case "STOPPED":
            return Stopped()
        case "STOPPED_HEARD":
            return StoppedHeard()
        case "INTENT":
            counts = fields["index"], fields["part"], fields["parts"]
            return Intent(*counts, bytes.fromhex(fields["body"]), fields["clock"])
        case _:
            return IntentHeard(session(fields["log"]), fields["applied"])


@pytest.mark.parametrize("record", DATAGRAMS["datagrams"], ids=named)
def test_codec_and_end_meet_the_vector(record: Fields) -> None:
    header = session(record["session"]), record["seq"], record["epoch"]
    meant, data = PairDatagram(*header, message(record)), bytes.fromhex(record["datagram"])
    sender = record["sender"]
    assert encode(meant, record["generation"]) == parse(data)
    assert decode(parse(data)) == meant
    assert PairEnd([KEY], sender, other(sender)).seal(meant) == data
    assert PairEnd([KEY], other(sender), sender).open(data, "192.0.2.1", 0.0) == meant


def test_a_beat_of_an_older_version_tells_nothing_of_keys_and_devices() -> None:
    record = next(one for one in DATAGRAMS["datagrams"] if one["kind"] == "BEAT")
    frame = parse(bytes.fromhex(record["datagram"]))
    fields = {**record["fields"], "generations": "", "peer-devices": 0}
    whole, meant = document.payload("BEAT", fields), beat(fields)
    older = frame._replace(payload=whole[:-3])
    assert decode(older).message == meant
    for cut in (1, 2):
        with pytest.raises(WireError):
            decode(frame._replace(payload=whole[:-cut]))


def test_there_is_a_vector_of_every_type() -> None:
    assert {record["type"] for record in DATAGRAMS["datagrams"]} == set(PairType)


# ---- the channel


DIRECTIONS = {"dialler": "d2l", "listener": "l2d"}
NONCES = {who: bytes.fromhex(CHANNEL[who]["nonce"]) for who in ("dialler", "listener")}
NAMES = [CHANNEL[who]["name"] for who in ("dialler", "listener")]


def said(step: Fields) -> bytes | None:
    """The message of a step, if it has one."""
    if "message-modulus" in step:
        modulus = step["message-modulus"]
        return bytes(n % modulus for n in range(step["message-bytes"]))
    return bytes.fromhex(step["message"]) if "message" in step else None


def is_the_stream_of(step: Fields, stream: bytes) -> bool:
    if "stream" in step:
        return stream.hex() == str(step["stream"])
    digest = hashlib.sha256(stream).hexdigest()
    return [len(stream), digest] == [step["stream-bytes"], step["stream-sha256"]]


def test_keys_of_the_channel_are_those_of_hkdf() -> None:
    master = bytes.fromhex(CHANNEL["masters"][str(CHANNEL["generation"])])
    nonces = NONCES["dialler"] + NONCES["listener"]
    for direction in ("d2l", "l2d"):
        derived = document.sync_key(master, nonces, direction, NAMES)
        assert derived.hex() == CHANNEL[f"{direction}-key"]


def test_stream_is_what_the_page_says() -> None:
    hellos = {
        who: document.hello(CHANNEL[who]["generations"], NONCES[who])
        for who in ("dialler", "listener")
    }
    context = hellos["dialler"] + hellos["listener"]
    keys = {who: bytes.fromhex(CHANNEL[f"{one}-key"]) for who, one in DIRECTIONS.items()}
    sealed = {"dialler": 0, "listener": 0}

    def seal(who: str, kind: str, plain: bytes = b"", extra: bytes = b"") -> bytes:
        count = sealed[who]
        sealed[who] += 1
        return document.sealed(keys[who], count, kind, plain, extra)

    part = document.record_types()["PART"][1] - 16
    for step in CHANNEL["steps"]:
        who, meant, stream = step["from"], said(step), b""
        if "HELLO" in step["name"]:
            stream += document.record("HELLO", hellos[who])
        if "PROOF" in step["name"]:
            stream += seal(who, "PROOF", extra=context)
        if step["name"] == "END":
            stream += seal(who, "END")
        if meant is not None:
            while len(meant) > part:
                stream, meant = stream + seal(who, "PART", meant[:part]), meant[part:]
            stream += seal(who, "LAST", meant)
        assert is_the_stream_of(step, stream), step["name"]


def end_of(who: str, peer: str, side: Side) -> Channel:
    keys = tuple(
        PairKey(generation, Secret(CHANNEL["masters"][str(generation)]))
        for generation in CHANNEL[who]["generations"]
    )
    return Channel(Greeting(side, keys, CHANNEL[who]["name"], CHANNEL[peer]["name"], NONCES[who]))


def test_channel_meets_the_vector() -> None:
    ends = {
        "dialler": end_of("dialler", "listener", Side.DIALLER),
        "listener": end_of("listener", "dialler", Side.LISTENER),
    }
    for step in CHANNEL["steps"]:
        speaker, meant = ends[step["from"]], said(step)
        (hearer,) = (end for end in ends.values() if end is not speaker)
        if step["name"] == "END":
            stream = speaker.end()
        else:
            stream = speaker.unsent() if meant is None else speaker.send(meant)
        assert is_the_stream_of(step, stream), step["name"]
        assert hearer.receive(stream) == ([] if meant is None else [meant])


# ---- what the page repeats


def pairs(text: str) -> dict[int, str]:
    """`1 undecided, 2 standby` as a table."""
    return {int(n): name for n, name in re.findall(r"(\d+) ([^,;:]+)(?=[,;])", text + ",")}


def cell(heading: str, field: str) -> str:
    return next(row[2] for row in document.rows(heading) if row[0] == field)


def test_types_of_the_page_are_those_of_the_code() -> None:
    assert document.types() == {kind.name: kind.value for kind in PairType}
    records = {name: number for name, (number, _, _) in document.record_types().items()}
    assert records == {kind.name: kind.value for kind in RecordType}
    assert document.record_types()["HELLO"][1:] == (HELLO_BYTES, HELLO_BYTES)


def test_codes_of_the_page_are_those_of_the_code() -> None:
    roles = {code: role.value for role, code in ROLE_CODES.items()}
    assert pairs(cell("### BEAT", "role")) == roles
    flags = pairs(cell("### BEAT", "flags"))
    assert flags.keys() == {flag.value for flag in BeatFlag}
    assert flags[BeatFlag.PROBE.value] == "probe"
    named_paths = {bit: path.value for path, bit in PATH_BITS.items()}
    assert pairs(cell("### BEAT", "hearing").partition(": ")[2]) == named_paths


def test_limits_of_the_page_are_those_of_the_code() -> None:
    limits = Limits()
    facts: list[Any] = [
        f"at most {INTENT_BODY_MAX} bytes",
        f"limited to {MESSAGE_BYTES_MAX} bytes",
        f"only after {GENERATION_S:.0f} s without the newer",
        f"{limits.stranger.per_s} wrong tags in a second ({limits.stranger.burst}",
        f"and {limits.strangers.per_s} from all of them together",
        f"for {LOUD_S:.0f} s. Right tags",
    ]
    words = " ".join(PAGE.split())
    assert [fact for fact in facts if fact not in words] == []
