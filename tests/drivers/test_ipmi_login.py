"""Logging in: what is believed, what is refused, and in which words."""

import struct
from collections import Counter
from contextlib import suppress

import pytest
import trio
import trio.testing

from fixtures.simulators.bmc import SimulatedBmc, serve_bmc
from fixtures.simulators.bmc_state import Faults, Identity
from haconn.core.model import Power, Secret
from haconn.drivers.answer_times import LONGEST_TIMEOUT_S
from haconn.drivers.base import DeviceSilent, DeviceUnreachable, LoginRefused
from haconn.drivers.ipmi.login import BmcTimes
from haconn.drivers.ipmi.session import BmcAddress, open_session, ping
from tests.drivers.relay import Relay

OPEN_REQUEST, OPEN_RESPONSE, RAKP_1, RAKP_2, RAKP_3, RAKP_4 = range(0x10, 0x16)
Suites = tuple[int, ...]


def at(port: int, suites: Suites = (17, 3), account: str = "admin") -> BmcAddress:
    return BmcAddress("127.0.0.1", port, account, Secret("password"), suites)


async def suite_in_use(bmc: BmcAddress) -> int:
    """Log in, read once, and tell the suite."""
    async with open_session(bmc, 1) as session:
        assert (await session.read_power()).power is Power.ON
        return session.suite


async def refusal(bmc: BmcAddress) -> str:
    """Give the sentence of a login that must be refused."""
    with pytest.raises(LoginRefused) as caught:
        await suite_in_use(bmc)
    return str(caught.value)


def kind(datagram: bytes) -> int | None:
    """Give the payload type of a login message, None for anything else."""
    return datagram[5] if datagram[4] == 6 and OPEN_REQUEST <= datagram[5] <= RAKP_4 else None


def offered(datagrams: list[bytes]) -> set[tuple[int, int, int]]:
    """Give the algorithms of every Open Session Request."""
    return {(d[16 + 12], d[16 + 20], d[16 + 28]) for d in datagrams if kind(d) == OPEN_REQUEST}


@pytest.mark.parametrize("suite", [17, 3])
async def test_each_suite_logs_in_alone(suite: int, nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc(Identity(suites=(suite,)))
    _, port = await nursery.start(serve_bmc, bmc)
    assert await suite_in_use(at(port, (suite,))) == suite
    assert (bmc.counts.logins, bmc.counts.dropped) == (1, 0)


async def test_a_login_takes_six_datagrams_and_a_logout_one(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    _, port = await nursery.start(serve_bmc, bmc)
    async with open_session(at(port), 1):
        assert bmc.counts.datagrams == 5  # capabilities, open, RAKP 1, RAKP 3, privilege
    while bmc.counts.datagrams < 6:
        await trio.testing.wait_all_tasks_blocked()
    assert bmc.counts.logouts == 1


async def test_auto_takes_17_first_and_3_if_17_is_not_offered(nursery: trio.Nursery) -> None:
    for suites, expected in (((17, 3), 17), ((3,), 3)):
        _, port = await nursery.start(serve_bmc, SimulatedBmc(Identity(suites=suites)))
        assert await suite_in_use(at(port)) == expected


async def test_suite_0_is_never_offered_nor_accepted(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    relay = Relay(await nursery.start(serve_bmc, bmc))
    _, port = await nursery.start(relay.serve)
    bmc.faults = Faults(login="no-suite")
    await refusal(at(port))
    assert offered(relay.sent) == {(3, 4, 1), (1, 1, 1)}

    def without_any_protection(to_device: bool, datagram: bytes) -> list[bytes]:
        if to_device or kind(datagram) != OPEN_RESPONSE:
            return [datagram]
        changed = bytearray(datagram)
        changed[16 + 16] = changed[16 + 24] = changed[16 + 32] = 0
        return [bytes(changed)]

    bmc.faults = Faults()
    relay.meddle = without_any_protection
    assert "asked for cipher suite 17, the BMC answered with algorithms" in await refusal(at(port))
    assert bmc.counts.logins == 0


async def test_a_bmc_without_ipmi_2_0_is_named_as_such(nursery: trio.Nursery) -> None:
    relay = Relay(await nursery.start(serve_bmc, SimulatedBmc()))
    _, port = await nursery.start(relay.serve)

    def only_1_5(to_device: bool, datagram: bytes) -> list[bytes]:
        if to_device or datagram[4] != 0:
            return [datagram]
        changed = bytearray(datagram)
        extended = 14 + 7 + 3  # envelope, head of the answer, fourth byte of its data
        changed[extended] -= 1  # RMCP+ only becomes IPMI 1.5 only
        changed[-1] += 1  # and the checksum stays right
        return [bytes(changed)]

    relay.meddle = only_1_5
    assert "does not offer IPMI 2.0" in await refusal(at(port))


@pytest.mark.parametrize("suites", [(0,), (17, 0), (), (1,), (2, 3)])
def test_an_address_with_another_suite_cannot_be_made(suites: Suites) -> None:
    with pytest.raises(ValueError, match="17 and 3"):
        at(623, suites)


def test_an_address_shows_no_password_and_takes_no_name() -> None:
    assert "password'" not in repr(at(623)).replace("Secret", "")
    with pytest.raises(ValueError, match=r"bmc\.example"):
        BmcAddress("bmc.example", 623, "admin", Secret("password"), (17,))


async def test_a_downgrade_is_refused_unless_the_suite_is_allowed(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    bmc.faults = Faults(login="downgrade")
    _, port = await nursery.start(serve_bmc, bmc)
    sentence = await refusal(at(port, (17,)))
    assert sentence == "asked for cipher suite 17, the BMC answered with suite 3"
    assert bmc.counts.logins == 0
    assert await suite_in_use(at(port, (17, 3))) == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("wrong-password", "wrong password"),
        ("forged-rakp-2", "the code of RAKP 2 does not match"),
        ("forged-rakp-4", "the check value of RAKP 4 does not match"),
        ("no-session", "no free session"),
        ("no-suite", r"suite 17: .* \(status 0x11\); cipher suite 3: .* \(status 0x11\)"),
        ("operator-only", "0x81 administrator exceeds the limit"),
    ],
)
async def test_each_refusal_has_its_sentence(fault: str, words: str, nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    bmc.faults = Faults(login=fault)
    _, port = await nursery.start(serve_bmc, bmc)
    with pytest.raises(LoginRefused, match=words):
        await suite_in_use(at(port))


async def test_an_unknown_account_is_named_as_such(nursery: trio.Nursery) -> None:
    _, port = await nursery.start(serve_bmc, SimulatedBmc())
    assert "does not know this account" in await refusal(at(port, account="nobody"))


async def test_too_long_a_name_is_refused_before_anything_is_sent() -> None:
    assert "16 bytes" in await refusal(at(1, account="a" * 17))


async def test_after_a_wrong_password_the_bmc_frees_the_slot(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc(Identity(slots=1))
    _, port = await nursery.start(serve_bmc, bmc)
    bmc.faults = Faults(login="wrong-password")
    await refusal(at(port))
    bmc.faults = Faults()
    assert await suite_in_use(at(port)) == 17


async def test_a_silent_bmc_is_silent_and_a_closed_port_unreachable(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    bmc.faults = Faults(silent=True)
    closing = trio.CancelScope()

    async def serve(task_status: trio.TaskStatus[tuple[str, int]]) -> None:
        with closing:
            await serve_bmc(bmc, task_status=task_status)

    _, port = await nursery.start(serve)
    with pytest.raises(DeviceSilent):
        await suite_in_use(at(port))
    assert bmc.counts.datagrams == 3  # the first message of a login, at 0, 0.25 and 0.75 s
    assert not await ping("127.0.0.1", port)
    closing.cancel(reason="the port closes")
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(DeviceUnreachable):
        await suite_in_use(at(port))
    assert not await ping("127.0.0.1", port)


async def test_ping_asks_one_datagram_and_leaves_no_session(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    _, port = await nursery.start(serve_bmc, bmc)
    assert await ping("127.0.0.1", port)
    assert (bmc.counts.datagrams, bmc.counts.logins) == (1, 0)


@pytest.mark.parametrize("lost", range(OPEN_REQUEST, RAKP_4 + 1))
async def test_a_lost_login_message_is_repeated(lost: int, nursery: trio.Nursery) -> None:
    relay = Relay(await nursery.start(serve_bmc, SimulatedBmc()))
    _, port = await nursery.start(relay.serve)
    seen = Counter[int | None]()

    def lose_the_first(_: bool, datagram: bytes) -> list[bytes]:
        seen[kind(datagram)] += 1
        return [] if kind(datagram) == lost and seen[lost] == 1 else [datagram]

    relay.meddle = lose_the_first
    assert await suite_in_use(at(port)) == 17


async def test_every_message_twice_still_makes_one_login(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    relay = Relay(await nursery.start(serve_bmc, bmc))
    _, port = await nursery.start(relay.serve)
    relay.meddle = lambda _, datagram: [datagram, datagram]
    async with open_session(at(port), 1) as session:
        assert (await session.read_power()).power is Power.ON
        assert session.ignored.total() >= 5
    assert bmc.counts.logins == 1


async def test_a_refusal_after_a_repetition_is_tried_once_more(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    relay = Relay(await nursery.start(serve_bmc, bmc))
    _, port = await nursery.start(relay.serve)
    seen = Counter[int | None]()

    def replace_the_session(to_device: bool, datagram: bytes) -> list[bytes]:
        """Lose the first answer; the BMC then keeps only the session of the repetition."""
        seen[kind(datagram)] += 1
        if kind(datagram) == OPEN_RESPONSE and seen[OPEN_RESPONSE] == 1:
            return []
        if kind(datagram) == RAKP_2 and seen[RAKP_2] == 1:
            tag, console = datagram[16], datagram[20:24]
            body = struct.pack("<BBxx4s", tag, 0x02, console)
            return [datagram[:14] + struct.pack("<H", len(body)) + body]
        return [datagram]

    relay.meddle = replace_the_session
    assert await suite_in_use(at(port)) == 17


@pytest.mark.parametrize("stage", range(9))
async def test_a_login_cancelled_anywhere_sends_nothing_more(
    stage: int, nursery: trio.Nursery
) -> None:
    """Cancel when the nth datagram, of either direction, passes."""
    bmc = SimulatedBmc()
    relay = Relay(await nursery.start(serve_bmc, bmc))
    _, port = await nursery.start(relay.serve)
    passed, sent_then = 0, 0
    with trio.CancelScope() as scope:

        def cancel_at_stage(_: bool, datagram: bytes) -> list[bytes]:
            nonlocal passed, sent_then
            if passed == stage:
                scope.cancel(reason="the stage is reached")
                sent_then = len(relay.sent)
            passed += 1
            return [datagram]

        relay.meddle = cancel_at_stage
        await suite_in_use(at(port))
    assert scope.cancelled_caught
    await trio.sleep(0.7)  # longer than the first repetition
    opened = stage >= 4  # then one datagram may follow: the session, half open or whole, is ended
    assert len(relay.sent) - sent_then <= opened
    # an id that is still on its way cannot be given back
    assert bmc.protocol.slots_taken == (stage in {2, 3})


async def test_a_bmc_that_is_far_away_keeps_no_half_open_session(nursery: trio.Nursery) -> None:
    """At 0.7 s there and back the first Open Session is repeated, and opens a second session."""
    bmc = SimulatedBmc(Identity(slots=4))
    relay = Relay(await nursery.start(serve_bmc, bmc))
    relay.delay_s = 0.35
    _, port = await nursery.start(relay.serve)
    for _ in range(2):
        async with open_session(at(port), 1, BmcTimes()) as session:
            await session.read_power()
            assert bmc.protocol.slots_taken == 1
        await trio.sleep(1)
        assert bmc.protocol.slots_taken == 0


async def test_a_bmc_that_was_measured_is_asked_once_for_a_session(nursery: trio.Nursery) -> None:
    bmc, times = SimulatedBmc(), BmcTimes()
    relay = Relay(await nursery.start(serve_bmc, bmc))
    relay.delay_s = 0.35
    _, port = await nursery.start(relay.serve)
    for first in (True, False):
        before = len(relay.sent)
        async with open_session(at(port), 1, times) as session:
            await session.read_power()
        kinds = Counter(kind(datagram) for datagram in relay.sent[before:])
        assert first or kinds[OPEN_REQUEST] == 1


async def test_a_bmc_of_a_second_per_datagram_is_logged_in_to(nursery: trio.Nursery) -> None:
    """One datagram after the other: repetitions would pile up, and no answer would be in time."""
    bmc = SimulatedBmc()
    bmc.faults = Faults(delay_s=1.0)
    _, port = await nursery.start(serve_bmc, bmc)
    with trio.fail_after(12):
        async with open_session(at(port), 1) as session:
            began = trio.current_time()
            reading = await session.read_power()
            assert trio.current_time() - began < 1.5, "nothing was piled up before it"
            assert 1.0 < reading.timeout_s <= LONGEST_TIMEOUT_S
    assert bmc.counts.logins == 1


async def test_a_bmc_that_is_silent_to_suite_17_gets_suite_3(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    bmc.faults = Faults(login="silent-17")
    _, port = await nursery.start(serve_bmc, bmc)
    assert await suite_in_use(at(port, suites=(17, 3))) == 3
    with pytest.raises(DeviceSilent, match="cipher suite 17: no answer within"):
        await suite_in_use(at(port, suites=(17,)))


@pytest.mark.parametrize("deaf_from", [RAKP_2, RAKP_4])
async def test_a_login_that_is_given_up_gives_its_session_back(
    deaf_from: int, nursery: trio.Nursery
) -> None:
    bmc = SimulatedBmc(Identity(slots=1))
    relay = Relay(await nursery.start(serve_bmc, bmc))
    _, port = await nursery.start(relay.serve)
    relay.meddle = lambda _, datagram: [] if kind(datagram) == deaf_from else [datagram]
    with pytest.raises(DeviceSilent):
        await suite_in_use(at(port))
    await trio.sleep(0.1)
    assert bmc.protocol.slots_taken == 0


async def test_a_slow_bmc_is_logged_in_to(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    bmc.faults = Faults(delay_s=0.3)  # longer than the first repetition of a read
    _, port = await nursery.start(serve_bmc, bmc)
    assert await suite_in_use(at(port)) == 17


async def test_a_lossy_network_gives_a_session_in_the_end(nursery: trio.Nursery) -> None:
    bmc = SimulatedBmc()
    bmc.faults = Faults(drop=0.1)
    _, port = await nursery.start(serve_bmc, bmc)
    with trio.fail_after(60):
        while True:
            with suppress(DeviceSilent, LoginRefused):
                assert await suite_in_use(at(port)) == 17
                return


async def test_thirty_two_bmcs_are_logged_in_to_at_once(nursery: trio.Nursery) -> None:
    bmcs = [SimulatedBmc() for _ in range(32)]
    async with trio.open_nursery() as logins:
        for bmc in bmcs:
            _, port = await nursery.start(serve_bmc, bmc)
            logins.start_soon(suite_in_use, at(port))
    assert [bmc.counts.logins for bmc in bmcs] == [1] * 32
