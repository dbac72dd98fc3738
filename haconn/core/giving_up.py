"""The service stops for good, and nobody is left to carry out what it has accepted.

A requester that is not told waits until it gives up by itself, and does not switch over meanwhile.
FAIL is the truth: nothing is proved. What was commanded may still take effect, so the target of a
reset that had begun is barred, as after every FAIL in doubt.
"""

from haconn.core import running
from haconn.core.actions import Action
from haconn.core.asking import held
from haconn.core.model import Instant
from haconn.core.reset import Outcome
from haconn.core.telling import answer
from haconn.core.world import World, remark

REASON = "the service was stopped"


def give_up(world: World, now: Instant) -> list[Action]:
    """End every reset in progress and every request that was held back: FAIL."""
    actions: list[Action] = []
    for system in list(world.systems.values()):
        if system.reset is not None and not running.is_over(system.reset):
            actions += running.give_up(world, system.key, now)
    for asked in held(world):
        actions.append(
            remark(
                "declined",
                requester=str(asked.requester),
                system=str(asked.target),
                outcome=Outcome.FAIL.name,
                reason=REASON,
            )
        )
        actions += answer(world, asked, Outcome.FAIL, now, REASON)
    return actions
