"""The cases by name: those of the model that chose the rules of design 10.1, and the mixed one.

`honest` cases are those in which no reset may be lost: the device is honest, the target is dead or
dies by the command, relays are at most 1 s and readings at most 2 s early, loss is at most 1 %.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from random import Random

from haconn.core.model import Feed, SystemKey
from haconn.core.plan import Policy, Proof
from tests.core.contradiction.hardware import Bmc, Lag, Machine, Outlet, Pdus
from tests.core.contradiction.scene import ASKER, OTHER, SERVERS, Restart, Scene, T

FEED_A, FEED_B = Feed("10.1.0.1", "1"), Feed("10.1.0.2", "1")
OTHERS = (Feed("10.1.0.1", "2"), Feed("10.1.0.2", "2"))
FREE = (Feed("10.1.0.1", "8"), Feed("10.1.0.2", "8"))
BY_BMC = Policy("t", soft_s=1.0, proof=Proof.POWER_OFF)
BY_CUT = Policy("t", soft_s=1.0, outlets=True, hard_s=5.0, recovery_s=20.0, feeds=(FEED_A, FEED_B))


def lan(random: Random) -> Lag:
    """Round trips of a network at rest."""
    return lambda: random.uniform(0.001, 0.003)


def thrash(random: Random) -> Lag:
    """Round trips to a client on a system that is out of memory."""
    return lambda: random.choice((0.01, 0.05, 0.15, 0.25))


def base(random: Random, policy: Policy, *, other: bool = False) -> Scene:
    """A target with honest devices, and who asks; `other` is a second server."""
    machines = {key: Machine(key) for key in ((T, OTHER, ASKER) if other else (T, ASKER))}
    policies = {SERVERS[key]: Policy(SERVERS[key]) for key in machines}
    policies["t"] = policy
    bmcs = {SERVERS[key]: Bmc(machine) for key, machine in machines.items() if key != ASKER}
    outlets = {feed: Outlet(machines[T]) for feed in (FEED_A, FEED_B)}
    outlets |= {feed: Outlet(machines.get(OTHER)) for feed in OTHERS}
    outlets |= {feed: Outlet(None, on=False) for feed in FREE}
    scene = Scene(policies, machines, bmcs, Pdus(outlets), lan(random))
    scene.requests = [(0.3 + random.random(), ASKER, T)]
    return scene


def honest_bmc(random: Random) -> Scene:
    """Power-off by an honest BMC; the target dies up to 0.3 s after the order."""
    scene = base(random, BY_BMC)
    scene.bmcs["t"].takes_s = random.random() * 0.3
    return scene


def slow_bmc(random: Random) -> Scene:
    """The same by a BMC that needs 0.8 s for each datagram."""
    scene = base(random, BY_BMC)
    scene.bmcs["t"].rtt_s, scene.bmcs["t"].takes_s = 0.8, random.random() * 0.8
    return scene


def early_bmc(random: Random) -> Scene:
    """It reads off 0.1 to 2 s before the target dies."""
    scene = base(random, BY_BMC)
    early_s = 0.1 + random.random() * 1.9
    scene.bmcs["t"].takes_s = scene.bmcs["t"].early_s = early_s
    return scene


def honest_cut(random: Random) -> Scene:
    """A cut by honest outlets, of a target that hangs; its BMC is silent or refuses."""
    scene = base(random, BY_CUT)
    _useless(scene.bmcs["t"], random)
    for feed in BY_CUT.feeds:
        scene.pdus.outlets[feed].relay_s = random.random() * 0.05
    return scene


def relay_cut(random: Random) -> Scene:
    """Relays read off up to 0.95 s before power is gone."""
    scene = base(random, BY_CUT)
    _useless(scene.bmcs["t"], random)
    dark_s = 0.05 + random.random() * 0.9
    for feed in BY_CUT.feeds:
        scene.pdus.outlets[feed].dark_s = dark_s
    return scene


def _useless(bmc: Bmc, random: Random) -> None:
    if random.random() < 0.7:
        bmc.silent = (0.0, inf)
    else:
        bmc.refuses = True


def swapped(random: Random) -> Scene:
    """The BMC addresses of two servers are swapped in the settings; the other one goes off."""
    scene = base(random, BY_BMC, other=True)
    bmcs = scene.bmcs
    bmcs["t"].wired_to, bmcs["other"].wired_to = bmcs["other"].wired_to, bmcs["t"].wired_to
    off_at = random.random() * 2
    scene.happens = [(off_at, scene.machines[OTHER].loses_power)]
    scene.requests = [(off_at + random.random() * 12, ASKER, T)]
    return scene


def swapped_takeover(random: Random) -> Scene:
    """The same with a standby that takes over in between: no session, no reading, no word yet."""
    scene = swapped(random)
    scene.gated_s = 0.001
    first = scene.requests[0][0]
    scene.restarts = [Restart(max(0.1, first + random.uniform(-4, 2)), random.uniform(1.5, 3))]
    return scene


def swapped_loss(random: Random) -> Scene:
    """The same with a tenth of all datagrams lost."""
    return replace(swapped(random), loss=0.1)


def restart_lie(random: Random) -> Scene:
    """A BMC restarts and reads off for 8 s, while the target runs (openbmc#1810)."""
    scene = base(random, replace(BY_BMC, proof=random.choice(list(Proof))))
    up_at = 4.0 + random.random()
    scene.bmcs["t"].silent = (1006.5, 1006.0 + up_at)
    scene.bmcs["t"].stale_off = (0.0, 0.0)
    scene.bmcs["t"].stale_off = (1006.0 + up_at, 1014.0 + up_at)
    scene.bmcs["t"].does_nothing = random.random() < 0.5
    scene.requests = [(up_at + random.random() * 14, ASKER, T)]
    return scene


def wrong_cut(random: Random) -> Scene:
    """The settings name outlets that feed something else; the BMC is of no use; the target runs."""
    feeds = FREE if random.random() < 0.3 else OTHERS
    scene = base(random, replace(BY_CUT, feeds=feeds))
    _useless(scene.bmcs["t"], random)
    return scene


def wrong_cut_thrash(random: Random) -> Scene:
    """The same, and the target answers slowly."""
    scene = wrong_cut(random)
    scene.lag = thrash(random)
    return scene


def wrong_cut_loss(random: Random) -> Scene:
    """The same with a tenth of all datagrams lost."""
    return replace(wrong_cut(random), loss=0.1)


def pdu_restart(random: Random) -> Scene:
    """PDUs start anew and show every outlet off for some seconds; the target runs."""
    scene = base(random, BY_CUT)
    zero_at = 1006.0 + random.random() * 6
    scene.pdus.zero = (zero_at, zero_at + 2 + random.random() * 6)
    scene.requests = [(random.random() * 14, ASKER, T)]
    if random.random() < 0.6:
        _useless(scene.bmcs["t"], random)
    return scene


def mixed(random: Random) -> Scene:
    """Anything at once: lies, wiring, loss, delay, deaths, restarts and takeovers, any time."""
    policy = random.choice((BY_BMC, BY_CUT, replace(BY_CUT, proof=Proof.POWER_OFF), Policy("t")))
    if policy.feeds:
        feeds = random.choice((policy.feeds, policy.feeds, OTHERS, FREE, (FEED_A, FREE[1])))
        policy = replace(policy, feeds=feeds, hedge=random.random() < 0.3)
    scene = base(random, policy, other=random.random() < 0.5)
    scene.lag = random.choice((lan, lan, thrash))(random)
    scene.loss = random.choice((0.0, 0.01, 0.03, 0.1))
    scene.device_loss = random.choice((0.0, 0.0, 0.02))
    _lies(scene, random)
    if random.random() < 0.4:
        scene.happens.append((random.random() * 8, _dies(scene, random.choice(_known(scene)))))
    scene.requests = [
        (random.random() * 12, ASKER, random.choice([T, T, *_known(scene)]))
        for _ in range(random.choice((1, 1, 2)))
    ]
    if random.random() < 0.3:
        scene.gated_s = random.choice((None, 0.001, 0.02))
        exact = random.random() < 0.8
        scene.restarts = [Restart(random.random() * 15, random.uniform(0.2, 3), exact)]
    return scene


def _known(scene: Scene) -> list[SystemKey]:
    return [key for key in scene.machines if key != ASKER]


def _dies(scene: Scene, key: SystemKey) -> Callable[[float], None]:
    machine = scene.machines[key]

    def dies(now: float) -> None:
        """Its operating system dies, or somebody presses its button."""
        if scene.requests and int(now * 1000) % 2:
            machine.loses_power(now)
        machine.dead_at = min(machine.dead_at, now)

    return dies


def _lies(scene: Scene, random: Random) -> None:
    for bmc in scene.bmcs.values():
        bmc.rtt_s = random.choice((0.004, 0.004, 0.05, 0.8))
        bmc.takes_s = random.random() * 2
        bmc.early_s = random.choice((0.0, bmc.takes_s))
        bmc.does_nothing = random.random() < 0.2
        bmc.refuses = random.random() < 0.1
        at = 1000.0 + random.random() * 20
        lie = random.random()
        if lie < 0.2:
            bmc.silent = (at, inf)
        elif lie < 0.4:
            up_at = at + random.random() * 5
            bmc.silent, bmc.stale_off = (at, up_at), (up_at, up_at + 8)
    if OTHER in scene.machines and random.random() < 0.4:
        one, two = scene.bmcs["t"], scene.bmcs["other"]
        one.wired_to, two.wired_to = two.wired_to, one.wired_to
    for outlet in scene.pdus.outlets.values():
        outlet.relay_s, outlet.dark_s = random.random() * 0.3, random.choice((0, random.random()))
    scene.pdus.silent = random.random() < 0.1
    if random.random() < 0.2:
        at = 1000.0 + random.random() * 20
        scene.pdus.zero = (at, at + random.random() * 8)


@dataclass(frozen=True)
class Case:
    """One named case."""

    build: Callable[[Random], Scene]
    honest: bool = False
    """No reset may be lost."""


CASES = {
    "honest_bmc": Case(honest_bmc, honest=True),
    "slow_bmc": Case(slow_bmc, honest=True),
    "early_bmc": Case(early_bmc, honest=True),
    "honest_cut": Case(honest_cut, honest=True),
    "relay_cut": Case(relay_cut, honest=True),
    "swapped": Case(swapped),
    "swapped_takeover": Case(swapped_takeover),
    "swapped_loss": Case(swapped_loss),
    "restart_lie": Case(restart_lie),
    "wrong_cut": Case(wrong_cut),
    "wrong_cut_thrash": Case(wrong_cut_thrash),
    "wrong_cut_loss": Case(wrong_cut_loss),
    "pdu_restart": Case(pdu_restart),
    "mixed": Case(mixed),
}
