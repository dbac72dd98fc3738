"""virtualbmc on libvirt's built-in test driver, run by an interpreter that has both.

    PYTHON virtualbmc_peer.py PORT      (make_virtualbmc.sh makes that PYTHON)

Prints `ready`, then one line for each chassis command that libvirt carried out. Account admin,
password password. Ends with its standard input. The state of `test:///default` lives as long as
one connection to it, so every power-off is forgotten at once; commands are accepted all the same.
"""

import sys
import threading
from importlib import import_module
from typing import Any

PUMP_S = 0.02  # its own `listen` looks for 30 s and can lose a wake-up


def say(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def counted(name: str, original: Any) -> Any:  # noqa: ANN401 - the peer is not typed
    """Print the name of a command that succeeded."""

    def perform(bmc: Any) -> Any:  # noqa: ANN401
        code = original(bmc)
        if not code:
            say(name)
        return code

    return perform


def main() -> None:
    """Serve until standard input ends."""
    base = import_module("virtualbmc.vbmc").VirtualBMC
    names = {
        "power_reset": "reset",
        "pulse_diag": "nmi",
        "power_off": "power-off",
        "power_on": "power-on",
    }
    commands = {name: counted(said, getattr(base, name)) for name, said in names.items()}
    ended = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    type("CountedBmc", (base,), commands)(
        username="admin",
        password="password",
        port=int(sys.argv[1]),
        address="127.0.0.1",
        domain_name="test",
        libvirt_uri="test:///default",
    )
    say("ready")
    session = import_module("pyghmi.ipmi.private.session").Session
    while not ended.is_set():
        session.wait_for_rsp(PUMP_S)


if __name__ == "__main__":
    main()
