"""No descriptor is left (EMFILE): what needs one says so and goes on, and nothing ends."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from haconn.config.store import load, models_of
from haconn.config.texts import MODELS
from haconn.core.model import Secret, Unsent
from haconn.daemon.pair.paths import own_address_towards
from haconn.daemon.pair.settings_watch import UNREADABLE, SettingsWatch
from haconn.daemon.supervision import Supervisor
from haconn.drivers.answer_times import AnswerTimes
from haconn.drivers.base import DeviceUnreachable
from haconn.drivers.snmp.boundary import Kind, build
from haconn.drivers.snmp.exchange import ask, order
from tests.daemon.files import store
from tests.daemon.pair.members import configuration


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let the process open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = os.open("/dev/null", os.O_RDONLY)
    os.close(least)
    resource.setrlimit(resource.RLIMIT_NOFILE, (least, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.open("/dev/null", os.O_RDONLY)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


COMMUNITY = Secret("community1")
STATE = (1, 3, 6, 1, 2, 1, 1, 1, 0)


async def test_a_pdu_is_not_reached_and_is_not_ordered() -> None:
    read = build(Kind.GET, "2c", COMMUNITY, (STATE,))
    with no_descriptors():
        with pytest.raises(DeviceUnreachable, match="Too many open files"):
            await ask("127.0.0.1", 9, read, AnswerTimes(0.25))
        request = build(Kind.SET, "2c", COMMUNITY, (STATE,), (0,))
        answer = await order("127.0.0.1", 9, request, lambda: None)
    assert isinstance(answer, Unsent)


def test_the_own_address_is_not_known_and_the_service_manager_not_told(tmp_path: Path) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "nothing")})
    with no_descriptors():
        assert own_address_towards("127.0.0.1") is None
        supervisor.tell("WATCHDOG=1")


async def test_the_settings_cannot_be_read_and_that_is_what_the_peer_is_told(
    tmp_path: Path,
) -> None:
    (tmp_path / "etc" / MODELS).mkdir(parents=True)
    store(tmp_path / "etc", configuration())
    await trio.to_thread.run_sync(int)  # a worker that is there already needs no descriptor
    told: list[bytes] = []
    models = models_of(tmp_path / "etc")
    watch = SettingsWatch(tmp_path / "etc", load(tmp_path / "etc"), models, told.append)
    with no_descriptors():
        await watch.look()
        await watch.look()
    assert told == [UNREADABLE]
    await watch.look()
    assert not watch.differs
