"""What `haconnsetup key new|show|retire` do; a running service is told of a change at once."""

from dataclasses import dataclass

from haconn.cli.client import ANSWER_S, NoServiceError, ask_service
from haconn.cli.errors import CommandError
from haconn.cli.output import show, warn
from haconn.cli.pages import Line, Page
from haconn.cli.syntax import Given
from haconn.cli.terminal import Context, ExitStatus
from haconn.cli.views import key_report, keys_page, peer_key_report
from haconn.config.keyfiles import issue_key, withdraw_key
from haconn.config.keys import Owner, fingerprint, key_line
from haconn.config.store import look
from haconn.wire.control import ReloadKeys


@dataclass(frozen=True, slots=True)
class NewKeyReport:
    """`haconnsetup key new`: the one time that a key is shown."""

    key: str
    owner: str
    port: int
    address: int
    fingerprint: str
    file: str
    line: str


def key_new(context: Context, given: Given) -> ExitStatus:
    """haconnsetup key new"""
    owner: Owner = given["owner"]
    issued = issue_key(context.paths.etc, owner, given.get("port"), given.get("number"))
    entry = issued.entry
    report = NewKeyReport(
        key=f"{entry.id}.{entry.generation}",
        owner=entry.owner,
        port=entry.port,
        address=entry.number,
        fingerprint=fingerprint(entry.key),
        file=str(issued.file),
        line=key_line(entry).reveal(),
    )
    lines = (
        f"key         : {report.key}",
        f"server name : {report.owner}",
        f"port        : {report.port}",
        f"address     : {report.address}",
        f"fingerprint : {report.fingerprint}",
        f"file        : {report.file}",
        report.line,
        *issued.told,
    )
    page = Page("HA monitor connector key", lines=tuple(Line(line) for line in lines))
    show(context, report, page)
    warn(context, issued.warned)
    return tell_service(context)


def key_show(context: Context, given: Given) -> ExitStatus:
    """haconnsetup key show"""
    owner: Owner | None = given.get("owner")
    configuration, _ = look(context.paths.etc)
    everything = [
        *(peer_key_report(entry) for entry in configuration.peer_keys),
        *(key_report(entry) for entry in configuration.keys),
    ]
    reports = [report for report in everything if owner is None or report.owner == str(owner)]
    if owner is not None and not reports:
        known = ", ".join(dict.fromkeys(report.owner for report in everything)) or "none"
        raise CommandError("no-key", owner=owner, known=known)
    show(context, tuple(reports), keys_page(reports))
    return ExitStatus.DONE


def key_retire(context: Context, given: Given) -> ExitStatus:
    """haconnsetup key retire"""
    system_id, generation = given["key"]
    entry, told = withdraw_key(context.paths.etc, system_id, generation)
    context.terminal.say(f"key {system_id}.{generation} of {entry.owner} is retired")
    for line in told:
        context.terminal.say(line)
    return tell_service(context)


def tell_service(context: Context) -> ExitStatus:
    """What is stored stays stored; that a running service has not taken it is a failure."""
    try:
        ask_service(context.paths, ReloadKeys(), ANSWER_S, lambda _: None)
    except NoServiceError as exc:
        context.terminal.complain(f"note: {exc} It reads the keys when it starts.")
    except CommandError as exc:
        raise CommandError("keys-not-taken", why=exc) from exc
    return ExitStatus.DONE
