"""When a source's readings amount to off, and when a BMC itself is lost or dead.

OFF, everywhere, is an unbroken run of successful reads of off: at least two, by separate requests
of one session, spanning half a second. A BMC that has just come up is known to tell a stale "off"
of the boot before, for eight seconds: a run that begins in the first ten seconds after the BMC was
unreachable, or after a login, must span ten, unless it follows a read of on without a gap, or what
we ordered. Whatever is not a successful read of off breaks the run: transitional and unknown
states, a read without an answer, another session. A last value that is only kept is shown to the
operator and is never evidence.

How long an answer is waited for follows the device (`patience_s`): a slow one is not a dead one.
An answer within that time is none too late. It counts in the run by the time it was asked.

A run has two dates. Whether something contradicts it is measured against the answer of its first
read; how fresh and how old it is, against its last. Whether it may be told at all is decided in
haconn/core/off_proof.py.
"""

from dataclasses import dataclass, field, replace

from haconn.core.contrary import TRUST_AFTER_ON_S
from haconn.core.model import SHORTEST_TIMEOUT_S, Instant, Power, PowerReading

RUN_S = 0.5
RUN_YOUNG_S = 10.0
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
    first_answered_at: Instant
    """The date that contrary signs are held against."""
    reads: int
    span_s: float
    """How long this run must be, unless we ordered the off."""
    last_asked_at: Instant
    """The date that age and freshness are counted from."""

    @property
    def proves(self) -> bool:
        """Whether this run is OFF."""
        return self.spans(self.span_s)

    def spans(self, span_s: float) -> bool:
        """Whether it is at least so long."""
        return self.reads >= 2 and self.last_asked_at - self.first_asked_at >= span_s

    def needs_s(self, ordered_at: Instant | None) -> float:
        """How long it must be; not long if we had ordered it off before its first read."""
        ordered = ordered_at is not None and self.first_asked_at >= ordered_at
        return min(self.span_s, RUN_S) if ordered else self.span_s


@dataclass(frozen=True, slots=True)
class Trust:
    """What bears on whether a source's off is believed, between its runs."""

    off_since: Instant | None = None
    """The answer of the first read of off since the last of on, whatever came between."""
    on_since: Instant | None = None
    """Since when every read said on."""
    void_at: Instant | None = None
    """When a contrary sign ended a run the last time."""
    lived_at: Instant | None = None
    """When that sign was true: reads that were asked before prove nothing."""

    def was_read(self, power: Power, answered_at: Instant) -> "Trust":
        """Take in a successful read."""
        if power is Power.ON:
            since = answered_at if self.on_since is None else self.on_since
            return Trust(on_since=since)
        first = power is Power.OFF and self.off_since is None
        return replace(self, off_since=answered_at if first else self.off_since, on_since=None)

    def has_gap(self) -> "Trust":
        """Take in that a read had no answer, or that another login began."""
        return replace(self, on_since=None)

    def has_booted(self) -> "Trust":
        """Take in that the system booted: it was off, or was not, and that is over."""
        return replace(self, off_since=None)

    def was_contradicted(self, lived_at: Instant, now: Instant) -> "Trust":
        """Take in a contrary sign that was true at `lived_at`."""
        return replace(self, void_at=now, lived_at=lived_at)

    def precedes(self, asked_at: Instant) -> bool:
        """Whether a read that was asked then is later than every contrary sign."""
        return self.lived_at is None or asked_at > self.lived_at

    def is_regained(self, now: Instant) -> bool:
        """Whether it has read on for so long that it is believed again."""
        return self.on_since is not None and now - self.on_since >= TRUST_AFTER_ON_S


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
    trust: Trust = field(default_factory=Trust)

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
        trust=watch.trust.has_gap(),
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
        run=_longer(watch, reading, young) if reading.power is Power.OFF else None,
        trust=watch.trust.was_read(reading.power, now),
    )
    if reading.power is Power.UNKNOWN:
        return known
    on_again = watch.power is Power.OFF and reading.power is Power.ON
    return replace(
        known,
        power=reading.power,
        turned_on_at=now if on_again else watch.turned_on_at,
    )


def _longer(watch: BmcWatch, reading: PowerReading, young_since: Instant | None) -> Run | None:
    asked, answered = Instant(reading.asked_at), Instant(reading.answered_at)
    run = watch.run
    if run is not None and run.session == reading.session:
        return replace(run, reads=run.reads + 1, last_asked_at=max(asked, run.last_asked_at))
    if not watch.trust.precedes(asked):
        return None
    unbroken = watch.trust.on_since is not None
    young = young_since is not None and asked - young_since < YOUNG_S and not unbroken
    return Run(reading.session, asked, answered, 1, RUN_YOUNG_S if young else RUN_S, asked)


def was_contradicted(watch: BmcWatch, lived_at: Instant, now: Instant) -> BmcWatch:
    """A sign of life came that the run cannot be true with: it begins anew."""
    return replace(watch, run=None, trust=watch.trust.was_contradicted(lived_at, now))


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
        trust=watch.trust.has_gap() if dead else watch.trust,
    )


def was_refused(watch: BmcWatch, now: Instant) -> BmcWatch:
    """The BMC answered and gave us nothing: a login or a read was refused. It is not dead."""
    young = now if watch.dead else watch.young_since
    return replace(
        watch,
        run=None,
        young_since=young,
        unanswered_since=None,
        reachable=False,
        dead=False,
        trust=watch.trust.has_gap(),
    )


def off_is_fresh(
    watch: BmcWatch, now: Instant, poll_s: float, ordered_at: Instant | None = None
) -> bool:
    """Whether the reads are OFF, and the last of them is not stale.

    Args:
        ordered_at: when we ordered it off last, if that is what is waited for.
    """
    run = watch.run
    if run is None or now - run.last_asked_at > watch.patience_s(poll_s):
        return False
    return run.spans(run.needs_s(ordered_at))
