"""The objects of a PDU for net-snmp's snmpd: its `pass_persist` dialogue on standard input.

Arguments: a layout of fixtures.simulators.pdu_layouts. The protocol is net-snmp's, message by
message; only what the outlets are comes from here. State is kept as long as snmpd runs.
"""

import sys

from fixtures.simulators import pdu_ber as ber
from fixtures.simulators.pdu_ber import Oid
from fixtures.simulators.pdu_layouts import LAYOUTS, Objects

WORDS = {
    ber.INTEGER: "integer",
    ber.GAUGE32: "gauge",
    ber.TIME_TICKS: "timeticks",
    ber.OCTETS: "string",
    ber.OID: "objectid",
}


class Table:
    """What snmpd asks for, as the lines it wants."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._on = dict.fromkeys(objects.states.values(), True)
        self._names = sorted(objects.fixed.keys() | objects.states.keys() | objects.controls.keys())

    def get(self, name: Oid) -> list[str]:
        """Answer one object."""
        if name not in self._names:
            return ["NONE"]
        if name in self._objects.states:
            on = self._on[self._objects.states[name]]
            return [_dotted(name), "integer", str(self._objects.off_on[on])]
        if name in self._objects.controls:
            now = self._on[self._objects.controls[name]]
            order = next(n for n, after in self._objects.orders.items() if after is now)
            return [_dotted(name), "integer", str(order)]
        typed = self._objects.fixed[name]
        value = typed.value
        text = value.decode() if isinstance(value, bytes) else value
        return [
            _dotted(name),
            WORDS[typed.tag],
            _dotted(text) if type(text) is tuple else f"{text}",
        ]

    def get_next(self, name: Oid) -> list[str]:
        """Answer the object after this name."""
        return next((self.get(other) for other in self._names if other > name), ["NONE"])

    def set(self, name: Oid, line: str) -> list[str]:
        """Switch an outlet."""
        kind, _, value = line.partition(" ")
        if name in self._objects.settings:
            return ["DONE"]
        if name not in self._objects.controls:
            return ["not-writable"]
        if kind != "integer":
            return ["wrong-type"]
        if int(value) not in self._objects.orders:
            return ["wrong-value"]
        self._on[self._objects.controls[name]] = self._objects.orders[int(value)]
        return ["DONE"]


def _dotted(name: Oid) -> str:
    return "." + ".".join(map(str, name))


def _read_name() -> Oid:
    return tuple(int(arc) for arc in sys.stdin.readline().strip().strip(".").split("."))


def main() -> None:
    """Answer until snmpd goes."""
    table = Table(LAYOUTS[sys.argv[1]]("pdu000", 12))
    for request in iter(sys.stdin.readline, ""):
        command = request.strip()  # snmpd puts an empty line after a set
        lines: list[str] = []
        if command == "PING":
            lines = ["PONG"]
        elif command == "get":
            lines = table.get(_read_name())
        elif command == "getnext":
            lines = table.get_next(_read_name())
        elif command == "set":
            lines = table.set(_read_name(), sys.stdin.readline().strip())
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
