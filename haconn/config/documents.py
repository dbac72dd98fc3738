"""The texts of the files to one Configuration, without looking at the whole.

Pure. What the parts say to each other is checked by haconn/config/rules.py.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from haconn.config.errors import ConfigError, shown
from haconn.config.option import options
from haconn.config.rows import CONCEALED, read_row, read_rows, report_unknown
from haconn.config.schema import (
    MODE,
    NOT_SET,
    Configuration,
    KeyEntry,
    ManagedServer,
    ManagementServer,
    Mode,
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
    login_place,
)

T = TypeVar("T")
S = TypeVar("S", ManagedServer, ManagementServer)
CONNECTOR = "connector.toml"
MSERVERS = "mservers.toml"
PSERVERS = "pservers.toml"
IPDUS = "ipdus.toml"
SECRETS = CONCEALED
FILES = (CONNECTOR, MSERVERS, PSERVERS, IPDUS, SECRETS)
RESETPATH = "resetpath"
MSERVER_ROWS = "mserver"
SERVER_ROWS = "pserver"
PDU_ROWS = "ipdu"
LOGIN_ROWS = "login"
SYSTEM_ROWS = "system"
PEER_TABLE = "peer"


def parse_files(texts: Mapping[str, str]) -> tuple[Configuration, SecretRows]:
    """Give what the texts say, by file name; a file that is not there says nothing.

    The rows of secrets.toml are given as they are too, those that count for nothing included.

    Raises ConfigError with every fault.
    """
    faults: list[str] = []
    tables = {file: _table(file, texts.get(file, ""), faults) for file in FILES}
    mode, resetpath, timers = _connector(tables[CONNECTOR], faults)
    secrets = _secrets(tables[SECRETS], faults)
    notes: list[str] = []
    mservers = _servers(ManagementServer, tables, (MSERVERS, MSERVER_ROWS), secrets, faults)
    pservers = _servers(ManagedServer, tables, (PSERVERS, SERVER_ROWS), secrets, faults)
    report_unknown(tables[IPDUS], {PDU_ROWS: PduEntry}, IPDUS, faults)
    pdus = _rows(PduEntry, tables[IPDUS], PDU_ROWS, IPDUS, faults)
    if faults or resetpath is None or timers is None:
        raise ConfigError(*faults)
    names = {server.name for server in pservers}
    configuration = Configuration(
        mode=mode,
        resetpath=resetpath,
        timers=timers,
        mservers=mservers,
        pservers=pservers,
        pdus=pdus,
        community=secrets.head.community,
        keys=_keys(secrets, names, notes),
        next_system=secrets.head.next_system,
        peer_keys=secrets.peer.entries(),
        peer_newest=secrets.peer.last,
        notes=tuple(notes),
    )
    return configuration, secrets


def _table(file: str, text: str, faults: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        reason = " ".join(str(exc).split()) if file != SECRETS else _place(exc)
        faults.append(f"{file}: not TOML: {reason}")
        return {}


def _place(exc: Exception) -> str:
    """Only where: the parser's words may quote what stands there, and that may be a secret."""
    _, found, place = str(exc).rpartition("(at ")
    return f"at {place.rstrip(')')}" if found else "too deep or too long"


def _connector(
    table: dict[str, Any], faults: list[str]
) -> tuple[Mode, ResetPath | None, Timers | None]:
    keys = {entry.key: entry for entry in options(Timers)}
    report_unknown(table, {"mode": MODE, RESETPATH: ResetPath, **keys}, CONNECTOR, faults)
    where = f"{CONNECTOR}: [{RESETPATH}]"
    resetpath = read_row(ResetPath, table.get(RESETPATH, {}), where, faults, {})
    own = {key: value for key, value in table.items() if key in keys}
    timers = read_row(Timers, own, CONNECTOR, faults, {})
    mode: Mode = "pair"
    try:
        mode = "single" if MODE.kind.check(table.get("mode", "pair")) == "single" else "pair"
    except ValueError as exc:
        faults.append(f"{CONNECTOR}: mode: wrong value {shown(table['mode'])}; allowed: {exc}")
    return mode, resetpath, timers


def _servers(
    record: type[S],
    tables: Mapping[str, dict[str, Any]],
    place: tuple[str, str],
    secrets: SecretRows,
    faults: list[str],
) -> tuple[S, ...]:
    """Give the servers of a file, each with its password; `place` is the file and its rows."""
    file, key = place
    report_unknown(tables[file], {key: record}, file, faults)
    passwords = {row.place: row.password for row in secrets.logins}
    servers: list[S] = []
    for index, row in enumerate(read_rows(tables[file], key, file, faults), start=1):
        where = f"{file}: [[{key}]] {index}"
        server = read_row(record, row, where, faults, {"password": NOT_SET})
        if server is not None:
            password = passwords.get(login_place(server), NOT_SET)
            servers.append(replace(server, password=password))
    return tuple(servers)


def _secrets(table: dict[str, Any], faults: list[str]) -> SecretRows:
    heads = {entry.key: entry for entry in options(SecretHead)}
    known = {**heads, LOGIN_ROWS: LoginRow, SYSTEM_ROWS: SystemRow, PEER_TABLE: PeerTable}
    report_unknown(table, known, SECRETS, faults)
    own = {key: value for key, value in table.items() if key in heads}
    head = read_row(SecretHead, own, SECRETS, faults, {})
    where = f"{SECRETS}: [{PEER_TABLE}]"
    peer = read_row(PeerTable, table.get(PEER_TABLE, {}), where, faults, {})
    return SecretRows(
        head or SecretHead(),
        _rows(LoginRow, table, LOGIN_ROWS, SECRETS, faults),
        _rows(SystemRow, table, SYSTEM_ROWS, SECRETS, faults),
        peer or PeerTable(),
    )


def _rows(
    record: type[T], table: dict[str, Any], key: str, file: str, faults: list[str]
) -> tuple[T, ...]:
    rows = [
        read_row(record, row, f"{file}: [[{key}]] {index}", faults, {})
        for index, row in enumerate(read_rows(table, key, file, faults), start=1)
    ]
    return tuple(row for row in rows if row is not None)


def _keys(secrets: SecretRows, names: set[str], notes: list[str]) -> tuple[KeyEntry, ...]:
    """The keys of registered servers; rows of others count for nothing, and are told."""
    notes.extend(
        f"{SECRETS}: the key of system {row.id} counts for nothing:"
        f" no server {row.server} is registered"
        for row in secrets.systems
        if row.server not in names
    )
    systems = sorted(secrets.systems, key=lambda row: row.id)  # a change may move a row
    return tuple(entry for row in systems if row.server in names for entry in row.entries())
