"""What is damaged is noticed: no system is believed to be what it is not.

The whole of it, minutes: `python -m tests.daemon.journal_mutations`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from haconn.core.actions import Perform, Record, TellResult
from haconn.core.events import CommandSent, Event, Requested, Resumed, SessionOpened, Spoke
from haconn.core.model import Instant
from haconn.core.reset import Evidence, Outcome
from haconn.core.step import step
from haconn.core.system import BAR_S, Status, System, Verdict, is_barred
from haconn.core.world import World
from haconn.daemon.journal import NAME, Journal
from haconn.daemon.journal_files import set_aside
from haconn.daemon.journal_reading import Found, read
from haconn.daemon.recovery import CONSERVATIVE_S, recovered
from tests.daemon.journal_mutations import (
    FULL,
    SMALL,
    Bench,
    every_byte_of,
    random_ones_of,
    twins_of,
)
from tests.daemon.parts import A, B, world
from tests.daemon.test_journal import RICH, busy_world, damaged, resealed
from tests.daemon.test_owner import BOOT_A, BOOT_B, REQUEST, speaker

BINDINGS = {A: "alpha", B: "beta"}


def written(directory: Path, made: World, run: Path | None = None) -> Path:
    journal = Journal(directory, run=run)
    journal.open(made)
    journal.close()
    return directory / NAME


def flip(path: Path, place: bytes, ahead: int) -> None:
    data = bytearray(path.read_bytes())
    at = data.rindex(place) + len(place) + ahead
    data[at] ^= 1
    path.write_bytes(data)


def play(made: World, *events: Event, now: float) -> list[object]:
    """Step as the owner does, without anything that is waited for."""
    waiting, done = list(events), list[object]()
    while waiting:
        for action in step(made, waiting.pop(0), Instant(now)):
            if isinstance(action, Record):
                waiting.append(action.then)
            done.append(action)
    return done


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def after(found: Found, now: float) -> World:
    return recovered(busy_world(now).settings, BINDINGS, found, Instant(now))


async def test_a_flipped_bit_in_a_boot_id_makes_no_new_boot_of_a_live_system(
    tmp_path: Path,
) -> None:
    now = trio.current_time()
    path = written(tmp_path, busy_world(now))
    flip(path, b'"boot_id":"' + BOOT_B.encode()[:2], 1)
    found = read(tmp_path)
    assert found.lost
    assert B not in found.certain
    made = after(found, now + 1)
    told = play(made, Resumed(), Spoke(speaker(B, BOOT_B)), now=now + 1)
    assert not [one for one in told if isinstance(one, TellResult) and one.outcome is Outcome.DUMP]
    assert made.is_conservative(Instant(now + CONSERVATIVE_S))


async def test_the_target_of_a_damaged_line_has_nobody_reset(tmp_path: Path) -> None:
    now = trio.current_time()
    path = written(tmp_path, busy_world(now))
    flip(path, b'"server":"beta"', 1)
    made = after(read(tmp_path), now + 1)
    assert is_barred(made.systems[B], Instant(now + BAR_S))
    assert not is_barred(made.systems[A], Instant(now + 2)), "its line is intact, and is the last"
    told = play(made, Resumed(), Requested(speaker(B, BOOT_B), "b1", A), now=now + 20)
    results = [one for one in told if isinstance(one, TellResult) and one.request_id == "b1"]
    assert [one.outcome for one in results] == [Outcome.FAIL]
    assert not [one for one in told if isinstance(one, Perform)]


async def test_an_old_verdict_of_a_system_whose_later_line_is_lost_does_not_hold(
    tmp_path: Path,
) -> None:
    now = trio.current_time()
    made = world(RICH)
    verdict = Verdict(Outcome.DUMP, Evidence.STOP_NOTICE, Instant(now), Instant(now))
    made.put_system(replace(made.systems[B], status=Status.DUMP, boot_id=BOOT_B, verdict=verdict))
    journal = Journal(tmp_path)
    journal.open(made)
    for boot in ("1" * 32, "2" * 32):
        made.put_system(System(B, "beta", boot_id=boot, status=Status.NORMAL))
        journal.append(made.take_changes(), made)
        made.put_system(replace(made.systems[A], boot_id=boot))
        journal.append(made.take_changes(), made)
    journal.close()
    data = (tmp_path / NAME).read_bytes()
    lost = [line for line in data.split(b"\n") if b'"beta"' in line and b"DUMP" not in line]
    kept = [line for line in data.split(b"\n") if line not in lost[-2:]]
    (tmp_path / NAME).write_bytes(b"\n".join(kept))
    found = read(tmp_path)
    assert found.lost
    assert found.systems[B].verdict is not None, "the last that is intact says so"
    again = after(found, now + 5)
    assert again.systems[B].verdict is None
    assert again.systems[B].boot_id is None


async def test_damage_before_the_last_line_of_a_system_leaves_it_as_it_was(
    tmp_path: Path,
) -> None:
    now = trio.current_time()
    made = busy_world(now)
    journal = Journal(tmp_path)
    journal.open(made)
    for boot in ("1" * 32, "2" * 32, "3" * 32):
        made.put_system(replace(made.systems[A], boot_id=boot))
        journal.append(made.take_changes(), made)
    journal.close()
    flip(tmp_path / NAME, b'"boot_id":"' + b"2" * 31, 0)
    found = read(tmp_path)
    assert damaged(found) == 1
    assert found.lost
    assert found.certain == {A}
    assert found.systems[A].boot_id == "3" * 32


async def test_what_one_file_lacks_the_other_has_and_nothing_is_lost(tmp_path: Path) -> None:
    var, run = tmp_path / "var", tmp_path / "run"
    var.mkdir()
    run.mkdir()
    now = trio.current_time()
    made = busy_world(now)
    written(var, made, run)
    good = {path: path.read_bytes() for path in (var / NAME, run / NAME)}
    for path, data in good.items():
        flip(path, b'"boot_id":"', 3)
        found = read(var, run)
        assert [one.path for one in found.damage] == [path]
        assert not found.lost
        assert {key: one.boot_id for key, one in found.systems.items()} == {A: BOOT_A, B: BOOT_B}
        path.write_bytes(data)


async def test_a_missing_file_of_this_boot_is_damage_and_its_twin_has_all(tmp_path: Path) -> None:
    var, run = tmp_path / "var", tmp_path / "run"
    var.mkdir()
    run.mkdir()
    written(var, busy_world(trio.current_time()), run)
    (var / NAME).unlink()
    found = read(var, run)
    assert [(one.path, one.lines) for one in found.damage] == [(var / NAME, 0)]
    assert not found.lost
    assert found.systems[B].reset is not None


async def test_a_missing_file_in_memory_may_have_had_more(tmp_path: Path) -> None:
    """A full disk may have kept the last lines out of the one that is there."""
    var, run = tmp_path / "var", tmp_path / "run"
    var.mkdir()
    run.mkdir()
    written(var, busy_world(trio.current_time()), run)
    (run / NAME).unlink()
    found = read(var, run)
    assert found.lost
    assert found.certain == {A, B}
    (run / NAME).write_bytes(b"\0" * 1000)
    assert read(var, run).lost


async def test_lines_that_a_full_disk_kept_out_of_one_file_are_in_the_other(
    tmp_path: Path,
) -> None:
    var, run = tmp_path / "var", tmp_path / "run"
    var.mkdir()
    run.mkdir()
    made = busy_world(trio.current_time())
    journal = Journal(var, run=run)
    journal.open(made)
    journal.fail(OSError(28, "No space left on device"))
    made.put_system(replace(made.systems[A], boot_id="f" * 32, barred=True))
    journal.append(made.take_changes(), made)
    journal.close()
    found = read(var, run)
    assert not found.damage
    assert not found.lost
    assert found.systems[A].barred
    assert not read(var).systems[A].barred, "the disk does not know it"


async def test_a_request_id_of_the_file_that_could_not_be_replaced_is_remembered(
    tmp_path: Path,
) -> None:
    var, run = tmp_path / "var", tmp_path / "run"
    var.mkdir()
    run.mkdir()
    made = busy_world(trio.current_time())
    old = replace(made.asked[A, REQUEST], request_id="old", outcome=Outcome.DUMP)
    made.put_asked(old)
    written(var, made, run)
    kept = (var / NAME).read_bytes()
    made.asked.drop_all(A)
    written(var, made, run)
    (var / NAME).write_bytes(kept)
    found = read(var, run)
    assert (A, "old") in found.asked
    assert not found.lost


async def test_a_file_in_memory_that_was_kept_over_a_boot_counts_for_nothing(
    tmp_path: Path,
) -> None:
    var, run = tmp_path / "var", tmp_path / "run"
    var.mkdir()
    run.mkdir()
    made = busy_world(trio.current_time())
    written(var, made, run)

    def change(row: dict[str, Any]) -> None:
        if "title" in row:
            row["title"]["boot"] = "0" * 36

    for path in (var / NAME, run / NAME):
        path.write_bytes(resealed(path.read_bytes(), change))
    found = read(var, run)
    assert not found.same_boot
    assert not found.lost
    assert not found.damage
    (run / NAME).unlink()
    assert not read(var, run).lost, "a boot takes it away"


async def test_a_field_of_a_newer_version_and_a_kind_of_record_are_no_damage(
    tmp_path: Path,
) -> None:
    made = busy_world(trio.current_time())
    path = written(tmp_path, made)

    def change(row: dict[str, Any]) -> None:
        if "system" in row:
            row["system"]["colour"] = {"kind": "Paint", "names": ["red", [1, 2]]}
        if "server" in row and row["server"]["name"] == "alpha":
            row["guest"] = row.pop("server")

    path.write_bytes(resealed(path.read_bytes(), change))
    found = read(tmp_path)
    assert not found.damage
    assert not found.lost
    assert found.systems.keys() == {A, B}
    assert found.servers.keys() == {"beta"}


async def test_a_damaged_file_is_kept_aside_and_only_the_last_one(tmp_path: Path) -> None:
    path = written(tmp_path, busy_world(trio.current_time()))
    for text in ("first", "second"):
        path.write_text(text)
        aside = set_aside(path)
        assert aside is not None
        assert aside.read_text() == text
        written(tmp_path, world())
    assert (tmp_path / "journal.damaged").read_text() == "second"
    assert names(tmp_path) == [NAME, "journal.damaged"]


async def test_the_journal_is_written_through_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    for name in (NAME, f"{NAME}.new"):
        (tmp_path / name).symlink_to(elsewhere)
    path = written(tmp_path, world())
    assert elsewhere.read_text() == "mine"
    assert not path.is_symlink()
    path.unlink()
    path.symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic links"):
        read(tmp_path)


async def test_a_file_that_is_removed_under_the_daemon_is_begun_anew(
    autojump_clock: object, tmp_path: Path
) -> None:
    var, run = tmp_path / "var", tmp_path / "run"
    var.mkdir()
    run.mkdir()
    made = busy_world(trio.current_time())
    journal = Journal(var, run=run)
    journal.open(made)
    assert not journal.look()
    (var / NAME).unlink()
    (run / NAME).unlink()
    assert journal.look()
    assert journal.failure is not None
    assert journal.run_failure is not None
    await trio.sleep(1.1)
    journal.append([], made)
    assert not journal.look()
    found = read(var, run)
    assert found.systems.keys() == {A, B}
    assert not found.damage
    journal.close()


async def test_a_file_in_memory_begins_anew_when_it_is_full(tmp_path: Path) -> None:
    var, run = tmp_path / "var", tmp_path / "run"
    var.mkdir()
    run.mkdir()
    made = busy_world(trio.current_time())
    journal = Journal(var, run=run)
    journal.open(made)
    for n in range(200):
        step(made, CommandSent("beta", f"none-{n}", 0), Instant(trio.current_time()))
        step(made, SessionOpened("alpha", n), Instant(trio.current_time()))
        filler = replace(made.asked[A, REQUEST], reason=f"{n:04}" * 10_000)
        made.put_asked(filler)
        journal.append(made.take_changes(), made)
    assert (run / NAME).stat().st_size == 4 * 1024 * 1024
    journal.close()
    for found in (read(var, run), read(tmp_path, run)):
        assert not found.lost
        assert found.asked[A, REQUEST].reason.startswith("0199")


@pytest.mark.parametrize("place", [0, 1, -3])
async def test_an_earlier_line_in_the_place_of_the_last_one_is_noticed(
    tmp_path: Path, place: int
) -> None:
    made = busy_world(trio.current_time())
    journal = Journal(tmp_path)
    journal.open(made)
    for boot in ("1" * 32, "2" * 32, "3" * 32):
        made.put_system(replace(made.systems[A], boot_id=boot))
        journal.append(made.take_changes(), made)
    journal.close()
    lines = (tmp_path / NAME).read_bytes().rstrip(b"\0").splitlines(keepends=True)
    lines[-1] = lines[place]
    (tmp_path / NAME).write_bytes(b"".join(lines))
    found = read(tmp_path)
    assert found.damage
    assert found.lost
    assert not found.certain


async def test_every_byte_of_the_journal_of_a_few_systems(tmp_path: Path) -> None:
    bench = await Bench.of(SMALL, tmp_path)
    count = bench.judge(every_byte_of(bench.data, kinds=2))
    assert count == 2 * len(bench.data.rstrip(b"\0"))


async def test_random_mutations_of_a_journal_of_full_size(tmp_path: Path) -> None:
    bench = await Bench.of(FULL, tmp_path)
    assert bench.judge(random_ones_of(bench.data, 1_500, seed=1)) == 1_500


async def test_with_the_other_file_no_mutation_loses_anything(tmp_path: Path) -> None:
    bench = await Bench.of(SMALL, tmp_path)
    assert bench.judge(twins_of(bench.data, 3_000, seed=2), twin=True) == 3_000
