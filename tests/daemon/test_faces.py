"""Logs in faces: sizes, order, and disks that are full, slow or away."""

import stat
import threading
from pathlib import Path

import trio

from haconn.daemon.faces import FACES, LINES_AT_ONCE, RETRY_S, WAITING_MAX, Faces, Writer
from tests.daemon.parts import unmounted
from tests.daemon.test_journal import full_disk


def lines(directory: Path, name: str = "log") -> list[str]:
    """Every line of every face, the oldest face first."""
    faces = sorted(directory.glob(f"{name}*"), key=lambda path: path.stat().st_mtime_ns)
    return [line for face in faces for line in face.read_text().splitlines()]


def test_lines_arrive_in_order_and_are_readable_for_the_group(tmp_path: Path) -> None:
    log = Faces(tmp_path, "log")
    for n in range(3 * LINES_AT_ONCE):
        log.put(f"line {n}")
    log.flush()
    assert lines(tmp_path) == [f"line {n}" for n in range(3 * LINES_AT_ONCE)]
    assert stat.S_IMODE((tmp_path / "log0").stat().st_mode) & ~0o640 == 0


def test_a_full_face_gives_way_to_the_next_and_the_oldest_is_overwritten(tmp_path: Path) -> None:
    log = Faces(tmp_path, "log", face_bytes=1000)
    written = [f"{n:049d}" for n in range(400)]
    for line in written:  # fifty bytes each: twenty to a face
        log.put(line)
        log.flush()
    assert {path.name for path in tmp_path.iterdir()} == {f"log{n}" for n in range(FACES)}
    assert max(path.stat().st_size for path in tmp_path.iterdir()) == 1000
    assert sorted(lines(tmp_path)) == written[-20 * FACES :]


def test_a_burst_does_not_outgrow_a_face(tmp_path: Path) -> None:
    log = Faces(tmp_path, "log", face_bytes=60_000)
    for n in range(WAITING_MAX):
        log.put(f"{n:049d}")
    log.flush()
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 60_000
    assert max(lines(tmp_path)) == f"{WAITING_MAX - 1:049d}"


def test_after_a_restart_the_newest_face_goes_on(tmp_path: Path) -> None:
    log = Faces(tmp_path, "log", face_bytes=1000)
    for n in range(50):
        log.put(f"{n:049d}")
        log.flush()
    assert log.path.name == "log2"
    again = Faces(tmp_path, "log", face_bytes=1000)
    assert again.path == log.path
    again.put("a" * 49)
    again.flush()
    assert again.path.read_text().splitlines()[-1] == "a" * 49


def test_too_many_lines_are_dropped_counted_and_told_once(tmp_path: Path) -> None:
    log = Faces(tmp_path, "log")
    for n in range(WAITING_MAX + 7):
        log.put(str(n))
    log.flush()
    log.put("after")
    log.flush()
    found = lines(tmp_path)
    assert [line for line in found if "dropped" in line] == [
        "(7 lines were dropped: the disk was too slow)"
    ]
    assert found[-1] == "after"
    assert str(WAITING_MAX - 1) in found


def test_what_a_full_disk_cut_off_is_written_once_and_whole(tmp_path: Path) -> None:
    log = Faces(tmp_path, "log")
    log.put("first")
    log.flush()
    for n in range(100):
        log.put(f"{n:049d}")
    with full_disk(1000):
        try:
            log.flush()
        except OSError as exc:
            failure = exc
    assert failure.strerror
    assert lines(tmp_path) == ["first"]
    log.flush()
    assert lines(tmp_path) == ["first", *(f"{n:049d}" for n in range(100))]


class Outcomes:
    """What a writer said of its disk."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._news = trio.Event()

    def failed(self, exc: OSError) -> None:
        self._say(exc.strerror or "?")

    def works(self) -> None:
        self._say("works")

    def _say(self, word: str) -> None:
        self.said.append(word)
        self._news.set()
        self._news = trio.Event()

    async def until(self, count: int) -> None:
        with trio.fail_after(20):
            while len(self.said) < count:
                await self._news.wait()


async def test_a_disk_that_comes_back_gets_its_lines_without_a_further_one(tmp_path: Path) -> None:
    log, outcomes = Faces(tmp_path, "log"), Outcomes()
    writer = Writer((log,), outcomes.failed, outcomes.works)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.serve)
        with unmounted(tmp_path):
            log.put("kept")
            writer.wake()
            began = trio.current_time()
            await outcomes.until(2)
            assert trio.current_time() - began >= RETRY_S
        await outcomes.until(3)
        nursery.cancel_scope.cancel(reason="the test has ended")
    assert outcomes.said == ["No such file or directory"] * 2 + ["works"]
    assert lines(tmp_path) == ["kept"]


class SlowFaces(Faces):
    """A log on a disk that hangs."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "log")
        self.disk = threading.Event()
        self.at_once = self.at_once_max = 0

    def flush(self) -> None:
        self.at_once += 1
        self.at_once_max = max(self.at_once, self.at_once_max)
        self.disk.wait(60)
        super().flush()
        self.at_once -= 1


async def test_a_disk_that_hangs_holds_up_neither_a_line_nor_the_end(tmp_path: Path) -> None:
    log, outcomes = SlowFaces(tmp_path), Outcomes()
    writer = Writer((log,), outcomes.failed, outcomes.works)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.serve)
        for n in range(1000):
            log.put(str(n))
            writer.wake()
        await trio.sleep(0.05)
        nursery.cancel_scope.cancel(reason="the test has ended")
    with trio.move_on_after(0.05) as last:
        await writer.write()
    assert last.cancelled_caught
    log.disk.set()
    await writer.write()
    assert lines(tmp_path) == [str(n) for n in range(1000)]
    assert log.at_once_max == 1
