"""The restores that are owed to servers: begun when due, tried again until they are verified.

A restore never changes an outcome. It is put off while a reset of its server is in progress, and
what is running is stopped before a hard stage begins.
"""

from dataclasses import replace

from haconn.core.actions import Action, BeginRestore, RecoveryEnded, StopRestore
from haconn.core.events import RecoveryAsked, RestoreTried
from haconn.core.model import Instant
from haconn.core.server import (
    RETRY_S,
    Owed,
    Restore,
    Server,
    owe,
    owes,
    settle,
    stop_restores,
    waiting_restores,
)
from haconn.core.world import World, remark


def begin_restores(world: World, now: Instant) -> list[Action]:
    """Begin every restore that is due."""
    actions: list[Action] = []
    if world.is_conservative(now):
        return actions
    for server, owed in _startable(world):
        if owed.due <= now:
            begun = replace(owed, running=True, attempts=owed.attempts + 1)
            world.put_server(replace(owe(world.servers[server.name], begun), ordered_on_at=now))
            feeds = world.policy(server.name).feeds if owed.what is Restore.FEEDS else ()
            actions.append(BeginRestore(server.name, owed.what, owed.operation, feeds))
    return actions


def next_due(world: World) -> Instant | None:
    """When a restore is to be begun; None while none can be."""
    due = min((owed.due for _, owed in _startable(world)), default=None)
    until = world.settings.conservative_until
    return due if due is None or until is None else max(due, until)


def _startable(world: World) -> list[tuple[Server, Owed]]:
    return [
        (server, owed)
        for server in world.servers.values()
        if server.owed and not _in_reset(world, server.name)
        for owed in waiting_restores(server)
        if owed.what is Restore.FEEDS or server.own_bmc is None
    ]


def _in_reset(world: World, server: str) -> bool:
    """Nothing is switched on while a reset tries to switch it off."""
    return any(
        system.server == server and system.reset is not None and not system.reset.test
        for system in world.systems.values()
    )


def restore_tried(world: World, event: RestoreTried, now: Instant) -> list[Action]:
    """A restore ended: it is settled, or stays owed and is tried again."""
    server = world.servers[event.server]
    owed = owes(server, event.what)
    if owed is None or owed.operation != event.operation or not owed.running:
        return []
    world.put_server(_after_try(server, owed, event, now))
    actions: list[Action] = []
    if owed.asked_by is not None:
        actions.append(RecoveryEnded(owed.asked_by, event.failure))
    values = {"operation": owed.operation, "what": owed.what.value, "server": server.name}
    if event.failure is None:
        actions.append(remark("restored", **values))
    elif event.failure != owed.failure:
        actions.append(remark("restore-failed", **values, reason=event.failure))
    return actions


def _after_try(server: Server, owed: Owed, event: RestoreTried, now: Instant) -> Server:
    if event.failure is None:
        settled = settle(server, event.what)
        if event.what is Restore.FEEDS:
            settled = replace(settled, left_dark=False)
        return settled
    if not owed.kept:
        return settle(server, event.what)
    due = Instant(now + RETRY_S)
    again = replace(owed, running=False, due=due, failure=event.failure, asked_by=None)
    return owe(server, again)


def recover(world: World, event: RecoveryAsked, now: Instant) -> list[Action]:
    """The operator wants the outlets on now; a restore that was pending is the same one."""
    server = world.servers[event.server]
    in_reset = _in_reset(world, event.server)
    if in_reset or not world.policy(event.server).feeds:
        reason = "a reset of it is in progress" if in_reset else "it has no outlets"
        return [RecoveryEnded(event.operation, reason)]
    before = owes(server, Restore.FEEDS)
    if before is not None and before.running:
        server = stop_restores(server)  # of both kinds: the other one is to be tried again too
    owed = Owed(
        Restore.FEEDS,
        event.operation,
        before.since if before else now,
        now,
        asked_by=event.operation,
        kept=before is not None and before.kept,
        target=before.target if before else None,
        requester=before.requester if before else None,
    )
    world.put_server(owe(server, owed))
    actions: list[Action] = [StopRestore(event.server)] if before and before.running else []
    if before is not None and before.asked_by is not None:
        actions.append(RecoveryEnded(before.asked_by, "another command takes its place"))
    return actions
