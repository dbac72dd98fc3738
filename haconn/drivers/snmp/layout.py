"""What a probe found: which variant of its model a PDU has, and which outlets. Pure.

A wrong variant is worse than none: on an IBM PDU of the newer layout the older one's state column
is a threshold that takes a 0 and reads back 0, so that an outlet would be "proved" off while it
feeds its server. Hence:

Rule 1. The structure chooses: exactly one variant whose marks are all present, or all absent.
Rule 2. The firmware must agree with that choice where the variant names a mark of it. A version
        that the model names as known decides alone.
Rule 3. The state of every outlet must have the type of the table and a value it knows: types and
        one outlet tell nothing, since thresholds and watts are INTEGERs, and an idle outlet draws
        0 W. A column that holds anything else is no column of states.
Rule 4. A variant that must differ from another is not taken if every outlet fits that one too.

A PDU that breaks one of them is not used, and the reason is told in one line. An operator who knows
better pins a layout by a site model with that one variant and without marks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from haconn.config.pdu_model import Oid, PduModel, Place, Template, Variant, Version
from haconn.drivers.base import DeviceFault
from haconn.drivers.snmp.boundary import Value

TEXT_MAX = 64
NOTHING = Value("noSuchInstance")


class NotUsable(DeviceFault):
    """The PDU does not show what its model says: nothing may be concluded from what it reads."""


class FirmwareChanged(DeviceFault):
    """The firmware is not the one the probe saw, so the layout may be another: probe again."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a probe found; reads and switches need it."""

    model: str
    variant: str
    version: Version
    """The SNMP version that was answered."""
    outlets: tuple[str, ...]
    """`n`, or `unit.n` of chained units."""
    firmware: str
    """Empty if the model names no object for it."""
    product: str
    name: str
    """What the PDU calls itself; empty if the model names no object for it."""


def objects_to_ask(model: PduModel) -> tuple[Oid, ...]:
    """Give the objects that are asked for first, each once: who it is, and which outlets it has."""
    first = Place(model.first_unit, 1)
    oids = [
        template.at(first)
        for template in (model.firmware, model.product, model.label)
        if template is not None
    ]
    oids += [variant.state.at(first) for variant in model.variants]
    for variant in model.variants:
        oids += [*variant.present, *variant.absent]
    if isinstance(model.outlets, Template):
        oids += [model.outlets.at(Place(index, 0)) for index in unit_indices(model)]
    return tuple(dict.fromkeys(oids))


def states_to_ask(model: PduModel, values: Mapping[Oid, Value]) -> tuple[Oid, ...]:
    """Give the state of every outlet under every variant, as the first answers count the outlets.

    Raises:
        NotUsable: they count none, or more than the model has.
    """
    _require_kin(model, values)
    places = [model.locate(outlet) for outlet in _outlets(model, values)]
    oids = (variant.state.at(place) for variant in model.variants for place in places)
    return tuple(dict.fromkeys(oids))


def choose(model: PduModel, version: Version, values: Mapping[Oid, Value]) -> Layout:
    """Choose the variant by what the PDU answered to `objects_to_ask` and `states_to_ask`.

    Raises:
        NotUsable: with the rule that is broken.
    """
    _require_kin(model, values)
    firmware = text_of(model.firmware, model, values)
    variant = _named(model, firmware) or _marked(model, firmware, values)
    outlets = tuple(_outlets(model, values))
    misfit = _misfit(model, variant, outlets, values)
    if misfit is not None:
        raise NotUsable(_why(model, misfit))
    other = variant.differs_from
    if other and _misfit(model, model.variant(other), outlets, values) is None:
        raise NotUsable(_why(model, f"its outlets fit layout {other} too, not only {variant.id}"))
    return Layout(
        model=model.name,
        variant=variant.id,
        version=version,
        outlets=outlets,
        firmware=firmware,
        product=text_of(model.product, model, values),
        name=text_of(model.label, model, values),
    )


def _require_kin(model: PduModel, values: Mapping[Oid, Value]) -> None:
    if all(value.missing for value in values.values()):
        reason = "it has none of the objects of this model: another model, or no PDU"
        raise NotUsable(_why(model, reason))


def _named(model: PduModel, firmware: str) -> Variant | None:
    return next((one for one in model.variants if firmware in one.firmware_is), None)


def _marked(model: PduModel, firmware: str, values: Mapping[Oid, Value]) -> Variant:
    fitting = [variant for variant in model.variants if _fits(variant, values)]
    if len(fitting) != 1:
        known = ", ".join(variant.id for variant in model.variants)
        found = "none" if not fitting else "several"
        raise NotUsable(_why(model, f"its objects fit {found} of the layouts {known}"))
    _check_firmware(model, fitting[0], firmware)
    return fitting[0]


def _misfit(
    model: PduModel, variant: Variant, outlets: tuple[str, ...], values: Mapping[Oid, Value]
) -> str | None:
    """Say which outlet does not read a state; None if each does.

    Of a model with one layout only the first outlet has to have one: some PDUs count outlets that
    they cannot switch.
    """
    for index, outlet in enumerate(outlets):
        value = values.get(variant.state.at(model.locate(outlet)), NOTHING)
        if index and value.missing and not model.ambiguous:
            continue
        if not model.knows(variant, value.asn1_type, value.number):
            shown = value.asn1_type if value.number is None else f"{value.asn1_type} {value.number}"
            return f"the state of its outlet {outlet} is {shown}"
    return None


def text_of(template: Template | None, model: PduModel, values: Mapping[Oid, Value]) -> str:
    """Give a text of the device, fit to be shown: printable, at most 64 characters."""
    if template is None:
        return ""
    value = values.get(template.at(Place(model.first_unit, 1)), NOTHING)
    text = value.octets.decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable())[:TEXT_MAX]


def unit_indices(model: PduModel) -> range:
    """Give the device's indices of the units a chain of this model may have."""
    return range(model.first_unit, model.first_unit + model.units_max)


def _why(model: PduModel, reason: str) -> str:
    return f"not usable for fencing as {model.name}: {reason}"


def _fits(variant: Variant, values: Mapping[Oid, Value]) -> bool:
    def missing(oids: Iterable[Oid]) -> list[bool]:
        return [values.get(oid, NOTHING).missing for oid in oids]

    return not any(missing(variant.present)) and all(missing(variant.absent))


def _check_firmware(model: PduModel, variant: Variant, firmware: str) -> None:
    has, has_not = variant.firmware_has, variant.firmware_not
    if (has or has_not) and not firmware:
        raise NotUsable(_why(model, "it does not tell its firmware"))
    if has and has not in firmware:
        reason = f"its objects are of layout {variant.id}, but firmware {firmware!r} lacks {has!r}"
        raise NotUsable(_why(model, reason))
    if has_not and has_not in firmware:
        reason = (
            f"its objects are of layout {variant.id}, but firmware {firmware!r} has {has_not!r}"
        )
        raise NotUsable(_why(model, reason))


def _outlets(model: PduModel, values: Mapping[Oid, Value]) -> Iterable[str]:
    """Name the outlets of every unit; a unit beyond the first may be missing."""
    for unit, index in enumerate(unit_indices(model), 1):
        count: int | None = None
        if isinstance(model.outlets, int):
            count = model.outlets
        else:
            value = values.get(model.outlets.at(Place(index, 0)), NOTHING)
            if value.missing and unit > 1:
                continue
            count = value.number
        if count is None or not 1 <= count <= model.outlets_max:
            said = "no number" if count is None else str(count)
            raise NotUsable(
                _why(model, f"its number of outlets is {said}, allowed 1 to {model.outlets_max}")
            )
        for n in range(1, count + 1):
            yield f"{unit}.{n}" if model.chained else f"{n}"
