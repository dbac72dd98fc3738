"""The one clock of the bench: CLOCK_MONOTONIC, which all processes of a machine share.

trio's clock has a random origin in each process, so stamps of two processes cannot be compared.
"""

import time


def now_s() -> float:
    """Seconds since some moment that is the same for every process of this machine."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)
