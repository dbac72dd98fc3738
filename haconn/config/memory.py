"""What a program that has secrets does so that its memory is not written to a disk."""

import ctypes
import os
import resource
from typing import Final

PR_SET_DUMPABLE: Final = 4


def forbid_dumps() -> None:
    """Let no core file be written of this process, and let nobody without rights look into it.

    A kernel that hands core dumps to a program (core_pattern with a pipe) does not heed the limit:
    hence PR_SET_DUMPABLE as well (prctl(2), core(5)). Raises OSError if the kernel refuses.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
