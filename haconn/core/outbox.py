"""What is still to be told: schedules of repetition, and the notices of every system.

A message is repeated until it is acknowledged. What a result says is looked up at each sending,
since a verdict that was true at the first may be over at the third; its schedule stands beside it
in haconn/core/request_table.py.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from math import inf
from typing import Generic, TypeAlias, TypeVar

from haconn.core.actions import Notice, NoticeKind
from haconn.core.model import Instant, SystemKey

REPEATS_S = (0.0, 0.2, 0.6, 1.4, 3.0, 6.0, 12.0, 24.0, 48.0)
"""When a notice or a result is sent, counted from the first time (design 5)."""
AND_EACH_S = 48.0
RESULT_FOR_S = 600.0
NOTICE_FOR_S = 60.0
"""A notice is dropped so long after its evidence, heard or not."""
RequestName: TypeAlias = tuple[SystemKey, str]
"""A request: its requester and the id that the requester chose."""
N = TypeVar("N", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Telling:
    """How far one message is in its schedule."""

    began: Instant
    sent: int = 0

    @property
    def due(self) -> Instant:
        """When it is sent next."""
        if self.sent < len(REPEATS_S):
            return Instant(self.began + REPEATS_S[self.sent])
        more = self.sent - len(REPEATS_S) + 1
        return Instant(self.began + REPEATS_S[-1] + more * AND_EACH_S)

    def stepped(self, now: Instant) -> "Telling":
        """Count what is due as sent once. Times that were slept through are not made up for."""
        following = self
        while following.due <= now:
            following = replace(following, sent=following.sent + 1)
        return following


class Schedule(Generic[N]):
    """When each of many messages is sent next. What is not due costs nothing."""

    def __init__(self, for_s: float = inf) -> None:
        """`for_s` is how long a message is repeated."""
        self._for_s = for_s
        self._tellings: dict[N, Telling] = {}
        self._heap: list[tuple[Instant, int, N]] = []
        """What is due when, in the order of `begin`; also what has ended or was begun anew."""
        self._pushed = 0

    def __contains__(self, name: N) -> bool:
        return name in self._tellings

    def names(self) -> tuple[N, ...]:
        """Everything that is being told."""
        return tuple(self._tellings)

    def begin(self, name: N, now: Instant) -> None:
        """Tell it now, and again until it is ended."""
        self._set(name, Telling(now))

    def end(self, name: N) -> bool:
        """Tell it no more; whether it was being told."""
        return self._tellings.pop(name, None) is not None

    def due(self, now: Instant) -> list[N]:
        """Give what is to be sent now, and step its schedule."""
        names: list[N] = []
        while (due := self.next_due()) is not None and due <= now:
            _, _, name = heappop(self._heap)
            telling = self._tellings[name]
            if now - telling.began > self._for_s:
                del self._tellings[name]
            else:
                self._set(name, telling.stepped(now))
                names.append(name)
        return names

    def next_due(self) -> Instant | None:
        """When there is something to send."""
        while self._heap:
            due, _, name = self._heap[0]
            telling = self._tellings.get(name)
            if telling is not None and telling.due == due:
                return due
            heappop(self._heap)
        return None

    def _set(self, name: N, telling: Telling) -> None:
        self._tellings[name] = telling
        self._pushed += 1
        heappush(self._heap, (telling.due, self._pushed, name))


@dataclass(slots=True)
class Box:
    """The notices that one system has not acknowledged; they share a schedule."""

    of: dict[SystemKey, Notice] = field(default_factory=dict)
    """By the system that they are about, the newest last."""
    told: int = 0
    """The highest serial that has been sent."""

    @property
    def notices(self) -> tuple[Notice, ...]:
        """All of them, in their order."""
        return tuple(self.of.values())


def last_serial_before(run_name: str) -> int:
    """Where the serials of a process begin: a receiver knows those of another one by their number.

    A receiver takes a serial that it has heard before for a repetition. Up to four characters of
    the name that the process was given at random are the upper half of its serials.
    """
    return int.from_bytes(run_name.encode()[:4]) << 32


class Outbox:
    """The notices that are to be told, by receiver."""

    def __init__(self, serial: int = 0) -> None:
        self.boxes: dict[SystemKey, Box] = {}
        self._schedule = Schedule[SystemKey]()
        self._about: dict[SystemKey, dict[SystemKey, Instant]] = {}
        """Who is to be told about a system, and of which time."""
        self._serial = serial

    def notify(
        self, receiver: SystemKey, about: SystemKey, kind: NoticeKind, at: Instant, now: Instant
    ) -> None:
        """Put a notice into one system's box; it replaces an older one about the same system."""
        self._serial += 1
        box = self.boxes.setdefault(receiver, Box())
        box.of.pop(about, None)
        box.of[about] = Notice(self._serial, about, kind, at)
        self._about.setdefault(about, {})[receiver] = at
        self._schedule.begin(receiver, now)

    def heard(self, receiver: SystemKey, serials: tuple[int, ...]) -> None:
        """The receiver acknowledged these."""
        box = self.boxes.get(receiver)
        if box is not None:
            known = frozenset(serials)
            for notice in box.notices:
                if notice.serial in known:
                    self._take_out(receiver, notice.about)

    def drop_about(self, about: SystemKey, alive_at: Instant) -> None:
        """It was alive then: nobody is told any more that it had stopped before."""
        told = self._about.get(about, {})
        # most often it is alive and nobody is told anything: this is asked at every datagram
        for receiver in [one for one, at in told.items() if at <= alive_at]:
            self._take_out(receiver, about)

    def drop_for(self, receiver: SystemKey) -> None:
        """It has booted: what was meant for the boot before is of no use to it."""
        box = self.boxes.get(receiver)
        for notice in box.notices if box is not None else ():
            self._take_out(receiver, notice.about)

    def due_boxes(
        self, now: Instant
    ) -> Iterator[tuple[SystemKey, tuple[Notice, ...], tuple[Notice, ...]]]:
        """Give receiver, its notices, and those of them that are sent for the first time."""
        for receiver in self._schedule.due(now):
            box = self.boxes[receiver]
            for notice in box.notices:
                if now - notice.at > NOTICE_FOR_S:
                    self._take_out(receiver, notice.about)
            fresh, told = box.notices, box.told
            box.told = self._serial
            if fresh:
                yield receiver, fresh, tuple(note for note in fresh if note.serial > told)

    def next_due(self) -> Instant | None:
        """When there is something to send; None with an empty outbox."""
        return self._schedule.next_due()

    def _take_out(self, receiver: SystemKey, about: SystemKey) -> None:
        del self._about[about][receiver]
        if not self._about[about]:
            del self._about[about]
        box = self.boxes[receiver]
        del box.of[about]
        if not box.of:
            del self.boxes[receiver]
            self._schedule.end(receiver)
