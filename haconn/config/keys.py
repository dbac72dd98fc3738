"""Keys of the reset path: made, bound, shown once, retired.

A key belongs to a system: a server (or a guest) as one monitor, by that monitor's port and
subsystem number. System ids count up and are never used again; generations count up within a
system. `HACONN_ETC/keys/<system id>.<generation>.key` is the client's copy: the daemon reads
only secrets.toml, and the copy may be deleted once the client has it.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from haconn.config.edits import Change
from haconn.config.errors import RefusedError
from haconn.config.schema import (
    GENERATION_MAX,
    KEY_ID_MAX,
    PEER,
    SYSTEMS_MAX,
    Configuration,
    KeyEntry,
)
from haconn.core.model import Secret

DIRECTORY = "keys"
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Owner:
    """`<server>` or `<server>/<vm>`."""

    server: str
    vm: str | None

    def __str__(self) -> str:
        return self.server if self.vm is None else f"{self.server}/{self.vm}"


def fresh_key() -> Secret:
    """Make a key: 32 random bytes as 64 hexadecimal digits."""
    return Secret(secrets.token_hex(KEY_BYTES))


def fingerprint(key: Secret) -> str:
    """Tell two keys apart without showing them: the first 8 bytes of the SHA-256 of the key."""
    return hashlib.sha256(bytes.fromhex(key.reveal())).hexdigest()[:16]


def key_line(entry: KeyEntry) -> Secret:
    """Give the line that a client keeps."""
    return Secret(f"haconn1:{entry.key_id:08x}:{entry.key.reveal()}")


def key_file(etc: Path, entry: KeyEntry) -> Path:
    """Tell where the client's copy lies."""
    return etc / DIRECTORY / f"{entry.id}.{entry.generation}.key"


def new_key(
    old: Configuration, owner: Owner, port: int | None, number: int | None, key: Secret
) -> tuple[Configuration, KeyEntry, tuple[str, ...]]:
    """Give a system its first key or its next generation; what is made, and what to tell.

    Raises RefusedError; a port or a number not given stays as it is bound.
    """
    _require_owner(old, owner)
    if any(entry.owner == str(owner) for entry in old.keys):
        return _next_generation(old, owner, port, number, key)
    if port is None or number is None:
        raise RefusedError(f"{owner}: port and address are needed with its first key")
    _require_free(old, owner, port, number)
    systems = {entry.id for entry in old.keys}
    if len(systems) >= SYSTEMS_MAX or old.next_system > KEY_ID_MAX:
        raise RefusedError(f"{len(systems)} systems have keys; allowed: {SYSTEMS_MAX}")
    entry = KeyEntry(
        id=old.next_system,
        generation=1,
        server=owner.server,
        vm=owner.vm,
        port=port,
        number=number,
        key=key,
        newest=1,
    )
    new = replace(old, keys=(*old.keys, entry), next_system=old.next_system + 1)
    return new, entry, ()


def retire_key(old: Configuration, system_id: int, generation: int) -> tuple[Change, KeyEntry]:
    """End a generation; with the last one the system is no longer known."""
    for entry in old.keys:
        if (entry.id, entry.generation) == (system_id, generation):
            break
    else:
        known = ", ".join(f"{entry.id}.{entry.generation}" for entry in old.keys) or "none"
        raise RefusedError(f"{system_id}.{generation}: no such key; known: {known}")
    kept = tuple(other for other in old.keys if other is not entry)
    told: tuple[str, ...] = ()
    if all(other.id != system_id for other in kept):
        told = (f"{entry.owner} has no key any more: it can neither request nor be reset",)
    return Change(replace(old, keys=kept), told), entry


def _require_owner(old: Configuration, owner: Owner) -> None:
    if owner.server.lower() == PEER:
        raise RefusedError("peer: the key of the pair; haconnsetup key new peer makes it")
    if old.server(owner.server) is None:
        known = ", ".join(server.name for server in old.pservers) or "none"
        raise RefusedError(f"{owner.server}: no such managed server; known: {known}")
    if owner.vm is not None:
        raise RefusedError(
            f"{owner}: a guest needs VMware=Enable on {owner.server}; allowed: {owner.server}"
        )


def _require_free(old: Configuration, owner: Owner, port: int, number: int) -> None:
    for entry in old.keys:
        if (entry.port, entry.number) == (port, number) and entry.owner != str(owner):
            raise RefusedError(f"{owner}: port={port} address={number} is {entry.owner} already")


def _next_generation(
    old: Configuration, owner: Owner, port: int | None, number: int | None, key: Secret
) -> tuple[Configuration, KeyEntry, tuple[str, ...]]:
    last = [entry for entry in old.keys if entry.owner == str(owner)][-1]
    newest = last.newest + 1
    if newest > GENERATION_MAX:
        raise RefusedError(
            f"{last.owner}: generation {GENERATION_MAX} was the last; retire all of its keys"
        )
    bound = last.port if port is None else port, last.number if number is None else number
    _require_free(old, owner, *bound)
    entry = replace(last, generation=newest, newest=newest, port=bound[0], number=bound[1], key=key)
    told: tuple[str, ...] = ()
    if entry.system != last.system:
        told = (f"its older keys are bound to {entry.system} too, no longer to {last.system}",)
    keys = tuple(
        replace(other, port=entry.port, number=entry.number, newest=newest)
        if other.id == last.id
        else other
        for other in old.keys
    )
    ordered = sorted((*keys, entry), key=lambda other: other.key_id)
    return replace(old, keys=tuple(ordered)), entry, told
