"""The table of PDU models: read from files, checked, and given as haconn.config.pdu_model says.

A model is one TOML file; its name is the file's name without `.toml`. The files of the package
are read first; a file of the same name under HACONN_ETC/pdu-models replaces one as a whole, and
other files there add models (haconn/config/texts.py reads them).

Keys of a file:

    versions      SNMP versions in the order of trying: "2c", "1"
    outlets       OID of the number of outlets, with `{unit}` if chained; or, if not, the number
    outlets_max   the most outlets one unit of this model has
    units_max     chained models only: the most units of a chain
    first_unit    chained models only: the device's own index of unit 1 (default 1)
    firmware, product, name   OIDs of texts, with `{unit}` if there is one per unit; optional
    max_varbinds  the most objects one request may name
    state_type    ASN.1 type of the state: "INTEGER" or "Gauge32"
    state         OID of an outlet's state, with `{n}`, and `{unit}` if chained
    control       OID that switches an outlet; `state` if not given
    off, on       { write = number, read = [numbers], oid = an OID in place of `control` }
    unknown       numbers the device may answer that are neither on nor off; optional
    [[variant]]   id, state, control, present = [OIDs], absent = [OIDs],
                  firmware_has = text, firmware_not = text, firmware_is = [texts],
                  differs_from = id: all but `id` optional

Without a [[variant]] the model has one, with the id "only".
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from haconn.config.errors import ConfigError
from haconn.config.pdu_model import Oid, PduModel, Switch, Template, Variant, Version
from haconn.config.pdu_table import INTEGER_MAX, NOWHERE, Table

__all__ = ["PduModel", "PduModelError", "load_pdu_models", "read_pdu_model"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
BYTES_MAX = 64 * 1024
OUTLETS_MAX = 255
UNITS_MAX = 64
VARBINDS_MAX = 32  # well below the 484 bytes every agent must take (RFC 3417, 3.2) are 12 to 16
STATE_TYPES = ("INTEGER", "Gauge32")
VERSIONS: tuple[Version, ...] = ("2c", "1")


class PduModelError(ConfigError):
    """Model files are wrong: `faults` has one line each, with file, key and what is allowed."""


def load_pdu_models(site: Mapping[str, str] | None = None) -> dict[str, PduModel]:
    """Read the models of the package and those of the site.

    Args:
        site: the texts of the site's own models, by name.

    Raises:
        PduModelError: with every fault of every file.
    """
    faults: list[str] = []
    models: dict[str, PduModel] = {}
    for name, text in (_package_texts() | dict(site or {})).items():
        try:
            if len(text.encode()) > BYTES_MAX:
                raise PduModelError(f"{name}.toml: too long; allowed: {BYTES_MAX} bytes")
            models[name] = read_pdu_model(name, text)
        except PduModelError as error:
            faults += error.faults
    if faults:
        raise PduModelError(*faults)
    return models


def package_models() -> tuple[str, ...]:
    """Give the names of the models of the package."""
    return tuple(sorted(_package_texts()))


def read_pdu_model(name: str, text: str) -> PduModel:
    """Read one model from the text of its file.

    Raises:
        PduModelError: with every fault of the file.
    """
    file = f"{name}.toml"
    if not NAME.fullmatch(name):
        raise PduModelError(
            f"{file}: a model's name is 1 to 32 letters, digits, '_' or '-', no '_' or '-' first"
        )
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also of numbers and lists without end
        raise PduModelError(f"{file}: not TOML: {error}") from error
    faults: list[str] = []
    model = _model(name, Table(file, "", content, faults))
    if faults:
        raise PduModelError(*faults)
    return model


@cache
def _package_texts() -> dict[str, str]:
    package = resources.files("haconn.config") / "pdu-models"
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in package.iterdir()
        if entry.name.endswith(".toml")
    }


def _model(name: str, table: Table) -> PduModel:
    states = _states(table)
    chained = states[0].has("unit")
    unknown = table.numbers("unknown", optional=True)
    model = PduModel(
        name=name,
        versions=table.choices("versions", VERSIONS),
        outlets=_count(table, chained),
        outlets_max=table.number("outlets_max", 1, OUTLETS_MAX),
        units_max=table.number("units_max", 1, UNITS_MAX) if chained else 1,
        first_unit=table.number("first_unit", 0, INTEGER_MAX, 1) if chained else 0,
        firmware=_text_object(table, "firmware", chained),
        product=_text_object(table, "product", chained),
        label=_text_object(table, "name", chained),
        max_varbinds=table.number("max_varbinds", 1, VARBINDS_MAX),
        state_type=table.choice("state_type", STATE_TYPES),
        unknown=unknown,
        variants=_variants(table, chained),
    )
    _check_values(model, table)
    table.finish()
    return model


def _places(chained: bool) -> tuple[str, ...]:
    return ("unit", "n") if chained else ("n",)


def _states(table: Table) -> list[Template]:
    """Read only what tells whether outlets are `n` or `unit.n`; faults are noted later."""
    look = Table(table.file, "", table.content, [])
    tables = [*look.tables("variant"), look]
    return [one.template("state", "n", "unit?") for one in tables if "state" in one.content] or [
        NOWHERE
    ]


def _count(table: Table, chained: bool) -> Template | int:
    if not chained and isinstance(table.content.get("outlets"), int):
        return table.number("outlets", 1, OUTLETS_MAX)
    return table.template("outlets", *(("unit",) if chained else ()))


def _text_object(table: Table, key: str, chained: bool) -> Template | None:
    found = table.template(key, *(("unit?",) if chained else ()), default=NOWHERE)
    return found if found.arcs else None


def _variants(table: Table, chained: bool) -> tuple[Variant, ...]:
    shared = _Shared(
        state=table.template("state", *_places(chained), default=NOWHERE),
        control=table.template("control", *_places(chained), default=NOWHERE),
        off=_order(table, "off", chained),
        on=_order(table, "on", chained),
    )
    tables = table.tables("variant")
    if not tables:
        if not shared.state.arcs and "state" not in table.content:
            table.fault("state", "missing; must be an OID with {n}, here or in each [[variant]]")
        return (shared.variant("only", shared.state, shared.control),)
    variants = tuple(_variant(one, shared, chained) for one in tables)
    if len({variant.id for variant in variants}) < len(variants):
        table.fault("variant", "two have the same id; ids must differ")
    _check_exceptions(table, variants)
    for one, variant in zip(tables, variants, strict=True):
        if len(variants) > 1 and not variant.present + variant.absent:
            one.fault("present", "missing; with several variants each needs `present` or `absent`")
    return variants


def _check_exceptions(table: Table, variants: tuple[Variant, ...]) -> None:
    """A firmware is of one layout, and one differs from another that there is."""
    firmwares = [firmware for variant in variants for firmware in variant.firmware_is]
    if len(set(firmwares)) < len(firmwares):
        table.fault("variant.firmware_is", "names a firmware twice; each has one layout")
    ids = {variant.id for variant in variants}
    for variant in variants:
        others = sorted(ids - {variant.id})
        if variant.differs_from and variant.differs_from not in others:
            allowed = ", ".join(others) or "none, there is one variant"
            table.fault("variant.differs_from", f"must be the id of another variant: {allowed}")


def _variant(table: Table, shared: "_Shared", chained: bool) -> Variant:
    places = _places(chained)
    variant = shared.variant(
        table.text("id"),
        table.template("state", *places, default=shared.state if shared.state.arcs else None),
        table.template("control", *places, default=shared.control),
        present=table.oids("present"),
        absent=table.oids("absent"),
        firmware_has=table.text("firmware_has", ""),
        firmware_not=table.text("firmware_not", ""),
    )
    variant = replace(
        variant,
        firmware_is=table.texts("firmware_is"),
        differs_from=table.text("differs_from", ""),
    )
    table.finish()
    return variant


def _order(table: Table, key: str, chained: bool) -> Switch:
    """Read `off` or `on`; its control is NOWHERE if the variant's is meant."""
    order = table.table(key)
    switch = Switch(
        control=order.template("oid", *_places(chained), default=NOWHERE),
        write=order.number("write", -INTEGER_MAX, INTEGER_MAX),
        read=order.numbers("read"),
    )
    if not switch.read and order.content.get("read") == []:
        order.fault("read", "[] is not allowed; must list the values that mean this state")
    order.finish()
    return switch


def _check_values(model: PduModel, table: Table) -> None:
    """A number means one thing when read, and one when written to one object."""
    for variant in model.variants:
        twice = (variant.off.read & variant.on.read) | (
            model.unknown & (variant.off.read | variant.on.read)
        )
        if twice:
            table.fault(
                "off.read", f"{sorted(twice)} also in on.read or unknown; each number means one"
            )
            return
        if variant.off.control == variant.on.control and variant.off.write == variant.on.write:
            table.fault("off.write", "equals on.write on the same object; they must differ")
            return


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the variants of a model have in common, unless they say otherwise."""

    state: Template
    control: Template
    off: Switch
    on: Switch

    def variant(
        self,
        variant_id: str,
        state: Template,
        control: Template,
        *,
        present: tuple[Oid, ...] = (),
        absent: tuple[Oid, ...] = (),
        firmware_has: str = "",
        firmware_not: str = "",
    ) -> Variant:
        """Give each switch its object: its own, else the control's, else the state's."""
        off, on = (
            replace(switch, control=next((c for c in (switch.control, control) if c.arcs), state))
            for switch in (self.off, self.on)
        )
        return Variant(variant_id, state, off, on, present, absent, firmware_has, firmware_not)
