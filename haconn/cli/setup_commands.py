"""The commands of `haconnsetup` that a single management server has too.

Options are those of the schema (haconn/config/schema.py); only what no file holds is defined here.
"""

from haconn.cli import keyring, setup
from haconn.cli.syntax import DISPLAY, Command, Parameter, parameter
from haconn.cli.values import AddressAndMask, KeyName, OwnerName, PduOrAll
from haconn.config.kinds import ADDRESS, OUTLET
from haconn.config.option import Option, Record, options
from haconn.config.pdu_models import package_models
from haconn.config.schema import (
    COMMUNITY,
    MODE,
    Binding,
    ManagedServer,
    PduEntry,
    ResetPath,
    Timers,
)

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


def optional(entry: Parameter) -> Parameter:
    """Give the parameter as one that may be left out."""
    return Parameter(entry.key, entry.field, entry.option, value=entry.value)


def needed(entry: Parameter) -> Parameter:
    """Give the parameter as one that must be given."""
    return Parameter(entry.key, entry.field, entry.option, required=True, value=entry.value)


def server_options(
    record: Record, *required: str, apart: tuple[str, ...] = ()
) -> tuple[Parameter, ...]:
    """Every option of a server that is given as `key=value`, but for those that stand apart."""
    values = {"addr": "<IP addr>", "account": '"<account>"'}
    return tuple(
        parameter(
            record,
            entry.key,
            required=entry.key in required,
            value=values.get(entry.key, ""),
        )
        for entry in options(record)
        if entry.option.stored and entry.key not in ("name", "feeds", *apart)
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
        parameters=server_options(ManagedServer, "addr", "account"),
        notes=(ASKS_LINE, "At most 32 managed servers."),
    ),
    Command(
        program="haconnsetup",
        words=("pserver", "mod"),
        summary="change a managed server",
        run=setup.pserver_mod,
        operands=(SERVER_NAME,),
        parameters=(NEW_NAME, *server_options(ManagedServer)),
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
        parameters=tuple(needed(entry) for entry in OUTLET_OF),
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
        notes=(
            "At most 132 PDUs.",
            f"Models: {', '.join(package_models())}, and those of HACONN_ETC/pdu-models.",
        ),
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
        operands=(optional(OWNER),),
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
