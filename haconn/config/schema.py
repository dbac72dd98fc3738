"""The definition of every setting. Loader, commands, documents and examples are readers of it.

A configuration is a value: the commands make a new one, haconn/config/rules.py says whether the
whole is allowed, and haconn/config/store.py makes the files say it.

| file           | holds                                                                      |
|----------------|----------------------------------------------------------------------------|
| connector.toml | mode, reset path, high-speed switchover, polls: of this server, not copied |
| mservers.toml  | the two management servers of a pair, and the outlets that feed them       |
| pservers.toml  | managed servers and the outlets that feed them                             |
| ipdus.toml     | PDUs                                                                       |
| secrets.toml   | community, passwords, keys and their counter, key of the pair; mode 0600   |

`haconnact copy` takes all but connector.toml and the key of the pair to the other management
server, so nothing in them says which of the two this one is: its host name does.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from haconn.config.kinds import (
    ADDRESS,
    NETMASK,
    Addresses,
    Choice,
    Feeds,
    Number,
    OrOff,
    Quoted,
    SecretText,
    Switch,
    Text,
    name,
    symbols,
)
from haconn.config.option import Option
from haconn.core.model import Feed, Secret, SystemKey

SERVERS_MAX = 32
FEEDS_MAX = 4
MSERVERS_MAX = 2
MSERVER_FEEDS_MAX = 2
PEER_KEYS_MAX = 2
"""One in use, and one that is on its way to the other management server."""
PDUS_MAX = 132
SYSTEMS_MAX = 256
KEY_ID_MAX = 2**24 - 1
GENERATION_MAX = 2**8 - 1
PEER = "peer"
"""Reserved: `haconnsetup key new peer` makes the key of the pair."""

ANY_PORT = Number(1, 65535)
OWN_PORT = Number(5001, 65535)
ON_OFF = Switch()

Mode: TypeAlias = Literal["pair", "single"]
Suite: TypeAlias = Literal["auto", 17, 3]
Proof: TypeAlias = Literal["accepted", "power-off"]
Version: TypeAlias = Literal["1", "2c"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPath:
    """The network on which reset requests and their results travel."""

    addr: Annotated[str | None, Option("address on which requests are taken", ADDRESS)] = None
    mask: Annotated[str | None, Option("netmask of that address", NETMASK)] = None
    port: Annotated[int | None, Option("UDP port on which requests are taken", OWN_PORT)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """How this management server works; the same for every managed server."""

    hispeed_ms: Annotated[
        int | None,
        Option(
            "time from the soft reset to the hard reset of a physical server; off means 5000",
            Number(1000, 5000, step=100, or_off=True),
            unit="ms",
            key="hispeed",
        ),
    ] = None
    bmc_poll_ms: Annotated[
        int, Option("time between two reads of a BMC", Number(200, 60000), unit="ms")
    ] = 1000
    pdu_poll_ms: Annotated[
        int, Option("time between two reads of a PDU", Number(500, 60000), unit="ms")
    ] = 5000
    kdump_port: Annotated[
        int, Option("UDP port on which fence_kdump datagrams are taken", ANY_PORT)
    ] = 7410


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedServer:
    """A server that may be reset, with its BMC and the outlets that feed it."""

    name: Annotated[str, Option("name of the server, the partition name of its monitor", name())]
    addr: Annotated[str, Option("address of its BMC", ADDRESS)]
    account: Annotated[str, Option("login name at its BMC", Quoted(symbols(1, 16)))]
    password: Annotated[
        Secret, Option("password at its BMC", SecretText(symbols(8, 20)), stored=False)
    ]
    cluster: Annotated[
        bool, Option("of two systems that ask for each other's reset, reset one only", ON_OFF)
    ] = False
    ipdusd: Annotated[
        bool, Option("cut the outlets that feed it if the BMC does not reset it", ON_OFF)
    ] = False
    timeout: Annotated[
        int | None,
        Option(
            "time a hard reset may take before the outlets are cut; needed with ipdusd=on",
            Number(5, 60),
            unit="s",
        ),
    ] = None
    recoverytime: Annotated[
        int | None,
        Option(
            "time from the cut until the outlets are switched on again, 0 for never;"
            " needed with ipdusd=on",
            Number(5, 60, also=(0,)),
            unit="s",
        ),
    ] = None
    bmcport: Annotated[int, Option("UDP port of its BMC", ANY_PORT)] = 623
    suite: Annotated[
        Suite,
        Option("IPMI cipher suite; auto tries 17, then 3 with an alarm", Choice(("auto", 17, 3))),
    ] = "auto"
    proof: Annotated[
        Proof,
        Option(
            "what proves a hard reset: the BMC accepted it, or the power was read off",
            Choice(("accepted", "power-off")),
        ),
    ] = "accepted"
    hedge: Annotated[
        bool,
        Option("if its BMC is dead when the hard reset is due, cut at once beside it", ON_OFF),
    ] = False
    fence_kdump: Annotated[
        bool, Option("take fence_kdump datagrams for its stop notice", ON_OFF)
    ] = False
    dumpwait: Annotated[
        int | None,
        Option(
            "with fence_kdump=on, time from the soft reset to the hard reset",
            Number(5, 120, or_off=True),
            unit="s",
        ),
    ] = None
    kdump_from: Annotated[
        tuple[str, ...],
        Option("further addresses from which its fence_kdump datagrams come", Addresses(8)),
    ] = ()
    feeds: Annotated[tuple[Feed, ...], Option("outlets that feed it, up to 4", Feeds())] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementServer:
    """One of the two servers that run haconn, as its peer needs to know it."""

    name: Annotated[str, Option("host name of the management server", name())]
    addr: Annotated[str, Option("address of its BMC", ADDRESS)]
    account: Annotated[str, Option("login name at its BMC", Quoted(symbols(1, 16)))]
    password: Annotated[
        Secret, Option("password at its BMC", SecretText(symbols(8, 20)), stored=False)
    ]
    ipdusd: Annotated[
        bool, Option("cut the outlets that feed it if its BMC does not switch it off", ON_OFF)
    ] = False
    timeout: Annotated[
        int | None,
        Option(
            "time its BMC may take before the outlets are cut; needed with ipdusd=on",
            Number(5, 60),
            unit="s",
        ),
    ] = None
    bmcport: Annotated[int, Option("UDP port of its BMC", ANY_PORT)] = 623
    suite: Annotated[
        Suite,
        Option("IPMI cipher suite; auto tries 17, then 3 with an alarm", Choice(("auto", 17, 3))),
    ] = "auto"
    lan_addr: Annotated[str | None, Option("its address on the duplex LAN", ADDRESS)] = None
    lan_port: Annotated[
        int | None, Option("port on which it talks to its peer, on every path", OWN_PORT)
    ] = None
    maddr: Annotated[
        str | None,
        Option("its address on the management LAN; off: it tells its peer itself", OrOff(ADDRESS)),
    ] = None
    raddr: Annotated[
        str | None,
        Option("its own address on the reset path; off: it tells its peer itself", OrOff(ADDRESS)),
    ] = None
    feeds: Annotated[tuple[Feed, ...], Option("outlets that feed it, up to 2", Feeds())] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PduEntry:
    """A PDU whose outlets may be switched."""

    addr: Annotated[str, Option("address of the PDU", ADDRESS)]
    model: Annotated[
        str,
        Option(
            "model of the PDU",
            Text(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", "the name of a model in the table of models"),
        ),
    ]
    port: Annotated[int, Option("UDP port of its SNMP agent", ANY_PORT)] = 161
    version: Annotated[
        Version | None, Option("SNMP version; the model's if not given", Choice(("1", "2c")))
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a key speaks for: a monitor, by its port and subsystem number."""

    port: Annotated[int, Option("UDP port of the monitors of its cluster", ANY_PORT)]
    number: Annotated[
        int, Option("subsystem number of the monitor", Number(0, 2**32 - 1), key="address")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """One generation of the key of one system."""

    id: int
    """Of the system; from 1 up, never used again."""
    generation: int
    server: str
    vm: str | None
    port: int
    number: int
    """The subsystem number, `address=` of the commands."""
    key: Secret
    """64 hexadecimal digits."""
    newest: int
    """The last generation ever made of this system, so that no key id is used twice."""

    @property
    def key_id(self) -> int:
        """What the wire carries: system id and generation in 32 bits."""
        return self.id << 8 | self.generation

    @property
    def system(self) -> SystemKey:
        """The system it speaks for."""
        return SystemKey(self.port, self.number)

    @property
    def owner(self) -> str:
        """`server` or `server/vm`, as the commands spell it."""
        return self.server if self.vm is None else f"{self.server}/{self.vm}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerKey:
    """One generation of the key with which the two management servers talk."""

    generation: int
    key: Secret
    """64 hexadecimal digits."""


COMMUNITY = Option(
    "SNMP community of all PDUs",
    SecretText(Text("[A-Za-z0-9]{1,30}", "1 to 30 ASCII letters and digits")),
)
NOT_SET = Secret("")
MODE = Option("one management server or a pair of them", Choice(("pair", "single")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that is set."""

    mode: Annotated[Mode, MODE] = "pair"
    resetpath: ResetPath = ResetPath()
    timers: Timers = Timers()
    mservers: tuple[ManagementServer, ...] = ()
    pservers: tuple[ManagedServer, ...] = ()
    pdus: tuple[PduEntry, ...] = ()
    community: Secret = NOT_SET
    """Empty while not set."""
    keys: tuple[KeyEntry, ...] = ()
    next_system: int = 1
    """The system id that the next key of a new system gets."""
    peer_keys: tuple[PeerKey, ...] = ()
    """Oldest first; all of them are good."""
    peer_newest: int = 0
    """The last generation of the pair's key ever made or taken."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What is allowed and yet odd, a line each: for the operator and the log."""

    def server(self, name: str) -> ManagedServer | None:
        """Give the managed server of that name."""
        return next((server for server in self.pservers if server.name == name), None)

    def mserver(self, name: str) -> ManagementServer | None:
        """Give the management server of that name."""
        return next((server for server in self.mservers if server.name == name), None)

    def peer_of(self, host: str) -> ManagementServer | None:
        """Give the other management server; None unless there are two and one is this host."""
        others = [server for server in self.mservers if server.name != host]
        return others[0] if len(self.mservers) == MSERVERS_MAX and len(others) == 1 else None

    def rank_of(self, host: str) -> int:
        """Give the place of a management server among the names, from 0; ValueError if it has none.

        It breaks ties between the two, so it must not depend on the order of rows: that may differ
        between the two servers, where each was set up by hand (R-178).
        """
        return sorted(server.name for server in self.mservers).index(host)

    def pdu(self, addr: str) -> PduEntry | None:
        """Give the PDU of that address."""
        return next((pdu for pdu in self.pdus if pdu.addr == addr), None)
