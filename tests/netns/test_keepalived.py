"""keepalived on the same stage: the two ways in which it fails, which haconn must not."""

from collections.abc import Callable
from pathlib import Path

from fixtures.simulators.netns.keepalived import cut_the_cable, kill_the_master
from fixtures.simulators.netns.stage import MEMBERS


async def test_a_cut_of_the_dedicated_link_leaves_two_holders(
    home: Path, peer: Callable[[str], str]
) -> None:
    cut = await cut_the_cable(home, peer("keepalived"))
    assert cut.holders == MEMBERS
    assert cut.both_after_s < 10


async def test_a_killed_master_leaves_its_address_in_its_kernel(
    home: Path, peer: Callable[[str], str]
) -> None:
    killed = await kill_the_master(home, peer("keepalived"))
    assert killed.dead_still_holds
    assert killed.answered_after_s >= killed.held_after_s > 0
