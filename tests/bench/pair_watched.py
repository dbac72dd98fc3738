"""What PDUs are told and asked of each outlet, in order: "no second cut without a look" is judged
by it, as looks.py does for the commands of BMCs.

A datagram that comes once more, with the request id that it had, is the same cut.
"""

import trio

from fixtures.simulators import pdu_ber as ber
from fixtures.simulators.netns.looks import LOOK, Touch
from fixtures.simulators.pdu import Rack
from fixtures.simulators.pdu_agent import Agent
from fixtures.simulators.pdu_ber import Message, decode

CUT, RESTORE = "cut", "restore"


class WatchedAgent(Agent):
    """A PDU that keeps the record of what it has answered."""

    def __init__(self, agent: Agent, log: list[Touch]) -> None:
        """Take the place of an agent that has answered nothing yet."""
        super().__init__(agent.address, agent.objects, agent.truth)
        self._log = log
        self._sets: set[int] = set()
        """Request ids of what has been noted."""

    def answer(self, datagram: bytes) -> list[bytes]:
        answers = super().answer(datagram)
        if answers:
            self._note(decode(datagram))
        return answers

    def _note(self, request: Message) -> None:
        is_set = request.pdu == ber.SET
        if is_set and request.request_id in self._sets:
            return
        self._sets |= {request.request_id} if is_set else set()
        for oid, value in request.bindings:
            outlet = self.objects.controls.get(oid, self.objects.states.get(oid))
            if outlet is None:
                continue
            what = LOOK
            if is_set:
                assert isinstance(value.value, int)
                what = RESTORE if self.objects.orders[value.value] else CUT
            place = f"{self.address}#{outlet}"
            self._log.append(Touch(trio.current_time(), place, what))


def watch_outlets(rack: Rack, addresses: list[str], log: list[Touch]) -> None:
    """Let every PDU of a rack keep the record."""
    for address in addresses:
        rack[address].agent = WatchedAgent(rack[address].agent, log)
