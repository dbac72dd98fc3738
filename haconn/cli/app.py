"""From a command line to an exit status, and never a traceback for bad input."""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from haconn.cli.commands import COMMANDS
from haconn.cli.errors import CatalogueError, CommandError, UsageError
from haconn.cli.help import help_lines
from haconn.cli.syntax import HELP, JSON, PLAIN, Invocation, parse
from haconn.cli.terminal import Context, ExitStatus, Form, Terminal
from haconn.config.errors import ConfigError
from haconn.config.memory import forbid_dumps
from haconn.config.paths import paths


def main(program: str, arguments: Sequence[str]) -> int:
    """Run a command on the streams of this process."""
    forbid_dumps()
    terminal = Terminal(
        stdin=_stream(sys.stdin),
        stdout=_stream(sys.stdout),
        stderr=_stream(sys.stderr),
        environment=os.environ,
    )
    try:
        status = run(program, arguments, terminal)
        terminal.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        _forget(sys.stdout)
        return ExitStatus.REFUSED
    except OSError as exc:
        _forget(sys.stdout)
        place = exc.filename or "the output cannot be written"
        _complain(program, terminal, CommandError("system", place=place, why=exc.strerror))
        return ExitStatus.REFUSED
    return status


def run(program: str, arguments: Sequence[str], terminal: Terminal) -> ExitStatus:
    """Run a command; errors are lines on its standard error."""
    try:
        invocation = parse(COMMANDS, program, arguments)
        if invocation.command is None:
            for line in help_lines(program, invocation.words):
                terminal.say(line)
            return ExitStatus.DONE
        return invocation.command.run(_context(invocation, terminal), invocation.given)
    except UsageError as exc:
        _complain(program, terminal, exc)
        return ExitStatus.USAGE
    except ConfigError as exc:
        for fault in exc.faults:
            _complain(program, terminal, CommandError("settings", why=fault))
    except CommandError as exc:
        _complain(program, terminal, exc)
    except KeyboardInterrupt:
        _complain(program, terminal, CommandError("interrupted"))
        return ExitStatus.INTERRUPTED
    return ExitStatus.REFUSED


def _complain(program: str, terminal: Terminal, error: CatalogueError) -> None:
    language = terminal.environment.get("HACONN_LANG", "en")
    terminal.complain(f"{program}: {error.line(language)}")


def _context(invocation: Invocation, terminal: Terminal) -> Context:
    flags = invocation.flags
    if JSON in flags and PLAIN in flags:
        raise UsageError("two-forms", one=JSON, other=PLAIN)
    assert HELP not in flags
    form = Form.TABLES if terminal.stdout.isatty() else Form.PLAIN
    form = Form.PLAIN if PLAIN in flags else form
    form = Form.JSON if JSON in flags else form
    return Context(terminal, paths(terminal.environment), form, flags)


def _stream(stream: TextIO | None) -> TextIO:
    """Give a stream that takes any text; a closed one reads and writes nothing."""
    if stream is None:
        return Path(os.devnull).open("r+", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _forget(stream: TextIO | None) -> None:
    """Keep the interpreter from writing again, at its end, what could not be written."""
    if stream is not None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
