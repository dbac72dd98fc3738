"""The hash of the files, whoever writes them and however far they have come."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from haconn.config.copying import bundle, install
from haconn.config.hashing import configuration_hash
from haconn.config.schema import Configuration, Timers
from haconn.config.store import change, load, models_of
from haconn.config.texts import RECORD, parse_texts, sealed, write_texts
from haconn.daemon.pair.settings_watch import UNREADABLE, SettingsWatch
from tests.daemon.files import store
from tests.daemon.pair.members import configuration


class Bench:
    """A watch over files that are those which run."""

    def __init__(self, base: Path) -> None:
        self.etc = base / "etc"
        self.etc.mkdir()
        store(self.etc, configuration())
        self.told: list[bytes] = []
        models = models_of(self.etc)
        self.watch = SettingsWatch(self.etc, load(self.etc), models, self.told.append)

    def edit(self, wanted: Callable[[Configuration], Configuration]) -> None:
        change(self.etc, wanted)

    @property
    def hash(self) -> bytes:
        """Of what lies in the files."""
        return configuration_hash(load(self.etc), models_of(self.etc))

    async def look(self) -> list[bytes]:
        """Give what it told."""
        self.told.clear()
        await self.watch.look()
        return list(self.told)


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    assert await made.look() == [made.hash]
    return made


def without_a_server(old: Configuration) -> Configuration:
    gone = old.pservers[2]
    return replace(old, pservers=tuple(one for one in old.pservers if one is not gone))


async def test_files_that_do_not_change_are_read_once(bench: Bench) -> None:
    assert not bench.watch.differs
    assert not await bench.look()


async def test_a_change_is_told_and_differs_until_it_is_taken_back(bench: Bench) -> None:
    before = bench.hash
    bench.edit(without_a_server)
    assert await bench.look() == [bench.hash] != [before]
    assert bench.watch.differs
    bench.edit(lambda _: configuration_of(bench))
    assert await bench.look() == [before]
    assert not bench.watch.differs


def configuration_of(bench: Bench) -> Configuration:
    return bench.watch._running


async def test_settings_that_are_of_this_server_alone_differ_too(bench: Bench) -> None:
    before = bench.hash
    bench.edit(lambda old: replace(old, timers=Timers(bmc_poll_ms=700)))
    assert await bench.look() == [before]
    assert bench.watch.differs


async def test_a_file_that_is_half_written_says_nothing(bench: Bench) -> None:
    file = bench.etc / "pservers.toml"
    whole = file.read_text()
    file.write_text(whole[: len(whole) // 2])
    assert not await bench.look()
    file.write_text(whole + "\n# a remark\n")
    assert await bench.look() == [bench.hash]
    assert not bench.watch.differs


async def test_a_file_that_stays_broken_is_told_at_the_second_look_and_once(bench: Bench) -> None:
    before = bench.hash
    file = bench.etc / "pservers.toml"
    whole = file.read_text()
    file.write_text("nonsense = ")
    assert not await bench.look()
    assert await bench.look() == [UNREADABLE]
    assert bench.watch.differs
    assert not await bench.look()
    file.write_text(whole)
    assert await bench.look() == [before]
    assert not bench.watch.differs


async def test_a_file_that_was_replaced_by_one_of_the_same_size_and_age_is_read(
    bench: Bench,
) -> None:
    file = bench.etc / "pservers.toml"
    stamp = file.stat()
    text = file.read_text().replace("server3", "server4")
    file.with_suffix(".new").write_text(text)
    file.with_suffix(".new").replace(file)
    secrets = bench.etc / "secrets.toml"
    secrets.write_text(secrets.read_text().replace("server3", "server4"))
    assert file.stat().st_size == stamp.st_size
    assert await bench.look() == [bench.hash]
    assert bench.watch.differs


async def test_an_interrupted_copy_counts_as_what_it_was_going_to_write(bench: Bench) -> None:
    before = bench.hash
    texts = parse_texts(bundle(bench.etc).decode(), "here")
    files = {**texts.files, "secrets.toml": (bench.etc / "secrets.toml").read_text()}
    files["pservers.toml"] = files["pservers.toml"].replace("server3", "server4")
    files["secrets.toml"] = files["secrets.toml"].replace("server3", "server4")
    record = bench.etc / RECORD
    record.touch(0o600)
    record.write_text(sealed(write_texts(texts._replace(files=files))))
    (told,) = await bench.look()
    assert told == bench.hash != before
    assert bench.watch.differs
    install(bench.etc, bundle(bench.etc))  # whoever comes next writes what is left
    assert not record.exists()
    assert set(await bench.look()) <= {told}
    assert bench.watch.differs


async def test_files_that_went_away_are_no_reason_to_fall(bench: Bench) -> None:
    away = bench.etc.with_suffix(".away")
    bench.etc.rename(away)
    assert not await bench.look()
    assert await bench.look() == [UNREADABLE]
    away.rename(bench.etc)
    assert await bench.look() == [bench.hash]
