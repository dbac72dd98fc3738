"""The key of the pair on disk: made here, carried to the other management server, taken there.

It lies in the table [peer] of secrets.toml, which `haconnact copy` leaves alone.
`HACONN_ETC/keys/peer.<generation>.key` holds one generation for the way to the other server, in
one line: `haconn1:peer.<generation>:<64 hexadecimal digits>`. Nothing reads it here, and it may be
deleted once the other server has taken it. Two generations are good at a time, so that a new one
can be taken there before the older one ends here.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from haconn.config.errors import ConfigError
from haconn.config.files import SECRET_MODE, make_directory, read_text, remove, replace_text
from haconn.config.keys import DIRECTORY, fresh_key
from haconn.config.pair_edits import import_peer_key, new_peer_key, retire_peer_key
from haconn.config.schema import GENERATION_MAX, Configuration, PeerKey
from haconn.config.store import change
from haconn.core.model import Secret

LINE = re.compile(r"haconn1:peer\.([0-9]{1,3}):([0-9a-f]{64})", re.ASCII)
LINE_BYTES_MAX = 1024


@dataclass(frozen=True, slots=True)
class IssuedPeerKey:
    """A key of the pair that was just made, and the file that carries it."""

    entry: PeerKey
    file: Path


def peer_key_file(etc: Path, generation: int) -> Path:
    """Tell where the copy for the other management server lies."""
    return etc / DIRECTORY / f"peer.{generation}.key"


def peer_key_line(entry: PeerKey) -> Secret:
    """Give the line that is carried to the other management server."""
    return Secret(f"haconn1:peer.{entry.generation}:{entry.key.reveal()}")


def read_peer_key(path: Path) -> PeerKey:
    """Read a key that was carried here; raises ConfigError, which never quotes the file.

    The file must be as secret as it would be if it had been made here.
    """
    text = read_text(path, secret=True, bytes_max=LINE_BYTES_MAX)
    if text is None:
        raise ConfigError(f"{path}: no such file")
    found = LINE.fullmatch(text.rstrip("\r\n"))
    if found is None or not 1 <= int(found[1]) <= GENERATION_MAX:
        raise ConfigError(f"{path}: no key of a pair, as haconnsetup key new peer writes it")
    return PeerKey(generation=int(found[1]), key=Secret(found[2]))


def issue_peer_key(etc: Path) -> IssuedPeerKey:
    """Make the next generation and store it; raises ConfigError, and then there is none."""
    key = fresh_key()
    made: list[PeerKey] = []
    copies: list[Path] = []

    def edit(old: Configuration) -> Configuration:
        new, entry = new_peer_key(old, key)
        made.append(entry)
        return new

    def write_copy() -> None:
        make_directory(etc / DIRECTORY, 0o700)
        copy = peer_key_file(etc, made[-1].generation)
        remove(copy)  # what lies there is of no key that counts, and its mode may be anything
        replace_text(copy, f"{peer_key_line(made[-1]).reveal()}\n", SECRET_MODE)
        copies.append(copy)

    try:
        change(etc, edit, write_copy)
    except ConfigError:
        for copy in copies:
            remove(copy)
        raise
    return IssuedPeerKey(made[-1], copies[-1])


def take_peer_key(etc: Path, path: Path) -> PeerKey:
    """Store a key that the other management server has made; raises ConfigError."""
    entry = read_peer_key(path)
    change(etc, lambda old: import_peer_key(old, entry))
    return entry


def withdraw_peer_key(etc: Path, generation: int | None) -> tuple[PeerKey, tuple[str, ...]]:
    """End a generation and remove its copy; gives the key and what to tell."""
    found: list[tuple[PeerKey, tuple[str, ...]]] = []

    def edit(old: Configuration) -> Configuration:
        result, entry = retire_peer_key(old, generation)
        found.append((entry, result.told))
        return result.configuration

    change(etc, edit)
    remove(peer_key_file(etc, found[-1][0].generation))
    return found[-1]
