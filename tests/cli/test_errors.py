"""The catalogue of what commands say: every error has an id, and a text in both languages."""

import ast
import io
import string
from pathlib import Path

import pytest

from haconn.cli import errors
from haconn.cli.app import run
from haconn.cli.errors import ERRORS, CommandError
from haconn.cli.terminal import Terminal
from haconn.core.messages import MESSAGES
from tests.cli.surroundings import environment, run_here

CLI = Path(errors.__file__).parent


def raised() -> list[ast.Call]:
    """Every place where an error of the catalogue is made."""
    names = {"UsageError", "CommandError", "NoServiceError"}
    return [
        node
        for path in CLI.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


def fields(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def test_ids_are_given_once() -> None:
    ids = [error.id for error in ERRORS.values()] + [one.id for one in MESSAGES.values()]
    assert len(set(ids)) == len(ids)
    assert all(error.id.startswith("HACN6") for error in ERRORS.values())


@pytest.mark.parametrize("name", ERRORS)
def test_both_languages_name_the_same_values(name: str) -> None:
    assert fields(ERRORS[name].english) == fields(ERRORS[name].japanese)


def test_every_error_that_is_raised_is_in_the_catalogue_with_all_its_values() -> None:
    used: set[str] = set()
    for call in raised():
        assert isinstance(call.args[0], ast.Constant), ast.unparse(call)
        name = str(call.args[0].value)
        given = {keyword.arg for keyword in call.keywords}
        assert fields(ERRORS[name].english) == given, ast.unparse(call)
        used.add(name)
    assert used == set(ERRORS), "and nothing is in it in vain"


def test_commands_speak_japanese_where_they_are_told_to(tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    spoken = {**environment(tmp_path), "HACONN_LANG": "ja"}
    status = run("haconnshow", ["status", "--jsno"], Terminal(io.StringIO(), out, err, spoken))
    assert (status, out.getvalue()) == (2, "")
    assert err.getvalue().startswith("haconnshow: HACN604 '--jsno': 該当するオプションがありません")


def test_a_refused_setting_has_an_id_too(tmp_path: Path) -> None:
    ended = run_here(tmp_path, "haconnsetup", "pserver", "del", "X")
    assert ended.err == "haconnsetup: HACN651 X: no such managed server; known: none\n"


def test_an_error_is_a_sentence_without_its_id_where_it_stands_in_another(tmp_path: Path) -> None:
    assert str(CommandError("no-service")) == "HA connector service is not processing."
    assert run_here(tmp_path, "haconnshow", "status").out == f"{CommandError('no-service')}\n"
