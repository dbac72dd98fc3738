"""What the operator reads afterwards: reset log, event logs, syslog, and the standing alarms.

The reset log has the five formats of R-228 to R-237, to the letter. Everything else goes to the
event logs by severity: eventlog has all, altlog warnings, errlog errors. Each line bears the
operation's id where there is one, so that one reset can be followed through all of them.
"""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from haconn.core.actions import Line, Remark
from haconn.core.message import Severity
from haconn.core.messages import MESSAGES
from haconn.core.world import remark
from haconn.daemon.faces import RESET_FACE_BYTES, Faces, Writer
from haconn.daemon.journal import reset_stamp

SYSLOG = "/dev/log"
DAEMON_FACILITY = 3 << 3
SYSLOG_LEVEL = {Severity.INFO: 6, Severity.WARNING: 4, Severity.ERROR: 3}
TO_SYSLOG = frozenset(
    {
        "started",
        "stopping",
        "crashed",
        "disk",
        "not-reset",
        "refuted",
        "distrusted",
        "still-distrusted",
        "wrong-outlets",
        "on-after-outlets",
        "bmc-anothers",
        "boot-superseded",
        "other-machine",
        "restore-failed",
        "pair-role",
        "pair-takeover",
        "pair-begins",
        "pair-yield",
        "pair-lost",
        "pair-fencing",
        "pair-fenced",
        "pair-fence-failed",
        "pair-blind",
        "pair-waits",
        "pair-operator",
    }
)
"""Start, stop and abnormal operation (R-224)."""
ENDS = {
    "booted": ("not-reset", "unknown-boot", "refuted", "on-after-outlets"),
    "trusted": ("distrusted", "still-distrusted"),
    "wrong-outlets": ("distrusted", "still-distrusted"),
    "restored": ("restore-failed",),
    "bmc-back": ("bmc-lost",),
    "bmc-identified": ("bmc-anothers", "bmc-elsewhere"),
    "bmc-anothers": ("bmc-elsewhere",),
    "bmc-elsewhere": ("bmc-anothers",),
    "one-machine": ("boot-superseded", "other-machine"),
    "pdu-back": ("pdu-lost", "pdu-unusable"),
    "journal": ("disk",),
    "socket-again": ("socket-lost",),
    "pair-heard": ("pair-lost", "pair-blind", "pair-waits", "pair-fence-failed"),
    "pair-takeover": ("pair-waits", "pair-blind", "pair-fence-failed"),
    "pair-begins": ("pair-waits", "pair-blind", "pair-fence-failed"),
    "pair-path-back": ("pair-path-lost",),
    "pair-fenceable": ("pair-unfenceable",),
    "pair-synchronised": ("pair-unsynchronised",),
    "pair-same": ("pair-drift", "pair-other-service"),
    "pair-drift": ("pair-other-service",),
    "pair-other-service": ("pair-drift",),
    "pair-epoch-kept": ("pair-epoch",),
    "pair-address-held": ("pair-address",),
    "pair-stopped": ("pair-lost", "pair-unsynchronised"),
}
"""Which message ends which alarms about the same thing."""
ABOUT = ("about", "path", "system", "pdu", "server", "what", "port")
"""Which value says what a message is about; the first of these that it has."""
LOG = "the log"
NOTHING = "----"


def reset_line(line: Line) -> str:
    """One line of the reset log, without its stamp."""
    common: tuple[object, ...] = (
        line.kind.value,
        line.server,
        line.target,
        "SEND" if line.sent else "RECV",
        line.address,
        line.port,
        line.number,
    )
    return " ".join(NOTHING if field is None else str(field) for field in common + line.fields)


class Syslog:
    """Datagrams to the system's log; nobody waits, and a missing log is no error."""

    def __init__(self, place: str = SYSLOG) -> None:
        self._place = place
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def put(self, severity: Severity, text: str) -> None:
        """Send one line."""
        priority = DAEMON_FACILITY | SYSLOG_LEVEL[severity]
        line = f"<{priority}>haconn[{os.getpid()}]: {text}".encode()
        try:
            self._socket.sendto(line, self._place)
        except OSError:
            return  # no syslog here, or it is not fast enough: the event log has the line too

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Chronicle:
    """Writes lines and remembers the alarms that stand."""

    def __init__(self, directory: Path, language: str, syslog: Syslog | None = None) -> None:
        self._language = language
        self._reset_log = Faces(directory, "resetlog", RESET_FACE_BYTES)
        self._by_severity = {
            Severity.INFO: Faces(directory, "eventlog"),
            Severity.WARNING: Faces(directory, "altlog"),
            Severity.ERROR: Faces(directory, "errlog"),
        }
        logs = (self._reset_log, *self._by_severity.values())
        self._writer = Writer(logs, self._write_failed, self._write_works)
        self._syslog = Syslog() if syslog is None else syslog
        self.alarms: dict[tuple[str, str], str] = {}
        self._listeners: dict[str, Callable[[str], None]] = {}

    async def serve(self) -> None:
        """Write what is put; for ever."""
        await self._writer.serve()

    async def finish(self) -> None:
        """Write what still waits, and close."""
        try:
            await self._writer.write()
        finally:
            self._syslog.close()

    def write_now(self) -> None:
        """Write what waits, whoever has to wait for it: the process is about to die."""
        try:
            self._writer.flush()
        except OSError as exc:
            self._write_failed(exc)

    def line(self, line: Line) -> None:
        """Write a line of the reset log."""
        self._reset_log.put(f"{reset_stamp()} {reset_line(line)}")
        self._writer.wake()

    def listen(self, operation: str, heard: Callable[[str], None]) -> None:
        """Let a command follow what is said of an operation."""
        self._listeners[operation] = heard

    def forget(self, operation: str) -> None:
        """The command has gone."""
        self._listeners.pop(operation, None)

    def remark(self, said: Remark) -> None:
        """Write a line of the event log; an alarm stands until a message ends it."""
        message = MESSAGES[said.message]
        values = dict(said.values)
        text = message.text(values, self._language)
        line = f"{reset_stamp()} {message.id} {message.severity.value} {text}"
        self._by_severity[Severity.INFO].put(line)
        if message.severity is not Severity.INFO:
            self._by_severity[message.severity].put(line)
        self._writer.wake()
        about = _about(values)
        for ended in ENDS.get(said.message, ()):
            self.alarms.pop((ended, about), None)
        if message.alarm:
            self.alarms[said.message, about] = f"{message.id} {text}"
        if said.message in TO_SYSLOG:
            self._syslog.put(message.severity, f"{message.id} {text}")
        heard = self._listeners.get(values.get("operation", ""))
        if heard is not None:
            heard(text)

    def damaged(self, path: Path) -> None:
        """Say that a small record cannot be used."""
        self.remark(remark("state-damaged", path=path))

    def _write_failed(self, exc: OSError) -> None:
        reason = exc.strerror or str(exc)
        text = MESSAGES["disk"].text({"what": LOG, "reason": reason}, self._language)
        if self.alarms.get(("disk", LOG)) != text:
            self.alarms["disk", LOG] = text
            self._syslog.put(Severity.ERROR, text)

    def _write_works(self) -> None:
        self.alarms.pop(("disk", LOG), None)


def _about(values: dict[str, str]) -> str:
    """What a message is about: outlets and power of one server are two things."""
    about = next((values[name] for name in ABOUT if name in values), "")
    return f"{about}: {values['what']}" if "server" in values and "what" in values else about
