"""The record, the standby's copy of it, and the air, in random traffic: see traffic.py."""

import json
from collections import Counter
from collections.abc import Iterable

from haconn.core.world import Durable, World, identity
from haconn.daemon.datagrams import Datagrams, Place
from haconn.daemon.journal import Journal
from haconn.daemon.journal_reading import Found, take_lines
from haconn.wire.plain import to_plain


class Air(Datagrams):
    """What the server says; nothing is sent."""

    def __init__(self) -> None:
        self.failed = Counter()
        self.said: list[tuple[bytes, Place]] = []

    def send(self, datagram: bytes, place: Place) -> None:
        self.said.append((datagram, place))


class Memory(Journal):
    """The record, and the standby's copy of it, which takes every entry in at once."""

    def __init__(self) -> None:
        self.failure = self.run_failure = None
        self.lines: dict[object, bytes] = {}
        self.standby = Found()
        self.most = 0
        """Records of one turn."""
        self.most_bytes = 0

    def append(self, records: list[Durable], _world: World) -> bytes:
        lines = [
            json.dumps({type(one).__name__.lower(): to_plain(one)}).encode() for one in records
        ]
        self.lines.update(zip(map(identity, records), lines, strict=True))
        take(self.standby, lines)
        self.most = max(self.most, len(lines))
        self.most_bytes = max(self.most_bytes, sum(map(len, lines)))
        return b"\n".join(lines)

    def forget(self, world: World) -> None:
        """As a journal that begins anew."""
        known = {*world.servers, *world.systems, *world.asked}
        self.lines = {name: line for name, line in self.lines.items() if name in known}

    def found(self, *, same_boot: bool) -> Found:
        made = Found(same_boot=same_boot)
        take(made, self.lines.values())
        return made


def take(found: Found, lines: Iterable[bytes]) -> None:
    """Read records as an earlier process's are read."""
    assert not take_lines(found, lines, 0.0)
