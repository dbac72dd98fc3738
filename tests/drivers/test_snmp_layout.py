"""Chained units and objects per action: what is asked, what is chosen, what is sent."""

import socket
from dataclasses import replace

import pytest
import trio

from fixtures.simulators import pdu_ber as ber
from fixtures.simulators.pdu_ber import Typed
from fixtures.simulators.pdu_layouts import IBM, IBM_ROW
from haconn.config.pdu_model import Oid
from haconn.core.model import Accepted, Power
from haconn.drivers.snmp import Layout, NotUsable
from haconn.drivers.snmp.boundary import Value
from haconn.drivers.snmp.layout import NOTHING, choose, objects_to_ask, states_to_ask, text_of
from tests.drivers.pdu_bench import MODELS, driver, whenever

EATON = (1, 3, 6, 1, 4, 1, 534, 6, 6, 7)
COUNT = (*EATON, 1, 2, 1, 22)
FIRMWARE = (*EATON, 1, 2, 1, 5, 0)
STATE = (*EATON, 6, 6, 1, 2)


def chain(*counts: int | None) -> dict[Oid, Value]:
    """Make what a chain answers whose units have so many outlets; None for a gap."""
    values: dict[Oid, Value] = {
        (*STATE, 0, 1): Value("INTEGER", 1),
        FIRMWARE: Value("OCTET STRING", octets=b"02.00.0041"),
    }
    for index, count in enumerate(counts):
        if count is not None:
            values[(*COUNT, index)] = Value("INTEGER", count)
    return values


def test_every_unit_a_chain_may_have_is_asked_for() -> None:
    asked = objects_to_ask(MODELS["EATON_G3"])
    assert {(*COUNT, index) for index in range(8)} <= set(asked)
    assert {FIRMWARE, (*STATE, 0, 1)} <= set(asked)
    assert len(set(asked)) == len(asked)


def test_outlets_of_a_chain_are_named_by_unit() -> None:
    found = choose(MODELS["EATON_G3"], "2c", chain(2, 3))
    assert found.outlets == ("1.1", "1.2", "2.1", "2.2", "2.3")
    assert found.firmware == "02.00.0041"


def test_unit_that_is_missing_in_the_middle_leaves_the_numbers_of_the_others() -> None:
    assert choose(MODELS["EATON_G3"], "2c", chain(1, None, 1)).outlets == ("1.1", "3.1")


@pytest.mark.parametrize("counts", [(), (None, 3), (0,), (49,), (2, 0), (2, -1)])
def test_chain_that_counts_wrongly_is_not_usable(counts: tuple[int | None, ...]) -> None:
    with pytest.raises(NotUsable, match="number of outlets"):
        choose(MODELS["EATON_G3"], "2c", chain(*counts))


def test_first_outlet_must_have_a_state_that_the_table_knows() -> None:
    for state in (Value("noSuchInstance"), Value("Gauge32", 1), Value("INTEGER", 4)):
        with pytest.raises(NotUsable, match=r"state of its outlet 1\.1"):
            choose(MODELS["EATON_G3"], "2c", chain(2) | {(*STATE, 0, 1): state})
    pending = chain(2) | {(*STATE, 0, 1): Value("INTEGER", 2)}
    assert choose(MODELS["EATON_G3"], "2c", pending).outlets == ("1.1", "1.2")


def test_layouts_that_cannot_be_told_apart_are_not_usable() -> None:
    model = MODELS["IBM_PDU"]
    twins = replace(model, variants=(model.variants[0], replace(model.variants[0], id="twin")))
    with pytest.raises(NotUsable, match="several of the layouts old, twin"):
        choose(twins, "2c", {(*IBM, 8, 2, 1, 0): Value("INTEGER", 4)})


def ibm(firmware: str, columns: dict[int, tuple[int, ...]]) -> dict[Oid, Value]:
    """What an IBM PDU of four outlets answers; all its numbers are INTEGERs."""
    values: dict[Oid, Value] = {
        (*IBM, 7, 3, 0): Value("OCTET STRING", octets=firmware.encode()),
        (*IBM, 8, 2, 1, 0): Value("INTEGER", 4),
    }
    for column, numbers in columns.items():
        for n, number in enumerate(numbers, 1):
            values[(*IBM_ROW, column, n)] = Value("INTEGER", number)
    return values


def variant_of(values: dict[Oid, Value]) -> str:
    """Probe as the driver does: only what was asked for is known."""
    model = MODELS["IBM_PDU"]
    first = {oid: values.get(oid, NOTHING) for oid in objects_to_ask(model)}
    states = {oid: values.get(oid, NOTHING) for oid in states_to_ask(model, first)}
    return choose(model, "2c", first | states).variant


ON, IDLE, WATTS = (1, 1, 1, 0), (0, 0, 0, 0), (0, 0, 217, 226)


@pytest.mark.parametrize(
    ("firmware", "columns", "variant"),
    [
        ("OPDP_sIBM_v01.3_2", {11: ON, 13: WATTS}, "old"),
        ("OPDP_sIBM_v01.3_2", {11: ON, 13: IDLE}, "old"),
        ("OPDP_sIBM_v01.3_3", {11: (9600,) * 4, 13: ON, 14: ON, 15: (30, 0, 9, 0)}, "new"),
        ("OPDP_sIBM_v01.3_6", {11: ON, 13: WATTS}, "old"),
        ("OPDP_sIBM_v01.3_8", {11: ON, 13: WATTS, 14: IDLE}, "old"),
        ("OPDP_sLEN_v01.3_4", {11: (6000,) * 4, 13: ON, 14: IDLE, 15: IDLE}, "new"),
    ],
)
def test_layouts_of_real_firmware_are_recognised(
    firmware: str, columns: dict[int, tuple[int, ...]], variant: str
) -> None:
    """As published in xcat2/xcat-core #3022, #3111, #4607 and #5213."""
    assert variant_of(ibm(firmware, columns)) == variant


@pytest.mark.parametrize(
    ("firmware", "columns", "why"),
    [
        ("OPDP_sLEN_v01.3_9", {11: ON, 13: WATTS, 14: (95,) * 4, 15: (230,) * 4}, "INTEGER 217"),
        ("OPDP_sLEN_v01.3_9", {11: ON, 13: IDLE, 14: (95,) * 4, 15: (230,) * 4}, "layout old too"),
        ("OPDP_sIBM_v01.3_2", {11: (1, 1, 6000, 1), 13: WATTS}, "outlet 3 is INTEGER 6000"),
        ("OPDP_sIBM_v01.3_2", {11: (1, 1, 1), 13: WATTS}, "outlet 4 is noSuchInstance"),
        ("OPDP_sIBM_v01.3_3", {11: ON, 13: WATTS, 14: IDLE, 15: IDLE}, "outlet 3 is INTEGER 217"),
        ("OPDP_sIBM_v01.3_9", {11: ON, 13: WATTS, 14: IDLE}, "none of the layouts"),
    ],
)
def test_a_column_that_is_not_one_of_states_is_not_taken_for_one(
    firmware: str, columns: dict[int, tuple[int, ...]], why: str
) -> None:
    """With one idle outlet looked at, a column of watts once read off for all that draw nothing."""
    with pytest.raises(NotUsable, match=why):
        variant_of(ibm(firmware, columns))


def test_another_kind_of_device_is_told_to_be_none_of_this_model() -> None:
    with pytest.raises(NotUsable, match="as IBM_PDU: it has none of the objects of this model"):
        variant_of({})


def test_a_chain_that_counts_an_outlet_without_a_switch_is_used() -> None:
    values = chain(2) | {(*STATE, 0, 2): NOTHING}
    assert choose(MODELS["EATON_G3"], "2c", values).outlets == ("1.1", "1.2")
    with pytest.raises(NotUsable, match="state of its outlet 1"):
        choose(MODELS["EATON_G3"], "2c", chain(2) | {(*STATE, 0, 2): Value("INTEGER", 6000)})


def test_text_of_a_device_is_shown_without_what_could_hurt_a_terminal() -> None:
    model = MODELS["EATON_G3"]
    spoilt: dict[Oid, Value] = {
        FIRMWARE: Value("OCTET STRING", octets=b"v1\x1b[2J\n\xff" + b"x" * 100)
    }
    text = text_of(model.firmware, model, spoilt)
    assert text.isprintable()
    assert len(text) == 64
    assert text.startswith("v1[2J")


@pytest.mark.parametrize(("power", "column"), [(Power.OFF, 3), (Power.ON, 4)])
async def test_each_order_goes_to_its_own_object_of_the_device_unit(
    nursery: trio.Nursery, power: Power, column: int
) -> None:
    heard: list[ber.Message] = []
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        await agent.bind(("127.0.0.1", 0))

        async def take() -> None:
            datagram, sender = await agent.recvfrom(4096)
            heard.append(ber.decode(datagram))
            await agent.sendto(ber.encode(replace(heard[0], pdu=ber.RESPONSE)), sender)

        nursery.start_soon(take)
        device = driver("127.0.0.1", agent.getsockname()[1], "EATON_G3")
        found = Layout("EATON_G3", "only", "2c", ("2.5",), "", "", "")
        assert await device.switch(found, "2.5", power, whenever) == Accepted()
    (message,) = heard
    control = (*EATON, 6, 6, 1, column, 1, 5)
    assert message.bindings == ((control, Typed(ber.INTEGER, 0)),)
