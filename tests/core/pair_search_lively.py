"""Whether somebody can always become active, if all goes well from now on.

All goes well: links bring each beat, processes that have ended start anew, a server is called
silent only if nothing runs there, and nothing fails any more. What was under way may be lost:
RELEASE, STOPPED, claims, the last words of the release program; so none of them is relied upon.
A server without power stays so, unless neither has any. If the BMCs work they tell so, and obey a
standby that fences a server that is silent.

From every world that any misfortune can lead to, there must be a way like that to a world with an
active. Each world on the way is again one of these, so that it comes to pass for certain if each
of the steps is only tried often enough.
"""

from collections import deque
from collections.abc import Iterator

from haconn.core.beat import PairRole
from tests.core.pair_search_space import Found, Space
from tests.core.pair_search_world import Host, Limits

ALWAYS = {"beat", "starts", "gives up"}
IF_NOTHING_RUNS_THERE = {"silence", "waited"}
OF_BMCS = {"read off", "proof"}


def well(space: Space, world: int, *, bmcs: bool, restarts: bool = True) -> Iterator[int]:
    """What may come next if all goes well."""
    hosts = space.hosts(world)
    for rank in (0, 1):
        mine, other = hosts[rank], hosts[1 - rank]
        names = ALWAYS if restarts else ALWAYS - {"starts"}
        if not mine.powered and not other.powered:
            names = names | {"power on"}
        if other.process is None:
            names = names | IF_NOTHING_RUNS_THERE
        if bmcs:
            names = names | OF_BMCS
            if mine.process is None and other.member is not None and other.member.fencing:
                names = names | {"power lost"}
        for name, after in space.befalls(world, rank):
            if name in names:
                yield after


def stuck(found: Found, *, bmcs: bool = True, restarts: bool = True) -> dict[str, int]:
    """Worlds from which no active can come, if all goes well; one for each kind."""
    space = found.space
    hopeful = {world for world in found.came if any(map(_serves, space.hosts(world)))}
    kinds: dict[str, int] = {}
    for world in found.came:
        if world in hopeful or not _has_room(space.hosts(world), space.limits):
            continue
        if not _hopes(space, world, hopeful, bmcs=bmcs, restarts=restarts):
            kinds.setdefault(kind(space.hosts(world)), world)
    return kinds


def _hopes(space: Space, world: int, hopeful: set[int], *, bmcs: bool, restarts: bool) -> bool:
    """Whether a hopeful world can come; all on the way to it are noted as hopeful."""
    before = {world: world}
    waiting = deque([world])
    while waiting:
        here = waiting.popleft()
        for after in well(space, here, bmcs=bmcs, restarts=restarts):
            if after in hopeful:
                hopeful.add(here)
                while here != world:
                    here = before[here]
                    hopeful.add(here)
                return True
            if after not in before:
                before[after] = here
                waiting.append(after)
    return False


def _serves(host: Host) -> bool:
    return host.member is not None and host.member.role is PairRole.ACTIVE


def _has_room(hosts: tuple[Host, Host], limits: Limits) -> bool:
    """Whether an activation would not pass the limit of the search."""
    peers = (host.member.peer for host in hosts if host.member is not None)
    heard = [peer.claim.epoch for peer in peers if peer is not None]
    return max(hosts[0].epoch, hosts[1].epoch, *heard) < limits.epochs


def kind(hosts: tuple[Host, Host]) -> str:
    """What a stuck world looks like to an operator."""
    return " | ".join(_looks(host) for host in hosts)


def _looks(host: Host) -> str:
    if not host.powered:
        return "off"
    if host.member is None:
        return "nothing runs" + ", record" * host.record
    return host.member.role.value + ", record" * host.member.stopped
