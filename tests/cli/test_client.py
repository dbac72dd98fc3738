"""The live commands against a service that speaks the control protocol."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from haconn.core.model import SystemKey
from haconn.core.report import (
    Fed,
    KeysReport,
    Link,
    MonitorReport,
    MonitorRow,
    OutletRow,
    OutletStatus,
    PduReport,
    PduRow,
    ResetTestReport,
    RestoreReport,
    StatusReport,
    SystemStatus,
)
from haconn.daemon.pair.exclusivity import take_lock
from haconn.wire.control import (
    Acrecovery,
    Done,
    Monitors,
    Pdus,
    Progress,
    Refused,
    ReloadKeys,
    Reply,
    Request,
    Reset,
    Status,
    encode_reply,
    parse_request,
    request_frames,
)
from tests.cli.surroundings import Ended, run_here

Serve = Callable[[socket.socket], None]
NOT_RUNNING = "HA connector service is not processing.\n"


@contextmanager
def serving(root: Path, serve: Serve) -> Iterator[None]:
    """Listen where the daemon would, for one connection."""
    (root / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "run/control.sock"))
        listener.listen()

        def accept() -> None:
            stream, _ = listener.accept()
            with stream:
                serve(stream)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield
        thread.join(timeout=30)
        assert not thread.is_alive(), "the command did not connect"


def answering(asked: list[Request], *replies: Reply) -> Serve:
    def serve(stream: socket.socket) -> None:
        frames = request_frames()
        while not asked:
            asked.extend(parse_request(value) for value in frames.feed(stream.recv(7)))
        for reply in replies:
            for byte in encode_reply(reply):
                stream.sendall(bytes((byte,)))

    return serve


def saying(data: bytes) -> Serve:
    def serve(stream: socket.socket) -> None:
        stream.recv(4096)
        stream.sendall(data)

    return serve


STATUS = StatusReport("single", Link.NONE, (), ())
OUTLET = OutletRow("10.0.0.1", "1", OutletStatus.ENABLE, Fed.MANAGED, "A")
CUT = OutletRow("10.0.0.1", "2", OutletStatus.DISABLE, Fed.MANAGED, "A")
MONITORS = MonitorReport(
    (MonitorRow("A", None, None, SystemStatus.UNREGISTERED, None, None, None),)
)
PDUS = PduReport((PduRow("10.0.0.1", "IBM_PDU", None, Link.OK),), (OUTLET,))


def converse(root: Path, line: str, *replies: Reply) -> tuple[Request, Ended]:
    asked: list[Request] = []
    with serving(root, answering(asked, *replies)):
        ended = run_here(root, *line.split())
    return asked[0], ended


@pytest.mark.parametrize(
    ("line", "request_", "reply", "words"),
    [
        ("haconnshow status", Status(), STATUS, "mode : 1(single server)"),
        ("haconnshow hamonitor", Monitors(), MONITORS, "-- HA monitor status --"),
        ("haconnshow hamonitor name=A", Monitors(), MONITORS, "<virtual server>"),
        ("haconnshow ipdu addr=10.0.0.1", Pdus(), PDUS, "No.1   10.0.0.1"),
        (
            "haconnserver reset A address=3 port=6001",
            Reset("A", 3, 6001),
            ResetTestReport("A", SystemKey(6001, 3), True, 812, "stop notice"),
            "time        : 812 msec",
        ),
        ("haconnserver acrecovery A", Acrecovery("A"), RestoreReport("A", (OUTLET,)), "Enable"),
    ],
)
def test_a_live_command_asks_and_shows(
    tmp_path: Path, line: str, request_: Request, reply: object, words: str
) -> None:
    asked, ended = converse(tmp_path, line, Progress("begun"), Done(reply))  # type: ignore[arg-type]
    assert asked == request_
    assert (ended.status, ended.err) == (0, "")
    assert words in ended.out


def test_json_is_the_report_and_nothing_else(tmp_path: Path) -> None:
    _, ended = converse(tmp_path, "haconnshow status --json", Done(STATUS))
    assert json.loads(ended.out)["link"] == "NONE"
    assert ended.err == ""


def test_a_terminal_shows_the_progress_of_an_operation(tmp_path: Path) -> None:
    asked: list[Request] = []
    replies = (Progress("outlet 1: on"), Done(RestoreReport("A", (OUTLET,))))
    with serving(tmp_path, answering(asked, *replies)):
        ended = run_here(tmp_path, "haconnserver", "acrecovery", "A", screen=True)
    assert ended.err == "outlet 1: on\n"


@pytest.mark.parametrize(
    ("line", "report"),
    [
        (
            "haconnserver reset A address=3",
            ResetTestReport("A", SystemKey(1, 3), False, None, "no stop notice"),
        ),
        ("haconnserver acrecovery A", RestoreReport("A", (OUTLET, CUT))),
        ("haconnserver acrecovery A", RestoreReport("A", ())),
    ],
)
def test_an_operation_without_its_effect_has_failed(
    tmp_path: Path, line: str, report: ResetTestReport | RestoreReport
) -> None:
    _, ended = converse(tmp_path, line, Done(report))
    assert ended.status == 1
    assert ended.out


def test_a_refusal_is_one_line(tmp_path: Path) -> None:
    _, ended = converse(tmp_path, "haconnserver acrecovery X", Refused("X: no such\nserver"))
    assert ended == Ended(1, "", "haconnserver: HACN649 X: no such server\n")


def test_a_name_the_service_does_not_know_is_refused(tmp_path: Path) -> None:
    _, ended = converse(tmp_path, "haconnshow hamonitor name=B", Done(MONITORS))
    assert ended == Ended(1, "", "haconnshow: HACN627 B: no such managed server; known: A\n")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "ended the connection without an answer"),
        (b"\x00\x00\x00\x09{}", "ended the connection without an answer"),
        (b"\x00\x00\x00\x02{}", "neither progress nor done nor refused"),
        (b"\xff\xff\xff\xff", "the limit is 4194304"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the limit is 4194304"),
        (b'\x00\x00\x00\x0b{"done": 1}', "the answer of the service does not fit"),
    ],
)
def test_a_conversation_that_breaks_is_one_line(tmp_path: Path, data: bytes, words: str) -> None:
    with serving(tmp_path, saying(data)):
        ended = run_here(tmp_path, "haconnshow", "status")
    assert ended.status == 1
    assert ended.out == ""
    assert words in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("what", ["status", "hamonitor", "ipdu"])
def test_without_a_service_one_line_is_displayed(tmp_path: Path, what: str) -> None:
    assert run_here(tmp_path, "haconnshow", what) == Ended(1, NOT_RUNNING, "")
    assert run_here(tmp_path, "haconnshow", what, "--json") == Ended(
        1, "", f"haconnshow: HACN641 {NOT_RUNNING}"
    )


def test_a_socket_that_a_dead_service_left_behind_is_no_service(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "run/control.sock"))
    assert run_here(tmp_path, "haconnshow", "status") == Ended(1, NOT_RUNNING, "")


def test_a_path_too_long_for_a_socket_is_one_line(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    ended = run_here(deep, "haconnshow", "status")
    assert ended.status == 1
    assert "AF_UNIX path too long" in ended.err


@pytest.fixture
def server(tmp_path: Path) -> Path:
    words = ("pserver", "add", "A", "addr=127.0.1.1", "account=admin")
    assert run_here(tmp_path, "haconnsetup", *words, stdin="password1\n").status == 0
    return tmp_path


def test_a_running_service_is_told_of_a_new_key_at_once(server: Path) -> None:
    line = "haconnsetup key new A port=6001 address=3"
    asked, ended = converse(server, line, Done(KeysReport(1, 1)))
    assert asked == ReloadKeys()
    assert (ended.status, ended.err) == (0, "")


def test_a_key_that_the_service_does_not_take_is_stored_and_the_command_fails(
    server: Path,
) -> None:
    line = "haconnsetup key new A port=6001 address=3"
    _, ended = converse(server, line, Refused("no rights"))
    assert ended.status == 1
    assert ended.err == (
        "haconnsetup: HACN630 stored, but the running service works with the keys of before:"
        " no rights\n"
    )
    assert (server / "etc/keys/1.1.key").exists()


def test_a_socket_that_was_removed_under_a_running_service_is_said(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    lock = take_lock(tmp_path / "var")
    try:
        for words in (("haconnshow", "status"), ("haconnserver", "acrecovery", "A")):
            ended = run_here(tmp_path, *words)
            assert (ended.status, ended.out) == (1, "")
            assert ended.err == (
                f"{words[0]}: HACN642 {tmp_path}/run/control.sock: nobody listens there, yet the"
                " service runs; systemctl restart haconnr2 makes the socket anew\n"
            )
    finally:
        os.close(lock)
    assert run_here(tmp_path, "haconnshow", "status").out == NOT_RUNNING
