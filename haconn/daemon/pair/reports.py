"""What the display commands show of a pair (R-340 to R-350)."""

from dataclasses import replace

import trio

from haconn.config.schema import Configuration, ManagementServer
from haconn.core import peer_power
from haconn.core.beat import Beat, PairRole, Path
from haconn.core.gate import InStep
from haconn.core.model import Instant, Power
from haconn.core.pair_times import TIMES
from haconn.core.report import (
    Link,
    ManagementRow,
    ManagementStatus,
    MonitorReport,
    PathRow,
    PduReport,
    Role,
    StatusReport,
)
from haconn.core.world import new_world
from haconn.daemon.assembly import bindings_of, settings_of
from haconn.daemon.pair.activation import Activation
from haconn.daemon.pair.alarms import Watchman
from haconn.daemon.pair.parts import PairParts
from haconn.daemon.pair.settings_watch import SettingsWatch
from haconn.daemon.reports import Reporter

RESTARTS_WITHIN_S = 120.0
"""How long a server that was switched off, or starts anew, is shown as `reset` (A-62)."""
ROLES = {
    PairRole.JOIN: Role.UNDECIDED,
    PairRole.STANDBY: Role.STANDBY,
    PairRole.ACTIVE: Role.ACTIVE,
}


class PairReporter:
    """Fills the reports, whatever the role is: a standby knows nothing of the managed servers."""

    def __init__(
        self,
        configuration: Configuration,
        parts: PairParts,
        activation: Activation,
        watchman: Watchman,
        files: SettingsWatch,
    ) -> None:
        self._configuration = configuration
        self._parts = parts
        self._activation = activation
        self._watchman = watchman
        self._files = files
        idle = new_world(settings_of(configuration, "idle"), bindings_of(configuration.keys))
        self._idle = Reporter(configuration, idle, {}, parts.pdus, parts.chronicle.alarms)

    def _reporter(self) -> Reporter:
        active = self._activation.active
        if active is None:
            return self._idle
        parts = active.parts
        return Reporter(
            self._configuration,
            parts.owner.world,
            parts.bmcs,
            parts.pdus,
            self._parts.chronicle.alarms,
        )

    def monitors(self) -> MonitorReport:
        """What `haconnshow hamonitor` shows."""
        return self._reporter().monitors()

    def pdus(self) -> PduReport:
        """What `haconnshow ipdu` shows."""
        return self._reporter().pdus()

    def status(self) -> StatusReport:
        """What `haconnshow status` shows."""
        now = Instant(trio.current_time())
        pair, beat = self._parts.pair, self._parts.membership.heard_of.beat
        report = self._reporter().status(self._parts.two.me.name, now)
        return replace(
            report,
            mode="pair",
            link=self._link(now),
            management=tuple(self._row(server, beat, now) for server in self._in_order()),
            paths=tuple(self._path(path, now) for path in Path),
            epoch=pair.member.epoch,
            synchronised=self._synchronised(beat, now),
            degraded=self._reasons(now),
            notes=self._notes(now),
        )

    def _in_order(self) -> tuple[ManagementServer, ...]:
        return self._configuration.mservers

    def _is_heard(self, now: Instant) -> bool:
        hearing = self._parts.pair.hearing
        return hearing.trusted is not None and hearing.silent_for(now) < TIMES.dead_s

    def _link(self, now: Instant) -> Link:
        if self._parts.pair.hearing.trusted is None:
            return Link.NONE
        return Link.OK if self._is_heard(now) else Link.NG

    def _row(self, server: ManagementServer, beat: Beat | None, now: Instant) -> ManagementRow:
        if server is self._parts.two.me:
            return self._own_row(server, beat, now)
        pair = self._parts.pair
        heard = self._is_heard(now) and beat is not None and pair.record is None
        role = ROLES[beat.claim.role] if heard and beat is not None else Role.UNDECIDED
        if role is Role.ACTIVE and pair.member.role is PairRole.ACTIVE:
            role = Role.UNDECIDED  # its last words before it let go
        watch = pair.power.server.watch
        alive = heard or pair.record is not None  # who has stopped in order has no fault
        status = _status(watch.power, heard=alive)
        if self._is_reset(now) and status is not ManagementStatus.POFF and not heard:
            status = ManagementStatus.RESET
        return ManagementRow(
            server.name, server.addr, role, status, _link(watch.reachable), self._feeds(server)
        )

    def _is_reset(self, now: Instant) -> bool:
        """Whether the peer was switched off by us, or said that it starts anew, so lately that it
        is still on its way back (A-62)."""
        membership = self._parts.membership
        moments = (membership.fenced_at, membership.heard_of.restarting_at)
        return any(at is not None and now - at < RESTARTS_WITHIN_S for at in moments)

    def _own_row(self, server: ManagementServer, beat: Beat | None, now: Instant) -> ManagementRow:
        """Of our own BMC and outlets only the peer knows whether they could be used."""
        bmc = outlets = None
        if beat is not None and self._is_heard(now):
            bmc, outlets = beat.standing.peer_bmc, beat.standing.peer_outlets
        role = ROLES[self._parts.pair.member.role]
        restarts = self._parts.membership.standing.restarting
        status = ManagementStatus.RESET if restarts else ManagementStatus.NORMAL
        feeds = self._feeds(server) if outlets is None else _link(outlets)
        return ManagementRow(server.name, server.addr, role, status, _link(bmc), feeds)

    def _feeds(self, server: ManagementServer) -> Link:
        """As good as the worst of its PDUs, as far as this server asks them."""
        if not server.ipdusd or not server.feeds:
            return Link.NONE
        pdus = {feed.pdu for feed in server.feeds}
        known = [self._answers(pdu) for pdu in pdus]
        if False in known or not pdus <= set(self._parts.pdus):
            return Link.NG
        return Link.NONE if None in known else Link.OK

    def _answers(self, pdu: str) -> bool | None:
        """Whether a PDU answers; None before it ever did, or if nobody asks: a standby asks only
        the peer's."""
        active, power = self._activation.active, self._parts.pair.power
        if active is not None:
            return active.parts.owner.world.pdus.get(pdu)
        keeper = self._parts.pdus.get(pdu)
        if keeper is None or pdu not in {feed.pdu for feed in power.means.feeds}:
            return None
        if pdu in power.pdus:
            return True
        return None if keeper.layout is None else False

    def _path(self, path: Path, now: Instant) -> PathRow:
        hearing = self._parts.pair.hearing
        if path not in self._parts.paths.sockets:
            return PathRow(path.value, Link.NONE, Link.NONE)
        hears_us = None if hearing.trusted is None else path in hearing.hears_us
        if not self._is_heard(now):
            hears_us = None
        return PathRow(path.value, _link(hearing.hears(path, now, TIMES)), _link(hears_us))

    def _synchronised(self, beat: Beat | None, now: Instant) -> bool | None:
        log = self._parts.membership.log
        if not self._is_heard(now) or beat is None:
            return None
        if log is not None:
            follows = beat.claim.role is PairRole.STANDBY
            return isinstance(log.gate.standing, InStep) if follows else None
        if self._parts.pair.member.role is PairRole.STANDBY:
            copy = self._parts.membership.copy
            return beat.replica.synchronised and copy.log == beat.replica.log
        return None

    def _reasons(self, now: Instant) -> tuple[str, ...]:
        """What CHECK's answers mean by degraded; an active's to tell."""
        active = self._parts.pair.member.role is PairRole.ACTIVE
        return self._watchman.degraded(now) if active else ()

    def _notes(self, now: Instant) -> tuple[str, ...]:
        notes = [f"degraded: {reason}" for reason in self._reasons(now)]
        if not any(self._parts.membership.standing.machine):
            notes.append(
                "the UUID of this machine is not known: the peer cannot compare it with our BMC's"
            )
        if peer_power.says_on(self._parts.pair.power, now) and not self._is_heard(now):
            notes.append(f"{self._parts.two.peer.name} is silent, and its BMC says that it is on")
        unsendable = self._parts.voice.unsendable
        if unsendable is not None:
            notes.append(f"what this server has to say to its peer fits no datagram: {unsendable}")
        if self._files.differs:
            notes.append("the settings in the files are not those that run")
        notes += [
            f"{path.value}: {fault}" for path, fault in self._parts.paths.faults().items() if fault
        ]
        return tuple(notes)


def _status(power: Power | None, *, heard: bool) -> ManagementStatus:
    """From its BMC; the last value is kept. Powered and not heard is a fault (A-62)."""
    if power is Power.OFF:
        return ManagementStatus.POFF
    if power is Power.ON:
        return ManagementStatus.NORMAL if heard else ManagementStatus.ERROR
    return ManagementStatus.NORMAL if heard else ManagementStatus.UNKNOWN


def _link(good: bool | None) -> Link:
    return Link.NONE if good is None else Link.OK if good else Link.NG
