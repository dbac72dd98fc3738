"""What the searches of tests/core/pair_search.py find: no two holders, and always a way out."""

import sys

import pytest

from tests.core.pair_search import SHORT
from tests.core.pair_search_lively import stuck
from tests.core.pair_search_space import Found, search
from tests.core.pair_search_weak import WEAK
from tests.core.pair_search_world import Limits

NEEDS_OPERATOR_WITHOUT_BMCS = {
    "off | undecided",
    "undecided | off",
    "off | standby",
    "standby | off",
    "off | nothing runs",
    "nothing runs | off",
    "off | off",
}
"""Who is left, or started alone, cannot know that the other is off, and has no record of a stop."""
MISFITS = {
    "off | standby",
    "standby | off",
    "off | standby, record",
    "standby, record | off",
}
"""A standby that serves another address or port than its peer does not take over, but for RELEASE
and STOPPED of none: it is started anew, or its configuration copied."""
WAITS_FOR_THE_OTHER = {
    "nothing runs | undecided",
    "undecided | nothing runs",
    "nothing runs, record | undecided",
    "undecided | nothing runs, record",
    "nothing runs | standby",
    "standby | nothing runs",
}
"""A standby waits if it has promised, and never heard the other be active (rule 6)."""


@pytest.fixture(scope="module")
def in_time() -> Found:
    """All worlds in which claims do not come late; two that fence each other are none of them."""
    return search(SHORT["nothing comes late"])


def test_of_a_lost_promise_and_all_paths_ending_one_side_fences_and_the_other_waits(
    in_time: Found,
) -> None:
    """Both fenced before rule 6; here they may not, in any world."""
    assert in_time.space.limits.one_fences
    fenced = {
        tuple(host.member is not None and host.member.fencing for host in in_time.space.hosts(one))
        for one in in_time.came
    }
    assert fenced == {(False, False), (True, False), (False, True)}


def test_two_never_hold_the_address_and_with_bmcs_there_is_always_a_way_to_an_active() -> None:
    found = search(SHORT["late claims"])
    assert found.complete
    assert found.path == ()
    assert stuck(found) == {}


def test_without_bmcs_the_operator_is_needed_only_if_the_other_has_no_power(
    in_time: Found,
) -> None:
    assert in_time.safe, in_time.path
    assert stuck(in_time) == {}
    assert stuck(in_time, bmcs=False).keys() == NEEDS_OPERATOR_WITHOUT_BMCS


def test_if_nothing_starts_there_only_an_undecided_server_or_a_promise_waits(
    in_time: Found,
) -> None:
    kinds = stuck(in_time, restarts=False)
    alone = {kind for kind in kinds if "undecided" in kind or "standby" in kind}
    assert alone == WAITS_FOR_THE_OTHER


def test_lost_epochs_late_readings_and_an_honest_operator_do_no_harm() -> None:
    found = search(SHORT["late proofs, lost epochs, operator"])
    assert found.safe, found.path
    assert stuck(found) == {}
    assert stuck(found, bmcs=False).keys() == NEEDS_OPERATOR_WITHOUT_BMCS


def test_a_standby_that_serves_something_else_does_no_harm_and_does_not_take_over() -> None:
    found = search(SHORT["late proofs, misfits"])
    assert found.safe, found.path
    assert stuck(found).keys() == MISFITS


@pytest.mark.parametrize("name", WEAK)
def test_a_weakened_rule_lets_two_hold_the_address_or_fence_each_other(name: str) -> None:
    weak = WEAK[name]
    found = search(weak.searched, weak.step)
    sys.stdout.write(f"{name} ({weak.why}): {', '.join(found.path)}\n")
    assert found.bad is not None
    hosts = found.space.hosts(found.bad)
    if weak.holders:
        assert all(host.holds and host.powered for host in hosts)
    else:
        assert all(host.member is not None and host.member.fencing for host in hosts)
    assert found.way(found.bad) == found.path


def test_a_search_that_was_cut_off_proves_nothing() -> None:
    found = search(Limits(), most=100)
    assert not found.complete
    assert not found.safe
