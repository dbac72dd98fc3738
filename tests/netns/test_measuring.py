"""What the measurement says is what happened, with units that move the address in known times."""

from pathlib import Path

import trio

from fixtures.simulators.netns.stage import ip
from fixtures.simulators.netns.truth import What
from tests.netns.test_machine import HOLDER, IDLE, played
from tests.netns.units import pair_of


async def test_an_outage_of_a_known_length_is_measured(sockets: None, home: Path) -> None:
    async with played(pair_of(HOLDER, IDLE), home) as play:
        first, second = play.room.members.values()
        await play.probe.answered(by="m1")
        now = trio.current_time()
        first.panic()
        await trio.sleep(0.5)
        first.power_off("the test says so")
        await second.run("ip", "addr", "add", "10.1.0.3/32", "dev", "rst")
        ip(["neigh flush dev rst"], play.room.stage.namespace("s1"))  # nobody says that it moved
        held = await play.room.truth.until("m2", What.HELD, since=now)
        answered = await play.probe.answered(by="m2", since=now)
        outage = play.probe.outage_s(now, answered.at + 0.01)
        assert 0.5 <= held.at - now <= answered.at - now
        assert 0.5 <= outage <= answered.at + 0.01 - now
