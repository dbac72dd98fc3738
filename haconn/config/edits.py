"""What the setting commands mean: one configuration to another.

Pure. An edit raises RefusedError where a command names what does not exist or exists already;
whether the result as a whole is allowed is said by haconn/config/rules.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from haconn.config.errors import RefusedError
from haconn.config.schema import (
    FEEDS_MAX,
    SERVERS_MAX,
    Configuration,
    KeyEntry,
    ManagedServer,
    PduEntry,
)
from haconn.core.model import Feed, Secret


class Change(NamedTuple):
    """A new configuration, what went with it, and what an operator should look at."""

    configuration: Configuration
    told: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()


def set_mode(old: Configuration, mode: str) -> Change:
    """Choose one management server or a pair."""
    return Change(replace(old, mode="single" if mode == "single" else "pair"))


def set_reset_path(old: Configuration, given: Mapping[str, Any]) -> Change:
    """Set address and mask, port, or both; what is not given stays, if it is set (R-301)."""
    after = replace(old.resetpath, **given)
    if after.addr is None:
        raise RefusedError(
            "resetpath: addr= is not set yet; allowed: <IPv4 address>/<mask>, together with port="
        )
    if after.port is None:
        raise RefusedError(
            "resetpath: port= is not set yet; allowed: 5001 to 65535, together with addr="
        )
    return Change(replace(old, resetpath=after), warned=shared_ports(old.keys, after.port))


def shared_ports(keys: Iterable[KeyEntry], port: int | None) -> tuple[str, ...]:
    """Give the warning about monitors whose port is the reset path's own (A-08)."""
    names = dict.fromkeys(entry.owner for entry in keys if entry.port == port)
    if not names:
        return ()
    return (
        f"port {port} is the reset path's, and the monitors' of {', '.join(names)} too:"
        " another port for one of them keeps their datagrams apart",
    )


def set_hispeed(old: Configuration, hispeed_ms: int | None) -> Change:
    """Set the time from soft to hard reset; None is off."""
    return Change(replace(old, timers=replace(old.timers, hispeed_ms=hispeed_ms)))


def set_community(old: Configuration, community: Secret) -> Change:
    """Set the SNMP community of all PDUs."""
    return Change(replace(old, community=community))


def add_server(old: Configuration, server: ManagedServer) -> Change:
    """Register a managed server."""
    if old.server(server.name) is not None:
        raise RefusedError(f"{server.name}: registered already; haconnsetup pserver mod changes it")
    if len(old.pservers) >= SERVERS_MAX:
        raise RefusedError(f"{SERVERS_MAX} managed servers are registered; allowed: {SERVERS_MAX}")
    return Change(replace(old, pservers=(*old.pservers, server)))


def modify_server(old: Configuration, name: str, given: Mapping[str, Any]) -> Change:
    """Change what is given, by field; a new name takes outlets and keys along (R-312)."""
    before = _server(old, name)
    after = replace(before, **given)
    if after.name != name and old.server(after.name) is not None:
        raise RefusedError(f"{after.name}: registered already; allowed: a name that is free")
    keys = tuple(
        replace(entry, server=after.name) if entry.server == name else entry for entry in old.keys
    )
    return Change(replace(_with(old, before, after), keys=keys))


def delete_server(old: Configuration, name: str) -> Change:
    """Remove a managed server with its outlets and keys, and say so (A-25)."""
    server = _server(old, name)
    mine = [entry for entry in old.keys if entry.server == name]
    told = [f"outlet {feed} feeds {name} no more" for feed in server.feeds]
    told += [f"key {entry.id}.{entry.generation} of {entry.owner} is retired" for entry in mine]
    return Change(
        replace(
            old,
            pservers=tuple(other for other in old.pservers if other is not server),
            keys=tuple(entry for entry in old.keys if entry not in mine),
        ),
        tuple(told),
    )


def add_pdu(old: Configuration, pdu: PduEntry) -> Change:
    """Register a PDU."""
    if old.pdu(pdu.addr) is not None:
        raise RefusedError(f"{pdu.addr}: registered already; haconnsetup ipdu del removes it")
    return Change(replace(old, pdus=(*old.pdus, pdu)))


def delete_pdus(old: Configuration, addr: str) -> Change:
    """Remove a PDU, or all with `*`; outlets that feed servers stay registered, and are told."""
    gone = [pdu for pdu in old.pdus if addr in (pdu.addr, "*")]
    if not gone and addr != "*":
        raise RefusedError(
            f"{addr}: no such PDU; known: {known_names([pdu.addr for pdu in old.pdus])}"
        )
    addresses = {pdu.addr for pdu in gone}
    warned = tuple(
        f"outlet {feed} still feeds {name}: it counts as NG"
        for name, feed in _all_feeds(old)
        if feed.pdu in addresses
    )
    kept = tuple(pdu for pdu in old.pdus if pdu not in gone)
    return Change(replace(old, pdus=kept), warned=warned)


def add_feed(old: Configuration, name: str, feed: Feed) -> Change:
    """Register an outlet that feeds a server."""
    server = _server(old, name)
    if feed in server.feeds:
        raise RefusedError(f"{name}: outlet {feed} is registered already")
    if len(server.feeds) >= FEEDS_MAX:
        raise RefusedError(f"{name}: {FEEDS_MAX} outlets are registered; allowed: {FEEDS_MAX}")
    owner = fed_by(old, feed)
    if owner is not None:
        raise RefusedError(f"{name}: outlet {feed} feeds {owner} already; allowed: one server")
    after = replace(server, feeds=(*server.feeds, feed))
    return Change(_with(old, server, after), warned=unregistered(old, feed))


def delete_feeds(old: Configuration, name: str, feed: Feed | None) -> Change:
    """Remove an outlet of a server, or all of them."""
    server = _server(old, name)
    if feed is not None and feed not in server.feeds:
        known = known_names([str(known) for known in server.feeds])
        raise RefusedError(f"{name}: outlet {feed} is not registered; known: {known}")
    kept = tuple(other for other in server.feeds if feed is not None and other != feed)
    return Change(_with(old, server, replace(server, feeds=kept)))


def fed_by(old: Configuration, feed: Feed) -> str | None:
    """Tell which server, managed or management, an outlet feeds already."""
    return next((name for name, other in _all_feeds(old) if other == feed), None)


def unregistered(old: Configuration, feed: Feed) -> tuple[str, ...]:
    """Give the warning about an outlet of a PDU that is not registered (A-29)."""
    if old.pdu(feed.pdu) is not None:
        return ()
    return (f"PDU {feed.pdu} is not registered: until then the outlet counts as NG",)


def known_names(names: list[str]) -> str:
    """Put names in a sentence."""
    return ", ".join(names) or "none"


def _all_feeds(old: Configuration) -> list[tuple[str, Feed]]:
    managed = [(server.name, feed) for server in old.pservers for feed in server.feeds]
    return [*managed, *((server.name, feed) for server in old.mservers for feed in server.feeds)]


def _server(old: Configuration, name: str) -> ManagedServer:
    server = old.server(name)
    if server is None:
        known = known_names([other.name for other in old.pservers])
        raise RefusedError(f"{name}: no such managed server; known: {known}")
    return server


def _with(old: Configuration, before: ManagedServer, after: ManagedServer) -> Configuration:
    return replace(
        old, pservers=tuple(after if other is before else other for other in old.pservers)
    )
