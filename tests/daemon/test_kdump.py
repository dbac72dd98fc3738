"""The fence_kdump listener on a real socket."""

import socket
import struct
from pathlib import Path

import trio

from haconn.core.events import Event, KdumpHeard
from haconn.core.plan import Policy
from haconn.core.world import World
from haconn.daemon.datagrams import Datagrams
from haconn.daemon.journal import Journal
from haconn.daemon.kdump import KdumpListener
from haconn.daemon.owner import Owner
from tests.daemon.parts import Listener, Recorder, world

MAGIC, VERSION = 0x1B302A40, 1


class Heard(Owner):
    """Notes events in place of taking them."""

    def __init__(self, made: World, journal: Journal) -> None:
        super().__init__(made, journal)
        self.listener = Listener()
        self.attach(Recorder())

    def take(self, event: Event) -> None:
        self.listener.take(event)


async def test_only_datagrams_of_the_right_form_are_told_and_only_their_source(
    tmp_path: Path,
) -> None:

    owner = Heard(world([Policy("alpha", fence_kdump=True)]), Journal(tmp_path))
    datagrams = Datagrams("", 0)
    listener = KdumpListener(datagrams, owner)
    port = datagrams._socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.serve)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kernel:
            kernel.bind(("127.0.7.1", 0))
            for datagram in (b"", b"x" * 8, b"x" * 4000, struct.pack("<II", MAGIC, 2)):
                kernel.sendto(datagram, ("127.0.0.1", port))
            kernel.sendto(struct.pack("<II", MAGIC, VERSION), ("127.0.0.1", port))
            kernel.sendto(struct.pack(">II", MAGIC, VERSION), ("127.0.0.1", port))
        await owner.listener.first(KdumpHeard, 2)
        nursery.cancel_scope.cancel(reason="the test has ended")
    assert [event for _, event in owner.listener.heard] == [KdumpHeard("127.0.7.1")] * 2
    assert listener.dropped == 4
    datagrams.close()
