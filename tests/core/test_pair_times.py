"""The times of the pair hold each other: every inequality is one that can be broken."""

from dataclasses import replace

import pytest

from haconn.core.pair_times import TIMES, PairTimes, faults


def test_the_times_as_they_are_break_nothing() -> None:
    assert list(faults(TIMES)) == []


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (
            replace(TIMES, beat_s=0.31, missed_s=1.0, ask_others_s=0.1, gap_s=0.5, settle_s=1.1),
            "four beats must fit",
        ),
        (replace(TIMES, probes_s=(1.0, 1.5)), "a probe comes before"),
        (replace(TIMES, stall_s=0.75), "stall_s must be seen"),
        (replace(TIMES, lease_s=1.5), "the lease must end"),
        (replace(TIMES, refresh_s=0.34), "a lease must outlive"),
        (replace(TIMES, gate_s=3.6), "the gate must outlast"),
        (replace(TIMES, unacknowledged_s=1.5), "unacknowledged_s must be below"),
        (replace(TIMES, restart_s=1.5), "a restart must come after"),
        (replace(TIMES, missed_s=0.55), "three beats must be missed"),
        (replace(TIMES, ask_others_s=0.27, gap_s=0.82), "others must be heard between"),
        (replace(TIMES, gap_s=0.6), "two askings without"),
        (replace(TIMES, gap_s=0.9), "a deafness that is no gap"),
        (replace(TIMES, settle_s=0.75), "three beats must come"),
        (replace(TIMES, boot_wait_s=8.5), "who starts must wait longer"),
    ],
)
def test_each_inequality_names_itself(times: PairTimes, words: str) -> None:
    (fault,) = faults(times)
    assert fault.startswith(words)
