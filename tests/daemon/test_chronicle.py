"""What operators read: the five formats to the letter, severities, alarms that end."""

import ast
import os
import re
import socket
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from haconn.core.actions import Line, LineKind
from haconn.core.message import Severity
from haconn.core.messages import MESSAGES
from haconn.core.world import remark
from haconn.daemon.chronicle import TO_SYSLOG, Chronicle, Syslog, reset_line
from tests.daemon.parts import unmounted

STAMP = r"\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d:\d{6}\]"


def line(kind: LineKind, *fields: str | None, sent: bool = True, number: int | None = 7) -> Line:
    return Line(kind, "PSERVER2", 2, sent, "192.168.0.11", 30001, number, fields)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            line(LineKind.RM_RESET, "P", None, sent=False),
            "RM-RESET PSERVER2 2 RECV 192.168.0.11 30001 7 P ----",
        ),
        (
            line(LineKind.RM_RESET, "P", "DUMP"),
            "RM-RESET PSERVER2 2 SEND 192.168.0.11 30001 7 P DUMP",
        ),
        (line(LineKind.SOFTRESET, "P"), "SOFTRESET PSERVER2 2 SEND 192.168.0.11 30001 7 P"),
        (
            Line(LineKind.SOFTRESET, "PSERVER2", 2, True, None, None, None, ("P",)),
            "SOFTRESET PSERVER2 2 SEND ---- ---- ---- P",
        ),
        (
            line(LineKind.HARDRESET, "P", sent=False),
            "HARDRESET PSERVER2 2 RECV 192.168.0.11 30001 7 P",
        ),
        (
            line(LineKind.ATTENTION, "P", "REBOOT", number=None),
            "ATTENTION PSERVER2 2 SEND 192.168.0.11 30001 ---- P REBOOT",
        ),
        (
            line(LineKind.IPDUSD, "192.168.1.103", "5", "OFF"),
            "IPDUSD PSERVER2 2 SEND 192.168.0.11 30001 7 192.168.1.103 5 OFF",
        ),
        (
            Line(
                LineKind.IPDUSD,
                "PSERVER2",
                None,
                False,
                None,
                None,
                None,
                ("192.168.1.103", "1.5", "ON"),
            ),
            "IPDUSD PSERVER2 ---- RECV ---- ---- ---- 192.168.1.103 1.5 ON",
        ),
    ],
)
def test_a_reset_line_has_the_format_of_the_manual(written: Line, expected: str) -> None:
    assert reset_line(written) == expected


async def test_a_reset_line_bears_microseconds_after_a_colon(tmp_path: Path) -> None:
    chronicle = Chronicle(tmp_path, "en")
    chronicle.line(line(LineKind.SOFTRESET, "P"))
    await chronicle.finish()
    (written,) = (tmp_path / "resetlog0").read_text().splitlines()
    assert re.fullmatch(rf"{STAMP} SOFTRESET PSERVER2 2 SEND 192\.168\.0\.11 30001 7 P", written)
    assert not (tmp_path / "eventlog0").exists()


async def test_severity_says_which_logs_have_a_message(tmp_path: Path) -> None:
    chronicle = Chronicle(tmp_path, "en")
    chronicle.remark(remark("powered-on", server="alpha"))
    chronicle.remark(remark("journal", what="odd"))
    chronicle.remark(remark("pdu-lost", pdu="192.0.2.7", reason="no answer"))
    await chronicle.finish()
    counts = {
        name: len((tmp_path / f"{name}0").read_text().splitlines())
        for name in ("eventlog", "altlog", "errlog")
    }
    assert counts == {"eventlog": 3, "altlog": 1, "errlog": 1}
    first = (tmp_path / "eventlog0").read_text().splitlines()[0]
    assert re.fullmatch(rf"{STAMP} HACN115 info alpha is on", first)


async def test_the_language_of_the_log_is_the_operators(tmp_path: Path) -> None:
    chronicle = Chronicle(tmp_path, "ja")
    chronicle.remark(remark("powered-on", server="alpha"))
    await chronicle.finish()
    assert "電源" in (tmp_path / "eventlog0").read_text()


@pytest.mark.parametrize("name", MESSAGES)
def test_both_languages_of_a_message_name_the_same_values(name: str) -> None:
    message = MESSAGES[name]

    def names(text: str) -> set[str]:
        return {field for _, field, _, _ in string.Formatter().parse(text) if field}

    assert names(message.english) == names(message.japanese)


def alarms(chronicle: Chronicle) -> set[tuple[str, str]]:
    return set(chronicle.alarms)


async def test_an_alarm_stands_until_the_same_thing_is_mended(tmp_path: Path) -> None:
    chronicle = Chronicle(tmp_path, "en")
    for server in ("alpha", "beta"):
        failed = remark(
            "restore-failed", operation="r-1", what="outlets on", server=server, reason="silent"
        )
        chronicle.remark(failed)
        chronicle.remark(failed)
    both = {("restore-failed", f"{server}: outlets on") for server in ("alpha", "beta")}
    assert alarms(chronicle) == both
    chronicle.remark(remark("restored", operation="r-1", what="power on", server="alpha"))
    assert alarms(chronicle) == both
    chronicle.remark(remark("restored", operation="r-1", what="outlets on", server="alpha"))
    assert alarms(chronicle) == {("restore-failed", "beta: outlets on")}
    await chronicle.finish()


async def test_a_journal_that_cannot_be_written_is_an_alarm_until_it_can(tmp_path: Path) -> None:
    chronicle = Chronicle(tmp_path, "en")
    chronicle.remark(remark("disk", what="the journal", reason="No space left on device"))
    assert alarms(chronicle) == {("disk", "the journal")}
    chronicle.remark(remark("journal", what="3 lines could not be read and were dropped"))
    assert alarms(chronicle) == {("disk", "the journal")}
    chronicle.remark(remark("journal", what="it can be written again", about="the journal"))
    assert not alarms(chronicle)
    await chronicle.finish()


async def test_a_log_that_cannot_be_written_is_an_alarm_until_it_can(tmp_path: Path) -> None:
    chronicle = Chronicle(tmp_path, "en")
    with unmounted(tmp_path):
        chronicle.remark(remark("powered-on", server="alpha"))
        await chronicle._writer.write()
        assert alarms(chronicle) == {("disk", "the log")}
        assert "No such file" in chronicle.alarms["disk", "the log"]
    await chronicle.finish()
    assert not alarms(chronicle)
    assert "alpha is on" in (tmp_path / "eventlog0").read_text()


async def test_a_command_follows_its_operation_and_no_other(tmp_path: Path) -> None:
    chronicle = Chronicle(tmp_path, "en")
    heard: list[str] = []
    chronicle.listen("r-1", heard.append)
    for operation in ("r-1", "r-2"):
        chronicle.remark(remark("answered", operation=operation, command="X", answer="accepted"))
    chronicle.forget("r-1")
    chronicle.remark(remark("answered", operation="r-1", command="X", answer="accepted"))
    chronicle.remark(remark("powered-on", server="alpha"))
    assert heard == ["r-1: X: accepted"]
    await chronicle.finish()


async def test_what_a_dying_process_has_said_is_written_at_once(tmp_path: Path) -> None:
    chronicle = Chronicle(tmp_path, "en")
    chronicle.line(line(LineKind.SOFTRESET, "P"))
    chronicle.remark(remark("crashed", reason="an internal error"))
    chronicle.write_now()
    assert "internal error" in (tmp_path / "errlog0").read_text()
    assert "SOFTRESET" in (tmp_path / "resetlog0").read_text()
    with trio.move_on_after(1):
        await chronicle.finish()


def remarks() -> Iterator[tuple[str, int, str, set[str] | None]]:
    """Every call of `remark` with a literal name: where, the name, its values if all are named."""
    for path in sorted((Path(__file__).parent.parent.parent / "haconn").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "remark":
                continue
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                names = {keyword.arg for keyword in node.keywords}
                all_named = None if None in names else {name for name in names if name}
                yield path.name, node.lineno, first.value, all_named


def test_every_remark_has_a_message_and_every_message_the_values_it_names() -> None:
    found = list(remarks())
    assert len(found) > 20
    for place, line_number, name, given in found:
        wanted = {field for _, field, _, _ in string.Formatter().parse(MESSAGES[name].english)}
        missing = set() if given is None else wanted - given - {None}
        assert not missing, f"{place}:{line_number}: {name} lacks {missing}"


@pytest.fixture
def syslog(tmp_path: Path) -> Iterator[socket.socket]:
    """What the system's log hears."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(tmp_path / "log.sock"))
        log.setblocking(False)
        yield log


def heard(log: socket.socket) -> list[str]:
    lines: list[str] = []
    try:
        while True:
            lines.append(log.recv(4096).decode())
    except BlockingIOError:
        return lines


def test_syslog_hears_of_start_stop_and_abnormal_operation(
    tmp_path: Path, syslog: socket.socket
) -> None:
    chronicle = Chronicle(tmp_path, "en", Syslog(str(tmp_path / "log.sock")))
    chronicle.remark(remark("started", servers=2, systems=3, mode="pair"))
    chronicle.remark(remark("stopping", reason="SIGTERM"))
    chronicle.remark(remark("crashed", reason="an internal error"))
    who = f"haconn[{os.getpid()}]"
    assert heard(syslog) == [
        f"<30>{who}: HACN301 started: 2 managed servers, 3 systems, mode pair",
        f"<30>{who}: HACN302 stopping: SIGTERM",
        f"<27>{who}: HACN303 stopped abnormally: an internal error",
    ]
    chronicle._syslog.close()


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_syslog_hears_what_is_abnormal_and_of_no_single_reset(
    tmp_path: Path, syslog: socket.socket, name: str
) -> None:
    chronicle = Chronicle(tmp_path, "ja", Syslog(str(tmp_path / "log.sock")))
    fields = {field for _, field, _, _ in string.Formatter().parse(MESSAGES[name].english) if field}
    chronicle.remark(remark(name, **dict.fromkeys(fields, "x")))
    lines = heard(syslog)
    assert [MESSAGES[name].id in line for line in lines] == [True] * (name in TO_SYSLOG)
    chronicle._syslog.close()


def test_a_full_syslog_holds_nothing_up_and_a_missing_one_is_no_error(
    tmp_path: Path, syslog: socket.socket
) -> None:
    full = Syslog(str(tmp_path / "log.sock"))
    for _ in range(5000):
        full.put(Severity.ERROR, "x" * 200)
    full.close()
    assert len(heard(syslog)) < 5000
    none = Syslog(str(tmp_path / "nothing.sock"))
    none.put(Severity.ERROR, "x")
    none.close()
