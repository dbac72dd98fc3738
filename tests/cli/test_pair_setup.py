"""Setting up a pair as an operator does it, and what is in the files afterwards."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from haconn.config.store import load, look
from haconn.core.model import Feed, Secret
from tests.cli.surroundings import Ended, environment, run_here
from tests.config.samples import CANARY
from tests.drivers.ipmi_peers import simulated

PASSWORD = f"{CANARY}\n"
DONE = Ended(0, "", "")
NO_SERVICE = "note: HA connector service is not processing. It reads the keys when it starts.\n"
PATIENCE_S = 60.0


def setup(root: Path, line: str, stdin: str = "") -> Ended:
    return run_here(root, "haconnsetup", *line.split(), stdin=stdin)


def refused(root: Path, line: str, stdin: str = "") -> str:
    before = look(root / "etc")[0] if (root / "etc").exists() else None
    ended = setup(root, line, stdin)
    assert ended.status == 1
    assert ended.out == ""
    assert ended.err.startswith("haconnsetup: ")
    assert ended.err.count("\n") == 1
    assert (look(root / "etc")[0] if (root / "etc").exists() else None) == before
    return ended.err


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for n in (1, 2):
        line = f"mserver add H{n} addr=127.0.1.{n} account=admin --no-check"
        assert setup(tmp_path, line, PASSWORD) == DONE
    return tmp_path


def test_management_servers_are_registered_with_their_passwords(root: Path) -> None:
    first, second = load(root / "etc").mservers
    assert (first.name, second.name) == ("H1", "H2")
    assert first.password == Secret(CANARY)
    assert CANARY not in (root / "etc/mservers.toml").read_text(encoding="utf-8")
    assert (root / "etc/secrets.toml").stat().st_mode & 0o777 == 0o600


def test_there_are_two_of_them_and_each_is_registered_once(root: Path) -> None:
    add = "mserver add {} addr=127.0.1.9 account=admin --no-check"
    assert "H1: registered already; haconnsetup mserver mod" in refused(root, add.format("H1"))
    assert "H1 and H2 are registered; allowed: 2" in refused(root, add.format("H3"))
    assert setup(root, "mserver del H2") == DONE
    taken = "mserver add H2 addr=127.0.1.1 account=admin --no-check"
    assert "127.0.1.1 is the BMC of H1 too" in refused(root, taken)


def test_a_bmc_and_an_outlet_belong_to_one_server_managed_or_management(root: Path) -> None:
    assert setup(root, "pserver add P1 addr=127.0.1.3 account=admin", PASSWORD) == DONE
    clash = "pserver add P2 addr=127.0.1.1 account=admin"
    assert "H1: addr: 127.0.1.1 is the BMC of P2 too" in refused(root, clash)
    assert "H1: the name of a managed server too" in refused(
        root, "pserver add H1 addr=127.0.1.4 account=admin"
    )
    setup(root, "ipdu add 127.0.2.1 model=IBM_PDU")
    assert setup(root, "mserver ipduadd H1 addr=127.0.2.1 concent=1") == DONE
    assert setup(root, "pserver ipduadd P1 addr=127.0.2.1 concent=2") == DONE
    for line in (
        "pserver ipduadd P1 addr=127.0.2.1 concent=1",
        "mserver ipduadd H2 addr=127.0.2.1 concent=1",
    ):
        assert "feeds H1 already; allowed: one server" in refused(root, line)
    assert "feeds P1 already" in refused(root, "mserver ipduadd H2 addr=127.0.2.1 concent=2")


def test_two_outlets_feed_a_management_server_at_most(root: Path) -> None:
    setup(root, "ipdu add 127.0.2.1 model=IBM_PDU")
    assert "no outlet '13'" in refused(root, "mserver ipduadd H1 addr=127.0.2.1 concent=13")
    for n in (1, 2):
        assert setup(root, f"mserver ipduadd H1 addr=127.0.2.1 concent={n}") == DONE
    assert "H1: 2 outlets are registered" in refused(
        root, "mserver ipduadd H1 addr=127.0.2.1 concent=3"
    )
    assert "is registered already" in refused(root, "mserver ipduadd H1 addr=127.0.2.1 concent=1")
    assert "not registered; known: 127" in refused(
        root, "mserver ipdudel H1 addr=127.0.2.1 concent=9"
    )
    assert setup(root, "ipdu del 127.0.2.1").err.count("still feeds H1: it counts as NG") == 2
    assert setup(root, "mserver ipdudel H1 addr=127.0.2.1 concent=1") == DONE
    assert load(root / "etc").mservers[0].feeds == (Feed("127.0.2.1", "2"),)
    assert setup(root, "mserver ipdudel H1") == DONE
    assert load(root / "etc").mservers[0].feeds == ()
    assert setup(root, "mserver ipduadd H1 addr=127.0.2.9 concent=1") == Ended(
        0, "", "warning: PDU 127.0.2.9 is not registered: until then the outlet counts as NG\n"
    )


def test_the_duplex_lan_needs_both_the_first_time_and_keeps_what_is_not_given(root: Path) -> None:
    assert "port= is not set yet; allowed: 5001 to 65535" in refused(root, "mlan H1 addr=10.0.0.1")
    assert "addr= is not set yet" in refused(root, "mlan H1 port=5002")
    assert "H9: no such management server; known: H1, H2" in refused(root, "mlan H9 port=5002")
    assert setup(root, "mlan H1 addr=10.0.0.1 port=5002") == DONE
    assert setup(root, "mlan H1 port=5003 maddr=10.0.1.1 raddr=10.0.2.1") == DONE
    server = load(root / "etc").mservers[0]
    assert (server.lan_addr, server.lan_port) == ("10.0.0.1", 5003)
    assert (server.maddr, server.raddr) == ("10.0.1.1", "10.0.2.1")
    assert setup(root, "mlan H1 maddr=off") == DONE
    assert load(root / "etc").mservers[0].maddr is None
    assert "10.0.0.1 is an address of H1" in refused(root, "mlan H2 addr=10.0.0.1 port=5002")
    assert setup(root, "mlan H1 port=5000").status == 2
    assert setup(root, "mlan H1").status == 2


def test_ipdu_control_needs_its_time_and_keeps_it_while_it_is_off(root: Path) -> None:
    assert "H1: timeout: needed with ipdusd=on" in refused(root, "mserver mod H1 ipdusd=on")
    assert setup(root, "mserver mod H1 ipdusd=on timeout=10") == DONE
    assert setup(root, "mserver mod H1 ipdusd=off") == DONE
    assert setup(root, "mserver mod H1 ipdusd=on") == DONE
    assert load(root / "etc").mservers[0].timeout == 10
    assert setup(root, "mserver mod H1 timeout=4").status == 2


def test_a_removed_management_server_takes_lans_outlets_and_password_along(root: Path) -> None:
    setup(root, "mlan H1 addr=10.0.0.1 port=5002")
    setup(root, "mserver ipduadd H1 addr=127.0.2.9 concent=1")
    assert setup(root, "mserver del H1").out == "outlet 127.0.2.9#1 feeds H1 no more\n"
    assert "H1: no such management server; known: H2" in refused(root, "mserver del H1")
    assert [server.name for server in load(root / "etc").mservers] == ["H2"]
    assert "127.0.1.1" not in (root / "etc/secrets.toml").read_text(encoding="utf-8")


def test_an_account_alone_asks_for_a_password_and_other_options_do_not(root: Path) -> None:
    line = "mserver mod H1 account=root --no-check"
    assert setup(root, line, "new-passw0rd\n") == DONE
    assert load(root / "etc").mservers[0].password == Secret("new-passw0rd")
    assert setup(root, line, "short\n").status == 2
    assert "no password" in refused(root, line)
    assert setup(root, "mserver mod H1 addr=127.0.1.7 --no-check") == DONE
    server = load(root / "etc").mservers[0]
    assert (server.addr, server.password) == ("127.0.1.7", Secret("new-passw0rd"))


def test_a_management_server_is_stored_once_its_bmc_lets_us_in(tmp_path: Path) -> None:
    with simulated(tmp_path) as bmc:
        line = f"mserver add H1 addr=127.0.0.1 account=admin bmcport={bmc.port}"
        error = refused(tmp_path, line, "wrong-password\n")
        assert "H1: not stored: BMC 127.0.0.1: " in error
        assert "--no-check stores it all the same" in error
        assert "wrong-password" not in error
        assert setup(tmp_path, line, "password\n") == DONE
        assert "H1: not stored" in refused(tmp_path, "mserver mod H1 account=nobody", "password\n")
        assert setup(tmp_path, "mserver mod H1 suite=17") == DONE
    assert "H1: not stored" in refused(tmp_path, "mserver mod H1 suite=auto")
    assert setup(tmp_path, "mserver mod H1 ipdusd=off") == DONE, "that way is not tried"
    assert setup(tmp_path, "mserver mod H1 suite=auto --no-check") == DONE
    assert load(tmp_path / "etc").mservers[0].suite == "auto"


def test_nobody_is_asked_and_no_bmc_is_tried_in_vain(root: Path) -> None:
    assert "H1 and H2 are registered" in refused(
        root, "mserver add H3 addr=192.0.2.1 account=admin"
    )
    assert "H9: no such management server" in refused(root, "mserver mod H9 addr=192.0.2.1")
    assert "127.0.1.2 is the BMC of H1 too" in refused(root, "mserver mod H1 addr=127.0.1.2")


@contextmanager
def silent_bmc() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(PATIENCE_S)
        yield silent


def seen_of(pid: int) -> bytes:
    """Everything that another user of this machine may see of a process, and more."""
    proc = Path(f"/proc/{pid}")
    return (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_password_is_in_no_list_of_processes_while_the_bmc_is_tried(tmp_path: Path) -> None:
    with silent_bmc() as bmc:
        port = f"bmcport={bmc.getsockname()[1]}"
        words = ("mserver", "add", "H1", "addr=127.0.0.1", "account=admin", port)
        with subprocess.Popen(
            [sys.executable, "-m", "haconn.cli", "haconnsetup", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment(tmp_path)},
        ) as command:
            assert command.stdin is not None
            command.stdin.write(PASSWORD.encode())
            command.stdin.flush()
            bmc.recv(1024)  # it is being tried just now
            children = children_of(command.pid)
            seen = b"".join(seen_of(pid) for pid in (command.pid, *children))
            out, _ = command.communicate(timeout=PATIENCE_S)
    assert len(children) == 1
    assert b"haconn.daemon.bmc_check" in seen
    assert CANARY.encode() not in seen + out
    assert command.returncode == 1
    assert b"Traceback" not in out


def test_the_key_of_the_pair_is_carried_to_the_other_server(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    made = setup(here, "key new peer")
    assert (made.status, made.err) == (0, NO_SERVICE)
    file = here / "etc/keys/peer.1.key"
    assert f"file        : {file}" in made.out
    taken = setup(there, f"key import peer file={file}")
    assert (taken.status, taken.err) == (0, NO_SERVICE)
    assert fingerprint_in(taken.out) == fingerprint_in(made.out)
    key = load(here / "etc").peer_keys[0]
    assert load(there / "etc").peer_keys == (key,)
    shown = setup(there, "key show")
    assert f" 1 peer.1  peer    ----  ----     {fingerprint_in(made.out)}" in shown.out
    assert setup(there, "key show peer").out == shown.out
    texts = [made, taken, shown, setup(here, "key show --json"), setup(here, "key new peer --json")]
    assert not [ended for ended in texts if key.key.reveal() in ended.out + ended.err]


def fingerprint_in(text: str) -> str:
    return next(line.split()[-1] for line in text.splitlines() if "fingerprint" in line)


def test_keys_of_the_pair_are_exchanged_and_the_older_one_is_retired(tmp_path: Path) -> None:
    for _ in (1, 2):
        assert setup(tmp_path, "key new peer").status == 0
    assert "generations 1 and 2 are good" in refused(tmp_path, "key new peer")
    assert setup(tmp_path, "key retire peer").out == "key peer.1 is retired\n"
    assert "peer: there is no generation 1; known: 2" in refused(tmp_path, "key retire peer 1")
    assert "the only one; to end it, name it" in refused(tmp_path, "key retire peer")
    ended = setup(tmp_path, "key retire peer 2")
    assert ended.out.splitlines() == [
        "key peer.2 is retired",
        "the pair has no key any more: neither server can start as one of it",
    ]
    assert not list((tmp_path / "etc/keys").iterdir())


def test_a_key_of_a_guest_of_nobody_is_no_key_of_the_pair(tmp_path: Path) -> None:
    setup(tmp_path, "mode pair")
    assert "haconnsetup key new peer makes it" in refused(tmp_path, "key new PEER port=1 address=1")
    assert "no such file" in refused(tmp_path, f"key import peer file={tmp_path}/missing")
    assert "peer: has no key; known: none" in refused(tmp_path, "key show peer")
    assert setup(tmp_path, "key import peer").status == 2
    assert setup(tmp_path, "key retire peer 256").status == 2


def test_no_setting_of_a_pair_shows_a_secret_or_leaves_one_readable(root: Path) -> None:
    setup(root, "key new peer")
    setup(root, "mlan H1 addr=10.0.0.1 port=5002")
    key = load(root / "etc").peer_keys[0].key.reveal()
    lines = ("mserversetting", "mserversetting --json", "ipdusetting", "setting --json")
    ends = [run_here(root, "haconnshow", *line.split()) for line in lines]
    ends += [run_here(root, "haconnshow", "mserversetting", screen=True), setup(root, "key show")]
    assert all(ended.status == 0 for ended in ends)
    text = "".join(f"{ended.out}{ended.err}" for ended in ends)
    assert "H1" in text
    for secret in (CANARY, "canary", key):
        assert secret not in text
    for path in (root / "etc").rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o077:
            content = path.read_text(encoding="utf-8")
            assert "canary" not in content
            assert key not in content
