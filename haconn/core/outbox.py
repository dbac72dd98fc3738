"""What is still to be told: results and notices, repeated until they are acknowledged.

Only the schedule lives here. What a result says is looked up at each sending, since a verdict
that was true at the first may be over at the third.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from haconn.core.actions import Notice, NoticeKind
from haconn.core.model import Instant, SystemKey

REPEATS_S = (0.0, 0.2, 0.6, 1.4, 3.0, 6.0, 12.0, 24.0, 48.0)
"""When a notice or a result is sent, counted from the first time (design 5)."""
AND_EACH_S = 48.0
RESULT_FOR_S = 600.0
NOTICE_FOR_S = 60.0
"""A notice is dropped so long after its evidence, heard or not."""
RequestName = tuple[SystemKey, str]
"""A request: its requester and the id that the requester chose."""


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


@dataclass(frozen=True, slots=True)
class Box:
    """The notices that one system has not acknowledged; they share a schedule."""

    notices: tuple[Notice, ...]
    telling: Telling
    told: int = 0
    """The highest serial that has been sent."""


def last_serial_before(run_name: str) -> int:
    """Where the serials of a process begin: a receiver knows those of another one by their number.

    A receiver takes a serial that it has heard before for a repetition. Up to four characters of
    the name that the process was given at random are the upper half of its serials.
    """
    return int.from_bytes(run_name.encode()[:4]) << 32


class Outbox:
    """Schedules of everything that is to be told."""

    def __init__(self, serial: int = 0) -> None:
        self.results: dict[RequestName, Telling] = {}
        self.boxes: dict[SystemKey, Box] = {}
        self._serial = serial

    def tell_result(self, name: RequestName, now: Instant) -> None:
        """Begin, or begin anew, to tell a result."""
        self.results[name] = Telling(now)

    def notify(
        self, receiver: SystemKey, about: SystemKey, kind: NoticeKind, at: Instant, now: Instant
    ) -> None:
        """Put a notice into one system's box; it replaces an older one about the same system."""
        self._serial += 1
        box = self.boxes.get(receiver, Box((), Telling(now)))
        others = tuple(notice for notice in box.notices if notice.about != about)
        notice = Notice(self._serial, about, kind, at)
        self.boxes[receiver] = Box((*others, notice), Telling(now), box.told)

    def heard(self, receiver: SystemKey, serials: tuple[int, ...]) -> None:
        """The receiver acknowledged these."""
        box = self.boxes.get(receiver)
        if box is not None:
            left = tuple(notice for notice in box.notices if notice.serial not in serials)
            self._keep(receiver, replace(box, notices=left))

    def drop_about(self, about: SystemKey, alive_at: Instant) -> None:
        """It was alive then: nobody is told any more that it had stopped before."""
        for receiver, box in list(self.boxes.items()):
            left = tuple(
                notice for notice in box.notices if notice.about != about or notice.at > alive_at
            )
            self._keep(receiver, replace(box, notices=left))

    def drop_for(self, receiver: SystemKey) -> None:
        """It has booted: what was meant for the boot before is of no use to it."""
        self.boxes.pop(receiver, None)
        for name in [name for name in self.results if name[0] == receiver]:
            del self.results[name]

    def due_results(self, now: Instant) -> Iterator[RequestName]:
        """Give what is to be sent now, and step its schedule."""
        for name, telling in list(self.results.items()):
            if now - telling.began > RESULT_FOR_S:
                del self.results[name]
            elif telling.due <= now:
                self.results[name] = telling.stepped(now)
                yield name

    def due_boxes(
        self, now: Instant
    ) -> Iterator[tuple[SystemKey, tuple[Notice, ...], tuple[Notice, ...]]]:
        """Give receiver, its notices, and those of them that are sent for the first time."""
        for receiver, box in list(self.boxes.items()):
            telling = box.telling
            if telling.due > now:
                continue
            fresh = tuple(note for note in box.notices if now - note.at <= NOTICE_FOR_S)
            stepped = telling.stepped(now)
            self._keep(receiver, Box(fresh, stepped, self._serial))
            if fresh:
                yield receiver, fresh, tuple(note for note in fresh if note.serial > box.told)

    def next_due(self) -> Instant | None:
        """When there is something to send; None with an empty outbox."""
        times = [telling.due for telling in self.results.values()]
        times += [box.telling.due for box in self.boxes.values()]
        return min(times, default=None)

    def _keep(self, receiver: SystemKey, box: Box) -> None:
        if box.notices:
            self.boxes[receiver] = box
        else:
            del self.boxes[receiver]
