"""Any file is a configuration, or a fault in one line that names file, key and what is allowed."""

import tomllib

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn.config.documents import CONNECTOR, FILES, IPDUS, PSERVERS, SECRETS, parse_files
from haconn.config.errors import ConfigError
from haconn.config.schema import Configuration
from tests.config.samples import CANARY

KEYS = st.sampled_from(
    [
        *("mode", "resetpath", "addr", "mask", "port", "hispeed", "pserver", "name", "account"),
        *("feeds", "concent", "ipdu", "model", "login", "system", "keys", "key", "generation"),
        *("password", "community", "next_system", "server", "id", "newest", "address", "vm"),
        *("mserver", "peer", "lan_addr", "lan_port", "maddr", "raddr"),
    ]
)
LEAVES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.datetimes(),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    st.sampled_from(["pair", "single", "127.0.0.1", "255.0.0.0", "P1", "off", "a" * 64, 5001, 1]),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6)
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=6).map(tomlkit.dumps)


def outcome_of(texts: dict[str, str]) -> Configuration | ConfigError:
    try:
        return parse_files(texts)[0]
    except ConfigError as exc:
        return exc


def parse(file: str, text: str) -> Configuration:
    return parse_files({file: text})[0]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(FILES), TABLES))
def test_arbitrary_toml_is_a_configuration_or_a_config_error(texts: dict[str, str]) -> None:
    outcome = outcome_of(texts)
    if isinstance(outcome, ConfigError):
        assert outcome.faults
        assert all(fault.startswith(FILES) and "\n" not in fault for fault in outcome.faults)


@settings(deadline=None)
@given(st.sampled_from(FILES), st.text())
def test_arbitrary_text_is_a_configuration_or_a_config_error(file: str, text: str) -> None:
    outcome = outcome_of({file: text})
    if isinstance(outcome, ConfigError):
        assert all("\n" not in fault for fault in outcome.faults)


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "[a." + "b." * 9000])
def test_texts_that_break_a_parser_are_faults(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(CONNECTOR, text)


def test_no_file_at_all_is_a_pair_without_servers() -> None:
    assert parse_files({})[0] == Configuration()


ROW = '[[pserver]]\nname = "P1"\naddr = "127.0.0.1"\naccount = "admin"\n'


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (CONNECTOR, 'mod = "single"', "connector.toml: 'mod': unknown key; known: mode, resetpath"),
        (
            CONNECTOR,
            'mode = "trio"',
            "connector.toml: mode: wrong value 'trio'; allowed: pair, single",
        ),
        (
            CONNECTOR,
            "hispeed = 1550",
            "hispeed: wrong value 1550; allowed: 1000 to 5000 in steps of",
        ),
        (CONNECTOR, "resetpath = 3", "[resetpath]: allowed is a table of addr, mask, port"),
        (CONNECTOR, "[resetpath]\nport = 5000", "port: wrong value 5000; allowed: 5001 to 65535"),
        (PSERVERS, "pserver = 3", "pservers.toml: pserver: allowed are tables [[pserver]]"),
        (PSERVERS, "pserver = [3]", "[[pserver]] 1: allowed is a table of name, addr"),
        (PSERVERS, '[[pserver]]\nname = "P1"', "[[pserver]] 1: account is missing; allowed: 1 to"),
        (PSERVERS, ROW + "timeout = 70", "timeout: wrong value 70; allowed: 5 to 60 (in s)"),
        (PSERVERS, ROW + "cluster = 1", "cluster: wrong value 1; allowed: true, false"),
        (PSERVERS, ROW + "bmcport = true", "bmcport: wrong value True; allowed: 1 to 65535"),
        (PSERVERS, ROW + 'password = "x"', "'password': unknown key; known: name"),
        (
            PSERVERS,
            ROW + 'feeds = [{ addr = "1.2.3.4" }]',
            "feeds: wrong value [{'addr': '1.2.3.4'}]; allowed: [{ addr",
        ),
        (PSERVERS, ROW + 'kdump_from = "off"', "allowed: an array of up to 8 different IPv4"),
        (
            IPDUS,
            '[[ipdu]]\naddr = "127.0.0.1"\nmodel = 1',
            "model: wrong value 1; allowed: the name",
        ),
        (SECRETS, "next_system = 0", "secrets.toml: next_system: wrong value; allowed: 1 to"),
        (SECRETS, "[[system]]\nkeys = []", "[[system]] 1: keys: wrong value; allowed: [{"),
    ],
)
def test_a_fault_names_file_key_and_what_is_allowed(file: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(file, text)
    assert any(words in fault for fault in caught.value.faults), caught.value.faults


def test_every_fault_of_every_file_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_files({CONNECTOR: "mode = 1\nx = 2", PSERVERS: ROW + "timeout = 1", IPDUS: "["})
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize(
    "text",
    [
        f'[[login]]\nserver = "P1"\npassword = "{CANARY}\n',
        f'[[login]]\nserver = "P1"\npassword = "{CANARY} {CANARY}"\n',
        f"[[login]]\npassword = {CANARY}\n",
        f'community = "{CANARY}"\n',
    ],
)
def test_no_fault_of_the_secrets_shows_one(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(SECRETS, text)
    assert CANARY not in str(caught.value)


def test_a_password_counts_only_for_the_bmc_and_the_account_it_names() -> None:
    login = '[[login]]\nserver = "P1"\naddr = "{}"\naccount = "{}"\npassword = "12345678"\n'
    for addr, account, counts in (
        ("127.0.0.1", "admin", True),
        ("127.0.0.2", "admin", False),
        ("127.0.0.1", "root", False),
    ):
        texts = {PSERVERS: ROW, SECRETS: login.format(addr, account)}
        (server,) = parse_files(texts)[0].pservers
        assert bool(server.password.reveal()) is counts


def test_a_key_of_a_server_that_is_not_registered_counts_for_nothing_and_is_told() -> None:
    row = 'id = 1\nserver = "P2"\nport = 1\naddress = 1\nnewest = 1\n'
    keys = f'keys = [{{ generation = 1, key = "{"a" * 64}" }}]\n'
    configuration, _ = parse_files({PSERVERS: ROW, SECRETS: f"[[system]]\n{row}{keys}"})
    assert configuration.keys == ()
    assert configuration.notes == (
        "secrets.toml: the key of system 1 counts for nothing: no server P2 is registered",
    )


def test_the_two_toml_parsers_agree_on_what_is_written() -> None:
    text = tomlkit.dumps({"mode": "single", "resetpath": {"port": 5001}})
    assert tomllib.loads(text) == {"mode": "single", "resetpath": {"port": 5001}}
