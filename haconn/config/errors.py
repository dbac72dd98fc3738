"""The one error of the configuration: something an operator must change."""


class ConfigError(Exception):
    """A setting that cannot be used, in one line: where, which key, what is wrong, what is allowed.

    A file may have several faults: `faults` has one line each. No secret is part of any.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class RefusedError(ConfigError):
    """A change that names what does not exist, or would make a valid configuration invalid."""


LENGTH_MAX = 60


def shown(value: object) -> str:
    """Quote what an operator wrote: one short line, whatever it was."""
    text = f"{value!r}" if isinstance(value, str) else f"{value}"
    line = "".join(letter if letter.isprintable() else "?" for letter in text)
    return line if len(line) <= LENGTH_MAX else f"{line[:LENGTH_MAX]}..."
