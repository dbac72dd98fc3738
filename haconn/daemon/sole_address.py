"""Whether another machine has the address on which a single server takes requests (design 6).

Two machines with one address share the requests by chance, and each resets by half of what it
hears. The kernel does not look; so the link is asked before the first request is taken.
"""

import trio

from haconn.daemon.parts import StartError
from haconn.drivers.address.errors import CAPABILITY_OF_ADDRESSES, AddressError, translated
from haconn.drivers.address.interface import interface_with
from haconn.drivers.address.kernel import Kernel
from haconn.drivers.address.probe import probe

ASK_S = 0.6
"""Three probes: at 0, 0.25 and 0.5 s."""


async def require_sole(address: str) -> str | None:
    """Raise StartError if another machine answers for the address.

    Returns:
        Why that could not be asked, for the log; None if it was asked and nobody answered, or if
        nobody can be asked: the loopback has no link.
    """
    kernel = None
    try:
        with translated(address, CAPABILITY_OF_ADDRESSES):
            kernel = Kernel()
            interface = interface_with(kernel, address)
        if interface is None:
            return None
        with trio.move_on_after(ASK_S):
            owner = await probe(interface, address)
            raise StartError(
                f"resetpath {address}: another machine on {interface}, {owner}, answers for this"
                " address; one of the two must have another"
            )
    except AddressError as exc:
        return str(exc)
    finally:
        if kernel is not None:
            kernel.close()
    return None
