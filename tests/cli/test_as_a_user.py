"""Commands in processes of their own: exit status, streams, rights, and never a traceback."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.surroundings import Ended, environment, run_apart

ADD = ("haconnsetup", "pserver", "add", "P1", "addr=127.0.1.1", "account=admin")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert run_apart(tmp_path, *ADD, stdin=b"canary-Pw9\n") == Ended(0, "", "")
    return tmp_path


def failed(ended: Ended, status: int = 1) -> str:
    assert ended.status == status
    assert "Traceback" not in ended.err
    assert "canary" not in ended.out + ended.err
    return ended.err


def test_the_three_exit_statuses(root: Path) -> None:
    assert run_apart(root, "haconnshow", "setting").status == 0
    failed(run_apart(root, "haconnsetup", "pserver", "del", "P9"), 1)
    failed(run_apart(root, "haconnsetup", "pserver", "del"), 2)
    failed(run_apart(root, "haconnsetup"), 2)
    failed(run_apart(root, "no-such-program"), 2)


def test_help_is_on_the_standard_output(tmp_path: Path) -> None:
    ended = run_apart(tmp_path, "haconnsetup", "pserver", "add", "--help")
    assert (ended.status, ended.err) == (0, "")
    assert "ipdusd=" in ended.out
    assert run_apart(tmp_path, "haconnshow", "--help").out.count("haconnshow ") >= 6


def test_a_password_that_is_no_text_is_a_wrong_password(root: Path) -> None:
    words = ("haconnsetup", "pserver", "mod", "P1", "account=root")
    assert "password: wrong value" in failed(run_apart(root, *words, stdin=b"\xff\xfe" * 5), 2)


def test_an_argument_that_is_no_text_is_refused(root: Path) -> None:
    words = [os.fsencode(word) for word in ("-m", "haconn.cli", "haconnsetup", "mode")]
    ended = subprocess.run(
        [os.fsencode(sys.executable), *words, b"\xff\xfe"],
        capture_output=True,
        env={**os.environ, **environment(root)},
        check=False,
        timeout=60,
    )
    assert ended.returncode == 2
    assert b"Traceback" not in ended.stderr


def with_output(root: Path, target: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m haconn.cli haconnshow setting {target}', sys.executable],
        capture_output=True,
        env={**os.environ, **environment(root)},
        check=False,
        timeout=60,
    )


def test_a_full_disk_at_the_other_end_is_one_line(root: Path) -> None:
    ended = with_output(root, ">/dev/full")
    assert ended.returncode == 1
    said = b"haconnshow: HACN652 the output cannot be written: No space left on device\n"
    assert ended.stderr == said


def test_a_closed_output_is_no_traceback(root: Path) -> None:
    assert b"Traceback" not in with_output(root, ">&-").stderr
    assert b"Traceback" not in with_output(root, "<&- 2>&1 >/dev/null").stdout


def test_a_reader_that_has_gone_is_no_traceback(root: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        ended = subprocess.run(
            [sys.executable, "-m", "haconn.cli", "haconnshow", "setting"],
            stdout=gone,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment(root)},
            check=False,
            timeout=60,
        )
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_what_may_not_be_read_or_written_is_one_line(root: Path) -> None:
    """As root the rights are given up once everything is imported."""
    program = (
        "import os, sys, haconn.cli.app as app, haconn.cli.output, importlib.metadata\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(app.main(sys.argv[1], sys.argv[2:]))\n"
    )
    (root / "etc").chmod(0o500)
    (root / "etc/secrets.toml").chmod(0o000)
    for words in (("haconnshow", "setting"), ("haconnsetup", "mode", "single")):
        ended = subprocess.run(
            [sys.executable, "-c", program, *words],
            capture_output=True,
            text=True,
            env={**os.environ, **environment(root)},
            check=False,
            timeout=60,
        )
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1
        assert "Permission denied" in ended.stderr
    (root / "etc").chmod(0o700)


ON_A_TERMINAL = """
import os, sys
terminal = os.open(sys.argv[1], os.O_RDWR)  # a session without a terminal takes it for its own
for stream in (0, 1, 2):
    os.dup2(terminal, stream)
os.execv(sys.executable, [sys.executable, "-m", "haconn.cli", *sys.argv[2:]])
"""


def read_until(terminal: int, text: bytes, seen: bytes) -> bytes:
    """Read on; what does not come fails, and does not wait for ever."""
    while text not in seen:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, seen
        seen += os.read(terminal, 1024)
    return seen


def test_a_terminal_is_asked_for_the_password_and_does_not_echo_it(root: Path) -> None:
    ours, theirs = pty.openpty()
    words = ("haconnsetup", "pserver", "mod", "P1", "account=root")
    command = [sys.executable, "-c", ON_A_TERMINAL, os.ttyname(theirs), *words]
    with subprocess.Popen(
        command, env={**os.environ, **environment(root)}, start_new_session=True
    ) as child:
        seen = read_until(ours, b"password :", b"")
        os.write(ours, b"other-canary\n")
        seen = read_until(ours, b"\n", seen)
        assert child.wait(timeout=60) == 0
    os.close(theirs)
    os.close(ours)
    assert seen.replace(b"\r\n", b"\n") == b"password :\n"
    assert "other-canary" in (root / "etc/secrets.toml").read_text(encoding="utf-8")


def test_a_disk_that_takes_no_more_leaves_everything_as_it_was(root: Path) -> None:
    before = {path.name: path.read_bytes() for path in (root / "etc").iterdir()}
    script = 'ulimit -f 0; exec "$0" -m haconn.cli "$@"'
    for words in (("mode", "single"), ("key", "new", "P1", "port=6001", "address=1")):
        ended = subprocess.run(
            ["/bin/sh", "-c", script, sys.executable, "haconnsetup", *words],
            capture_output=True,
            text=True,
            env={**os.environ, **environment(root)},
            check=False,
            timeout=60,
        )
        assert ended.returncode == 1
        assert "cannot be written: File too large\n" in ended.stderr
        assert ended.stderr.count("\n") == 1
    files = [path for path in (root / "etc").rglob("*") if path.is_file()]
    assert {path.name: path.read_bytes() for path in files} == before


def test_rich_is_imported_only_to_draw_on_a_terminal(root: Path) -> None:
    program = (
        "import sys; from haconn.cli.app import main\n"
        "main('haconnshow', ['setting']); sys.exit('rich' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        env={**os.environ, **environment(root)},
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0


def test_python_without_asserts_refuses_the_same(root: Path) -> None:
    env = {**os.environ, **environment(root), "PYTHONOPTIMIZE": "1"}
    for words, status in (
        (("haconnsetup", "pserver", "mod", "P1", "timeout=70"), 2),
        (("haconnsetup", "pserver", "add", "P1", "addr=1.2.3.4", "account=x"), 1),
        (("haconnshow", "setting"), 0),
    ):
        command = [sys.executable, "-m", "haconn.cli", *words]
        ended = subprocess.run(command, capture_output=True, env=env, check=False, timeout=60)
        assert ended.returncode == status
        assert b"Traceback" not in ended.stderr


INTERRUPTED = {130, -signal.SIGINT}
"""A shell shows both as 130."""
AT_ITS_FIRST_LINE = """
import sys, haconn.entry
sys.stdout.write("here\\n"); sys.stdout.flush()
sys.exit(haconn.entry.haconnshow())
"""
"""What an entry point does, with a word for who waits for it: before it there is only Python."""


@pytest.mark.parametrize("after_ms", range(0, 160, 5))
def test_an_interrupt_at_any_moment_is_no_traceback(root: Path, after_ms: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", AT_ITS_FIRST_LINE, "setting"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment(root)},
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == "here\n"
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(after_ms / 1000)
        child.send_signal(signal.SIGINT)
        complaint = child.stderr.read()
        assert child.wait(timeout=60) in {*INTERRUPTED, 0}  # a quick machine is done by then
    assert complaint in {"", "haconnshow: HACN653 interrupted\n"}


def test_an_interrupt_at_the_password_is_status_130_and_gives_the_echo_back(root: Path) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    words = ("haconnsetup", "pserver", "mod", "P1", "account=root")
    command = [sys.executable, "-c", ON_A_TERMINAL, os.ttyname(theirs), *words]
    with subprocess.Popen(
        command, env={**os.environ, **environment(root)}, start_new_session=True
    ) as child:
        seen = read_until(ours, b"password :", b"")
        os.write(ours, b"\x03")
        seen = read_until(ours, b"interrupted\r\n", seen)
        assert child.wait(timeout=60) == 130
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    os.close(ours)
    assert b"Traceback" not in seen


def test_nothing_is_imported_before_an_interrupt_is_quiet() -> None:
    program = (
        "import sys, signal; before = set(sys.modules); import haconn.entry;"
        "more = sorted(name for name in set(sys.modules) - before if name.startswith('haconn'));"
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL; print(*more)"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout == "haconn haconn.entry haconn.interrupt\n"


IGNORED = """
import sys, signal, haconn.entry
haconn.entry.haconnshow()
sys.exit(signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)
"""


def test_an_interrupt_that_the_caller_ignores_stays_ignored(root: Path) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", IGNORED, "setting"],
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environment(root)},
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0
