"""A command as a test runs it: streams that can be read, and an environment of its own."""

import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from haconn.cli.app import run
from haconn.cli.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def environment(root: Path) -> dict[str, str]:
    """Every tree below one directory."""
    trees = {"HACONN_ETC": "etc", "HACONN_VAR": "var", "HACONN_RUN": "run"}
    return {name: str(root / place) for name, place in trees.items()}


def run_here(root: Path, *words: str, stdin: str = "", screen: bool = False) -> Ended:
    """Run a command in this process, as its entry point would."""
    out, err = (Screen(), Screen()) if screen else (io.StringIO(), io.StringIO())
    terminal = Terminal(io.StringIO(stdin), out, err, environment(root))
    status = run(words[0], words[1:], terminal)
    return Ended(status, out.getvalue(), err.getvalue())


def run_apart(root: Path, *words: str, stdin: bytes = b"") -> Ended:
    """Run a command as a user does, in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "haconn.cli", *words],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment(root)},
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
