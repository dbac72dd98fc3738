"""THE list of commands. Parser, help, docs/commands.md, man pages and completion are its readers.

Options are those of the schema (haconn/config/schema.py); only what no file holds is defined here.
"""

from haconn.cli import display, keyring, operation, setup
from haconn.cli.syntax import JSON, PLAIN, SHOW_SECRETS, Command, Parameter, parameter
from haconn.cli.values import AddressAndMask, KeyName, OwnerName, PduOrAll
from haconn.config.kinds import ADDRESS, OUTLET
from haconn.config.option import Option, options
from haconn.config.schema import (
    COMMUNITY,
    MODE,
    Binding,
    ManagedServer,
    PduEntry,
    ResetPath,
    Timers,
)

PROGRAMS = {
    "haconnsetup": "change settings",
    "haconnshow": "show settings and states",
    "haconnserver": "operate managed servers",
    "haconnact": "operate the active management server of a pair",
    "haconnsby": "operate the standby management server of a pair",
}
DISPLAY = (JSON, PLAIN)

SERVER = parameter(ManagedServer, "name", required=True)
SERVER_NAME = Parameter("name", "server", SERVER.option, required=True, value="<name>")
NEW_NAME = Parameter("name", "new_name", SERVER.option, value="<new name>")
PDU = parameter(PduEntry, "addr", required=True, value="<IP addr>")
OUTLET_OF = (
    Parameter("addr", "addr", Option("address of the PDU", ADDRESS), value="<IP addr>"),
    Parameter("concent", "concent", Option("outlet of the PDU", OUTLET), value="<concent#>"),
)
OWNER = Parameter(
    "server",
    "owner",
    Option("whose key", OwnerName()),
    required=True,
    value="<server>[/<vm>]",
)


def _optional(entry: Parameter) -> Parameter:
    return Parameter(entry.key, entry.field, entry.option, value=entry.value)


def _required(entry: Parameter) -> Parameter:
    return Parameter(entry.key, entry.field, entry.option, required=True, value=entry.value)


def _server_options(*required: str) -> tuple[Parameter, ...]:
    """Every option of a managed server that is given as `key=value`."""
    values = {"addr": "<IP addr>", "account": '"<account>"'}
    return tuple(
        parameter(
            ManagedServer,
            entry.key,
            required=entry.key in required,
            value=values.get(entry.key, ""),
        )
        for entry in options(ManagedServer)
        if entry.option.stored and entry.key not in ("name", "feeds")
    )


ASKS = "The password is asked for as `password :`, without echo; where the standard input is no"
ASKS_LINE = f"{ASKS} terminal, it is one line of it."
HISPEED = parameter(Timers, "hispeed")

SETUP = (
    Command(
        program="haconnsetup",
        words=("mode",),
        summary="choose one management server or a pair",
        run=setup.mode,
        operands=(Parameter("mode", "mode", MODE, required=True, value="pair|single"),),
    ),
    Command(
        program="haconnsetup",
        words=("resetpath",),
        summary="set the address and the port on which requests are taken",
        run=setup.resetpath,
        parameters=(
            Parameter(
                "addr",
                "addr",
                Option("address on which requests are taken, with its mask", AddressAndMask()),
                value="<IP addr>/<subnetmask>",
            ),
            parameter(ResetPath, "port", value="<port number>"),
        ),
        some=True,
        notes=("What is not given stays as it is.",),
    ),
    Command(
        program="haconnsetup",
        words=("pserver", "add"),
        summary="register a managed server",
        run=setup.pserver_add,
        operands=(SERVER,),
        parameters=_server_options("addr", "account"),
        notes=(ASKS_LINE, "At most 32 managed servers."),
    ),
    Command(
        program="haconnsetup",
        words=("pserver", "mod"),
        summary="change a managed server",
        run=setup.pserver_mod,
        operands=(SERVER_NAME,),
        parameters=(NEW_NAME, *_server_options()),
        some=True,
        notes=(
            "What is not given stays as it is; a new name takes outlets and keys along.",
            f"With account=, and only then: {ASKS_LINE[0].lower()}{ASKS_LINE[1:]}",
        ),
    ),
    Command(
        program="haconnsetup",
        words=("pserver", "del"),
        summary="remove a managed server with its outlets and keys",
        run=setup.pserver_del,
        operands=(SERVER_NAME,),
    ),
    Command(
        program="haconnsetup",
        words=("pserver", "ipduadd"),
        summary="register an outlet that feeds a managed server",
        run=setup.pserver_ipduadd,
        operands=(SERVER_NAME,),
        parameters=tuple(_required(entry) for entry in OUTLET_OF),
        notes=(
            "At most 4 for a server; an outlet feeds one server.",
            "The PDU may be registered later; until then the outlet counts as not reachable.",
        ),
    ),
    Command(
        program="haconnsetup",
        words=("pserver", "ipdudel"),
        summary="remove an outlet of a managed server, or all of them",
        run=setup.pserver_ipdudel,
        operands=(SERVER_NAME,),
        parameters=OUTLET_OF,
        together=("addr", "concent"),
    ),
    Command(
        program="haconnsetup",
        words=("ipdu", "add"),
        summary="register a PDU",
        run=setup.ipdu_add,
        operands=(PDU,),
        parameters=(
            parameter(PduEntry, "model", required=True, value="<model name>"),
            parameter(PduEntry, "port"),
            parameter(PduEntry, "version"),
        ),
        notes=("At most 132 PDUs.",),
    ),
    Command(
        program="haconnsetup",
        words=("ipdu", "del"),
        summary="remove a PDU, or all of them",
        run=setup.ipdu_del,
        operands=(
            Parameter(
                "addr",
                "addr",
                Option("address of the PDU, or * for all", PduOrAll()),
                required=True,
                value="<IP addr>|*",
            ),
        ),
        notes=("A shell wants the * written as \\*.",),
    ),
    Command(
        program="haconnsetup",
        words=("snmp",),
        summary="set the SNMP community of all PDUs",
        run=setup.snmp,
        parameters=(Parameter("name", "community", COMMUNITY, required=True, value="<community>"),),
    ),
    Command(
        program="haconnsetup",
        words=("hispeed",),
        summary="set the time from the soft reset to the hard reset of physical servers",
        run=setup.hispeed,
        parameters=(
            Parameter(
                "resettime", HISPEED.field, HISPEED.option, required=True, value="<reset time>"
            ),
        ),
        bare={"off": (HISPEED.field, None)},
        notes=("off, or resettime=off, means 5000 ms.",),
    ),
)
KEYS = (
    Command(
        program="haconnsetup",
        words=("key", "new"),
        summary="make a key and bind it to a monitor",
        run=keyring.key_new,
        operands=(OWNER,),
        parameters=(
            parameter(Binding, "port", value="<monitor port>"),
            parameter(Binding, "address", value="<subsystem>"),
        ),
        flags=DISPLAY,
        notes=(
            "Port and address are needed with the first key of a server. A server that has a key"
            " gets the next generation of it, and the older ones stay good until they are retired;"
            " a port or an address given then holds for all of them.",
            "The key is shown now and never again; the file that is named holds it for the client"
            " and may be deleted. A running service takes the key at once.",
        ),
    ),
    Command(
        program="haconnsetup",
        words=("key", "show"),
        summary="show what keys there are, by fingerprint",
        run=keyring.key_show,
        operands=(_optional(OWNER),),
        flags=DISPLAY,
    ),
    Command(
        program="haconnsetup",
        words=("key", "retire"),
        summary="end a key",
        run=keyring.key_retire,
        operands=(
            Parameter(
                "key",
                "key",
                Option("which key", KeyName()),
                required=True,
                value="<system id>.<generation>",
            ),
        ),
        notes=("A running service refuses the key at once.",),
    ),
)
SHOW = (
    Command(
        program="haconnshow",
        words=("setting",),
        summary="show the basic settings",
        run=display.setting,
        flags=DISPLAY,
    ),
    Command(
        program="haconnshow",
        words=("ipdusetting",),
        summary="show the settings of PDUs and outlets",
        run=display.ipdusetting,
        flags=(*DISPLAY, SHOW_SECRETS),
    ),
    Command(
        program="haconnshow",
        words=("status",),
        summary="show what is watched, and how it is",
        run=display.status,
        flags=DISPLAY,
    ),
    Command(
        program="haconnshow",
        words=("hamonitor",),
        summary="show the systems and their monitors",
        run=display.hamonitor,
        parameters=(Parameter("name", "name", SERVER.option, value="<server name>"),),
        flags=DISPLAY,
        notes=("name= limits the guests that are shown to those of one server.",),
    ),
    Command(
        program="haconnshow",
        words=("ipdu",),
        summary="show PDUs and outlets, and how they are",
        run=display.ipdu,
        parameters=(_optional(PDU),),
        flags=DISPLAY,
        notes=("addr= limits the outlets that are shown to those of one PDU.",),
    ),
    Command(
        program="haconnshow",
        words=("version",),
        summary="show the version",
        run=display.show_version,
        flags=DISPLAY,
        notes=(
            "[OS].[major].[minor].[n].[m]; OS is 3, 4, 5, 6 on RHEL 7, 8, 9, 10 and what is like"
            " them, 0 elsewhere; n is the patch level.",
        ),
    ),
)
OPERATION = (
    Command(
        program="haconnserver",
        words=("reset",),
        summary="test the soft reset of a system",
        run=operation.reset,
        operands=(SERVER_NAME,),
        parameters=(
            _required(parameter(Binding, "address", value="<subsystem>")),
            parameter(Binding, "port", value="<monitor port>"),
        ),
        flags=DISPLAY,
        notes=(
            "Soft reset only. Done if the target reported that it stopped, failed otherwise.",
            "port= is needed where two systems of a server have the same number.",
        ),
    ),
    Command(
        program="haconnserver",
        words=("acrecovery",),
        summary="switch on every outlet of a managed server",
        run=operation.acrecovery,
        operands=(SERVER_NAME,),
        flags=DISPLAY,
        notes=("Done if every outlet reads on afterwards, failed otherwise.",),
        aliases=(("acrecavery",),),
    ),
)
PAIR = tuple(
    Command(
        program=program,
        words=(word,),
        summary=f"{summary}; not in single mode",
        run=operation.pair_only,
    )
    for program, word, summary in (
        ("haconnact", "copy", "copy the settings to the standby"),
        ("haconnact", "restart", "restart the active, the standby takes over"),
        ("haconnact", "takeover", "make this standby active although the peer is not proved off"),
        ("haconnsby", "restart", "restart the standby"),
        ("haconnsby", "shutdown", "stop the standby"),
    )
)
COMMANDS: tuple[Command, ...] = (*SETUP, *KEYS, *SHOW, *OPERATION, *PAIR)
