"""Stands in for haconnr2 where only the instruments are tried: a unit that does as it is told.

Words, in order: `ready` says READY=1; `hold` adds the virtual address, `lease` the same for a
second; `feed` feeds the watchdog for ever; `sleep` does nothing for ever; `deaf` ignores SIGTERM;
`tell` prints what ExecStopPost is told; `say=TEXT` prints; `exit=3` ends.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

VIRTUAL = "10.1.0.3/32"


def notify(text: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])


def hold(*lease: str) -> None:
    subprocess.run(["ip", "addr", "add", VIRTUAL, "dev", "rst", *lease], check=True)


def feed() -> None:
    while True:
        notify("WATCHDOG=1")
        time.sleep(0.2)  # noqa: TID251 (a plain program, without Trio)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def tell() -> None:
    say(
        " ".join(os.environ.get(one, "-") for one in ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS"))
    )


ACTS: dict[str, Callable[[], object]] = {
    "ready": lambda: notify("READY=1"),
    "hold": hold,
    "lease": lambda: hold("valid_lft", "1", "preferred_lft", "1"),
    "feed": feed,
    "sleep": signal.pause,
    "deaf": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "tell": tell,
}
VALUED: dict[str, Callable[[str], object]] = {
    "say": say,
    "exit": lambda status: sys.exit(int(status)),
}


def act(word: str) -> None:
    name, valued, value = word.partition("=")
    if valued:
        VALUED[name](value)
    else:
        ACTS[name]()


for argument in sys.argv[1:]:
    act(argument)
