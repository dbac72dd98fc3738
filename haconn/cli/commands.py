"""THE list of commands. Parser, help, docs/commands.md, man pages and completion are its readers.

Options are those of the schema (haconn/config/schema.py); only what no file holds is defined here.
"""

from haconn.cli import display, operation
from haconn.cli.pair_commands import PAIR, PAIR_KEYS, PAIR_SETUP
from haconn.cli.setup_commands import KEYS, PDU, SERVER, SERVER_NAME, SETUP, needed, optional
from haconn.cli.syntax import DISPLAY, SHOW_SECRETS, Command, Parameter, parameter
from haconn.config.schema import Binding

PROGRAMS = {
    "haconnsetup": "change settings",
    "haconnshow": "show settings and states",
    "haconnserver": "operate managed servers",
    "haconnact": "operate the active management server of a pair",
    "haconnsby": "operate the standby management server of a pair",
}

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
        words=("mserversetting",),
        summary="show the settings of the management servers",
        run=display.mserversetting,
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
        parameters=(optional(PDU),),
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
            needed(parameter(Binding, "address", value="<subsystem>")),
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
COMMANDS: tuple[Command, ...] = (
    *SETUP,
    *PAIR_SETUP,
    *KEYS,
    *PAIR_KEYS,
    *SHOW,
    *OPERATION,
    *PAIR,
)
