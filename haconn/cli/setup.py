"""What the commands of `haconnsetup` do: an edit of the configuration, stored at once.

A running service is not told, but of keys: it reads the rest when it starts (R-191).
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from haconn.cli.errors import UsageError
from haconn.cli.output import warn
from haconn.cli.syntax import Given
from haconn.cli.terminal import Context, ExitStatus
from haconn.config import edits
from haconn.config.edits import Change
from haconn.config.keyfiles import remove_copies
from haconn.config.option import named
from haconn.config.schema import Configuration, KeyEntry, ManagedServer, PduEntry
from haconn.config.store import change, rehearse
from haconn.core.model import Feed, Secret

Edit: TypeAlias = Callable[[Configuration], Change]
UNKNOWN_PASSWORD = Secret("not-asked-yet")
"""Stands for the password while everything else is checked, before the operator is asked."""


def mode(context: Context, given: Given) -> ExitStatus:
    """haconnsetup mode"""
    return store(context, lambda old: edits.set_mode(old, given["mode"]))


def resetpath(context: Context, given: Given) -> ExitStatus:
    """haconnsetup resetpath"""
    fields: dict[str, Any] = {}
    if "addr" in given:
        fields["addr"], fields["mask"] = given["addr"]
    if "port" in given:
        fields["port"] = given["port"]
    return store(context, lambda old: edits.set_reset_path(old, fields))


def hispeed(context: Context, given: Given) -> ExitStatus:
    """haconnsetup hispeed"""
    return store(context, lambda old: edits.set_hispeed(old, given["hispeed_ms"]))


def snmp(context: Context, given: Given) -> ExitStatus:
    """haconnsetup snmp"""
    return store(context, lambda old: edits.set_community(old, given["community"]))


def pserver_add(context: Context, given: Given) -> ExitStatus:
    """haconnsetup pserver add"""

    def edit(password: Secret) -> Edit:
        server = ManagedServer(**given, password=password)
        return lambda old: edits.add_server(old, server)

    return store_with_password(context, edit)


def pserver_mod(context: Context, given: Given) -> ExitStatus:
    """haconnsetup pserver mod; a password is asked for only with an account (R-297)"""
    fields = {name: value for name, value in given.items() if name not in ("server", "new_name")}
    if "new_name" in given:
        fields["name"] = given["new_name"]
    if "account" not in given:
        return store(context, lambda old: edits.modify_server(old, given["server"], fields))
    return store_with_password(
        context,
        lambda password: (
            lambda old: edits.modify_server(old, given["server"], {**fields, "password": password})
        ),
    )


def pserver_del(context: Context, given: Given) -> ExitStatus:
    """haconnsetup pserver del"""
    gone: list[KeyEntry] = []

    def edit(old: Configuration) -> Change:
        gone[:] = [entry for entry in old.keys if entry.server == given["server"]]
        return edits.delete_server(old, given["server"])

    status = store(context, edit)
    remove_copies(context.paths.etc, gone)
    return status


def pserver_ipduadd(context: Context, given: Given) -> ExitStatus:
    """haconnsetup pserver ipduadd"""
    feed = Feed(given["addr"], given["concent"])
    return store(context, lambda old: edits.add_feed(old, given["server"], feed))


def pserver_ipdudel(context: Context, given: Given) -> ExitStatus:
    """haconnsetup pserver ipdudel"""
    feed = Feed(given["addr"], given["concent"]) if "addr" in given else None
    return store(context, lambda old: edits.delete_feeds(old, given["server"], feed))


def ipdu_add(context: Context, given: Given) -> ExitStatus:
    """haconnsetup ipdu add"""
    return store(context, lambda old: edits.add_pdu(old, PduEntry(**given)))


def ipdu_del(context: Context, given: Given) -> ExitStatus:
    """haconnsetup ipdu del"""
    return store(context, lambda old: edits.delete_pdus(old, given["addr"]))


def store_with_password(context: Context, edit: Callable[[Secret], Edit]) -> ExitStatus:
    """Ask for the password that the edit needs, and store the change."""
    return store(context, edit(ask_password(context, edit)))


def ask_password(context: Context, edit: Callable[[Secret], Edit]) -> Secret:
    """Ask for a password after everything else is checked; it is checked again when stored."""
    rehearse(context.paths.etc, lambda old: edit(UNKNOWN_PASSWORD)(old).configuration)
    password = context.terminal.read_password()
    try:
        named(ManagedServer, "password").option.kind.check(password.reveal())
    except ValueError as exc:
        raise UsageError("wrong-value", key="password", shown="", allowed=exc) from None
    return password


def store(context: Context, edit: Edit) -> ExitStatus:
    """Store a change, and say what went with it."""
    results: list[Change] = []

    def once(old: Configuration) -> Configuration:
        results.append(edit(old))
        return results[-1].configuration

    left = change(context.paths.etc, once)
    for line in results[-1].told:
        context.terminal.say(line)
    warn(context, (*results[-1].warned, *left))
    return ExitStatus.DONE
