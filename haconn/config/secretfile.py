"""What secrets.toml holds: community, passwords, the keys of the systems, the key of the pair.

A change that touches both pservers.toml (or mservers.toml) and secrets.toml cannot be written in
one step. So a row here may be of a server, or of a BMC or account of a server, that no other file
names: it counts for nothing, and the next change drops it. Then a change is written in three
steps, each of which leaves files that load as the whole old or the whole new configuration
(haconn/config/store.py): secrets.toml with the rows of both, pservers.toml, secrets.toml with
the new rows only.

The key of the pair has a table of its own, [peer]: it is the one part of this file that is never
copied to the other management server.
"""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from haconn.config.kinds import ADDRESS, Number, Quoted, SecretText, Text, TomlValue, name, symbols
from haconn.config.option import Option
from haconn.config.schema import (
    ANY_PORT,
    COMMUNITY,
    GENERATION_MAX,
    KEY_ID_MAX,
    NOT_SET,
    Configuration,
    KeyEntry,
    ManagedServer,
    ManagementServer,
    PeerKey,
)
from haconn.core.model import Secret

Login: TypeAlias = tuple[str, str, int, str]
"""Server, address and port of its BMC, account there."""
HEX_KEY = Text("[0-9a-f]{64}", "64 hexadecimal digits")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Live keys, in the file: an array of {generation, key}."""

    allowed: str = '[{ generation = <1 to 255>, key = "<64 hexadecimal digits>" }, ...]'
    words: tuple[str, ...] = ()

    def parse(self, text: str) -> object:
        raise ValueError(f"{self.allowed}, not {len(text)} letters")

    def check(self, value: object) -> object:
        if not isinstance(value, list) or not value:
            raise ValueError(self.allowed)
        ring = tuple(self._key(item) for item in value)
        if len({generation for generation, _ in ring}) < len(ring):
            raise ValueError(self.allowed)
        return ring

    def _key(self, item: object) -> tuple[int, Secret]:
        if not isinstance(item, dict) or set(item) != {"generation", "key"}:
            raise ValueError(self.allowed)
        generation = Number(1, GENERATION_MAX).check(item["generation"])
        assert isinstance(generation, int)
        return generation, Secret(str(HEX_KEY.check(item["key"])))

    def write(self, value: object) -> TomlValue:
        assert isinstance(value, tuple)
        return [{"generation": generation, "key": key.reveal()} for generation, key in value]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretHead:
    """What stands above the rows."""

    community: Annotated[Secret, COMMUNITY] = NOT_SET
    next_system: Annotated[
        int, Option("system id of the next new system", Number(1, KEY_ID_MAX + 1))
    ] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRow:
    """The password of one account at one BMC: it counts while the server names exactly these."""

    server: Annotated[str, Option("name of the server", name())]
    addr: Annotated[str, Option("address of its BMC", ADDRESS)]
    bmcport: Annotated[int, Option("UDP port of its BMC", ANY_PORT)] = 623
    account: Annotated[str, Option("login name at its BMC", Quoted(symbols(1, 16)))]
    password: Annotated[Secret, Option("password", SecretText(symbols(8, 20)))]

    @property
    def place(self) -> Login:
        """What it is the password of."""
        return self.server, self.addr, self.bmcport, self.account


def login_place(server: ManagedServer | ManagementServer) -> Login:
    """Tell which password a server needs."""
    return server.name, server.addr, server.bmcport, server.account


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRow:
    """A system with its binding and its live keys."""

    id: Annotated[int, Option("system id, never used again", Number(1, KEY_ID_MAX))]
    server: Annotated[str, Option("name of the server", name())]
    vm: Annotated[str | None, Option("name of the guest", name())] = None
    port: Annotated[int, Option("UDP port of the monitors", ANY_PORT)]
    address: Annotated[int, Option("subsystem number", Number(0, 2**32 - 1))]
    newest: Annotated[int, Option("last generation ever made", Number(1, GENERATION_MAX))]
    keys: Annotated[tuple[tuple[int, Secret], ...], Option("live keys", KeyRing())]

    def entries(self) -> tuple[KeyEntry, ...]:
        """Give the keys one by one, oldest first."""
        return tuple(
            KeyEntry(
                id=self.id,
                generation=generation,
                server=self.server,
                vm=self.vm,
                port=self.port,
                number=self.address,
                key=key,
                newest=max(self.newest, generation),
            )
            for generation, key in sorted(self.keys, key=lambda item: item[0])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTable:
    """The key of the pair; the same on both management servers, taken there by hand."""

    newest: Annotated[
        int, Option("last generation ever made or taken", Number(0, GENERATION_MAX))
    ] = 0
    keys: Annotated[tuple[tuple[int, Secret], ...], Option("live keys", KeyRing())] = ()

    def entries(self) -> tuple[PeerKey, ...]:
        """Give the keys one by one, oldest first."""
        return tuple(
            PeerKey(generation=generation, key=key)
            for generation, key in sorted(self.keys, key=lambda item: item[0])
        )

    @property
    def last(self) -> int:
        """The last generation ever made or taken, whatever the file says."""
        return max((self.newest, *(generation for generation, _ in self.keys)))


@dataclass(frozen=True, slots=True)
class SecretRows:
    """The content of secrets.toml."""

    head: SecretHead
    logins: tuple[LoginRow, ...]
    systems: tuple[SystemRow, ...]
    peer: PeerTable = PeerTable()

    def with_rows_of(self, older: "SecretRows") -> "SecretRows":
        """Add the rows of the configuration that is being replaced."""
        logins = {row.place: row for row in older.logins}
        logins |= {row.place: row for row in self.logins}
        systems = {(row.id, row.server): row for row in older.systems}
        systems |= {(row.id, row.server): row for row in self.systems}
        return SecretRows(self.head, tuple(logins.values()), tuple(systems.values()), self.peer)


def secret_rows(configuration: Configuration) -> SecretRows:
    """Give what secrets.toml must hold for a configuration, and nothing else."""
    rings: dict[int, list[KeyEntry]] = {}
    for entry in configuration.keys:
        rings.setdefault(entry.id, []).append(entry)
    servers: list[ManagedServer | ManagementServer] = [
        *configuration.mservers,
        *configuration.pservers,
    ]
    return SecretRows(
        SecretHead(community=configuration.community, next_system=configuration.next_system),
        tuple(_login(server) for server in servers if server.password.reveal()),
        tuple(_system(ring) for ring in rings.values()),
        PeerTable(
            newest=configuration.peer_newest,
            keys=tuple((entry.generation, entry.key) for entry in configuration.peer_keys),
        ),
    )


def _login(server: ManagedServer | ManagementServer) -> LoginRow:
    return LoginRow(
        server=server.name,
        addr=server.addr,
        bmcport=server.bmcport,
        account=server.account,
        password=server.password,
    )


def _system(ring: list[KeyEntry]) -> SystemRow:
    last = ring[-1]
    return SystemRow(
        id=last.id,
        server=last.server,
        vm=last.vm,
        port=last.port,
        address=last.number,
        newest=max(entry.newest for entry in ring),
        keys=tuple((entry.generation, entry.key) for entry in ring),
    )
