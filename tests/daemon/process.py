"""The daemon as a process of its own, with its four trees in one directory."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from haconn.config.schema import Configuration, KeyEntry, ManagedServer, PduEntry, ResetPath, Timers
from haconn.core.model import Feed, Secret
from haconn.daemon.journal import NAME
from tests.daemon.files import store
from tests.drivers.ipmi_peers import free_port

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 30.0
PASSWORD = "canary-Password-1"
COMMUNITY = "canaryCommunity1"
MASTER = "ca" * 32


def configuration(port: int, **timers: int) -> Configuration:
    """One server with an outlet and a key; every secret is a canary."""
    server = ManagedServer(
        name="alpha",
        addr="127.0.0.1",
        account="admin",
        password=Secret(PASSWORD),
        bmcport=free_port(),
        ipdusd=True,
        timeout=5,
        recoverytime=5,
        fence_kdump=True,
        feeds=(Feed("127.0.4.9", "1"),),
    )
    key = KeyEntry(
        id=1, generation=1, server="alpha", vm=None, port=30001, number=1, key=Secret(MASTER),
        newest=1,
    )  # fmt: skip
    return Configuration(
        mode="single",
        resetpath=ResetPath(addr="127.0.0.1", mask="255.0.0.0", port=port),
        timers=Timers(kdump_port=timers.pop("kdump_port", free_port()), **timers),
        pservers=(server,),
        pdus=(PduEntry(addr="127.0.4.9", model="IBM_PDU", port=free_port()),),
        community=Secret(COMMUNITY),
        keys=(key,),
        next_system=2,
    )


@dataclass
class Home:
    """Where a daemon lives."""

    base: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        for tree in ("etc", "var", "run"):
            (self.base / tree).mkdir()

    @property
    def environment(self) -> dict[str, str]:
        trees = {f"HACONN_{name.upper()}": str(self.base / name) for name in ("etc", "var", "run")}
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, **trees, "NOTIFY_SOCKET": str(self.base / "notify")}

    def configure(self, wanted: Configuration | None = None) -> None:
        store(self.base / "etc", wanted or configuration(self.port))

    def log(self, name: str = "eventlog0") -> str:
        return (self.base / "var" / "log" / name).read_text()

    @property
    def journal(self) -> Path:
        return self.base / "var" / NAME

    def start(self, *options: str, file_bytes_max: int | None = None) -> subprocess.Popen[str]:
        """Start a daemon and do not wait for anything."""
        command = [sys.executable, *options, "-m", "haconn.daemon.main"]
        if file_bytes_max is not None:  # as on a full disk
            limit = f'ulimit -S -f {file_bytes_max // 512}; exec "$@"'
            command = ["sh", "-c", limit, "sh", *command]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fails(self, *options: str) -> tuple[int, str]:
        """Start a daemon that does not come up; give its status and what it said."""
        with self.start(*options) as process:
            try:
                _, said = process.communicate(timeout=PATIENCE_S)
            finally:
                process.kill()
        return process.returncode, said

    @contextmanager
    def running(self, *, file_bytes_max: int | None = None) -> Iterator["Running"]:
        """Run a daemon; it is ready when the block begins, and gone when it has ended."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            (self.base / "notify").unlink(missing_ok=True)
            notify.bind(str(self.base / "notify"))
            with self.start(file_bytes_max=file_bytes_max) as process:
                daemon = Running(process, notify)
                try:
                    daemon.until("READY=1")
                    yield daemon
                finally:
                    process.kill()


@dataclass
class Running:
    """A daemon that is ready."""

    process: subprocess.Popen[str]
    notify: socket.socket

    def until(self, state: str) -> None:
        """Wait until the service manager is told this."""
        while True:
            readable, _, _ = select.select([self.notify], [], [], PATIENCE_S)
            if not readable or self.process.poll() is not None:
                self.process.kill()
                _, said = self.process.communicate()
                raise AssertionError(f"never said {state}: {said}")
            if self.notify.recv(4096).decode() == state:
                return

    def stop(self, *signals: signal.Signals) -> tuple[int, str]:
        """Send signals, SIGTERM if none is given; give the exit status and what was said."""
        for number in signals or (signal.SIGTERM,):
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, said
