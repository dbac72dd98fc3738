"""What an activation begins with: which record of the resets, and how well it is known.

copy, complete       exact: what is under way is gone on with
copy, incomplete     conservative: what was under way is asked for again, or over
own journal          exact if this server was the last active, in this boot, and nobody since: the
                     epochs follow each other, and the peer itself is the witness. A peer that was
                     found without power may have been active meanwhile, and nobody would know
own journal, older   another was active since, and what is owed was its to carry out. To switch a
                     server on because of it may hit one that is being repaired, so it is told and
                     not done
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from haconn.config.paths import Paths
from haconn.core.actions import Remark
from haconn.core.beat import NOBODY
from haconn.core.model import Instant
from haconn.core.pair_state import TakeOver
from haconn.core.role import Proof
from haconn.core.world import remark
from haconn.daemon.journal_reading import Found
from haconn.daemon.pair.copy import StandbyCopy
from haconn.daemon.pair.membership import Taken
from haconn.daemon.parts import read_journal

WITNESSED = frozenset({Proof.PROMISED, Proof.STOPPED})
"""The peer says itself which epoch it has heard of, or has not run since it stopped."""
NOT_THE_LAST = "the journal is not of the last active"
Say = Callable[[Remark], None]


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of the resets, and how well."""

    found: Found
    conservative: str | None
    """Why nothing is to be commanded for a while; None if everything is known."""


def inherited(copy: StandbyCopy, taken: Taken, trees: Paths, say: Say, now: Instant) -> Record:
    """Give what this activation begins with. Raises StartError."""
    if taken.was_standby_of == NOBODY or copy.log != taken.was_standby_of:
        return _of_the_journal(read_journal(trees), taken.action, say)
    if copy.is_exact(now) and taken.action.proof is not Proof.OPERATOR:
        say(remark("pair-exact", index=copy.applied))
        return Record(copy.found, None)
    resets = [system.reset for system in copy.found.systems.values() if system.reset is not None]
    names = ", ".join(sorted(reset.operation for reset in resets)) or "none"
    reason = f"the copy of the record may lack what was done last (resets under way: {names})"
    return Record(copy.found, reason)


def _of_the_journal(found: Found, action: TakeOver, say: Say) -> Record:
    if is_of_the_last_active(found, action):
        return Record(found, "the journal is damaged" if found.lost else None)
    if is_superseded(found, action):
        _leave(found, say)
        return Record(Found(damage=found.damage), NOT_THE_LAST)
    if found.empty and not found.unreadable:
        return Record(found, "what another active has done is not known")
    return Record(replace(found, same_boot=False), NOT_THE_LAST)


def is_of_the_last_active(found: Found, action: TakeOver) -> bool:
    """Whether nobody has been active since this journal was written, and in this boot."""
    follows = found.epoch > 0 and action.epoch == found.epoch + 1
    return found.same_boot and follows and action.proof in WITNESSED


def is_superseded(found: Found, action: TakeOver) -> bool:
    """Whether there was an active since that did not write this journal."""
    return 0 < found.epoch < action.epoch - 1


def _leave(found: Found, say: Say) -> None:
    """Tell what the journal owes, for the operator to look at."""
    reason = f"the journal is of epoch {found.epoch}, and others were active since: not done"
    for server in found.servers.values():
        for owed in server.owed:
            say(
                remark(
                    "restore-failed",
                    operation=owed.operation,
                    what=owed.what.value,
                    server=server.name,
                    reason=reason,
                )
            )
