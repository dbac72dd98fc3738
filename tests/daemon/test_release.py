"""After the end of a daemon: the address is gone first, then the peer is told, and never else."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path as File

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.core.beat import PairDatagram, PairSession, Path, Release
from haconn.core.model import Secret
from haconn.daemon.boot import boot_id
from haconn.daemon.pair.exclusivity import LOCK, take_lock
from haconn.daemon.pair.records import PAIR_STATE, PairState, load_state, store_state
from haconn.daemon.release import SENDINGS, _peer_keys
from haconn.wire.pair.end import PairEnd
from haconn.wire.pair.keys import PairKey
from tests.drivers.ipmi_peers import free_port

ROOT = File(__file__).parent.parent.parent
PATIENCE_S = 60.0
KEYS = (PairKey(3, Secret("ca" * 32)), PairKey(4, Secret("fe" * 32)))
SECRETS = f"""
community = "canary"
[peer]
newest = 4
keys = [{{ generation = 3, key = "{"ca" * 32}" }}, {{ generation = 4, key = "{"fe" * 32}" }}]
"""
SESSION = PairSession(bytes(range(16)))
VIRTUAL = "198.51.100.77"
OWN = {Path.DUPLEX: "127.3.0.1", Path.MANAGEMENT: "127.2.0.1", Path.RESET: "127.1.0.1"}
PEER = {Path.DUPLEX: "127.3.0.2", Path.MANAGEMENT: "127.2.0.2", Path.RESET: "127.1.0.2"}
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace")


@dataclass
class Site:
    """A management server whose daemon has ended, and its peer's ears."""

    base: File
    state: PairState
    ears: dict[Path, socket.socket]

    @property
    def environment(self) -> dict[str, str]:
        trees = {f"HACONN_{name.upper()}": str(self.base / name) for name in ("etc", "var", "run")}
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **trees}

    def leaves(self, **changes: object) -> None:
        """Let the daemon have left this."""
        state: PairState = replace(self.state, **changes)  # type: ignore[arg-type]
        assert store_state(self.base / "run", state) is None

    @property
    def left(self) -> PairState | None:
        return load_state(self.base / "run", boot_id())

    def release(self, *before: str) -> tuple[int, str]:
        """Run the program; give its status and the one line that it said."""
        done = subprocess.run(
            [*before, sys.executable, "-m", "haconn.daemon.release"],
            cwd=self.base,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.stdout == ""
        assert done.stderr.startswith("haconn-release: ")
        assert done.stderr.count("\n") == 1, done.stderr
        for secret in ("ca" * 32, "fe" * 32, "canary"):
            assert secret not in done.stderr
        return done.returncode, done.stderr

    def heard(self, path: Path) -> list[tuple[bytes, str]]:
        """What the peer's socket of a path got."""
        found: list[tuple[bytes, str]] = []
        while True:
            try:
                data, source = self.ears[path].recvfrom(2048)
            except BlockingIOError:
                return found
            found.append((data, source[0]))


@pytest.fixture
def site(tmp_path: File) -> Iterator[Site]:
    for name in ("etc", "var", "run"):
        (tmp_path / name).mkdir()
    os.close(take_lock(tmp_path / "var"))
    (tmp_path / "etc" / "secrets.toml").write_text(SECRETS)
    (tmp_path / "etc" / "secrets.toml").chmod(0o600)
    port = free_port()
    state = PairState(
        boot=boot_id(),
        me="alpha",
        peer_name="beta",
        session=SESSION,
        epoch=9,
        was_active=True,
        virtual_address=VIRTUAL,
        prefix=24,
        own=OWN,
        own_port=port,
        peer=PEER,
        peer_port=port,
    )
    with ExitStack() as stack:
        ears = {}
        for path, address in PEER.items():
            ear = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            ear.setblocking(False)
            ear.bind((address, port))
            ears[path] = ear
        yield Site(tmp_path, state, ears)


def test_the_peer_is_told_on_every_path_under_every_key(site: Site) -> None:
    site.leaves()
    status, said = site.release()
    assert status == 0
    assert f"{VIRTUAL} is on no interface" in said
    for path in Path:
        assert path.value in said
        heard = site.heard(path)
        assert {source for _, source in heard} == {OWN[path]}
        for key in KEYS:
            beta = PairEnd([key], "beta", "alpha")
            beta.know(OWN.values())
            opened = [beta.open(data, source, 0.0) for data, source in heard]
            told = [one for one in opened if isinstance(one, PairDatagram)]
            assert told == [PairDatagram(SESSION, 0, 9, Release(SESSION))] * SENDINGS


def test_what_was_said_is_not_said_again(site: Site) -> None:
    site.leaves()
    assert site.release()[0] == 0
    for path in Path:
        site.heard(path)
    assert site.left is None
    status, said = site.release()
    assert status == 0
    assert "nothing to release" in said
    assert all(not site.heard(path) for path in Path)


def test_while_a_daemon_runs_nothing_is_touched_or_said(site: Site) -> None:
    site.leaves()
    lock = take_lock(site.base / "var")
    status, said = site.release()
    os.close(lock)
    assert status == 0
    assert "another haconnr2 runs" in said
    assert site.left == site.state
    assert all(not site.heard(path) for path in Path)


def test_of_a_session_that_was_never_active_nothing_is_said(site: Site) -> None:
    site.leaves(was_active=False)
    status, said = site.release()
    assert status == 0
    assert "was not active" in said
    assert all(not site.heard(path) for path in Path)
    assert site.left is None


def test_the_state_of_another_boot_is_not_acted_on(site: Site) -> None:
    site.leaves(boot="another boot")
    status, said = site.release()
    assert status == 0
    assert "nothing to release" in said
    assert all(not site.heard(path) for path in Path)
    assert (site.base / "run" / PAIR_STATE).exists()


def test_without_any_state_there_is_nothing_to_release(site: Site) -> None:
    status, said = site.release()
    assert status == 0
    assert "nothing to release" in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[peer]\nnewest = 0",
        "peer = 3",
        "[peer]\nkeys = 3",
        "[peer]\nkeys = [3]",
        f'[peer]\nkeys = [{{ generation = 0, key = "{"ca" * 32}" }}]',
        '[peer]\nkeys = [{ generation = 3, key = "canary" }]',
        f'community = "canary\n{SECRETS}',
    ],
)
def test_without_a_key_of_the_pair_the_peer_is_not_told(site: Site, text: str) -> None:
    site.leaves()
    (site.base / "etc" / "secrets.toml").write_text(text)
    status, said = site.release()
    assert status == 1
    assert f"{VIRTUAL} is gone, the peer is not told" in said
    assert site.left == site.state


def test_a_key_that_others_can_read_is_not_used(site: Site) -> None:
    site.leaves()
    (site.base / "etc" / "secrets.toml").chmod(0o644)
    status, said = site.release()
    assert status == 1
    assert "0644" in said
    assert all(not site.heard(path) for path in Path)


def test_a_path_that_is_cut_does_not_keep_the_others(site: Site) -> None:
    site.leaves(
        own={**OWN, Path.RESET: "198.51.100.1"},
        peer={**PEER, Path.RESET: "255.255.255.255"},  # what the kernel refuses to send
    )
    status, said = site.release()
    assert status == 0
    assert "the peer was told on duplex LAN, management LAN\n" in said
    assert len(site.heard(Path.DUPLEX)) == SENDINGS * len(KEYS)


def test_with_nobody_to_tell_it_says_so(site: Site) -> None:
    site.leaves(peer={})
    status, said = site.release()
    assert status == 1
    assert "no path" in said


@pytest.mark.parametrize("path", Path)
def test_where_the_port_of_the_pair_is_taken_nothing_is_touched_or_said(
    site: Site, path: Path
) -> None:
    """HACONN_VAR was made anew under a daemon that serves: its lock is another file, and free."""
    site.leaves()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((OWN[path], site.state.own_port))
        status, said = site.release()
    assert status == 1
    assert f"port {site.state.own_port} of the pair on {OWN[path]}: another process has it" in said
    assert site.left == site.state
    assert all(not site.heard(one) for one in Path)


def test_what_hangs_is_given_up(site: Site) -> None:
    site.leaves()
    former = signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        with (site.base / "var" / LOCK).open("w") as held:
            fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)  # whoever opens it has to wait
            status, said = site.release()
    finally:
        signal.signal(signal.SIGIO, former)
    assert status == 1
    assert "not done in time" in said


def test_a_damaged_state_is_told_and_nothing_is_done(site: Site) -> None:
    site.leaves()
    path = site.base / "run" / PAIR_STATE
    path.write_bytes(path.read_bytes().replace(b"10.", b"11.", 1).replace(b"127.", b"128.", 1))
    status, said = site.release()
    assert status == 1
    assert "pair-state is damaged" in said
    assert not site.heard(Path.DUPLEX)


@pytest.mark.parametrize("tree", ["HACONN_VAR", "HACONN_RUN"])
def test_a_tree_that_is_no_path_is_told_in_one_line(site: Site, tree: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "haconn.daemon.release"],
        env={**site.environment, tree: "not/absolute"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"haconn-release: {tree}: ")
    assert done.stderr.endswith(": allowed is an absolute path\n")


def test_where_no_daemon_has_run_nothing_is_made(site: Site) -> None:
    site.leaves()
    (site.base / "var" / LOCK).unlink()
    for _ in range(2):
        status, said = site.release()
        assert status == 0
        assert "no daemon has run" in said
        assert list((site.base / "var").iterdir()) == []
    assert all(not site.heard(path) for path in Path)


def test_a_lock_that_cannot_be_taken_is_told_in_one_line(site: Site) -> None:
    site.leaves()
    (site.base / "var" / LOCK).unlink()
    (site.base / "var" / LOCK).mkdir()
    status, said = site.release()
    assert status == 1
    assert "Is a directory" in said
    assert all(not site.heard(path) for path in Path)


def test_nothing_is_imported_that_a_takeover_would_wait_for(site: Site) -> None:
    site.leaves()
    program = (
        "import sys, haconn.daemon.release as program\n"
        "assert program.main() == 0\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules} | set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=site.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    imported = set(done.stdout.split())
    assert "haconn.wire.pair.end" in imported
    slow = {"trio", "pyroute2", "asyncio", "rich", "pysnmp", "pyghmi", "tomlkit", "cryptography"}
    assert not imported & {*slow, "ssl", "subprocess", "haconn.config.schema"}


@given(st.text(max_size=200))
def test_a_file_that_is_damaged_is_a_value_error_that_quotes_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r"^secrets\.toml: no key of the pair$"):
        _peer_keys(f"canary = [\n{text}")


IN_A_NAMESPACE = """
set -e
ip link set lo up
ip link add one type veth peer name two
ip link set two up
ip address add 198.51.100.1/24 dev one
ip link set one up
{add}
{drop} {python} -m haconn.daemon.release && status=0 || status=$?
ip -brief -4 address show dev one >&2
exit $status
"""


@pytest.fixture
def unshare(peer: Callable[[str], str]) -> str:
    """All of it that is needed: an interface of our own, and a way to lose a capability."""
    peer("ip")
    peer("setpriv")
    return peer("unshare")


def released_in_a_namespace(unshare: str, site: Site, add: str, drop: str = "") -> tuple[int, str]:
    script = IN_A_NAMESPACE.format(add=add, drop=drop, python=sys.executable)
    done = subprocess.run(
        [unshare, "--net", "sh", "-c", script],
        cwd=site.base,
        env=site.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stderr


@NEEDS_ROOT
@pytest.mark.parametrize("prefix", [32, 24])
def test_the_address_is_removed_and_nothing_else(site: Site, unshare: str, prefix: int) -> None:
    site.leaves()
    add = f"ip address add {VIRTUAL}/{prefix} dev one valid_lft 60 preferred_lft 60"
    status, said = released_in_a_namespace(unshare, site, add)
    assert status == 0, said
    assert f"{VIRTUAL} is removed from one; the peer was told on duplex LAN" in said
    assert "198.51.100.1/24" in said
    assert f"{VIRTUAL}/" not in said
    assert site.left is None


@NEEDS_ROOT
def test_the_address_stays_where_the_port_of_the_pair_is_taken(site: Site, unshare: str) -> None:
    site.leaves()
    holder = (
        "import socket, time; one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        f"one.bind(('{OWN[Path.DUPLEX]}', {site.state.own_port})); print(1, flush=True);"
        "time.sleep(60)"
    )
    add = (
        f"ip address add {VIRTUAL}/32 dev one valid_lft 60 preferred_lft 60\n"
        f'mkfifo held; {sys.executable} -c "{holder}" >held & holder=$!; read _ <held\n'
        'trap "kill $holder" EXIT'
    )
    status, said = released_in_a_namespace(unshare, site, add)
    assert status == 1, said
    assert "another process has it" in said
    assert f"{VIRTUAL}/32" in said
    assert site.left == site.state


@NEEDS_ROOT
def test_an_address_that_stays_is_never_said_to_be_released(site: Site, unshare: str) -> None:
    site.leaves()
    status, said = released_in_a_namespace(
        unshare, site, f"ip address add {VIRTUAL}/32 dev one", "setpriv --bounding-set=-net_admin"
    )
    assert status == 1
    assert "CAP_NET_ADMIN" in said
    assert "told" not in said
    assert f"{VIRTUAL}/32" in said
    assert site.left == site.state
