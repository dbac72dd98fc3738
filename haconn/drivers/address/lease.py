"""The virtual address as a lease that the kernel ends.

Rule 1. The address is never without an end: each `hold` gives it `lease_s` from now, and the kernel
        removes it after that, whatever became of this process.
Rule 2. It is a /32, whatever its network. The first address of a network is primary, and with it
        the kernel removes all others of that network (unless promote_secondaries is set): the end
        of a /24 lease was seen to take this machine's own address along. A /32 is a network by
        itself, has no route of its own, and so needs no `noprefixroute` either.
Rule 3. Only the virtual address is ever removed. Where its removal would take others along, nothing
        is removed and the operator is told.
Rule 4. Nothing here waits, so no cancellation can leave anything half-done.

The kernel counts whole seconds and looks rarely: a lease of 1 s was gone 1.01 to 1.17 s after the
last `hold`. A change of the lifetime of any other address in that second (as by DHCP) puts its look
off to a second after that change, so the end comes at most 1 s late.

This module and what it imports stay clear of trio: the program that releases the address after a
crash must start quickly.
"""

import errno
from contextlib import AbstractContextManager
from ipaddress import IPv4Network
from pathlib import Path
from types import TracebackType
from typing import Self

from haconn.drivers.address.errors import CAPABILITY_OF_ADDRESSES, AddressError, translated
from haconn.drivers.address.interface import Interface, find_interface
from haconn.drivers.address.kernel import Kernel
from haconn.drivers.address.rtnetlink import SECONDARY, Address

HOST_PREFIX = 32
SETTINGS = Path("/proc/sys/net/ipv4/conf")


class VirtualAddress:
    """The address that one of the two management servers holds.

    Every method but `close` may raise AddressError, whose line begins with the address.
    """

    def __init__(self, address: str, prefix: int) -> None:
        """Open the socket to the kernel; the address is left as it is.

        Args:
            prefix: of its network, by which its interface is found.
        """
        self.address = address
        self._prefix = prefix
        self._interface: Interface | None = None
        with self._translated():
            self._kernel = Kernel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket. The address stays until its lease ends or it is dropped before."""
        self._kernel.close()

    def find(self) -> Interface:
        """Find, and remember, the one interface with an own address in the same network."""
        with self._translated():
            self._interface = find_interface(self._kernel, self.address, self._prefix)
        return self._interface

    def hold(self, lease_s: int) -> None:
        """Add the address for `lease_s` from now, or let it last so long from now.

        The interface that was found first is kept, so that a refresh does not depend on this
        machine's own address; an interface that is gone is looked for again.
        """
        interface = self._interface or self.find()
        with self._translated():
            try:
                self._kernel.put(self._at(interface), lease_s)
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
                self._kernel.put(self._at(self.find()), lease_s)

    def drop(self) -> None:
        """Remove what `hold` added. It is no error if it is gone already."""
        if self._interface is not None:
            with self._translated():
                self._kernel.remove(self._at(self._interface))

    def held(self) -> bool:
        """Ask the kernel whether this machine has the address, on any interface."""
        with self._translated():
            return bool(self._found())

    def strip(self) -> tuple[str, ...]:
        """Remove the address from whatever interface has it, and read back that it is gone.

        Returns:
            The names of the interfaces that had it.
        """
        with self._translated():
            names = {link.index: link.name for link in self._kernel.links()}
            found = self._found()
            for address in found:
                self._spare_others(address, names.get(address.index, ""))
            for address in found:
                self._kernel.remove(address)
            left = self._found()
        had = tuple(dict.fromkeys(names.get(address.index, "?") for address in found))
        if left:
            raise AddressError(f"{self.address}: was removed from {', '.join(had)} and is back")
        return had

    def _at(self, interface: Interface) -> Address:
        return Address(interface.index, self.address, HOST_PREFIX, self.address)

    def _found(self) -> list[Address]:
        return [row for row in self._kernel.addresses() if row.local == self.address]

    def _spare_others(self, address: Address, name: str) -> None:
        """Refuse where the kernel would remove others with this one (rule 3)."""
        if address.flags & SECONDARY:
            return
        others = [
            row.local
            for row in self._kernel.addresses()
            if row.index == address.index
            and row.prefix == address.prefix
            and row.flags & SECONDARY
            and _network(row) == _network(address)
        ]
        if others and not _promotes(name):
            raise AddressError(
                f"{self.address}: cannot be taken off {name} without {', '.join(others)}:"
                f" remove {self.address}/{address.prefix} from the system's own configuration"
            )

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self.address, CAPABILITY_OF_ADDRESSES)


def _network(address: Address) -> IPv4Network:
    """Of the remote end, as the kernel counts it; the address itself where there is none."""
    return IPv4Network((address.remote, address.prefix), strict=False)


def _promotes(name: str) -> bool:
    """Whether the next address becomes primary when one goes (ip-sysctl, promote_secondaries)."""
    for scope in ("all", name):
        try:
            setting = (SETTINGS / scope / "promote_secondaries").read_bytes()
        except OSError:
            continue
        if setting.strip() != b"0":
            return True
    return False
