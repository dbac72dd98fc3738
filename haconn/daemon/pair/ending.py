"""How a process of the pair ends, and with what status.

0   stopped: by systemd, or by an operator who wants it to stay down.
1   failed, or another active was heard: systemd starts a new process.
75  ended in order, so that a new process begins (EX_TEMPFAIL): systemd starts it.
"""

import trio

from haconn.daemon.parts import StartError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_AGAIN = 75


class Ending:
    """Orders the end once; the first order counts."""

    def __init__(self) -> None:
        self.ordered = trio.Event()
        self.code = EXIT_OK
        self.reason = ""
        self.at_once = False
        """Without handing over: another is active already, or nothing is served."""
        self.fault: StartError | None = None
        """Why this machine could not serve."""

    def order(self, code: int, reason: str, *, at_once: bool = False) -> None:
        """Have the process end."""
        if not self.ordered.is_set():
            self.code, self.reason, self.at_once = code, reason, at_once
            self.ordered.set()

    def fail(self, fault: StartError) -> None:
        """Have the process end because the machine is not as it has to be."""
        if not self.ordered.is_set():
            self.fault = fault
        self.order(EXIT_FAILED, str(fault), at_once=True)
