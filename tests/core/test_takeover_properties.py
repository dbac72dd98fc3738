"""What holds of every attempt to fence the peer, whatever happens in whatever order.

The judge keeps a record of its own of what devices said, and knows the rules from the design, not
from the code: it looks at the record when the attempt says that the peer is powerless.
"""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from haconn.core.actions import Perform
from haconn.core.events import (
    BmcRefused,
    BmcUnanswered,
    CommandAnswered,
    CommandSent,
    FeedsRead,
    OutletSent,
    PowerRead,
    SessionOpened,
)
from haconn.core.model import Answer, Feed, Instant, Power, PowerReading
from haconn.core.peer_power import PeerPower, heard, identified, known_of, observe
from haconn.core.power import RUN_S, RUN_YOUNG_S, YOUNG_S
from haconn.core.reset import Command
from haconn.core.role import Proof
from haconn.core.server import FeedReading
from haconn.core.takeover import (
    HEARD,
    Action,
    Event,
    Failed,
    Fencing,
    Heard,
    Looked,
    Plan,
    Proved,
    State,
    TimePassed,
    begin,
    fencing_plan,
    next_due,
    step,
)
from tests.core.fencing_parts import BY_BMC, LEFT, OLD, RIGHT, WITH_OUTLETS
from tests.core.parts import ACCEPTED, IN_DOUBT, REFUSED, UNSENT

ANSWERS: st.SearchStrategy[Answer] = st.sampled_from([ACCEPTED, REFUSED, UNSENT, IN_DOUBT])
POWERS = st.sampled_from([Power.OFF, Power.OFF, Power.OFF, Power.ON, Power.UNKNOWN])
FEEDS = st.sampled_from([LEFT, RIGHT])
WAITS = st.sampled_from([0.0, 0.01, 0.2, 0.3, 0.6, 1.0, 3.0])
NEVER = (Power.ON, 0.0)
PATIENCE_S = 2.0
"""Of a BMC that is asked each second and answers fast."""
LATE = st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.5])


@dataclass
class BmcRecord:
    """What the BMC said, as it was said."""

    run: list[float] = field(default_factory=list)
    """When the reads of off were asked that nothing has broken."""
    session: int = 0
    began_young: bool = False
    young_until: float = 0.0
    unanswered_since: float | None = None
    dead: bool = False
    on_before: bool = False
    """The last read said on, and nothing came between."""
    on_asked: float = float("-inf")
    off_asked: float = float("-inf")

    def answers_again(self, now: float) -> None:
        if self.dead:
            self.young_until = now + YOUNG_S
        self.unanswered_since, self.dead = None, False

    def is_silent(self, asked: float, now: float) -> None:
        """An answer may come late, and then counts; it cannot of a BMC that is dead."""
        since = asked if self.unanswered_since is None else self.unanswered_since
        self.unanswered_since, self.dead = since, now - since >= PATIENCE_S
        if self.dead:
            self.run = []

    def read(self, power: Power, session: int, asked: float, now: float) -> None:
        self.on_before = self.on_before and not self.dead and session == self.session
        self.answers_again(now)
        if power is not Power.OFF or session != self.session:
            self.run = []
        if power is Power.OFF:
            if not self.run:
                self.began_young = asked < self.young_until and not self.on_before
            self.run.append(asked)
            self.off_asked = max(self.off_asked, asked)
        if power is Power.ON:
            self.on_asked = max(self.on_asked, asked)
        self.session, self.on_before = session, power is Power.ON

    def off(self) -> bool:
        """Design section 4: what OFF is, everywhere."""
        span = RUN_YOUNG_S if self.began_young else RUN_S
        return len(self.run) >= 2 and self.run[-1] - self.run[0] >= span


@dataclass
class Judge:
    """What was said and done in all."""

    bmc: BmcRecord = field(default_factory=BmcRecord)
    heard_at: float = float("-inf")
    feeds: dict[Feed, tuple[Power, float]] = field(default_factory=dict)
    """What each was read last, and since when every read said so."""
    ordered_off: dict[Feed, float] = field(default_factory=dict)
    cut_at: float = float("inf")
    looked: float = float("-inf")
    mismatch: bool = False

    def outlet_read(self, feed: Feed, power: Power, asked: float) -> None:
        before, since = self.feeds.get(feed, NEVER)
        if asked >= since and (power is not before or since < self.cut_at):
            self.feeds[feed] = (power, asked)

    def dark(self) -> bool:
        """Design section 6: all its feeds read off since the cut, and the BMC does not object."""
        orders = {feed: self.ordered_off.get(feed, float("inf")) for feed in (LEFT, RIGHT)}
        states = {feed: self.feeds.get(feed, NEVER) for feed in (LEFT, RIGHT)}
        off = all(
            power is Power.OFF and since >= max(orders[feed], self.cut_at)
            for feed, (power, since) in states.items()
        )
        last = max(since for _, since in states.values())
        asked = max(self.looked, self.bmc.off_asked)
        return off and asked >= max(last, self.bmc.on_asked, self.heard_at)


class Attempts(RuleBasedStateMachine):
    """One attempt, and devices that say whatever they please."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.judge = Judge()
        self.session = 1
        self.out, self.out_until = False, Instant(0.0)
        """A power-off was ordered, and has not come back unsent."""
        self.left = False

    @initialize(cuts=st.booleans(), known_session=st.booleans(), before=st.booleans())
    def start(self, cuts: bool, known_session: bool, before: bool) -> None:
        means = WITH_OUTLETS if cuts else BY_BMC
        self.known: PeerPower = heard(known_of(means), OLD, Instant(98.5))
        self.judge.heard_at = 98.5
        if known_session:
            self.known = observe(self.known, SessionOpened("m1", 1), Instant(0.0))
        self.plan: Plan = fencing_plan(means, "f-1", Instant(self.now), cut_before=before)
        self.state: State
        self.state, actions = begin(self.plan, self.known, Instant(self.now))
        self.judged(actions)

    def tell(self, event: Event) -> None:
        now = Instant(self.now)
        if isinstance(event, Heard):
            self.known = heard(self.known, OLD, now)
        elif not isinstance(event, Looked | TimePassed):
            self.known = observe(self.known, event, now)
        if isinstance(self.state, Fencing):
            self.state, actions = step(self.plan, self.state, self.known, event, now)
            self.judged(actions)

    def judged(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            if isinstance(action, Perform):
                self.ordered(action)
        match self.state:
            case Fencing():
                assert next_due(self.plan, self.state) > self.now, "it would spin"
                assert self.state.commanded >= self.may_have_left
            case Proved(proof):
                by_bmc = proof is Proof.POWER_OFF
                assert proof in {Proof.POWER_OFF, Proof.OUTLETS_OFF}
                assert self.judge.bmc.off() if by_bmc else self.judge.dark()
                assert not self.judge.mismatch
            case Failed(reason):
                assert reason != HEARD or not self.left

    @property
    def may_have_left(self) -> bool:
        out = self.out and self.now < self.out_until
        return out or self.left or self.judge.cut_at <= self.now

    def ordered(self, action: Perform) -> None:
        assert isinstance(self.state, Fencing)
        assert action.deadline <= self.state.until
        assert not self.judge.mismatch
        if action.command is Command.OUTLETS_OFF:
            assert action.feeds == (LEFT, RIGHT)
            self.judge.cut_at = self.now
            self.judge.ordered_off.clear()
            return
        assert action.command is Command.POWER_OFF
        assert not self.judge.bmc.run, "it reads off already"
        self.out, self.out_until = True, action.deadline

    @rule(wait_s=WAITS)
    def time_passes(self, wait_s: float) -> None:
        self.now += wait_s
        self.tell(TimePassed())

    @rule(power=POWERS, late_s=LATE)
    def bmc_is_read(self, power: Power, late_s: float) -> None:
        asked = max(self.now - late_s, self.judge.bmc.run[-1] if self.judge.bmc.run else 0.0)
        self.judge.bmc.read(power, self.session, asked, self.now)
        reading = PowerReading(power, self.session, asked, self.now)
        self.tell(PowerRead("m1", reading))

    @rule(wait_s=st.sampled_from([0.15, 0.2, 0.6]), times=st.integers(2, 4))
    def bmc_reads_off_for_a_while(self, wait_s: float, times: int) -> None:
        for _ in range(times):
            self.now += wait_s
            self.bmc_is_read(Power.OFF, 0.0)

    @rule()
    def bmc_gives_a_session(self) -> None:
        self.session += 1
        self.judge.bmc.run, self.judge.bmc.dead = [], False
        self.judge.bmc.unanswered_since = None
        self.judge.bmc.on_before = False
        self.judge.bmc.young_until = self.now + YOUNG_S
        self.tell(SessionOpened("m1", self.session))

    @rule(for_s=WAITS)
    def bmc_is_silent(self, for_s: float) -> None:
        self.judge.bmc.is_silent(self.now - for_s, self.now)
        self.tell(BmcUnanswered("m1", Instant(self.now - for_s)))

    @rule()
    def bmc_refuses(self) -> None:
        self.judge.bmc.answers_again(self.now)
        self.judge.bmc.on_before = False
        self.judge.bmc.run = []
        self.tell(BmcRefused("m1", "no"))

    @precondition(lambda self: self.out)
    @rule(answer=ANSWERS)
    def power_off_is_answered(self, answer: Answer) -> None:
        if answer != UNSENT:
            self.left = True
            self.tell(CommandSent("m1", "f-1", 0))
        self.out = self.out and answer == IN_DOUBT
        self.tell(CommandAnswered("m1", "f-1", 0, answer))

    @precondition(lambda self: self.judge.cut_at <= self.now)
    @rule(feed=FEEDS)
    def order_leaves(self, feed: Feed) -> None:
        self.judge.ordered_off[feed] = self.now
        self.left = True
        self.judge.feeds[feed] = (Power.UNKNOWN, self.now)
        self.tell(OutletSent("m1", "f-1", 1, feed, on=False))

    @rule(feed=FEEDS, power=POWERS, late_s=LATE)
    def outlet_is_read(self, feed: Feed, power: Power, late_s: float) -> None:
        asked = self.now - late_s
        self.judge.outlet_read(feed, power, asked)
        self.tell(FeedsRead({feed: FeedReading(power, Instant(asked), Instant(asked))}))

    @precondition(lambda self: self.judge.cut_at <= self.now)
    @rule(wait_s=st.sampled_from([0.0, 0.1]))
    def all_outlets_are_cut_and_read(self, wait_s: float) -> None:
        for feed in (LEFT, RIGHT):
            self.order_leaves(feed)
        self.now += wait_s
        for feed in (LEFT, RIGHT):
            self.outlet_is_read(feed, Power.OFF, 0.0)

    @rule(ago_s=LATE, since_now=st.booleans())
    def look_ends(self, ago_s: float, since_now: bool) -> None:
        """A look takes its second, and sees what the reads of that second say."""
        began = self.now - ago_s
        if since_now:
            began, self.now = self.now, self.now + 1.0
        self.judge.looked = began
        self.tell(Looked("m1", Instant(began)))

    @rule()
    def peer_is_heard(self) -> None:
        self.judge.heard_at, self.judge.bmc.run = self.now, []
        self.tell(Heard())

    @rule(uuid=st.sampled_from([bytes(16)] * 9 + [bytes(range(16))]))
    def bmc_is_another(self, uuid: bytes) -> None:
        self.known = identified(self.known, uuid, bytes(range(2, 18)))
        self.judge.mismatch |= uuid != bytes(16)


TestAttempts = Attempts.TestCase


@given(st.booleans(), st.booleans(), st.sampled_from([0.0, 0.5, 4.0, 30.0]))
def test_left_alone_an_attempt_fails_in_time(cuts: bool, before: bool, slow_s: float) -> None:
    known = known_of(WITH_OUTLETS if cuts else BY_BMC)
    plan = fencing_plan(known.means, "f-1", Instant(0.0), cut_before=before)
    state, _ = begin(plan, known, Instant(0.0))
    now, wakings = 0.0, 0
    while isinstance(state, Fencing):
        now = next_due(plan, state) + slow_s
        state, _ = step(plan, state, known, TimePassed(), Instant(now))
        wakings += 1
    assert isinstance(state, Failed)
    assert now <= 5.0 + 11.0 + 2 * slow_s
    assert wakings <= 10
