"""haconnr2: builds the daemon, runs it, and says by its exit status how it ended.

Exit status 0: stopped in order. 1: failed, or the machine is not as it has to be. 78: the
configuration cannot be used (EX_CONFIG); every fault is named, and nothing was started.

The order at start: one process only (lock), configuration, journal, devices, control socket, and
the reset path last, when a request can be carried out. systemd is told then.
"""

import argparse
import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import trio

from haconn.config.errors import ConfigError
from haconn.config.memory import forbid_dumps
from haconn.config.pair_rules import require_startable
from haconn.config.paths import Paths, paths
from haconn.config.pdu_model import PduModel
from haconn.config.rules import notes
from haconn.config.schema import Configuration
from haconn.config.store import load, models_of
from haconn.daemon.journal import host_name
from haconn.daemon.pair.exclusivity import LockError, only_process
from haconn.daemon.pair.main import Sole, serve_pair
from haconn.daemon.pair.parts import Two, paths_of, two_of
from haconn.daemon.pair.paths import PairPortError
from haconn.daemon.pair.records import forget_state
from haconn.daemon.service import Service, StartError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_CONFIG = 78
TO_STOP = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon until it is told to stop."""
    parser = argparse.ArgumentParser(
        prog="haconnr2",
        description="The haconn daemon. Settings lie in HACONN_ETC (/etc/haconn2).",
    )
    parser.add_argument("--check", action="store_true", help="read the configuration and stop")
    options = parser.parse_args(arguments)
    if sys.flags.optimize:
        return _fail("python -O switches off the checks that verdicts rest on; run without it")
    forbid_dumps()
    try:
        trees = paths(os.environ)
        configuration, models = load(trees.etc), models_of(trees.etc)
        require_startable(configuration, host_name())
    except ConfigError as exc:
        for fault in exc.faults:
            _say(fault)
        return EXIT_CONFIG
    for note in notes(configuration):
        _say(f"note: {note}")
    return EXIT_OK if options.check else _run(trees, configuration, models)


def _run(trees: Paths, configuration: Configuration, models: dict[str, PduModel]) -> int:
    os.umask(0o027)
    try:
        for tree in (trees.var, trees.run):
            tree.mkdir(parents=True, exist_ok=True)
        _make_log_tree(trees.log)
    except OSError as exc:
        return _fail(_why(exc))
    for number in TO_STOP:
        signal.signal(number, signal.SIG_IGN)
    serve = _run_pair if configuration.mode == "pair" else _run_single
    try:
        return serve(trees, configuration, models)
    except (StartError, LockError, PairPortError) as exc:
        return _fail(str(exc))


def _make_log_tree(log: Path) -> None:
    """Make the directory of the logs; a disk that is full or read-only is an alarm of the logs."""
    try:
        log.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        if exc.errno not in {errno.EROFS, errno.ENOSPC, errno.EDQUOT}:
            raise


def _run_single(trees: Paths, configuration: Configuration, models: dict[str, PduModel]) -> int:
    with only_process(trees.var):
        forget_state(trees.run)  # the address is the operator's: nobody is to strip it
        return trio.run(_serve, trees, configuration, models)


def _run_pair(trees: Paths, configuration: Configuration, models: dict[str, PduModel]) -> int:
    two = two_of(configuration, host_name())
    paths = paths_of(two, configuration)
    with only_process(trees.var, paths.open) as lock:
        try:
            return trio.run(_serve_pair, trees, configuration, models, two, Sole(paths, lock))
        finally:
            paths.close()


def _why(exc: OSError) -> str:
    if isinstance(exc, FileExistsError):  # mkdir's word for a file at the directory's place
        return f"{exc.filename}: not a directory; allowed: a directory, or nothing yet"
    return f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc)


def _fail(reason: str) -> int:
    _say(reason)
    return EXIT_FAILED


def _say(text: str) -> None:
    sys.stderr.write(f"haconnr2: {text}\n")


async def _serve(trees: Paths, configuration: Configuration, models: dict[str, PduModel]) -> int:
    # outside of this block both signals are ignored: a second one, at the end, does not kill
    with trio.open_signal_receiver(*TO_STOP) as signals:
        service = Service(trees, configuration, models)
        listener = await service.prepare()
        with service.obituary():
            await _until_stopped(service, listener, signals)
        await service.finish()
    return EXIT_OK


async def _serve_pair(
    trees: Paths,
    configuration: Configuration,
    models: dict[str, PduModel],
    two: Two,
    sole: Sole,
) -> int:
    with trio.open_signal_receiver(*TO_STOP) as signals:
        return await serve_pair(trees, configuration, models, two, sole, signals)


async def _until_stopped(
    service: Service, listener: trio.SocketListener, signals: AsyncIterator[int]
) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(service.run, listener)
        async for number in signals:
            service.stop(signal.Signals(number).name)
            break
        await service.settle()
        nursery.cancel_scope.cancel(reason="stopped in order")


if __name__ == "__main__":
    sys.exit(main())
