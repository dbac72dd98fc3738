"""What systemd is told: ready, alive, stopping (sd_notify(3)).

The watchdog is fed by a task that has to get its turn in the same loop as everything else, and
only while the core's Tick is not overdue: a daemon that is stuck is to be restarted, and takes up
its journal then.
"""

import os
import socket
from collections.abc import Callable

import trio

LATE_S = 0.5
"""How late the core may be with what is due, before the watchdog is no longer fed."""
AGAIN_S = 0.05
"""To the next look while it is late: after a stall this task may have its turn before the core."""


class Supervisor:
    """Notifies the service manager; without one, nothing happens."""

    def __init__(self, environment: dict[str, str]) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._path = "\0" + path[1:] if path.startswith("@") else path
        micros = environment.get("WATCHDOG_USEC", "")
        pid = environment.get("WATCHDOG_PID", "")
        mine = not pid or pid == str(os.getpid())
        self._period_s = int(micros) / 1e6 / 3 if micros.isdigit() and mine else 0.0

    def tell(self, state: str) -> None:
        """Send one state; nobody waits, and a lost one is repeated by the next."""
        if not self._path:
            return
        try:
            kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
            with socket.socket(socket.AF_UNIX, kind) as sock:
                sock.sendto(state.encode(), self._path)
        except OSError:
            return

    async def serve(self, lateness: Callable[[], float]) -> None:
        """Feed the watchdog while the core keeps its times; for ever."""
        while self._period_s:
            late = lateness() >= LATE_S
            if not late:
                self.tell("WATCHDOG=1")
            await trio.sleep(min(AGAIN_S, self._period_s) if late else self._period_s)
