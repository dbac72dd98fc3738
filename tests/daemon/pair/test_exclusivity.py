"""One process only: port first, lock second, and the kernel gives both back."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from haconn.core.beat import Path as Way
from haconn.daemon.pair.exclusivity import (
    LOCK,
    Lock,
    LockError,
    TakenError,
    only_process,
    take_lock,
)
from haconn.daemon.pair.paths import PairPortError, Paths
from tests.drivers.ipmi_peers import free_port

HOLDER = """
import sys, time
from pathlib import Path
from haconn.daemon.pair.exclusivity import only_process
with only_process(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def pair_port(port: int) -> Paths:
    return Paths((port, port), {Way.DUPLEX: lambda: "127.3.0.1"}, {})


def test_the_lock_is_held_for_the_block(tmp_path: Path) -> None:
    with only_process(tmp_path), pytest.raises(TakenError, match="another haconnr2 runs") as told:
        take_lock(tmp_path)
    assert "\n" not in str(told.value)
    os.close(take_lock(tmp_path))
    assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o600


def test_without_the_port_the_lock_is_not_even_tried(tmp_path: Path) -> None:
    port = free_port()
    first, second = pair_port(port), pair_port(port)
    first.open()
    with pytest.raises(PairPortError), only_process(tmp_path, second.open):
        pytest.fail("it is not the only one")
    assert list(tmp_path.iterdir()) == [], "nothing was written"
    first.close()


def test_with_the_port_and_without_the_lock_it_is_not_the_only_one(tmp_path: Path) -> None:
    paths = pair_port(free_port())
    with only_process(tmp_path):
        with pytest.raises(TakenError), only_process(tmp_path, paths.open):
            pytest.fail("it is not the only one")
        assert paths.own(), "the caller's to give back"
        paths.close()


def test_a_lock_is_lost_when_the_file_of_that_name_is_another_or_none(tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.mkdir()
    with only_process(var) as lock:
        assert not lock.lost()
        var.rename(tmp_path / "away")
        assert lock.lost()
        var.write_text("no directory")
        assert lock.lost()
        var.unlink()
        var.mkdir()
        with only_process(var) as other:
            assert lock.lost()
            assert not other.lost()


def test_a_lock_that_cannot_be_looked_at_is_not_lost(tmp_path: Path) -> None:
    with only_process(tmp_path) as lock:
        loop = tmp_path / "loop"
        loop.symlink_to(loop)
        assert not Lock(loop / LOCK, lock.file).lost()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_holds_the_lock_no_longer(tmp_path: Path, number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(TakenError):
            take_lock(tmp_path)
        process.send_signal(number)
        process.wait(30)
    os.close(take_lock(tmp_path))


def test_a_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    file = take_lock(tmp_path)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        os.close(file)
        os.close(take_lock(tmp_path))
        child.kill()


def test_a_lock_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="No such file"):
        take_lock(tmp_path / "missing")
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LockError):
        take_lock(tmp_path)
