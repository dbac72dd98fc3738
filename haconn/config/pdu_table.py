"""Reading one table of a PDU model file, key by key, so that every fault becomes one line.

A getter that finds a fault notes it and gives a value of the right type all the same, so that one
reading finds every fault; whoever reads gives nothing away while there are faults.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeVar

from haconn.config.errors import shown
from haconn.config.pdu_model import Oid, Place, Template

ARC_MAX = 2**32 - 1  # RFC 2578, 3.5
ARCS_MAX = 128  # RFC 2578, 3.5
INTEGER_MAX = 2**31 - 1
NOWHERE = Template(())
"""Stands for an OID that was not given."""

Choice = TypeVar("Choice", bound=str)


def parse_oid(value: object) -> Template | None:
    """Read `1.3.6.1.{unit}.{n}`; None if it is no OID. A leading dot is taken, as net-snmp's."""
    if not isinstance(value, str):
        return None
    arcs: list[int | Literal["unit", "n"]] = []
    for part in value.removeprefix(".").split("."):
        if part == "{unit}":
            arcs.append("unit")
        elif part == "{n}":
            arcs.append("n")
        elif part.isascii() and part.isdigit() and len(part) <= 10 and int(part) <= ARC_MAX:
            arcs.append(int(part))
        else:
            return None
    # the first two arcs share one octet: 0 to 2, and below 40 under 0 and 1 (X.690, 8.19.4)
    if not 3 <= len(arcs) <= ARCS_MAX or arcs[0] not in {0, 1, 2}:
        return None
    second = arcs[1]
    if isinstance(second, str) or second >= 40 or arcs.count("unit") > 1 or arcs.count("n") > 1:
        return None
    return Template(tuple(arcs))


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a file, with the keys that were asked for.

    A getter that finds a fault notes it and gives a value of the right type, so that one reading
    finds every fault; nobody sees the model then.
    """

    file: str
    prefix: str
    content: dict[str, object]
    faults: list[str]
    asked: set[str] = field(default_factory=set)

    def fault(self, key: str, text: str) -> None:
        self.faults.append(f"{self.file}: {self.prefix}{key}: {text}")

    def _get(self, key: str, allowed: str, *, optional: bool = False) -> object:
        self.asked.add(key)
        if key not in self.content and not optional:
            self.fault(key, f"missing; must be {allowed}")
        return self.content.get(key)

    def _wrong(self, key: str, value: object, allowed: str) -> None:
        if value is not None:  # a missing one is noted already
            self.fault(key, f"{shown(value)} is not allowed; must be {allowed}")

    def number(self, key: str, low: int, high: int, default: int | None = None) -> int:
        allowed = f"a number from {low} to {high}"
        value = self._get(key, allowed, optional=default is not None)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._wrong(key, value, allowed)
            return low
        return value

    def numbers(self, key: str, *, optional: bool = False) -> frozenset[int]:
        allowed = "a list of different numbers that fit 32 bits"
        value = self._get(key, allowed, optional=optional)
        if value is None:
            return frozenset()
        good = isinstance(value, list) and all(
            isinstance(item, int) and not isinstance(item, bool) and abs(item) <= INTEGER_MAX
            for item in value
        )
        if not isinstance(value, list) or not good or len(set(value)) != len(value):
            self._wrong(key, value, allowed)
            return frozenset()
        return frozenset(value)

    def text(self, key: str, default: str | None = None) -> str:
        allowed = "a text of 1 to 64 characters"
        value = self._get(key, allowed, optional=default is not None)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not 0 < len(value) <= 64:
            self._wrong(key, value, allowed)
            return ""
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        allowed = "a list of texts of 1 to 64 characters"
        value = self._get(key, allowed, optional=True)
        items = value if isinstance(value, list) else []
        good = tuple(one for one in items if isinstance(one, str) and 0 < len(one) <= 64)
        if value is not None and (not good or len(good) != len(items)):
            self._wrong(key, value, allowed)
        return good

    def choice(self, key: str, allowed: tuple[Choice, ...]) -> Choice:
        must = " or ".join(f'"{one}"' for one in allowed)
        value = self._get(key, must)
        if value not in allowed:
            self._wrong(key, value, must)
            return allowed[0]
        return allowed[allowed.index(value)]

    def choices(self, key: str, allowed: tuple[Choice, ...]) -> tuple[Choice, ...]:
        must = "a list, each at most once, of " + ", ".join(f'"{one}"' for one in allowed)
        value = self._get(key, must)
        items = value if isinstance(value, list) else []
        chosen = tuple(allowed[allowed.index(item)] for item in items if item in allowed)
        if not chosen or len(chosen) != len(items) or len(set(chosen)) != len(chosen):
            self._wrong(key, value, must)
            return allowed
        return chosen

    def template(self, key: str, *places: str, default: Template | None = None) -> Template:
        """Read an OID that has these places; one that may stand or not ends in "?"."""
        must = " and ".join(f"{{{place}}}" for place in places if not place.endswith("?"))
        allowed = f"an OID such as 1.3.6.1{' with ' + must if must else ''}"
        value = self._get(key, allowed, optional=default is not None)
        if value is None and default is not None:
            return default
        found = parse_oid(value)
        needed = {place for place in places if not place.endswith("?")}
        may = {place.rstrip("?") for place in places}
        held = {arc for arc in found.arcs if isinstance(arc, str)} if found else set()
        if found is None or not needed <= held <= may:
            self._wrong(key, value, allowed)
            return NOWHERE
        return found

    def oids(self, key: str) -> tuple[Oid, ...]:
        allowed = "a list of OIDs such as 1.3.6.1"
        value = self._get(key, allowed, optional=True)
        found = [parse_oid(item) for item in value] if isinstance(value, list) else []
        good = [one.at(Place(0, 0)) for one in found if one and not one.has("n") | one.has("unit")]
        if value is not None and (not good or len(good) != len(found)):
            self._wrong(key, value, allowed)
        return tuple(good)

    def table(self, key: str) -> "Table":
        """Give the table under a key; a missing one is one fault, not one per key of it."""
        value = self._get(key, "a table")
        if not isinstance(value, dict):
            self._wrong(key, value, "a table")
            return Table(self.file, f"{self.prefix}{key}.", {}, [])
        return Table(self.file, f"{self.prefix}{key}.", value, self.faults)

    def tables(self, key: str) -> list["Table"]:
        value = self._get(key, "tables", optional=True)
        if value is None:
            return []
        if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
            self._wrong(key, value, f"one or more tables [[{key}]]")
            return []
        return [
            Table(self.file, f"{self.prefix}{key}[{index}].", one, self.faults)
            for index, one in enumerate(value, 1)
        ]

    def finish(self) -> None:
        """Note every key that nobody asked for."""
        known = ", ".join(sorted(self.asked))
        for key in self.content.keys() - self.asked:
            self.fault(key, f"unknown key; known here: {known}")
