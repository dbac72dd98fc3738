"""A PDU model: which SNMP objects it has, and what their values mean.

Rule 1. A value means on, off or unknown by the table alone: exact number and exact ASN.1 type.
        What the table does not list is unknown, never off.
Rule 2. Reads and writes have separate numbers: families exist whose "off" is written as 2 and
        read as 1 (APC rPDU2), and some have one object per action (Eaton).
Rule 3. A firmware may move a column (IBM: 11 or 13), so a model has variants, and a variant is
        chosen by what the device shows, never by a guess.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from haconn.core.model import Power

Oid: TypeAlias = tuple[int, ...]
Version: TypeAlias = Literal["1", "2c"]


@dataclass(frozen=True, slots=True)
class Place:
    """One outlet as the device counts it."""

    unit: int
    """The device's own index of the unit; 0 for models that are not chained."""
    n: int


@dataclass(frozen=True, slots=True)
class Template:
    """An OID with places for the unit and the outlet."""

    arcs: tuple[int | Literal["unit", "n"], ...]

    def at(self, place: Place) -> Oid:
        """Give the object of this outlet."""
        values = {"unit": place.unit, "n": place.n}
        return tuple(arc if isinstance(arc, int) else values[arc] for arc in self.arcs)

    def has(self, name: Literal["unit", "n"]) -> bool:
        """Tell whether the place of that name occurs."""
        return name in self.arcs


@dataclass(frozen=True, slots=True)
class Switch:
    """How one of the two states is ordered and recognised."""

    control: Template
    write: int
    """The INTEGER that is written to `control`."""
    read: frozenset[int]
    """The values of the state object that mean it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One layout of a model's objects, and the marks it is recognised by."""

    id: str
    state: Template
    off: Switch
    on: Switch
    present: tuple[Oid, ...]
    absent: tuple[Oid, ...]
    firmware_has: str
    firmware_not: str
    firmware_is: tuple[str, ...] = ()
    """Versions that are known to have this layout, whatever their marks and their names say."""
    differs_from: str = ""
    """The id of a variant whose state no outlet may fit too: there it is something else."""

    def switch(self, power: Power) -> Switch:
        """Give the way to switch an outlet on or off; there is none for UNKNOWN."""
        return {Power.OFF: self.off, Power.ON: self.on}[power]


@dataclass(frozen=True, slots=True)
class PduModel:
    """A family of PDUs that are controlled alike."""

    name: str
    versions: tuple[Version, ...]
    outlets: Template | int
    outlets_max: int
    units_max: int
    first_unit: int
    firmware: Template | None
    product: Template | None
    label: Template | None
    """The PDU's own name (key `name`)."""
    max_varbinds: int
    state_type: str
    unknown: frozenset[int]
    variants: tuple[Variant, ...]

    @property
    def ambiguous(self) -> bool:
        """Whether it has several layouts, so that one may be taken for another."""
        return len(self.variants) > 1

    @property
    def chained(self) -> bool:
        """Whether outlets are written `unit.n`."""
        return self.variants[0].state.has("unit")

    def locate(self, outlet: str) -> Place:
        """Find `n`, or `unit.n` of a chained model; both count from 1.

        Raises:
            ValueError: this model has no such outlet; the text says which it has.
        """
        parts = outlet.split(".")
        numbers = [int(part) for part in parts if part.isascii() and part.isdigit()]
        canonical = ".".join(str(number) for number in numbers) == outlet
        limits = [self.units_max, self.outlets_max] if self.chained else [self.outlets_max]
        fits = len(numbers) == len(limits) and all(
            1 <= number <= limit for number, limit in zip(numbers, limits, strict=True)
        )
        if not canonical or not fits:
            allowed = f"1 to {self.outlets_max}"
            if self.chained:
                allowed = f"unit.n, unit 1 to {self.units_max}, n {allowed}"
            raise ValueError(f"{self.name} has no outlet {outlet[:16]!r}: {allowed}")
        unit = numbers[0] - 1 + self.first_unit if self.chained else 0
        return Place(unit, numbers[-1])

    def variant(self, variant_id: str) -> Variant:
        """Find a variant by its id.

        Raises:
            KeyError: the model has none of that id.
        """
        for variant in self.variants:
            if variant.id == variant_id:
                return variant
        raise KeyError(variant_id)

    def power(self, variant: Variant, asn1_type: str, value: int | None) -> Power:
        """Say what a state object's value means (rule 1)."""
        if asn1_type != self.state_type or value is None:
            return Power.UNKNOWN
        if value in variant.off.read:
            return Power.OFF
        return Power.ON if value in variant.on.read else Power.UNKNOWN

    def knows(self, variant: Variant, asn1_type: str, value: int | None) -> bool:
        """Tell whether a state object of this model may have that value at all."""
        known = variant.off.read | variant.on.read | self.unknown
        return asn1_type == self.state_type and value in known
