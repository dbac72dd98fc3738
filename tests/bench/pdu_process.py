"""Simulated PDUs in a process of their own, which say when they were asked and had answered.

`python -m tests.bench.pdu_process PORT ADDRESS...`; lines: `counts`, `off`,
`silent ADDRESS...`, `switch ADDRESS OUTLET on|off`.

`at` is when the datagram has come out of the socket, `until` when its answer is ready to be sent.

The daemon keeps what it has decoded, which is for polls: they bring the same for months. A cut
comes once, and its answers have not been seen before. So that cuts can be measured again and
again, no two answers about a few objects are spelled alike: BER has five ways to write a short
length.
"""

import sys
from collections.abc import Iterator
from itertools import count

import trio

from fixtures.simulators import pdu_ber as ber
from fixtures.simulators.pdu import Rack, SimulatedPdu
from fixtures.simulators.pdu_agent import Agent
from fixtures.simulators.pdu_ber import Message
from fixtures.simulators.pdu_layouts import ibm_old
from tests.bench.clock import now_s
from tests.bench.simulator_lines import say, serve_lines
from tests.bench.site import OUTLETS

POLL_OBJECTS_MIN = 5
SPELLINGS = 5


def respelled(datagram: bytes, number: int) -> bytes:
    """Write the lengths of message, PDU and bindings in one of 125 ways (X.690, 8.1.3)."""
    version, community, pdu = _values(_contents(datagram))
    *head, bindings = _values(_contents(pdu))
    message, rest = number % SPELLINGS, number // SPELLINGS
    inner = _spell(bindings[0], _contents(bindings), rest % SPELLINGS)
    outer = _spell(pdu[0], b"".join(head) + inner, rest // SPELLINGS % SPELLINGS)
    return _spell(datagram[0], version + community + outer, message)


def _spell(tag: int, contents: bytes, octets: int) -> bytes:
    """Write one value; with 0 octets the length has the short form, if it fits."""
    if not octets and len(contents) < 0x80:
        return bytes([tag, len(contents)]) + contents
    octets = octets or 1
    return bytes([tag, 0x80 | octets, *len(contents).to_bytes(octets, "big")]) + contents


def _header(value: bytes) -> tuple[int, int]:
    """How long tag and length of a value are, and its contents."""
    if value[1] < 0x80:
        return 2, value[1]
    octets = value[1] & 0x7F
    return 2 + octets, int.from_bytes(value[2 : 2 + octets], "big")


def _contents(value: bytes) -> bytes:
    return value[_header(value)[0] :]


def _values(contents: bytes) -> list[bytes]:
    found = []
    while contents:
        end = sum(_header(contents))
        found.append(contents[:end])
        contents = contents[end:]
    return found


class StampedAgent(Agent):
    """A PDU that says what it was asked."""

    def __init__(self, address: str, number: int, spelling: Iterator[int]) -> None:
        super().__init__(address, ibm_old(f"pdu{number:03d}", OUTLETS))
        self._taken: list[Message] = []
        self._spelling = spelling

    def answer(self, datagram: bytes) -> list[bytes]:
        received_at = now_s()
        answers = super().answer(datagram)
        for request in self._taken:
            if len(request.bindings) < POLL_OBJECTS_MIN:
                answers = [respelled(one, next(self._spelling)) for one in answers]
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
        case ["silent", *addresses]:
            for address in addresses:
                rack[address].agent.faults.silent = "all"
            return "done"
        case ["switch", address, outlet, ("on" | "off") as state]:
            rack[address].agent.switch(int(outlet), state == "on")
            return "done"
        case _:
            raise ValueError("not understood")


async def serve(port: int, addresses: list[str]) -> None:
    """Serve until the input ends."""
    spelling = count()
    agents = [StampedAgent(address, number, spelling) for number, address in enumerate(addresses)]
    rack = Rack([SimulatedPdu(agent, port) for agent in agents])
    async with trio.open_nursery() as nursery:
        await nursery.start(rack.serve)
        say({"answer": len(rack)})
        await serve_lines(lambda words: answer(rack, words))
        nursery.cancel_scope.cancel(reason="the input ended")


if __name__ == "__main__":
    trio.run(serve, int(sys.argv[1]), sys.argv[2:])
