"""Which interface the virtual address belongs on."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.kernel import Kernel
from haconn.drivers.address.rtnetlink import LOOPBACK


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of this machine on the virtual address's network.

    An interface that is made anew has another index under the same name.
    """

    name: str
    index: int
    address: str
    """This machine's own address there, which stays when the virtual one goes."""


def interface_with(kernel: Kernel, address: str) -> str | None:
    """Give the interface that has an address now; None if none has, or only the loopback.

    Raises OSError: the kernel does not tell.
    """
    names = {link.index: link.name for link in kernel.links() if not link.flags & LOOPBACK}
    found = [
        names[row.index]
        for row in kernel.addresses()
        if row.local == address and row.index in names
    ]
    return found[0] if found else None


def find_interface(kernel: Kernel, virtual: str, prefix: int) -> Interface:
    """Find the interface whose own address lies in the network of the virtual address.

    Raises:
        AddressError: there is none, or several.
        OSError: the kernel does not tell.
    """
    network = IPv4Network((virtual, prefix), strict=False)
    names = {link.index: link.name for link in kernel.links() if not link.flags & LOOPBACK}
    own = [
        address
        for address in kernel.addresses()
        if address.local != virtual
        and address.index in names
        and IPv4Address(address.local) in network
    ]
    own.sort(key=lambda address: address.prefix)  # a virtual address of others is a /32
    first = {address.index: address for address in reversed(own)}
    if not first:
        raise AddressError(f"{virtual}: no interface has an address of its own in {network}")
    if len(first) > 1:
        several = ", ".join(sorted(f"{names[row.index]} ({row.local})" for row in first.values()))
        raise AddressError(f"{virtual}: several interfaces have an address in {network}: {several}")
    (address,) = first.values()
    return Interface(names[address.index], address.index, address.local)
