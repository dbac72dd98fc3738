"""Simulated BMCs in a process of their own, which say when a chassis command was received.

`python -m tests.bench.bmc_process PORT ADDRESS...`; lines: `counts`, `power ADDRESS on|off`,
`refuse ADDRESS COMMAND...` (no command: none any more), `flood ADDRESS PER_SECOND` (nonsense with
the right keys), `silent ADDRESS...`.

The stamp is taken when the datagram has come out of the socket, before it is deciphered.
"""

import sys
from dataclasses import replace

import trio

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc
from fixtures.simulators.bmc_state import CHASSIS_COMMANDS, NOT_IN_THIS_STATE, PlainChassis
from tests.bench.clock import now_s
from tests.bench.simulator_lines import say, serve_lines


class StampedBmc(SimulatedBmc):
    """A BMC that knows when the datagram in hand was received."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.received_at = 0.0
        self.refused: frozenset[str] = frozenset()
        self.server = StampedChassis(self)
        super().__init__(chassis=self.server)

    async def wait_while_frozen(self) -> None:
        """The first thing that is done with a datagram; BMCs take one after the other."""
        self.received_at = now_s()
        await super().wait_while_frozen()


class StampedChassis(PlainChassis):
    """A server that says what its BMC was told to do."""

    def __init__(self, bmc: StampedBmc) -> None:
        super().__init__()
        self._bmc = bmc

    def execute(self, command: str) -> int:
        bmc = self._bmc
        say({"event": command, "at": bmc.received_at, "device": bmc.address})
        if command in bmc.refused:
            return NOT_IN_THIS_STATE
        return super().execute(command)


def answer(bmcs: dict[str, StampedBmc], words: list[str]) -> object:
    """Carry out one line. Raises LookupError or ValueError for what is none."""
    match words:
        case ["counts"]:
            return {address: bmc.counts.status_reads for address, bmc in bmcs.items()}
        case ["power", address, ("on" | "off") as state]:
            bmcs[address].server.on = state == "on"
        case ["silent", *silenced]:
            for address in silenced:
                bmcs[address].faults = replace(bmcs[address].faults, silent=True)
        case ["flood", address, per_s]:
            bmcs[address].faults = replace(bmcs[address].faults, flood_per_s=float(per_s))
        case ["refuse", address, *commands] if set(commands) <= set(CHASSIS_COMMANDS.values()):
            bmcs[address].refused = frozenset(commands)
        case _:
            raise ValueError("not understood")
    return "done"


async def serve(port: int, addresses: list[str]) -> None:
    """Serve until the input ends."""
    bmcs = {address: StampedBmc(address) for address in addresses}
    async with trio.open_nursery() as nursery:
        for address, bmc in bmcs.items():
            await nursery.start(serve_bmc, bmc, address, port)
        say({"answer": len(bmcs)})
        await serve_lines(lambda words: answer(bmcs, words))
        nursery.cancel_scope.cancel(reason="the input ended")


if __name__ == "__main__":
    trio.run(serve, int(sys.argv[1]), sys.argv[2:])
