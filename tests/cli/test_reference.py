"""What is generated is what is in the repository, and it is right."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from haconn.cli.commands import COMMANDS
from haconn.cli.reference import ROOT, documents, main
from haconn.config.documents import FILES, parse_files
from haconn.config.schema import Configuration

DOCUMENTS = documents()


def test_the_generated_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chekc"]) == 2
    assert "allowed is --check" in capsys.readouterr().err


def test_every_command_is_in_the_documents() -> None:
    for command in COMMANDS:
        assert f"### {command.name}\n" in DOCUMENTS["docs/commands.md"]
        assert command.summary in DOCUMENTS[f"docs/man/{command.program}.8"].replace("\\-", "-")


@pytest.mark.parametrize("file", FILES)
def test_an_example_sets_nothing_and_is_a_file_once_its_comments_are_taken_off(file: str) -> None:
    text = DOCUMENTS[f"etc/haconn2/{file}"]
    assert parse_files({file: text})[0] == Configuration()
    code = re.findall(r"^# ((?:\[|[a-z_]+ = ).*)$", text, re.MULTILINE)
    assert tomllib.loads("\n".join(code))


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("haconnsetup ps", "pserver"),
        ("/usr/bin/haconnsetup pserver ", "add mod del ipduadd ipdudel"),
        ("haconnsetup mode s", "single"),
        ("haconnsetup pserver add A addr=10.0.0.1/8 clu", "cluster=on cluster=off"),
        ("haconnsetup pserver add A cluster=", "on off"),
        ("haconnsetup mserver ", "add mod del ipduadd ipdudel"),
        ("haconnsetup key ", "new show retire import"),
        ("haconnsetup key new p", "port= peer"),
        ("haconnsetup mlan A ma", "maddr=off maddr="),
        ("haconnact takeover ", "--peer-is-off"),
        ("haconnshow ", "setting mserversetting ipdusetting status hamonitor ipdu version"),
    ],
)
def test_bash_completes_words_options_and_values(line: str, known: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed here")
    script = (
        f"source {ROOT / 'docs/completion/haconn.bash'}; compopt() {{ :; }};"
        " COMP_LINE=$1 COMP_POINT=${#1}; _haconn; echo ${COMPREPLY[*]}"
    )
    command = [bash, "--norc", "-c", script, "bash", line]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == known


def test_every_program_has_a_man_page() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        programs = tomllib.load(file)["project"]["scripts"]
    assert {Path(path).stem for path in DOCUMENTS if path.startswith("docs/man/")} == set(programs)


def test_every_man_page_that_is_referred_to_exists() -> None:
    unit = "".join(path.read_text() for path in (ROOT / "etc").rglob("*.service"))
    referred = set(re.findall(r"man:([a-z0-9-]+)\(8\)", unit))
    for text in DOCUMENTS.values():
        referred |= set(re.findall(r"([a-z0-9-]+)\(8\)", text.replace("\\-", "-")))
    assert referred
    assert {f"docs/man/{name}.8" for name in referred} <= set(DOCUMENTS)


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.startswith("docs/man/")])
def test_man_finds_no_fault_in_a_page(path: str) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed here")
    command = [groff, "-man", "-Tutf8", "-ww", "-z", str(ROOT / path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stderr == ""
