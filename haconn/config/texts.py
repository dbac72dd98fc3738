"""The texts of HACONN_ETC as they were at one moment, and replacing several of them in one step.

Files are replaced one by one (haconn/config/files.py). A change that has to be whole over many
files is written first into one file, the record; that file appears in one step, and from then on
its texts are the ones that are read, whatever the other files still say. Then they are written
and the record goes away. Who is killed in between has lost nothing: the next change, or the next
copy, writes what is left. The record is as secret as what it holds. Its first line is a checksum of
the rest: settings that no operator has made are not taken from a damaged disk.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from haconn.config.documents import FILES, SECRETS
from haconn.config.errors import ConfigError
from haconn.config.files import (
    BYTES_MAX,
    OPEN_MODE,
    SECRET_MODE,
    make_directory,
    read_text,
    remove,
    replace_secret,
    replace_text,
    require_directory,
)
from haconn.config.pdu_models import NAME as MODEL_NAME

RECORD = ".record"
MODELS = "pdu-models"
READS_MAX = 20
RECORD_BYTES_MAX = 32 * 1024 * 1024


class Texts(NamedTuple):
    """What lies in HACONN_ETC; a file that is not there is not in them."""

    files: Mapping[str, str]
    """By file name."""
    models: Mapping[str, str]
    """PDU models of the site, by the name of the model."""


def read_texts(etc: Path) -> Texts:
    """Give the texts of one moment: they may be replaced while they are read.

    Raises ConfigError if one cannot be read, or if secrets can be read by others.
    """
    require_directory(etc)
    before = _read_once(etc)
    for _ in range(READS_MAX):
        after = _read_once(etc)
        if after == before:
            return after
        before = after
    raise ConfigError(f"{etc}: changes faster than it can be read; try again")


def replace_whole(etc: Path, new: Texts) -> None:
    """Make the files and the models of the site say this, all in one step; the caller has the lock.

    Files that are not in `new` stay as they are, models that are not in it are removed.

    Raises ConfigError: before the step, and nothing has changed, or after it, where a file cannot
    be written: the new texts hold all the same, and the next change tries again.
    """
    replace_secret(etc / RECORD, sealed(write_texts(new)))
    try:
        finish(etc)
    except ConfigError as exc:
        raise ConfigError(f"{exc}; the new settings hold, {etc / RECORD} has them") from exc


def finish(etc: Path) -> None:
    """Write what an interrupted replacement has left; the caller has the lock."""
    record = _read_record(etc)
    if record is None:
        return
    for file, text in record.files.items():
        _write(etc / file, text, SECRET_MODE if file == SECRETS else OPEN_MODE)
    if record.models:
        make_directory(etc / MODELS, 0o755)
    for name, text in record.models.items():
        _write(etc / MODELS / f"{name}.toml", text, OPEN_MODE)
    for path in _model_files(etc):
        if path.stem not in record.models:
            remove(path)
    remove(etc / RECORD)


def _write(path: Path, text: str, mode: int) -> None:
    if read_text(path) != text:
        replace_text(path, text, mode)


def _read_once(etc: Path) -> Texts:
    record = _read_record(etc)
    found = {file: read_text(etc / file, secret=file == SECRETS) for file in FILES}
    files = {file: text for file, text in found.items() if text is not None}
    if record is not None:
        return Texts({**files, **record.files}, record.models)
    return Texts(files, dict(_read_models(etc)))


def _read_models(etc: Path) -> Iterator[tuple[str, str]]:
    for path in _model_files(etc):
        text = read_text(path)
        if text is not None:
            yield path.stem, text


def _model_files(etc: Path) -> list[Path]:
    return sorted((etc / MODELS).glob("*.toml"))


def _read_record(etc: Path) -> Texts | None:
    text = read_text(etc / RECORD, secret=True, bytes_max=RECORD_BYTES_MAX)
    if text is None:
        return None
    checksum, _, rest = text.partition("\n")
    if checksum != _checksum(rest):
        raise ConfigError(
            f"{etc / RECORD}: damaged; compare the settings with the other management server's,"
            " then remove it"
        )
    return parse_texts(rest, f"{etc / RECORD}")


def sealed(text: str) -> str:
    """Give what the record's file says for a text."""
    return f"{_checksum(text)}\n{text}"


def _checksum(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def write_texts(texts: Texts) -> str:
    """Give texts as one JSON text, which is as secret as they are."""
    content = {"files": dict(texts.files), "models": dict(texts.models)}
    return json.dumps(content, ensure_ascii=False)


def parse_texts(text: str, where: str) -> Texts:
    """Give the texts that somebody wrote as JSON; raises ConfigError for anything else.

    Names are those of files that haconn has: no text ever says where it is to be written.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{where}: no JSON") from exc
    match content:
        case {"files": dict() as files, "models": dict() as models, **more} if not more:
            good = all(_is_text(one) for one in (*files.values(), *models.values()))
            named = all(MODEL_NAME.fullmatch(name) for name in models)
            if good and named and set(files) <= set(FILES):
                return Texts(files, models)
    raise ConfigError(f"{where}: no settings; allowed: files and PDU models, each a text")


def _is_text(value: object) -> bool:
    """Whether it can be written, and read again."""
    try:
        return isinstance(value, str) and len(value.encode()) <= BYTES_MAX
    except UnicodeEncodeError:
        return False
