"""The keys in a pair: those of the systems, which an active uses and a standby will, and its own.

A key that an operator makes reaches the running daemon at once, whatever its role: that of the
pair is used by both servers; those of the systems go to the table of an active, or are at hand for
an activation. A standby gets the keys of the systems with `haconnact copy`, and takes them then.
"""

from dataclasses import replace
from pathlib import Path

import trio

from haconn.config.errors import ConfigError
from haconn.config.schema import Configuration, KeyEntry
from haconn.config.store import load
from haconn.core.model import Instant
from haconn.core.pair import deafness
from haconn.core.pair_state import KeysAre
from haconn.core.report import KeysReport, RoleReport
from haconn.core.world import remark
from haconn.daemon.assembly import bindings_of
from haconn.daemon.commands import Commands, KeyTable
from haconn.daemon.pair.activation import Activation
from haconn.daemon.pair.owner import PairOwner
from haconn.daemon.pair.parts import PairParts, generations_of
from haconn.daemon.pair.settings_watch import SettingsWatch
from haconn.daemon.reports import Reporter
from haconn.wire.control import Done, Refused, Reply
from haconn.wire.keys import BadKeyError
from haconn.wire.pair.keys import PairKey


class KeysAtRest:
    """Where the commands find the active's table of keys, or the files of a standby."""

    def __init__(
        self,
        etc: Path,
        activation: Activation,
        parts: PairParts,
        watch: SettingsWatch,
        owner: PairOwner,
    ) -> None:
        self._etc = etc
        self._owner = owner
        self._activation = activation
        self._parts = parts
        self._watch = watch
        self._commands: Commands | None = None
        self._reloading = trio.Lock()

    def commands(self) -> Commands | None:
        """What commands do in the active; None while this server is not active."""
        active = self._activation.active
        if active is not None and self._commands is None:
            self._commands = self._commands_of()
        return self._commands

    def _commands_of(self) -> Commands:
        active = self._activation.active
        assert active is not None
        parts, configuration = active.parts, self._activation.configuration
        reporter = Reporter(
            configuration, parts.owner.world, parts.bmcs, parts.pdus, parts.chronicle.alarms
        )
        table = KeyTable(self._etc, configuration, parts.owner, parts.reset_path)
        return Commands(parts.owner, reporter, active.spokesman, parts.chronicle, table, parts.pdus)

    async def reload(self) -> Reply:
        """Take the keys as they are in the files now; what cannot be used changes nothing."""
        async with self._reloading:
            try:
                stored = await trio.to_thread.run_sync(load, self._etc, abandon_on_cancel=True)
                self._take_peer_keys(stored)
            except (ConfigError, BadKeyError) as exc:
                return Refused(str(exc).splitlines()[0])
            commands = self.commands()  # this server may have become active meanwhile
            reply = self._at_rest(stored) if commands is None else await commands.reload_keys()
            if isinstance(reply, Done):
                self._watch.took_keys(stored)
            return reply

    def may_retire(self, generation: int) -> Reply:
        """Whether a generation of the pair's key may end: the two have to hear each other."""
        pair, peer = self._owner.pair, self._parts.two.peer.name
        left = pair.seen.keys - {generation}
        why = deafness(pair, left, Instant(trio.current_time()))
        if why is not None:
            return Refused(
                f"generation {generation} is not retired: {why};"
                f" bring {peer} a key first (haconnsetup key new peer here, key import peer there),"
                " or --force"
            )
        return Done(RoleReport(f"{peer} has another generation"))

    def _take_peer_keys(self, stored: Configuration) -> None:
        keys = tuple(PairKey(entry.generation, entry.key) for entry in stored.peer_keys)
        if not keys:
            raise ConfigError("secrets.toml: the pair has no key; the one before is used on")
        self._parts.voice.rekey(keys)
        self._parts.exchange.rekey(keys)
        generations = generations_of(stored)
        membership = self._parts.membership
        membership.standing = replace(membership.standing, generations=generations)
        self._owner.take(KeysAre(frozenset(generations)))

    def _at_rest(self, stored: Configuration) -> Done:
        """Have the keys at hand for an activation."""
        running = self._activation.configuration
        server_of = {key.id: key.server for key in running.keys}
        here = {server.name for server in running.pservers}
        keys = tuple(_as_running(key, server_of) for key in stored.keys)
        usable = tuple(key for key in keys if key.server in here)
        self._activation.configuration = replace(running, keys=usable)
        report = KeysReport(len(bindings_of(usable)), len(usable))
        self._parts.chronicle.remark(remark("keys", systems=report.systems))
        return Done(report)


def _as_running(key: KeyEntry, server_of: dict[int, str]) -> KeyEntry:
    """A server that was renamed in the files keeps its name here until a restart."""
    return replace(key, server=server_of.get(key.id, key.server))
