"""The settings in the files, as far as they are not those that run.

A change of the files does not reach a running daemon (R-191), but an operator wants to see that the
two servers would start with different ones. So what the heartbeat says is the hash of the files.
"""

from collections.abc import Callable
from pathlib import Path

import trio

from haconn.config.errors import ConfigError
from haconn.config.hashing import configuration_hash
from haconn.config.store import load, models_of

LOOK_S = 2.0
UNREADABLE = bytes(8)


class SettingsWatch:
    """Looks at the files, and reads them anew when one has changed."""

    def __init__(self, etc: Path, running: bytes, tell: Callable[[bytes], None]) -> None:
        self._etc = etc
        self._running = running
        self._tell = tell
        self._seen: tuple[tuple[str, int, int], ...] = ()
        self.differs = False
        """Whether the files say something else than what runs."""

    async def serve(self) -> None:
        """Look; for ever."""
        while True:
            seen = self._stamps()
            if seen != self._seen:
                self._seen = seen
                found = await trio.to_thread.run_sync(self._hash, abandon_on_cancel=True)
                self.differs = found != self._running
                self._tell(found)
            await trio.sleep(LOOK_S)

    def _stamps(self) -> tuple[tuple[str, int, int], ...]:
        try:
            files = sorted(self._etc.glob("*.toml")) + sorted(self._etc.glob("pdu-models/*.toml"))
            found = [(str(file), file.stat()) for file in files]
        except OSError:
            return ()
        return tuple((name, status.st_mtime_ns, status.st_size) for name, status in found)

    def _hash(self) -> bytes:
        try:
            return configuration_hash(load(self._etc), models_of(self._etc))
        except ConfigError:
            return UNREADABLE
