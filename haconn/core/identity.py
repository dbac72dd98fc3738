"""Which machine speaks, and in which machine a BMC is: what UUIDs, GUIDs and boot ids say of it.

Neither a UUID nor a GUID proves anything good: vendors ship dummies, and one in many machines.

Rule 1. A server cannot be fenced by its BMC only if its system's UUID is the GUID of *another*
        server's BMC and not that of its own. Any other difference is an alarm and nothing else.
Rule 2. A dummy says nothing; nor does what two BMCs, or two systems, tell alike.
Rule 3. A word under a boot id that another one has replaced, or from another machine than the one
        on record, is no new boot: one key is used in two places. It proves nothing, and it
        contradicts like any word of the system, since the system may be what speaks there.
Rule 4. While nothing depends on the record, the word of rule 3 is put on record: a machine that
        was replaced has to find its way back. That ends no bar, no reset and no verdict.
"""

from dataclasses import replace
from enum import Enum

from haconn.core.actions import Action
from haconn.core.events import BmcIdentified, Speaker
from haconn.core.machine_id import uuid_bytes, uuid_matches
from haconn.core.model import Instant
from haconn.core.reset import Evidence
from haconn.core.server import Server
from haconn.core.system import Status, System, is_barred
from haconn.core.world import World, remark

SUPERSEDED_MAX = 4
"""So many boot ids that others replaced are known of each system."""
DOUBT_APART_S = 60.0
"""Between two alarms about one system."""
DOUBT_ENDS_S = 600.0
"""After so long without another such word the alarm ends."""
BY_THE_BMC = frozenset({Evidence.POWER_OFF, Evidence.HARD_RESET_ACCEPTED})


class Doubt(Enum):
    """Why a word of another boot is no new boot, or a word of this boot is of another machine."""

    SUPERSEDED = "boot-superseded"
    OTHER_MACHINE = "other-machine"


def bmc_is_anothers(world: World, server: str) -> str | None:
    """Give the server whose BMC is in this one's machine, if its own is in another; else None.

    Then nothing is sent to the BMC of `server`, and what it reads and takes proves nothing of it.
    """
    return world.servers[server].own_bmc


def why_withheld(other: str) -> str:
    """Say why a command does not leave, in the words of a driver's refusal."""
    return f"its BMC is in another machine: the BMC registered for {other} is in this one"


def identified(world: World, event: BmcIdentified) -> list[Action]:
    """A BMC told its system GUID, or does not tell it."""
    server = world.servers[event.server]
    guid = event.guid
    if guid is None and not server.guid_inherited:
        guid = server.guid  # one answer that fails does not move a BMC to another machine
    world.put_server(replace(server, guid=guid, guid_inherited=False))
    return compare(world)


def compare(world: World) -> list[Action]:
    """Hold the systems' UUIDs against the GUIDs of all BMCs; what has changed is said."""
    actions: list[Action] = []
    for system in list(world.systems.values()):
        actions += _compare(world, system)
    return actions


def _compare(world: World, system: System) -> list[Action]:
    server = world.servers[system.server]
    matches, own_bmc = _machine_of(world, system, server)
    if (matches, own_bmc) == (server.guid_matches, server.own_bmc):
        return []
    world.put_server(replace(server, guid_matches=matches, own_bmc=own_bmc))
    values = {"system": system.key, "server": server.name}
    if own_bmc is not None and own_bmc == server.own_bmc:
        return []
    if own_bmc is not None:
        _take_back(world, system)
        return [remark("bmc-anothers", **values, other=own_bmc)]
    if matches is False:
        told = {"uuid": system.uuid, "guid": guid_text(server.guid)}
        return [remark("bmc-elsewhere", **values, **told)]
    in_doubt = server.guid_matches is False or server.own_bmc is not None
    return [remark("bmc-identified", **values)] if in_doubt else []


def _machine_of(world: World, system: System, server: Server) -> tuple[bool | None, str | None]:
    """Whether its own BMC is in the system's machine, and which other one is if it is not."""
    uuid = uuid_bytes(system.uuid)
    if _told_by_others(uuid, [one.uuid for one in world.systems.values() if one is not system]):
        return None, None
    matches = uuid_matches(uuid, server.guid or b"")
    here = [
        one.name
        for one in world.servers.values()
        if one is not server and uuid_matches(uuid, one.guid or b"")
    ]
    if matches and here:
        return None, None
    return matches, here[0] if len(here) == 1 else None


def _told_by_others(uuid: bytes, others: list[str | None]) -> bool:
    return any(uuid_matches(uuid, uuid_bytes(other)) for other in others)


def _take_back(world: World, system: System) -> None:
    """What the BMC of another machine proved of this system was never proved."""
    verdict = system.verdict
    if verdict is None or verdict.evidence not in BY_THE_BMC or system.reset is not None:
        return
    stopped = system.status in {Status.DUMP, Status.POFF}
    status = world.rest_status(system.server) if stopped else system.status
    world.put_system(replace(system, status=status, verdict=None))
    world.outbox.drop_about(system.key, verdict.at)


def guid_text(guid: bytes | None) -> str | None:
    """Write a GUID in hex, in the order in which the BMC sent it."""
    return None if guid is None else guid.hex()


def doubt_of(system: System, speaker: Speaker) -> Doubt | None:
    """Say why this word is not simply the system's; None if it is, or is of a new boot."""
    if speaker.boot_id in system.superseded:
        return Doubt.SUPERSEDED
    elsewhere = uuid_matches(uuid_bytes(system.uuid), uuid_bytes(speaker.uuid)) is False
    return Doubt.OTHER_MACHINE if elsewhere else None


def put_on_record(system: System, speaker: Speaker) -> System:
    """Take over the speaker's boot and machine, and remember the boot id of before."""
    superseded = system.superseded
    if system.boot_id is not None and system.boot_id != speaker.boot_id:
        others = tuple(one for one in superseded if one != speaker.boot_id)
        superseded = (*others, system.boot_id)[-SUPERSEDED_MAX:]
    uuid = speaker.uuid or system.uuid
    return replace(system, boot_id=speaker.boot_id, superseded=superseded, uuid=uuid)


def may_be_replaced(system: System, now: Instant) -> bool:
    """Whether nothing depends on which boot and machine are on record."""
    idle = system.reset is None and system.status in {Status.UNSET, Status.NORMAL, Status.ERROR}
    return idle and not is_barred(system, now)


def note_doubt(
    system: System, speaker: Speaker, doubt: Doubt | None, now: Instant
) -> tuple[System, list[Action]]:
    """Raise the alarm about a word, once a minute; end it when there was none for ten minutes."""
    since = None if system.doubted_at is None else now - system.doubted_at
    about = {"system": system.key, "server": system.server}
    if doubt is None:
        if since is None or since < DOUBT_ENDS_S:
            return system, []
        return replace(system, doubted_at=None), [remark("one-machine", **about)]
    if since is not None and since < DOUBT_APART_S:
        return system, []
    told = {"uuid": speaker.uuid or "-", "known": system.uuid or "-"}
    note = remark(doubt.value, **about, address=speaker.address, boot=speaker.boot_id, **told)
    return replace(system, doubted_at=now), [note]
