"""A client in C, written from docs/protocol.md, against the server's end over a real socket."""

import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from haconn.wire.events import (
    Bye,
    ResetRefused,
    ResetRequested,
    ResultAcknowledged,
    SessionBegun,
    StopNotice,
)
from haconn.wire.keys import Key, format_key_line
from tests.wire.independent import VECTORS, records
from tests.wire.parts import ALPHA, BOOT, FOREIGN, own_host
from tests.wire.small_server import SmallServer

SOURCES = Path(__file__).parent.parent / "peers" / "c"
FLAGS = ("-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1")


@pytest.fixture
def compiled(peer: Callable[[str], str], tmp_path: Path) -> Callable[[str], str]:
    """Compile a program of tests/peers/c."""
    compiler = peer("gcc")

    def compile_(name: str) -> str:
        program = str(tmp_path / name)
        subprocess.run([compiler, *FLAGS, "-o", program, str(SOURCES / f"{name}.c")], check=True)
        return program

    return compile_


def test_vectors_are_met_by_an_independent_implementation(compiled: Callable[[str], str]) -> None:
    program = compiled("hr_vectors")
    done = subprocess.run([program, str(VECTORS)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("keys.txt", "client.txt", "server.txt"):
        assert f"{name}: {len(records(name))} records" in done.stdout


def test_changed_vector_is_noticed(compiled: Callable[[str], str], tmp_path: Path) -> None:
    for name in ("keys.txt", "client.txt", "server.txt"):
        text = (VECTORS / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("outcome: 2", "outcome: 1"), encoding="utf-8")
    program = compiled("hr_vectors")
    done = subprocess.run([program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "result-poff: payload differs" in done.stderr


class Client:
    """The C program, line by line."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, line: str) -> None:
        """Read up to this line."""
        assert self.process.stdout is not None
        rest = b""
        while line not in self.lines:
            part = await self.process.stdout.receive_some()
            assert part, f"ended without {line!r}: {self.lines}"
            *whole, rest = (rest + part).split(b"\n")
            self.lines += [one.decode() for one in whole]


@asynccontextmanager
async def running(
    program: str, server: SmallServer, tmp_path: Path, steps: Sequence[str], key: Key = ALPHA
) -> AsyncIterator[Client]:
    key_file = tmp_path / "client.key"
    key_file.write_text(format_key_line(key) + "\n", encoding="ascii")
    host, port = server.place
    own = f"{own_host(1)}:{key.port}"
    identity = [BOOT, str(key.number), key.server, key.vm or "-"]
    command = [program, f"{host}:{port}", own, str(key_file), *identity, *steps]
    with trio.fail_after(60):
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        try:
            yield Client(process)
            await process.wait()
        finally:
            process.kill()


@pytest.fixture
async def server(nursery: trio.Nursery) -> SmallServer:
    small = SmallServer()
    await nursery.start(small.run)
    return small


async def test_client_registers_checks_asks_for_a_reset_and_prints_the_result(
    compiled: Callable[[str], str], server: SmallServer, tmp_path: Path
) -> None:
    steps = ["check=30001/2", "check=30002/9", "reset=30001/2", "dump", "bye"]
    async with running(compiled("hr_client"), server, tmp_path, steps) as client:
        await client.until("ack 10 status 0")
    assert client.process.returncode == 0
    assert client.lines == [
        "ack 1 status 0",
        "ack 3 status 0",
        "check 30001/2 flags 0 age 1500",
        "check 30002/9 flags 4 age 4294967295",
        "acknowledged",
        "result 30001/2 DUMP evidence 1 age 250 reason ",
        "ack 9 status 0",
        "ack 10 status 0",
    ]
    kinds = [type(event) for event in server.heard]
    assert {ResetRequested, ResultAcknowledged, StopNotice, Bye} <= set(kinds)
    assert not server.end.dropped


async def test_client_is_told_an_error_for_itself_and_for_strangers(
    compiled: Callable[[str], str], server: SmallServer, tmp_path: Path
) -> None:
    steps = ["reset=30001/1", f"reset={FOREIGN.system}"]
    async with running(compiled("hr_client"), server, tmp_path, steps) as client:
        await client.until(
            f"result {FOREIGN.system} ERROR evidence 0 age 4294967295 "
            "reason no such system of this monitor port"
        )
    assert sum(isinstance(event, ResetRefused) for event in server.heard) == 2


async def test_client_repeats_what_is_lost(
    compiled: Callable[[str], str], server: SmallServer, tmp_path: Path
) -> None:
    server.deaf = 2
    async with running(compiled("hr_client"), server, tmp_path, ["reset=30001/2"]) as client:
        await client.until("ack 3 status 0")
        server.deaf = 1
        await client.until("result 30001/2 DUMP evidence 1 age 250 reason ")
    assert client.process.returncode == 0


async def test_client_joins_a_restarted_server_and_keeps_its_request_id(
    compiled: Callable[[str], str], server: SmallServer, tmp_path: Path
) -> None:
    async with running(compiled("hr_client"), server, tmp_path, ["reset=30001/2"]) as client:
        await client.until("acknowledged")
        server.restart()
        await client.until("result 30001/2 DUMP evidence 1 age 250 reason ")
    assert "session lost" in client.lines
    assert len(server.asked) == 1
    assert sum(isinstance(event, SessionBegun) for event in server.heard) == 2


async def test_client_with_a_wrong_name_is_refused(
    compiled: Callable[[str], str], server: SmallServer, tmp_path: Path
) -> None:
    renamed = Key(
        id=1, generation=1, master=ALPHA.master, server="other", vm="", port=30001, number=1
    )
    async with running(compiled("hr_client"), server, tmp_path, [], renamed) as client:
        await client.until("ack 3 status 2")
    assert client.process.returncode == 1
