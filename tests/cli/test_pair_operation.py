"""What moves roles or settings of a pair: asked of the service, refused here where it cannot be."""

import json
import os
from pathlib import Path

import pytest

from haconn.core.report import CopyReport, RoleReport
from haconn.wire.control import (
    CopyConfiguration,
    Done,
    Progress,
    Refused,
    Report,
    Request,
    RestartActive,
    RestartStandby,
    ShutdownActive,
    ShutdownStandby,
    Takeover,
)
from tests.cli.surroundings import Ended, run_here
from tests.cli.test_client import NOT_RUNNING, answering, converse, serving

HOST = os.uname().nodename
HERE = "this-one"
PEER = "the-peer"
COPIED = CopyReport(("pservers.toml",))
MOVED = RoleReport("it is done")
LINES: list[tuple[str, Request, Report]] = [
    ("haconnact copy", CopyConfiguration(), COPIED),
    ("haconnact restart", RestartActive(), MOVED),
    ("haconnact restart --force", RestartActive(force=True), MOVED),
    ("haconnact shutdown", ShutdownActive(), MOVED),
    ("haconnact --force shutdown", ShutdownActive(force=True), MOVED),
    (f"haconnact takeover --peer-is-off {PEER}", Takeover(PEER), MOVED),
    ("haconnsby restart", RestartStandby(), MOVED),
    ("haconnsby shutdown", ShutdownStandby(), MOVED),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert run_here(tmp_path, "haconnsetup", "mode", "pair").status == 0
    for n, name in enumerate((HERE, PEER), start=1):
        words = ("mserver", "add", name, f"addr=127.0.1.{n}", "account=admin", "--no-check")
        assert run_here(tmp_path, "haconnsetup", *words, stdin="password1\n").status == 0
    return tmp_path


@pytest.mark.parametrize(("line", "request_", "report"), LINES)
def test_a_command_asks_and_shows_what_was_done(
    root: Path, line: str, request_: Request, report: Report
) -> None:
    asked, ended = converse(root, line, Progress("begun"), Done(report))
    assert asked == request_
    assert (ended.status, ended.err) == (0, "")
    assert "pservers.toml" in ended.out or "it is done" in ended.out


@pytest.mark.parametrize(("line", "request_", "report"), LINES)
def test_without_a_service_nothing_is_done(
    root: Path, line: str, request_: Request, report: Report
) -> None:
    program = line.split()[0]
    assert run_here(root, *line.split()) == Ended(1, "", f"{program}: HACN641 {NOT_RUNNING}")


def test_a_terminal_shows_the_progress(root: Path) -> None:
    asked: list[Request] = []
    replies = (Progress("the address is given back"), Done(MOVED))
    with serving(root, answering(asked, *replies)):
        ended = run_here(root, "haconnact", "restart", screen=True)
    assert ended.err == "the address is given back\n"


def test_json_is_the_report_and_nothing_else(root: Path) -> None:
    _, ended = converse(root, "haconnact copy --json", Progress("begun"), Done(COPIED))
    assert json.loads(ended.out) == {"changed": ["pservers.toml"]}
    _, ended = converse_again(root, "haconnsby shutdown --json", Done(MOVED))
    assert json.loads(ended.out) == {"text": "it is done"}


def converse_again(root: Path, line: str, reply: Done) -> tuple[Request, Ended]:
    (root / "run/control.sock").unlink()
    (root / "run").rmdir()
    return converse(root, line, reply)


def test_a_refusal_of_the_service_is_one_line(root: Path) -> None:
    _, ended = converse(root, "haconnact shutdown", Refused("the standby does not confirm"))
    assert ended == Ended(1, "", "haconnact: HACN649 the standby does not confirm\n")


def test_a_takeover_wants_the_name_of_the_peer_in_full(root: Path) -> None:
    take = ("haconnact", "takeover", "--peer-is-off")
    assert run_here(root, *take, PEER[:-1]).err == (
        f"haconnact: HACN624 {PEER[:-1]}: no such management server; known: {HERE}, {PEER}\n"
    )
    for words in (take, take[:2], (*take[:2], PEER), (*take, "")):
        assert run_here(root, *words).status == 2


@pytest.mark.skipif(len(HOST) > 31, reason="no management server can have the name of this host")
def test_nobody_takes_over_from_himself(root: Path) -> None:
    assert run_here(root, "haconnact", "takeover", "--peer-is-off", HOST).err == (
        f"haconnact: HACN623 {HOST}: this host; allowed: the peer's name of {HERE}, {PEER}\n"
    )


SINGLE = [line for line, request, _ in LINES if not isinstance(request, ShutdownActive)]


@pytest.mark.parametrize("line", SINGLE)
def test_what_a_pair_does_is_refused_in_single_mode(root: Path, line: str) -> None:
    assert run_here(root, "haconnsetup", "mode", "single").status == 0
    refusal = f"{line.split()[0]}: HACN625 not in single mode\n"
    assert run_here(root, *line.split()) == Ended(1, "", refusal)


def test_a_single_server_is_stopped_as_well(root: Path) -> None:
    run_here(root, "haconnsetup", "mode", "single")
    asked, ended = converse(root, "haconnact shutdown", Done(MOVED))
    assert asked == ShutdownActive()
    assert ended.status == 0


def test_no_force_where_none_is_needed(root: Path) -> None:
    for line in ("haconnact copy", "haconnsby restart", f"haconnact takeover --peer-is-off {PEER}"):
        assert run_here(root, *line.split(), "--force").status == 2
    assert run_here(root, "haconnsetup", "mlan", PEER, "port=5002", "--no-check").status == 2
