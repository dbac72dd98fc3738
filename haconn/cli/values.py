"""Values that only the command line knows: an address with its mask, whose key, which key."""

import re
from dataclasses import dataclass

from haconn.config.keys import Owner
from haconn.config.kinds import ADDRESS, NETMASK, TomlValue, name


@dataclass(frozen=True, slots=True)
class AddressAndMask:
    """`<IPv4 address>/<mask>`; gives both in their one spelling."""

    allowed: str = "<IPv4 address>/<mask>, the mask dotted or as a number from 1 to 32"
    words: tuple[str, ...] = ()

    def parse(self, text: str) -> object:
        address, slash, mask = text.partition("/")
        if not slash:
            raise ValueError(self.allowed)
        try:
            return ADDRESS.parse(address), NETMASK.parse(mask)
        except ValueError as exc:
            raise ValueError(self.allowed) from exc

    def check(self, value: object) -> object:
        return self.parse(str(value))

    def write(self, value: object) -> TomlValue:
        return str(value)


@dataclass(frozen=True, slots=True)
class OwnerName:
    """`<server>` or `<server>/<vm>`."""

    allowed: str = "<server> or <server>/<vm>, each " + name().allowed
    words: tuple[str, ...] = ()

    def parse(self, text: str) -> object:
        server, slash, vm = text.partition("/")
        try:
            name().parse(server)
            if slash:
                name().parse(vm)
        except ValueError as exc:
            raise ValueError(self.allowed) from exc
        return Owner(server, vm if slash else None)

    def check(self, value: object) -> object:
        return self.parse(str(value))

    def write(self, value: object) -> TomlValue:
        return str(value)


@dataclass(frozen=True, slots=True)
class KeyName:
    """`<system id>.<generation>`."""

    allowed: str = "<system id>.<generation>, as haconnsetup key show tells them"
    words: tuple[str, ...] = ()

    def parse(self, text: str) -> object:
        found = re.fullmatch(r"([0-9]{1,8})\.([0-9]{1,3})", text, re.ASCII)
        if found is None:
            raise ValueError(self.allowed)
        return int(found[1]), int(found[2])

    def check(self, value: object) -> object:
        return self.parse(str(value))

    def write(self, value: object) -> TomlValue:
        return str(value)


@dataclass(frozen=True, slots=True)
class PduOrAll:
    """An address, or `*` for every PDU."""

    allowed: str = "an IPv4 address of one machine, * for all"
    words: tuple[str, ...] = ()

    def parse(self, text: str) -> object:
        return text if text == "*" else ADDRESS.parse(text)

    def check(self, value: object) -> object:
        return self.parse(str(value))

    def write(self, value: object) -> TomlValue:
        return str(value)


@dataclass(frozen=True, slots=True)
class FilePath:
    """A file of the operator's, from where the command is given."""

    allowed: str = "the path of a file"
    words: tuple[str, ...] = ()

    def parse(self, text: str) -> object:
        if not text or "\0" in text:
            raise ValueError(self.allowed)
        return text

    def check(self, value: object) -> object:
        return self.parse(str(value))

    def write(self, value: object) -> TomlValue:
        return str(value)
