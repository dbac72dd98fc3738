"""The end of a process of the pair: what it says is true, and it says it once it is."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from haconn.config.store import load, models_of
from haconn.core.beat import NOBODY, IntentHeard, PairRole
from haconn.core.model import Instant
from haconn.core.plan import reset_plan
from haconn.core.reset import Phase, Trying
from haconn.core.system import Reset, Status
from haconn.daemon.pair.address import AddressKeeper
from haconn.daemon.pair.ending import EXIT_AGAIN, EXIT_OK
from haconn.daemon.pair.exclusivity import LOCK, only_process
from haconn.daemon.pair.main import LOOK_AT_LOCK_S, Sole, serve_pair, watch_lock
from haconn.daemon.pair.parts import paths_of, two_of
from haconn.daemon.parts import StartError
from tests.core.one_reset import PLAIN
from tests.daemon.pair.members import AddressInMemory, two_members
from tests.wire.parts import ALPHA

STICKS_S = 0.6


async def test_an_address_that_does_not_go_is_neither_released_nor_is_a_stop_told(
    tmp_path: Path,
) -> None:
    """STOPPED is a proof as RELEASE is: the standby would take the address at once."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        active.address.sticks = True
        active.ending.order(EXIT_OK, "the test")
        await trio.sleep(STICKS_S)
        assert standby.role is PairRole.STANDBY
        assert active.address.had
        standby.kill()
        active.address.sticks = False
        await active.ended.wait()
        assert not active.address.had


async def test_an_address_that_never_goes_is_never_released(tmp_path: Path) -> None:
    """Also not once the lease should have ended: RELEASE says what the kernel has said."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        active.address.sticks = True
        active.ending.order(EXIT_OK, "the test")
        await active.ended.wait()
        await trio.sleep(STICKS_S)
        assert standby.role is PairRole.STANDBY
        active.address.sticks = False


async def test_who_has_a_record_of_the_others_stop_that_stays_does_not_say_that_it_stops(
    tmp_path: Path,
) -> None:
    """Both would have a record of the other's stop, and each could begin alone."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        standby.parts.membership.heard_of.record_stays = True
        standby.ending.order(EXIT_OK, "the test")
        await standby.ended.wait()
        await trio.sleep(STICKS_S)
        assert active.parts.record.load() is None


async def test_an_address_that_was_dropped_is_never_taken_again() -> None:
    """An activation has its turn after the process yielded, or left: that of a slow disk did."""
    address = AddressInMemory("192.0.2.1")
    keeper = AddressKeeper(address, lambda _: None)
    assert keeper.take()
    assert keeper.drop()
    with trio.move_on_after(0):
        await keeper.take_at_last()
    keeper.refresh()
    assert not address.had


async def test_the_last_word_of_a_server_that_stops_is_that_it_has_stopped(tmp_path: Path) -> None:
    """Any later one would void the record of it, and the other could not be started alone."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        standby.service.owner.mute = True
        said = standby.parts.pair.hearing.sent
        standby.service.owner.say(IntentHeard(NOBODY, 0))
        assert standby.parts.pair.hearing.sent == said
        standby.ending.order(EXIT_OK, "the test")
        await standby.ended.wait()
        assert active.parts.record.load() is not None


async def test_who_begins_does_not_claim_to_take_over_and_who_takes_over_does(
    tmp_path: Path,
) -> None:
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        assert f"becomes active, epoch 1; {standby.name}: it promised" in active.events()
        assert "takes over" not in active.events()
        standby.kill()
        active.ending.order(EXIT_OK, "the test")
        await active.ended.wait()
        assert "takes over" not in active.events(), "what comes after the end plays no role"


async def test_what_the_machine_lacks_is_one_line_and_no_internal_error(tmp_path: Path) -> None:
    async with two_members(tmp_path) as members:
        one = members.one
        one.trees.control_socket.mkdir()
        settings, models = load(one.trees.etc), models_of(one.trees.etc)
        two = two_of(settings, one.name)
        paths = paths_of(two, settings)
        with (
            trio.open_signal_receiver(signal.SIGUSR2) as signals,
            only_process(one.trees.var, paths.open) as lock,
            pytest.raises(StartError, match=r"control\.sock"),
        ):
            await serve_pair(one.trees, settings, models, two, Sole(paths, lock), signals)
        paths.close()
        log = (one.trees.log / "eventlog0").read_text(encoding="utf-8")
        assert "stopped abnormally" in log
        assert "traceback" not in log


async def test_a_process_whose_lock_is_another_file_drops_the_address_and_ends(
    tmp_path: Path,
) -> None:
    """HACONN_VAR was removed and made anew: whatever takes the new lock may strip the address."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        var = tmp_path / "locked"
        var.mkdir()
        with only_process(var) as lock:
            members.nursery.start_soon(
                watch_lock, lock, active.service, active.parts, active.ending
            )
            await trio.sleep(LOOK_AT_LOCK_S + STICKS_S)
            assert active.address.had
            (var / LOCK).unlink()
            await active.ended.wait()
        assert active.codes == [1]
        await active.until(lambda: not active.address.had)
        assert f"{var / LOCK} is another file" in active.events()
        await standby.until(lambda: standby.serves)


@pytest.mark.parametrize(("sent_ago_s", "until_s", "grace_s"), [(0.3, 0.7, 0.0), (0.1, 2.0, 0.7)])
async def test_a_reset_in_its_soft_stage_is_passed_on_in_time_for_the_next(
    sent_ago_s: float, until_s: float, grace_s: float, tmp_path: Path
) -> None:
    """The two seconds in which no stage begins were added to T-soft: 3.5 s in place of 1."""
    async with two_members(tmp_path) as members:
        active, standby = await members.in_step()
        assert active.service.activation.active is not None
        world = active.service.activation.active.parts.owner.world
        now = trio.current_time()
        plan = reset_plan(PLAIN, Instant(now - sent_ago_s), gated=False)
        soft = Trying(0, Instant(now + until_s), Phase.ISSUED, sent=frozenset({0}))
        system = world.systems[ALPHA.system]
        under_way = Reset("r-1", plan, soft, None, system.status)
        world.put_system(replace(system, status=Status.RESET, reset=under_way))
        active.ending.order(EXIT_AGAIN, "the test")
        await active.until(lambda: not active.address.had)
        assert grace_s - 0.05 < trio.current_time() - now < grace_s + 0.6
        await standby.until(lambda: standby.serves)
