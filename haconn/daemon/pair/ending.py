"""How a process of the pair ends, and with what status.

0   stopped: by systemd, or by an operator who wants it to stay down.
1   failed, or another active was heard: systemd starts a new process.
75  ended in order, so that a new process begins (EX_TEMPFAIL): systemd starts it.
"""

import trio

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
        """Without handing over: another is active already."""

    def order(self, code: int, reason: str, *, at_once: bool = False) -> None:
        """Have the process end."""
        if not self.ordered.is_set():
            self.code, self.reason, self.at_once = code, reason, at_once
            self.ordered.set()
