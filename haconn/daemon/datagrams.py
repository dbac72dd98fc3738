"""A bound UDP socket whose sending never waits: what the core says leaves in the same turn."""

import socket
from collections import Counter

import trio

DATAGRAM_MAX = 2048
Place = tuple[str, int]


class Datagrams:
    """A socket bound to one address. Raises OSError if that is not local, or somebody has it."""

    def __init__(self, address: str, port: int) -> None:
        self.failed: Counter[str] = Counter()
        """Datagrams that the kernel did not take, by reason: lost, as on any network."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.bind((address, port))
        except OSError:
            self._socket.close()
            raise

    async def receive(self) -> tuple[bytes, Place]:
        """Wait for one datagram."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recvfrom(DATAGRAM_MAX)
            except OSError:
                continue  # ICMP about something sent earlier, or a wrong checksum

    def send(self, datagram: bytes, place: Place) -> None:
        """Hand one datagram to the kernel, or count that it was not taken."""
        try:
            self._socket.sendto(datagram, place)
        except OSError as exc:
            self.failed[exc.strerror or str(exc)] += 1

    def close(self) -> None:
        """Close the socket; nobody may be waiting in `receive`."""
        self._socket.close()
