"""A process that stood still: what it hears then comes before what it commands."""

import select
from dataclasses import replace
from pathlib import Path

from haconn.core.beat import Beat, Claim, Echo, PairRole
from haconn.core.pair_times import TIMES
from tests.daemon.pair.members import Member, two_members


def stand_still(seconds: float) -> None:
    """Nothing of this process has its turn."""
    select.select([], [], [], seconds)


def say_active(member: Member, hears: Member) -> None:
    """Let a server be heard as the active that it became while the other stood still."""
    epoch = member.parts.pair.member.epoch + 1
    owner, other = member.service.owner, hears.parts.pair.hearing
    claim = Claim(PairRole.ACTIVE, epoch)
    echo = Echo(other.session, other.sent)
    standing = replace(member.parts.membership.standing)
    beat = Beat(claim, echo, member.parts.membership.replica(), standing, frozenset(), 0.0)
    owner.say(beat)


async def test_an_active_that_stood_still_hears_of_the_other_before_it_commands(
    tmp_path: Path,
) -> None:
    """The operator took over meanwhile; the reset that was due is not this server's any more."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        assert active.service.activation.may_send()
        stand_still(TIMES.long_stall_s + TIMES.beat_s + 0.1)
        say_active(standby, active)
        assert not active.service.activation.may_send()
        assert not active.address.had
        await active.ended.wait()
        assert active.codes == [1]


async def test_an_active_that_stood_still_and_was_not_replaced_commands_on(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, _ = await members.in_step()
        stand_still(TIMES.long_stall_s + TIMES.beat_s + 0.1)
        assert active.service.activation.may_send()
        assert active.address.had


async def test_who_stood_still_hears_of_the_other_before_it_commands_the_peers_devices(
    tmp_path: Path,
) -> None:
    """A power-off that waited for a session would hit the server that serves by now."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        assert active.service._may_touch_peer()
        stand_still(TIMES.long_stall_s + TIMES.beat_s + 0.1)
        say_active(standby, active)
        assert not active.service._may_touch_peer()


async def test_nothing_is_commanded_before_the_sockets_are_emptied(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        active, _ = await members.in_step()
        pair = active.parts.pair
        pair.rhythm = replace(pair.rhythm, drained=False)
        assert not active.service._may_touch_peer()
        assert not active.service.activation.may_send()
