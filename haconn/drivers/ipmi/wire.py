"""One connected UDP socket to one BMC.

Connected, so that the kernel drops what others send and reports ICMP errors. Sending is not
async: a datagram leaves at once or raises, and no cancellation can fall between "decided" and
"sent".
"""

import socket

import trio

DATAGRAM_BYTES_MAX = 2048  # of what we read; the longest answer we know has 92


class Wire:
    """A socket that the caller closes.

    Raises OSError if the kernel knows no route to `host`. No name is looked up: `host` is an IPv4
    address in numbers.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect((host, port))
        except OSError:
            self._socket.close()
            raise

    def send(self, datagram: bytes) -> None:
        """Hand one datagram to the kernel; on OSError the kernel did not take it."""
        self._socket.send(datagram)

    async def receive(self) -> bytes:
        """Wait for one datagram. OSError is what ICMP said about an earlier one of ours."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                return self._socket.recv(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                continue  # its checksum was wrong: the kernel dropped it after waking us

    def close(self) -> None:
        """Close the socket; nobody may be waiting in `receive`."""
        self._socket.close()
