"""A client in C, written from docs/protocol.md alone, meets the server's end on a real socket."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
import trio

from haconn.wire.events import (
    Bye,
    Drop,
    Registered,
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
FLAGS = ("-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-O1")
NO_MACHINE = "00000000-0000-0000-0000-000000000000"
MACHINE = "4c4c4544-004d-3510-805a-c7c04f4e3332"
FILES = ("keys.txt", "client.txt", "server.txt", "refused.txt")
Vectors = Callable[[Path], "subprocess.CompletedProcess[str]"]
MISTAKES = {Drop.SIZE, Drop.MAGIC, Drop.KEY, Drop.TAG, Drop.TYPE, Drop.PAYLOAD}


class Done(NamedTuple):
    """What a run of the client came to."""

    status: int
    said: bytes
    complained: bytes


class Client(Protocol):
    """Runs the client to its end, with one thing that it wants."""

    async def __call__(self, *action: str, key: Key = ALPHA, uuid: str = ...) -> Done: ...


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c")


@pytest.fixture
def program(peer: Callable[[str], str], directory: Path) -> str:
    """The client, compiled once."""
    compiler, binary = peer("gcc"), directory / "client"
    if not binary.exists():
        sources = [str(one) for one in sorted(SOURCES.glob("*.c"))]
        subprocess.run([compiler, *FLAGS, "-o", str(binary), *sources], check=True)
    return str(binary)


@pytest.fixture
def vectors(program: str) -> Vectors:
    def check(place: Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, "vectors", str(place)], capture_output=True, text=True, check=False
        )

    return check


def test_vectors_are_met_by_an_independent_implementation(vectors: Vectors) -> None:
    done = vectors(VECTORS)
    counted = [f"{name}: {len(records(name))} records" for name in FILES]
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, sorted(counted))


@pytest.mark.parametrize(
    ("name", "was", "becomes", "noticed"),
    [
        ("server.txt", "outcome: 2", "outcome: 1", "server.txt: result-poff: payload"),
        ("client.txt", "seq: 2\n", "seq: 3\n", "client.txt: hello-third-step: datagram"),
        ("keys.txt", "ticket: 7e", "ticket: 7f", "keys.txt: 1793: ticket"),
        ("refused.txt", "why: tag", "why: key", "tag"),
    ],
)
def test_changed_vector_is_noticed(
    vectors: Vectors, tmp_path: Path, name: str, was: str, becomes: str, noticed: str
) -> None:
    for one in FILES:
        text = (VECTORS / one).read_text(encoding="utf-8")
        assert was in text or one != name
        changed = text.replace(was, becomes, 1) if one == name else text
        (tmp_path / one).write_text(changed, encoding="utf-8")
    done = vectors(tmp_path)
    assert done.returncode == 1
    assert noticed in done.stdout


@pytest.fixture
async def server(nursery: trio.Nursery) -> SmallServer:
    small = SmallServer()
    await nursery.start(small.run)
    return small


@pytest.fixture
def client(program: str, server: SmallServer, tmp_path: Path) -> Client:
    async def run(*action: str, key: Key = ALPHA, uuid: str = NO_MACHINE) -> Done:
        key_file = tmp_path / "client.key"
        key_file.write_text(format_key_line(key) + "\n", encoding="ascii")
        host, port = server.place
        options = {
            "--server": f"{host}:{port}",
            "--host": own_host(1),
            "--port": str(key.port),
            "--key-file": str(key_file),
            "--name": key.server,
            "--system": str(key.system),
            "--boot-id": BOOT,
            "--uuid": uuid,
        }
        given = [part for option in options.items() for part in option]
        command = [program, "run", *given, *action]
        with trio.fail_after(60):
            return await completed(command)

    return run


async def completed(command: list[str]) -> Done:
    """Both outputs of a program that says little."""
    process = await trio.lowlevel.open_process(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with process.stdout, process.stderr:
            said = b"".join([part async for part in process.stdout])
            complained = b"".join([part async for part in process.stderr])
        return Done(await process.wait(), said, complained)
    finally:
        process.kill()


async def test_client_registers(client: Client, server: SmallServer) -> None:
    done = await client("register")
    assert (done.status, done.said) == (0, b"registered\n")
    assert server.homes == {ALPHA.system: (own_host(1), ALPHA.port)}
    assert not MISTAKES & set(server.end.dropped)


@pytest.mark.parametrize(("uuid", "told"), [(MACHINE, MACHINE), (NO_MACHINE, None)])
async def test_client_tells_its_machine_or_does_without(
    client: Client, server: SmallServer, uuid: str, told: str | None
) -> None:
    done = await client("register", uuid=uuid)
    assert (done.status, done.said) == (0, b"registered\n")
    kinds = (SessionBegun, Registered)
    assert [one.by.uuid for one in server.heard if isinstance(one, kinds)] == [told, told]


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("30001/2", b"check 30001/2 flags=0 age=1500"),
        ("30001/1", b"check 30001/1 flags=0 age=1500"),
        ("30002/9", b"check 30002/9 flags=4 age=none"),
    ],
    ids=["other", "itself", "stranger"],
)
async def test_client_checks(client: Client, target: str, answer: bytes) -> None:
    done = await client("check", target)
    assert (done.status, done.said) == (0, b"registered\n" + answer + b"\n")


async def test_client_asks_for_a_reset_prints_the_result_and_acknowledges_it(
    client: Client, server: SmallServer
) -> None:
    done = await client("reset", "30001/2")
    assert (done.status, done.said) == (0, b"registered\nresult DUMP evidence=1 age_ms=250\n")
    await server.until(ResultAcknowledged)
    assert len(server.asked) == 1
    assert not MISTAKES & set(server.end.dropped)


@pytest.mark.parametrize("target", ["30001/1", str(FOREIGN.system)], ids=["itself", "stranger"])
async def test_client_is_told_an_error_for_itself_and_for_strangers(
    client: Client, server: SmallServer, target: str
) -> None:
    done = await client("reset", target)
    assert done.status == 4
    assert done.said == b"registered\nresult ERROR evidence=0 age_ms=4294967295\n"
    assert done.complained.startswith(b"client: reason: ")
    assert any(isinstance(event, ResetRefused) for event in server.heard)


@pytest.mark.parametrize(("action", "event"), [("dump", StopNotice), ("bye", Bye)])
async def test_client_takes_its_leave(
    client: Client, server: SmallServer, action: str, event: type[object]
) -> None:
    done = await client(action)
    assert done.status == 0
    assert isinstance(server.heard[-1], event)


async def test_client_repeats_what_is_lost(client: Client, server: SmallServer) -> None:
    async def lose() -> None:
        await server.until(Registered)
        server.deaf = 1
        await server.until(ResetRequested)
        server.deaf = 1

    server.deaf = 2
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lose)
        done = await client("reset", "30001/2")
    assert (done.status, done.said) == (0, b"registered\nresult DUMP evidence=1 age_ms=250\n")
    assert len(server.asked) == 1


async def test_client_joins_a_restarted_server_and_keeps_its_request_id(
    client: Client, server: SmallServer
) -> None:
    async def lose_everything() -> None:
        await server.until(ResetRequested)
        server.restart()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lose_everything)
        done = await client("reset", "30001/2")
    assert (done.status, done.said) == (0, b"registered\nresult DUMP evidence=1 age_ms=250\n")
    assert len(server.asked) == 1
    assert sum(isinstance(event, SessionBegun) for event in server.heard) >= 2


async def test_client_with_a_wrong_name_is_refused(client: Client) -> None:
    renamed = Key(
        id=1, generation=1, master=ALPHA.master, server="other", vm="", port=30001, number=1
    )
    done = await client("register", key=renamed)
    assert done.status == 1
    assert done.complained == b"client: type 3 refused, status 2\n"
