"""The sealed channel between the two servers: messages <-> a stream of bytes, sans-IO.

For what is too long or too secret for a datagram: the full sync of a joiner, the copy of the
configuration with its passwords. docs/pair-protocol.md 5.

Rule 1. No message is given or taken before the peer's PROOF: then both nonces are fresh.
Rule 2. After one record that does not open nothing is ever opened or sealed again.
Rule 3. An end of the stream is an end of the conversation only after END: whoever cuts the
        connection can shorten it, but cannot make the rest look whole.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Final

from haconn.wire.pair.greeting import Agreement, Greeting, Side
from haconn.wire.pair.records import (
    PLAIN_BYTES_MAX,
    ChannelError,
    Cutter,
    RecordType,
    Seal,
)

MESSAGE_BYTES_MAX = 16 * 1024 * 1024


class Stage(Enum):
    """How far the peer's end of the channel is."""

    GREETING = "its hello is awaited"
    PROVING = "its proof is awaited"
    OPEN = "it is proved, and speaks"
    ENDED = "it has said that nothing follows"
    VOID = "something did not open"


_EXPECTED: Final = {
    Stage.GREETING: frozenset({RecordType.HELLO}),
    Stage.PROVING: frozenset({RecordType.PROOF}),
    Stage.OPEN: frozenset({RecordType.PART, RecordType.LAST, RecordType.END}),
    Stage.ENDED: frozenset[RecordType](),
}
"""VOID is not here: nothing is cut any more."""


class _Inward:
    """The peer's records, and the message that is being put together from them."""

    __slots__ = ("_left", "_limit", "_parts", "_seal", "_transcript")

    def __init__(self, agreement: Agreement, limit: int) -> None:
        self._seal = Seal(agreement.peers)
        self._transcript = agreement.transcript
        self._limit = self._left = limit
        self._parts: list[bytes] = []

    def prove(self, body: bytes) -> None:
        """Raises ChannelError."""
        self._seal.open(RecordType.PROOF, body, self._transcript)

    def take(self, kind: RecordType, body: bytes) -> bytes | None:
        """Give a message with its last record. Raises ChannelError."""
        plain = self._seal.open(kind, body)
        self._parts.append(plain)
        self._left -= len(plain)
        if self._left < 0:
            raise ChannelError(f"a message of more than {self._limit} bytes")
        if kind is RecordType.PART:
            return None
        message = b"".join(self._parts)
        self._parts, self._left = [], self._limit
        return message

    def end(self, body: bytes) -> None:
        """Raises ChannelError, also for an end within a message."""
        self._seal.open(RecordType.END, body)
        if self._parts:
            raise ChannelError("an end within a message")


class Channel:
    """One end of one connection."""

    __slots__ = ("_cutter", "_greeting", "_inward", "_limit", "_outward", "_stage", "_unsent")

    def __init__(self, greeting: Greeting, message_bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        """`message_bytes_max` limits what is taken, and what is given."""
        self._greeting = greeting
        self._limit = message_bytes_max
        self._cutter = Cutter()
        self._stage = Stage.GREETING
        self._inward: _Inward | None = None
        self._outward: Seal | None = None
        # a listener says nothing before it has heard something that looks like a hello
        self._unsent = greeting.hello() if greeting.side is Side.DIALLER else b""

    @property
    def stage(self) -> Stage:
        """How far the peer's end is: messages are taken and given from OPEN on."""
        return self._stage

    def unsent(self) -> bytes:
        """What the handshake has to say; each byte is given once."""
        unsent, self._unsent = self._unsent, b""
        return unsent

    def receive(self, data: bytes) -> list[bytes]:
        """Take a piece of the stream and give the messages that are whole now.

        Raises ChannelError, and then for ever.
        """
        if self._stage is Stage.VOID:
            raise ChannelError("the channel is void")
        self._cutter.feed(data)
        messages: list[bytes] = []
        try:
            while (record := self._cutter.next(_EXPECTED[self._stage])) is not None:
                message = self._take(*record)
                if message is not None:
                    messages.append(message)
        except ChannelError:
            self._void()
            raise
        return messages

    def send(self, message: bytes) -> bytes:
        """Seal a message. Raises ChannelError."""
        return b"".join(self.records(message))

    def records(self, message: bytes) -> Iterator[bytes]:
        """Seal a message record by record; no other may be begun meanwhile.

        Raises ChannelError, before the first record.
        """
        if len(message) > self._limit:
            raise ChannelError(f"a message of {len(message)} bytes; the limit is {self._limit}")
        last = max(0, len(message) - 1) // PLAIN_BYTES_MAX * PLAIN_BYTES_MAX
        for start in range(0, last, PLAIN_BYTES_MAX):
            plain = message[start : start + PLAIN_BYTES_MAX]
            yield self._opened().close(RecordType.PART, plain)
        yield self._opened().close(RecordType.LAST, message[last:])

    def end(self) -> bytes:
        """Say that nothing follows: this end seals no more. Raises ChannelError."""
        record = self._opened().close(RecordType.END, b"")
        self._outward = None
        return record

    def _opened(self) -> Seal:
        if self._stage not in (Stage.OPEN, Stage.ENDED) or self._outward is None:
            raise ChannelError("the channel is not open for messages")
        return self._outward

    def _take(self, kind: RecordType, body: bytes) -> bytes | None:
        if self._inward is None:
            self._agree(self._greeting.agree(body))
            return None
        match kind:
            case RecordType.PROOF:
                self._inward.prove(body)
                self._stage = Stage.OPEN
            case RecordType.END:
                self._inward.end(body)
                self._stage = Stage.ENDED
            case _:
                return self._inward.take(kind, body)
        return None

    def _agree(self, agreement: Agreement) -> None:
        if self._greeting.side is Side.LISTENER:
            self._unsent = self._greeting.hello()
        self._outward = Seal(agreement.mine)
        self._unsent += self._outward.close(RecordType.PROOF, b"", agreement.transcript)
        self._inward = _Inward(agreement, self._limit)
        self._stage = Stage.PROVING

    def _void(self) -> None:
        self._stage, self._inward, self._outward, self._unsent = Stage.VOID, None, None, b""
