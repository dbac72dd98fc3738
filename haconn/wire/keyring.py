"""Every key of the server's end: the static table of systems, and who may say what.

One system has one system id and one or more generations of its key.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from haconn.core.model import SystemKey
from haconn.wire.keys import BadKeyError, Derived, Key, derive


@dataclass(frozen=True, slots=True)
class Held:
    """A key and what was derived from it."""

    key: Key
    derived: Derived


class KeyRing:
    """Keys by key id and by system."""

    __slots__ = ("_by_id", "_by_system")

    def __init__(self, keys: Iterable[Key]) -> None:
        self._by_id: dict[int, Held] = {}
        self._by_system: dict[SystemKey, tuple[int, ...]] = {}
        for key in keys:
            self.add(key)

    def add(self, key: Key) -> None:
        """Raises BadKeyError if its system, its id or its generation is taken."""
        ids = self._by_system.get(key.system, ())
        if any(key_id >> 8 != key.id for key_id in ids):
            raise BadKeyError(f"{key.system} has a key of another system id")
        others = [held.key for held in self._by_id.values() if held.key.id == key.id]
        if any(_binding(other) != _binding(key) for other in others):
            raise BadKeyError(f"system id {key.id} is bound to another system")
        if key.key_id in self._by_id:
            raise BadKeyError(f"key {key.id}.{key.generation} is there already")
        self._by_id[key.key_id] = Held(key, derive(key.master))
        self._by_system[key.system] = (*ids, key.key_id)

    def retire(self, key_id: int) -> Held | None:
        """Take a key out; None if it was not there."""
        held = self._by_id.pop(key_id, None)
        if held is None:
            return None
        rest = tuple(one for one in self._by_system[held.key.system] if one != key_id)
        if rest:
            self._by_system[held.key.system] = rest
        else:
            del self._by_system[held.key.system]
        return held

    def get(self, key_id: int) -> Held | None:
        return self._by_id.get(key_id)

    def of(self, system: SystemKey) -> tuple[Held, ...]:
        """Every generation of a system's key, in the order in which they came."""
        return tuple(self._by_id[key_id] for key_id in self._by_system.get(system, ()))

    def objection(self, key: Key, target: SystemKey) -> str | None:
        """Why this key may not ask for a reset of this target; None if it may."""
        if target == key.system:
            return "a system cannot ask for its own reset"
        if not self.knows(key, target):
            return "no such system of this monitor port"
        return None

    def knows(self, key: Key, target: SystemKey) -> bool:
        """Whether the target is a system of the key's own monitor port."""
        return target.port == key.port and target in self._by_system


def _binding(key: Key) -> tuple[str, str, SystemKey]:
    return key.server, key.vm, key.system
