"""What can go wrong with an address, for the operator."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

CAPABILITY_OF_ADDRESSES = "CAP_NET_ADMIN"
CAPABILITY_OF_FRAMES = "CAP_NET_RAW"


class AddressError(Exception):
    """The kernel did not do what was asked. `str()` is one line for the operator."""


@contextmanager
def translated(what: str, capability: str) -> Iterator[None]:
    """Make an AddressError of an OSError.

    Args:
        what: begins the line, e.g. the address.
        capability: what the process lacks if the kernel does not permit it.
    """
    try:
        yield
    except OSError as error:
        raise AddressError(f"{what}: {reason(error, capability)}") from error


def reason(error: OSError, capability: str) -> str:
    """Say it in words of the operator."""
    if error.errno in {errno.EPERM, errno.EACCES}:
        return f"not permitted, {capability} is needed"
    return error.strerror or type(error).__name__
