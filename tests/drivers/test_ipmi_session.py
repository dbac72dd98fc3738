"""A session under stress: what leaves, what is believed, and what a caller is told."""

from collections import Counter
from types import MappingProxyType

import pytest
import trio
import trio.testing

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc
from fixtures.simulators.bmc_state import Faults
from haconn.core.model import (
    Accepted,
    Answer,
    Chassis,
    InDoubt,
    Power,
    PowerReading,
    Refused,
    Secret,
    Unsent,
)
from haconn.drivers.base import DeviceError, DeviceSilent, DeviceUnreachable
from haconn.drivers.ipmi.session import BmcAddress, Session, open_session
from tests.drivers.ipmi_lab import lab, short_lived
from tests.drivers.relay import Relay


@pytest.fixture
def bmc() -> SimulatedBmc:
    return SimulatedBmc()


@pytest.mark.parametrize("suite", [17, 3])
@pytest.mark.parametrize("command", list(Chassis))
async def test_a_command_is_one_datagram_and_one_execution(
    bmc: SimulatedBmc, command: Chassis, suite: int
) -> None:
    async with lab(bmc, suite) as here:
        before, sent = len(here.relay.sent), list[int]()
        answer = await here.session.command(command, lambda: sent.append(1))
        assert (answer, sent) == (Accepted(), [1])
        assert len(here.relay.sent) - before == 1
    assert bmc.counts.executed == {command.value: 1}


async def test_a_reading_says_what_is_true_and_when(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        before = trio.current_time()
        reading = await here.session.read_power()
        assert (reading.power, reading.session) == (Power.ON, 7)
        assert before <= reading.asked_at <= reading.answered_at <= trio.current_time()
        bmc.faults = Faults(lies=frozenset({"off"}))
        assert (await here.session.read_power()).power is Power.OFF


async def test_one_reset_is_carried_out_by_a_bmc_frozen_for_3_s(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        bmc.freeze(3.0)
        await here.order(Chassis.RESET)
        assert here.answers == [Accepted()]
        await here.session.read_power()
    assert bmc.counts.executed["reset"] == 1


async def test_late_answer_of_a_cancelled_read_is_not_the_answer_of_a_reset(
    bmc: SimulatedBmc,
) -> None:
    bmc.faults = Faults(refuse=MappingProxyType({"reset": 0xD5}))
    async with lab(bmc) as here:
        bmc.freeze(60)
        with trio.move_on_after(0.1):
            await here.session.read_power()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.order, Chassis.RESET)
            await trio.testing.wait_all_tasks_blocked()
            bmc.thaw()
        assert here.answers == [Refused("0xD5 not supported in the present state of the server")]
        assert here.session.ignored == {"answer that nobody waits for": 1}


async def test_late_answer_of_a_cancelled_reset_is_not_a_reading(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        bmc.freeze(60)
        with trio.move_on_after(0.1):
            await here.order(Chassis.RESET)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.session.read_power)
            await trio.testing.wait_all_tasks_blocked()
            bmc.thaw()
        assert here.session.ignored == {"answer that nobody waits for": 1}
    assert bmc.counts.executed["reset"] == 1


@pytest.mark.parametrize("what", ["read", "command"])
async def test_no_datagram_follows_a_cancel(bmc: SimulatedBmc, what: str) -> None:
    async with lab(bmc) as here:
        bmc.faults = Faults(silent=True)
        with trio.move_on_after(0.05):
            if what == "read":
                await here.session.read_power()
            else:
                await here.order(Chassis.RESET)
        sent = len(here.relay.sent)
        await trio.sleep(4)
        assert len(here.relay.sent) == sent


async def test_nothing_but_one_logout_follows_the_end_of_a_session(bmc: SimulatedBmc) -> None:
    async with trio.open_nursery() as nursery:
        relay = Relay(await nursery.start(serve_bmc, bmc))
        _, port = await nursery.start(relay.serve)
        address = BmcAddress("127.0.0.1", port, "admin", Secret("password"), (17,))
        with trio.move_on_after(0.5):
            async with open_session(address, 1) as session:
                bmc.faults = Faults(silent=True)
                await session.command(Chassis.NMI, lambda: None)
        sent = len(relay.sent)
        await trio.sleep(4)
        assert len(relay.sent) <= sent + 1
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_a_command_whose_scope_has_ended_is_not_sent(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        before = len(here.relay.sent)
        with trio.CancelScope() as ended:
            ended.cancel(reason="its deadline passed")
            await here.order(Chassis.RESET)
        assert ended.cancelled_caught
        await trio.sleep(0.2)
        assert len(here.relay.sent) == before


async def test_a_reset_does_not_wait_behind_a_poll(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here, trio.open_nursery() as nursery:
        bmc.freeze(60)
        nursery.start_soon(here.session.read_power)
        await trio.testing.wait_all_tasks_blocked()
        sent = trio.Event()
        nursery.start_soon(here.session.command, Chassis.RESET, sent.set)
        await trio.testing.wait_all_tasks_blocked()
        assert sent.is_set()
        bmc.thaw()


async def test_a_read_is_repeated_and_a_command_is_not(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        before = len(here.relay.sent)
        bmc.faults = Faults(silent=True)
        with pytest.raises(DeviceSilent, match=r"1\.4 s"):
            await here.session.read_power()
        assert len(here.relay.sent) - before == 3
        with trio.move_on_after(2):
            await here.order(Chassis.RESET)
        assert len(here.relay.sent) - before == 4
        assert not here.answers


async def test_a_read_survives_a_lost_datagram(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        seen = Counter[bool]()

        def lose_the_first(to_device: bool, datagram: bytes) -> list[bytes]:
            seen[to_device] += 1
            return [] if to_device and seen[True] == 1 else [datagram]

        here.relay.meddle = lose_the_first
        assert (await here.session.read_power()).power is Power.ON
    assert bmc.counts.status_reads == 1


async def test_a_changed_or_repeated_answer_is_not_believed(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:

        def change_then_repeat(to_device: bool, datagram: bytes) -> list[bytes]:
            changed = datagram[:-20] + bytes((datagram[-20] ^ 1,)) + datagram[-19:]
            return [datagram] if to_device else [changed, datagram, datagram]

        here.relay.meddle = change_then_repeat
        assert (await here.session.read_power()).power is Power.ON
        await here.order(Chassis.RESET)
        assert here.answers == [Accepted()]
        await trio.testing.wait_all_tasks_blocked()
        assert here.session.ignored["integrity check"] == 2
        assert here.session.ignored["session sequence number seen before or too old"] >= 1


async def test_a_command_delivered_twice_by_the_network_runs_once(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        here.relay.meddle = lambda _, datagram: [datagram, datagram]
        await here.order(Chassis.RESET)
        await here.session.read_power()
    assert bmc.counts.executed["reset"] == 1


async def test_a_forgotten_session_leaves_reads_silent_and_commands_in_doubt(
    bmc: SimulatedBmc,
) -> None:
    answers: list[Answer] = []

    async def order(session: Session) -> None:
        answers.append(await session.command(Chassis.RESET, lambda: None))

    async with trio.open_nursery() as nursery, lab(bmc) as here:
        bmc.forget_sessions()
        nursery.start_soon(order, here.session)
        with pytest.raises(DeviceSilent):
            await here.session.read_power()
        assert not answers
    assert answers == [InDoubt("the session was closed while it waited")]
    assert bmc.counts.executed.total() == 0


async def test_closing_ends_a_read_that_waits(bmc: SimulatedBmc) -> None:
    failures: list[DeviceError] = []

    async def read(session: Session) -> None:
        with pytest.raises(DeviceSilent, match="closed") as caught:
            await session.read_power()
        failures.append(caught.value)

    async with trio.open_nursery() as nursery, lab(bmc) as here:
        bmc.faults = Faults(silent=True)
        nursery.start_soon(read, here.session)
        await trio.testing.wait_all_tasks_blocked()
    assert len(failures) == 1


async def test_a_closed_port_leaves_a_sent_command_in_doubt(bmc: SimulatedBmc) -> None:
    async with short_lived(bmc) as (session, closing):
        closing.cancel(reason="the BMC restarts")
        await trio.testing.wait_all_tasks_blocked()
        answer = await session.command(Chassis.RESET, lambda: None)
        assert answer == InDoubt("Connection refused")
        with pytest.raises(DeviceUnreachable):
            await session.read_power()
    assert bmc.counts.executed.total() == 0


async def test_a_command_the_kernel_did_not_take_is_unsent(bmc: SimulatedBmc) -> None:
    """The second send meets the ICMP error of the first, and the kernel sends nothing."""
    answers: list[Answer] = []
    sent: list[str] = []

    async def order(session: Session, name: str) -> None:
        answers.append(await session.command(Chassis.RESET, lambda: sent.append(name)))

    async with short_lived(bmc) as (session, closing):
        closing.cancel(reason="the BMC restarts")
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(order, session, "one")
            nursery.start_soon(order, session, "two")
    assert {type(answer) for answer in answers} == {InDoubt, Unsent}
    assert len(sent) == 1


async def test_a_closed_session_sends_nothing(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        pass
    assert await here.session.command(Chassis.RESET, lambda: None) == Unsent(
        "the session is closed"
    )
    with pytest.raises(DeviceSilent, match="closed"):
        await here.session.read_power()
    assert bmc.counts.executed.total() == 0


async def test_unanswered_polls_leave_numbers_for_commands(bmc: SimulatedBmc) -> None:
    async with lab(bmc) as here:
        bmc.faults = Faults(silent=True)
        for _ in range(56):
            with trio.move_on_after(0.001):
                await here.session.read_power()
        with pytest.raises(DeviceSilent, match="unanswered"):
            await here.session.read_power()
        before = len(here.relay.sent)
        for _ in range(8):
            with trio.move_on_after(0.001):
                await here.order(Chassis.RESET)
        await here.delivered(before + 8)
        await here.order(Chassis.RESET)
        assert here.answers == [Unsent("too many requests of this session stayed unanswered")]


async def test_an_exception_of_the_block_leaves_bare(bmc: SimulatedBmc) -> None:
    with pytest.RaisesGroup(LookupError):  # the nursery of the lab wraps it, the session does not
        async with lab(bmc):
            raise LookupError
    async with trio.open_nursery() as nursery:
        _, port = await nursery.start(serve_bmc, bmc)
        address = BmcAddress("127.0.0.1", port, "admin", Secret("password"), (17,))
        with pytest.raises(LookupError):
            async with open_session(address, 1):
                raise LookupError
        nursery.cancel_scope.cancel(reason="the test is over")
    assert bmc.counts.logouts == 2


async def test_reads_of_many_tasks_are_not_mixed_up(bmc: SimulatedBmc) -> None:
    readings: list[PowerReading] = []

    async def poll(session: Session) -> None:
        for _ in range(20):
            readings.append(await session.read_power())
            assert len(await session.system_guid()) == 16
            assert len(await session.device_id()) == 15

    async with lab(bmc) as here:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(poll, here.session)
        assert not here.session.ignored
    assert len(readings) == bmc.counts.status_reads == 200
