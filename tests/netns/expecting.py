"""Whether what a play expects comes: an expectation and a play in, a fault or nothing out."""

from collections.abc import Callable

import trio

from fixtures.simulators.netns.asking import status
from fixtures.simulators.netns.pair_room import Play
from fixtures.simulators.netns.truth import What
from tests.netns.deeds import (
    Alarms,
    Expectation,
    LostPower,
    NobodyServes,
    Serves,
    Stays,
    Who,
)


async def fault_of(
    expected: Expectation, play: Play, name: Callable[[Who], str], last: float
) -> str | None:
    """Wait for what is expected after the last deed; the line that says what came instead."""
    match expected:
        case Serves(who, within_s):
            return await _serves(play, name(who), last, within_s)
        case Stays(who, for_s):
            return await _stays(play, name(who), last, for_s)
        case NobodyServes(after_s, for_s):
            return await _nobody(play, last + after_s, last + after_s + for_s)
        case Alarms(who, words, within_s):
            return await _alarms(play, name(who), words, last + within_s)
        case LostPower():
            return None  # judged when everything else has been: see `power_fault`


async def _serves(play: Play, member: str, last: float, within_s: float) -> str | None:
    with trio.move_on_at(last + within_s):
        await play.probe.answered(by=member, since=last)
        return None
    return f"{member} does not answer within {within_s:.1f} s"


async def _stays(play: Play, member: str, last: float, for_s: float) -> str | None:
    await trio.sleep_until(last + for_s)
    holders = {
        one.member
        for one in play.room.truth.log
        if one.at >= last and one.what in {What.HELD, What.GONE}
    }
    if holders or play.room.truth.holders() != (member,):
        return f"{member} does not keep the address for {for_s:.1f} s"
    return None


async def _nobody(play: Play, since: float, until: float) -> str | None:
    await trio.sleep_until(until)
    served = play.probe.members(since)
    return f"{' and '.join(served)} answers where nobody may" if served else None


async def _alarms(play: Play, member: str, words: str, until: float) -> str | None:
    with trio.move_on_at(until):
        while True:
            report = await status(play.room.members[member])
            if report is not None and any(words in alarm for alarm in report.alarms):
                return None
            await trio.sleep(0.1)
    return f"{member} shows no alarm with {words!r}"


def power_fault(
    expected: Expectation, play: Play, name: Callable[[Who], str], since: float
) -> str | None:
    """Judge what is expected of the power, when all else has been waited for."""
    if not isinstance(expected, LostPower):
        return None
    lost = bool(play.room.truth.of(name(expected.who), What.OFF, since=since))
    if lost is expected.lost:
        return None
    return f"{name(expected.who)} {'lost its power' if lost else 'kept its power'}"
