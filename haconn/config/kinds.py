"""What a value may be: one kind per sort of option, for files and for the command line alike.

`check` takes a value as a TOML file gives it, `parse` the text behind `key=`. Both give the value
the program works with, or raise ValueError with what is allowed. The rejected value itself is not
in the text: it may be a secret.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Protocol, TypeAlias

from haconn.core.model import Feed, Secret

TomlValue: TypeAlias = "str | int | bool | list[TomlValue] | dict[str, TomlValue]"
OFF = "off"


class Kind(Protocol):
    """A sort of value."""

    @property
    def allowed(self) -> str:
        """What is allowed, as an operator is told it."""

    @property
    def words(self) -> tuple[str, ...]:
        """The values worth completing; empty if there are too many."""

    def parse(self, text: str) -> object:
        """Give the value of a text of the command line."""

    def check(self, value: object) -> object:
        """Give the value of a TOML value."""

    def write(self, value: object) -> TomlValue:
        """Give the TOML value of a value that is not None."""


def _same(value: object) -> TomlValue:
    assert isinstance(value, str | int)
    return value


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number in decimal digits."""

    low: int
    high: int
    step: int = 1
    also: tuple[int, ...] = ()
    or_off: bool = False
    """`off` is a value too: None."""

    @property
    def allowed(self) -> str:
        more = f" in steps of {self.step}" if self.step > 1 else ""
        also = "".join(f", {number}" for number in self.also)
        return f"{self.low} to {self.high}{more}{also}{', off' if self.or_off else ''}"

    @property
    def words(self) -> tuple[str, ...]:
        return (OFF,) if self.or_off else ()

    def parse(self, text: str) -> object:
        if self.or_off and text.lower() == OFF:
            return None
        if not re.fullmatch(r"[0-9]{1,10}", text):
            raise ValueError(self.allowed)
        return self.check(int(text))

    def check(self, value: object) -> object:
        if self.or_off and value == OFF:
            return None
        if type(value) is not int:
            raise ValueError(self.allowed)
        number = int(value)  # a tomlkit integer is a subclass that carries its spelling
        regular = self.low <= number <= self.high and number % self.step == 0
        if not regular and number not in self.also:
            raise ValueError(self.allowed)
        return number

    def write(self, value: object) -> TomlValue:
        return OFF if value is None else _same(value)


@dataclass(frozen=True, slots=True)
class Text:
    """A text of certain characters and a certain length."""

    pattern: str
    allowed: str
    words: tuple[str, ...] = ()

    def parse(self, text: str) -> object:
        return self.check(text)

    def check(self, value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value, re.ASCII):
            raise ValueError(self.allowed)
        return str(value)

    def write(self, value: object) -> TomlValue:
        return _same(value)


@dataclass(frozen=True, slots=True)
class SecretText:
    """A text that is never shown."""

    text: Text
    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        return self.text.allowed

    def parse(self, text: str) -> object:
        return self.check(text)

    def check(self, value: object) -> object:
        return Secret(str(self.text.check(value)))

    def write(self, value: object) -> TomlValue:
        assert isinstance(value, Secret)
        return value.reveal()


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text that the manual writes between quotes: a literal pair of them is taken off (R-295)."""

    text: Text
    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        return self.text.allowed

    def parse(self, text: str) -> object:
        bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
        return self.text.check(bare)

    def check(self, value: object) -> object:
        return self.text.check(value)

    def write(self, value: object) -> TomlValue:
        return _same(value)


@dataclass(frozen=True, slots=True)
class Checked:
    """A text with a rule of its own: it comes back in its one spelling."""

    rule: Callable[[str], str]
    """Raises ValueError for a text that is not allowed."""
    allowed: str
    words: tuple[str, ...] = ()

    def parse(self, text: str) -> object:
        try:
            return self.rule(text)
        except ValueError as exc:
            raise ValueError(self.allowed) from exc

    def check(self, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(self.allowed)
        return self.parse(str(value))

    def write(self, value: object) -> TomlValue:
        return _same(value)


@dataclass(frozen=True, slots=True)
class OrOff:
    """A value, or `off` on the command line, which takes it away; a file does without the key."""

    kind: Checked

    @property
    def allowed(self) -> str:
        return f"{self.kind.allowed}, off"

    @property
    def words(self) -> tuple[str, ...]:
        return (OFF,)

    def parse(self, text: str) -> object:
        try:
            return None if text.lower() == OFF else self.kind.parse(text)
        except ValueError as exc:
            raise ValueError(self.allowed) from exc

    def check(self, value: object) -> object:
        return self.kind.check(value)

    def write(self, value: object) -> TomlValue:
        return self.kind.write(value)


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off; true or false in a file."""

    allowed: str = "on, off"
    words: tuple[str, ...] = ("on", OFF)

    def parse(self, text: str) -> object:
        if text.lower() not in self.words:
            raise ValueError(self.allowed)
        return text.lower() == "on"

    def check(self, value: object) -> object:
        if not isinstance(value, bool):
            raise ValueError("true, false")
        return value

    def write(self, value: object) -> TomlValue:
        return bool(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values; a number stays a number in a file."""

    values: tuple[str | int, ...]

    @property
    def allowed(self) -> str:
        return ", ".join(self.words)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(str(value) for value in self.values)

    def parse(self, text: str) -> object:
        named = {str(value): value for value in self.values}
        if text.lower() not in named:
            raise ValueError(self.allowed)
        return named[text.lower()]

    def check(self, value: object) -> object:
        for known in self.values:
            if value == known and type(value) is not bool:
                return known
        raise ValueError(self.allowed)

    def write(self, value: object) -> TomlValue:
        return _same(value)


@dataclass(frozen=True, slots=True)
class Addresses:
    """A list of IPv4 addresses; with commas between them, or `off`, on the command line."""

    count_max: int
    words: tuple[str, ...] = field(default=(OFF,), init=False)

    @property
    def allowed(self) -> str:
        return f"up to {self.count_max} IPv4 addresses with commas between them, off"

    def parse(self, text: str) -> object:
        try:
            return self.check([] if text.lower() == OFF else text.split(","))
        except ValueError as exc:
            raise ValueError(self.allowed) from exc

    def check(self, value: object) -> object:
        allowed = f"an array of up to {self.count_max} different IPv4 addresses"
        if not isinstance(value, list) or len(value) > self.count_max:
            raise ValueError(allowed)
        try:
            addresses = tuple(address(str(item)) for item in value)
        except ValueError as exc:
            raise ValueError(allowed) from exc
        if len(set(addresses)) < len(addresses):
            raise ValueError(allowed)
        return addresses

    def write(self, value: object) -> TomlValue:
        assert isinstance(value, tuple)
        return list(value)


@dataclass(frozen=True, slots=True)
class Feeds:
    """The outlets of a server, in a file: an array of {addr, concent}."""

    allowed: str = '[{ addr = "<IPv4 address>", concent = "<outlet>" }, ...]'
    words: tuple[str, ...] = ()

    def parse(self, text: str) -> object:
        raise ValueError(f"{self.allowed}, not {len(text)} letters")

    def check(self, value: object) -> object:
        if not isinstance(value, list):
            raise ValueError(self.allowed)
        return tuple(self._feed(item) for item in value)

    def _feed(self, item: object) -> Feed:
        if not isinstance(item, dict) or set(item) != {"addr", "concent"}:
            raise ValueError(self.allowed)
        concent = item["concent"]
        text = str(concent) if type(concent) is not bool and isinstance(concent, int) else concent
        try:
            return Feed(address(str(item["addr"])), outlet(str(text)))
        except ValueError as exc:
            raise ValueError(self.allowed) from exc

    def write(self, value: object) -> TomlValue:
        assert isinstance(value, tuple)
        return [{"addr": feed.pdu, "concent": feed.outlet} for feed in value]


def address(text: str) -> str:
    """Give a unicast IPv4 address in its one spelling; raises ValueError."""
    try:
        number = IPv4Address(text)
    except AddressValueError as exc:
        raise ValueError("IPv4 address") from exc
    if number.is_multicast or number.is_unspecified or int(number) == 0xFFFFFFFF:
        raise ValueError("IPv4 address of one machine")
    return str(number)


def netmask(text: str) -> str:
    """Give the dotted form of a mask in dotted or prefix form; raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,2}|[0-9.]{7,15}", text):
        raise ValueError("netmask")
    try:
        mask = IPv4Network(f"0.0.0.0/{text}").netmask
    except (NetmaskValueError, ValueError) as exc:
        raise ValueError("netmask") from exc
    if "." in text and str(mask) != text:  # 0.0.0.255 is taken for a host mask
        raise ValueError("netmask")
    if int(mask) == 0:
        raise ValueError("netmask")
    return str(mask)


def outlet(text: str) -> str:
    """Give an outlet, `n` or `unit.n`, counted from 1; raises ValueError."""
    if not re.fullmatch(r"[1-9][0-9]{0,2}(\.[1-9][0-9]{0,2})?", text):
        raise ValueError("outlet")
    return text


ADDRESS = Checked(address, "an IPv4 address of one machine")
NETMASK = Checked(netmask, "a netmask, dotted or as a number from 1 to 32")
OUTLET = Checked(outlet, "n or unit.n, counted from 1")
SYMBOLS = "[!%&()*+,./0-9:<=>?@A-Z\\[\\]^_`a-z{|}~-]"
SYMBOL_WORDS = "ASCII letters, digits and symbols without \" $ ' \\ # ; and space"


def name(what: str = "") -> Text:
    """A name of a server (A-09)."""
    return Text(
        r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,30}",
        f"1 to 31 ASCII letters, digits, _, . and -, not - first{what}",
    )


def symbols(low: int, high: int) -> Text:
    """A login name or a password (R-291, R-292)."""
    return Text(f"{SYMBOLS}{{{low},{high}}}", f"{low} to {high} {SYMBOL_WORDS}")
