"""Play many seeds of each case: `python -m tests.core.contradiction --seeds 0-999 --jobs 2`.

`--seed N --case C -v` prints one play as a transcript.
"""

import argparse
import sys
from multiprocessing import Pool
from timeit import default_timer

from tests.core.contradiction.cases import CASES
from tests.core.contradiction.tally import CHUNK, Tally, one, tally


def main() -> int:
    """Play, print a table, and exit with 1 if a verdict was false against what had arrived."""
    parser = argparse.ArgumentParser(prog="python -m tests.core.contradiction")
    parser.add_argument("--seeds", default="0-999", help="first-last, of each case")
    parser.add_argument("--case", action="append", choices=sorted(CASES))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("-v", "--verbose", action="store_true")
    given = parser.parse_args()
    cases = given.case or list(CASES)
    if given.seed is not None:
        for case in cases:
            played = one(case, given.seed, verbose=given.verbose)
            _write(*played.lines, *played.counts.findings, *played.asked)
        return 0
    first, _, last = given.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    begun = default_timer()
    total: dict[str, Tally] = {case: Tally(case) for case in cases}
    work = [
        (case, seeds[start : start + CHUNK])
        for case in cases
        for start in range(0, len(seeds), CHUNK)
    ]
    with Pool(given.jobs) as pool:
        for part in pool.imap_unordered(tally, work):
            total[part.case].add(part)
    took = default_timer() - begun
    plays = len(seeds) * len(cases)
    rate = plays / sum(part.cpu_s for part in total.values())
    _write(Tally.HEAD, *total.values())
    _write(f"{plays} plays in {took:.1f} s: {rate:.0f} a second of processor time")
    return int(any(part.counts["against_arrived"] or part.lost_honest for part in total.values()))


def _write(*lines: object) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
