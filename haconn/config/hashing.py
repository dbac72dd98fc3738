"""Two hashes that travel in every heartbeat, so that a pair sees that its settings differ.

Both are of what the settings mean: comments, order of keys and defaults that are written out do
not matter, the order of servers does, since displays follow it.

`configuration_hash` covers passwords, which are short enough to be guessed, and everybody on the
LAN may read a heartbeat. So it is keyed with the keys of the pair: who does not have them cannot
try a guess. Two servers with different keys of the pair differ in it, as they should.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TypeAlias

from haconn.config.pdu_model import PduModel
from haconn.config.schema import Configuration
from haconn.core.model import Secret

HASH_BYTES = 8
Plain: TypeAlias = "dict[str, Plain] | list[Plain] | str | int | None"


def configuration_hash(configuration: Configuration, models: Mapping[str, PduModel]) -> bytes:
    """Hash what `haconnact copy` copies, the models that PDUs have, and the keys of the pair."""
    used = {pdu.model: models.get(pdu.model) for pdu in configuration.pdus}
    content = (
        configuration.mservers,
        configuration.pservers,
        configuration.pdus,
        tuple(used[name] for name in sorted(used)),
        configuration.community,
        configuration.keys,
        configuration.next_system,
    )
    ring = _canonical(tuple((entry.generation, entry.key) for entry in configuration.peer_keys))
    key = hashlib.sha256(b"haconn configuration" + ring).digest()
    return hmac.digest(key, _canonical(content), "sha256")[:HASH_BYTES]


def service_hash(configuration: Configuration) -> bytes:
    """Hash the virtual address, its mask and the port: where monitors find the service."""
    path = configuration.resetpath
    content = _canonical((path.addr, path.mask, path.port))
    return hashlib.sha256(b"haconn service" + content).digest()[:HASH_BYTES]


def _canonical(value: object) -> bytes:
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":")).encode()


def _plain(value: object) -> Plain:
    match value:
        case None | bool() | int() | str():
            return value
        case Secret():
            return value.reveal()
        case tuple():
            return [_plain(item) for item in value]
        case frozenset():
            return sorted((_plain(item) for item in value), key=json.dumps)
        case _ if is_dataclass(value):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            raise TypeError(f"{type(value).__name__} is no part of a configuration")
