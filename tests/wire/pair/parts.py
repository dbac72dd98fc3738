"""Keys, messages of every kind, and two ends of one channel."""

from hypothesis import strategies as st

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
from haconn.core.model import Secret
from haconn.wire.pair.channel import MESSAGE_BYTES_MAX, Channel
from haconn.wire.pair.greeting import Greeting, Side
from haconn.wire.pair.keys import PairKey

ME, PEER, THIRD = "mserver1", "mserver2", "mserver3"
SESSION = PairSession(b"S" * 16)


def key(generation: int = 1) -> PairKey:
    """No two generations have the same master."""
    return PairKey(generation, Secret(f"{generation:02x}a5" * 16))


def sessions() -> st.SearchStrategy[PairSession]:
    return st.binary(min_size=16, max_size=16).map(PairSession)


U16, U32, U64 = (st.integers(0, 2**bits - 1) for bits in (16, 32, 64))
CLOCKS = st.floats(allow_nan=False, allow_infinity=False)
ADDRESSES = st.just("") | st.ip_addresses(v=4).map(str)

BEATS = st.builds(
    Beat,
    claim=st.builds(Claim, st.sampled_from(PairRole), U32, sessions(), st.booleans()),
    echo=st.builds(Echo, sessions(), U64),
    replica=st.builds(Replica, sessions(), U64, U64, st.booleans()),
    standing=st.builds(
        Standing,
        configuration=st.binary(min_size=8, max_size=8),
        service=st.binary(min_size=8, max_size=8),
        machine=st.binary(min_size=16, max_size=16),
        bmcs_reached=U16,
        peer_fenceable=st.booleans(),
        stopping=st.booleans(),
        restarting=st.booleans(),
        management=ADDRESSES,
        reset=ADDRESSES,
        generations=st.sets(st.integers(1, 255), max_size=8).map(lambda n: tuple(sorted(n))),
        peer_bmc=st.none() | st.booleans(),
        peer_outlets=st.none() | st.booleans(),
    ),
    hearing=st.frozensets(st.sampled_from(Path)),
    clock=CLOCKS,
    probe=st.booleans(),
)


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    parts = draw(st.integers(1, 2**16 - 1))
    return Intent(
        index=draw(st.integers(1, 2**64 - 1)),
        part=draw(st.integers(0, parts - 1)),
        parts=parts,
        body=draw(st.binary(max_size=INTENT_BODY_MAX)),
        clock=draw(CLOCKS),
    )


SPEAKERS = sessions().filter(lambda session: session != NOBODY)


@st.composite
def datagrams(draw: st.DrawFn) -> PairDatagram:
    """Every message that can be said, in every envelope that it can have."""
    session, epoch = draw(SPEAKERS), draw(U32)
    messages: st.SearchStrategy[PairMessage] = (
        BEATS
        | intents()
        | st.builds(IntentHeard, sessions(), U64)
        | st.sampled_from([Stopped(), StoppedHeard(), Release(session)])
    )
    message = draw(messages)
    seq = 0 if isinstance(message, Release) else draw(st.integers(1, 2**64 - 1))
    return PairDatagram(session, seq, epoch, message)


BEAT = Beat(
    Claim(PairRole.STANDBY, 7, SESSION),
    Echo(SESSION, 12),
    Replica(SESSION, 0, 4),
    Standing(management="192.0.2.11", reset="198.51.100.11"),
    frozenset({Path.DUPLEX, Path.RESET}),
    86400.5,
)


def beat(seq: int = 1) -> PairDatagram:
    return PairDatagram(SESSION, seq, 7, BEAT)


def channel(
    side: Side,
    *,
    keys: tuple[PairKey, ...] = (key(),),
    me: str | None = None,
    peer: str | None = None,
    nonce: bytes | None = None,
    limit: int = MESSAGE_BYTES_MAX,
) -> Channel:
    """One end; ME dials PEER, and each end has a nonce of its own."""
    dialling = side is Side.DIALLER
    names = (me or ME, peer or PEER) if dialling else (me or PEER, peer or ME)
    own = side.value[:1] * 32 if nonce is None else nonce
    return Channel(Greeting(side, keys, *names, own), limit)


def greeted(dialler: Channel, listener: Channel) -> None:
    """Carry hellos and proofs."""
    listener.receive(dialler.unsent())
    dialler.receive(listener.unsent())
    listener.receive(dialler.unsent())


def open_pair() -> tuple[Channel, Channel]:
    """A dialler and a listener that have proved each other."""
    dialler, listener = channel(Side.DIALLER), channel(Side.LISTENER)
    greeted(dialler, listener)
    return dialler, listener
