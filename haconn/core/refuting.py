"""What a sign of life ends: runs of off, trust in their source, and verdicts.

haconn/core/contrary.py says as data what contradicts what; this file carries it out.
"""

from dataclasses import replace

from haconn.core import inquiry, power, reset, running
from haconn.core.actions import Action
from haconn.core.contrary import (
    LIFE_ENDS_AFTER_S,
    Distrust,
    Sign,
    Source,
    about,
    condemns,
    contradicts,
    voids,
)
from haconn.core.model import Instant
from haconn.core.power import Run, Trust
from haconn.core.reset import Evidence
from haconn.core.server import ORDERED_S, Server, distrust_of, feeds_run, void_feeds
from haconn.core.system import STOPPED, System
from haconn.core.world import World, remark


def lived(
    world: World, system: System, lived_at: Instant, now: Instant, *, boot_unknown: bool
) -> list[Action]:
    """A word of a system came: whatever it cannot be true with ends.

    Args:
        lived_at: when the word proves that its system lived.
        boot_unknown: it was the first that was ever heard of it, so that it may be of a new boot.
    """
    if system.booted_at is None:
        # what an earlier verdict had told to be told on may not be the verdict any more
        latest = LIFE_ENDS_AFTER_S[Evidence.HARD_RESET_ACCEPTED]
        world.outbox.drop_about(system.key, Instant(lived_at - latest))
    actions: list[Action] = []
    for source in (Source.BMC, Source.FEEDS):
        actions += _hold_against(world, system, source, Sign.WORD, lived_at, now)
    actions += _refute(world, system, lived_at, now)
    message = "unknown-boot" if boot_unknown else "not-reset"
    return actions + _end_verdict(world, system, lived_at, now, message)


def forget_off(world: World, name: str) -> None:
    """Its system has booted: that it was off before speaks against no source."""
    server = world.servers[name]
    watch = replace(server.watch, trust=server.watch.trust.has_booted())
    outlets = replace(server.outlets, trust=server.outlets.trust.has_booted())
    world.put_server(replace(server, watch=watch, outlets=outlets))


def bmc_reads_on(world: World, system: System, asked_at: Instant, now: Instant) -> list[Action]:
    """A BMC reads on: outlets that read off are not those that feed its server, or lie.

    What was told of them is over too, unless we have switched the server on since.
    """
    actions = _hold_against(world, system, Source.FEEDS, Sign.BMC_ON, asked_at, now)
    verdict, ordered_at = system.verdict, world.servers[system.server].ordered_on_at
    by_outlets = verdict is not None and verdict.evidence is Evidence.OUTLETS_OFF
    ours = ordered_at is not None and now - ordered_at < ORDERED_S
    if not by_outlets or ours:
        return actions
    actions += _refute(world, system, asked_at, now)
    return actions + _end_verdict(world, system, asked_at, now, "on-after-outlets")


def _state(world: World, server: Server, source: Source) -> tuple[Run | None, Trust]:
    if source is Source.BMC:
        return server.watch.run, server.watch.trust
    return feeds_run(server, world.policy(server.name).feeds), server.outlets.trust


def _hold_against(
    world: World, system: System, source: Source, sign: Sign, at: Instant, now: Instant
) -> list[Action]:
    server = world.servers[system.server]
    if distrust_of(server, source) is not None:
        return []  # it proves nothing: there is no run to be ended
    run, trust = _state(world, server, source)
    actions: list[Action] = []
    if run is not None and voids(sign, source, at, run.first_answered_at):
        if source is Source.BMC:
            voided = replace(server, watch=power.was_contradicted(server.watch, at, now))
        else:
            voided = void_feeds(server, at, now)
        world.put_server(voided)
        inquiry.ask_again(world, system.key, now)
        actions += _note_contradiction(world, system, source, sign, now)
    if sign is Sign.WORD and trust.off_since is not None and condemns(trust.off_since, at):
        actions += _distrust(world, system, Distrust(source, sign, now), now)
    return actions


def _note_contradiction(
    world: World, system: System, source: Source, sign: Sign, now: Instant
) -> list[Action]:
    """A reset whose off was contradicted has failed in doubt if nothing better comes."""
    system = world.systems[system.key]
    in_progress = system.reset
    if in_progress is None or running.is_over(in_progress):
        return []
    noted = replace(in_progress, contradicted=in_progress.contradicted | {source})
    note = remark(
        "contradicted",
        operation=in_progress.operation,
        source=source.value,
        server=system.server,
        system=system.key,
        sign=sign.value,
    )
    world.put_system(replace(system, reset=noted))
    return [note, *running.step(world, system.key, reset.Contradicted(), now)]


def _distrust(world: World, system: System, why: Distrust, now: Instant) -> list[Action]:
    """A source proves nothing any more: it is not this system's, or lies."""
    server = world.servers[system.server]
    world.put_server(replace(server, distrusts=(*server.distrusts, why)))
    note = remark(
        "distrusted",
        about=about(system.server, why.source),
        source=why.source.value,
        server=system.server,
        system=system.key,
        sign=why.sign.value if why.sign is not None else "",
    )
    if why.source is not Source.BMC:
        return [note]  # a stage that waits for the BMC goes on
    return [note, *running.step(world, system.key, reset.Disbelieved(), now)]


def regain(world: World, name: str, source: Source, now: Instant) -> list[Action]:
    """A source has read on for ten seconds: it is believed again."""
    server = world.servers[name]
    why = distrust_of(server, source)
    if why is None or why.cut or not _state(world, server, source)[1].is_regained(now):
        return []
    kept = tuple(one for one in server.distrusts if one is not why)
    world.put_server(replace(server, distrusts=kept))
    return [remark("trusted", about=about(name, source), source=source.value, server=name)]


def remind(world: World, name: str) -> list[Action]:
    """Another process distrusted a source of this server: it is said again, and stands."""
    return [
        remark(
            "still-distrusted",
            about=about(name, why.source),
            source=why.source.value,
            server=name,
            until="until other outlets are set" if why.cut else "until it reads on for 10 s",
        )
        for why in world.servers[name].distrusts
    ]


def _refute(world: World, system: System, lived_at: Instant, now: Instant) -> list[Action]:
    """A verdict that is contradicted before it was told is none: the next stage follows."""
    in_progress = world.systems[system.key].reset
    ended = in_progress.ended if in_progress is not None else None
    if ended is None or not contradicts(ended.evidence, ended.contradicted_after, lived_at):
        return []
    return running.refute(world, system.key, now)


def _end_verdict(
    world: World, system: System, lived_at: Instant, now: Instant, message: str
) -> list[Action]:
    """A system that was proved stopped lives: it is normal, and nothing of that is told any more.

    Its own requests are served when its last command is a minute old: it may be half reset.
    """
    system = world.systems[system.key]
    verdict = system.verdict
    if verdict is None or not contradicts(verdict.evidence, verdict.contradicted_after, lived_at):
        return []
    alive = replace(system, verdict=None, alive_at=now)
    world.outbox.drop_about(system.key, now)
    if system.reset is not None or system.status not in STOPPED:
        world.put_system(alive)
        return []
    world.put_system(replace(alive, status=world.rest_status(system.server), barred=True))
    return [remark(message, system=system.key, server=system.server)]
