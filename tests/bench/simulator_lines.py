"""What a simulator in a process of its own says and hears: lines of JSON, and events in between.

One line in, one line out. A line with the key `event` is none of the answers: it says what was
received, and when, by the clock of tests/bench/clock.py. The end of the input ends the process.
"""

import json
import sys
from collections.abc import Callable

import trio


def say(value: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def serve_lines(answer: Callable[[list[str]], object]) -> None:
    """Answer the lines of the standard input until it ends."""
    while line := await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
        try:
            say({"answer": answer(line.split())})
        except (LookupError, ValueError) as error:
            say({"refused": f"{line.strip()}: {error}"})
