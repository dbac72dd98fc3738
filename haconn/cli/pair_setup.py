"""What `haconnsetup mserver` and `haconnsetup mlan` do.

The BMC of a management server is tried before it is stored (A-05): without it the peer cannot be
proved off, and that would be found out on the day of a takeover. The commands know no device, so
a program of the daemon tries it; it is told the password on its standard input.
"""

import json
import subprocess
import sys
from typing import Any

from haconn.cli.errors import CommandError
from haconn.cli.setup import Edit, ask_password, store
from haconn.cli.syntax import NO_CHECK, Given
from haconn.cli.terminal import Context, ExitStatus
from haconn.config import pair_edits
from haconn.config.schema import Configuration, ManagementServer
from haconn.config.store import rehearse
from haconn.core.model import Feed, Secret

CHECK = "haconn.daemon.bmc_check"
CHECK_S = 60.0
"""The program ends by itself long before."""
REACHES = frozenset({"addr", "account", "suite", "bmcport"})
"""Options with which the way to a BMC changes."""


def mserver_add(context: Context, given: Given) -> ExitStatus:
    """haconnsetup mserver add"""

    def edit(password: Secret) -> Edit:
        server = ManagementServer(**given, password=password)
        return lambda old: pair_edits.add_mserver(old, server)

    password = ask_password(context, edit)
    _try_bmc(context, ManagementServer(**given, password=password))
    return store(context, edit(password))


def mserver_mod(context: Context, given: Given) -> ExitStatus:
    """haconnsetup mserver mod; a password is asked for only with an account (R-297)"""
    fields = {name: value for name, value in given.items() if name != "server"}

    def edit(password: Secret | None) -> Edit:
        more: dict[str, Any] = {} if password is None else {"password": password}
        return lambda old: pair_edits.modify_mserver(old, given["server"], {**fields, **more})

    password = ask_password(context, edit) if "account" in given else None
    if REACHES & set(fields):
        results: list[Configuration] = []

        def tried(old: Configuration) -> Configuration:
            results.append(edit(password)(old).configuration)
            return results[-1]

        rehearse(context.paths.etc, tried)
        _try_bmc(context, pair_edits.mserver_named(results[-1], given["server"]))
    return store(context, edit(password))


def mserver_del(context: Context, given: Given) -> ExitStatus:
    """haconnsetup mserver del"""
    return store(context, lambda old: pair_edits.delete_mserver(old, given["server"]))


def mserver_ipduadd(context: Context, given: Given) -> ExitStatus:
    """haconnsetup mserver ipduadd"""
    feed = Feed(given["addr"], given["concent"])
    return store(context, lambda old: pair_edits.add_mserver_feed(old, given["server"], feed))


def mserver_ipdudel(context: Context, given: Given) -> ExitStatus:
    """haconnsetup mserver ipdudel"""
    feed = Feed(given["addr"], given["concent"]) if "addr" in given else None
    return store(context, lambda old: pair_edits.delete_mserver_feeds(old, given["server"], feed))


def mlan(context: Context, given: Given) -> ExitStatus:
    """haconnsetup mlan"""
    fields = {name: value for name, value in given.items() if name != "server"}
    return store(context, lambda old: pair_edits.set_lans(old, given["server"], fields))


def _try_bmc(context: Context, server: ManagementServer) -> None:
    """Log in to the BMC and read its power; raises CommandError if that fails."""
    if NO_CHECK in context.flags:
        return
    if context.terminal.stderr.isatty():
        context.terminal.complain(f"trying the BMC at {server.addr} ...")
    order = {
        "addr": server.addr,
        "port": server.bmcport,
        "account": server.account,
        "password": server.password.reveal(),
        "suite": server.suite,
    }
    try:
        # no word of an operator is in this line; -P: nor is the working directory imported from
        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-m", CHECK],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=CHECK_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise _not_reached(server, "the trial could not be made") from None
    if ended.returncode:
        lines = ended.stdout.splitlines() or ["the trial could not be made"]
        raise _not_reached(server, lines[0])


def _not_reached(server: ManagementServer, why: str) -> CommandError:
    return CommandError("not-stored", name=server.name, addr=server.addr, why=why, flag=NO_CHECK)
