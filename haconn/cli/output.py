"""The one place where a report is printed, in the form that was asked for."""

from collections.abc import Sequence

from haconn.cli.pages import Page, plain_lines
from haconn.cli.terminal import Context, Form
from haconn.wire.control import as_json


def show(context: Context, report: object, page: Page) -> None:
    """Print a report, or the page that was made of it."""
    match context.form:
        case Form.JSON:
            context.terminal.say(as_json(report))
        case Form.PLAIN:
            for line in plain_lines(page):
                context.terminal.say(line)
        case Form.TABLES:
            _draw(context, page)


def _draw(context: Context, page: Page) -> None:
    from rich.console import Console

    from haconn.cli.drawing import draw

    draw(page, Console(file=context.terminal.stdout))


def warn(context: Context, lines: Sequence[object]) -> None:
    """Print what an operator should look at, beside the output."""
    for line in lines:
        context.terminal.complain(f"warning: {line}")
