"""The request boundary: where a fault of our own ends a command, and not the daemon.

It is for views alone. They change nothing, so whatever goes wrong in one leaves everything else as
it was; and an active must not be lost, and its standby after it, because somebody looks at it.
What changes something is not caught: a state of which nobody knows how far it came is ended, and
the next process takes up what is on record.
"""

import sys
import traceback
from collections.abc import Callable

from haconn.wire.control import Done, Refused, Report

REASON = "an internal error; its traceback is in the journal of the service"


def viewed(view: Callable[[], Report]) -> Done | Refused:
    """Give what a view shows, or that it cannot be shown."""
    try:
        return Done(view())
    except Exception:  # noqa: BLE001
        sys.stderr.write(traceback.format_exc())
        return Refused(REASON)
