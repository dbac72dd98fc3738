"""What the table of a run with a pair says, and when an aim is met."""

import io
import json
import math

from rich.console import Console

from tests.bench.pair_figures import Aim, Finding, Findings, Row, Tally, Theirs
from tests.bench.pair_table import WIDTH, About, as_json, draw

ABOUT = About(0.2, ("1 1 1", "2 2 2"))


def findings(*found: Finding) -> Findings:
    all_of_them = Findings()
    all_of_them.add("takeovers", *found)
    return all_of_them


def text(*found: Finding) -> str:
    out = io.StringIO()
    draw(findings(*found), ABOUT, Console(file=out, width=WIDTH))
    return out.getvalue()


def test_an_aim_is_for_the_worst_and_may_be_for_the_median_too() -> None:
    assert Aim(worst=1.0).met((0.9, 1.0))
    assert not Aim(worst=1.0).met((0.1, 1.1))
    assert not Aim(worst=1.0, median=0.6).met((0.1, 0.7, 0.8))


def test_no_samples_meet_no_aim() -> None:
    assert not Aim(worst=1.0).met(())
    assert Tally("verdicts", 0, 0, 0).met is False


def test_what_never_happened_misses_every_aim() -> None:
    row = Row("daemon killed", (0.3, math.inf), Aim(worst=1.0))
    assert row.met is False
    assert "never" in text(row)


def test_a_missed_aim_is_marked_and_a_met_one_is_not() -> None:
    assert "MISSED" not in text(Row("killed", (0.3,), Aim(1.0)), Tally("two holders", 0, 20, 0))
    assert "1 s MISSED" in text(Row("killed", (1.3,), Aim(1.0)))
    assert "0 MISSED" in text(Tally("two holders", 1, 20, 0))
    assert "MISSED" not in text(Tally("takeovers seen", 7, 20))


def test_what_misses_its_aim_is_found() -> None:
    missed = Row("killed", (1.3,), Aim(1.0))
    assert findings(missed, Tally("seen", 3, 9)).missed == [missed]


def test_a_peer_that_is_missing_is_said_to_be_missing() -> None:
    said = text(Row("killed", (0.3,), Aim(1.0), Theirs("keepalived", None)))
    assert "keepalived: not installed" in said


def test_who_stood_in_for_systemd_and_what_the_bmcs_took_is_said() -> None:
    said = text()
    assert "supervisor.py stood in for it" in said
    assert "0.2 s after its acceptance" in said


def test_json_says_what_the_table_says_and_knows_no_infinity() -> None:
    peer = Theirs("keepalived", (0.6, 0.7, 0.8))
    found = (Row("killed", (0.3, math.inf), Aim(1.0), peer), Tally("two holders", 0, 20, 0))
    row, tally = json.loads(as_json(findings(*found), ABOUT))["findings"]
    assert (row["worst"], row["met"], row["peer_median"]) == (None, False, 0.7)
    assert (tally["found"], tally["of"], tally["met"]) == (0, 20, True)
