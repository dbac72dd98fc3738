"""How commands are written: what is read, and what is refused with what would be allowed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn.cli.commands import COMMANDS, PROGRAMS
from haconn.cli.errors import UsageError
from haconn.cli.help import help_lines
from haconn.cli.syntax import FLAGS, Invocation, _find, parse
from haconn.config.keys import Owner


def read(line: str) -> Invocation:
    program, *words = line.split()
    return parse(COMMANDS, program, words)


def given_of(line: str) -> dict[str, object]:
    return dict(read(line).given)


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("haconnsetup mode single", {"mode": "single"}),
        (
            "haconnsetup resetpath port=5001 addr=192.168.0.1/24",
            {"port": 5001, "addr": ("192.168.0.1", "255.255.255.0")},
        ),
        (
            "haconnsetup resetpath addr=192.168.0.1/255.255.0.0",
            {"addr": ("192.168.0.1", "255.255.0.0")},
        ),
        ("haconnsetup hispeed off", {"hispeed_ms": None}),
        ("haconnsetup hispeed resettime=off", {"hispeed_ms": None}),
        ("haconnsetup hispeed resettime=2500", {"hispeed_ms": 2500}),
        (
            'haconnsetup pserver add A account="hitachi" addr=10.0.0.1 cluster=On',
            {"name": "A", "account": "hitachi", "addr": "10.0.0.1", "cluster": True},
        ),
        ("haconnsetup pserver mod A name=B", {"server": "A", "new_name": "B"}),
        (
            "haconnsetup pserver ipduadd A concent=2.1 addr=10.0.0.1",
            {"server": "A", "addr": "10.0.0.1", "concent": "2.1"},
        ),
        ("haconnsetup pserver ipdudel A", {"server": "A"}),
        ("haconnsetup ipdu del *", {"addr": "*"}),
        (
            "haconnsetup key new A/g port=6001 address=3",
            {"owner": Owner("A", "g"), "port": 6001, "number": 3},
        ),
        ("haconnsetup key show", {}),
        ("haconnsetup key retire 12.3", {"key": (12, 3)}),
        ("haconnshow hamonitor name=A --json", {"name": "A"}),
        ("haconnserver reset A address=3", {"server": "A", "number": 3}),
        ("haconnserver acrecavery A", {"server": "A"}),
    ],
)
def test_these_are_read(line: str, given: dict[str, object]) -> None:
    assert given_of(line) == given


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("haconnsetup", "a command is missing; known: mode, resetpath, pserver, ipdu"),
        ("haconnsetup foo", "'foo': no such command; known: mode, resetpath"),
        ("haconnsetup pserver", "pserver: a command is missing; known: add, mod, del"),
        ("haconnsetup pserver kill", "pserver: 'kill': no such command; known: add, mod, del"),
        ("haconnsetup pserver del", "pserver del: <name> is missing; syntax: haconnsetup"),
        ("haconnsetup pserver del addr=1", "pserver del: <name> is missing"),
        ("haconnsetup pserver del A B", "'B': an argument too many; syntax: haconnsetup"),
        ("haconnsetup pserver add A addr=10.0.0.1", "account= is missing; allowed: 1 to 16"),
        ("haconnsetup pserver mod A", "nothing to set; at least one of: name=, addr="),
        ("haconnsetup pserver mod A ipdu=on", "'ipdu': unknown option; known: name=, addr="),
        (
            "haconnsetup pserver mod A timeout=70",
            "timeout: wrong value '70'; allowed: 5 to 60 (in s)",
        ),
        (
            "haconnsetup snmp canary",
            "snmp: an argument: not key=value; known: name=",
        ),
        (
            "haconnshow status --jsno",
            "'--jsno': no such option; did you mean --json? known: --json, --plain, --show-secrets,"
            " --help",
        ),
        ("haconnshow --jsno status", "'--jsno': no such option; did you mean --json?"),
        ("haconnshow status -x", "'-x': no such option; known: --json"),
        ("haconnact takeover --peer-is-of h2", "did you mean --peer-is-off?"),
        ("haconnsetup hispeed resettime=2550", "resettime: wrong value '2550'; allowed: 1000"),
        ("haconnsetup pserver mod A timeout=5 timeout=6", "timeout: given twice; allowed: once"),
        ("haconnsetup pserver ipdudel A addr=10.0.0.1", "addr= alone; allowed: addr=, concent="),
        ("haconnsetup resetpath", "nothing to set; at least one of: addr=, port="),
        ("haconnsetup resetpath addr=10.0.0.1", "allowed: <IPv4 address>/<mask>"),
        ("haconnsetup hispeed", "resettime= is missing"),
        ("haconnsetup hispeed 2500", "'2500': not key=value; known: resettime=, off"),
        ("haconnsetup hispeed off resettime=off", "given twice"),
        ("haconnsetup hispeed resettime=2550", "1000 to 5000 in steps of 100, off (in ms)"),
        ("haconnsetup snmp", "name= is missing; allowed: 1 to 30"),
        ("haconnsetup mode single --json", "--json: not an option of this command; known: --help"),
        ("haconnshow status --show-secrets", "--show-secrets: not an option of this command"),
        ("haconnserver reset A", "address= is missing"),
    ],
)
def test_these_are_refused_with_what_is_allowed(line: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(line)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


WORDS = st.sampled_from(
    sorted({word for command in COMMANDS for word in command.words})
    + [f"{entry.key}=" for command in COMMANDS for entry in command.parameters]
    + [*FLAGS, "A", "10.0.0.1", "addr=10.0.0.1", "="]
)


@settings(deadline=None)
@given(st.sampled_from(list(PROGRAMS)), st.lists(WORDS | st.text(), max_size=6))
def test_any_words_are_a_command_or_refused_in_one_line(program: str, words: list[str]) -> None:
    try:
        parse(COMMANDS, program, words)
    except UsageError as exc:
        refused = str(exc)
    else:
        refused = "read"
    assert "\n" not in refused


@settings(deadline=None)
@given(st.text(min_size=1))
def test_a_refused_value_is_never_quoted(text: str) -> None:
    canary = f"canary{text}canary"
    with pytest.raises(UsageError) as caught:
        parse(COMMANDS, "haconnsetup", ["snmp", f"name={canary}---"])
    assert "canary" not in str(caught.value)


def test_every_command_is_reached_by_its_words_alone() -> None:
    names = [command.name for command in COMMANDS]
    assert len(set(names)) == len(names)
    for command in COMMANDS:
        assert parse(COMMANDS, command.program, [*command.words, "--help"]).command is None
        own = [other for other in COMMANDS if other.program == command.program]
        for order in (own, own[::-1]):
            assert _find(order, [*command.words, "more"]) == (command, ["more"])


def test_a_longer_command_is_no_operand_of_a_shorter_one_and_both_are_explained() -> None:
    assert help_lines("haconnsetup", ("key", "new"))[0].startswith("haconnsetup key new: ")
    assert "See also: haconnsetup key new peer" in help_lines("haconnsetup", ("key", "new"))
    peer = help_lines("haconnsetup", ("key", "new", "peer"))
    assert peer[0].startswith("haconnsetup key new peer: ")
    assert not [line for line in peer if line.startswith("See also")]
