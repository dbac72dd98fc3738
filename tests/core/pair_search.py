"""Searches of the pair: what is searched, and how much of it when.

The short ones are part of the tests (tests/core/test_role_search.py). The long ones are for
whoever changes haconn/core/role.py or haconn/core/hearing.py:

    python -m tests.core.pair_search [name ...]

They need minutes, and up to some GiB. Each prints its figures, and the way to what it found.
"""

import sys
import time
from collections.abc import Iterator

from tests.core.pair_search_lively import stuck
from tests.core.pair_search_space import Found, search
from tests.core.pair_search_weak import WEAK
from tests.core.pair_search_world import Limits

SHORT = {
    "nothing comes late": Limits(),
    "late claims": Limits(epochs=2, late=1),
    "late proofs, lost epochs, operator": Limits(
        epochs=2, late_proofs=True, lost_epochs=True, operator=True
    ),
    "late proofs, misfits": Limits(epochs=2, late_proofs=True, misfits=True),
}
LONG = {
    "one-late": Limits(late=1),
    "two-late": Limits(late=2),
    "three-late": Limits(epochs=2, late=3),
    "six-epochs": Limits(epochs=6, late=1),
    "all": Limits(
        epochs=2, late=1, late_proofs=True, lost_epochs=True, operator=True, misfits=True
    ),
    "all-three-epochs": Limits(
        epochs=3, late=1, late_proofs=True, lost_epochs=True, operator=True, misfits=True
    ),
    "all-two-late": Limits(
        epochs=2, late=2, late_proofs=True, lost_epochs=True, operator=True, misfits=True
    ),
}
MOST = 30_000_000
"""Worlds that fit into some 6 GiB."""


def _report(name: str, found: Found, seconds: float) -> Iterator[str]:
    worlds = len(found.came)
    end = "complete" if found.complete else "cut off"
    yield f"{name}: {worlds} worlds in {seconds:.1f} s ({worlds / seconds:.0f}/s), {end}"
    if found.bad is not None:
        yield "  must not be: " + ", ".join(found.path)


def _stuck_report(found: Found) -> Iterator[str]:
    for bmcs in (True, False):
        kinds = stuck(found, bmcs=bmcs)
        yield f"  {'with' if bmcs else 'without'} BMCs the operator is needed in {len(kinds)} kinds"
        yield from (f"    {kind}: {', '.join(found.way(kinds[kind]))}" for kind in sorted(kinds))


def main(names: list[str]) -> None:
    """Run the searches of these names, or all."""
    known = {name: (limits, None) for name, limits in {**SHORT, **LONG}.items()}
    weak = {name: (rule.searched, rule) for name, rule in WEAK.items()}
    for name, (limits, rule) in {**known, **weak}.items():
        if names and name not in names:
            continue
        begun = time.perf_counter()
        found = search(limits, rule.step, MOST) if rule else search(limits, most=MOST)
        for line in _report(name, found, time.perf_counter() - begun):
            sys.stdout.write(line + "\n")
        if found.safe:
            sys.stdout.writelines(line + "\n" for line in _stuck_report(found))
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
