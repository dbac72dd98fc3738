"""The commands that only a pair of management servers has."""

from haconn.cli import pair_operation, pair_setup, peer_keys
from haconn.cli.setup_commands import ASKS_LINE, OUTLET_OF, needed, server_options
from haconn.cli.syntax import DISPLAY, FORCE, NO_CHECK, Command, Parameter, parameter
from haconn.cli.values import FilePath
from haconn.config.kinds import Number
from haconn.config.option import Option
from haconn.config.schema import GENERATION_MAX, ManagementServer

MSERVER = parameter(ManagementServer, "name", required=True)
MSERVER_NAME = Parameter("name", "server", MSERVER.option, required=True, value="<name>")
LANS = ("lan_addr", "lan_port", "maddr", "raddr")
LAN = parameter(ManagementServer, "lan_addr")
LAN_PORT = parameter(ManagementServer, "lan_port")
PEER_HOST = Parameter("host", "peer", MSERVER.option, required=True, value="<host>")
TRIED = (
    "Its BMC is tried first, and if nobody is let in there nothing is stored;"
    " --no-check stores it without that."
)

PAIR_SETUP = (
    Command(
        program="haconnsetup",
        words=("mserver", "add"),
        summary="register a management server",
        run=pair_setup.mserver_add,
        operands=(MSERVER,),
        parameters=server_options(ManagementServer, "addr", "account", apart=LANS),
        flags=(NO_CHECK,),
        notes=(ASKS_LINE, "At most 2 management servers, by their host names.", TRIED),
    ),
    Command(
        program="haconnsetup",
        words=("mserver", "mod"),
        summary="change a management server",
        run=pair_setup.mserver_mod,
        operands=(MSERVER_NAME,),
        parameters=server_options(ManagementServer, apart=LANS),
        flags=(NO_CHECK,),
        some=True,
        notes=(
            "What is not given stays as it is. There is no other name for a management server:"
            " remove it and register it anew.",
            f"With account=, and only then: {ASKS_LINE[0].lower()}{ASKS_LINE[1:]}",
            f"With addr=, account=, bmcport= or suite=: {TRIED[0].lower()}{TRIED[1:]}",
        ),
    ),
    Command(
        program="haconnsetup",
        words=("mserver", "del"),
        summary="remove a management server with its LANs and outlets",
        run=pair_setup.mserver_del,
        operands=(MSERVER_NAME,),
    ),
    Command(
        program="haconnsetup",
        words=("mserver", "ipduadd"),
        summary="register an outlet that feeds a management server",
        run=pair_setup.mserver_ipduadd,
        operands=(MSERVER_NAME,),
        parameters=tuple(needed(entry) for entry in OUTLET_OF),
        notes=(
            "At most 2 for a server; an outlet feeds one server, managed or management.",
            "The PDU may be registered later; until then the outlet counts as not reachable.",
        ),
    ),
    Command(
        program="haconnsetup",
        words=("mserver", "ipdudel"),
        summary="remove an outlet of a management server, or all of them",
        run=pair_setup.mserver_ipdudel,
        operands=(MSERVER_NAME,),
        parameters=OUTLET_OF,
        together=("addr", "concent"),
    ),
    Command(
        program="haconnsetup",
        words=("mlan",),
        summary="set the addresses and the port on which a management server talks to its peer",
        run=pair_setup.mlan,
        operands=(MSERVER_NAME,),
        parameters=(
            Parameter("addr", LAN.field, LAN.option, value="<IP addr>"),
            Parameter("port", LAN_PORT.field, LAN_PORT.option, value="<port number>"),
            parameter(ManagementServer, "maddr", value="<IP addr>"),
            parameter(ManagementServer, "raddr", value="<IP addr>"),
        ),
        some=True,
        notes=("What is not given stays as it is; addr= and port= are needed the first time.",),
    ),
)
PAIR_KEYS = (
    Command(
        program="haconnsetup",
        words=("key", "new", "peer"),
        summary="make a key with which the two management servers talk",
        run=peer_keys.peer_key_new,
        flags=DISPLAY,
        notes=(
            "The key is not shown. The file that is named holds it: carry it to the other"
            " management server (scp), take it there with haconnsetup key import peer, and delete"
            " both files.",
            "Two generations are good at a time: make a new one, take it on the other server, then"
            " retire the older one on both.",
        ),
    ),
    Command(
        program="haconnsetup",
        words=("key", "import", "peer"),
        summary="take the key that the other management server has made",
        run=peer_keys.peer_key_import,
        parameters=(
            Parameter(
                "file", "file", Option("file that holds it", FilePath()), True, value="<path>"
            ),
        ),
        flags=DISPLAY,
        notes=("The file must be readable for its owner only, as it was made.",),
    ),
    Command(
        program="haconnsetup",
        words=("key", "retire", "peer"),
        summary="end a key of the pair",
        run=peer_keys.peer_key_retire,
        operands=(
            Parameter(
                "generation",
                "generation",
                Option("which generation", Number(1, GENERATION_MAX)),
                value="<generation>",
            ),
        ),
        flags=(FORCE,),
        notes=(
            "Of two the older one, if none is named; the only one must be named.",
            "Refused by a running service while its peer is not heard, or has no other generation:"
            " the two would not hear each other any more.",
        ),
    ),
)
PAIR = (
    Command(
        program="haconnact",
        words=("copy",),
        summary="copy the settings to the standby",
        run=pair_operation.copy,
        flags=DISPLAY,
        notes=(
            "Management servers, managed servers, PDUs, passwords and keys; neither reset path and"
            " timers nor the key of the pair. The standby works with them after its restart.",
        ),
    ),
    Command(
        program="haconnact",
        words=("restart",),
        summary="restart the active, the standby takes over",
        run=pair_operation.restart_active,
        flags=(FORCE, *DISPLAY),
    ),
    Command(
        program="haconnact",
        words=("shutdown",),
        summary="stop the service on both management servers, or on the single one",
        run=pair_operation.shutdown_active,
        flags=(FORCE, *DISPLAY),
        notes=("Without --force it is refused if the standby does not confirm that it stops.",),
    ),
    Command(
        program="haconnact",
        words=("takeover", "--peer-is-off"),
        summary="make this server active on the operator's word that its peer is off",
        run=pair_operation.takeover,
        operands=(PEER_HOST,),
        flags=DISPLAY,
        notes=(
            "Go and look first: two active servers are worse than none. The name of the peer is"
            " typed in full. Refused on the active, and while the peer is heard or its BMC says"
            " that it is on.",
        ),
    ),
    Command(
        program="haconnsby",
        words=("restart",),
        summary="restart the standby",
        run=pair_operation.restart_standby,
        flags=DISPLAY,
    ),
    Command(
        program="haconnsby",
        words=("shutdown",),
        summary="stop the standby",
        run=pair_operation.shutdown_standby,
        flags=DISPLAY,
    ),
)
