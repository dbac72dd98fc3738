"""Giving up root as systemd does it for a service with AmbientCapabilities=, within one process.

Within one, because a user without rights need not be able to read this checkout.
"""

import ctypes
import os
from typing import Final

NOBODY: Final = 65534
NET_ADMIN, NET_RAW = 12, 13
_KEEP_CAPABILITIES: Final = 8  # PR_SET_KEEPCAPS
_VERSION_3: Final = 0x20080522


def become_nobody(*capabilities: int) -> None:
    """Go on as uid 65534 that has these capabilities and no others."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0) == 0
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    mask = sum(1 << capability for capability in capabilities)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable
    assert libc.capset(header, data) == 0, os.strerror(ctypes.get_errno())
