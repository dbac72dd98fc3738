"""The simulated monitor and dump agent, over real sockets."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from fixtures.simulators import dump_agent
from fixtures.simulators.monitor import Monitor
from haconn.wire import kdump
from haconn.wire.client_events import CheckAnswered, CheckUnanswered, SessionUp
from haconn.wire.codes import Doubt, NoticeState, Status, Verdict
from haconn.wire.events import (
    NoticeAcknowledged,
    Registered,
    ResetRequested,
    ResultAcknowledged,
    SessionBegun,
    StopNotice,
)
from haconn.wire.keys import format_key_line
from haconn.wire.ticket import ticket_for
from tests.wire.parts import (
    ALPHA,
    ALPHA_SYSTEM,
    BETA,
    BETA_SYSTEM,
    BOOT,
    NEXT_BOOT,
    NOBODY,
    own_host,
)
from tests.wire.small_server import SmallServer

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 60


@pytest.fixture
async def server(nursery: trio.Nursery) -> SmallServer:
    small = SmallServer()
    await nursery.start(small.run)
    return small


@pytest.fixture
async def monitor(nursery: trio.Nursery, server: SmallServer) -> Monitor:
    here = Monitor(ALPHA, server.place, host=own_host(51), boot_id=BOOT)
    await nursery.start(here.run)
    with trio.fail_after(PATIENCE_S):
        await here.registered()
    return here


@pytest.mark.parametrize("uuid", ["4c4c4544-004d-3510-805a-c7c04f4e3332", None])
async def test_monitor_tells_its_machine_or_does_without(
    nursery: trio.Nursery, server: SmallServer, uuid: str | None
) -> None:
    here = Monitor(ALPHA, server.place, host=own_host(52), boot_id=BOOT, uuid=uuid)
    await nursery.start(here.run)
    with trio.fail_after(PATIENCE_S):
        await here.registered()
    kinds = (SessionBegun, Registered)
    assert [one.by.uuid for one in server.heard if isinstance(one, kinds)] == [uuid, uuid]


async def test_monitor_registers_where_it_hears(server: SmallServer, monitor: Monitor) -> None:
    assert server.homes == {ALPHA_SYSTEM: (own_host(51), ALPHA.port)}
    assert [type(event) for event in server.heard] == [SessionBegun, Registered]


async def test_monitor_asks_for_a_reset_and_hears_the_result(
    server: SmallServer, monitor: Monitor
) -> None:
    with trio.fail_after(PATIENCE_S):
        heard = await monitor.request_reset(BETA_SYSTEM)
    assert (heard.result.verdict, heard.result.target) == (Verdict.DUMP, BETA_SYSTEM)
    await server.until(ResultAcknowledged)


async def test_two_monitors_of_a_port_have_an_address_each(
    server: SmallServer, monitor: Monitor, nursery: trio.Nursery
) -> None:
    other = Monitor(BETA, server.place, host=own_host(52))
    await nursery.start(other.run)
    with trio.fail_after(PATIENCE_S):
        await other.registered()
        assert (await other.request_reset(ALPHA_SYSTEM)).result.verdict is Verdict.DUMP


async def test_monitor_checks(server: SmallServer, monitor: Monitor) -> None:
    with trio.fail_after(PATIENCE_S):
        answer = await monitor.check([BETA_SYSTEM, NOBODY])
    assert isinstance(answer, CheckAnswered)
    assert [one.doubt for one in answer.checkups] == [Doubt.NONE, Doubt.UNKNOWN]


async def test_broken_path_is_an_unanswered_check(server: SmallServer, monitor: Monitor) -> None:
    server.deaf = 1000
    with trio.fail_after(PATIENCE_S):
        assert isinstance(await monitor.check([BETA_SYSTEM]), CheckUnanswered)


async def test_monitor_records_notices_with_their_time(
    server: SmallServer, monitor: Monitor
) -> None:
    before = trio.current_time()
    for serial in (1, 1, 2):
        await server.notify(ALPHA_SYSTEM, BETA_SYSTEM, serial)
    await server.until(NoticeAcknowledged, 3)
    assert [notice.serial for _, notice in monitor.notices] == [1, 2]
    assert all(notice.state is NoticeState.REBOOT for _, notice in monitor.notices)
    assert all(before <= at <= trio.current_time() for at, _ in monitor.notices)


async def test_monitor_follows_a_challenge_to_the_new_active(
    server: SmallServer, monitor: Monitor
) -> None:
    server.restart()
    await server.challenge(ALPHA_SYSTEM)
    await server.until(Registered, 2)
    epochs = [event.epoch for _, event in monitor.events if isinstance(event, SessionUp)]
    assert epochs == [5, 6]


async def test_new_boot_is_a_new_session(server: SmallServer, monitor: Monitor) -> None:
    monitor.boot(NEXT_BOOT)
    await server.until(Registered, 2)
    begun = [event.boot_id for event in server.heard if isinstance(event, SessionBegun)]
    assert begun == [BOOT, NEXT_BOOT]


async def test_cancelled_request_is_given_up(server: SmallServer, monitor: Monitor) -> None:
    server.deaf = 1
    with trio.move_on_after(0.05):
        await monitor.request_reset(BETA_SYSTEM)
    await server.until(SessionBegun, 2)
    with trio.fail_after(PATIENCE_S):
        await monitor.check([BETA_SYSTEM])
    assert not any(isinstance(event, ResetRequested) for event in server.heard)


async def test_monitor_says_farewell(server: SmallServer, monitor: Monitor) -> None:
    with trio.fail_after(PATIENCE_S):
        assert (await monitor.dump_notify()).status is Status.DONE
        assert (await monitor.bye()).status is Status.DONE


async def test_dump_agent_needs_no_session(server: SmallServer, monitor: Monitor) -> None:
    ticket = ticket_for(ALPHA, BOOT)
    await dump_agent.dump_notify(
        ALPHA.key_id, ticket, BOOT, server.place, host=own_host(51), times=3, every_s=0.01
    )
    await server.until(StopNotice, 3)
    first = [event.first for event in server.heard if isinstance(event, StopNotice)]
    assert first == [True, False, False]


@pytest.mark.parametrize("order", kdump.ByteOrder)
async def test_fence_kdump_comes_in_either_byte_order(order: kdump.ByteOrder) -> None:
    with trio.socket.socket(trio.socket.AF_INET, trio.socket.SOCK_DGRAM) as socket:
        await socket.bind(("127.0.0.1", 0))
        place = socket.getsockname()
        await dump_agent.fence_kdump((place[0], place[1]), order=order, times=1)
        with trio.fail_after(PATIENCE_S):
            assert kdump.parse(await socket.recv(100)) is order


async def by_hand(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"fixtures.simulators.{module}", *arguments]
    run = partial(
        subprocess.run,
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=PATIENCE_S,
    )
    return await trio.to_thread.run_sync(run)


def identity(server: SmallServer, tmp_path: Path) -> list[str]:
    key_file = tmp_path / "alpha.key"
    key_file.write_text(format_key_line(ALPHA) + "\n", encoding="ascii")
    return ["--server", "{}:{}".format(*server.place), "--key-file", str(key_file)]


async def test_monitor_by_hand_prints_json_and_ends_well_on_a_good_result(
    server: SmallServer, tmp_path: Path
) -> None:
    who = ["--name", "server1", "--system", "30001/1", "--host", own_host(53)]
    common = [*identity(server, tmp_path), *who, "--once"]
    done = await by_hand("monitor", *common, "--json", "reset", "30001/2")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["event"] for one in said] == [
        "SessionUp",
        "RegisterAnswered",
        "RequestAcknowledged",
        "ResultHeard",
    ]
    assert said[-1]["result"]["verdict"] == "DUMP"
    assert done.returncode == 0
    refused = await by_hand("monitor", *common, "reset", "30001/1")
    assert refused.returncode == 1
    assert "verdict=ERROR" in refused.stdout


async def test_dump_agent_by_hand(server: SmallServer, tmp_path: Path) -> None:
    common = identity(server, tmp_path)
    done = await by_hand("dump_agent", *common, "--boot-id", BOOT, "--times", "1")
    assert done.returncode == 0
    await server.until(StopNotice)
    missing = await by_hand("dump_agent", *common[:2])
    assert missing.returncode == 2
