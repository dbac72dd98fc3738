"""Simulated PDUs in a process of their own, which say when they were asked and had answered.

`python -m tests.bench.pdu_process PORT ADDRESS...`; lines: `counts`, `off`,
`switch ADDRESS OUTLET on|off`.

`at` is when the datagram has come out of the socket, `until` when its answer is ready to be sent.
"""

import sys

import trio

from fixtures.simulators import pdu_ber as ber
from fixtures.simulators.pdu import Rack, SimulatedPdu
from fixtures.simulators.pdu_agent import Agent
from fixtures.simulators.pdu_ber import Message
from fixtures.simulators.pdu_layouts import ibm_old
from tests.bench.clock import now_s
from tests.bench.simulator_lines import say, serve_lines

OUTLETS = 12


class StampedAgent(Agent):
    """A PDU that says what it was asked."""

    def __init__(self, address: str, number: int) -> None:
        super().__init__(address, ibm_old(f"pdu{number:03d}", OUTLETS))
        self._taken: list[Message] = []

    def answer(self, datagram: bytes) -> list[bytes]:
        received_at = now_s()
        answers = super().answer(datagram)
        for request in self._taken:
            what = "set" if request.pdu == ber.SET else "get"
            asked = {"event": what, "device": self.address, "objects": len(request.bindings)}
            say(asked | {"at": received_at, "until": now_s()})
        self._taken.clear()
        return answers

    def _count(self, request: Message) -> None:
        super()._count(request)
        self._taken.append(request)


def answer(rack: Rack, words: list[str]) -> object:
    """Carry out one line. Raises LookupError or ValueError for what is none."""
    match words:
        case ["counts"]:
            return {pdu.address: pdu.agent.counts.gets for pdu in rack}
        case ["off"]:
            return {
                pdu.address: [number for number, on in pdu.agent.on.items() if not on]
                for pdu in rack
                if not all(pdu.agent.on.values())
            }
        case ["switch", address, outlet, ("on" | "off") as state]:
            rack[address].agent.switch(int(outlet), state == "on")
            return "done"
        case _:
            raise ValueError("not understood")


async def serve(port: int, addresses: list[str]) -> None:
    """Serve until the input ends."""
    agents = [StampedAgent(address, number) for number, address in enumerate(addresses)]
    rack = Rack([SimulatedPdu(agent, port) for agent in agents])
    async with trio.open_nursery() as nursery:
        await nursery.start(rack.serve)
        say({"answer": len(rack)})
        await serve_lines(lambda words: answer(rack, words))
        nursery.cancel_scope.cancel(reason="the input ended")


if __name__ == "__main__":
    trio.run(serve, int(sys.argv[1]), sys.argv[2:])
