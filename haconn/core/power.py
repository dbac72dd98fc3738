"""When a BMC's readings prove that a server is off, and when the BMC itself is lost or dead.

OFF, everywhere, is an unbroken run of successful reads of off: at least two, by separate requests
of one session, spanning half a second. A run that begins in the first ten seconds after the BMC
was unreachable, or after a login, must span five seconds: a BMC that has just come up is known to
tell a stale "off" of the boot before. Whatever is not a successful read of off breaks the run:
transitional and unknown states, a read without an answer, another session. A last value that is
only kept is shown to the operator and is never evidence.

How long an answer is waited for follows the device (`patience_s`): a slow one is not a dead one.
An answer within that time is none too late. It counts in the run by the time it was asked.
"""

from dataclasses import dataclass, replace

from haconn.core.model import SHORTEST_TIMEOUT_S, Instant, Power, PowerReading

RUN_S = 0.5
RUN_AFTER_LOGIN_S = 5.0
YOUNG_S = 10.0
"""How long after a login, or after silence, a BMC's word needs the longer run."""
DEAD_POLLS = 2
TIMEOUTS_MISSED = 3
"""So often a device may let the driver's time-out pass before it counts as dead."""


@dataclass(frozen=True, slots=True)
class Run:
    """Successive reads of off."""

    session: int
    first_asked_at: Instant
    reads: int
    span_s: float
    """How long this run must be."""
    last_asked_at: Instant

    @property
    def proves(self) -> bool:
        """Whether this run is OFF."""
        return self.reads >= 2 and self.last_asked_at - self.first_asked_at >= self.span_s


@dataclass(frozen=True, slots=True)
class BmcWatch:
    """What is known of one server through its BMC."""

    power: Power | None = None
    """The last reading that said on or off; shown, never evidence."""
    read_at: Instant | None = None
    """When the last successful read was asked."""
    run: Run | None = None
    young_since: Instant | None = None
    """When the BMC answered again, or gave us a session anew."""
    session: int = 0
    unanswered_since: Instant | None = None
    """The first ask that nothing has answered since."""
    reachable: bool | None = None
    """None before the first answer or failure."""
    dead: bool = False
    turned_on_at: Instant | None = None
    """The last change from off to on."""
    timeout_s: float = SHORTEST_TIMEOUT_S
    """How long the driver waits for an answer until it asks again: the BMC's measured time."""
    told: tuple[str, ...] = ()
    """Why it cannot be used, as said since it was reachable last; each reason is said once."""

    def patience_s(self, poll_s: float) -> float:
        """How long it may be silent, and how old a reading may be."""
        return patience_s(poll_s, self.timeout_s)


def patience_s(poll_s: float, timeout_s: float) -> float:
    """How long a device that was asked is silent until it is dead, and a reading is fresh.

    Args:
        timeout_s: the driver's present time-out for it, which follows its measured answer time.
    """
    return max(DEAD_POLLS * poll_s, TIMEOUTS_MISSED * timeout_s)


REASONS_MAX = 8
"""So many different reasons of one outage are told; a device may make up ever new ones."""


def news(told: tuple[str, ...], reason: str) -> tuple[str, ...]:
    """Give what is told of an outage with this reason; the same if that is no news."""
    return told if reason in told or len(told) >= REASONS_MAX else (*told, reason)


def took_session(watch: BmcWatch, session: int, now: Instant) -> BmcWatch:
    """The BMC gave us a session: it is reachable, and young."""
    return replace(
        watch,
        session=session,
        run=None,
        young_since=now,
        unanswered_since=None,
        reachable=True,
        dead=False,
    )


def was_read(watch: BmcWatch, reading: PowerReading) -> BmcWatch:
    """A read succeeded."""
    asked, now = Instant(reading.asked_at), Instant(reading.answered_at)
    young = now if watch.dead else watch.young_since
    known = replace(
        watch,
        timeout_s=reading.timeout_s,
        read_at=asked,
        young_since=young,
        unanswered_since=None,
        reachable=True,
        dead=False,
        run=_longer(watch.run, reading, young) if reading.power is Power.OFF else None,
    )
    if reading.power is Power.UNKNOWN:
        return known
    on_again = watch.power is Power.OFF and reading.power is Power.ON
    return replace(
        known,
        power=reading.power,
        turned_on_at=now if on_again else watch.turned_on_at,
    )


def _longer(run: Run | None, reading: PowerReading, young_since: Instant | None) -> Run:
    asked = Instant(reading.asked_at)
    if run is not None and run.session == reading.session:
        return replace(run, reads=run.reads + 1, last_asked_at=asked)
    young = young_since is not None and asked - young_since < YOUNG_S
    return Run(reading.session, asked, 1, RUN_AFTER_LOGIN_S if young else RUN_S, asked)


def was_unanswered(
    watch: BmcWatch,
    asked_at: Instant,
    now: Instant,
    poll_s: float,
    timeout_s: float = SHORTEST_TIMEOUT_S,
) -> BmcWatch:
    """A read or a login asked at `asked_at` has had no answer until now.

    Its answer may still come, and then the run goes on; a dead BMC's run is over.
    """
    since = asked_at if watch.unanswered_since is None else watch.unanswered_since
    dead = now - since >= patience_s(poll_s, timeout_s)
    return replace(
        watch,
        run=None if dead else watch.run,
        timeout_s=timeout_s,
        unanswered_since=since,
        reachable=False,
        dead=dead,
    )


def was_refused(watch: BmcWatch, now: Instant) -> BmcWatch:
    """The BMC answered and gave us nothing: a login or a read was refused. It is not dead."""
    young = now if watch.dead else watch.young_since
    return replace(
        watch, run=None, young_since=young, unanswered_since=None, reachable=False, dead=False
    )


def off_is_fresh(watch: BmcWatch, now: Instant, poll_s: float) -> bool:
    """Whether OFF is proved by a run whose last read is not stale."""
    run = watch.run
    return run is not None and run.proves and now - run.last_asked_at <= watch.patience_s(poll_s)
