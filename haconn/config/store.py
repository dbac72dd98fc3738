"""Loading the configuration, and changing it without ever leaving half a change.

One file is replaced in one step (haconn/config/files.py). Two files have to agree: pservers.toml
(or mservers.toml) says which servers there are, secrets.toml has their passwords and keys. Rows of
secrets.toml that fit no server count for nothing, so a change of both is written in three steps:

  1. secrets.toml with the rows of the old and of the new configuration;
  2. pservers.toml: from here on the new configuration is the one that loads;
  3. secrets.toml with the rows of the new one only.

A crash before step 2 leaves the old configuration, after it the new one, and the next change
drops the rows that fit nothing. A change of one file is one step. Who reads meanwhile reads again
until two readings are the same, so nobody sees the servers of one and the secrets of the other.
Before anything is written, the texts to be written are read, and refused if they do not say
exactly what was meant.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from haconn.config.documents import (
    CONNECTOR,
    IPDUS,
    LOGIN_ROWS,
    MSERVER_ROWS,
    MSERVERS,
    PDU_ROWS,
    PEER_TABLE,
    PSERVERS,
    RESETPATH,
    SECRETS,
    SERVER_ROWS,
    SYSTEM_ROWS,
    parse_files,
)
from haconn.config.editing import Rows, edit_head, edit_rows, edit_table
from haconn.config.errors import ConfigError, RefusedError
from haconn.config.files import (
    OPEN_MODE,
    SECRET_MODE,
    locked,
    make_directory,
    replace_text,
)
from haconn.config.pdu_model import PduModel
from haconn.config.pdu_models import PduModelError, load_pdu_models
from haconn.config.rules import Fault, faults_of
from haconn.config.schema import (
    Configuration,
    ManagedServer,
    ManagementServer,
    PduEntry,
    ResetPath,
    Timers,
)
from haconn.config.secretfile import (
    LoginRow,
    PeerTable,
    SecretHead,
    SecretRows,
    SystemRow,
    secret_rows,
)
from haconn.config.texts import RECORD, finish, read_texts

NAMING = frozenset({MSERVERS, PSERVERS})
"""Files that say which servers there are, and so which passwords and keys count."""
Edit: TypeAlias = Callable[[Configuration], Configuration]


@dataclass(frozen=True, slots=True)
class Stored:
    """What lies in HACONN_ETC, as read at one moment."""

    texts: Mapping[str, str]
    configuration: Configuration
    secrets: SecretRows


def load(etc: Path) -> Configuration:
    """Read the configuration, and check it as a whole.

    Raises ConfigError with a line for every fault: file, key, what is wrong, what is allowed.
    """
    configuration = _read(etc).configuration
    faults = faults_of(configuration, models_of(etc))
    if faults:
        raise ConfigError(*(str(fault) for fault in faults))
    return configuration


def look(etc: Path) -> tuple[Configuration, tuple[Fault, ...]]:
    """Read the configuration, and give what is wrong with it as a whole beside it.

    For displays. Raises ConfigError where a file or a value cannot be read at all.
    """
    configuration = _read(etc).configuration
    return configuration, faults_of(configuration, models_of(etc))


def models_of(etc: Path) -> dict[str, PduModel]:
    """Read the table of PDU models; raises ConfigError."""
    try:
        return load_pdu_models(read_texts(etc).models if os.path.lexists(etc) else {})
    except PduModelError as exc:
        raise ConfigError(*(f"pdu-models/{fault}" for fault in exc.faults)) from exc


def rehearse(etc: Path, edit: Edit) -> None:
    """Raise what `change` would raise for this edit now, and change nothing."""
    models = models_of(etc)
    old = _read(etc).configuration if os.path.lexists(etc) else Configuration()
    _require_no_worse(old, edit(old), models)


def change(etc: Path, edit: Edit, first: Callable[[], None] | None = None) -> tuple[Fault, ...]:
    """Apply an edit to what is stored, and give the faults that were there and still are.

    A configuration may be mended step by step: only a fault that the edit adds is refused.

    Args:
        edit: gives the new configuration, or raises ConfigError to refuse.
        first: is called when nothing but a failing disk can prevent the change any more.

    Raises ConfigError, and then nothing has changed; also if another change is under way. A
    failure between the steps above leaves the old or the new configuration, whole.
    """
    make_directory(etc, 0o755)
    with locked(etc):
        finish(etc)
        models = models_of(etc)
        stored = _read(etc)
        new = edit(stored.configuration)
        left = _require_no_worse(stored.configuration, new, models)
        steps = _steps(stored, new)
        if first is not None:
            first()
        _write(etc, stored.texts, steps)
    return left


def _require_no_worse(
    old: Configuration, new: Configuration, models: Mapping[str, PduModel]
) -> tuple[Fault, ...]:
    known = set(faults_of(old, models))
    faults = faults_of(new, models)
    added = [fault for fault in faults if fault not in known]
    if added:
        raise RefusedError(*(fault.text for fault in added))
    return faults


def _read(etc: Path) -> Stored:
    texts = read_texts(etc).files
    configuration, secrets = parse_files(texts)
    if os.path.lexists(etc / RECORD):
        note = f"{etc / RECORD} holds settings that other files do not have yet; a change ends that"
        configuration = replace(configuration, notes=(*configuration.notes, note))
    return Stored(texts, configuration, secrets)


def _write(etc: Path, before: Mapping[str, str], steps: list[tuple[str, str]]) -> None:
    texts = dict(before)
    for file, text in steps:
        if text != texts.get(file, ""):
            replace_text(etc / file, text, SECRET_MODE if file == SECRETS else OPEN_MODE)
            texts[file] = text


def _steps(stored: Stored, new: Configuration) -> list[tuple[str, str]]:
    """Give the files in the order in which they are to be written."""
    old, before = stored.configuration, stored.texts.get(SECRETS, "")
    open_texts = {
        CONNECTOR: _connector_text(stored.texts.get(CONNECTOR, ""), old, new),
        MSERVERS: edit_rows(stored.texts.get(MSERVERS, ""), _mserver_rows(old, new)),
        PSERVERS: edit_rows(stored.texts.get(PSERVERS, ""), _server_rows(old, new)),
        IPDUS: edit_rows(stored.texts.get(IPDUS, ""), _pdu_rows(old, new)),
    }
    changed = {
        file: text for file, text in open_texts.items() if text != stored.texts.get(file, "")
    }
    assert len(changed) <= 1, "files that need not agree are changed by commands of their own"
    wanted = secret_rows(new)
    both = wanted.with_rows_of(secret_rows(old)) if NAMING & set(changed) else wanted
    bridge = _secret_text(before, stored.secrets, both)
    _, bridged = parse_files({**stored.texts, SECRETS: bridge})  # rows in the order of the text
    final = _secret_text(bridge, bridged, wanted)
    _require_meant({**stored.texts, **changed, SECRETS: final}, new)
    return [(SECRETS, bridge), *changed.items(), (SECRETS, final)]


def _require_meant(texts: Mapping[str, str], new: Configuration) -> None:
    written, _ = parse_files(texts)
    if written != new:
        raise ConfigError("the files are not written in a form that a command can change")


def _connector_text(text: str, old: Configuration, new: Configuration) -> str:
    text = edit_head(text, Configuration, old, new)
    text = edit_head(text, Timers, old.timers, new.timers)
    return edit_table(text, RESETPATH, ResetPath, old.resetpath, new.resetpath)


def _server_rows(old: Configuration, new: Configuration) -> Rows[ManagedServer]:
    return Rows(SERVER_ROWS, ManagedServer, _server_name, old.pservers, new.pservers)


def _mserver_rows(old: Configuration, new: Configuration) -> Rows[ManagementServer]:
    return Rows(MSERVER_ROWS, ManagementServer, _server_name, old.mservers, new.mservers)


def _server_name(server: ManagedServer | ManagementServer) -> object:
    return server.name


def _pdu_rows(old: Configuration, new: Configuration) -> Rows[PduEntry]:
    return Rows(PDU_ROWS, PduEntry, _pdu_name, old.pdus, new.pdus)


def _pdu_name(pdu: PduEntry) -> object:
    return pdu.addr


def _secret_text(text: str, old: SecretRows, new: SecretRows) -> str:
    text = edit_head(text, SecretHead, old.head, new.head)
    text = edit_table(text, PEER_TABLE, PeerTable, old.peer, new.peer)
    text = edit_rows(text, Rows(LOGIN_ROWS, LoginRow, _login_name, old.logins, new.logins))
    return edit_rows(text, Rows(SYSTEM_ROWS, SystemRow, _system_name, old.systems, new.systems))


def _login_name(row: LoginRow) -> object:
    return row.place


def _system_name(row: SystemRow) -> object:
    return row.id, row.server
