"""The settings in the files, and whether they are those that run.

A change of the files does not reach a running daemon (R-191), but an operator wants to see that the
two servers would start with different ones. So what the heartbeat says is the hash of the files.
Keys are the exception: a running daemon takes them, so they are no difference once it has.

Files are replaced whole by our own commands; an operator's editor may write half a file and the
rest later. So files that cannot be read say something only when they have been so for two looks.
An interrupted copy has left a record beside the files, and then that is what counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import trio

from haconn.config.errors import ConfigError
from haconn.config.hashing import configuration_hash
from haconn.config.pdu_model import PduModel
from haconn.config.schema import Configuration
from haconn.config.store import load, models_of
from haconn.config.texts import MODELS, RECORD

LOOK_S = 2.0
UNREADABLE = bytes(8)
Stamps: TypeAlias = tuple[tuple[str, int, int, int], ...]


class SettingsWatch:
    """Looks at the files, and reads them anew when one has changed."""

    def __init__(
        self,
        etc: Path,
        running: Configuration,
        models: Mapping[str, PduModel],
        tell: Callable[[bytes], None],
    ) -> None:
        """Take what runs; `tell` hears the hash of what is in the files."""
        self._etc = etc
        self._running = running
        self._models = models
        self._tell = tell
        self._seen: Stamps | None = None
        self._unread: Stamps | None = None
        """Files that could not be read when they were seen."""
        self._found: tuple[Configuration, Mapping[str, PduModel]] | None = None

    @property
    def differs(self) -> bool:
        """Whether the files say something else than what runs."""
        if self._unread is not None and self._unread == self._seen:
            return True
        return self._found is not None and self._found != (self._running, self._models)

    def took_keys(self, stored: Configuration) -> None:
        """The running daemon has taken the keys of these settings, which the files have now."""
        self._running = replace(
            self._running,
            keys=stored.keys,
            next_system=stored.next_system,
            peer_keys=stored.peer_keys,
            peer_newest=stored.peer_newest,
        )
        models = self._models if self._found is None else self._found[1]
        self._found = stored, models
        self._tell(configuration_hash(stored, models))

    async def serve(self) -> None:
        """Look; for ever."""
        while True:
            await self.look()
            await trio.sleep(LOOK_S)

    async def look(self) -> None:
        """Read the files if they have changed since the last look."""
        seen = self._stamps()
        if seen == self._seen:
            return
        try:
            found = await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
        except (ConfigError, OSError):  # or no descriptor is left
            self._could_not_read(seen)
            return
        self._seen, self._unread, self._found = seen, None, found
        self._tell(configuration_hash(*found))

    def _could_not_read(self, seen: Stamps) -> None:
        if seen == self._unread:
            self._seen = seen
            self._tell(UNREADABLE)
        self._unread = seen

    def _read(self) -> tuple[Configuration, Mapping[str, PduModel]]:
        return load(self._etc), models_of(self._etc)

    def _stamps(self) -> Stamps:
        """What is different whenever a file is."""
        try:
            places = (
                self._etc / RECORD,
                *self._etc.glob("*.toml"),
                *self._etc.glob(f"{MODELS}/*.toml"),
            )
            found = [(str(place), place.stat()) for place in sorted(places) if place.exists()]
        except OSError:
            return ()
        return tuple(
            (name, status.st_ino, status.st_mtime_ns, status.st_size) for name, status in found
        )
