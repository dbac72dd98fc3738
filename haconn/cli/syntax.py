"""How a command is written, and reading what was written.

A command is words, operands in their order, then `key=value` in any order; `--json`, `--plain`,
and the other flags may stand anywhere. The definitions are data (haconn/cli/commands.py
is the table): parser, help, documents and completion are readers of them.

Pure: the parser gives an Invocation, or raises UsageError with one line.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeAlias

from haconn.cli.errors import UsageError
from haconn.cli.terminal import Context, ExitStatus
from haconn.config.errors import shown
from haconn.config.kinds import SecretText
from haconn.config.option import Option, Record, named

Given: TypeAlias = Mapping[str, Any]
"""The values of an invocation, by field."""
Run: TypeAlias = Callable[[Context, Given], ExitStatus]

JSON, PLAIN, SHOW_SECRETS, HELP = "--json", "--plain", "--show-secrets", "--help"
NO_CHECK, FORCE = "--no-check", "--force"
DISPLAY = (JSON, PLAIN)
FLAGS = {
    JSON: "print one JSON value",
    PLAIN: "print the manual's lines, on a terminal too",
    SHOW_SECRETS: "show the SNMP community",
    NO_CHECK: "store it although nobody knows whether its BMC can be reached",
    FORCE: "do it although the other management server is not ready for it",
    HELP: "explain the command",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """An operand or a `key=value`."""

    key: str
    field: str
    option: Option
    required: bool = False
    value: str = ""
    """What stands for the value in the syntax; the unit or `<key>` if empty."""

    @property
    def placeholder(self) -> str:
        """What stands for the value in the syntax."""
        if self.value:
            return self.value
        words = self.option.kind.words
        return "|".join(words) if len(words) > 1 else f"<{self.key}>"

    def parse(self, text: str) -> object:
        """Give the value of a text; raises UsageError, which quotes no secret."""
        try:
            return self.option.kind.parse(text)
        except ValueError as exc:
            wrong = "" if self.is_secret else f" {shown(text)}"
            allowed = self.option.with_unit(exc)
            raise UsageError("wrong-value", key=self.key, shown=wrong, allowed=allowed) from exc

    @property
    def is_secret(self) -> bool:
        """Its value is never shown."""
        return isinstance(self.option.kind, SecretText)


def parameter(record: Record, key: str, *, required: bool = False, value: str = "") -> Parameter:
    """Make a parameter of an option of the schema."""
    entry = named(record, key)
    return Parameter(key, entry.field, entry.option, required, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command, as everything that needs to know it knows it."""

    program: str
    words: tuple[str, ...]
    summary: str
    run: Run = field(repr=False)
    operands: tuple[Parameter, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    flags: tuple[str, ...] = ()
    bare: Mapping[str, tuple[str, object]] = field(default_factory=dict)
    """Words that stand for a parameter: `off` of hispeed."""
    some: bool = False
    """At least one parameter must be given."""
    together: tuple[str, ...] = ()
    """These are given together or not at all."""
    notes: tuple[str, ...] = ()
    """Sentences for help and documents."""
    aliases: tuple[tuple[str, ...], ...] = ()
    """Other spellings, not told."""

    @property
    def name(self) -> str:
        """Program and words."""
        return " ".join((self.program, *self.words))

    @property
    def syntax(self) -> str:
        """How it is written."""
        written = [(operand.placeholder, operand.required) for operand in self.operands]
        written += [(f"{e.key}={e.placeholder}", e.required) for e in self.parameters]
        parts = [text if required else f"[{text}]" for text, required in written]
        return " ".join((self.name, *parts, *(f"| {word}" for word in self.bare)))


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command that was written as it must be; without one, help was asked for."""

    command: Command | None
    words: tuple[str, ...]
    given: Given
    flags: frozenset[str]


def parse(table: Sequence[Command], program: str, arguments: Sequence[str]) -> Invocation:
    """Read a command line; raises UsageError."""
    flags = frozenset(argument for argument in arguments if argument in FLAGS)
    rest = [argument for argument in arguments if argument not in FLAGS]
    own = [command for command in table if command.program == program]
    if HELP in flags:
        words = tuple(rest)
        return Invocation(None, words, {}, flags)
    _require_known_flags(own, rest)
    command, rest = _find(own, rest)
    for flag in sorted(flags):
        if flag not in command.flags:
            known = ", ".join((*command.flags, HELP))
            raise _about(command, UsageError("other-flag", word=flag, known=known))
    try:
        given = _values(command, rest)
    except UsageError as exc:
        _about(command, exc)
        raise
    return Invocation(command, command.words, given, flags)


def matching(table: Sequence[Command], program: str, words: Sequence[str]) -> list[Command]:
    """Give the commands of a program whose words begin so; raises UsageError if there are none."""
    own = [command for command in table if command.program == program]
    found = [command for command in own if command.words[: len(words)] == tuple(words)]
    if not found:
        raise UsageError("unknown-words", known=_known(own, 0))
    return found


def _require_known_flags(own: list[Command], rest: list[str]) -> None:
    """A word that begins with `-` is an option, misspelled if nothing knows it."""
    words = {word for command in own for word in command.words}
    for text in rest:
        if text.startswith("-") and text not in words:
            flags = dict.fromkeys(flag for command in own for flag in command.flags)
            known = (*flags, *(word for word in words if word.startswith("-")), HELP)
            close = "".join(f"did you mean {name}? " for name in get_close_matches(text, known, 1))
            raise UsageError("unknown-flag", word=shown(text), close=close, known=", ".join(known))


def _about(command: Command, error: UsageError) -> UsageError:
    """Name the command that it is about."""
    error.before = f"{' '.join(command.words)}: " if command.words else ""
    return error


def _find(own: list[Command], rest: list[str]) -> tuple[Command, list[str]]:
    for command in sorted(own, key=lambda one: -len(one.words)):  # `key new peer` before `key new`
        for words in (command.words, *command.aliases):
            if tuple(rest[: len(words)]) == words:
                return command, rest[len(words) :]
    depth = 0
    while depth < len(rest) and any(
        command.words[: depth + 1] == tuple(rest[: depth + 1]) for command in own
    ):
        depth += 1
    begun = [command for command in own if command.words[:depth] == tuple(rest[:depth])]
    before = "".join(f"{word}: " for word in rest[:depth])
    if depth == len(rest):
        error = UsageError("no-command", known=_known(begun, depth))
    else:
        error = UsageError("unknown-command", word=shown(rest[depth]), known=_known(begun, depth))
    error.before = before
    raise error


def _known(commands: list[Command], depth: int) -> str:
    return ", ".join(
        dict.fromkeys(command.words[depth] for command in commands if len(command.words) > depth)
    )


def _values(command: Command, rest: list[str]) -> Given:
    count = _operand_count(command, rest)
    given: dict[str, Any] = {}
    for operand, text in zip(command.operands, rest[:count], strict=False):
        given[operand.field] = operand.parse(text)
    missing = [operand.placeholder for operand in command.operands[count:] if operand.required]
    if missing:
        raise UsageError("missing-operand", word=missing[0], syntax=command.syntax)
    for text in rest[count:]:
        name, value = _value(command, text)
        if name in given:
            raise UsageError("given-twice", key=text.partition("=")[0])
        given[name] = value
    _require_complete(command, given)
    return given


def _operand_count(command: Command, rest: list[str]) -> int:
    """How many words stand at the places of operands: those without `=`, as far as there are."""
    places = rest[: len(command.operands)]
    return next((index for index, text in enumerate(places) if "=" in text), len(places))


def _value(command: Command, text: str) -> tuple[str, object]:
    if text.lower() in command.bare:
        return command.bare[text.lower()]
    key, equals, value = text.partition("=")
    known = {entry.key: entry for entry in command.parameters}
    if equals and key in known:
        entry = known[key]
        return entry.field, entry.parse(value)
    spelled = ", ".join((*(f"{name}=" for name in known), *command.bare))
    if not spelled:
        raise UsageError("too-many", word=shown(text), syntax=command.syntax)
    if not equals:
        secret = any(entry.is_secret for entry in command.parameters)  # it may be meant for one
        wrong = "an argument" if secret else shown(text)
        raise UsageError("no-pair-of-key-and-value", word=wrong, known=spelled)
    raise UsageError("unknown-option", word=shown(key), known=spelled)


def _require_complete(command: Command, given: Given) -> None:
    for entry in command.parameters:
        if entry.required and entry.field not in given:
            raise UsageError("missing-option", key=entry.key, allowed=entry.option.allowed)
    if command.some and not any(entry.field in given for entry in command.parameters):
        keys = ", ".join(f"{entry.key}=" for entry in command.parameters)
        raise UsageError("nothing-to-set", keys=keys)
    present = [key for key in command.together if _field(command, key) in given]
    if present and len(present) < len(command.together):
        keys = ", ".join(f"{key}=" for key in command.together)
        raise UsageError("alone", key=present[0], keys=keys)


def _field(command: Command, key: str) -> str:
    return next(entry.field for entry in command.parameters if entry.key == key)
