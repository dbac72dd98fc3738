"""The running daemon of a pair: the tree of its tasks.

member          whatever the role is; any that dies takes the process with it
|- voice        datagrams of the pair, in and out
|- owner        the pair's clock
|- log          the gate's clock
|- channel      full syncs, settings and orders, both ways
|- reset path   what is seen of it: carrier, and others
|- the peer's BMC, and the PDUs that feed it
|- control socket, chronicle, watchdog, alarms
`- active       from the activation to the end of the process: address, devices, reset path

A process is active once at most. Whoever gives the role up ends, and begins anew as undecided.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import trio

from haconn.config.paths import Paths as Trees
from haconn.config.schema import Configuration
from haconn.core.beat import PairRole
from haconn.core.events import DeviceEvent
from haconn.core.pair import next_due
from haconn.core.peer_power import Identified
from haconn.core.takeover import Looked
from haconn.core.world import World, remark
from haconn.daemon.assembly import bmc_address
from haconn.daemon.control import ControlSocket
from haconn.daemon.pair.activation import Activation
from haconn.daemon.pair.alarms import Watchman
from haconn.daemon.pair.announcing import Announcing
from haconn.daemon.pair.channel import Channel
from haconn.daemon.pair.clocks import keep_epoch, put_epoch, serve_log
from haconn.daemon.pair.departure import Departure
from haconn.daemon.pair.ending import EXIT_AGAIN, EXIT_FAILED, EXIT_OK, Ending
from haconn.daemon.pair.fencing import PeerDevices
from haconn.daemon.pair.keys import KeysAtRest
from haconn.daemon.pair.operations import PairOperations
from haconn.daemon.pair.owner import PairOwner
from haconn.daemon.pair.parts import PairParts, bmc_of, pdus_of
from haconn.daemon.pair.reach import Reach
from haconn.daemon.pair.reports import PairReporter
from haconn.daemon.pair.settings_watch import SettingsWatch
from haconn.daemon.pair.surroundings import ResetPathWatch
from haconn.daemon.pair.syncing import Order
from haconn.daemon.parts import StartError
from haconn.daemon.supervision import Supervisor

CALLS_MAX = 8
Serve = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Listeners:
    """The sockets that somebody connects to."""

    control: trio.SocketListener
    peer: list[trio.SocketListener]


class PairService:
    """One daemon of a pair, made in the nursery of its tasks."""

    def __init__(
        self,
        trees: Trees,
        configuration: Configuration,
        parts: PairParts,
        member: trio.Nursery,
        ending: Ending,
    ) -> None:
        self._trees = trees
        self._configuration = configuration
        self._parts = parts
        self._ending = ending
        self.owner = PairOwner(parts.pair, parts.voice, parts.membership)
        self._devices = PeerDevices(
            member,
            parts.means,
            bmc_of(parts.two.peer),
            parts.pdus,
            self._hear_device,
            self._may_touch_peer,
        )
        parts.membership.attach(self.owner, self._devices)
        parts.membership.wakes.end = self._give_way
        parts.mailbox.readers.append(self.owner.take)
        self.activation = Activation(trees, configuration, parts, self.owner, self._devices)
        self._announcing = Announcing(trees, parts, parts.chronicle.remark)

    def _hear_device(self, event: DeviceEvent | Looked | Identified) -> None:
        """What the peer's devices say goes to whoever knows that device; the rest to the pair."""
        if isinstance(event, Looked | Identified):
            self.owner.take(event)
        else:
            self._parts.mailbox.put(event)

    def _may_touch_peer(self) -> bool:
        """The role token for the peer's devices: who fences it, or has taken over from it."""
        self.owner.catch_up()
        pair = self._parts.pair
        fences = pair.member.fencing or pair.member.role is PairRole.ACTIVE
        return fences and pair.rhythm.drained and not self.owner.mute

    def _give_way(self) -> None:
        """Another is active: the address goes in this very turn."""
        self.activation.commands = False
        self.owner.mute = True
        self._parts.address.drop()
        self._ending.order(EXIT_FAILED, "another active was heard", at_once=True)

    async def run(self, member: trio.Nursery, active_scope: trio.CancelScope) -> None:
        """Start every task, and become active when the roles say so. Raises StartError."""
        parts = self._parts
        if parts.epoch_alarm is not None:
            parts.chronicle.remark(remark("pair-epoch", reason=parts.epoch_alarm))
        await put_epoch(parts, 0)
        self._announcing.note()
        watch = self._settings_watch()
        keys = KeysAtRest(self._trees.etc, self.activation, parts, watch, self.owner)
        channel = Channel(
            self._trees.etc, parts, self.owner, self.activation, self._obey, keys.reload
        )
        operations = self._operations(channel, watch, keys)
        changers = frozenset({0, os.getuid()})
        control = ControlSocket(
            self._trees.control_socket, operations[0], changers, parts.chronicle.remark
        )
        listeners = await self._listen(control)
        self._devices.start()
        for serve in self._tasks(channel, watch, operations[1]):
            member.start_soon(serve)
        member.start_soon(control.serve, listeners.control)
        member.start_soon(channel.serve, listeners.peer)
        self._say_started()
        await parts.membership.wakes.activation.wait()
        taken = parts.membership.wakes.taken
        assert taken is not None
        self._announcing.note()  # the program that runs after our end has to know
        with active_scope:
            await self.activation.run(taken)

    def _tasks(self, channel: Channel, watch: SettingsWatch, watchman: Watchman) -> list[Serve]:
        parts = self._parts
        supervisor = Supervisor(dict(os.environ))
        supervisor.tell("READY=1")
        return [
            parts.chronicle.serve,
            parts.paths.serve,
            partial(parts.voice.serve, self.owner.hear),
            self.owner.serve,
            partial(serve_log, parts.membership),
            partial(keep_epoch, parts),
            channel.follow,
            self._reset_path_watch().serve,
            self._reach().serve,
            self._announcing.serve,
            watch.serve,
            watchman.serve,
            partial(supervisor.serve, self._lateness),
            *(pdu.serve for pdu in pdus_of(parts.means.feeds, parts.pdus)),
        ]

    def _operations(
        self, channel: Channel, watch: SettingsWatch, keys: KeysAtRest
    ) -> tuple[PairOperations, Watchman]:
        parts = self._parts
        watchman = Watchman(
            parts.two.peer.name,
            parts.pair,
            parts.membership,
            parts.chronicle.remark,
            self.activation.degraded,
            parts.paths.sockets,
        )
        reporter = PairReporter(self._configuration, parts, self.activation, watchman, watch)
        operations = PairOperations(
            parts, self.owner, self.activation, channel, self._ending, reporter, keys
        )
        return operations, watchman

    async def _listen(self, control: ControlSocket) -> Listeners:
        """Open the sockets that others connect to. Raises StartError."""
        port = self._parts.two.me.lan_port
        assert port is not None
        try:
            peer = await trio.open_tcp_listeners(port, host="0.0.0.0", backlog=CALLS_MAX)  # noqa: S104
        except OSError as exc:
            raise StartError(f"port {port}: {exc.strerror or exc}") from exc
        try:
            return Listeners(await control.listen(), list(peer))
        except OSError as exc:
            for listener in peer:
                listener.socket.close()
            raise StartError(f"{self._trees.control_socket}: {exc.strerror or exc}") from exc

    def _settings_watch(self) -> SettingsWatch:
        parts, membership = self._parts, self._parts.membership

        def tell(found: bytes) -> None:
            membership.standing = replace(membership.standing, configuration=found)

        return SettingsWatch(self._trees.etc, self._configuration, parts.models, tell)

    def _reset_path_watch(self) -> ResetPathWatch:
        parts = self._parts

        def of_the_pair() -> list[str]:
            return sorted({*parts.paths.peer.values(), parts.virtual.address})

        def neighbours() -> list[str]:
            systems = parts.membership.copy.found.systems.values()
            places = [system.registration for system in systems]
            return [place.address for place in places if place is not None]

        return ResetPathWatch(parts.virtual, of_the_pair, neighbours, self.owner.take)

    def _reach(self) -> Reach:
        membership = self._parts.membership

        def world() -> World | None:
            active = self.activation.active
            return None if active is None else active.parts.owner.world

        def tell(reached: int) -> None:
            membership.standing = replace(membership.standing, bmcs_reached=reached)

        bmcs = [bmc_address(server) for server in self._configuration.pservers]
        return Reach(bmcs, world, tell)

    def _obey(self, order: Order) -> None:
        """Carry an order of the active out."""
        code = EXIT_AGAIN if order.what == "restart" else EXIT_OK
        self._ending.order(code, f"{order.what}, by order of {self._parts.two.peer.name}")

    def _lateness(self) -> float:
        late_s = trio.current_time() - next_due(self._parts.pair)
        active = self.activation.active
        return late_s if active is None else max(late_s, active.lateness())

    def _say_started(self) -> None:
        configuration = self._configuration
        systems = {entry.system for entry in configuration.keys if entry.vm is None}
        self._parts.chronicle.remark(
            remark(
                "started",
                servers=len(configuration.pservers),
                systems=len(systems),
                mode=configuration.mode,
            )
        )


async def leave(
    service: PairService, parts: PairParts, ending: Ending, scope: trio.CancelScope
) -> None:
    """Leave the pair as was ordered."""
    if not ending.at_once:
        departure = Departure(parts, service.owner, service.activation)
        await departure.leave(ending.reason, scope, restarts=ending.code == EXIT_AGAIN)
    parts.address.drop()
