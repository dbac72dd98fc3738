"""The commands' end of the control socket: a plain blocking socket, one request per connection."""

import fcntl
import socket
from collections.abc import Callable
from pathlib import Path

from haconn.cli.errors import CommandError
from haconn.config.paths import Paths
from haconn.wire.control import (
    ControlError,
    Done,
    Progress,
    Refused,
    Report,
    Request,
    encode_request,
    parse_reply,
    reply_frames,
)

ANSWER_S = 15.0
"""How long the daemon may be silent, beyond which it is taken for stuck."""
OPERATION_S = 300.0
"""The same while a device is at work; longer than every stage of a reset and its restores."""
CHUNK_BYTES = 65536


class NoServiceError(CommandError):
    """No daemon listens."""


def ask_service(
    paths: Paths, request: Request, patience_s: float, progress: Callable[[str], None]
) -> Report:
    """Make a request of the daemon of these trees, as `ask` does.

    Raises CommandError where it runs and cannot be reached, since its socket was removed.
    """
    try:
        return ask(paths.control_socket, request, patience_s, progress)
    except NoServiceError:
        if _is_locked(paths.lock):
            raise CommandError("socket-gone", path=paths.control_socket) from None
        raise


def ask(path: Path, request: Request, patience_s: float, progress: Callable[[str], None]) -> Report:
    """Make a request and give its report.

    Args:
        patience_s: how long the daemon may be silent.
        progress: is called with each line of progress.

    Raises:
        NoServiceError: no daemon listens.
        CommandError: it refused, or the conversation broke.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(patience_s)
        _connect(stream, path)
        try:
            stream.sendall(encode_request(request))
            return _converse(stream, request, progress)
        except TimeoutError:
            raise CommandError("silent", seconds=f"{patience_s:.0f}") from None
        except OSError as exc:
            raise CommandError("broke", why=exc.strerror) from exc
        except ControlError as exc:
            raise CommandError("not-understood", why=exc) from exc


def _is_locked(lock: Path) -> bool:
    """Whether a daemon holds the lock; not known where it may not be read."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _connect(stream: socket.socket, path: Path) -> None:
    try:
        stream.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError) as exc:
        raise NoServiceError("no-service") from exc
    except TimeoutError:
        raise CommandError("no-connection", path=path) from None
    except OSError as exc:  # not allowed, or a path longer than an address of that family
        raise CommandError("not-connected", path=path, why=exc.strerror or exc) from exc


def _converse(stream: socket.socket, request: Request, progress: Callable[[str], None]) -> Report:
    frames = reply_frames()
    while data := stream.recv(CHUNK_BYTES):
        for value in frames.feed(data):
            match parse_reply(request, value):
                case Progress(text):
                    progress(text)
                case Refused(reason):
                    raise CommandError("refused", why=" ".join(reason.split()))
                case Done(report):
                    return report
    raise CommandError("no-answer")
