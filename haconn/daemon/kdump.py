"""The fence_kdump listener: one socket for all servers, open at all times.

Unauthenticated by nature, so nothing but the source address goes on to the core, which believes
it only for servers that have opted in, and only where haconn/core/reset.py says so.
"""

from haconn.core.events import KdumpHeard
from haconn.daemon.datagrams import Datagrams
from haconn.daemon.owner import Owner
from haconn.wire.kdump import parse


class KdumpListener:
    """Hears fence_kdump datagrams."""

    def __init__(self, socket: Datagrams, owner: Owner) -> None:
        self.dropped = 0
        """Datagrams that were none."""
        self._socket = socket
        self._owner = owner

    async def serve(self) -> None:
        """Hear; for ever."""
        while True:
            datagram, (address, _) = await self._socket.receive()
            if parse(datagram) is None:
                self.dropped += 1
            else:
                self._owner.take(KdumpHeard(address))
