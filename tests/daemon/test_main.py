"""How the process begins and ends: exit status, one clear line, and nothing lost."""

import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from haconn.cli.client import ask
from haconn.cli.errors import CommandError
from haconn.config.schema import Configuration, PeerKey, ResetPath
from haconn.core.model import Secret
from haconn.core.report import RoleReport, StatusReport
from haconn.core.system import Status
from haconn.daemon.journal import NAME
from haconn.daemon.journal_reading import read
from haconn.wire.control import RestartActive, ShutdownActive
from haconn.wire.control import Status as StatusRequest
from tests.config.samples import MSERVER
from tests.daemon.process import COMMUNITY, MASTER, PASSWORD, Home, configuration

MSERVER_PASSWORD = "canary-Password-2"
PEER_KEY = "cb" * 32


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def one_line(said: str) -> str:
    """What an operator reads last; notes may come before it, and a traceback never."""
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if not line.startswith("haconnr2: note:")]
    assert len(lines) == 1, said
    assert lines[0].startswith("haconnr2: ")
    return lines[0]


def test_a_daemon_starts_serves_and_stops_in_order(home: Home) -> None:
    home.configure()
    with home.running() as daemon:
        socket_path = home.base / "run" / "control.sock"
        report = ask(socket_path, StatusRequest(), 10, print)
        assert "alpha" in repr(report)
        status, said = daemon.stop()
    assert (status, "Traceback" in said) == (0, False)
    assert not socket_path.exists()
    log = home.log()
    assert "HACN301" in log
    assert "stopping: SIGTERM" in log


def test_an_operator_stops_a_single_server_and_moves_no_role_of_it(home: Home) -> None:
    home.configure()
    with home.running() as daemon:
        socket_path = home.base / "run" / "control.sock"
        with pytest.raises(CommandError, match=r"^not in single mode$"):
            ask(socket_path, RestartActive(), 10, print)
        assert ask(socket_path, ShutdownActive(), 10, print) == RoleReport("the service stops")
        _, said = daemon.process.communicate(timeout=30)
        assert (daemon.process.returncode, "Traceback" in said) == (0, False)


def test_half_a_pair_is_refused_with_everything_that_it_lacks(home: Home) -> None:
    home.configure(replace(configuration(home.port), mode="pair"))
    status, said = home.fails()
    assert status == 78
    assert "a pair needs 2" in said
    assert "the pair has no key" in said


@pytest.mark.parametrize(
    "signals",
    [(signal.SIGTERM,), (signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM, signal.SIGINT)],
)
def test_any_order_to_stop_ends_with_status_0(
    home: Home, signals: tuple[signal.Signals, ...]
) -> None:
    home.configure()
    with home.running() as daemon:
        status, said = daemon.stop(*signals)
    assert (status, "Traceback" in said) == (0, False)


def test_the_service_manager_is_told_that_it_stops(home: Home) -> None:
    home.configure()
    with home.running() as daemon:
        daemon.process.send_signal(signal.SIGTERM)
        states: list[str] = []
        daemon.process.wait(30)
        daemon.notify.setblocking(False)
        try:
            while True:
                states.append(daemon.notify.recv(4096).decode())
        except BlockingIOError:
            assert "STOPPING=1" in states


def test_a_second_process_of_the_same_state_is_refused(home: Home) -> None:
    home.configure()
    with home.running() as daemon:
        status, said = home.fails()
        assert status == 1
        assert "another haconnr2 runs; haconnshow status shows it" in one_line(said)
        assert (home.base / "run" / "control.sock").exists(), "the first one's"
        assert daemon.stop()[0] == 0


def test_python_without_assertions_is_refused(home: Home) -> None:
    home.configure()
    status, said = home.fails("-O")
    assert status == 1
    assert "-O" in one_line(said)


def test_an_address_that_is_not_local_is_named(home: Home) -> None:
    path = ResetPath(addr="192.0.2.77", mask="255.255.255.0", port=home.port)
    home.configure(replace(configuration(home.port), resetpath=path))
    status, said = home.fails()
    assert status == 1
    assert "resetpath 192.0.2.77" in one_line(said)
    assert "haconnsetup resetpath addr= sets another" in said, "the next step is named"
    assert os.strerror(errno.EADDRNOTAVAIL) in said


def test_a_port_that_is_taken_is_named(home: Home) -> None:
    home.configure()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", home.port))
        status, said = home.fails()
    assert status == 1
    assert f"port {home.port}" in one_line(said)
    assert "haconnsetup resetpath port= sets another" in said


def test_a_kdump_port_that_is_taken_is_named(home: Home) -> None:
    wanted = configuration(home.port)
    home.configure(wanted)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", wanted.timers.kdump_port))
        status, said = home.fails()
    assert status == 1
    assert f"kdump_port {wanted.timers.kdump_port}" in one_line(said)


def test_a_state_directory_that_is_a_file_is_named(home: Home) -> None:
    home.configure()
    (home.base / "var").rmdir()
    (home.base / "var").write_text("")
    status, said = home.fails()
    assert status == 1
    place = home.base / "var"
    assert one_line(said) == (
        f"haconnr2: {place}: not a directory; allowed: a directory, or nothing yet"
    )


def test_a_journal_that_cannot_be_read_is_named(home: Home) -> None:
    home.configure()
    (home.base / "var" / NAME).mkdir()
    status, said = home.fails()
    assert status == 1
    assert str(home.journal) in one_line(said)


def test_a_journal_that_cannot_be_written_is_named(home: Home) -> None:
    home.configure()
    (home.base / "var" / f"{NAME}.new").mkdir()
    status, said = home.fails()
    assert status == 1
    assert "journal cannot be written" in one_line(said)


def test_a_control_socket_that_cannot_be_opened_is_named(home: Home) -> None:
    home.configure()
    (home.base / "run" / "control.sock").mkdir()
    status, said = home.fails()
    assert status == 1
    assert "control.sock" in one_line(said)


def test_a_path_that_is_too_long_for_a_socket_is_named_with_a_reason(home: Home) -> None:
    home.configure()
    long = home.base / ("x" * 100)
    environment = {**home.environment, "HACONN_RUN": str(long)}
    done = subprocess.run(
        [sys.executable, "-m", "haconn.daemon.main"],
        env=environment, cwd=Path(__file__).parent.parent.parent, capture_output=True, text=True,
        check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert one_line(done.stderr).endswith("too long")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("connector.toml", "mode = 'trio'"),
        ("connector.toml", "mode = "),
        ("pservers.toml", "[[pserver]]\nname = 7"),
        ("ipdus.toml", "\0"),
        ("secrets.toml", "community = 'no'\nnonsense = 1"),
    ],
)
def test_a_broken_file_is_status_78_with_the_file_named(home: Home, name: str, text: str) -> None:
    home.configure()
    path = home.base / "etc" / name
    path.write_text(text)
    path.chmod(0o600)
    status, said = home.fails()
    assert status == 78
    assert "Traceback" not in said
    assert name in said
    assert not (home.base / "run" / "control.sock").exists()


def test_secrets_that_others_can_read_are_status_78(home: Home) -> None:
    home.configure()
    (home.base / "etc" / "secrets.toml").chmod(0o644)
    status, said = home.fails()
    assert status == 78
    assert "secrets.toml" in said
    assert PASSWORD not in said


def test_every_setting_that_is_missing_is_named_at_once(home: Home) -> None:
    home.configure(Configuration(mode="pair"))
    status, said = home.fails()
    assert status == 78
    assert "mode" in said
    assert "resetpath" in said


def test_a_tree_that_is_no_absolute_path_is_status_78(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "haconn.daemon.main"],
        env={**home.environment, "HACONN_VAR": "relative"},
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 78
    assert "HACONN_VAR" in one_line(done.stderr)


def test_a_check_starts_nothing(home: Home) -> None:
    home.configure()
    done = subprocess.run(
        [sys.executable, "-m", "haconn.daemon.main", "--check"],
        env=home.environment,
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0
    assert not home.journal.exists()


def test_a_full_disk_is_an_alarm_and_no_reason_to_leave_the_systems_alone(home: Home) -> None:
    home.configure()
    control = home.base / "run" / "control.sock"

    def alarms() -> str:
        report = ask(control, StatusRequest(), 10, print)
        assert isinstance(report, StatusReport)
        return " ".join(report.alarms)

    def until(wanted: Callable[[str], bool]) -> None:
        for _ in range(300):
            if wanted(alarms()):
                return
            threading.Event().wait(0.1)
        raise AssertionError(alarms())

    with home.running(file_bytes_max=0) as daemon:
        until(lambda now: "the journal cannot be written" in now and "the log" in now)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        until(lambda now: "cannot be written" not in now)
        assert daemon.stop()[0] == 0
    assert "HACN211" in home.log("errlog0"), "the log has what was said while it was full"
    assert "HACN301" in home.log()
    assert not trio.run(damaged, home)


async def damaged(home: Home) -> int:
    return len(read(home.base / "var", home.base / "run").damage)


def test_no_secret_is_in_any_output_of_a_running_daemon(home: Home) -> None:
    mserver = replace(MSERVER, password=Secret(MSERVER_PASSWORD), feeds=())
    peer = PeerKey(generation=1, key=Secret(PEER_KEY))
    whole = replace(configuration(home.port), mservers=(mserver,), peer_keys=(peer,), peer_newest=1)
    home.configure(whole)
    with home.running() as daemon:
        report = ask(home.base / "run" / "control.sock", StatusRequest(), 10, print)
        proc = Path(f"/proc/{daemon.process.pid}")
        seen = [
            (proc / "cmdline").read_bytes(),
            (proc / "environ").read_bytes(),
            repr(report).encode(),
        ]
        daemon.process.send_signal(signal.SIGTERM)
        seen += [text.encode() for text in daemon.process.communicate(timeout=30)]
    seen += [path.read_bytes() for path in (home.base / "var").rglob("*") if path.is_file()]
    assert len(seen) > 6
    keys = (MASTER, bytes.fromhex(MASTER), PEER_KEY, bytes.fromhex(PEER_KEY))
    for canary in (PASSWORD, COMMUNITY, MSERVER_PASSWORD, *keys):
        raw = canary if isinstance(canary, bytes) else canary.encode()
        assert not [text for text in seen if raw in text]


def test_no_core_file_of_the_daemon_can_be_written(home: Home) -> None:
    home.configure()
    with home.running() as daemon:
        pid = daemon.process.pid
        assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
        os.kill(pid, signal.SIGABRT)
        _, status = os.waitpid(pid, 0)
        assert os.WTERMSIG(status) == signal.SIGABRT
        assert not os.WCOREDUMP(status)


def test_files_of_the_daemon_are_for_its_user_and_group_only(home: Home) -> None:
    home.configure()
    with home.running() as daemon:
        daemon.stop()
    modes = {
        path.name: path.stat().st_mode & 0o777
        for path in (home.base / "var").rglob("*")
        if path.is_file()
    }
    assert modes[NAME] == 0o600
    assert modes["lock"] == 0o600
    assert modes["eventlog0"] == 0o640


async def known_after(home: Home) -> set[Status]:
    return {system.status for system in read(home.base / "var").systems.values()}


def test_a_daemon_that_is_killed_is_followed_by_one_that_knows_what_was(home: Home) -> None:
    home.configure()
    with home.running() as daemon:
        daemon.process.kill()
        daemon.process.wait(30)
    assert trio.run(known_after, home) == {Status.UNSET}
    with home.running() as daemon:
        assert daemon.stop()[0] == 0
    assert "HACN301" in home.log()
