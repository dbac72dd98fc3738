"""Every sort of value: what is allowed comes back, everything else is a ValueError in words."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haconn.cli.values import AddressAndMask, KeyName, OwnerName, PduOrAll
from haconn.config.kinds import Kind, address, netmask, outlet
from haconn.config.option import Record, named, options
from haconn.config.schema import (
    COMMUNITY,
    MODE,
    Binding,
    ManagedServer,
    PduEntry,
    ResetPath,
    Timers,
)
from haconn.config.secretfile import KeyRing, LoginRow, SystemRow
from haconn.core.model import Secret

RECORDS: tuple[Record, ...] = (
    ManagedServer,
    PduEntry,
    ResetPath,
    Timers,
    Binding,
    LoginRow,
    SystemRow,
)
KINDS: list[Kind] = [entry.option.kind for record in RECORDS for entry in options(record)]
KINDS += [COMMUNITY.kind, MODE.kind, KeyRing()]
KINDS += [AddressAndMask(), OwnerName(), KeyName(), PduOrAll()]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


T = TypeVar("T")


def refusal(read: Callable[[T], object], value: T) -> str:
    try:
        read(value)
    except ValueError as exc:
        return str(exc)
    return "allowed"


def kind_of(record: Record, key: str) -> Kind:
    return named(record, key).option.kind


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.text() | st.from_regex(r"[a-z0-9./*-]{0,20}"))
def test_any_text_is_a_value_or_refused_in_one_line(kind: Kind, text: str) -> None:
    assert "\n" not in refusal(kind.parse, text)


@settings(deadline=None)
@given(st.sampled_from(KINDS), JSON)
def test_any_toml_value_is_a_value_or_refused_in_one_line(kind: Kind, value: object) -> None:
    assert "\n" not in refusal(kind.check, value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.allowed[:30])
def test_what_is_completed_is_allowed(kind: Kind) -> None:
    for word in kind.words:
        kind.parse(word)
        kind.parse(word.upper())


ACCEPTED: list[tuple[Record, str, str, object]] = [
    (Timers, "hispeed", "1000", 1000),
    (Timers, "hispeed", "5000", 5000),
    (Timers, "hispeed", "OFF", None),
    (ManagedServer, "name", "a" * 31, "a" * 31),
    (ManagedServer, "name", "v_system01.x-y", "v_system01.x-y"),
    (ManagedServer, "account", '"hitachi"', "hitachi"),
    (ManagedServer, "account", "a" * 16, "a" * 16),
    (ManagedServer, "recoverytime", "0", 0),
    (ManagedServer, "recoverytime", "5", 5),
    (ManagedServer, "timeout", "60", 60),
    (ManagedServer, "suite", "17", 17),
    (ManagedServer, "suite", "Auto", "auto"),
    (ManagedServer, "cluster", "ON", True),
    (ManagedServer, "dumpwait", "120", 120),
    (ManagedServer, "dumpwait", "off", None),
    (ManagedServer, "kdump_from", "127.0.0.1,127.0.0.2", ("127.0.0.1", "127.0.0.2")),
    (ManagedServer, "kdump_from", "off", ()),
    (ResetPath, "port", "5001", 5001),
    (ResetPath, "mask", "24", "255.255.255.0"),
    (PduEntry, "version", "2C", "2c"),
]
REFUSED: list[tuple[Record, str, str]] = [
    (Timers, "hispeed", "999"),
    (Timers, "hispeed", "1050"),
    (Timers, "hispeed", "5100"),
    (Timers, "hispeed", "1_000"),
    (Timers, "hispeed", "１０００"),
    (ManagedServer, "name", ""),
    (ManagedServer, "name", "a" * 32),
    (ManagedServer, "name", "-a"),
    (ManagedServer, "name", "a/b"),
    (ManagedServer, "name", "a\n"),
    (ManagedServer, "name", "é"),
    (ManagedServer, "account", ""),
    (ManagedServer, "account", '""'),
    (ManagedServer, "account", 'a"b'),
    (ManagedServer, "account", "a" * 17),
    (ManagedServer, "account", "a b"),
    (ManagedServer, "timeout", "4"),
    (ManagedServer, "timeout", "61"),
    (ManagedServer, "timeout", "+5"),
    (ManagedServer, "recoverytime", "1"),
    (ManagedServer, "recoverytime", "4"),
    (ManagedServer, "suite", "1"),
    (ManagedServer, "cluster", "true"),
    (ManagedServer, "dumpwait", "121"),
    (ManagedServer, "kdump_from", "127.0.0.1,127.0.0.1"),
    (ManagedServer, "kdump_from", "127.0.0.1,"),
    (ResetPath, "port", "5000"),
    (ResetPath, "port", "65536"),
    (PduEntry, "version", "3"),
    (Binding, "address", "4294967296"),
]


@pytest.mark.parametrize(("record", "key", "text", "value"), ACCEPTED)
def test_these_are_allowed(record: Record, key: str, text: str, value: object) -> None:
    assert kind_of(record, key).parse(text) == value


@pytest.mark.parametrize(("record", "key", "text"), REFUSED)
def test_these_are_refused(record: Record, key: str, text: str) -> None:
    assert refusal(kind_of(record, key).parse, text) != "allowed"


@pytest.mark.parametrize("letter", ['"', "$", "'", "\\", "#", ";", " ", "\x7f", "\x1f", "ä"])
def test_no_password_has_a_letter_that_the_manual_forbids(letter: str) -> None:
    with pytest.raises(ValueError, match="8 to 20"):
        kind_of(ManagedServer, "password").parse(f"long{letter}enough")


def test_passwords_have_8_to_20_letters() -> None:
    kind = kind_of(ManagedServer, "password")
    assert kind.parse("!%&()*+,") == Secret("!%&()*+,")
    assert kind.parse("x" * 20) == Secret("x" * 20)
    for text in ("x" * 7, "x" * 21):
        with pytest.raises(ValueError, match="8 to 20"):
            kind.parse(text)


def test_a_community_has_1_to_30_letters_and_digits() -> None:
    assert COMMUNITY.kind.parse("a" * 30) == Secret("a" * 30)
    for text in ("", "a" * 31, "a-b", "a_b"):
        with pytest.raises(ValueError, match="1 to 30"):
            COMMUNITY.kind.parse(text)


@settings(deadline=None)
@given(st.ip_addresses(v=4).map(str))
def test_an_address_has_one_spelling(text: str) -> None:
    numbers = [int(part) for part in text.split(".")]
    of_none = numbers in ([0] * 4, [255] * 4) or 224 <= numbers[0] <= 239
    assert (refusal(address, text) != "allowed") == of_none
    assert of_none or address(text) == text


@pytest.mark.parametrize("text", ["01.2.3.4", "1.2.3", "1.2.3.4.5", " 1.2.3.4", "::1", "1.2.3.4/8"])
def test_other_spellings_are_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="IPv4"):
        address(text)


@pytest.mark.parametrize("prefix", range(1, 33))
def test_a_mask_is_the_same_dotted_and_as_a_number(prefix: int) -> None:
    assert netmask(netmask(str(prefix))) == netmask(str(prefix))


@pytest.mark.parametrize("text", ["0", "33", "0.0.0.255", "255.0.255.0", "24 ", "-1"])
def test_these_are_no_masks(text: str) -> None:
    with pytest.raises(ValueError, match="netmask"):
        netmask(text)


@pytest.mark.parametrize("text", ["0", "01", "1.0", "1.", ".1", "1.2.3", "a", "1000", ""])
def test_these_are_no_outlets(text: str) -> None:
    with pytest.raises(ValueError, match="outlet"):
        outlet(text)


def test_outlets_are_n_or_unit_n() -> None:
    assert [outlet("1"), outlet("12"), outlet("2.24")] == ["1", "12", "2.24"]
