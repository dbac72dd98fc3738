"""The epoch survives what a crash or a disk can do to it, and nobody waits for it."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from haconn.daemon.journal import NAME as JOURNAL
from haconn.daemon.pair.epochs import (
    EPOCH_MAX,
    FILE_BYTES,
    NAME,
    SLOT_BYTES,
    Epochs,
    encode_slot,
    parse_slot,
)

PATIENCE_S = 30.0
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")


def patient(directory: Path, sync: Callable[[int], None] = os.fdatasync) -> Epochs:
    """A loaded machine may take longer than a takeover can wait."""
    return Epochs(directory, sync, PATIENCE_S)


def on_disk(directory: Path) -> tuple[int, str | None]:
    """What the next process would find."""
    return Epochs(directory).read()


async def test_what_was_written_is_found_by_the_next_process(tmp_path: Path) -> None:
    epochs = patient(tmp_path)
    for epoch in (0, 1, 2, 7, EPOCH_MAX):
        assert await epochs.write(epoch) is None
        assert on_disk(tmp_path) == (epoch, None)
    assert (tmp_path / NAME).stat().st_size == FILE_BYTES
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


async def test_a_smaller_epoch_does_not_take_the_place_of_a_greater(tmp_path: Path) -> None:
    epochs = patient(tmp_path)
    await epochs.write(5)
    assert await epochs.write(3) is None
    assert on_disk(tmp_path) == (5, None)


def test_the_first_start_of_all_is_no_alarm_and_reading_makes_no_file(tmp_path: Path) -> None:
    assert on_disk(tmp_path) == (0, None)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_beside_a_journal_is_0_and_an_alarm(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).touch()
    value, alarm = on_disk(tmp_path)
    assert value == 0
    assert alarm is not None
    assert "is missing" in alarm


@pytest.mark.parametrize("size", [0, 1, 31, 32, SLOT_BYTES, FILE_BYTES])
def test_a_file_without_a_slot_is_0_and_an_alarm(tmp_path: Path, size: int) -> None:
    (tmp_path / NAME).write_bytes(bytes(size))
    value, alarm = on_disk(tmp_path)
    assert value == 0
    assert alarm is not None
    assert "holds no epoch" in alarm


async def test_a_short_file_keeps_its_slot_and_gets_its_length(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(encode_slot(9))
    epochs = patient(tmp_path)
    assert epochs.read() == (9, None)
    assert await epochs.write(10) is None
    assert (tmp_path / NAME).read_bytes()[:32] == encode_slot(9)
    assert on_disk(tmp_path) == (10, None)


@pytest.mark.parametrize("place", [0, SLOT_BYTES])
async def test_a_write_that_is_torn_at_any_byte_keeps_the_older_value(
    tmp_path: Path, place: int
) -> None:
    epochs = patient(tmp_path)
    for epoch in (256, 257) if place == 0 else (255, 256, 257):
        await epochs.write(epoch)
    whole = (tmp_path / NAME).read_bytes()
    before, after = whole[place : place + 32], encode_slot(65535)
    assert before == encode_slot(256)
    for cut in range(32):
        torn = after[:cut] + before[cut:]
        (tmp_path / NAME).write_bytes(whole[:place] + torn + whole[place + 32 :])
        value, alarm = on_disk(tmp_path)
        assert value == 257
        assert (alarm is None) == (torn == before), cut
        next_process = patient(tmp_path)
        next_process.read()
        assert await next_process.write(258) is None
        assert on_disk(tmp_path) == (258, None), "the damaged slot is the one that is written"


async def test_two_damaged_slots_are_0_and_an_alarm_until_the_next_write(tmp_path: Path) -> None:
    epochs = patient(tmp_path)
    await epochs.write(4)
    await epochs.write(5)
    with (tmp_path / NAME).open("r+b") as file:
        for place in (15, SLOT_BYTES + 15):
            file.seek(place)
            file.write(b"\xff")
    value, alarm = on_disk(tmp_path)
    assert value == 0
    assert alarm is not None
    assert "holds no epoch" in alarm
    assert await patient(tmp_path).write(6) is None
    assert on_disk(tmp_path)[0] == 6


def test_a_directory_in_place_of_the_file_is_0_and_an_alarm(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    value, alarm = on_disk(tmp_path)
    assert value == 0
    assert alarm is not None


async def test_a_disk_that_takes_no_writes_leaves_the_epoch_known(tmp_path: Path) -> None:
    epochs = patient(tmp_path / "missing")
    alarm = await epochs.write(8)
    assert alarm is not None
    assert "only in memory" in alarm
    assert epochs.known == 8


async def test_a_slow_disk_is_given_up_and_the_epoch_is_known_all_the_same(
    tmp_path: Path,
) -> None:
    released = threading.Event()
    slow = [False]

    def sync(file: int) -> None:
        if slow[0]:
            released.wait(PATIENCE_S)
        os.fdatasync(file)

    epochs = Epochs(tmp_path, sync, 0.05)
    for epoch in (1, 2):
        while await epochs.write(epoch) is not None:
            pass
    slow[0] = True
    try:
        with trio.fail_after(
            PATIENCE_S
        ):  # a worker that is stuck in the kernel cannot be cancelled
            for epoch in (3, 4):
                alarm = await epochs.write(epoch)
                assert alarm is not None
                assert "only in memory" in alarm
                assert epochs.known == epoch
        assert parse_slot((tmp_path / NAME).read_bytes()[SLOT_BYTES:]) == 2
    finally:
        slow[0] = False
        released.set()
    with trio.fail_after(PATIENCE_S):
        while await epochs.write(4) is not None:
            pass
    assert on_disk(tmp_path) == (4, None)


async def test_a_failed_sync_does_not_make_the_slot_the_one_to_keep(tmp_path: Path) -> None:
    failing = [False]

    def sync(file: int) -> None:
        if failing[0]:
            raise OSError(5, "Input/output error")
        os.fdatasync(file)

    epochs = patient(tmp_path, sync)
    await epochs.write(1)
    await epochs.write(2)
    failing[0] = True
    for epoch in (3, 4, 5):
        alarm = await epochs.write(epoch)
        assert alarm is not None
        assert "Input/output error" in alarm
        assert parse_slot((tmp_path / NAME).read_bytes()[SLOT_BYTES:]) == 2
    failing[0] = False
    assert await epochs.write(6) is None
    assert on_disk(tmp_path) == (6, None)


async def test_who_reads_during_writes_never_sees_less_or_damage(tmp_path: Path) -> None:
    epochs = patient(tmp_path, lambda _: None)
    await epochs.write(1)
    done = threading.Event()
    seen: list[tuple[int, str | None]] = []

    def look() -> None:
        while not done.is_set():
            seen.append(on_disk(tmp_path))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for epoch in range(2, 300):
            assert await epochs.write(epoch) is None
    finally:
        done.set()
        reader.join()
    assert {alarm for _, alarm in seen} <= {None}
    values = [value for value, _ in seen]
    assert values == sorted(values)


async def test_a_cancelled_write_leaves_the_file_to_its_worker(tmp_path: Path) -> None:
    began, released = threading.Event(), threading.Event()

    def sync(file: int) -> None:
        began.set()
        released.wait(PATIENCE_S)

    epochs = patient(tmp_path, sync)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(epochs.write, 3)
            await trio.to_thread.run_sync(began.wait)
            scope.cancel(reason="the test is over")
    released.set()
    with trio.fail_after(PATIENCE_S):
        assert await epochs.write(3) is None
    assert on_disk(tmp_path) == (3, None)


@pytest.fixture
def small_disk(tmp_path: Path, peer: Callable[[str], str]) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(
        [peer("mount"), "-t", "tmpfs", "-o", "size=64k", "epochs", str(disk)], check=True
    )
    try:
        yield disk
    finally:
        subprocess.run([peer("umount"), str(disk)], check=True)


def fill(disk: Path) -> None:
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


@ROOT_ONLY
async def test_a_disk_that_becomes_full_later_does_not_matter(small_disk: Path) -> None:
    epochs = patient(small_disk)
    assert await epochs.write(0) is None
    fill(small_disk)
    for epoch in (1, 2, 3):
        assert await epochs.write(epoch) is None
        assert on_disk(small_disk) == (epoch, None)


@ROOT_ONLY
async def test_a_disk_that_is_full_at_the_start_is_an_alarm_that_ends(small_disk: Path) -> None:
    fill(small_disk)
    epochs = patient(small_disk)
    alarm = await epochs.write(1)
    assert alarm is not None
    assert "No space left" in alarm
    assert epochs.known == 1
    (small_disk / "filling").unlink()
    assert await epochs.write(1) is None
    assert on_disk(small_disk) == (1, None)


def test_a_killed_process_leaves_an_epoch_that_it_wrote(tmp_path: Path) -> None:
    program = (
        "import sys, trio, pathlib\n"
        "from haconn.daemon.pair.epochs import Epochs\n"
        "async def main():\n"
        "    epochs = Epochs(pathlib.Path(sys.argv[1]), wait_s=30)\n"
        "    for epoch in range(1, 1000000):\n"
        "        await epochs.write(epoch)\n"
        "        print(epoch, flush=True)\n"
        "trio.run(main)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(50):
            assert process.stdout.readline()
        process.kill()
        said = process.stdout.read().split("\n")
    last = int(said[-2]) if len(said) > 1 else 50
    assert on_disk(tmp_path)[0] in {last, last + 1}


@given(st.integers(0, EPOCH_MAX))
def test_a_slot_says_what_was_put_into_it(epoch: int) -> None:
    assert parse_slot(encode_slot(epoch)) == epoch
    assert parse_slot(encode_slot(epoch) + bytes(100)) == epoch


@given(st.binary(max_size=64))
def test_chance_makes_no_epoch(data: bytes) -> None:
    assert parse_slot(data) is None


def test_an_epoch_that_no_datagram_can_carry_is_none() -> None:
    assert parse_slot(encode_slot(EPOCH_MAX + 1)) is None
