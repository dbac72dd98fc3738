"""No core file of a program that has secrets."""

import subprocess
import sys

PROGRAM = """
import ctypes, resource
from haconn.config.memory import forbid_dumps
prctl = ctypes.CDLL(None).prctl
before = prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
forbid_dumps()
print(before, prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_a_process_is_not_dumpable_and_has_no_core_limit_left() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0", "0", "0"]
