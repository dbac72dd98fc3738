"""Mutations of a journal, with an oracle: noticed, or the recovered world is the same.

The oracle is what was written. Of each mutation it asks:

- whatever differs from it in what was found, damage was noticed;
- a system that is not as it was written last is not among the certain ones;
- a request id, or a server, that is not as it was written last is lost, and that is known;
- with the undamaged other file beside it, everything is as it was written.

`python -m tests.daemon.journal_mutations [count]` plays all: every byte of a journal of a few
systems, by each kind, and so many random ones (100,000) of one of 256 systems.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from haconn.core.model import Instant
from haconn.core.plan import Policy
from haconn.core.request_table import Asked
from haconn.core.reset import Evidence, Outcome
from haconn.core.server import Owed, Restore
from haconn.core.system import Status, Verdict
from haconn.core.world import Durable, World
from haconn.daemon.journal import NAME, Journal
from haconn.daemon.journal_reading import Found, Shard, found_in, parse, reader
from tests.daemon.mutations import every_byte, random_mutations
from tests.daemon.parts import world

SMALL = 4
FULL = 256
KINDS_OF_A_BYTE = 11
"""Each bit turned over, zero, left out, twice."""
NOWHERE = Path("journal")


def filled(systems: int, now: float) -> World:
    """So many systems, each on a server: some reset, barred, dumping, owed to."""
    made = world([Policy(f"server{n}", outlets=True) for n in range(systems)])
    for n, key in enumerate(made.systems):
        at = Instant(now - n)
        verdict = Verdict(Outcome.DUMP, Evidence.STOP_NOTICE, at, at) if n % 3 == 1 else None
        made.put_system(
            replace(
                made.systems[key],
                status=Status.DUMP if verdict else Status.NORMAL,
                boot_id=f"{n:032x}",
                verdict=verdict,
                barred=n % 3 == 2,
                commanded_at=at,
            )
        )
        owed = Owed(Restore.FEEDS, f"r-{n}", at, at, 1, "silent")
        made.put_server(replace(made.servers[f"server{n}"], owed=(owed,)))
    return made


def go_on(made: World, journal: Journal, turns: int) -> None:
    """Have some systems boot and some requests answered."""
    keys = list(made.systems)
    for n in range(turns):
        key = keys[n * 7 % len(keys)]
        made.put_system(replace(made.systems[key], boot_id=f"{n + 1000:032x}", barred=n % 2 == 0))
        other = keys[(n * 7 + 1) % len(keys)]
        asked = Asked(key, f"id{n}", other, Instant(float(n)), outcome=Outcome.FAIL)
        made.put_asked(replace(asked, evidence_at=Instant(float(n))))
        journal.append(made.take_changes(), made)


@dataclass
class Bench:
    """A journal, and what was written into it."""

    data: bytes
    good: Found
    whole: Shard

    @classmethod
    async def of(cls, systems: int, directory: Path) -> "Bench":
        """Write one."""
        made = filled(systems, trio.current_time())
        journal = Journal(directory)
        journal.open(made)
        go_on(made, journal, systems)
        journal.close()
        data = (directory / NAME).read_bytes()
        data = data[: len(data.rstrip(b"\0")) + 64]  # room for more, but no megabyte of it
        whole = parse(NOWHERE, data, _record_of)
        good = found_in(whole, Shard(NOWHERE, there=False))
        assert not good.damage
        assert good.certain == made.systems.keys()
        return cls(data, good, whole)

    def judge(self, mutations: Iterator[bytes], *, twin: bool = False) -> int:
        """Give how many there were; none may be unnoticed."""
        none = Shard(NOWHERE, there=False)
        count = 0
        for data in mutations:
            count += 1
            if data == self.data:
                continue
            found = found_in(parse(NOWHERE, data, _record_of), self.whole if twin else none)
            fault = self._same(found) if twin else self._fault(found)
            assert fault is None, f"{fault}: {_difference(self.data, data)}"
        return count

    def _same(self, found: Found) -> str | None:
        same = (found.systems, found.servers) == (self.good.systems, self.good.servers)
        same = same and dict(found.asked) == dict(self.good.asked)
        return None if same and not found.lost else "not as it was, with the other file beside it"

    def _fault(self, found: Found) -> str | None:
        differs = [
            key for key, system in self.good.systems.items() if found.systems.get(key) != system
        ]
        others = found.servers != self.good.servers or dict(found.asked) != dict(self.good.asked)
        if (differs or others) and not found.damage:
            return "not noticed"
        if (differs or others) and not found.lost:
            return "noticed, and not that something is lost"
        wrong = [key for key in differs if key in found.certain]
        return f"wrong, and certain: {wrong}" if wrong else None


def every_byte_of(data: bytes, kinds: int = KINDS_OF_A_BYTE) -> Iterator[bytes]:
    """Mutate every byte that is written; with fewer kinds, others at each byte."""
    written = data.rstrip(b"\0")
    rest = data[len(written) :]
    for number, mutated in enumerate(every_byte(written)):
        at, kind = divmod(number, KINDS_OF_A_BYTE)
        if (kind + at) % KINDS_OF_A_BYTE < kinds:
            yield mutated + rest


def random_ones_of(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Random ones, but for those that a kill leaves: what is cut off at the end, and no more."""
    made = 0
    for mutated in random_mutations(data, count * 2, random.Random(seed)):
        if made == count:
            return
        if not data.startswith(mutated.rstrip(b"\0")):
            made += 1
            yield mutated


def twins_of(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Random ones, those at the end too."""
    chance = random.Random(seed)
    for mutated in random_mutations(data, count, chance):
        yield mutated if chance.random() < 0.8 else data[: chance.randrange(len(data))]


def _difference(before: bytes, after: bytes) -> str:
    """Where two files begin to differ, and what is there."""
    at = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), -1)
    place = f"{len(before)} and {len(after)} bytes, from {at}"
    return f"{place}: {before[at : at + 200]!r} {after[at : at + 200]!r}"


_records: dict[bytes, Durable | None] = {}


def _record_of(record: bytes) -> Durable | None:
    """Read a record once; most lines of a mutated file are as they were."""
    if record not in _records:
        _records[record] = reader(0.0)(record)
    return _records[record]


async def play_all(count: int) -> None:
    """Play all of it, and say what was seen."""
    with tempfile.TemporaryDirectory() as directory:
        small = await Bench.of(SMALL, Path(directory))
        full = await Bench.of(FULL, Path(directory))
    for what, bench, mutations, twin in (
        ("every byte, each kind", small, every_byte_of(small.data), False),
        ("random", full, random_ones_of(full.data, count, 1), False),
        ("random, the other file beside it", full, twins_of(full.data, count // 10, 2), True),
    ):
        began = time.perf_counter()
        played = bench.judge(mutations, twin=twin)
        size, systems = len(bench.data.rstrip(b"\0")), len(bench.good.systems)
        seconds = time.perf_counter() - began
        said = f"{systems} systems, {size} bytes, {played} mutations, 0 unnoticed, {seconds:.0f} s"
        sys.stdout.write(f"{what}: {said}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    trio.run(play_all, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
