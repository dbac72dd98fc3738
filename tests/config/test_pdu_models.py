"""The tables of PDU models: what a file may say, and what its numbers mean."""

import tomllib
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haconn.config.pdu_model import PduModel, Place, Switch, Template
from haconn.config.pdu_models import PduModelError, load_pdu_models, read_pdu_model
from haconn.core.model import Power

MODELS = load_pdu_models()
PACKAGE = resources.files("haconn.config") / "pdu-models"
TEXTS = {name: (PACKAGE / f"{name}.toml").read_text(encoding="utf-8") for name in MODELS}
GOOD = """
versions = ["2c", "1"]
outlets = "1.3.6.1.4.1.9.1.0"
outlets_max = 8
max_varbinds = 16
state_type = "INTEGER"
state = "1.3.6.1.4.1.9.2.{n}"
off = { write = 2, read = [1] }
on = { write = 1, read = [2] }
"""
CHAINED = """
versions = ["2c"]
outlets = "1.3.6.1.4.1.9.1.{unit}"
outlets_max = 8
units_max = 3
max_varbinds = 16
state_type = "INTEGER"
state = "1.3.6.1.4.1.9.2.{unit}.{n}"
off = { oid = "1.3.6.1.4.1.9.3.{unit}.{n}", write = 0, read = [0] }
on = { oid = "1.3.6.1.4.1.9.4.{unit}.{n}", write = 0, read = [1] }
"""


def faults_of(text: str, name: str = "SITE") -> tuple[str, ...]:
    with pytest.raises(PduModelError) as caught:
        read_pdu_model(name, text)
    return caught.value.faults


def model_or_faults(name: str, text: str) -> PduModel | tuple[str, ...]:
    try:
        return read_pdu_model(name, text)
    except PduModelError as error:
        return error.faults


def write(value: object) -> str:
    """Write a value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {write(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(write, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def text_of(content: dict[str, Any]) -> str:
    return "".join(f"{key} = {write(value)}\n" for key, value in content.items())


def test_models_of_the_package() -> None:
    assert MODELS.keys() == {"IBM_PDU", "APC_RPDU", "APC_RPDU2", "EATON_G3", "RARITAN_PX2"}
    assert {name for name, model in MODELS.items() if model.chained} == {"EATON_G3", "RARITAN_PX2"}


def test_ibm_state_is_column_11_in_the_old_layout_and_13_in_the_new() -> None:
    row = (1, 3, 6, 1, 4, 1, 2, 6, 223, 8, 2, 2, 1)
    for variant_id, column in (("old", 11), ("new", 13)):
        variant = MODELS["IBM_PDU"].variant(variant_id)
        assert variant.state.at(Place(0, 4)) == (*row, column, 4)
        assert variant.off == Switch(variant.state, 0, frozenset({0}))
        assert variant.on == Switch(variant.state, 1, frozenset({1}))


@pytest.mark.parametrize(
    ("name", "outlet", "control_off", "control_on", "off", "on"),
    [
        ("APC_RPDU", "5", "318.1.1.12.3.3.1.1.4.5", "318.1.1.12.3.3.1.1.4.5", (2, 2), (1, 1)),
        ("APC_RPDU2", "5", "318.1.1.26.9.2.4.1.5.5", "318.1.1.26.9.2.4.1.5.5", (2, 1), (1, 2)),
        ("EATON_G3", "2.5", "534.6.6.7.6.6.1.3.1.5", "534.6.6.7.6.6.1.4.1.5", (0, 0), (0, 1)),
        (
            "RARITAN_PX2",
            "2.5",
            "13742.6.4.1.2.1.2.2.5",
            "13742.6.4.1.2.1.2.2.5",
            (0, 8),
            (1, 7),
        ),
    ],
)
def test_numbers_of_the_other_families(
    name: str,
    outlet: str,
    control_off: str,
    control_on: str,
    off: tuple[int, int],
    on: tuple[int, int],
) -> None:
    """Each pair is what is written and what is read."""
    model = MODELS[name]
    (variant,) = model.variants
    place = model.locate(outlet)
    for switch, control, (order, state) in (
        (variant.off, control_off, off),
        (variant.on, control_on, on),
    ):
        oid = ".".join(map(str, switch.control.at(place)))
        assert oid == f"1.3.6.1.4.1.{control}"
        assert (switch.write, switch.read) == (order, frozenset({state}))


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
@given(number=st.integers(-10, 10) | st.integers() | st.none())
def test_only_the_numbers_of_the_table_are_off(model: PduModel, number: int | None) -> None:
    for variant in model.variants:
        power = model.power(variant, "INTEGER", number)
        assert (power is Power.OFF) == (number in variant.off.read)
        assert (power is Power.ON) == (number in variant.on.read)
        for other in ("Gauge32", "Counter32", "OCTET STRING", "noSuchInstance", "NULL"):
            assert model.power(variant, other, number) is Power.UNKNOWN


@given(st.text() | st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}", fullmatch=True))
def test_outlet_is_found_only_as_it_is_written(outlet: str) -> None:
    single = {str(n) for n in range(1, 13)}
    chained = {f"{unit}.{n}" for unit in range(1, 9) for n in range(1, 49)}
    for name, allowed in (("IBM_PDU", single), ("EATON_G3", chained)):
        if outlet in allowed:
            assert MODELS[name].locate(outlet).n == int(outlet.split(".")[-1])
        else:
            with pytest.raises(ValueError, match=f"{name} has no outlet"):
                MODELS[name].locate(outlet)


def test_units_count_from_one_whatever_the_device_counts_from() -> None:
    assert MODELS["EATON_G3"].locate("1.7") == Place(0, 7)
    assert MODELS["RARITAN_PX2"].locate("1.7") == Place(1, 7)


def test_site_file_replaces_one_of_the_package_and_adds_others() -> None:
    models = load_pdu_models({"IBM_PDU": GOOD, "SITE": CHAINED})
    assert models.keys() == MODELS.keys() | {"SITE"}
    assert models["IBM_PDU"].outlets_max == 8
    assert models["APC_RPDU"] == MODELS["APC_RPDU"]
    assert load_pdu_models({}) == MODELS


def test_every_fault_of_every_file_is_one_line() -> None:
    texts = {
        "A": GOOD.replace("16", "0") + "colour = 1\n",
        "B": "versions = ",
        "D": "#" * 70_000,
        "a b": GOOD,
    }
    with pytest.raises(PduModelError) as caught:
        load_pdu_models(texts)
    faults = caught.value.faults
    assert str(caught.value) == "\n".join(faults)
    assert all("\n" not in fault for fault in faults)
    assert sorted(fault.split(":")[0] for fault in faults) == [
        "A.toml",
        "A.toml",
        "B.toml",
        "D.toml",
        "a b.toml",
    ]
    assert "A.toml: max_varbinds: 0 is not allowed; must be a number from 1 to 32" in faults


@pytest.mark.parametrize(
    ("old", "new", "key", "allowed"),
    [
        ('["2c", "1"]', '["3"]', "versions", '"2c"'),
        ('["2c", "1"]', '["1", "1"]', "versions", "once"),
        ("outlets_max = 8", "outlets_max = 0", "outlets_max", "1 to 255"),
        ("outlets_max = 8", "outlets_max = true", "outlets_max", "1 to 255"),
        ("9.2.{n}", "9.2.1", "state", "{n}"),
        ("9.2.{n}", "9.2.{n}.{n}", "state", "{n}"),
        ("9.2.{n}", "9.2.{m}", "state", "{n}"),
        ("9.1.0", "9.1.{n}", "outlets", "an OID"),
        ("9.1.0", "9.1.4294967296", "outlets", "an OID"),
        ("1.3.6.1.4.1.9.1.0", "3.3.6", "outlets", "an OID"),
        ("INTEGER", "Integer", "state_type", '"INTEGER" or "Gauge32"'),
        ("write = 2", "write = 2.0", "off.write", "a number"),
        ("write = 2", "write = 1", "off.write", "must differ"),
        ("read = [1]", "read = []", "off.read", "values"),
        ("read = [1]", "read = [2]", "off.read", "each number means one"),
        ("read = [1]", "read = [1, 1]", "off.read", "different numbers"),
        ("read = [1]", 'read = ["1"]', "off.read", "numbers"),
        ("read = [1]", "read = [1], reed = [2]", "off.reed", "known here: oid, read, write"),
        ("max_varbinds = 16", "max_varbinds = 16\nunknown = [1]", "off.read", "each number"),
        ("max_varbinds = 16", 'max_varbinds = 16\nfirmware = "x"', "firmware", "an OID"),
        ("max_varbinds = 16", "max_varbinds = 16\nunits_max = 2", "units_max", "unknown key"),
        ("off = {", "of = {", "off", "a table"),
        ('"1.3.6.1.4.1.9.1.0"', "300", "outlets", "1 to 255"),
    ],
)
def test_fault_names_the_key_and_what_is_allowed(
    old: str, new: str, key: str, allowed: str
) -> None:
    read_pdu_model("SITE", GOOD)
    faults = faults_of(GOOD.replace(old, new, 1))
    assert any(f.startswith(f"SITE.toml: {key}: ") and allowed in f for f in faults), faults


def test_variants_of_a_model_need_marks_and_ids_of_their_own() -> None:
    two = GOOD + '[[variant]]\nid = "a"\n[[variant]]\nid = "a"\nabsent = ["1.3.6"]\n'
    faults = faults_of(two)
    assert any(f.startswith("SITE.toml: variant[1].present: missing") for f in faults)
    assert any("ids must differ" in f for f in faults)
    none = GOOD.replace('state = "1.3.6.1.4.1.9.2.{n}"\n', "")
    assert any("state: missing" in f for f in faults_of(none + '[[variant]]\nid = "a"\n'))
    assert any("state: missing" in f for f in faults_of(none))


def test_a_known_firmware_has_one_layout_and_a_variant_differs_from_another() -> None:
    one = '[[variant]]\nid = "a"\nabsent = ["1.3.6"]\nfirmware_is = ["v1"]\n'
    assert read_pdu_model("SITE", GOOD + one).variants[0].firmware_is == ("v1",)
    two = GOOD + one + one.replace('"a"', '"b"') + 'differs_from = "b"\n'
    assert any("firmware_is: names a firmware twice" in fault for fault in faults_of(two))
    assert any("id of another variant: a" in fault for fault in faults_of(two))
    assert faults_of(GOOD + one.replace('["v1"]', "[]"))
    assert any("there is one variant" in f for f in faults_of(GOOD + one + 'differs_from = "a"\n'))


def test_operator_pins_a_layout_by_a_model_with_that_variant_only() -> None:
    pinned = read_pdu_model(
        "IBM_OLD",
        TEXTS["IBM_PDU"].split("[[variant]]")[0]
        + '[[variant]]\nid = "old"\nstate = "1.3.6.1.4.1.2.6.223.8.2.2.1.11.{n}"\n',
    )
    assert [variant.id for variant in pinned.variants] == ["old"]
    assert pinned.variants[0].absent == ()


def test_one_object_per_action_may_take_the_same_number() -> None:
    (variant,) = read_pdu_model("SITE", CHAINED).variants
    assert variant.off.control != variant.on.control
    assert variant.off.write == variant.on.write == 0


@pytest.mark.parametrize("place", ["state", "off", "on", "outlets"])
def test_chained_model_names_the_unit_everywhere(place: str) -> None:
    lines = [
        line.replace("{unit}.", "").replace("{unit}", "1") if line.startswith(place) else line
        for line in CHAINED.splitlines()
    ]
    assert faults_of("\n".join(lines))


def test_number_of_outlets_may_be_fixed_unless_units_are_chained() -> None:
    assert read_pdu_model("SITE", GOOD.replace('"1.3.6.1.4.1.9.1.0"', "8")).outlets == 8
    assert faults_of(CHAINED.replace('"1.3.6.1.4.1.9.1.{unit}"', "8"))


@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_file_without_one_of_its_keys_is_a_fault_or_a_model(name: str, data: st.DataObject) -> None:
    content = tomllib.loads(TEXTS[name])
    key = data.draw(st.sampled_from(sorted(content)))
    del content[key]
    optional = {"firmware", "product", "name", "unknown", "control", "first_unit"}
    read = model_or_faults(name, text_of(content))
    # without its variants IBM's table has no state
    assert isinstance(read, PduModel) == (key in optional)


JUNK = st.recursive(
    st.integers(-(2**40), 2**40)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.from_regex(r"[a-z0-9.{}]{0,12}", fullmatch=True),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "oid", "read", "write", "state"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_any_content_is_a_model_or_faults_of_one_line(name: str, data: st.DataObject) -> None:
    content = tomllib.loads(TEXTS[name])
    keys = st.sampled_from([*sorted(content), "x"])
    content |= data.draw(st.dictionaries(keys, JUNK, min_size=1, max_size=3))
    read = model_or_faults(name, text_of(content))
    if not isinstance(read, PduModel):
        assert read
        assert all(f.startswith(f"{name}.toml: ") and "\n" not in f for f in read)
        return
    for variant in read.variants:
        assert variant.off.read
        assert variant.on.read
        assert not variant.off.read & variant.on.read
        assert variant.state.has("n")
        assert variant.off.control.has("n")


@given(st.text())
def test_any_text_is_a_model_or_a_fault(text: str) -> None:
    with pytest.raises(PduModelError):
        read_pdu_model("SITE", text)


@pytest.mark.parametrize("text", ["a = " + "[" * 20_000, "a = " + "9" * 20_000])
def test_toml_without_end_is_a_fault(text: str) -> None:
    assert len(faults_of(text)) == 1


def test_oid_of_a_place() -> None:
    assert Template((1, 3, "unit", 7, "n")).at(Place(2, 5)) == (1, 3, 2, 7, 5)
