"""A wake-up that is not lost: it rings until somebody has heard it."""

import trio


class Bell:
    """For one listener."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        """Ring."""
        self._event.set()

    async def wait(self) -> None:
        """Wait for the next ring, and take it."""
        await self._event.wait()
        self._event = trio.Event()
