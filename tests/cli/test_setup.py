"""The setting commands as a user gives them, and what is in the files afterwards."""

from pathlib import Path

import pytest

from haconn.config.schema import ResetPath
from haconn.config.store import load, look
from haconn.core.model import Feed, Secret
from tests.cli.surroundings import Ended, run_here
from tests.config.samples import CANARY

PASSWORD = f"{CANARY}\n"
DONE = Ended(0, "", "")
NO_SERVICE = "note: HA connector service is not processing. It reads the keys when it starts.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    add = ("haconnsetup", "pserver", "add")
    assert setup(tmp_path, "mode single") == DONE
    for n in (1, 2):
        words = (*add, f"P{n}", f"addr=127.0.1.{n}", 'account="admin"')
        assert run_here(tmp_path, *words, stdin=PASSWORD) == DONE
    return tmp_path


def setup(root: Path, line: str, stdin: str = "") -> Ended:
    return run_here(root, "haconnsetup", *line.split(), stdin=stdin)


def refused(root: Path, line: str, stdin: str = "") -> str:
    before = look(root / "etc")[0]
    ended = setup(root, line, stdin)
    assert ended.status == 1
    assert ended.out == ""
    assert ended.err.startswith("haconnsetup: ")
    assert ended.err.count("\n") == 1
    assert look(root / "etc")[0] == before
    return ended.err


def test_servers_are_registered_with_their_passwords(root: Path) -> None:
    first, second = load(root / "etc").pservers
    assert (first.name, second.name) == ("P1", "P2")
    assert first.password == Secret(CANARY)


def test_a_password_is_one_line_of_a_standard_input_that_is_no_terminal(root: Path) -> None:
    ended = setup(root, "pserver mod P1 account=root", "new-passw0rd\r\nrest\n")
    assert ended == DONE
    assert load(root / "etc").pservers[0].password == Secret("new-passw0rd")
    assert "no password" in refused(root, "pserver mod P1 account=root")


@pytest.mark.parametrize("text", ["short\n", "x" * 21 + "\n", "with blank\n", "\n"])
def test_a_wrong_password_is_not_stored_and_not_shown(root: Path, text: str) -> None:
    ended = setup(root, "pserver mod P1 account=root", text)
    assert ended.status == 2
    assert "password: wrong value; allowed: 8 to 20" in ended.err
    assert text.strip() not in ended.err or not text.strip()
    assert load(root / "etc").pservers[0].account == "admin"


def test_nobody_is_asked_for_a_password_in_vain(root: Path) -> None:
    assert "registered already" in refused(root, "pserver add P1 addr=127.0.1.9 account=x")
    assert "no such managed server" in refused(root, "pserver mod X account=x")
    assert "is the BMC of P1 already" in refused(root, "pserver add P3 addr=127.0.1.1 account=x")


def test_an_account_alone_asks_and_other_options_do_not(root: Path) -> None:
    assert setup(root, "pserver mod P1 cluster=on suite=17") == DONE
    server = load(root / "etc").pservers[0]
    assert (server.cluster, server.suite, server.password) == (True, 17, Secret(CANARY))


def test_ipdu_control_needs_its_two_times_and_keeps_them_while_it_is_off(root: Path) -> None:
    assert "timeout: needed with ipdusd=on" in setup(root, "pserver mod P1 ipdusd=on").err
    assert setup(root, "pserver mod P1 ipdusd=on timeout=10 recoverytime=0").status == 0
    assert setup(root, "pserver mod P1 ipdusd=off").status == 0
    assert setup(root, "pserver mod P1 ipdusd=on").status == 0
    assert load(root / "etc").pservers[0].timeout == 10


def test_the_reset_path_keeps_what_is_not_given(root: Path) -> None:
    assert setup(root, "resetpath addr=192.168.0.1/24 port=30000") == DONE
    assert setup(root, "resetpath port=30001") == DONE
    path = load(root / "etc").resetpath
    assert (path.addr, path.mask, path.port) == ("192.168.0.1", "255.255.255.0", 30001)


@pytest.mark.parametrize(
    ("alone", "missing"),
    [
        ("port=30000", "addr= is not set yet; allowed: <IPv4 address>/<mask>"),
        ("addr=192.168.0.1/24", "port= is not set yet; allowed: 5001 to 65535"),
    ],
)
def test_half_a_reset_path_is_refused_while_the_other_half_is_not_set(
    tmp_path: Path, alone: str, missing: str
) -> None:
    ended = setup(tmp_path, f"resetpath {alone}")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(f"haconnsetup: HACN651 resetpath: {missing}")
    assert load(tmp_path / "etc").resetpath == ResetPath()


def test_a_monitor_on_the_port_of_the_reset_path_is_stored_with_a_warning(root: Path) -> None:
    assert setup(root, "resetpath addr=192.168.0.1/24 port=30000") == DONE
    warning = "warning: port 30000 is the reset path's, and the monitors' of P1 too: "
    assert warning in setup(root, "key new P1 port=30000 address=3").err
    assert setup(root, "resetpath port=30001") == DONE
    assert setup(root, "resetpath port=30000").err.startswith(warning)
    assert load(root / "etc").resetpath.port == 30000


def test_hispeed_may_be_switched_off_in_two_ways(root: Path) -> None:
    for off in ("off", "resettime=off", "OFF", "Off", "resettime=OFF"):
        assert setup(root, "hispeed resettime=1000") == DONE
        assert load(root / "etc").timers.hispeed_ms == 1000
        assert setup(root, f"hispeed {off}") == DONE
        assert load(root / "etc").timers.hispeed_ms is None


def test_outlets_feed_one_server_and_four_at_most(root: Path) -> None:
    assert setup(root, "ipdu add 127.0.2.1 model=IBM_PDU port=1161").status == 0
    for n in range(1, 5):
        assert setup(root, f"pserver ipduadd P1 addr=127.0.2.1 concent={n}").status == 0
    assert "4 outlets are registered" in refused(
        root, "pserver ipduadd P1 addr=127.0.2.1 concent=5"
    )
    assert "feeds P1 already" in refused(root, "pserver ipduadd P2 addr=127.0.2.1 concent=1")
    assert "registered already" in refused(root, "pserver ipduadd P1 addr=127.0.2.1 concent=1")
    assert "no outlet '13'" in refused(root, "pserver ipduadd P2 addr=127.0.2.1 concent=13")
    assert "not registered; known: 127" in refused(
        root, "pserver ipdudel P1 addr=127.0.2.1 concent=9"
    )
    assert setup(root, "pserver ipdudel P1 addr=127.0.2.1 concent=1").status == 0
    assert len(load(root / "etc").pservers[0].feeds) == 3
    assert setup(root, "pserver ipdudel P1").status == 0
    assert load(root / "etc").pservers[0].feeds == ()


def test_an_outlet_of_a_pdu_that_is_not_registered_is_stored_with_a_warning(root: Path) -> None:
    assert setup(root, "pserver ipduadd P1 addr=127.0.2.9 concent=1") == Ended(
        0, "", "warning: PDU 127.0.2.9 is not registered: until then the outlet counts as NG\n"
    )
    assert load(root / "etc").pservers[0].feeds == (Feed("127.0.2.9", "1"),)


def test_a_model_with_too_few_outlets_is_refused_for_a_pdu_that_feeds_already(root: Path) -> None:
    setup(root, "pserver ipduadd P1 addr=127.0.2.9 concent=13")
    assert "no outlet '13'" in refused(root, "ipdu add 127.0.2.9 model=IBM_PDU")
    assert "X is unknown; known: APC_RPDU" in refused(root, "ipdu add 127.0.2.9 model=X")


def test_pdus_are_removed_one_by_one_or_all_and_feeding_ones_with_a_warning(root: Path) -> None:
    for n in (1, 2, 3):
        setup(root, f"ipdu add 127.0.2.{n} model=IBM_PDU")
    assert "registered already" in refused(root, "ipdu add 127.0.2.1 model=IBM_PDU")
    setup(root, "pserver ipduadd P1 addr=127.0.2.1 concent=1")
    assert setup(root, "ipdu del 127.0.2.1").err == (
        "warning: outlet 127.0.2.1#1 still feeds P1: it counts as NG\n"
    )
    assert "no such PDU; known: 127.0.2.2, 127.0.2.3" in refused(root, "ipdu del 127.0.2.1")
    assert setup(root, "ipdu del *") == DONE
    assert load(root / "etc").pdus == ()


def test_a_removed_server_takes_outlets_and_keys_along_and_says_so(root: Path) -> None:
    setup(root, "pserver ipduadd P1 addr=127.0.2.9 concent=1")
    assert setup(root, "key new P1 port=6001 address=3").status == 0
    assert (root / "etc/keys/1.1.key").exists()
    assert setup(root, "pserver del P1").out == (
        "outlet 127.0.2.9#1 feeds P1 no more\nkey 1.1 of P1 is retired\n"
    )
    assert not (root / "etc/keys/1.1.key").exists()
    configuration = load(root / "etc")
    assert [server.name for server in configuration.pservers] == ["P2"]
    assert configuration.keys == ()
    assert CANARY in (root / "etc/secrets.toml").read_text(encoding="utf-8")


def test_a_new_name_takes_outlets_and_keys_along(root: Path) -> None:
    setup(root, "pserver ipduadd P1 addr=127.0.2.9 concent=1")
    setup(root, "key new P1 port=6001 address=3")
    assert "P2: registered already" in refused(root, "pserver mod P1 name=P2")
    assert setup(root, "pserver mod P1 name=WEST").status == 0
    configuration = load(root / "etc")
    assert configuration.pservers[0].feeds == (Feed("127.0.2.9", "1"),)
    assert configuration.keys[0].server == "WEST"
    assert configuration.pservers[0].password == Secret(CANARY)


def test_a_key_is_shown_when_it_is_made_and_as_a_fingerprint_afterwards(root: Path) -> None:
    made = setup(root, "key new P1 port=6001 address=3")
    assert made.err == NO_SERVICE
    line = next(line.strip() for line in made.out.splitlines() if "haconn1:" in line)
    _, key_id, key = line.split(":")
    assert (key_id, len(key)) == ("00000101", 64)
    assert (root / "etc/keys/1.1.key").read_text(encoding="ascii") == f"{line}\n"
    shown = setup(root, "key show")
    assert shown.out.splitlines()[2:] == [
        " # key  server  port  address  fingerprint",
        f" 1 1.1  P1      6001  3        {load_fingerprint(made.out)}",
    ]
    assert key not in shown.out + setup(root, "key show --json").out


def load_fingerprint(text: str) -> str:
    return next(line.split()[-1] for line in text.splitlines() if "fingerprint" in line)


def test_a_key_is_retired_by_its_name(root: Path) -> None:
    setup(root, "key new P1 port=6001 address=3")
    setup(root, "key new P1")
    ended = setup(root, "key retire 1.1")
    assert (ended.status, ended.out) == (0, "key 1.1 of P1 is retired\n")
    assert "1.1: no such key; known: 1.2" in refused(root, "key retire 1.1")
    assert "P2: has no key; known: P1" in refused(root, "key show P2")
    assert "has no key any more" in setup(root, "key retire 1.2").out


def test_limits_are_refused_at_the_command(root: Path) -> None:
    for n in range(3, 33):
        setup(root, f"pserver add P{n} addr=127.0.1.{n} account=admin", PASSWORD)
    error = refused(root, "pserver add P33 addr=127.0.1.33 account=admin", PASSWORD)
    assert "32 managed servers are registered; allowed: 32" in error


def test_132_pdus_are_registered_and_no_more(root: Path) -> None:
    for n in range(1, 132):
        assert setup(root, f"ipdu add 127.0.2.{n} model=IBM_PDU") == DONE
    assert setup(root, "ipdu add 127.0.3.1 model=IBM_PDU").status == 0
    assert "133 PDUs; allowed: 132" in refused(root, "ipdu add 127.0.3.2 model=IBM_PDU")


def test_a_server_has_one_system_and_a_monitor_one_key(root: Path) -> None:
    """256 systems are too many for 32 servers without guests: tests/config/test_keys.py."""
    assert setup(root, "key new P1 port=6001 address=1").status == 0
    error = refused(root, "key new P2 port=6001 address=1")
    assert "P2: port=6001 address=1 is P1 already" in error
    assert "a guest needs VMware=Enable" in refused(root, "key new P1/vm port=6001 address=2")


def test_nothing_but_a_new_key_shows_a_secret(root: Path) -> None:
    setup(root, "snmp name=canaryCommunity")
    setup(root, "key new P1 port=6001 address=3")
    key = load(root / "etc").keys[0].key.reveal()
    lines = ("setting", "setting --json", "ipdusetting", "ipdusetting --json", "version")
    ends = [run_here(root, "haconnshow", *line.split()) for line in lines]
    ends += [run_here(root, "haconnshow", "setting", screen=True)]
    ends += [setup(root, "key show"), setup(root, "pserver mod P1 name=P2")]
    text = "".join(f"{ended.out}{ended.err}" for ended in ends)
    assert "PSERVER" not in text
    assert "xxxxxxxx" in text
    for secret in ("canary", CANARY, key):
        assert secret not in text
    for path in (root / "etc").rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o077:
            content = path.read_text(encoding="utf-8")
            assert "canary" not in content
            assert key not in content
