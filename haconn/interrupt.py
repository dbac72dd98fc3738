"""Ctrl-C ends a program quietly, however early it comes: imported before everything else.

Most of a short command's life is spent importing, and a KeyboardInterrupt in there is a traceback
over many lines. So until a program can say something about it, SIGINT has its default action, as
in a program that is no Python; the exit status is then 130 for the shell, as it is afterwards.
Nothing but `signal` is imported before that. What is left is the interpreter's own start.
"""

import signal
from collections.abc import Callable

INTERRUPTED = 130
"""What a shell shows for a program that SIGINT has ended."""


def interruptible(run: Callable[[], int]) -> int:
    """Run what tidies up and says so when it is interrupted; give its exit status.

    A SIGINT that the caller ignores (nohup, a job in the background) stays ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return run()
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = run()
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the interpreter's end has nothing to tidy up
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
