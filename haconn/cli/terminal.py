"""What a command has around it: its streams, its environment, and how its output is to look.

Tests put other streams in; nothing else in haconn/cli touches `sys`.
"""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TextIO

from haconn.cli.errors import CommandError
from haconn.config.paths import Paths
from haconn.core.model import Secret

PASSWORD_LINE_MAX = 1024


class ExitStatus(IntEnum):
    """How a command ends."""

    DONE = 0
    REFUSED = 1  # refused, or tried and failed
    USAGE = 2  # not written as the command wants it
    INTERRUPTED = 130  # by Ctrl-C, as a shell shows it


class Form(Enum):
    """How a display looks."""

    TABLES = "tables on a terminal"
    PLAIN = "the manual's lines"
    JSON = "one JSON value"


@dataclass(frozen=True, slots=True)
class Terminal:
    """The surroundings of one command."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environment: Mapping[str, str]

    def say(self, line: str = "") -> None:
        """Write a line of output."""
        self.stdout.write(f"{line}\n")

    def complain(self, line: str) -> None:
        """Write a line that is no output: an error, a warning, progress."""
        self.stderr.write(f"{line}\n")
        self.stderr.flush()

    def read_password(self) -> Secret:
        """Ask for a password without echo, or take one line where nobody can be asked.

        Raises CommandError if there is none.
        """
        if not self.stdin.isatty():
            line = self.stdin.readline(PASSWORD_LINE_MAX)
            if not line:
                raise CommandError("no-password-line")
            return Secret(line.rstrip("\r\n"))
        try:
            return Secret(getpass.getpass("password :", self.stderr))
        except EOFError:
            self.complain("")  # the cursor stands behind the prompt
            raise CommandError("no-password") from None
        except KeyboardInterrupt:
            self.complain("")
            raise


@dataclass(frozen=True, slots=True)
class Context:
    """What a command runs with."""

    terminal: Terminal
    paths: Paths
    form: Form
    flags: frozenset[str] = frozenset()
    """Those that were given, as they are written."""
