"""What `haconnact copy` takes to the other management server, and how it is taken in there.

Copied: mservers.toml, pservers.toml, ipdus.toml, the PDU models of the site, and secrets.toml but
for the key of the pair. Never connector.toml: reset path, timers and mode are of one server
(A-16). The files travel as they are written, comments included, and replace what is there.

A bundle holds passwords and keys in the clear: it goes through a sealed channel only. Nothing in
a bundle is believed before the configuration that it would make is read and found without fault;
then all of its files come to be in one step (haconn/config/texts.py), so that a crash at any
moment leaves the old or the new configuration, whole.
"""

from collections.abc import Mapping
from pathlib import Path

from haconn.config.documents import (
    CONNECTOR,
    FILES,
    PEER_TABLE,
    SECRETS,
    parse_files,
)
from haconn.config.editing import edit_table
from haconn.config.errors import ConfigError
from haconn.config.files import locked
from haconn.config.pdu_models import PduModelError, load_pdu_models
from haconn.config.rules import faults_of
from haconn.config.secretfile import PeerTable
from haconn.config.texts import (
    MODELS,
    Texts,
    finish,
    parse_texts,
    read_texts,
    replace_whole,
    write_texts,
)

COPIED = tuple(file for file in FILES if file != CONNECTOR)
BUNDLE_BYTES_MAX = 8 * 1024 * 1024
WHERE = "the copied settings"


def bundle(etc: Path) -> bytes:
    """Give everything that is copied, in one piece; it holds secrets.

    Raises ConfigError if what is stored has a fault: no other server is to have it too.
    """
    texts = read_texts(etc)
    _require_whole(texts)
    files = {file: texts.files.get(file, "") for file in COPIED}
    files[SECRETS] = _with_peer(files[SECRETS], PeerTable())
    data = write_texts(Texts(files, texts.models)).encode()
    if len(data) > BUNDLE_BYTES_MAX:
        raise ConfigError(f"{len(data)} bytes of settings; allowed: {BUNDLE_BYTES_MAX}")
    return data


def install(etc: Path, data: bytes) -> tuple[str, ...]:
    """Take the bundle of the other management server, and name the files that it has changed.

    Raises ConfigError: nothing has changed, but if a file cannot be written after the step; then
    the new settings hold (haconn/config/texts.py) and the line says so.
    """
    if len(data) > BUNDLE_BYTES_MAX:
        raise ConfigError(f"{WHERE}: {len(data)} bytes; allowed: {BUNDLE_BYTES_MAX}")
    try:
        received = parse_texts(data.decode(), WHERE)
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{WHERE}: no text") from exc
    if set(received.files) != set(COPIED):
        raise ConfigError(f"{WHERE}: files of another version; allowed: {', '.join(COPIED)}")
    with locked(etc):
        finish(etc)
        here = read_texts(etc)
        new = Texts(
            {**received.files, SECRETS: _with_own_peer(here.files, received.files[SECRETS])},
            received.models,
        )
        _require_whole(Texts({**here.files, **new.files}, new.models))
        changed = tuple(_changed(here, new))
        if changed:
            replace_whole(etc, new)
    return changed


def _with_own_peer(here: Mapping[str, str], secrets: str) -> str:
    """Put the key of the pair as it is here into the secrets that came."""
    _, rows = parse_files({SECRETS: here.get(SECRETS, "")})
    return _with_peer(secrets, rows.peer)


def _with_peer(text: str, wanted: PeerTable) -> str:
    """Write another table [peer] into secrets; what is not written is never sent or stored."""
    _, rows = parse_files({SECRETS: text})
    edited = edit_table(text, PEER_TABLE, PeerTable, rows.peer, wanted)
    try:
        _, written = parse_files({SECRETS: edited})
    except ConfigError:
        written = rows
    if written.peer != wanted:
        raise ConfigError(f"{SECRETS}: [{PEER_TABLE}] is not written as a table of its own")
    return edited


def _require_whole(texts: Texts) -> None:
    try:
        models = load_pdu_models(texts.models)
    except PduModelError as exc:
        raise ConfigError(*(f"{MODELS}/{fault}" for fault in exc.faults)) from exc
    configuration, _ = parse_files(texts.files)
    faults = faults_of(configuration, models)
    if faults:
        raise ConfigError(*(str(fault) for fault in faults))


def _changed(here: Texts, new: Texts) -> list[str]:
    files = [file for file, text in new.files.items() if here.files.get(file, "") != text]
    names = sorted({*here.models, *new.models})
    models = [name for name in names if here.models.get(name) != new.models.get(name)]
    return [*files, *(f"{MODELS}/{name}.toml" for name in models)]
