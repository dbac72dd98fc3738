"""What an operator wrote in a file stays as it was, but for what a command changes."""

from dataclasses import replace
from pathlib import Path

import pytest

from haconn.config import edits
from haconn.config.errors import ConfigError, RefusedError
from haconn.config.store import change, load, look
from tests.config.samples import SERVER, stored

SERVERS = """\
# servers of the west hall

# the old one, ask Mori before touching it
[[pserver]]   # rack 1
addr    = "192.168.1.51"   # iLO
name    = "PSERVER1"
account = 'hitachi'
feeds = [
    { addr = "192.168.1.103", concent = 1 },  # left
    { addr = "192.168.1.103", concent = "5" },
]

# the new one
[[pserver]]
name = "PSERVER2"
addr = "192.168.1.52"
account = "hitachi"
ipdusd = true
timeout = 10
recoverytime = 10
[[pserver.feeds]]
addr = "192.168.1.103"
concent = "2"
[[pserver.feeds]]
addr = "192.168.1.103"
concent = "6"

# that is all
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    stored(tmp_path)
    (tmp_path / "pservers.toml").write_text(SERVERS, encoding="utf-8")
    load(tmp_path)
    return tmp_path


def servers(etc: Path) -> str:
    return (etc / "pservers.toml").read_text(encoding="utf-8")


def test_one_option_changes_one_line(etc: Path) -> None:
    change(etc, lambda old: edits.modify_server(old, "PSERVER2", {"timeout": 20}).configuration)
    assert servers(etc) == SERVERS.replace("timeout = 10", "timeout = 20")


def test_a_default_that_is_set_again_needs_no_line(etc: Path) -> None:
    change(etc, lambda old: edits.modify_server(old, "PSERVER1", {"cluster": True}).configuration)
    assert "cluster = true" in servers(etc)
    change(etc, lambda old: edits.modify_server(old, "PSERVER1", {"cluster": False}).configuration)
    assert servers(etc) == SERVERS


def test_a_new_name_changes_one_line(etc: Path) -> None:
    change(etc, lambda old: edits.modify_server(old, "PSERVER1", {"name": "WEST"}).configuration)
    assert servers(etc) == SERVERS.replace('"PSERVER1"', '"WEST"')
    configuration = load(etc)
    assert [entry.server for entry in configuration.keys] == ["WEST", "PSERVER2"]
    assert len(configuration.pservers[0].feeds) == 2


def test_a_removed_server_takes_only_its_own_comments_along(etc: Path) -> None:
    change(etc, lambda old: edits.delete_server(old, "PSERVER1").configuration)
    first, _, rest = SERVERS.partition("# the old one")
    assert servers(etc) == first + rest[rest.index("# the new one") :]


def test_a_new_server_stands_at_the_end(etc: Path) -> None:
    new = replace(SERVER, name="PSERVER3", addr="192.168.1.53", suite=17)
    change(etc, lambda old: edits.add_server(old, new).configuration)
    assert servers(etc).startswith(SERVERS)
    assert load(etc).pservers[-1] == new


def test_outlets_that_were_written_as_tables_may_be_changed(etc: Path) -> None:
    change(etc, lambda old: edits.delete_feeds(old, "PSERVER2", None).configuration)
    assert load(etc).pservers[1].feeds == ()
    assert "# that is all" in servers(etc)


def test_a_file_without_an_end_of_line_may_be_changed(etc: Path) -> None:
    (etc / "pservers.toml").write_text(SERVERS.rstrip(), encoding="utf-8")
    new = replace(SERVER, name="PSERVER3", addr="192.168.1.53")
    change(etc, lambda old: edits.add_server(old, new).configuration)
    assert len(load(etc).pservers) == 3


def test_rows_in_another_form_are_refused_and_stay(etc: Path) -> None:
    inline = 'pserver = [{ name = "A", addr = "10.0.0.1", account = "x" }]\n'
    (etc / "pservers.toml").write_text(inline, encoding="utf-8")
    with pytest.raises(ConfigError, match="write them so by hand"):
        change(etc, lambda old: edits.delete_server(old, "A").configuration)
    assert servers(etc) == inline


def test_a_text_that_looks_like_a_header_is_none(etc: Path) -> None:
    login = 'account = """\\\n[[pserver]]"""'
    text = SERVERS.replace("account = 'hitachi'", login)
    (etc / "pservers.toml").write_text(text, encoding="utf-8")
    change(etc, lambda old: edits.delete_server(old, "PSERVER2").configuration)
    (server,) = look(etc)[0].pservers
    assert server.account == "[[pserver]]"


def test_comments_that_stand_apart_survive_the_row_above_them(etc: Path) -> None:
    change(etc, lambda old: edits.delete_server(old, "PSERVER2").configuration)
    assert servers(etc).endswith("]\n\n\n# that is all\n")


def test_comments_of_the_connector_stay_where_they_are(etc: Path) -> None:
    text = "# ours\nmode = 'single' # for now\n\n# the path\n[resetpath]\n"
    text += "addr = '10.0.0.1'\nmask = '255.0.0.0'\nport = 5001 # free\n"
    (etc / "connector.toml").write_text(text, encoding="utf-8")
    change(etc, lambda old: edits.set_hispeed(old, 2500).configuration)
    change(etc, lambda old: edits.set_reset_path(old, {"port": 5003}).configuration)
    assert (etc / "connector.toml").read_text(encoding="utf-8") == (
        "# ours\nmode = 'single' # for now\nhispeed = 2500\n\n"
        "# the path\n[resetpath]\naddr = '10.0.0.1'\nmask = '255.0.0.0'\nport = 5003 # free\n"
    )


def test_names_that_do_not_exist_are_refused_with_those_that_do(etc: Path) -> None:
    with pytest.raises(RefusedError, match=r"X: no such managed server; known: PSERVER1, PSERVER2"):
        change(etc, lambda old: edits.delete_server(old, "X").configuration)
