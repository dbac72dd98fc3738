"""What `haconnsetup key new peer|retire peer|import peer` do: the key of the pair.

It is never shown: a file carries it to the other management server, and both show its fingerprint.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from haconn.cli.client import ANSWER_S, NoServiceError, ask_service
from haconn.cli.keyring import tell_service
from haconn.cli.output import show
from haconn.cli.pages import Line, Page
from haconn.cli.syntax import FORCE, Given
from haconn.cli.terminal import Context, ExitStatus
from haconn.config.keys import fingerprint
from haconn.config.pair_edits import retire_peer_key
from haconn.config.peerfiles import issue_peer_key, take_peer_key, withdraw_peer_key
from haconn.config.schema import PEER, PeerKey
from haconn.config.store import look
from haconn.wire.control import MayRetirePeerKey


@dataclass(frozen=True, slots=True)
class PeerKeyReport:
    """A key of the pair that was made or taken."""

    key: str
    """`peer.<generation>`."""
    fingerprint: str
    file: str
    """Made: where the copy for the other server lies. Taken: where it came from."""


def peer_key_new(context: Context, given: Given) -> ExitStatus:
    """haconnsetup key new peer"""
    assert not given
    issued = issue_peer_key(context.paths.etc)
    _show(context, issued.entry, issued.file)
    return tell_service(context)


def peer_key_import(context: Context, given: Given) -> ExitStatus:
    """haconnsetup key import peer"""
    file = Path(given["file"])
    _show(context, take_peer_key(context.paths.etc, file), file)
    return tell_service(context)


def peer_key_retire(context: Context, given: Given) -> ExitStatus:
    """haconnsetup key retire peer"""
    generation: int | None = given.get("generation")
    if FORCE not in context.flags:
        _require_other_key(context, generation)
    entry, told = withdraw_peer_key(context.paths.etc, generation)
    for line in (f"key {PEER}.{entry.generation} is retired", *told):
        context.terminal.say(line)
    return tell_service(context)


def _require_other_key(context: Context, generation: int | None) -> None:
    """Ask a running service of a pair whether its peer would still be heard; raises CommandError.

    Where none runs, none is made deaf: the two tell each other when they start, or do not.
    """
    configuration, _ = look(context.paths.etc)
    _, entry = retire_peer_key(configuration, generation)
    if configuration.mode != "pair":
        return
    with suppress(NoServiceError):
        ask_service(context.paths, MayRetirePeerKey(entry.generation), ANSWER_S, lambda _: None)


def _show(context: Context, entry: PeerKey, file: Path) -> None:
    report = PeerKeyReport(f"{PEER}.{entry.generation}", fingerprint(entry.key), str(file))
    lines = (
        f"key         : {report.key}",
        f"fingerprint : {report.fingerprint}",
        f"file        : {report.file}",
    )
    page = Page("HA monitor connector key", lines=tuple(Line(line) for line in lines))
    show(context, report, page)
