"""What the setting commands of a pair mean: one configuration to another, as edits.py says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from haconn.config.edits import Change, fed_by, known_names, unregistered
from haconn.config.errors import RefusedError
from haconn.config.schema import (
    GENERATION_MAX,
    MSERVER_FEEDS_MAX,
    MSERVERS_MAX,
    PEER_KEYS_MAX,
    Configuration,
    ManagementServer,
    PeerKey,
)
from haconn.core.model import Feed, Secret


def add_mserver(old: Configuration, server: ManagementServer) -> Change:
    """Register a management server."""
    if old.mserver(server.name) is not None:
        raise RefusedError(f"{server.name}: registered already; haconnsetup mserver mod changes it")
    if len(old.mservers) >= MSERVERS_MAX:
        names = " and ".join(known.name for known in old.mservers)
        raise RefusedError(f"{names} are registered; allowed: {MSERVERS_MAX} management servers")
    return Change(replace(old, mservers=(*old.mservers, server)))


def modify_mserver(old: Configuration, name: str, given: Mapping[str, Any]) -> Change:
    """Change what is given, by field; there is no other name for a management server (R-306)."""
    before = mserver_named(old, name)
    return Change(_with(old, before, replace(before, **given)))


def delete_mserver(old: Configuration, name: str) -> Change:
    """Remove a management server with its LANs and outlets, and say so (R-307)."""
    server = mserver_named(old, name)
    kept = tuple(other for other in old.mservers if other is not server)
    told = tuple(f"outlet {feed} feeds {name} no more" for feed in server.feeds)
    return Change(replace(old, mservers=kept), told)


def set_lans(old: Configuration, name: str, given: Mapping[str, Any]) -> Change:
    """Set its addresses and its port; what is not given stays, if it is set (R-309)."""
    before = mserver_named(old, name)
    after = replace(before, **given)
    if after.lan_addr is None:
        raise RefusedError(f"{name}: addr= is not set yet; allowed: an IPv4 address of one machine")
    if after.lan_port is None:
        raise RefusedError(f"{name}: port= is not set yet; allowed: 5001 to 65535")
    return Change(_with(old, before, after))


def add_mserver_feed(old: Configuration, name: str, feed: Feed) -> Change:
    """Register an outlet that feeds a management server."""
    server = mserver_named(old, name)
    if feed in server.feeds:
        raise RefusedError(f"{name}: outlet {feed} is registered already")
    if len(server.feeds) >= MSERVER_FEEDS_MAX:
        raise RefusedError(
            f"{name}: {MSERVER_FEEDS_MAX} outlets are registered; allowed: {MSERVER_FEEDS_MAX}"
        )
    owner = fed_by(old, feed)
    if owner is not None:
        raise RefusedError(f"{name}: outlet {feed} feeds {owner} already; allowed: one server")
    after = replace(server, feeds=(*server.feeds, feed))
    return Change(_with(old, server, after), warned=unregistered(old, feed))


def delete_mserver_feeds(old: Configuration, name: str, feed: Feed | None) -> Change:
    """Remove an outlet of a management server, or all of them."""
    server = mserver_named(old, name)
    if feed is not None and feed not in server.feeds:
        known = known_names([str(known) for known in server.feeds])
        raise RefusedError(f"{name}: outlet {feed} is not registered; known: {known}")
    kept = tuple(other for other in server.feeds if feed is not None and other != feed)
    return Change(_with(old, server, replace(server, feeds=kept)))


def new_peer_key(old: Configuration, key: Secret) -> tuple[Configuration, PeerKey]:
    """Make the next generation of the key of the pair; the one before it stays good."""
    _require_room(old)
    if old.peer_newest >= GENERATION_MAX:
        raise RefusedError(f"peer: generation {GENERATION_MAX} was the last")
    entry = PeerKey(generation=old.peer_newest + 1, key=key)
    return _with_peer_keys(old, (*old.peer_keys, entry)), entry


def import_peer_key(old: Configuration, entry: PeerKey) -> Configuration:
    """Take a key that the other management server has made; one that is here already is here."""
    for known in old.peer_keys:
        if known == entry:
            return old
        if known.generation == entry.generation:
            raise RefusedError(
                f"peer: another key is generation {entry.generation} here;"
                f" haconnsetup key retire peer {entry.generation} ends it"
            )
    _require_room(old)
    keys = sorted((*old.peer_keys, entry), key=lambda key: key.generation)
    return _with_peer_keys(old, tuple(keys))


def retire_peer_key(old: Configuration, generation: int | None) -> tuple[Change, PeerKey]:
    """End a generation; the older one if none is named, but never the only one."""
    names = known_names([str(entry.generation) for entry in old.peer_keys])
    if generation is None and len(old.peer_keys) == 1:
        raise RefusedError(f"peer: generation {names} is the only one; to end it, name it")
    for entry in old.peer_keys:
        if generation in {None, entry.generation}:
            break
    else:
        wanted = "key" if generation is None else f"generation {generation}"
        raise RefusedError(f"peer: there is no {wanted}; known: {names}")
    kept = tuple(other for other in old.peer_keys if other is not entry)
    told = () if kept else ("the pair has no key any more: neither server can start as one of it",)
    return Change(_with_peer_keys(old, kept), told), entry


def mserver_named(old: Configuration, name: str) -> ManagementServer:
    """Give the management server of that name; raises RefusedError."""
    server = old.mserver(name)
    if server is None:
        known = known_names([other.name for other in old.mservers])
        raise RefusedError(f"{name}: no such management server; known: {known}")
    return server


def _require_room(old: Configuration) -> None:
    if len(old.peer_keys) >= PEER_KEYS_MAX:
        generations = " and ".join(str(entry.generation) for entry in old.peer_keys)
        raise RefusedError(
            f"peer: generations {generations} are good; allowed: {PEER_KEYS_MAX};"
            " haconnsetup key retire peer ends the older one"
        )


def _with(old: Configuration, before: ManagementServer, after: ManagementServer) -> Configuration:
    return replace(
        old, mservers=tuple(after if other is before else other for other in old.mservers)
    )


def _with_peer_keys(old: Configuration, keys: tuple[PeerKey, ...]) -> Configuration:
    newest = max((old.peer_newest, *(entry.generation for entry in keys)))
    return replace(old, peer_keys=keys, peer_newest=newest)
