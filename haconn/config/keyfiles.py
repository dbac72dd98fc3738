"""Making and retiring keys on disk: secrets.toml, and the client's copy beside it.

The copy is written before secrets.toml and removed after it: a crash in between leaves a file
that no key goes with, and the next key of that name takes its place.
"""

from dataclasses import dataclass
from pathlib import Path

from haconn.config.edits import shared_ports
from haconn.config.errors import ConfigError
from haconn.config.files import make_directory, remove, replace_secret
from haconn.config.keys import DIRECTORY, Owner, fresh_key, key_file, key_line, new_key, retire_key
from haconn.config.schema import Configuration, KeyEntry
from haconn.config.store import change


@dataclass(frozen=True, slots=True)
class Issued:
    """A key that was just made."""

    entry: KeyEntry
    file: Path
    told: tuple[str, ...]
    warned: tuple[str, ...] = ()


def issue_key(etc: Path, owner: Owner, port: int | None, number: int | None) -> Issued:
    """Make a key and store it; raises ConfigError, and then there is none."""
    key = fresh_key()
    issued: list[Issued] = []
    copies: list[Path] = []

    def edit(old: Configuration) -> Configuration:
        new, entry, told = new_key(old, owner, port, number, key)
        warned = shared_ports((entry,), old.resetpath.port)
        issued.append(Issued(entry, key_file(etc, entry), told, warned))
        return new

    def write_copy() -> None:
        make_directory(etc / DIRECTORY, 0o700)
        replace_secret(issued[-1].file, f"{key_line(issued[-1].entry).reveal()}\n")
        copies.append(issued[-1].file)

    try:
        change(etc, edit, write_copy)
    except ConfigError:
        for copy in copies:
            remove(copy)
        raise
    return issued[-1]


def withdraw_key(etc: Path, system_id: int, generation: int) -> tuple[KeyEntry, tuple[str, ...]]:
    """Retire a key and remove the client's copy; gives the key and what to tell."""
    found: list[tuple[KeyEntry, tuple[str, ...]]] = []

    def edit(old: Configuration) -> Configuration:
        result, entry = retire_key(old, system_id, generation)
        found.append((entry, result.told))
        return result.configuration

    change(etc, edit)
    remove_copies(etc, [found[-1][0]])
    return found[-1]


def remove_copies(etc: Path, entries: list[KeyEntry]) -> None:
    """Remove the clients' copies of keys that are no more."""
    for entry in entries:
        remove(key_file(etc, entry))
