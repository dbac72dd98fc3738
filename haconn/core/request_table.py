"""Request ids: what is known of each, who waits for which reset, and what is still to be told.

Rule 1. One id, one reset, whenever it is said again. So what must not be forgotten is never
        forgotten: ids without an outcome, and the newest id of each requester for each target. A
        client says an id until it hears its RESULT or gives it up for a newer one, so that a
        guest which was suspended for hours says one of these when it goes on.
Rule 2. The rest is bounded for each requester by itself, and `takes_in` lets no more ids in than
        this bound can hold for ten minutes: a flood pushes nothing out that is younger, and
        nothing at all of another requester.
Rule 3. An id, its outcome and the schedule of its RESULT stand in this one table, and who waits
        for a reset is read from it: a request that joins is one more record, whoever else waits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from haconn.core.model import Instant, SystemKey
from haconn.core.outbox import RESULT_FOR_S, RequestName, Schedule
from haconn.core.reset import Evidence, Outcome

ASKED_FOR_S = 600.0
"""How long every request id is remembered after its outcome, at least (RC-03)."""
LONGEST_OPEN_S = 300.0
"""More than any reset takes from its request to its outcome."""
AT_ONCE = 64
EACH_S = 2.0
"""So many new ids of one requester are taken in at once and one more in so many seconds, besides
the first for each target in ten minutes. A client that asks as fast as it is answered FAIL is
held up for as long as it is answered FAIL anyway."""
OTHERS_MAX = AT_ONCE + int((ASKED_FOR_S + LONGEST_OPEN_S) / EACH_S)
"""Ids of one requester that are kept besides those of rule 1: what it can say in that time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request id, for ever one reset."""

    requester: SystemKey
    request_id: str
    target: SystemKey
    at: Instant
    operation: str = ""
    """The reset that it began or joined."""
    outcome: Outcome | None = None
    evidence: Evidence | None = None
    evidence_at: Instant | None = None
    evidence_since: Instant | None = None
    """Of a run of off, the answer of its first read: what signs of life are held against."""
    told_at: Instant | None = None
    reason: str = ""
    heard: bool = False
    repeated_at: Instant | None = None
    """When the requester last asked, while the request is held back."""
    boot_id: str = ""
    """The boot in which it was asked."""

    @property
    def name(self) -> RequestName:
        """Who asked, and the id."""
        return self.requester, self.request_id


@dataclass(slots=True)
class Allowance:
    """How many more ids of one requester are taken in now."""

    left: float = AT_ONCE
    at: Instant | None = None
    exceeded: bool = False
    """Too many came, and not much was left since."""

    def take(self, now: Instant) -> bool:
        """Spend one, if there is one."""
        if self.at is not None:
            self.left = min(AT_ONCE, self.left + (now - self.at) / EACH_S)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        self.exceeded = self.exceeded and self.left < AT_ONCE / 2
        return True


@dataclass(slots=True)
class _OfRequester:
    """The ids of one requester."""

    newest: dict[SystemKey, str] = field(default_factory=dict)
    """By target; no more than systems, as others are told ERROR at once."""
    others: dict[str, None] = field(default_factory=dict)
    """All the rest, in the order in which they came here."""
    allowance: Allowance = field(default_factory=Allowance)


class RequestTable(Mapping[RequestName, Asked]):
    """Every request id that is remembered; to read it is as to read a dictionary."""

    def __init__(self, known: Iterable[Asked] = ()) -> None:
        self._asked: dict[RequestName, Asked] = {}
        self._of: dict[SystemKey, _OfRequester] = {}
        self._open: dict[str, dict[RequestName, None]] = {}
        """Ids without an outcome, by operation; by "" what no reset was begun for."""
        self._told = Schedule[RequestName](RESULT_FOR_S)
        for asked in known:
            self.put(asked)

    def __getitem__(self, name: RequestName) -> Asked:
        return self._asked[name]

    def __iter__(self) -> Iterator[RequestName]:
        return iter(self._asked)

    def __len__(self) -> int:
        return len(self._asked)

    def put(self, asked: Asked) -> None:
        """Remember an id, or what has become of it."""
        before = self._asked.get(asked.name)
        self._asked[asked.name] = asked
        self._note_open(before, asked)
        mine = self._of.setdefault(asked.requester, _OfRequester())
        if before is None:
            self._rank(mine, asked)
        self._forget(asked.requester, mine)

    def takes_in(
        self, requester: SystemKey, target: SystemKey, now: Instant, *, known: bool
    ) -> bool:
        """Whether a new id is taken in now; its repetition is when there is room again.

        Args:
            known: the requester may have it reset; any number could be named else.
        """
        mine = self._of.setdefault(requester, _OfRequester())
        newest = mine.newest.get(target)
        if known and (newest is None or self._is_of_long_ago(requester, newest, now)):
            return True
        return mine.allowance.take(now)

    def exceeds(self, requester: SystemKey) -> bool:
        """Note that an id was not taken in; whether that is news."""
        allowance = self._of[requester].allowance
        news, allowance.exceeded = not allowance.exceeded, True
        return news

    def newest(self, asked: Asked) -> Asked:
        """The newest id of the same requester for the same target."""
        request_id = self._of[asked.requester].newest.get(asked.target, asked.request_id)
        return self._asked[asked.requester, request_id]

    def waiting(self, operation: str) -> tuple[Asked, ...]:
        """The requests that wait for this reset, in their order; for "" those held back."""
        return tuple(self._asked[name] for name in self._open.get(operation, ()))

    def tell(self, name: RequestName, now: Instant) -> None:
        """Begin, or begin anew, to tell the RESULT of an id that has one."""
        if name in self._asked and self._asked[name].outcome is not None:
            self._told.begin(name, now)

    def hush(self, name: RequestName) -> bool:
        """Its RESULT was acknowledged; whether it was still being told."""
        return self._told.end(name)

    def hush_all(self, requester: SystemKey) -> None:
        """It has booted: what was meant for the boot before is of no use to it."""
        mine = self._of.get(requester, _OfRequester())
        for request_id in [*mine.newest.values(), *mine.others]:
            self._told.end((requester, request_id))

    def drop_all(self, requester: SystemKey) -> None:
        """It has no key any more."""
        mine = self._of.pop(requester, _OfRequester())
        for request_id in [*mine.newest.values(), *mine.others]:
            self._remove((requester, request_id))

    def being_told(self) -> tuple[RequestName, ...]:
        """The ids whose RESULT is repeated until it is acknowledged."""
        return self._told.names()

    def due(self, now: Instant) -> list[Asked]:
        """Give what is to be sent now, and step its schedule."""
        return [self._asked[name] for name in self._told.due(now)]

    def next_due(self) -> Instant | None:
        """When there is something to send."""
        return self._told.next_due()

    def _is_of_long_ago(self, requester: SystemKey, request_id: str, now: Instant) -> bool:
        return now - self._asked[requester, request_id].at > ASKED_FOR_S

    def _note_open(self, before: Asked | None, asked: Asked) -> None:
        if before is not None and (asked.outcome, asked.operation) != (None, before.operation):
            self._note_closed(before)  # else it keeps its place
        if asked.outcome is None:
            self._open.setdefault(asked.operation, {})[asked.name] = None

    def _note_closed(self, asked: Asked) -> None:
        if asked.outcome is None:
            waiting = self._open[asked.operation]
            del waiting[asked.name]
            if not waiting:
                del self._open[asked.operation]

    def _rank(self, mine: _OfRequester, asked: Asked) -> None:
        """Say whether it is the newest for a target that it may name."""
        newest = mine.newest.get(asked.target)
        # records of a file come in any order
        older = newest is not None and self._asked[asked.requester, newest].at > asked.at
        if older or asked.outcome is Outcome.ERROR:
            mine.others[asked.request_id] = None
            return
        if newest is not None:
            mine.others[newest] = None
        mine.newest[asked.target] = asked.request_id

    def _forget(self, requester: SystemKey, mine: _OfRequester) -> None:
        """Drop the oldest of the others that has its outcome."""
        if len(mine.others) <= OTHERS_MAX:
            return
        ended = (one for one in mine.others if self._asked[requester, one].outcome is not None)
        oldest = next(ended, None)
        if oldest is not None:
            del mine.others[oldest]
            self._remove((requester, oldest))

    def _remove(self, name: RequestName) -> None:
        self._told.end(name)
        self._note_closed(self._asked.pop(name))
