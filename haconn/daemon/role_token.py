"""Whether this management server may command devices now.

Only one of a pair commands: whoever has lost its role must not, however late it hears of it. So
those who send ask right before each datagram that switches something. Reads are never asked for.
"""

from collections.abc import Callable

MaySend = Callable[[], bool]
NOT_OURS = "this management server may not command it now"


def always() -> bool:
    """There is nobody else who could."""
    return True
