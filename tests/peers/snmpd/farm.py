"""net-snmp's snmpd, one per layout of a PDU, on loopback ports of the kernel's choice."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent
ENTERPRISES = {
    "ibm-old": ".1.3.6.1.4.1.2.6.223",
    "ibm-new": ".1.3.6.1.4.1.2.6.223",
    "apc-rpdu": ".1.3.6.1.4.1.318",
    "apc-rpdu2": ".1.3.6.1.4.1.318",
}
CONFIGURATION = """\
agentaddress udp:127.0.0.1:{port}
rocommunity public 127.0.0.1
rwcommunity private 127.0.0.1
pass_persist {enterprise} {python} -m tests.peers.snmpd.pass_pdu {layout}
"""


class Farm:
    """Starts what is asked for, once, and ends all of it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: dict[str, tuple[subprocess.Popen[bytes], int]] = {}

    def port(self, program: str, layout: str) -> int:
        """Give the port of the snmpd that shows this layout."""
        if layout not in self._running:
            self._running[layout] = self._start(program, layout)
        return self._running[layout][1]

    def end(self) -> None:
        """End every snmpd that was started."""
        for process, _ in self._running.values():
            process.terminate()
            process.communicate(timeout=10)

    def _start(self, program: str, layout: str) -> tuple[subprocess.Popen[bytes], int]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        home = self._directory / layout
        home.mkdir()
        configuration = home / "snmpd.conf"
        values = {"port": port, "python": sys.executable, "layout": layout}
        configuration.write_text(
            CONFIGURATION.format(enterprise=ENTERPRISES[layout], **values), encoding="utf-8"
        )
        process = subprocess.Popen(
            [program, "-f", "-Lo", "-r", "-C", "-c", str(configuration), "-I", "-smux"],
            cwd=ROOT,
            env=own_environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        lines: list[bytes] = []
        for line in process.stdout:  # it says its name once its port is bound
            lines.append(line)
            if b"NET-SNMP version" in line:
                return process, port
        raise AssertionError(f"snmpd did not start: {lines}")


def own_environment(home: Path) -> dict[str, str]:
    """Keep net-snmp's programs away from the files of the machine."""
    return {
        **os.environ,
        "SNMP_PERSISTENT_DIR": str(home / "state"),
        "SNMPCONFPATH": str(home),
        "MIBS": "",
    }
