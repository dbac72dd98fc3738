"""Small records in HACONN_RUN that the next process, or the release program, relies on.

peer-stopped   "the peer has stopped in order": with it a server that starts alone may be active.
               The peer said so in one datagram, and whatever it says later ends the record.
pair-state     what the release program has to know once the daemon is dead.

Both hold only in the boot in which they were written, whatever keeps HACONN_RUN over a boot: who
was cut off from power has not seen what the peer did since. They are replaced as a whole, and
nothing is synced: a crash of the machine ends the boot anyway. What is damaged is as if it were
not there, and is told: then nobody acts on it, which is always allowed.

Nothing here raises or waits. Imports are few, since the release program is in a hurry.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

from haconn.core.beat import Echo, PairSession, Path
from haconn.daemon.small_files import Tell, ignore, load, remove, store

PEER_STOPPED = "peer-stopped"
PAIR_STATE = "pair-state"
PRODUCT_UUID = "product_uuid"
"""Copied there at start by the unit: in /sys only root may read it."""
NO_UUID = bytes(16)
SESSION_BYTES = 16
SEQ_MAX = 2**64 - 1
_NUMBERS = {"epoch": 2**32 - 1, "prefix": 32, "own_port": 65535, "peer_port": 65535}
_DOTTED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class PeerStopped:
    """The record that the peer stopped in order; one writer, the daemon."""

    def __init__(self, run: File, boot: str) -> None:
        """Take the kernel's boot id; without one no record holds."""
        self._path = run / PEER_STOPPED
        self._boot = boot

    def load(self, damaged: Tell = ignore) -> Echo | None:
        """Give the datagram that said so, None unless it was heard in this boot."""
        row = _row(self._path, damaged)
        if not self._boot or row.get("boot") != self._boot:
            return None
        session, seq = _session(row.get("session")), _number(row.get("seq"), SEQ_MAX)
        return None if session is None or seq is None else Echo(session, seq)

    def keep(self, echo: Echo) -> str | None:
        """Put it on record; gives what went wrong, and then there is no record of it."""
        if not self._boot:
            return f"{self._path}: not kept, the kernel tells no boot id"
        return store(
            self._path, {"boot": self._boot, "session": echo.session.hex(), "seq": echo.seq}
        )

    def delete(self) -> str | None:
        """Let there be no record; gives what went wrong, and then it may still be believed."""
        return remove(self._path)


@dataclass(frozen=True, slots=True)
class PairState:
    """What a process of the pair leaves to the program that runs after its end."""

    boot: str
    """The kernel's boot id."""
    me: str
    """This server's name in the list that both share: it goes into the key that is sealed with."""
    peer_name: str
    session: PairSession
    epoch: int
    was_active: bool
    """Whether this session was ever active, or is about to be."""
    virtual_address: str
    prefix: int
    own: Mapping[Path, str]
    own_port: int
    peer: Mapping[Path, str]
    """Where the peer is to be told, as far as known."""
    peer_port: int


def store_state(run: File, state: PairState) -> str | None:
    """Replace pair-state; gives what went wrong, and then the peer will have to find out itself.

    To be called at the start, before the address is added at an activation, and when an address
    of the peer becomes known.
    """
    return store(
        run / PAIR_STATE,
        {
            "boot": state.boot,
            "me": state.me,
            "peer_name": state.peer_name,
            "session": state.session.hex(),
            "epoch": state.epoch,
            "was_active": state.was_active,
            "virtual_address": state.virtual_address,
            "prefix": state.prefix,
            "own": {path.name: address for path, address in state.own.items()},
            "own_port": state.own_port,
            "peer": {path.name: address for path, address in state.peer.items()},
            "peer_port": state.peer_port,
        },
    )


def load_state(run: File, boot: str, damaged: Tell = ignore) -> PairState | None:
    """Give what the last process left, None unless it was of this boot."""
    row = _row(run / PAIR_STATE, damaged)
    session = _session(row.get("session"))
    me, peer_name, was_active = row.get("me"), row.get("peer_name"), row.get("was_active")
    address, own, peer = (
        row.get("virtual_address"),
        _addresses(row.get("own")),
        _addresses(row.get("peer")),
    )
    numbers = [_number(row.get(name), high) for name, high in _NUMBERS.items()]
    if not boot or row.get("boot") != boot or session is None or not isinstance(was_active, bool):
        return None
    if not isinstance(me, str) or not isinstance(peer_name, str) or not _is_address(address):
        return None
    if own is None or peer is None or None in numbers:
        return None
    return PairState(
        boot=boot,
        me=me,
        peer_name=peer_name,
        session=session,
        was_active=was_active,
        virtual_address=str(address),
        own=own,
        peer=peer,
        **{name: int(row[name]) for name in _NUMBERS},
    )


def forget_state(run: File) -> str | None:
    """Let there be no pair-state; gives what went wrong.

    The release program has done what it said, or the daemon runs in single mode, in which the
    address is the operator's.
    """
    return remove(run / PAIR_STATE)


def machine_uuid(run: File) -> bytes:
    """The DMI system UUID in the byte order of its text; zeros if it is not known.

    A board whose maker set none says all zeros or all ones: then it is not known either (SMBIOS
    3.7, 7.2.1).
    """
    try:
        text = (run / PRODUCT_UUID).read_text(encoding="ascii").strip().lower()
    except (OSError, UnicodeDecodeError):
        return NO_UUID
    if _UUID.fullmatch(text) is None:
        return NO_UUID
    uuid = bytes.fromhex(text.replace("-", ""))
    return NO_UUID if uuid == b"\xff" * 16 else uuid


def _row(path: File, damaged: Tell) -> dict[str, Any]:
    row = load(path, damaged)
    return row if isinstance(row, dict) else {}


def _session(value: object) -> PairSession | None:
    try:
        session = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        return None
    return PairSession(session) if len(session) == SESSION_BYTES and any(session) else None


def _number(value: object, high: int) -> int | None:
    return value if type(value) is int and 0 <= value <= high else None


def _addresses(value: object) -> dict[Path, str] | None:
    if not isinstance(value, dict) or not all(map(_is_address, value.values())):
        return None
    return {path: value[path.name] for path in Path if path.name in value}


def _is_address(value: object) -> bool:
    """Dotted, four numbers: nothing that anybody would look up by name."""
    if not isinstance(value, str) or _DOTTED.fullmatch(value) is None:
        return False
    return all(int(part) <= 255 for part in value.split("."))
