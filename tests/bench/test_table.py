"""What the table says of a run."""

import io
import json
import math

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.bench.figures import Deed, Load, Ours, Theirs, quantile
from tests.bench.table import WIDTH, Run, as_json, draw, rows


def run(nmi_ms: float = 1.0, cpu: float = 10.0, *theirs: Theirs) -> Run:
    ours = Ours()
    for deed in Deed:
        ours.note(deed, 0.005)
    ours.times[Deed.NMI] = [nmi_ms] * 10
    load = Load(cpu_percent=cpu, over_s=30.0, resident_mib=50.0)
    return Run(ours, load, theirs, ("1 1 1", "2 2 2"))


def text(of: Run) -> str:
    out = io.StringIO()
    draw(of, Console(file=out, width=WIDTH))
    return out.getvalue()


def test_every_deed_has_a_row() -> None:
    assert {row.what for row in rows(run())} == {deed.value for deed in Deed}
    assert all(deed.value in text(run()) for deed in Deed)


def test_a_missed_aim_is_marked_and_a_met_one_is_not() -> None:
    assert "MISSED" not in text(run())
    assert "2, 8 MISSED" in text(run(nmi_ms=2.5))
    assert "20 MISSED" in text(run(cpu=21.0))


def test_a_ratio_says_how_many_times_as_long_the_peer_takes() -> None:
    peer = Theirs(Deed.NMI, "ipmitool diag", (50.0, 60.0, 70.0))
    row = next(rows(run(2.0, 10.0, peer)))
    assert (row.peer_p50, row.ratio) == (60.0, 30.0)
    assert " 30 " in text(run(2.0, 10.0, peer))


def test_a_peer_that_is_missing_has_a_row_that_says_so_and_no_ratio() -> None:
    of = run(2.0, 10.0, Theirs(Deed.NMI, "ipmipower --pulse", None))
    assert "ipmipower --pulse: not installed" in text(of)
    assert next(rows(of)).ratio is None


def test_json_has_the_rows_of_the_table() -> None:
    of = run(2.5, 10.0, Theirs(Deed.NMI, "ipmitool diag", (50.0,)))
    said = json.loads(as_json(of))["rows"]
    assert [row["what"] for row in said] == [row.what for row in rows(of)]
    assert (said[0]["met"], said[0]["ratio"]) == (False, 20.0)


def test_the_ninety_ninth_of_a_hundred_samples_is_p99() -> None:
    assert quantile([float(n) for n in range(1, 101)], 0.99) == 99.0
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert math.isnan(quantile([], 0.5))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_quantile_is_a_sample_that_so_many_are_not_above(
    samples: list[float], share: float
) -> None:
    found = quantile(samples, share)
    assert found in samples
    assert sum(one <= found for one in samples) >= share * len(samples) - 1e-6
