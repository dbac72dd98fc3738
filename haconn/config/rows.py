"""One table of a TOML file to one record of the schema, every fault with its place."""

from collections.abc import Mapping
from typing import Any, TypeVar

from haconn.config.errors import shown
from haconn.config.kinds import SecretText
from haconn.config.option import Named, options

T = TypeVar("T")
CONCEALED = "secrets.toml"
"""No value of it is ever quoted: one that stands at a wrong place may be a secret."""


def read_row(
    record: type[T], table: object, where: str, faults: list[str], more: Mapping[str, Any]
) -> T | None:
    """Give the record of a table, or None and the faults, a line each.

    Args:
        where: file and row, for the faults.
        more: values of the fields that do not lie in this table.
    """
    before = len(faults)
    stored = {entry.key: entry for entry in options(record) if entry.option.stored}
    if not isinstance(table, dict):
        faults.append(f"{where}: allowed is a table of {', '.join(stored)}")
        return None
    report_unknown(table, stored, where, faults)
    values: dict[str, Any] = dict(more)
    for key, entry in stored.items():
        if key in table:
            _take(entry, table[key], where, faults, values)
        elif entry.required:
            faults.append(f"{where}: {key} is missing; allowed: {entry.option.allowed}")
    if len(faults) > before:
        return None
    return record(**values)


def report_unknown(
    table: Mapping[str, object], known: Mapping[str, object], where: str, faults: list[str]
) -> None:
    """Note every key that nothing reads: a misspelled option must not be dropped in silence."""
    faults.extend(
        f"{where}: {shown(key)}: unknown key; known: {', '.join(known)}"
        for key in table
        if key not in known
    )


def read_rows(table: Mapping[str, Any], key: str, where: str, faults: list[str]) -> list[Any]:
    """Give the tables of an array `[[key]]`; none if it is absent."""
    rows = table.get(key, [])
    if not isinstance(rows, list):
        faults.append(f"{where}: {key}: allowed are tables [[{key}]]")
        return []
    return rows


def _take(
    entry: Named, value: object, where: str, faults: list[str], values: dict[str, Any]
) -> None:
    try:
        values[entry.field] = entry.option.kind.check(value)
    except ValueError as exc:
        hidden = isinstance(entry.option.kind, SecretText) or where.startswith(CONCEALED)
        wrong = "" if hidden else f" {shown(value)}"
        allowed = entry.option.with_unit(exc)
        faults.append(f"{where}: {entry.key}: wrong value{wrong}; allowed: {allowed}")
