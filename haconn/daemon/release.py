"""haconn-release: lets go of the virtual address after the end of a daemon, and says so.

systemd runs it after any end of the daemon (ExecStopPost), as the same user, when all processes
of the unit are gone. In this order, and each only if the one before was done:

1. The lock in HACONN_VAR and the pair's port on this server's addresses are taken, so no daemon
   is alive, and none starts meanwhile. The lock alone would not show it: once HACONN_VAR is removed
   and made anew, the lock is another file, while the daemon goes on with its own.
2. The virtual address is removed from whatever interface has it, and read back as gone.
3. If that session was ever active, the peer is told RELEASE(session), on every path, three times.

What RELEASE says is then true for ever: the session's process is dead, and a session is never
taken up by another. So saying it again does no harm, whoever repeats it; the peer counts it only
for the session that it has last heard to be active. All the same the record that it rests on is
removed once all is done. Later the address may be the operator's (single mode), and a stop of the
daemon must not take it away.

Nobody waits for a name service, for TCP or for an answer, and LIMIT_S ends it whatever hangs. The
peer takes over when it hears of this, so the time from start to RELEASE counts: neither trio nor
the configuration is imported, and what seals is imported when the address is gone.

Exit status 0: done, or nothing to do. 1: not done; the lease of the address ends by itself in a
second, and the peer finds out by itself. One line says which.
"""

import errno
import os
import select
import signal
import socket
import sys
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path as File
from types import FrameType, TracebackType
from typing import Any

from haconn.config.errors import ConfigError
from haconn.config.files import read_text
from haconn.config.paths import Paths, paths
from haconn.core.beat import PairDatagram, Path, Release
from haconn.core.model import Secret
from haconn.daemon.boot import boot_id
from haconn.daemon.pair.exclusivity import LOCK, LockError, TakenError, take_lock
from haconn.daemon.pair.records import PairState, forget_state, load_state
from haconn.drivers.address.errors import AddressError
from haconn.drivers.address.lease import VirtualAddress

EXIT_OK = 0
EXIT_FAILED = 1
LIMIT_S = 0.8
"""Beside the time to start, this leaves the whole below a second."""
SENDINGS = 3
GAP_S = 0.05
SECRETS = "secrets.toml"


class PortError(Exception):
    """The pair's port is taken, so a daemon may be alive: nothing is done. One line."""


class NotToldError(Exception):
    """The address is gone, and the peer could not be told. One line."""


def main() -> int:
    """Release what the last daemon had."""
    sys.excepthook = _say_only_what
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        _say(release(paths(os.environ)))
    except TakenError as exc:
        _say(f"nothing to release: {exc}")
    except (AddressError, ConfigError, LockError, NotToldError, PortError) as exc:
        _say(str(exc))
        return EXIT_FAILED
    return EXIT_OK


def release(trees: Paths) -> str:
    """Do it, and give the line that says what was done.

    Raises TakenError if a daemon runs, and LockError, PortError, AddressError,
    NotToldError.
    """
    if not (trees.var / LOCK).exists():
        # it is not made here: whoever runs this by hand would own it, and not the daemon
        return "nothing to release: no daemon has run"
    lock = take_lock(trees.var)
    try:
        damaged: list[File] = []
        state = load_state(trees.run, boot_id(), damaged.append)
        if damaged:
            raise NotToldError(f"{damaged[0]} is damaged: the address is left to end by itself")
        if state is None:
            return "nothing to release: no daemon of a pair has run in this boot"
        with ExitStack() as open_ones:
            return _release(trees, state, _ports(state, open_ones))
    finally:
        os.close(lock)


def _release(trees: Paths, state: PairState, sockets: Mapping[Path, socket.socket]) -> str:
    """What `release` does when no daemon is alive."""
    with VirtualAddress(state.virtual_address, state.prefix) as address:
        had = address.strip()
    place = f"removed from {', '.join(had)}" if had else "on no interface"
    told = "this session was not active"
    if state.was_active:
        told = _tell_peer(trees.etc, state, sockets)
    fault = forget_state(trees.run)
    return f"{state.virtual_address} is {place}; {told}{f'; {fault}' if fault else ''}"


def _tell_peer(etc: File, state: PairState, sockets: Mapping[Path, socket.socket]) -> str:
    """Say RELEASE on every path where the peer's address is known."""
    try:
        datagrams = _sealed(etc, state)
    except (ConfigError, ValueError) as exc:
        raise NotToldError(f"{state.virtual_address} is gone, the peer is not told: {exc}") from exc
    reached: dict[Path, None] = {}
    for number in range(SENDINGS):
        if number:
            select.select([], [], [], GAP_S)
        for path, address in state.peer.items():
            if _send(sockets[path], datagrams, (address, state.peer_port)):
                reached[path] = None
    if not reached:
        raise NotToldError(f"{state.virtual_address} is gone, the peer is not told: no path")
    return f"the peer was told on {', '.join(path.value for path in reached)}"


def _sealed(etc: File, state: PairState) -> tuple[bytes, ...]:
    """Give RELEASE under every key that the peer may have.

    Raises ConfigError, or ValueError that quotes nothing.
    """
    from haconn.config.memory import forbid_dumps
    from haconn.wire.pair.end import PairEnd  # after the address is gone: it is half of all imports
    from haconn.wire.pair.keys import PairKey

    forbid_dumps()
    text = read_text(etc / SECRETS, secret=True)
    keys = [PairKey(generation, key) for generation, key in _peer_keys(text or "")]
    end = PairEnd(keys, state.me, state.peer_name)
    release_datagram = PairDatagram(state.session, 0, state.epoch, Release(state.session))
    return end.seal_under_each(release_datagram)


def _peer_keys(text: str) -> list[tuple[int, Secret]]:
    """Read the key of the pair, and nothing else of the file: the rest may have faults."""
    try:
        table: Any = tomllib.loads(text)
        return [(int(row["generation"]), Secret(str(row["key"]))) for row in table["peer"]["keys"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError(f"{SECRETS}: no key of the pair") from None


def _ports(state: PairState, open_ones: ExitStack) -> dict[Path, socket.socket]:
    """Take the pair's port wherever the daemon had it; raises PortError if a process has it.

    Filters between the two may ask for that port, so RELEASE leaves from it. From an address that
    this server has no longer, the port cannot be taken: any other is then worth a try.
    """
    sockets = {}
    for path in {**state.own, **state.peer}:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sockets[path] = open_ones.enter_context(one)
        place = (state.own.get(path, ""), state.own_port if path in state.own else 0)
        try:
            one.bind(place)
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                raise PortError(
                    f"port {place[1]} of the pair on {place[0]}: another process has it;"
                    " the address is left to end by itself, and the peer is not told"
                ) from exc
    return sockets


def _send(one: socket.socket, datagrams: tuple[bytes, ...], place: tuple[str, int]) -> bool:
    try:
        for datagram in datagrams:
            one.sendto(datagram, place)
    except OSError:
        return False
    return True


def _give_up(_number: int, _frame: FrameType | None) -> None:
    """Something hangs in the kernel: nobody is to wait for it."""
    os.write(2, b"haconn-release: not done in time\n")
    os._exit(EXIT_FAILED)


def _say_only_what(
    kind: type[BaseException], _error: BaseException, traceback: TracebackType | None
) -> None:
    """A line in place of a traceback: a secret may be near."""
    where = traceback
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = "" if where is None else f" at {where.tb_frame.f_code.co_name}:{where.tb_lineno}"
    _say(f"{kind.__name__}{place}")


def _say(text: str) -> None:
    sys.stderr.write(f"haconn-release: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
