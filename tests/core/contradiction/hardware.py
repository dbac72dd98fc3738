"""The simulated truth: machines with power, the BMCs and outlets they are wired to, and their lies.

Times are seconds of virtual time. What a device reads is a function of the time at which it looks,
so that nothing has to be scheduled for a lie. `inf` means never.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from haconn.core.model import Feed, Power, SystemKey

BOOT_S = 20.0
"""From power to the first word of an operating system."""
SUPPLY_S = 0.01
"""How long a power supply holds when its outlets are really dead."""


@dataclass
class Machine:
    """One server: whether it has power, and from when until when its operating system lives."""

    key: SystemKey
    boot: int = 1
    alive_from: float = 0.0
    dead_at: float = inf
    """When its operating system dies, or died."""
    power: list[tuple[float, bool]] = field(default_factory=lambda: [(0.0, True)])
    """Every change of chassis power, in order."""

    def is_alive(self, now: float) -> bool:
        """Whether its operating system runs."""
        return self.alive_from <= now < self.dead_at

    def has_power(self, now: float) -> bool:
        """Whether its chassis has power."""
        return [on for at, on in self.power if at <= now][-1]

    def loses_power(self, at: float) -> None:
        """Power goes; whatever ran is dead."""
        self.dead_at = min(self.dead_at, at)
        self.power.append((at, False))

    def gets_power(self, at: float) -> None:
        """Power comes, and a new boot with it."""
        self.power.append((at, True))
        self.begins_anew(at)

    def begins_anew(self, at: float) -> None:
        """Its operating system is another one from now on."""
        self.boot += 1
        self.alive_from, self.dead_at = at + BOOT_S, inf


@dataclass
class Bmc:
    """A BMC: which machine it is really wired to, and how it lies."""

    wired_to: Machine
    rtt_s: float = 0.004
    takes_s: float = 0.0
    """From a command to the death of the system."""
    early_s: float = 0.0
    """How much earlier than that it reads off."""
    silent: tuple[float, float] = (inf, inf)
    """From when until when it answers nothing."""
    stale_off: tuple[float, float] = (inf, inf)
    """From when until when it reads off whatever is true: it has restarted."""
    does_nothing: bool = False
    """It accepts commands and carries none out."""
    refuses: bool = False
    sealed_off: float = inf
    """From when it reads off since it was told to switch off, whatever the system does."""

    def answers(self, now: float) -> bool:
        """Whether it is there."""
        return not self.silent[0] <= now < self.silent[1]

    def reads(self, now: float) -> Power:
        """What it says of power."""
        if self.stale_off[0] <= now < self.stale_off[1] or self.sealed_off <= now:
            return Power.OFF
        return Power.ON if self.wired_to.has_power(now) else Power.OFF

    def switches_off(self, now: float) -> None:
        """It is told to switch off."""
        if not self.does_nothing and self.wired_to.has_power(now):
            dies_at = now + self.takes_s
            self.wired_to.loses_power(dies_at)
            self.sealed_off = dies_at - self.early_s

    def switches_on(self, now: float) -> None:
        """It is told to switch on."""
        self.sealed_off = inf
        if not self.does_nothing and not self.wired_to.has_power(now):
            self.wired_to.gets_power(now)

    def resets(self, now: float) -> None:
        """It is told to reset: the system is another boot afterwards."""
        machine = self.wired_to
        if not self.does_nothing and machine.has_power(now):
            machine.begins_anew(now + self.takes_s)


@dataclass
class Outlet:
    """One outlet: what it really feeds, and how its relay is read."""

    feeds: Machine | None
    """None: a free one."""
    on: bool = True
    relay_s: float = 0.02
    """From an order until it is read so."""
    dark_s: float = 0.0
    """From being read off until power is really gone: relays read early."""
    changed_at: float = 0.0
    really_off_at: float = inf

    def reads(self, now: float) -> Power:
        """What its PDU says."""
        on = self.on if now >= self.changed_at else not self.on
        return Power.ON if on else Power.OFF

    def switch(self, on: bool, now: float) -> None:
        """An order is carried out."""
        if on == self.on:
            return
        self.on, self.changed_at = on, now + self.relay_s
        self.really_off_at = inf if on else self.changed_at + self.dark_s


@dataclass
class Pdus:
    """All outlets, by the names that they really have, and how their PDUs lie."""

    outlets: dict[Feed, Outlet] = field(default_factory=dict)
    silent: bool = False
    zero: tuple[float, float] = (inf, inf)
    """From when until when every outlet is shown as off: the PDU has started anew."""

    def reads(self, feed: Feed, now: float) -> Power:
        """What is read of one outlet."""
        return Power.OFF if self.zero[0] <= now < self.zero[1] else self.outlets[feed].reads(now)

    def uptime_s(self, now: float) -> float:
        """How long the PDU is up."""
        return now - self.zero[0] if now >= self.zero[0] else now + 1e6

    def switch(self, feed: Feed, on: bool, now: float) -> None:
        """An order is carried out, and machines lose or get their power by it."""
        outlet = self.outlets[feed]
        outlet.switch(on, now)
        machine = outlet.feeds
        if machine is None:
            return
        mine = [one for one in self.outlets.values() if one.feeds is machine]
        gone_at = max(one.really_off_at for one in mine)
        if gone_at < inf and machine.has_power(gone_at):
            machine.loses_power(gone_at + SUPPLY_S)
        if on and not machine.has_power(now):
            machine.gets_power(now)


Lag = Callable[[], float]
"""Gives the time of one round trip in seconds."""
