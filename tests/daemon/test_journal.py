"""The journal: what is written is read again, whatever happened to the file in between."""

import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from haconn.core.events import CommandSent, Registered, Requested, SessionOpened
from haconn.core.model import Feed, Instant
from haconn.core.plan import Policy, Proof
from haconn.core.server import Owed, Restore
from haconn.core.step import step
from haconn.core.system import System
from haconn.core.world import World
from haconn.daemon.journal import COMPACT_BYTES, NAME, Journal
from haconn.daemon.journal_lines import is_title, parse_title, seal, unseal
from haconn.daemon.journal_reading import Found, read
from tests.daemon.parts import A, B, descriptors, unmounted, world
from tests.daemon.test_owner import BOOT_A, BOOT_B, REQUEST, speaker

FEEDS = (Feed("192.0.2.7", "1"),)
RICH = (
    Policy("alpha", outlets=True, recovery_s=10, feeds=FEEDS, proof=Proof.POWER_OFF),
    Policy("beta", outlets=True, recovery_s=10, feeds=FEEDS, fence_kdump=True),
)


def busy_world(now: float) -> World:
    """Something of everything that is kept: a reset under way, a request, a restore owed."""
    made = world(RICH)
    events = (
        SessionOpened("beta", 1),
        Registered(speaker(A, BOOT_A), "192.0.2.1", 30001),
        Registered(speaker(B, BOOT_B), "192.0.2.2", 30001),
        Requested(speaker(A, BOOT_A), REQUEST, B),
    )
    for event in events:
        step(made, event, Instant(now))
    operation = made.asked[A, REQUEST].operation
    step(made, CommandSent("beta", operation, 0), Instant(now + 0.01))
    owed = Owed(Restore.FEEDS, "r-0", Instant(now - 5), Instant(now + 5), 2, "silent", asked_by="x")
    made.put_server(replace(made.servers["alpha"], owed=(owed,), left_dark=True))
    return made


def same(found: Found, made: World) -> bool:
    """Whether all was found that is kept; readings are not, and instants may be shifted."""
    assert found.systems.keys() == made.systems.keys()
    assert found.asked.keys() == made.asked.keys()
    for key, system in made.systems.items():
        other = found.systems[key]
        assert replace(other, commanded_at=None, reset=None) == replace(
            system, commanded_at=None, reset=None
        )
        assert (other.reset is None) == (system.reset is None)
    return all(
        [owed.operation for owed in found.servers[name].owed]
        == [owed.operation for owed in server.owed]
        for name, server in made.servers.items()
    )


def damaged(found: Found) -> int:
    """How many lines of all files."""
    return sum(damage.lines for damage in found.damage)


def resealed(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The same file as a haconn would have written it with other values in it."""
    lines = [line for line in data.rstrip(b"\0").split(b"\n") if line]
    title = unseal(lines[0])
    assert title is not None
    known = parse_title(title[1])
    assert known is not None
    made = []
    for line in lines:
        journal = b"" if is_title(line) else known.journal.encode()
        sealed = unseal(line, journal)
        assert sealed is not None
        row = json.loads(sealed[1])
        change(row)
        made.append(seal(sealed[0], json.dumps(row, separators=(",", ":")).encode(), journal))
    return b"".join(made)


def lines_of(path: Path) -> int:
    """How many bytes of it are written."""
    return len(path.read_bytes().rstrip(b"\0"))


async def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    journal.close()
    found = read(tmp_path)
    assert found.same_boot
    assert not found.damage
    assert not found.lost
    assert same(found, made)
    before, after = made.systems[B].reset, found.systems[B].reset
    assert before is not None
    assert after is not None
    assert (after.operation, after.asked_by, after.plan.stages) == (
        before.operation,
        before.asked_by,
        before.plan.stages,
    )
    assert after.state.until == pytest.approx(before.state.until, abs=0.05)


async def test_another_process_reads_ages_and_not_numbers(tmp_path: Path) -> None:
    """Its clock has another zero; the kernel's is the same."""
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    journal.close()
    mine = made.asked[A, REQUEST].at - trio.current_time()
    script = (
        "import sys, trio; from pathlib import Path\n"
        "from haconn.daemon.journal_reading import read\n"
        "async def main():\n"
        "    for one in read(Path(sys.argv[1])).asked.values():\n"
        "        print(one.at - trio.current_time())\n"
        "trio.run(main)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    process = await trio.to_thread.run_sync(
        lambda: subprocess.run(command, capture_output=True, text=True, check=True)
    )
    assert -60 < float(process.stdout) <= mine


async def test_without_a_journal_nothing_is_found(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.empty
    assert not found.unreadable
    assert not found.damage
    assert not found.lost


async def test_a_line_that_a_crash_cut_off_is_dropped_and_all_others_are_kept(
    tmp_path: Path,
) -> None:
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    journal.append([System(A, "alpha", boot_id="never whole")], made)
    journal.close()
    path = tmp_path / NAME
    data = path.read_bytes()
    whole = len(data.rstrip(b"\0"))
    last = data.rstrip(b"\0\n").rindex(b"\n") + 1
    for cut in range(last, whole):
        for torn in (data[:cut], data[:cut] + bytes(len(data) - cut)):
            path.write_bytes(torn)
            found = read(tmp_path)
            assert not found.damage, "it was never acted on"
            assert not found.lost
            if cut < whole - 1:
                assert same(found, made)
            else:
                assert found.systems[A].boot_id == "never whole", "but for its line feed it is"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\0\0\0",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b"{}",
        b'{"system": 1}',
        b'{"system": {"key": {"port": 1, "number": 2}}}',
        b'{"server": {"name": "x", "unheard-of": 1}}',
        b'{"asked": {"at": 1e400}}',
        b'"text"',
    ],
)
async def test_garbage_between_lines_costs_nothing_but_itself(
    tmp_path: Path, garbage: bytes
) -> None:
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    journal.close()
    path = tmp_path / NAME
    head, *lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([head, garbage, *lines]))
    found = read(tmp_path)
    assert damaged(found) == 1
    assert not found.lost
    assert same(found, made)


async def test_a_plan_that_the_core_rules_out_is_a_damaged_line(tmp_path: Path) -> None:
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    journal.close()
    path = tmp_path / NAME

    def change(row: dict[str, Any]) -> None:
        if row.get("system", {}).get("reset"):
            row["system"]["reset"]["plan"]["stages"] = []

    path.write_bytes(resealed(path.read_bytes(), change))
    found = read(tmp_path)
    assert damaged(found) == 1
    assert found.lost
    assert found.certain == {A}


@pytest.mark.parametrize(
    "head", [b"", b"{}", b'{"version": 1, "boot": "x", "epoch": 0}', b"\x80", b"[]"]
)
async def test_a_journal_of_another_version_is_told_from_none(tmp_path: Path, head: bytes) -> None:
    """Something may be under way that nobody can read of any more."""
    (tmp_path / NAME).write_bytes(head + b'\n{"system": {}}\n')
    found = read(tmp_path)
    assert found.unreadable
    assert found.lost
    assert not found.certain
    assert damaged(found)
    assert found.empty


async def test_another_boot_is_recognised(tmp_path: Path) -> None:
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    journal.close()
    path = tmp_path / NAME

    def change(row: dict[str, Any]) -> None:
        if "title" in row:
            row["title"]["boot"] = "0" * 36

    path.write_bytes(resealed(path.read_bytes(), change))
    found = read(tmp_path)
    assert not found.same_boot
    assert same(found, made)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 0.999), noise=st.binary(min_size=1, max_size=12))
async def test_whatever_a_disk_makes_of_a_journal_reading_it_does_not_fail(
    tmp_path: Path, place: float, noise: bytes
) -> None:
    journal = Journal(tmp_path)
    journal.open(busy_world(trio.current_time()))
    journal.close()
    path = tmp_path / NAME
    data = path.read_bytes()
    at = int(place * len(data))
    path.write_bytes(data[:at] + noise + data[at + len(noise) :])
    read(tmp_path)


async def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Journal(tmp_path).open(world())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


async def test_it_begins_anew_when_it_is_long_and_forgets_what_the_world_forgot(
    tmp_path: Path,
) -> None:
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    forgotten = replace(made.asked[A, REQUEST], request_id="forgotten", reason="x" * 100_000)
    begun = (tmp_path / NAME).stat().st_ino
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.serve)
        for _ in range(COMPACT_BYTES // 100_000 + 1):
            journal.append([forgotten], made)
            await trio.lowlevel.checkpoint()
        for n in range(2000):
            made.put_system(replace(made.systems[A], boot_id=f"{n:032x}"))
            journal.append(made.take_changes(), made)
            await trio.sleep(0.005)
            if (tmp_path / NAME).stat().st_ino != begun:
                break
        nursery.cancel_scope.cancel(reason="the test has ended")
    journal.close()
    found = read(tmp_path)
    assert same(found, made)
    assert (tmp_path / NAME).stat().st_ino != begun
    assert not (tmp_path / f"{NAME}.new").exists()


async def test_until_the_new_one_is_on_the_disk_the_old_one_goes_on(tmp_path: Path) -> None:
    """Without a worker nothing is ever synced: the old file is read then, and it is whole."""
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    filler = replace(made.asked[A, REQUEST], reason="x" * 100_000)
    for _ in range(COMPACT_BYTES // 100_000 + 2):
        journal.append([filler], made)
    last = replace(made.systems[A], boot_id="f" * 32)
    made.put_system(last)
    journal.append([last], made)
    assert lines_of(tmp_path / NAME) > COMPACT_BYTES
    assert read(tmp_path).systems[A].boot_id == last.boot_id
    (tmp_path / f"{NAME}.new").replace(tmp_path / NAME)
    found = read(tmp_path)
    assert same(found, made)
    assert found.systems[A].boot_id == "f" * 32
    journal.close()


@contextmanager
def full_disk(bytes_max: int) -> Iterator[None]:
    """Let no file grow beyond that, so that writing fails half-way, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_a_failure_and_no_exception_and_all_is_there_when_it_is_over(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    size = lines_of(tmp_path / NAME)
    for n, limit in enumerate([size + 100, *[size - 100] * 9]):  # the first is cut off half-way
        with full_disk(limit):
            made.put_system(replace(made.systems[A], boot_id=f"{n:032x}"))
            journal.append(made.take_changes(), made)
            assert isinstance(journal.failure, OSError)
            await trio.sleep(0.3)
    journal.append([], made)
    await trio.sleep(1.0)
    journal.append([], made)  # any event will do
    assert journal.failure is None
    found = read(tmp_path)
    assert not found.damage
    assert not found.lost
    assert same(found, made)
    assert found.systems[A].boot_id == f"{9:032x}"
    journal.close()


async def test_a_failing_disk_is_asked_once_a_second_and_not_at_every_event(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    made = world()
    journal = Journal(tmp_path)
    journal.open(made)
    journal.fail(OSError(28, "No space left on device"))
    tries: list[float] = []
    failure = journal.failure
    with unmounted(tmp_path):
        for _ in range(1000):
            journal.append([], made)
            if journal.failure is not failure:
                failure = journal.failure
                tries.append(trio.current_time())
            await trio.sleep(0.01)
    assert len(tries) in {9, 10}
    journal.close()


async def test_no_descriptor_is_lost_in_failures_and_successes(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    before = descriptors()
    for _ in range(5):
        with full_disk(100):
            for _ in range(3):
                journal.append([made.systems[A]], made)
                await trio.sleep(1.1)
        journal.append([], made)
        assert journal.failure is None
    assert descriptors() == before
    journal.close()


async def test_a_start_on_a_full_disk_fails_as_an_error_of_the_machine(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with full_disk(100), pytest.raises(OSError, match="too large"):
        journal.open(busy_world(trio.current_time()))
    assert not (tmp_path / NAME).exists()
    journal.close()


async def test_what_is_written_is_synced_by_a_worker_nobody_waits_for(tmp_path: Path) -> None:
    made = world()
    journal = Journal(tmp_path)
    journal.open(made)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.serve)
        for _ in range(20):
            journal.append([made.systems[A]], made)
            await trio.sleep(0.005)
        assert journal.failure is None
        nursery.cancel_scope.cancel(reason="the test has ended")
    journal.close()
    journal.close()  # twice is no error
