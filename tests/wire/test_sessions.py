"""Windows and challenges: a model of what a recorder can do, and the facts by name."""

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from haconn.wire.codes import Type
from haconn.wire.events import SessionBegun, Spoke
from haconn.wire.frame import parse
from haconn.wire.sessions import WINDOW, Window
from tests.wire.parts import ALPHA, BOOT, NEXT_BOOT, SOURCE, hello, sealed, server


class WindowModel(RuleBasedStateMachine):
    """Never takes a number twice, always a fresh one inside the window."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(100)
        self.seen: set[int] = set()
        self.top = 100

    @rule(seq=st.one_of(st.integers(0, 400), st.integers(0, 2**64 - 1)), in_order=st.booleans())
    def arrives(self, seq: int, in_order: bool) -> None:
        fresh = seq > 100 and seq not in self.seen and seq > self.top - WINDOW
        expected = fresh and (seq > self.top or not in_order)
        assert self.window.accept(seq, in_order=in_order) == expected
        if expected:
            self.seen.add(seq)
            self.top = max(self.top, seq)

    @rule(behind=st.integers(0, WINDOW + 2))
    def arrives_late(self, behind: int) -> None:
        self.arrives(max(0, self.top - behind), in_order=False)


TestWindow = WindowModel.TestCase


class Recorder(RuleBasedStateMachine):
    """A client that restarts as it likes, and somebody who records and repeats everything.

    The model knows which session is the newest that proved itself; no recording, and nothing of
    an older session, may ever give an event.
    """

    said = Bundle("said")
    shaking = Bundle("shaking")

    def __init__(self) -> None:
        super().__init__()
        self.end = server()
        self.now = 0.0
        self.count = 0
        self.current = b""
        self.seqs: dict[bytes, int] = {}

    def receive(self, datagram: bytes) -> object:
        heard = self.end.receive(datagram, SOURCE, self.now)
        if not self.end.in_session(ALPHA.system):
            assert all(len(answer) <= len(datagram) for answer in heard.datagrams)
        return heard.event

    def next_seq(self, session: bytes) -> int:
        self.seqs[session] = self.seqs.get(session, 0) + 1
        return self.seqs[session]

    @rule(seconds=st.sampled_from([0.1, 1.0, 2.5]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=shaking, boot_id=st.sampled_from([BOOT, NEXT_BOOT]))
    def begins(self, boot_id: str) -> tuple[bytes, str, bytes, float]:
        self.count += 1
        session = self.count.to_bytes(16, "big")
        self.seqs[session] = 1
        heard = self.end.receive(hello(ALPHA, session=session, boot_id=boot_id), SOURCE, self.now)
        assert heard.event is None
        if not heard.datagrams:  # the key's bucket is empty
            return session, boot_id, bytes(16), self.now
        return session, boot_id, parse(heard.datagrams[0]).payload[:16], self.now

    @rule(target=said, shake=consumes(shaking))
    def proves(self, shake: tuple[bytes, str, bytes, float]) -> bytes:
        session, boot_id, nonce, _ = shake
        proof = hello(ALPHA, nonce, session=session, seq=self.next_seq(session), boot_id=boot_id)
        event = self.receive(proof)
        if isinstance(event, SessionBegun):
            assert event.boot_id == boot_id
            self.current = session
        else:
            assert event is None
        return proof

    @rule(target=said)
    def speaks(self) -> bytes:
        session = self.current or b"unknown session!"
        datagram = sealed(ALPHA, Type.ACK, bytes(32), session=session, seq=self.next_seq(session))
        assert isinstance(self.receive(datagram), Spoke) == bool(self.current)
        return datagram

    @rule(target=said, data=st.data())
    def speaks_in_an_old_session(self, data: st.DataObject) -> bytes:
        others = sorted(one for one in self.seqs if one != self.current) or [b"never was there!"]
        session = data.draw(st.sampled_from(others))
        datagram = sealed(
            ALPHA, Type.RESET_REQ, bytes(32), session=session, seq=self.next_seq(session)
        )
        assert self.receive(datagram) is None
        return datagram

    @rule(datagram=said)
    def is_repeated(self, datagram: bytes) -> None:
        assert self.receive(datagram) is None

    @rule(datagram=said)
    def is_repeated_after_a_restart(self, datagram: bytes) -> None:
        self.end = server(salt=self.count + 2)
        self.count += 1
        self.current = b""
        assert self.receive(datagram) is None

    @invariant()
    def only_the_model_begins_sessions(self) -> None:
        assert self.end.in_session(ALPHA.system) == bool(self.current)


TestRecorder = Recorder.TestCase


def test_what_was_said_before_the_trusted_hello_is_never_accepted() -> None:
    window = Window(1000)
    assert not any(window.accept(seq) for seq in range(1001))
    assert window.accept(1001)


def test_late_datagram_is_accepted_unless_order_matters() -> None:
    window = Window(1)
    assert window.accept(5)
    assert not window.accept(4, in_order=True)
    assert window.accept(4)
    assert not window.accept(4)


def test_number_that_fell_out_of_the_window_is_refused() -> None:
    window = Window(0)
    assert window.accept(WINDOW + 1)
    assert not window.accept(1)
    assert window.accept(2)
