"""A display as a value, and its plain form.

Views make pages out of reports; the plain form and haconn/cli/drawing.py are two readers of them.
The plain form has the titles, the block headings and the columns of the manual, in its order.
"""

from dataclasses import dataclass
from typing import TypeAlias

Row: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of its own."""

    text: str
    indented: bool = True
    """Most lines are; the manual has a few that are not."""

    @property
    def plain(self) -> str:
        """The line as it is printed."""
        return f" {self.text}" if self.indented else self.text


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows; a first column `#` counts the rows."""

    columns: Row
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A block `<heading>` and what stands in it."""

    heading: str
    parts: tuple[Line | Table, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole display."""

    title: str
    sections: tuple[Section, ...] = ()
    lines: tuple[Line, ...] = ()
    """What stands below the title without a block."""


def numbered(columns: Row, rows: list[Row]) -> Table:
    """Give a table whose rows are counted from 1 in a column `#`."""
    return Table(("#", *columns), tuple((str(n), *row) for n, row in enumerate(rows, start=1)))


def plain_lines(page: Page) -> list[str]:
    """Give the lines of a page."""
    lines = [f"-- {page.title} --", *(line.plain for line in page.lines)]
    for section in page.sections:
        lines.append(f"<{section.heading}>")
        for part in section.parts:
            lines += [part.plain] if isinstance(part, Line) else _table_lines(part)
    return lines


def _table_lines(table: Table) -> list[str]:
    grid = (table.columns, *table.rows)
    widths = [max(len(row[column]) for row in grid) for column in range(len(table.columns))]
    return [_table_line(row, widths) for row in grid]


def _table_line(row: Row, widths: list[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    return f" {cells[0]} {'  '.join(cells[1:])}".rstrip()
