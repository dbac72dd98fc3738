"""A page on a terminal: the only module that imports Rich."""

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from haconn.cli.pages import Line, Page, Table

STYLES = {
    "OK": "green",
    "Enable": "green",
    "normal": "green",
    "NG": "bold red",
    "error": "bold red",
    "Disable": "yellow",
    "reset": "yellow",
    "dump": "yellow",
    "poff": "yellow",
    "active": "bold",
}
LOUD = {"alarm": "bold red", "owed restores": "yellow"}


def draw(page: Page, console: Console) -> None:
    """Draw a page; nothing is cut off, however narrow the terminal."""
    console.print(Text(page.title, style="bold"))
    for line in page.lines:
        console.print(Text(f" {line.text}"))
    for section in page.sections:
        loud = LOUD.get(section.heading, "")
        console.print(Text(section.heading, style=loud or "bold cyan"))
        for part in section.parts:
            if isinstance(part, Line):
                console.print(Text(f"  {part.text}", style=loud))
            else:
                console.print(_table(part))


def _table(table: Table) -> RichTable:
    drawn = RichTable(header_style="bold")
    for column in table.columns:
        drawn.add_column(
            Text(column), overflow="fold", justify="right" if column == "#" else "left"
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    return drawn
