"""What an option is, so that one definition feeds everything that reads, writes or explains it.

Readers: the loader, the setting commands, their errors, `docs/commands.md`, the man pages, the
example files of etc/haconn2 and the completion.
"""

from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

from haconn.config.kinds import Kind

Record: TypeAlias = type[Any]
"""A frozen dataclass whose fields are Annotated with an Option each."""


@dataclass(frozen=True, slots=True)
class Option:
    """The meaning of one field of the schema."""

    summary: str
    """One sentence without a full stop."""
    kind: Kind = field(repr=False)
    unit: str = ""
    key: str = ""
    """How it is spelled in files and commands, if not as the field."""
    stored: bool = True
    """Has a key in the file of its record; a password lies in secrets.toml instead."""

    @property
    def allowed(self) -> str:
        """What is allowed, with its unit."""
        return self.with_unit(self.kind.allowed)

    def with_unit(self, text: object) -> str:
        """Add the unit to what a kind says is allowed."""
        return f"{text} (in {self.unit})" if self.unit else f"{text}"


@dataclass(frozen=True, slots=True)
class Named:
    """An option where it stands: its field, its spelling, its default."""

    field: str
    key: str
    option: Option
    default: object
    """MISSING if it must be given."""

    @property
    def required(self) -> bool:
        """It has no default."""
        return self.default is MISSING


def options(record: Record) -> tuple[Named, ...]:
    """Give the options of a record in the order of its fields; other fields are left out."""
    if record not in _KNOWN:
        _KNOWN[record] = _read(record)
    return _KNOWN[record]


def named(record: Record, key: str) -> Named:
    """Give the option of that spelling; KeyError if the record has none."""
    for entry in options(record):
        if entry.key == key:
            return entry
    raise KeyError(key)


def _option(hint: object) -> Option | None:
    if get_origin(hint) is not Annotated:
        return None
    return next((item for item in get_args(hint)[1:] if isinstance(item, Option)), None)


def _read(record: Record) -> tuple[Named, ...]:
    hints = get_type_hints(record, include_extras=True)
    found: list[Named] = []
    for entry in fields(record):
        option = _option(hints[entry.name])
        if option is not None:
            found.append(Named(entry.name, option.key or entry.name, option, entry.default))
    return tuple(found)


_KNOWN: dict[Record, tuple[Named, ...]] = {}
