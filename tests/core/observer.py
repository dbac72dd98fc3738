"""An observer of the core: it sees what goes in and what comes out, and judges it by simple rules.

It knows nothing of how the core decides. What it holds against each action is what design.md
promises: nobody is told that a system has stopped which has shown life since; one request has one
outcome; what has left once is not sent again; what was cut is switched on again.
"""

from dataclasses import dataclass, field

from haconn.core.actions import (
    Abandon,
    Action,
    BeginRestore,
    NoticeKind,
    Perform,
    Remark,
    TellNotices,
    TellResult,
)
from haconn.core.contrary import LIFE_ENDS_AFTER_S, UNDER_WAY_S
from haconn.core.model import Feed, Instant, SystemKey
from haconn.core.reset import Command, Evidence, Outcome
from haconn.core.server import Restore
from haconn.core.world import World

GOOD = {Outcome.DUMP, Outcome.POFF}


@dataclass
class Observer:
    """What has been seen so far."""

    spoke: dict[SystemKey, float] = field(default_factory=dict)
    """When each system last said anything but that it stops."""
    booted: dict[SystemKey, float] = field(default_factory=dict)
    told: dict[tuple[SystemKey, str], Outcome] = field(default_factory=dict)
    """The first outcome that each request was told."""
    over: set[str] = field(default_factory=set)
    """Operations that have ended."""
    nmi: set[str] = field(default_factory=set)
    """Operations of which the soft reset has left, or may have."""
    dark: dict[Feed, str] = field(default_factory=dict)
    """Outlets that are ordered off, with their server."""
    open: list[Perform] = field(default_factory=list)
    """Commands that have not been answered."""
    restoring: list[BeginRestore] = field(default_factory=list)

    def hears(self, key: SystemKey, now: float, *, new_boot: bool) -> None:
        """A system spoke."""
        self.spoke[key] = now
        if new_boot:
            self.booted[key] = now

    def sees(self, action: Action, world: World, now: Instant) -> None:
        """Judge one action."""
        match action:
            case Perform():
                self._perform(action, world, now)
            case TellResult():
                self._result(action, now)
            case TellNotices():
                for notice in action.notices:
                    if notice.at != self.booted.get(notice.about):  # a new boot is what it says
                        weak = notice.kind is NoticeKind.REBOOT
                        self._stopped(notice.about, notice.at, weak=weak)
            case Abandon(operation=operation, cut=called_off):
                self.over.add(operation)
                if called_off:  # of a cut of which nothing has left, nothing will
                    self.open = [
                        one for one in self.open if one.operation != operation or not one.feeds
                    ]
            case Remark(message="refuted", values=values):
                self.over.discard(dict(values)["operation"])  # it goes on: it was no conclusion
            case BeginRestore():
                self.restoring.append(action)
            case _:
                pass

    def _perform(self, action: Perform, world: World, now: Instant) -> None:
        assert action.operation not in self.over, "a command after the conclusion"
        assert action.deadline >= now, "a command without time"
        system = next(
            system
            for system in world.systems.values()
            if system.reset is not None and system.reset.operation == action.operation
        )
        assert system.reset is not None
        assert action.deadline <= system.reset.plan.deadline
        if action.command is Command.SOFT_RESET:
            assert action.operation not in self.nmi, "a second NMI"
        self.open = [one for one in self.open if one.operation != action.operation]
        self.open.append(action)

    def _result(self, action: TellResult, now: Instant) -> None:
        name = (action.requester, action.request_id)
        first = self.told.setdefault(name, action.outcome)
        assert action.outcome is first or action.reason == "verdict over"
        if action.outcome in GOOD:
            assert action.evidence is not None
            assert action.at <= now
            if action.evidence is not Evidence.NEW_BOOT:
                weak = action.evidence is Evidence.HARD_RESET_ACCEPTED
                self._stopped(action.target, action.at, weak=weak)

    def _stopped(self, key: SystemKey, when: float, *, weak: bool) -> None:
        """Somebody is told that this system had stopped then; an acceptance may take a moment."""
        when += LIFE_ENDS_AFTER_S[Evidence.HARD_RESET_ACCEPTED] if weak else 0.0
        spoke = self.spoke.get(key, -1.0)
        assert not when < spoke - UNDER_WAY_S, f"{key} has spoken since {when}, at {spoke}"
        assert not when < self.booted.get(key, -1.0), "it has booted since"

    def restarts(self) -> None:
        """The process has gone: what was with a driver may have left."""
        self.nmi |= {one.operation for one in self.open if one.command is Command.SOFT_RESET}
        self.open.clear()
        self.restoring.clear()

    def restored(self, action: BeginRestore, *, worked: bool) -> None:
        """A restore has ended; an outlet has one writer, so the cut before it has ended too."""
        self.restoring.remove(action)
        self.open = [one for one in self.open if not one.feeds or one.server != action.server]
        if worked and action.what is Restore.FEEDS:
            self.dark = {
                feed: server for feed, server in self.dark.items() if server != action.server
            }
