"""Help of the commands, as text: `--help`, and the heart of docs/commands.md and the man pages."""

from collections.abc import Sequence

from haconn.cli.commands import COMMANDS, PROGRAMS
from haconn.cli.syntax import FLAGS, Command, Parameter, matching
from haconn.config.option import Named, Record, options
from haconn.config.schema import ManagedServer, ManagementServer, PduEntry, Timers


def help_lines(program: str, words: Sequence[str]) -> list[str]:
    """Explain the commands of a program that begin with these words; raises UsageError."""
    found = matching(COMMANDS, program, words)
    exact = [command for command in found if command.words == tuple(words)]
    if words and (exact or len(found) == 1):
        longer = [command for command in found if command not in exact[:1]] if exact else []
        more = [f"See also: {command.syntax}" for command in longer]
        return [*command_lines((exact or found)[0]), *([""] if more else []), *more]
    width = max(len(command.name) for command in found)
    lines = [f"{program}: {PROGRAMS[program]}", ""]
    lines += [f"  {command.name.ljust(width)}  {command.summary}" for command in found]
    return [*lines, "", f"{found[0].name} --help explains one of them."]


def command_lines(command: Command) -> list[str]:
    """Explain one command."""
    entries = parameter_rows(command)
    width = max((len(name) for name, _ in entries), default=0)
    lines = [f"{command.name}: {command.summary}", "", f"  {command.syntax}"]
    lines += [""] if entries else []
    lines += [f"  {name.ljust(width)}  {text}" for name, text in entries]
    lines += [""] if command.notes else []
    return [*lines, *command.notes]


def parameter_rows(command: Command) -> list[tuple[str, str]]:
    """Give every operand, option and flag with what is to be known of it."""
    rows = [(operand.placeholder, _explained(operand, None)) for operand in command.operands]
    rows += [
        (f"{entry.key}=", _explained(entry, default_of(command, entry)))
        for entry in command.parameters
    ]
    return [*rows, *((flag, FLAGS[flag]) for flag in command.flags)]


def default_of(command: Command, entry: Parameter) -> str | None:
    """Tell the value of an option that is not given; None where it is required or stays as is."""
    record = RECORDS.get(command.words)
    if record is None or entry.required:
        return None
    found = next((item for item in options(record) if item.key == entry.key), None)
    return written(found) if found is not None and not found.required else None


def written(entry: Named) -> str | None:
    """Give a default as it would be written; None if there is none to write."""
    value = entry.default
    if isinstance(value, bool):
        return "on" if value else "off"
    if value in (None, ()):
        return "off" if "off" in entry.option.kind.words else None
    return str(value)


RECORDS: dict[tuple[str, ...], Record] = {
    ("pserver", "add"): ManagedServer,
    ("mserver", "add"): ManagementServer,
    ("ipdu", "add"): PduEntry,
    ("hispeed",): Timers,
}
"""Commands that make a record: what they are not given gets the default."""


def _explained(entry: Parameter, default: str | None) -> str:
    more = "" if default is None else f"; {default} if not given"
    return f"{entry.option.summary}: {entry.option.allowed}{more}"
