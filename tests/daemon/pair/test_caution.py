"""The caution of an active is its standby's, too."""

from pathlib import Path

import trio

from haconn.core.model import Instant
from haconn.daemon.pair.ending import EXIT_OK
from tests.daemon.pair.members import two_members


async def test_who_takes_over_from_a_cautious_active_is_as_cautious(tmp_path: Path) -> None:
    """The first active of a pair holds requests for 15 s; its exact copy knows no more than it."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        assert active.service.activation.active is not None
        before = active.service.activation.active.parts.owner.world.settings.conservative_until
        assert before is not None
        copy = standby.parts.membership.copy
        await standby.until(lambda: copy.is_exact(Instant(trio.current_time())))
        active.ending.order(EXIT_OK, "the test")
        await standby.until(lambda: standby.serves)
        assert standby.service.activation.active is not None
        after = standby.service.activation.active.parts.owner.world.settings.conservative_until
        assert after is not None
        assert abs(after - before) < 1.0
        assert "did not know what was under way either" in standby.events()
