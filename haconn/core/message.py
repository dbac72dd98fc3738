"""What a message is: a stable id, a severity, and a text in two languages."""

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """Where a message goes: INFO to the event log, WARNING to the alt log, ERROR to the err log."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Message:
    """One message in two languages."""

    id: str
    severity: Severity
    english: str
    japanese: str
    alarm: bool = False
    """Whether `haconnshow status` shows it until it is over."""

    def text(self, values: dict[str, str], language: str = "en") -> str:
        """Fill the values in."""
        return (self.japanese if language == "ja" else self.english).format_map(values)
