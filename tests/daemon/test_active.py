"""What an active runs: its beginning, what it waits for at its end, and what it leaves open."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import trio

from haconn.config.paths import Paths
from haconn.core.events import Registered, Requested, SessionOpened
from haconn.core.model import Instant
from haconn.daemon.active import Active
from haconn.daemon.chronicle import Chronicle
from haconn.daemon.journal import NAME
from haconn.daemon.parts import build, open_journal, own_heritage
from tests.daemon.parts import A, B, descriptors
from tests.daemon.process import MASTER, configuration
from tests.daemon.test_owner import BOOT_A, BOOT_B, REQUEST, speaker
from tests.drivers.ipmi_peers import free_port
from tests.drivers.pdu_bench import MODELS

PATIENCE_S = 20.0


def made(base: Path) -> Active:
    """An active of a single server that has two systems; nothing runs yet."""
    for tree in ("etc", "var", "run", "log"):
        (base / tree).mkdir(exist_ok=True)
    trees = Paths(*(base / tree for tree in ("etc", "var", "run", "log")))
    one = configuration(free_port())
    servers = (one.pservers[0], replace(one.pservers[0], name="beta", feeds=(), ipdusd=False))
    keys = (one.keys[0], replace(one.keys[0], id=2, server="beta", number=2))
    wanted = replace(one, pservers=servers, keys=keys)
    heritage, mailbox = own_heritage(trees, wanted, MODELS, Chronicle(trees.log, "en"))
    active = Active(build(trees, wanted, heritage, mailbox))
    open_journal(active.parts, trees.var)
    return active


@asynccontextmanager
async def running(base: Path) -> AsyncIterator[Active]:
    active = made(base)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(active.run)
            yield active
            nursery.cancel_scope.cancel(reason="the test has ended")
    finally:
        active.close()
        active.parts.chronicle._syslog.close()
        gc.unfreeze()


def ask(active: Active) -> None:
    """Alpha registers, and asks for the reset of beta."""
    take = active.parts.owner.take
    take(SessionOpened("beta", 1))
    for key, boot_id in ((A, BOOT_A), (B, BOOT_B)):
        take(Registered(speaker(key, boot_id), "192.0.2.1", 30001))
    take(Requested(speaker(A, BOOT_A), REQUEST, B))


async def test_without_a_reset_it_has_settled(tmp_path: Path) -> None:
    async with running(tmp_path) as active:
        with trio.fail_after(PATIENCE_S):
            await active.settled()


async def test_it_settles_when_the_last_reset_has_ended(tmp_path: Path) -> None:
    async with running(tmp_path) as active:
        ask(active)
        world = active.parts.owner.world
        assert world.systems[B].reset is not None
        with trio.move_on_after(0.2) as scope:
            await active.settled()
        assert scope.cancelled_caught
        world.put_system(replace(world.systems[B], reset=None))
        active.parts.owner.take(SessionOpened("beta", 2))
        with trio.fail_after(PATIENCE_S):
            await active.settled()


async def test_it_is_never_late_while_nothing_is_due(tmp_path: Path) -> None:
    async with running(tmp_path) as active:
        assert active.lateness() <= 0
        ask(active)
        assert active.lateness() < PATIENCE_S


async def test_it_leaves_no_file_open_and_its_journal_behind(tmp_path: Path) -> None:
    async with running(tmp_path) as active:
        ask(active)
    before = descriptors()
    async with running(tmp_path) as active:
        assert active.parts.found.systems[B].reset is not None
    assert descriptors() == before
    text = (tmp_path / "var" / NAME).read_text()
    assert REQUEST in text
    assert MASTER not in text


async def test_what_was_found_is_taken_up_before_anything_else_is_heard(tmp_path: Path) -> None:
    async with running(tmp_path) as active:
        ask(active)
        operation = active.parts.owner.world.asked[A, REQUEST].operation
    async with running(tmp_path) as active:
        again = active.parts.owner.world.asked[A, REQUEST]
        assert again.operation == operation
        assert again.at <= Instant(trio.current_time())
        active.parts.chronicle.write_now()
        log = (tmp_path / "log" / "eventlog0").read_text()
        assert f"{operation}: taken up at" in log
