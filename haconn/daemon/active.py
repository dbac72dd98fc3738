"""What an active runs: the core of the resets, the devices, and the reset path, last to open.

A single management server is active for as long as it runs; one of a pair becomes it.
"""

import gc

import trio

from haconn.core.events import GivenUp, Resumed, Tick
from haconn.core.step import next_due
from haconn.core.system import System
from haconn.core.world import remark
from haconn.daemon.parts import Parts
from haconn.daemon.performer import Devices, Hands, Spokesman

LOOK_S = 1.0
"""How often the files of the journal are looked for under their names."""
HEARD_S = 1.0
"""How long a requester is given to acknowledge the last that it is told."""


class Active:
    """The tasks of an active; `run` until cancelled."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.spokesman = Spokesman(parts.reset_path, parts.chronicle)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run all of it; started when a request can be carried out."""
        async with trio.open_nursery() as services:
            self.begin(services)
            task_status.started()

    def begin(self, services: trio.Nursery) -> None:
        """Start all of it, in the turn in which it was built: devices speak from then on."""
        parts, heritage = self.parts, self.parts.heritage
        bmcs, outlets = dict(parts.bmcs), dict(parts.outlets)
        if heritage.peer is not None:
            assert heritage.peer_bmc is not None
            assert heritage.peer_outlets is not None
            bmcs[heritage.peer.server] = heritage.peer_bmc
            outlets[heritage.peer.server] = heritage.peer_outlets
        parts.owner.attach(Hands(Devices(services, bmcs, outlets), self.spokesman))
        new = [pdu for name, pdu in parts.pdus.items() if name not in heritage.served]
        for serve in (
            parts.journal.serve,
            *(bmc.serve for bmc in parts.bmcs.values()),
            *(pdu.serve for pdu in new),
        ):
            services.start_soon(serve)
        self._say_what_was_found()
        parts.owner.take(Resumed())
        services.start_soon(parts.owner.serve)
        services.start_soon(self._keep_journal)
        self._open_doors(services)

    def _open_doors(self, services: trio.Nursery) -> None:
        """Let monitors in."""
        parts = self.parts
        if parts.kdump is not None:
            services.start_soon(parts.kdump.serve)
        services.start_soon(parts.reset_path.renew)
        services.start_soon(parts.reset_path.serve)
        gc.collect()
        gc.freeze()  # what lives as long as the process is not looked at in every collection

    async def _keep_journal(self) -> None:
        """See that the next process will find the journal; a turn of the core mends it."""
        while True:
            await trio.sleep(LOOK_S)
            if self.parts.journal.look():
                self.parts.owner.take(Tick())

    def _say_what_was_found(self) -> None:
        found, chronicle = self.parts.found, self.parts.chronicle
        for damage in found.damage:
            lines = damage.lines or "all"
            message = "journal-lost" if found.lost else "journal-damaged"
            chronicle.remark(remark(message, path=damage.path, lines=lines))
        if not found.same_boot and not found.empty:
            what = "not of the last active in this boot: open resets have failed, verdicts are over"
            chronicle.remark(remark("journal", what=what))

    def lateness(self) -> float:
        """How late the core is with what is due, in seconds."""
        due = next_due(self.parts.owner.world)
        return 0.0 if due is None else trio.current_time() - due

    def in_reset(self) -> list[System]:
        """The systems of which a reset is in progress."""
        systems = self.parts.owner.world.systems.values()
        return [system for system in systems if system.reset is not None]

    async def settled(self) -> None:
        """Wait until no reset is in progress; the caller sets the limit."""
        while self.in_reset():
            await self.parts.owner.moved()

    async def give_up(self) -> None:
        """Nobody takes up what this process leaves: tell FAIL to all that wait."""
        owner = self.parts.owner
        owner.take(GivenUp())
        with trio.move_on_after(HEARD_S):
            while owner.world.asked.being_told():
                await owner.moved()
        owner.take(GivenUp())  # what was asked meanwhile

    def close(self) -> None:
        """Close the journal and the sockets."""
        self.parts.journal.close()
        for socket in self.parts.sockets:
            socket.close()
