"""One change, written into the texts of the files so that comments and order stay.

Pure: text in, text out. Only what differs between the old and the new rows is touched.

A file is cut at its `[...]` and `[[...]]` headers; what stands before the first is the head.
Comment lines right above a header or right behind a row go with it, those that stand apart stay.
Each piece is edited as a document of its own, so no edit can move a comment of another row. A row
is known by its name; a row that has no name in common with the other side is the same row renamed
if it stands at the same place.

The cut is by lines and could be deceived by a text of several lines. That does no harm: the store
reads what it is about to write, and refuses if it does not say what was meant.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, Table

from haconn.config.errors import ConfigError
from haconn.config.kinds import TomlValue
from haconn.config.option import Record, options

T = TypeVar("T")
_HEADER = re.compile(r'\s*\[?\[\s*"?([a-z]+)"?\s*\]\]?\s*(#.*)?\s*')
_COMMENT = re.compile(r"\s*#.*\s*")


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """The rows of one kind before and after a change."""

    key: str
    record: type[T]
    name: Callable[[T], object]
    """What makes two rows the same row."""
    old: Sequence[T]
    new: Sequence[T]


@dataclass(frozen=True, slots=True)
class _Piece:
    key: str
    text: str


def edit_head(text: str, record: Record, old: object, new: object) -> str:
    """Write a change of the keys that stand above all tables."""
    head, pieces = _cut(text)
    if old == new:
        return text
    document = _parse(head)
    _set(document, record, old, new)
    return _join([tomlkit.dumps(document), *(piece.text for piece in pieces)])


def edit_table(text: str, key: str, record: Record, old: object, new: object) -> str:
    """Write a change of the one table `[key]`; it is added at the end if there is none."""
    if old == new:
        return text
    head, pieces = _cut(text)
    if all(piece.key != key for piece in pieces):
        pieces.append(_Piece(key, f"\n[{key}]\n"))
    texts = [head]
    for piece in pieces:
        document = _parse(piece.text)
        table = document.get(key)
        if isinstance(table, Table):
            _set(table, record, old, new)
        texts.append(tomlkit.dumps(document))
    return _join(texts)


def edit_rows(text: str, rows: Rows[T]) -> str:
    """Write a change of the rows of one kind; raises ConfigError if they cannot be told apart."""
    if list(rows.old) == list(rows.new):
        return text
    head, pieces = _cut(text)
    own = [piece for piece in pieces if piece.key == rows.key]
    if len(own) != len(rows.old):
        raise ConfigError(f"rows are not written as [[{rows.key}]] tables; write them so by hand")
    texts = {rows.name(row): piece.text for row, piece in zip(rows.old, own, strict=True)}
    before = {rows.name(row): row for row in rows.old}
    partners = _partners(rows)
    written = {
        partners[name]: _edit(texts[partners[name]], rows, before[partners[name]], row)
        for row in rows.new
        if (name := rows.name(row)) in partners
    }
    names = iter([rows.name(row) for row in rows.old])
    edited = [
        written.get(next(names), "") if piece.key == rows.key else piece.text for piece in pieces
    ]
    added = [_add(rows, row) for row in rows.new if rows.name(row) not in partners]
    return _join([head, *edited, *added])


def _partners(rows: Rows[T]) -> Mapping[object, object]:
    """New name to old name, for every row that stays."""
    old = [rows.name(row) for row in rows.old]
    new = [rows.name(row) for row in rows.new]
    renamed = {
        after: before
        for before, after in zip(old, new, strict=False)
        if before not in new and after not in old
    }
    return {name: name for name in new if name in old} | renamed


def _cut(text: str) -> tuple[str, list[_Piece]]:
    """Give the head and the rows in their order."""
    lines = text.splitlines(keepends=True)
    starts: list[tuple[int, str]] = []
    for index, line in enumerate(lines):
        header = _HEADER.fullmatch(line)
        if header:
            start = index
            floor = starts[-1][0] + 1 if starts else 0
            while start > floor and _COMMENT.fullmatch(lines[start - 1]):
                start -= 1
            starts.append((start, header[1]))
    bounds = [start for start, _ in starts] + [len(lines)]
    pieces: list[_Piece] = []
    for (start, key), end in zip(starts, bounds[1:], strict=True):
        pieces += _split_off_comments(key, lines[start:end])
    return "".join(lines[: bounds[0]]), pieces


def _split_off_comments(key: str, lines: list[str]) -> list[_Piece]:
    """Comments behind a row that an empty line parts from it are nobody's, and a piece apart."""
    end = len(lines)
    while end > 1 and (not lines[end - 1].strip() or _COMMENT.fullmatch(lines[end - 1])):
        end -= 1
    while end < len(lines) and lines[end].strip():  # comments right behind it are its own
        end += 1
    apart = "".join(lines[end:])
    if not apart.strip():
        return [_Piece(key, "".join(lines))]
    return [_Piece(key, "".join(lines[:end])), _Piece("", apart)]


def _join(texts: list[str]) -> str:
    """Put pieces together, each on lines of its own."""
    joined = ""
    for text in texts:
        joined += "\n" if joined and text and not joined.endswith("\n") else ""
        joined += text
    return joined


def _edit(text: str, rows: Rows[T], old: T, new: T) -> str:
    if old == new:
        return text
    document = _parse(text)
    _set(_only_row(document, rows.key), rows.record, old, new)
    return tomlkit.dumps(document)


def _add(rows: Rows[T], row: T) -> str:
    document = _parse(f"\n[[{rows.key}]]\n")
    _set(_only_row(document, rows.key), rows.record, None, row)
    return tomlkit.dumps(document)


def _only_row(document: tomlkit.TOMLDocument, key: str) -> Table:
    found = document.get(key)
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], Table):
        raise ConfigError(f"rows are not written as [[{key}]] tables; write them so by hand")
    return found[0]


def _set(place: Container | Table, record: Record, old: object, new: object) -> None:
    """Write the keys that differ; a value that is the default needs none."""
    for entry in options(record):
        if not entry.option.stored:
            continue
        value = getattr(new, entry.field)
        if old is not None and getattr(old, entry.field) == value:
            continue
        if value == entry.default:
            if entry.key in place:
                place.remove(entry.key)
        else:
            place[entry.key] = _item(entry.option.kind.write(value))


def _item(value: TomlValue) -> object:
    if not isinstance(value, list):
        return value
    array: Array = tomlkit.array()
    for member in value:
        if isinstance(member, dict):
            table = tomlkit.inline_table()
            table.update(member)
            array.append(table)
        else:
            array.append(member)
    return array.multiline(len(value) > 1)


def _parse(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, RecursionError) as exc:
        raise ConfigError("not written in a form that a command can change") from exc
