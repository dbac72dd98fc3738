"""What the display commands show, from the world and from the tasks that hold devices."""

from collections.abc import Mapping

from haconn.config.schema import Configuration
from haconn.core.identity import guid_text
from haconn.core.model import Instant, Power
from haconn.core.report import (
    Fed,
    Link,
    ManagementRow,
    ManagementStatus,
    MonitorReport,
    MonitorRow,
    OutletRow,
    OutletStatus,
    PduReport,
    PduRow,
    PowerShown,
    Role,
    ServerRow,
    StatusReport,
    SystemStatus,
)
from haconn.core.server import Owed, Server
from haconn.core.system import Status
from haconn.core.world import World
from haconn.daemon.bmcs import BmcKeeper
from haconn.daemon.pdus import PduKeeper

STATUS_SHOWN = {
    Status.UNSET: SystemStatus.UNREGISTERED,
    Status.NORMAL: SystemStatus.NORMAL,
    Status.RESET: SystemStatus.RESET,
    Status.DUMP: SystemStatus.DUMP,
    Status.POFF: SystemStatus.POFF,
    Status.ERROR: SystemStatus.ERROR,
}
POWER_SHOWN = {Power.ON: PowerShown.PON, Power.OFF: PowerShown.POFF}
OUTLET_SHOWN = {Power.ON: OutletStatus.ENABLE, Power.OFF: OutletStatus.DISABLE}
WEAK_SUITE = 3


class Reporter:
    """Fills the reports."""

    def __init__(
        self,
        configuration: Configuration,
        world: World,
        bmcs: Mapping[str, BmcKeeper],
        pdus: Mapping[str, PduKeeper],
        alarms: Mapping[tuple[str, str], str],
    ) -> None:
        self._configuration = configuration
        self._world = world
        self._bmcs = bmcs
        self._pdus = pdus
        self._alarms = alarms

    def status(self, host: str, now: Instant) -> StatusReport:
        """What `haconnshow status` shows of a single management server."""
        management = ManagementRow(
            host, "----", Role.ACTIVE, ManagementStatus.NORMAL, Link.NONE, Link.NONE
        )
        return StatusReport(
            self._configuration.mode,
            Link.NONE,
            (management,),
            tuple(self._server_row(name) for name in self._managed()),
            tuple(self._standing_alarms()),
            tuple(
                owed_text(server, owed, now)
                for server in self._world.servers.values()
                for owed in server.owed
            ),
        )

    def _suite(self, server: str) -> int | None:
        """With which cipher suite its BMC is talked to; None while it is not."""
        bmc = self._bmcs.get(server)
        return None if bmc is None else bmc.suite

    def _server_row(self, name: str) -> ServerRow:
        server = self._world.servers[name]
        watch = server.watch
        uuids = [
            one.uuid for one in self._world.systems.values() if one.uuid and one.server == name
        ]
        power = PowerShown.UNWATCHED if watch.power is None else POWER_SHOWN[watch.power]
        return ServerRow(
            name,
            power,
            _link(watch.reachable),
            self._feeds_link(name),
            Link.NONE,
            uuid=next(iter(uuids), None),
            guid=guid_text(server.guid),
            match=server.guid_matches,
            own_bmc=server.own_bmc,
        )

    def _managed(self) -> list[str]:
        """The managed servers; the other one of the pair is none."""
        policies = self._world.settings.policies
        return [name for name in self._world.servers if not policies[name].management]

    def _feeds_link(self, name: str) -> Link:
        policy = self._world.policy(name)
        if not policy.cuts:
            return Link.NONE
        known = [self._world.pdus.get(feed.pdu) for feed in policy.feeds]
        registered = [feed.pdu in self._pdus for feed in policy.feeds]
        if False in known or False in registered:
            return Link.NG
        return Link.NONE if None in known else Link.OK

    def _standing_alarms(self) -> list[str]:
        unusable = {pdu.address: pdu.unusable for pdu in self._pdus.values() if pdu.unusable}
        weak = [
            server.name
            for server in self._configuration.pservers
            if server.suite != WEAK_SUITE and self._suite(server.name) == WEAK_SUITE
        ]
        return [
            *self._alarms.values(),
            *(f"the BMC of {name} speaks cipher suite 3 only" for name in weak),
            *(f"PDU {address}: {why}" for address, why in unusable.items()),
        ]

    def monitors(self) -> MonitorReport:
        """What `haconnshow hamonitor` shows; a row for every managed server (R-356)."""
        rows: list[MonitorRow] = []
        for name in self._managed():
            found = [system for system in self._world.systems.values() if system.server == name]
            for system in found:
                place = system.registration
                shown = system.key.number if place else None
                rows.append(
                    MonitorRow(
                        name,
                        None,
                        shown,
                        STATUS_SHOWN[system.status],
                        place.address if place else None,
                        place.port if place else None,
                        system.pair.number if system.pair else None,
                    )
                )
            if not found:
                status = SystemStatus.UNREGISTERED
                rows.append(MonitorRow(name, None, None, status, None, None, None))
        return MonitorReport(tuple(rows))

    def pdus(self) -> PduReport:
        """What `haconnshow ipdu` shows; every outlet of the model has a row (A-32)."""
        rows = tuple(
            PduRow(
                entry.addr,
                entry.model,
                self._firmware(entry.addr),
                _link(self._world.pdus.get(entry.addr)),
            )
            for entry in self._configuration.pdus
        )
        outlets = tuple(row for pdu in self._pdus.values() for row in self.outlet_rows(pdu))
        return PduReport(rows, outlets)

    def _firmware(self, address: str) -> str | None:
        layout = self._pdus[address].layout
        return layout.firmware if layout else None

    def outlet_rows(self, pdu: PduKeeper) -> list[OutletRow]:
        """Every outlet of the PDU, and whatever is said to feed a server (A-32)."""
        feeds = self._fed_by(pdu.address)
        names = dict.fromkeys([*pdu.outlets, *feeds])
        return [
            OutletRow(
                pdu.address,
                name,
                OUTLET_SHOWN.get(pdu.states.get(name, Power.UNKNOWN), OutletStatus.UNKNOWN),
                *feeds.get(name, (Fed.NOTHING, None)),
            )
            for name in names
        ]

    def _fed_by(self, pdu: str) -> dict[str, tuple[Fed, str]]:
        """What each outlet of a PDU feeds: managed servers as they run, and both of a pair."""
        managed = {
            name: policy.feeds
            for name, policy in self._world.settings.policies.items()
            if not policy.management
        }
        management = {server.name: server.feeds for server in self._configuration.mservers}
        return {
            feed.outlet: (fed, name)
            for fed, servers in ((Fed.MANAGEMENT, management), (Fed.MANAGED, managed))
            for name, feeds in servers.items()
            for feed in feeds
            if feed.pdu == pdu
        }


def _link(reachable: bool | None) -> Link:
    return Link.NONE if reachable is None else Link.OK if reachable else Link.NG


def owed_text(server: Server, owed: Owed, now: Instant) -> str:
    """One line about a restore that is owed."""
    age = max(0.0, now - owed.since)
    state = "running" if owed.running else f"due in {max(0.0, owed.due - now):.0f} s"
    if server.left_dark:
        state = "waits for its outlets (recoverytime 0)"
    if owed.failure is not None:
        state = f"failed {owed.attempts} times: {owed.failure}; {state}"
    return f"{server.name}: {owed.what.value}, owed for {age:.0f} s, {state}"
